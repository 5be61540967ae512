/*-------------------------------------------------------------------------
 *
 * shard_row.c
 *	  Reading and changing shards' rows without a statement.
 *
 * Each reservation changes one shard. Starting and ending a kept plan for that
 * costs about twice the change itself, so at READ COMMITTED the row is found
 * and updated through the table's access method. The table's own constraints
 * hold: available is checked here, and the columns of keys do not change.
 *
 * Through the primary key's index a search meets every version of the row that
 * somebody's old snapshot keeps alive, the oldest first: after minutes of a sale
 * thousands. So each backend remembers where it left the rows that it changed
 * last, and looks there before.
 *
 * Each refusal reads all shards of a tier, and in a rush that is over nearly all
 * calls are refused. So a backend remembers where it found those, too, and goes
 * through their pages instead of the index.
 *
 *-------------------------------------------------------------------------
 */
#include "shard_row.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "common/int.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "inventory.h"
#include "known_table.h"
#include "row_fetch.h"

/* The columns of evently.inventory_shards; the first two are its key. */
enum
{
	EV_SHARD_TIER = 1, EV_SHARD_NUMBER, EV_SHARD_AVAILABLE, EV_SHARD_COLUMNS = EV_SHARD_AVAILABLE
};

static KnownTable known_shards;

/*
 * Where this backend has left or found rows: as many as a tier has shards. A place
 * may have become another row's.
 */
#define MAX_PLACES EV_MAX_SHARDS
static struct
{
	int64		tier_id;
	int			shard;
	ItemPointerData tid;
}			places[MAX_PLACES];

static int
place_of(int64 tier_id, int shard)
{
	return (tier_id + shard) % MAX_PLACES;
}

static void
remember_place(int64 tier_id, int shard, ItemPointer tid)
{
	int			n = place_of(tier_id, shard);

	places[n].tier_id = tier_id;
	places[n].shard = shard;
	places[n].tid = *tid;
}

/* Look where the row was left, or where it went from there. */
static bool
find_row_in_place(Relation table, int64 tier_id, int shard, Snapshot snapshot,
				  TupleTableSlot *slot)
{
	int			n = place_of(tier_id, shard);
	ItemPointerData tid = places[n].tid;
	Buffer		buffer;
	bool		found;

	if (places[n].tier_id != tier_id || places[n].shard != shard || !is_place(table, &tid))
		return false;

	/* Make room on the page, as an index scan does. */
	buffer = ReadBuffer(table, ItemPointerGetBlockNumber(&tid));
	heap_page_prune_opt(table, buffer);
	ReleaseBuffer(buffer);

	found = table_tuple_fetch_row_version(table, &tid, snapshot, slot);
	if (!found)
	{
		TableScanDesc scan = table_beginscan_tid(table, snapshot);

		table_tuple_get_latest_tid(scan, &tid);
		table_endscan(scan);
		found = table_tuple_fetch_row_version(table, &tid, snapshot, slot);
	}
	if (!found)
		return false;
	slot_getallattrs(slot);
	return DatumGetInt64(slot->tts_values[EV_SHARD_TIER - 1]) == tier_id &&
		DatumGetInt16(slot->tts_values[EV_SHARD_NUMBER - 1]) == shard;
}

static bool
find_row_by_index(Relation table, int64 tier_id, int shard, Snapshot snapshot,
				  TupleTableSlot *slot)
{
	Relation	index = index_open(known_shards.index, AccessShareLock);
	IndexScanDesc scan = ev_index_beginscan(table, index, snapshot, 2);
	ScanKeyData keys[2];
	bool		found;

	ScanKeyInit(&keys[0], EV_SHARD_TIER, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(tier_id));
	ScanKeyInit(&keys[1], EV_SHARD_NUMBER, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(shard));
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	index_close(index, AccessShareLock);
	if (found)
		slot_getallattrs(slot);
	return found;
}

/* The row's latest committed version, or the transaction's own. */
static void
find_row(Relation table, int64 tier_id, int shard, Snapshot snapshot, TupleTableSlot *slot)
{
	if (!find_row_in_place(table, tier_id, shard, snapshot, slot) &&
		!find_row_by_index(table, tier_id, shard, snapshot, slot))
		elog(ERROR, "tier " INT64_FORMAT " has no shard %d", tier_id, shard);
}

/* The stock of all shards, if each is where it was the last time. */
static bool
read_in_places(int64 tier_id, int shards, Snapshot snapshot, int64 *sum)
{
	Relation	table = open_known_table(&known_shards, "inventory_shards", "inventory_shards_pkey",
										 AccessShareLock, NULL, NULL);
	TupleDesc	desc = RelationGetDescr(table);
	BlockNumber end = end_of_places(table);
	Buffer		buffer = InvalidBuffer;
	int			shard;

	*sum = 0;
	for (shard = 0; shard < shards; shard++)
	{
		int			n = place_of(tier_id, shard);
		BlockNumber block;
		OffsetNumber offset;
		ItemId		item;
		HeapTupleData row;
		bool		isnull;

		if (places[n].tier_id != tier_id || places[n].shard != shard)
			break;
		block = ItemPointerGetBlockNumber(&places[n].tid);
		offset = ItemPointerGetOffsetNumber(&places[n].tid);
		if (block >= end)
			break;
		if (!BufferIsValid(buffer) || BufferGetBlockNumber(buffer) != block)
		{
			if (BufferIsValid(buffer))
				UnlockReleaseBuffer(buffer);
			buffer = ReadBuffer(table, block);
			LockBuffer(buffer, BUFFER_LOCK_SHARE);
		}
		if (offset > PageGetMaxOffsetNumber(BufferGetPage(buffer)))
			break;
		item = PageGetItemId(BufferGetPage(buffer), offset);
		if (!ItemIdIsNormal(item))
			break;
		row.t_data = (HeapTupleHeader) PageGetItem(BufferGetPage(buffer), item);
		row.t_len = ItemIdGetLength(item);
		row.t_tableOid = RelationGetRelid(table);
		row.t_self = places[n].tid;
		if (!HeapTupleSatisfiesVisibility(&row, snapshot, buffer) ||
			DatumGetInt64(heap_getattr(&row, EV_SHARD_TIER, desc, &isnull)) != tier_id ||
			DatumGetInt16(heap_getattr(&row, EV_SHARD_NUMBER, desc, &isnull)) != shard)
			break;
		*sum += DatumGetInt32(heap_getattr(&row, EV_SHARD_AVAILABLE, desc, &isnull));
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	table_close(table, NoLock);
	return shard == shards;
}

static bool
hear_row(TupleTableSlot *row, void *sum)
{
	slot_getallattrs(row);
	remember_place(DatumGetInt64(row->tts_values[EV_SHARD_TIER - 1]),
				   DatumGetInt16(row->tts_values[EV_SHARD_NUMBER - 1]), &row->tts_tid);
	*(int64 *) sum += DatumGetInt32(row->tts_values[EV_SHARD_AVAILABLE - 1]);
	return true;
}

/*
 * What all shards of a tier have, by a snapshot. At the higher isolation levels
 * by the index, so that SERIALIZABLE knows what was looked for.
 */
int64
read_shard_rows(int64 tier_id, int shards, Snapshot snapshot)
{
	ScanKeyData key;
	int64		sum = 0;

	if (!IsolationUsesXactSnapshot() && read_in_places(tier_id, shards, snapshot, &sum))
		return sum;
	sum = 0;
	ScanKeyInit(&key, EV_SHARD_TIER, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(tier_id));
	scan_rows("inventory_shards", "inventory_shards_pkey", &key, 1, snapshot, hear_row, &sum);
	return sum;
}

/*
 * The new version found no room on the page of the old one. Seldom, because pages
 * are filled to a tenth.
 */
static void
insert_index_entries(Relation table, TupleTableSlot *slot, ev_update_indexes update)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);

	InitResultRelInfo(result, table, 0, NULL, 0);
	ExecOpenIndices(result, false);
	ev_insert_index_tuples(result, slot, estate, update);
	ExecCloseIndices(result);
	FreeExecutorState(estate);
}

/*
 * Add to a shard's stock; what it has then, or -1, with nothing changed, if it
 * would become negative. The caller holds the shard's lock and has no snapshot
 * of the whole transaction.
 */
int32
change_shard_row(int64 tier_id, int shard, int32 delta)
{
	Relation	table;
	TupleTableSlot *slot;
	TupleTableSlot *changed;
	int32		available;
	TM_Result	done = TM_Invisible;

	/* What the executor would look at, on a standby too. */
	PreventCommandIfReadOnly("UPDATE");
	PreventCommandIfParallelMode("UPDATE");
	Assert(!IsolationUsesXactSnapshot());
	table = open_known_table(&known_shards, "inventory_shards", "inventory_shards_pkey", RowExclusiveLock,
							 NULL, NULL);
	slot = table_slot_create(table, NULL);
	changed = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsVirtual);
	if (RelationGetDescr(table)->natts != EV_SHARD_COLUMNS)
		elog(ERROR, "table \"inventory_shards\" has other columns");
	while (done != TM_Ok)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TM_FailureData failure;
		LockTupleMode mode;
		ev_update_indexes update;

		CHECK_FOR_INTERRUPTS();
		find_row(table, tier_id, shard, snapshot, slot);
		if (pg_add_s32_overflow(DatumGetInt32(slot->tts_values[EV_SHARD_AVAILABLE - 1]), delta, &available))
			elog(ERROR, "stock of tier " INT64_FORMAT " out of range", tier_id);
		if (available < 0)
		{
			available = -1;
			UnregisterSnapshot(snapshot);
			break;
		}

		ExecClearTuple(changed);
		memcpy(changed->tts_values, slot->tts_values, sizeof(Datum) * EV_SHARD_COLUMNS);
		memset(changed->tts_isnull, false, sizeof(bool) * EV_SHARD_COLUMNS);
		changed->tts_values[EV_SHARD_AVAILABLE - 1] = Int32GetDatum(available);
		ExecStoreVirtualTuple(changed);
		done = table_tuple_update(table, &slot->tts_tid, changed, GetCurrentCommandId(true),
								  snapshot, InvalidSnapshot, true, &failure, &mode, &update);
		UnregisterSnapshot(snapshot);

		/* Whoever changes it without the lock, in SQL, may come first. */
		if (done == TM_Ok && ev_needs_index_entries(update))
			insert_index_entries(table, changed, update);
		else if (done != TM_Ok && done != TM_Updated && done != TM_Deleted)
			elog(ERROR, "unexpected result %d of updating a shard", (int) done);
	}
	if (available >= 0)
	{
		remember_place(tier_id, shard, &changed->tts_tid);
		CommandCounterIncrement();
	}
	ExecDropSingleTupleTableSlot(changed);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return available;
}
