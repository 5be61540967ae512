/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported versions of PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_COMPAT_H
#define EVENTLY_COMPAT_H

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "nodes/tidbitmap.h"

#if PG_VERSION_NUM < 150000
#error "evently needs PostgreSQL 15 or later"
#endif

/* Moved out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Before a declaration: the function does not return. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* A small number that no other live backend has (needs storage/proc.h). */
#if PG_VERSION_NUM >= 170000
#define EV_BACKEND_SLOT ((int) MyProcNumber)
#else
#define EV_BACKEND_SLOT (MyProc->pgprocno)
#endif

/* An index scan for a single search. */
#if PG_VERSION_NUM >= 180000
#define ev_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define ev_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#endif

#if PG_VERSION_NUM >= 180000
#define ev_index_beginscan_bitmap(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, NULL, nkeys)
#else
#define ev_index_beginscan_bitmap(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, nkeys)
#endif

/* Going through a bitmap page by page. */
#if PG_VERSION_NUM >= 180000
typedef TBMPrivateIterator ev_bitmap_iterator;
#define ev_begin_bitmap(bitmap) tbm_begin_private_iterate(bitmap)
#define ev_end_bitmap(iterator) tbm_end_private_iterate(iterator)
#else
typedef TBMIterator ev_bitmap_iterator;
#define ev_begin_bitmap(bitmap) tbm_begin_iterate(bitmap)
#define ev_end_bitmap(iterator) tbm_end_iterate(iterator)
#endif

/*
 * The next page and its places, of which offsets has room for MaxHeapTuplesPerPage.
 * Only for bitmaps that never forget places, and conditions that GIN answers exactly.
 */
static inline bool
ev_next_bitmap_page(ev_bitmap_iterator *iterator, BlockNumber *block, OffsetNumber *offsets, int *n)
{
#if PG_VERSION_NUM >= 180000
	TBMIterateResult page;

	if (!tbm_private_iterate(iterator, &page))
		return false;
	if (page.lossy)
		elog(ERROR, "places on block %u have been forgotten", page.blockno);
	*block = page.blockno;
	*n = tbm_extract_page_tuple(&page, offsets, MaxHeapTuplesPerPage);
#else
	TBMIterateResult *page = tbm_iterate(iterator);

	if (page == NULL)
		return false;
	if (page->ntuples < 0)
		elog(ERROR, "places on block %u have been forgotten", page->blockno);
	*block = page->blockno;
	*n = page->ntuples;
	memcpy(offsets, page->offsets, sizeof(OffsetNumber) * page->ntuples);
#endif
	return true;
}

/* Entering a row into the indexes; what an update says of them, and its row. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes ev_update_indexes;
#define ev_needs_index_entries(update) ((update) != TU_None)
#define ev_insert_index_tuples(result, slot, estate, update_indexes) \
	ExecInsertIndexTuples(result, slot, estate, true, false, NULL, NIL, \
						  (update_indexes) == TU_Summarizing)
#define ev_insert_new_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL, false)
#else
typedef bool ev_update_indexes;
#define ev_needs_index_entries(update) (update)
#define ev_insert_index_tuples(result, slot, estate, update_indexes) \
	((void) (update_indexes), \
	 ExecInsertIndexTuples(result, slot, estate, true, false, NULL, NIL))
#define ev_insert_new_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL)
#endif

#endif							/* EVENTLY_COMPAT_H */
