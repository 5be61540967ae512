/*-------------------------------------------------------------------------
 *
 * facet_lists.c
 *	  Dividing what a search finds without reading its rows.
 *
 * A row of event_search costs a microsecond, most of it for coming to its page; a
 * page of facets that counts a hundred thousand cannot read them. But which rows
 * match the index of terms says alone, and which rows have a value says a btree
 * over the facets (event_search_facets, event_search_month), which keeps one list
 * of places for each value (see "Posting list tuples" in PostgreSQL's
 * src/backend/access/nbtree/README). So the matches become bits, one for each
 * place in the table, and the lists are read from end to end, counting the places
 * whose bit is set: some nanoseconds for each event, found or not.
 *
 * Nothing but the visibility map stands between an index and what a snapshot sees.
 * Matches on pages that are not all visible are looked up; if they are too many,
 * somebody else has to count. What is counted here is exact.
 *
 *-------------------------------------------------------------------------
 */
#include "facet_lists.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "search_terms.h"

/* So many matches are looked up to see whether they are visible. */
#define MOST_LOOKED_UP	10000
#define TOLD_AT_ONCE	4000
#define FIRST_ROOM		16		/* places on a page of long rows */
#define MATCH_STRATEGY	1		/* of tsvector_ops: @@ */

/* Which places of a table match. */
typedef struct MatchBits
{
	Relation	table;
	BlockNumber nblocks;
	int			room;			/* bits for each block: for its first places */
	uint64	   *bits;
	Buffer		map;			/* of the visibility map */
	List	   *unsure;			/* blocks that are not all visible, */
	int64		nlookups;		/* and how many matches are on them */
} MatchBits;

static Oid
relation_of_evently(const char *name)
{
	return get_relname_relid(name, get_namespace_oid("evently", false));
}

static bool
is_usable(const char *name, Oid access_method)
{
	Oid			oid = relation_of_evently(name);
	Relation	index;
	bool		usable;

	if (!OidIsValid(oid) || get_rel_relkind(oid) != RELKIND_INDEX)
		return false;
	index = index_open(oid, AccessShareLock);
	usable = index->rd_rel->relam == access_method && index->rd_index->indisvalid;
	index_close(index, NoLock);
	return usable;
}

/* Version 0.1.0 has no lists. */
bool
has_facet_lists(void)
{
	return is_usable("event_search_terms", GIN_AM_OID) &&
		is_usable("event_search_facets", BTREE_AM_OID) &&
		is_usable("event_search_month", BTREE_AM_OID);
}

/* Told of n places on a page, in their order. */
typedef void (*PageHeard) (MatchBits *matches, BlockNumber block, const OffsetNumber *offsets, int n);

static void
tell_pages(TIDBitmap *places, PageHeard heard, MatchBits *matches)
{
	ev_bitmap_iterator *iterator = ev_begin_bitmap(places);
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	BlockNumber block;
	int			n;

	while (ev_next_bitmap_page(iterator, &block, offsets, &n))
		heard(matches, block, offsets, n);
	ev_end_bitmap(iterator);
}

/*
 * Look some segments up in the index of terms (an array of tsquery); how many
 * entries that gave. Their pages are told of some thousand entries at a time: as
 * one bitmap they would take long to be put in order. heard may be NULL.
 */
static int64
read_terms(Datum segments, Snapshot snapshot, PageHeard heard, MatchBits *matches)
{
	Relation	index = index_open(relation_of_evently("event_search_terms"), AccessShareLock);
	IndexScanDesc scan = ev_index_beginscan_bitmap(index, snapshot, 1);
	TIDBitmap  *places = NULL;
	Datum	   *queries;
	int			nqueries;
	int64		n = 0;
	int64		untold = 0;

	deconstruct_array(DatumGetArrayTypeP(segments), TSQUERYOID, -1, false, TYPALIGN_INT,
					  &queries, NULL, &nqueries);
	for (int i = 0; i < nqueries; i++)
	{
		ScanKeyData key;

		CHECK_FOR_INTERRUPTS();
		/* room for all: one that is full forgets places */
		if (places == NULL)
			places = tbm_create(MaxAllocSize, NULL);
		ScanKeyInit(&key, 1, MATCH_STRATEGY, F_TS_MATCH_VQ, queries[i]);
		index_rescan(scan, &key, 1, NULL, 0);
		untold += index_getbitmap(scan, places);
		if (untold < TOLD_AT_ONCE && i < nqueries - 1)
			continue;
		n += untold;
		untold = 0;
		if (heard != NULL)
			tell_pages(places, heard, matches);
		tbm_free(places);
		places = NULL;
	}
	index_endscan(scan);
	index_close(index, NoLock);
	return n;
}

/* How many rows the index of terms gives for some segments, dead ones included. */
int64
count_entries(Datum segments)
{
	return read_terms(segments, GetActiveSnapshot(), NULL, NULL);
}

/* What is newer than the bits has none. */
static inline bool
has_bit_for(const MatchBits *matches, BlockNumber block, OffsetNumber offset)
{
	return block < matches->nblocks && offset <= matches->room;
}

static inline uint64
bit_of(const MatchBits *matches, BlockNumber block, OffsetNumber offset)
{
	return (uint64) block * matches->room + (offset - 1);
}

static inline bool
is_match(const MatchBits *matches, BlockNumber block, OffsetNumber offset)
{
	uint64		bit = bit_of(matches, block, offset);

	return matches->bits[bit / 64] >> (bit % 64) & 1;
}

static inline void
set_match(MatchBits *matches, BlockNumber block, OffsetNumber offset, bool match)
{
	uint64		bit = bit_of(matches, block, offset);
	uint64		mask = UINT64CONST(1) << (bit % 64);

	if (match)
		matches->bits[bit / 64] |= mask;
	else
		matches->bits[bit / 64] &= ~mask;
}

static Size
bytes_of_bits(const MatchBits *matches)
{
	return ((Size) matches->nblocks * matches->room / 64 + 1) * sizeof(uint64);
}

/* Make room for all blocks that the table has now, and for a place in each. */
static void
make_room(MatchBits *matches, OffsetNumber offset)
{
	/* what the table's pages needed the last time */
	static int	usual_room = FIRST_ROOM;
	MatchBits	old = *matches;

	while (usual_room < offset)
		usual_room *= 2;
	matches->room = usual_room;
	matches->nblocks = RelationGetNumberOfBlocks(matches->table);
	matches->bits = MemoryContextAllocExtended(CurrentMemoryContext, bytes_of_bits(matches),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (BlockNumber block = 0; block < old.nblocks; block++)
		for (OffsetNumber i = 1; i <= old.room; i++)
			if (is_match(&old, block, i))
				set_match(matches, block, i, true);
	if (old.bits != NULL)
		pfree(old.bits);
}

static void
set_bits(MatchBits *matches, BlockNumber block, const OffsetNumber *offsets, int n)
{
	if (!has_bit_for(matches, block, offsets[n - 1]))
		make_room(matches, offsets[n - 1]);
	for (int i = 0; i < n; i++)
		set_match(matches, block, offsets[i], true);
	if (matches->nlookups <= MOST_LOOKED_UP &&
		!VM_ALL_VISIBLE(matches->table, block, &matches->map))
	{
		matches->unsure = lappend_int(matches->unsure, (int) block);
		matches->nlookups += n;
	}
}

static void
clear_bits(MatchBits *matches, BlockNumber block, const OffsetNumber *offsets, int n)
{
	for (int i = 0; i < n; i++)
		if (has_bit_for(matches, block, offsets[i]))
			set_match(matches, block, offsets[i], false);
}

/* Take away the bits of what the snapshot does not see. */
static void
look_up(MatchBits *matches, Snapshot snapshot)
{
	IndexFetchTableData *fetch = table_index_fetch_begin(matches->table);
	TupleTableSlot *slot = table_slot_create(matches->table, NULL);
	ListCell   *cell;

	foreach(cell, matches->unsure)
	{
		BlockNumber block = (BlockNumber) lfirst_int(cell);

		CHECK_FOR_INTERRUPTS();
		for (OffsetNumber offset = 1; offset <= matches->room; offset++)
		{
			ItemPointerData place;
			bool		again = false;

			if (!is_match(matches, block, offset))
				continue;
			ItemPointerSet(&place, block, offset);
			if (!table_index_fetch_tuple(fetch, &place, snapshot, slot, &again, NULL))
				set_match(matches, block, offset, false);
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	table_index_fetch_end(fetch);
}

/* Find out what matches; false when too many rows would have to be looked up. */
static bool
find_matches(MatchBits *matches, Datum segments, Datum except, Snapshot snapshot)
{
	make_room(matches, 1);
	(void) read_terms(segments, snapshot, set_bits, matches);
	if (except != (Datum) 0)
		(void) read_terms(except, snapshot, clear_bits, matches);
	if (BufferIsValid(matches->map))
		ReleaseBuffer(matches->map);
	if (matches->nlookups > MOST_LOOKED_UP)
		return false;
	look_up(matches, snapshot);
	return true;
}

static int64
number_of_matches(const MatchBits *matches)
{
	int64		n = 0;

	for (Size i = 0; i < bytes_of_bits(matches) / sizeof(uint64); i++)
		n += pg_popcount64(matches->bits[i]);
	return n;
}

/* Where the leaves of a btree begin; P_NONE when it is empty. */
static BlockNumber
first_leaf(Relation index)
{
	Buffer		buffer = _bt_getbuf(index, BTREE_METAPAGE, BT_READ);
	BlockNumber block = BTPageGetMeta(BufferGetPage(buffer))->btm_root;
	bool		is_leaf = false;

	_bt_relbuf(index, buffer);
	while (block != P_NONE && !is_leaf)
	{
		Page		page;
		BTPageOpaque opaque;

		buffer = _bt_getbuf(index, block, BT_READ);
		page = BufferGetPage(buffer);
		opaque = BTPageGetOpaque(page);
		is_leaf = P_ISLEAF(opaque);
		if (P_IGNORE(opaque))
			block = opaque->btpo_next;
		else if (!is_leaf)
			block = BTreeTupleGetDownLink((IndexTuple)
										  PageGetItem(page, PageGetItemId(page, P_FIRSTDATAKEY(opaque))));
		_bt_relbuf(index, buffer);
	}
	return block;
}

/* How many of a list's places match. */
static int
count_places(const MatchBits *matches, IndexTuple list)
{
	bool		is_posting = BTreeTupleIsPosting(list);
	int			nplaces = is_posting ? BTreeTupleGetNPosting(list) : 1;
	ItemPointer places = is_posting ? BTreeTupleGetPosting(list) : &list->t_tid;
	int			n = 0;

	for (int i = 0; i < nplaces; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&places[i]);
		OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&places[i]);

		if (has_bit_for(matches, block, offset))
			n += is_match(matches, block, offset);
	}
	return n;
}

/* A reading of lists, and who is told of them. */
typedef struct ListReading
{
	const MatchBits *matches;
	int			most_class;		/* the sample's classes: 0 up to this one */
	int			first_month;	/* no other months have matches */
	int			last_month;
	CountHeard	heard;
	void	   *arg;
} ListReading;

static void
tell_text(const ListReading *reading, IndexTuple list, TupleDesc desc, AttrNumber column,
		  Facet facet, int64 n)
{
	bool		isnull;
	Datum		value = index_getattr(list, column, desc, &isnull);

	if (!isnull)
	{
		/* an index compresses long values */
		text	   *string = DatumGetTextPP(value);

		reading->heard(reading->arg, facet, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), n);
	}
}

/* event_search_facets: class, category, price band, city */
static void
read_facets_list(const ListReading *reading, IndexTuple list, TupleDesc desc)
{
	int64		n = count_places(reading->matches, list);
	bool		isnull;
	char		band;

	if (n == 0)
		return;
	tell_text(reading, list, desc, 2, FACET_CATEGORY, n);
	band = DatumGetInt32(index_getattr(list, 3, desc, &isnull));
	if (!isnull)
		reading->heard(reading->arg, FACET_PRICE, &band, 1, n);
	tell_text(reading, list, desc, 4, FACET_CITY, n);
}

/* event_search_month: class, local_month */
static void
read_month_list(const ListReading *reading, IndexTuple list, TupleDesc desc)
{
	bool		isnull;
	int32		month = DatumGetInt32(index_getattr(list, 2, desc, &isnull));
	int64		n;

	if (month < reading->first_month || month > reading->last_month)
		return;
	n = count_places(reading->matches, list);
	if (n > 0)
		reading->heard(reading->arg, FACET_MONTH, (char *) &month, sizeof(month), n);
}

/*
 * Read a btree's lists in their order, those of the first classes, by the leaves'
 * links to the right: a page that is split meanwhile leaves nothing out and brings
 * nothing twice.
 */
static void
read_lists(const char *index_name, const ListReading *reading,
		   void (*read_list) (const ListReading *, IndexTuple, TupleDesc))
{
	Relation	index = index_open(relation_of_evently(index_name), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(index);
	BlockNumber block = first_leaf(index);

	while (block != P_NONE)
	{
		Buffer		buffer;
		Page		page;
		BTPageOpaque opaque;
		OffsetNumber last;

		CHECK_FOR_INTERRUPTS();
		buffer = _bt_getbuf(index, block, BT_READ);
		page = BufferGetPage(buffer);
		opaque = BTPageGetOpaque(page);
		block = opaque->btpo_next;
		last = P_IGNORE(opaque) ? InvalidOffsetNumber : PageGetMaxOffsetNumber(page);
		for (OffsetNumber i = P_FIRSTDATAKEY(opaque); i <= last; i++)
		{
			ItemId		item = PageGetItemId(page, i);
			IndexTuple	list = (IndexTuple) PageGetItem(page, item);
			bool		isnull;

			if (DatumGetInt32(index_getattr(list, 1, desc, &isnull)) > reading->most_class)
			{
				block = P_NONE;
				break;
			}
			if (!ItemIdIsDead(item))
				read_list(reading, list, desc);
		}
		_bt_relbuf(index, buffer);
	}
	index_close(index, NoLock);
}

/* The month of a day, some days later, as in event_search. */
static int
month_of(int day, int days)
{
	int			year;
	int			month;
	int			mday;

	j2date(day + days + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	return 12 * year + month - 1;
}

/*
 * Count what matches by the terms alone, in some segments that are of a sample or
 * of all (rate 1), and of some days; except what is in some others (0: none). How
 * many, or -1 when too many rows would have to be looked up. Only after
 * has_facet_lists().
 */
int64
divide_matches(Datum segments, Datum except, int rate, int first_day, int last_day,
			   CountHeard heard, void *arg)
{
	MatchBits	matches = {
		.table = table_open(relation_of_evently("event_search"), AccessShareLock),
		.map = InvalidBuffer
	};
	ListReading reading = {
		.matches = &matches,
		.most_class = sample_class_of_rate(rate),
		/* by the venue's clock it may be the day before or after */
		.first_month = month_of(first_day, -1),
		.last_month = month_of(last_day, 1),
		.heard = heard,
		.arg = arg
	};
	Snapshot	snapshot = GetActiveSnapshot();
	int64		n = -1;

	PredicateLockRelation(matches.table, snapshot);
	if (find_matches(&matches, segments, except, snapshot))
	{
		n = number_of_matches(&matches);
		read_lists("event_search_facets", &reading, read_facets_list);
		read_lists("event_search_month", &reading, read_month_list);
	}
	table_close(matches.table, NoLock);
	return n;
}
