/*-------------------------------------------------------------------------
 *
 * row_insert.h
 *	  Inserting one row without a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_ROW_INSERT_H
#define EVENTLY_ROW_INSERT_H

#include "postgres.h"

#define EV_MAX_INSERTED 16

/*
 * Where rows go. All columns that have a default must be given; others that are
 * not given become null. Static: what it takes to insert is kept in "state".
 */
typedef struct RowInsert
{
	const char *table;
	const char *columns[EV_MAX_INSERTED];	/* to the first NULL */
	struct InsertState *state;
} RowInsert;

extern void insert_row(RowInsert *into, const Datum *values, const char *nulls, Datum *row);

#endif							/* EVENTLY_ROW_INSERT_H */
