/*-------------------------------------------------------------------------
 *
 * row_fetch.c
 *	  Reading one row by a unique index, without a statement.
 *
 * A kept plan still has to be started and ended by the executor, which costs
 * ten times the lookup itself. The door looks up two rows for each scan, so it
 * goes to the index directly. Only for reading: what is written goes through
 * statements, with the tables' constraints and triggers.
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
 * Read the row with this key as it is now, whatever the isolation level, with
 * what the transaction itself has changed by statements before; false when
 * there is none.
 */
bool
fetch_row(const RowFetch *fetch, Datum key, FetchedRow *row)
{
	Oid			schema = get_namespace_oid("evently", false);
	Relation	table = table_open(get_relname_relid(fetch->table, schema), AccessShareLock);
	Relation	index = index_open(get_relname_relid(fetch->index, schema), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData scan_key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyEntryInitialize(&scan_key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0], fetch->equals, key);
	scan = ev_index_beginscan(table, index, snapshot, 1);
	index_rescan(scan, &scan_key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		copy_columns(fetch, slot, row);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return found;
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
