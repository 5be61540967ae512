/*-------------------------------------------------------------------------
 *
 * row_fetch.h
 *	  Reading rows by an index, without a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_ROW_FETCH_H
#define EVENTLY_ROW_FETCH_H

#include "postgres.h"

#include "access/skey.h"
#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/snapshot.h"

#define EV_MAX_FETCHED 16

/*
 * What to read: the index's first column must be unique among its rows. Static:
 * what is learnt of it is kept by its address.
 */
typedef struct RowFetch
{
	const char *table;
	const char *index;
	RegProcedure equals;		/* of the index's first column, such as F_INT8EQ */
	const char *columns[EV_MAX_FETCHED];	/* to the first NULL */
} RowFetch;

/* The row, numbered as the columns; by-reference values are copies. */
typedef struct FetchedRow
{
	Datum		values[EV_MAX_FETCHED];
	bool		nulls[EV_MAX_FETCHED];
} FetchedRow;

/* Told of each row; false to hear no more. */
typedef bool (*RowHeard) (TupleTableSlot *row, void *arg);

extern void scan_rows(const char *table, const char *index, ScanKey keys, int nkeys,
					  Snapshot snapshot, RowHeard heard, void *arg);
extern bool fetch_row(const RowFetch *fetch, Datum key, FetchedRow *row);

extern char *fetched_text(const FetchedRow *row, int n);
extern int64 fetched_int64(const FetchedRow *row, int n);
extern TimestampTz fetched_timestamp(const FetchedRow *row, int n);

#endif							/* EVENTLY_ROW_FETCH_H */
