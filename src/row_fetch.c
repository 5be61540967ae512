/*-------------------------------------------------------------------------
 *
 * row_fetch.c
 *	  Reading rows by an index, without a statement.
 *
 * A kept plan still has to be started and ended by the executor, which costs
 * ten times the lookup itself. The door looks up two rows for each scan, a
 * reservation two for its terms, and a refusal goes through a tier's shards.
 *
 *-------------------------------------------------------------------------
 */
#include "row_fetch.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

static void
copy_columns(const RowFetch *fetch, TupleTableSlot *slot, FetchedRow *row)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	for (int i = 0; i < EV_MAX_FETCHED && fetch->columns[i] != NULL; i++)
	{
		int			column = SPI_fnumber(desc, fetch->columns[i]);
		Form_pg_attribute attribute;

		if (column <= 0)
			elog(ERROR, "table \"%s\" has no column \"%s\"", fetch->table, fetch->columns[i]);
		attribute = TupleDescAttr(desc, column - 1);
		row->values[i] = slot_getattr(slot, column, &row->nulls[i]);
		if (!row->nulls[i] && !attribute->attbyval)
			row->values[i] = datumCopy(row->values[i], false, attribute->attlen);
	}
}

/*
 * Tell of the rows that a search of a table's index finds by a snapshot, in the
 * index's order. Keys name the index's columns.
 */
void
scan_rows(const char *table_name, const char *index_name, ScanKey keys, int nkeys,
		  Snapshot snapshot, RowHeard heard, void *arg)
{
	Oid			schema = get_namespace_oid("evently", false);
	Relation	table = table_open(get_relname_relid(table_name, schema), AccessShareLock);
	Relation	index = index_open(get_relname_relid(index_name, schema), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan = ev_index_beginscan(table, index, snapshot, nkeys);

	for (int i = 0; i < nkeys; i++)
		keys[i].sk_collation = index->rd_indcollation[keys[i].sk_attno - 1];
	index_rescan(scan, keys, nkeys, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot) && heard(slot, arg))
		CHECK_FOR_INTERRUPTS();
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
}

typedef struct Fetching
{
	const RowFetch *fetch;
	FetchedRow *row;
	bool		found;
} Fetching;

static bool
keep_row(TupleTableSlot *slot, void *arg)
{
	Fetching   *fetching = arg;

	copy_columns(fetching->fetch, slot, fetching->row);
	fetching->found = true;
	return false;
}

/*
 * Read the row with this key as it is now, whatever the isolation level, with
 * what the transaction itself has changed by statements before; false when
 * there is none.
 */
bool
fetch_row(const RowFetch *fetch, Datum key, FetchedRow *row)
{
	Fetching	fetching = {.fetch = fetch, .row = row};
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData scan_key;

	ScanKeyEntryInitialize(&scan_key, 0, 1, BTEqualStrategyNumber, InvalidOid, InvalidOid,
						   fetch->equals, key);
	scan_rows(fetch->table, fetch->index, &scan_key, 1, snapshot, keep_row, &fetching);
	UnregisterSnapshot(snapshot);
	return fetching.found;
}

/* NULL for null. */
char *
fetched_text(const FetchedRow *row, int n)
{
	return row->nulls[n] ? NULL : TextDatumGetCString(row->values[n]);
}

/* 0 for null. */
int64
fetched_int64(const FetchedRow *row, int n)
{
	return row->nulls[n] ? 0 : DatumGetInt64(row->values[n]);
}

/* 0 for null. */
TimestampTz
fetched_timestamp(const FetchedRow *row, int n)
{
	return row->nulls[n] ? 0 : DatumGetTimestampTz(row->values[n]);
}
