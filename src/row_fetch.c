/*-------------------------------------------------------------------------
 *
 * row_fetch.c
 *	  Reading rows by an index, without a statement.
 *
 * A kept plan still has to be started and ended by the executor, which costs
 * ten times the lookup itself. The door looks up two rows for each scan, a
 * reservation two for its terms, and a refusal looks for lapsed holds.
 *
 * What fetch_row keeps from call to call is where things are, never what they say: the
 * table, the index and the columns, until one of them changes; and the places
 * where rows were found, because those of an event and a tier are asked for
 * again and again, and most of a lookup is the way through the index. A place
 * holds the row as long as the snapshot sees it there.
 *
 *-------------------------------------------------------------------------
 */
#include "row_fetch.h"

#include "access/genam.h"
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
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "known_table.h"

/* Where a row was found; it may have become another row's place. */
#define MAX_PLACES 64
typedef struct Place
{
	int64		key;
	ItemPointerData tid;
} Place;

typedef struct FetchState
{
	KnownTable	known;
	const RowFetch *fetch;
	struct FetchState *next;
	AttrNumber	columns[EV_MAX_FETCHED];	/* to the first 0 */
	AttrNumber	place_key;		/* the key's column; 0: places are not kept */
	Place		places[MAX_PLACES];
} FetchState;

static FetchState *
state_of(const RowFetch *fetch)
{
	static FetchState *states = NULL;
	FetchState *state = states;

	while (state != NULL && state->fetch != fetch)
		state = state->next;
	if (state == NULL)
	{
		state = MemoryContextAllocZero(TopMemoryContext, sizeof(FetchState));
		state->fetch = fetch;
		state->next = states;
		states = state;
	}
	return state;
}

/*
 * The column whose values have a place each: of any key a snapshot sees one
 * version in the table. 0 when the index does not promise that.
 */
static AttrNumber
column_of_places(const RowFetch *fetch, Relation index)
{
	if (fetch->equals != F_INT8EQ ||
		!index->rd_index->indisunique || index->rd_index->indnkeyatts != 1 ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return 0;
	return index->rd_index->indkey.values[0];
}

/* Find out where everything is. */
static void
learn(void *arg, Relation table)
{
	FetchState *state = arg;
	const RowFetch *fetch = state->fetch;
	Relation	index = index_open(state->known.index, AccessShareLock);

	memset(state->columns, 0, sizeof(state->columns));
	memset(state->places, 0, sizeof(state->places));
	for (int i = 0; i < EV_MAX_FETCHED && fetch->columns[i] != NULL; i++)
	{
		state->columns[i] = SPI_fnumber(RelationGetDescr(table), fetch->columns[i]);
		if (state->columns[i] <= 0)
			elog(ERROR, "table \"%s\" has no column \"%s\"", fetch->table, fetch->columns[i]);
	}
	state->place_key = column_of_places(fetch, index);
	index_close(index, NoLock);
}

static Place *
place_of(FetchState *state, Datum key)
{
	return &state->places[(uint64) DatumGetInt64(key) % MAX_PLACES];
}

/* Look where the row was the last time. */
static bool
find_in_place(FetchState *state, Relation table, Datum key, Snapshot snapshot,
			  TupleTableSlot *slot)
{
	Place	   *place;
	bool		isnull;

	if (state->place_key == 0)
		return false;
	place = place_of(state, key);
	return place->key == DatumGetInt64(key) &&
		is_place(table, &place->tid) &&
		table_tuple_fetch_row_version(table, &place->tid, snapshot, slot) &&
		DatumGetInt64(slot_getattr(slot, state->place_key, &isnull)) == place->key;
}

/* What scan_rows says, with everything open. */
static void
search(Relation table, Relation index, ScanKey keys, int nkeys, Snapshot snapshot,
	   TupleTableSlot *slot, RowHeard heard, void *arg)
{
	IndexScanDesc scan = ev_index_beginscan(table, index, snapshot, nkeys);

	for (int i = 0; i < nkeys; i++)
		keys[i].sk_collation = index->rd_indcollation[keys[i].sk_attno - 1];
	index_rescan(scan, keys, nkeys, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot) && heard(slot, arg))
		CHECK_FOR_INTERRUPTS();
	index_endscan(scan);
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

	search(table, index, keys, nkeys, snapshot, slot, heard, arg);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
}

static bool
take_first(TupleTableSlot *slot pg_attribute_unused(), void *found)
{
	*(bool *) found = true;
	return false;
}

static bool
find_by_index(FetchState *state, Relation table, Datum key, Snapshot snapshot,
			  TupleTableSlot *slot)
{
	Relation	index = index_open(state->known.index, AccessShareLock);
	ScanKeyData scan_key;
	bool		found = false;

	ScanKeyEntryInitialize(&scan_key, 0, 1, BTEqualStrategyNumber, InvalidOid, InvalidOid,
						   state->fetch->equals, key);
	search(table, index, &scan_key, 1, snapshot, slot, take_first, &found);
	index_close(index, NoLock);
	if (found && state->place_key != 0)
	{
		Place	   *place = place_of(state, key);

		place->key = DatumGetInt64(key);
		place->tid = slot->tts_tid;
	}
	return found;
}

static void
copy_columns(const FetchState *state, TupleTableSlot *slot, FetchedRow *row)
{
	for (int i = 0; i < EV_MAX_FETCHED && state->columns[i] != 0; i++)
	{
		Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, state->columns[i] - 1);

		row->values[i] = slot_getattr(slot, state->columns[i], &row->nulls[i]);
		if (!row->nulls[i] && !column->attbyval)
			row->values[i] = datumCopy(row->values[i], false, column->attlen);
	}
}

/*
 * Read the row with this key as it is now, whatever the isolation level, with
 * what the transaction itself has changed by statements before; false when
 * there is none. As after a statement, table and index stay locked to the end.
 */
bool
fetch_row(const RowFetch *fetch, Datum key, FetchedRow *row)
{
	FetchState *state = state_of(fetch);
	Relation	table = open_known_table(&state->known, fetch->table, fetch->index, AccessShareLock,
										 learn, state);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool		found = find_in_place(state, table, key, snapshot, slot) ||
		find_by_index(state, table, key, snapshot, slot);

	if (found)
		copy_columns(state, slot, row);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
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
