/*-------------------------------------------------------------------------
 *
 * search_read.c
 *	  Reading the search index day by day.
 *
 * All filters that are terms go into one condition; before a day is read, its
 * name is written into each of the condition's terms. The statements are few
 * and fixed, and nothing about them depends on statistics: how many days are
 * read at once follows from how many events the days before gave.
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"
#include "search_sql.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "tsearch/ts_utils.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/rangetypes.h"
#include "utils/pg_crc.h"
#include "utils/typcache.h"

#include "spi_util.h"

#define MAX_DAYS_AT_ONCE 128
#define MOST_LOOKED_AT	4000
#define ENOUGH_RANKED	100		/* a page */
#define RARE_SAMPLE		64		/* a query is rare with at most */
#define RARE_IN_SAMPLE	20		/* so many of one in so many events */

Candidate *
add_candidate(CandidateList *list)
{
	if (list->n == list->size)
	{
		list->size = list->size ? 2 * list->size : 256;
		list->items = list->items
			? repalloc_huge(list->items, list->size * sizeof(Candidate))
			: palloc(list->size * sizeof(Candidate));
	}
	memset(&list->items[list->n], 0, sizeof(Candidate));
	return &list->items[list->n++];
}

typedef struct CandidateReceiver
{
	DestReceiver pub;
	CandidateList *list;
	const SearchQuery *query;
	bool		must_recheck;
	MemoryContext context;
} CandidateReceiver;

static bool
one_reading_matches(const SearchQuery *query, TSVector doc)
{
	ListCell   *cell;

	foreach(cell, query->tsqueries)
	{
		if (DatumGetBool(DirectFunctionCall2(ts_match_vq, TSVectorGetDatum(doc),
											 TSQueryGetDatum(lfirst(cell)))))
			return true;
	}
	return false;
}

/*
 * Append a row: SEARCH_COLUMNS, and the number sold if it has that. Of its words
 * only their score is kept.
 */
static bool
receive_candidate(TupleTableSlot *slot, DestReceiver *self)
{
	CandidateReceiver *receiver = (CandidateReceiver *) self;
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	TSVector	doc;
	MemoryContext old;
	Candidate  *item;

	slot_getallattrs(slot);
	doc = isnull[5] ? NULL : DatumGetTSVector(values[5]);
	if (receiver->must_recheck && !one_reading_matches(receiver->query, doc))
		return true;
	old = MemoryContextSwitchTo(receiver->context);
	item = add_candidate(receiver->list);
	item->event_id = DatumGetInt64(values[0]);
	item->start = DatumGetTimestampTz(values[1]);
	item->value = isnull[2] ? -1 : DatumGetFloat8(values[2]);
	item->category = DatumGetTextPCopy(values[4]);
	MemoryContextSwitchTo(old);
	if (doc != NULL)
		item->text = text_score(receiver->query, doc, DatumGetInt32(values[3]));
	if (slot->tts_tupleDescriptor->natts > 6)
		item->sold = DatumGetInt64(values[6]);
	return true;
}

static CandidateReceiver
candidate_receiver(const SearchFilter *filter, CandidateList *list)
{
	CandidateReceiver receiver = {
		.pub = *None_Receiver,
		.list = list,
		.query = filter->query,
		.context = CurrentMemoryContext
	};

	receiver.pub.receiveSlot = receive_candidate;
	return receiver;
}

/* Run a statement and append the candidates that it gives. */
void
read_candidates(SpiQuery *query, Datum *values, const char *nulls, const SearchFilter *filter,
				CandidateList *list)
{
	CandidateReceiver receiver = candidate_receiver(filter, list);

	(void) spi_read_into(query, values, nulls, &receiver.pub);
}

/* Price bands as terms: one of those that the range touches. */
static void
append_price_bands(StringInfo buf, Datum range)
{
	RangeType  *price = DatumGetRangeTypeP(range);
	TypeCacheEntry *type = lookup_type_cache(NUMRANGEOID, TYPECACHE_RANGE_INFO);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;
	int			first;
	int			last;

	range_deserialize(type, price, &lower, &upper, &empty);
	first = lower.infinite ? 0 : price_band(lower.val);
	last = upper.infinite ? N_PRICE_BANDS - 1 : price_band(upper.val);
	if (empty || (first == 0 && last == N_PRICE_BANDS - 1))
		return;
	appendStringInfo(buf, "%s(", buf->len > 0 ? " & " : "");
	for (int band = first; band <= last; band++)
	{
		char		value[2] = {'0' + band, '\0'};

		if (band > first)
			appendStringInfoString(buf, " | ");
		append_term(buf, TERM_PRICE, value, false);
	}
	appendStringInfoChar(buf, ')');
}

/*
 * All that the filters say about terms, as the text of a tsquery whose terms
 * name no segment yet. word_kind: where to look for the query's words.
 */
char *
filter_condition(const SearchFilter *filter, char word_kind)
{
	StringInfoData buf;
	char	   *words = filter->query ? query_condition(filter->query, word_kind) : NULL;

	initStringInfo(&buf);
	if (words != NULL)
		appendStringInfo(&buf, "(%s)", words);
	if (filter->categories != NULL)
	{
		appendStringInfo(&buf, "%s(", buf.len > 0 ? " & " : "");
		for (int i = 0; i < filter->n_categories; i++)
		{
			if (i > 0)
				appendStringInfoString(&buf, " | ");
			append_term(&buf, TERM_CATEGORY, filter->categories[i], false);
		}
		appendStringInfoChar(&buf, ')');
	}
	if (filter->city != NULL)
	{
		appendStringInfoString(&buf, buf.len > 0 ? " & " : "");
		append_term(&buf, TERM_CITY, filter->city, false);
	}
	if (filter->has_near && filter->radius >= 0)
	{
		char		cells[MAX_CELLS][16];
		int			n = cells_of_circle(filter->latitude, filter->longitude, filter->radius, cells);

		for (int i = 0; i < n; i++)
		{
			appendStringInfoString(&buf, i > 0 ? " | " : buf.len > 0 ? " & (" : "(");
			append_term(&buf, TERM_CELL, cells[i], false);
		}
		if (n > 0)
			appendStringInfoChar(&buf, ')');
	}
	/* beside words or a place the bands cost more than they keep out */
	if (filter->has_price && filter->query == NULL && filter->radius < 0 && filter->city == NULL)
		append_price_bands(&buf, filter->price);
	if (buf.len == 0)
		append_term(&buf, TERM_ANY, "", false);
	return buf.data;
}

static TSQuery
parse_condition(const char *condition)
{
	return DatumGetTSQuery(DirectFunctionCall1(tsqueryin, CStringGetDatum(condition)));
}

/* Write the segment's name into every term. */
static void
set_segment(TSQuery tsquery, const char *segment)
{
	QueryItem  *item = GETQUERY(tsquery);

	for (int i = 0; i < tsquery->size; i++)
	{
		char	   *term;
		pg_crc32	crc;

		if (item[i].type != QI_VAL)
			continue;
		term = GETOPERAND(tsquery) + item[i].qoperand.distance;
		memcpy(term, segment, SEGMENT_LEN);
		INIT_LEGACY_CRC32(crc);
		COMP_LEGACY_CRC32(crc, term, item[i].qoperand.length);
		FIN_LEGACY_CRC32(crc);
		item[i].qoperand.valcrc = (int32) crc;
	}
}

/* The condition once for each of some segments: an array of tsquery. */
static Datum
conditions(const char *condition, char (*segments)[SEGMENT_LEN], int n)
{
	TSQuery		template = parse_condition(condition);
	Datum	   *copies = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		TSQuery		copy = palloc(VARSIZE(template));

		memcpy(copy, template, VARSIZE(template));
		set_segment(copy, segments[i]);
		copies[i] = TSQueryGetDatum(copy);
	}
	return datum_array(copies, NULL, n, TSQUERYOID);
}

/* For each of some days. */
Datum
segment_queries(const char *condition, int first_day, int n_days)
{
	char		(*segments)[SEGMENT_LEN] = palloc((Size) n_days * SEGMENT_LEN);

	for (int i = 0; i < n_days; i++)
		segment_of_day(segments[i], first_day + i);
	return conditions(condition, segments, n_days);
}

/* Version 0.1.0's index does not divide its samples. */
static bool
has_weekly_samples(void)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT p.prosrc <> 'ev_search_terms' FROM pg_catalog.pg_proc p"
		" WHERE p.oid = 'evently.search_terms'::pg_catalog.regproc");
	bool		isnull;

	(void) spi_read(&query, NULL, NULL);
	return DatumGetBool(spi_datum(0, 1, &isnull));
}

/* For a sample of the events on some days. */
Datum
sample_query(const char *condition, int rate, int first_day, int last_day)
{
	char		(*segments)[SEGMENT_LEN];
	int			first = search_week(first_day);
	int			n = Max(0, search_week(last_day) - first + 1);

	if (rate > WEEKLY_RATE || !has_weekly_samples())
	{
		segments = palloc(SEGMENT_LEN);
		segment_of_sample(segments[0], rate);
		return conditions(condition, segments, 1);
	}
	segments = palloc((Size) Max(n, 1) * SEGMENT_LEN);
	for (int i = 0; i < n; i++)
		segment_of_week(segments[i], rate, first + i);
	return conditions(condition, segments, n);
}

/* For all events at once. */
Datum
every_query(const char *condition)
{
	char		segment[1][SEGMENT_LEN];

	memcpy(segment[0], SEGMENT_EVERY, SEGMENT_LEN);
	return conditions(condition, segment, 1);
}

/*
 * Whether few events have these terms, about 1,300 by a sample. To read them all
 * then costs no more than to look into day after day.
 */
bool
is_rare(const char *condition)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.unnest($1) d (q)"
		" JOIN evently.event_search s ON " SEARCH_TERMS " @@ d.q LIMIT $2",
		TSQUERYARRAYOID, INT4OID);
	Datum		values[2] = {sample_query(condition, RARE_SAMPLE, 0, 0), Int32GetDatum(RARE_IN_SAMPLE + 1)};

	return spi_read(&query, values, NULL) <= RARE_IN_SAMPLE;
}

/*
 * $2 to $8 of SEARCH_FILTER. The index leaves only phrases and exclusions to be
 * looked at in the row; without_index, the words as well.
 */
void
set_filter_args(const SearchFilter *filter, bool without_index, Datum *values, char *nulls)
{
	memset(nulls, ' ', 8);
	values[1] = TimestampTzGetDatum(filter->from);
	values[2] = TimestampTzGetDatum(filter->to);
	values[3] = TimestampTzGetDatum(filter->now);
	values[4] = filter->near;
	nulls[4] = filter->has_near ? ' ' : 'n';
	values[5] = Float8GetDatum(filter->radius);
	values[6] = filter->price;
	nulls[6] = filter->has_price ? ' ' : 'n';
	nulls[7] = 'n';
	if (filter->query && (without_index || filter->query->must_recheck))
	{
		int			n = list_length(filter->query->tsqueries);
		Datum	   *readings = palloc(sizeof(Datum) * n);

		for (int i = 0; i < n; i++)
			readings[i] = TSQueryGetDatum(list_nth(filter->query->tsqueries, i));
		values[7] = datum_array(readings, NULL, n, TSQUERYOID);
		nulls[7] = ' ';
	}
}

/* Append what matches in some segments; how many rows that meant to look at. */
static int
read_segments(const SearchFilter *filter, Datum segments, CandidateList *list)
{
	static SpiQuery query = SPI_QUERY("SELECT" SEARCH_COLUMNS_IF(
		"$9", "CASE $10 WHEN 1 THEN s.price_from::pg_catalog.float8"
		" WHEN 2 THEN evently.metres_between(s.location, $5) END") SEARCH_SEGMENTS,
		SEARCH_FILTER_ARGS, BOOLOID, INT4OID);
	CandidateReceiver receiver = candidate_receiver(filter, list);
	Datum		values[10];
	char		nulls[] = "          ";

	use_geography(&query, 4, filter);
	set_filter_args(filter, false, values, nulls);
	values[0] = segments;
	/* checked by the receiver, so that it is known how many it looked at */
	receiver.must_recheck = nulls[7] != 'n';
	nulls[7] = 'n';
	values[8] = BoolGetDatum(receiver.must_recheck || (filter->query != NULL && !filter->unranked));
	values[9] = Int32GetDatum(filter->by_price ? 1 : filter->by_distance ? 2 : 0);
	return (int) spi_read_into(&query, values, nulls, &receiver.pub);
}

/* When the first of all events starts; if_none when there is none. */
static TimestampTz
first_start(TimestampTz if_none)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT s.start_time FROM evently.event_search s"
		" ORDER BY s.start_time, s.event_id LIMIT 1");

	return spi_read(&query, NULL, NULL) > 0 ? spi_timestamp(0, 1, if_none) : if_none;
}

/* The first day that has an event; today when there is none. */
int
first_day(TimestampTz now)
{
	return search_day(first_start(now));
}

/* The first day that may have an event of the search. */
int
first_day_of(const SearchFilter *filter)
{
	return search_day(filter->from < filter->now
					  ? Max(filter->from, first_start(filter->from)) : filter->from);
}

/* The last day that has an event; 0 when there is none. */
int
last_day(void)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT s.start_time FROM evently.event_search s"
		" ORDER BY s.start_time DESC, s.event_id DESC LIMIT 1");

	return spi_read(&query, NULL, NULL) > 0 ? search_day(spi_timestamp(0, 1, 0)) : 0;
}

int
last_day_of(const SearchFilter *filter)
{
	int			day = last_day();

	return TIMESTAMP_IS_NOEND(filter->to) ? day : Min(day, search_day(filter->to - 1));
}

/* Whether the filters name anything but categories, of which there are few. */
bool
has_terms(const SearchFilter *filter)
{
	return filter->query != NULL || filter->city != NULL || filter->radius >= 0 ||
		filter->has_price;
}

/*
 * Append what matches from a day on, soonest first, in whole days, until there
 * is enough; to be ranked, a phrase or an exclusion that most rows fail may do
 * with fewer. complete: whether that was all there is.
 */
void
read_soonest(const SearchFilter *filter, const char *condition, int first_day, int enough,
			 CandidateList *list, bool *complete)
{
	int			until;
	int			before = list->n;
	int			day = first_day;
	int			days = 1;
	int			looked_at = 0;

	until = last_day_of(filter);
	if (has_terms(filter) && until - first_day >= FEW_DAYS && is_rare(condition))
	{
		(void) read_segments(filter, every_query(condition), list);
		*complete = true;
		return;
	}
	while (day <= until && list->n - before < enough)
	{
		int			found = list->n - before;

		if (!filter->unranked && looked_at > MOST_LOOKED_AT && found >= ENOUGH_RANKED)
			break;

		days = Min(days, until - day + 1);
		looked_at += read_segments(filter, segment_queries(condition, day, days), list);
		day += days;
		found = list->n - before;
		/*
		 * As many days as should do, but not many more than so far; today may
		 * be nearly over and tells little.
		 */
		days = day - first_day == 1 ? 1 : Min(4 * days, MAX_DAYS_AT_ONCE);
		if (found > 0)
		{
			double		needed = (double) (enough - found) * (day - first_day) / found;

			days = (int) Max(1, Min(days, ceil(1.2 * needed)));
		}
	}
	*complete = day > until;
}

/* The arguments of SEARCH_FILTER and SEARCH_TERM_FILTER. */
void
set_term_args(const SearchFilter *filter, Datum *values, char *nulls)
{
	Datum		categories[8];

	set_filter_args(filter, true, values, nulls);
	values[0] = (Datum) 0;
	nulls[0] = 'n';
	for (int i = 0; i < filter->n_categories; i++)
		categories[i] = CStringGetTextDatum(filter->categories[i]);
	nulls[8] = filter->categories ? ' ' : 'n';
	if (filter->categories)
		values[8] = datum_array(categories, NULL, filter->n_categories, TEXTOID);
	values[9] = string_datum_or_null(filter->city, &nulls[9]);
}

/* The next matches by date, after a start and an id. */
void
read_next(const SearchFilter *filter, TimestampTz start, int64 event_id, int n,
		  CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS " FROM evently.event_search s"
		" WHERE (s.start_time, s.event_id) > ($11, $12) AND" SEARCH_FILTER SEARCH_TERM_FILTER
		" ORDER BY s.start_time, s.event_id LIMIT $13",
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT4OID);
	Datum		values[13];
	char		nulls[] = "             ";

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	values[10] = TimestampTzGetDatum(start);
	values[11] = Int64GetDatum(event_id);
	values[12] = Int32GetDatum(n);
	read_candidates(&query, values, nulls, filter, list);
}

/* The next matches by list price, after a price and an id. */
void
read_cheapest(const SearchFilter *filter, double price, int64 event_id, int n,
			  CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS_WITH("s.price_from::pg_catalog.float8") " FROM evently.event_search s"
		" WHERE (s.price_from, s.event_id) > ($11::pg_catalog.numeric, $12) AND" SEARCH_FILTER SEARCH_TERM_FILTER
		" ORDER BY s.price_from, s.event_id LIMIT $13",
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, FLOAT8OID, INT8OID, INT4OID);
	Datum		values[13];
	char		nulls[] = "             ";

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	values[10] = Float8GetDatum(price);
	values[11] = Int64GetDatum(event_id);
	values[12] = Int32GetDatum(n);
	read_candidates(&query, values, nulls, filter, list);
}

/* The next matches by the sales of the week, after a number and an id. */
void
read_popular(const SearchFilter *filter, int64 sold, int64 event_id, int n, CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS ", p.sold_week FROM evently.event_popularity p"
		" JOIN evently.event_search s ON s.event_id = p.event_id"
		" WHERE p.sold_week > 0 AND p.sold_week <= $11 AND (p.sold_week < $11 OR p.event_id > $12) AND" SEARCH_FILTER SEARCH_TERM_FILTER
		" ORDER BY p.sold_week DESC, p.event_id LIMIT $13",
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, INT8OID, INT8OID, INT4OID);
	Datum		values[13];
	char		nulls[] = "             ";

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	values[10] = Int64GetDatum(sold);
	values[11] = Int64GetDatum(event_id);
	values[12] = Int32GetDatum(n);
	read_candidates(&query, values, nulls, filter, list);
}

/* The n best sellers of the week, those of them that match. */
void
read_best_of_week(const SearchFilter *filter, int n, CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS ", p.sold_week"
		" FROM (SELECT x.event_id, x.sold_week FROM evently.event_popularity x"
		"  ORDER BY x.sold_week DESC, x.event_id LIMIT $11) p"
		" JOIN evently.event_search s ON s.event_id = p.event_id"
		" WHERE" SEARCH_FILTER SEARCH_TERM_FILTER,
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, INT4OID);
	Datum		values[11];
	char		nulls[] = "           ";

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	values[10] = Int32GetDatum(n);
	read_candidates(&query, values, nulls, filter, list);
}

/* The matches that did not sell this week, by id. */
void
read_unpopular(const SearchFilter *filter, int64 event_id, int n, CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS " FROM evently.event_search s"
		" WHERE s.event_id > $11 AND" SEARCH_FILTER SEARCH_TERM_FILTER
		"  AND NOT EXISTS (SELECT FROM evently.event_popularity p"
		"   WHERE p.event_id = s.event_id AND p.sold_week > 0)"
		" ORDER BY s.event_id LIMIT $12",
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, INT8OID, INT4OID);
	Datum		values[12];
	char		nulls[] = "            ";

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	values[10] = Int64GetDatum(event_id);
	values[11] = Int32GetDatum(n);
	read_candidates(&query, values, nulls, filter, list);
}

/*
 * The matches at the n venues nearest to the point. reach: how far out they are
 * all there, infinity when there are no more venues.
 */
void
read_nearest(const SearchFilter *filter, int n, CandidateList *list, double *reach)
{
	static SpiQuery venues = SPI_QUERY(
		"SELECT v.venue_id, v.metres FROM evently.nearest_venues($1, $2) v", InvalidOid, INT4OID);
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS_WITH("v.metres")
		" FROM ROWS FROM (pg_catalog.unnest($11), pg_catalog.unnest($12)) v (venue_id, metres)"
		" JOIN evently.event_search s ON s.venue_id = v.venue_id"
		" WHERE" SEARCH_FILTER SEARCH_TERM_FILTER,
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, INT8ARRAYOID, FLOAT8ARRAYOID);
	Datum		values[12];
	char		nulls[] = "            ";
	int64	   *venue_ids;
	Datum	   *metres;
	int			found;

	use_geography(&venues, 0, filter);
	use_geography(&query, 4, filter);
	values[0] = filter->near;
	values[1] = Int32GetDatum(n);
	(void) spi_read(&venues, values, NULL);
	venue_ids = spi_int64_column(1, &found);
	metres = palloc(sizeof(Datum) * Max(found, 1));
	for (int i = 0; i < found; i++)
	{
		bool		isnull;

		metres[i] = spi_datum(i, 2, &isnull);
	}
	/* they come nearest first by the sphere, which is off by 0.6 % */
	*reach = found < n ? get_float8_infinity() : 0.985 * DatumGetFloat8(metres[found - 1]);
	set_term_args(filter, values, nulls);
	values[10] = int64_array(venue_ids, found);
	values[11] = datum_array(metres, NULL, found, FLOAT8OID);
	read_candidates(&query, values, nulls, filter, list);
}

/* Sales of the week for all of a list. */
void
add_popularity(CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT p.event_id, p.sold_week FROM evently.event_popularity p WHERE p.event_id = ANY ($1)"
		" ORDER BY p.event_id",
		INT8ARRAYOID);
	int64	   *ids = palloc(sizeof(int64) * Max(list->n, 1));
	Datum		values[1];
	uint64		n;
	uint64		row = 0;

	for (int i = 0; i < list->n; i++)
		ids[i] = list->items[i].event_id;
	values[0] = int64_array(ids, list->n);
	n = spi_read(&query, values, NULL);
	/* both in the order of ids: see drop_doubles() */
	for (int i = 0; i < list->n; i++)
	{
		while (row < n && spi_int64(row, 1) < list->items[i].event_id)
			row++;
		if (row < n && spi_int64(row, 1) == list->items[i].event_id)
			list->items[i].sold = spi_int64(row, 2);
	}
}

static int
compare_ids(const void *a, const void *b)
{
	int64		left = ((const Candidate *) a)->event_id;
	int64		right = ((const Candidate *) b)->event_id;

	return left < right ? -1 : left > right;
}

/* Sort by id, and keep one of each; if one of them knows its sales, these. */
void
drop_doubles(CandidateList *list)
{
	int			n = 0;

	for (int i = 0; i < list->n; i++)
		list->items[i].key = 0;
	sort_candidates(list);
	for (int i = 0; i < list->n; i++)
	{
		if (n == 0 || list->items[n - 1].event_id != list->items[i].event_id)
			list->items[n++] = list->items[i];
		else
			list->items[n - 1].sold = Max(list->items[n - 1].sold, list->items[i].sold);
	}
	list->n = n;
}

/* An event in a list sorted by id; NULL if it is not there. */
Candidate *
find_candidate(const CandidateList *list, int64 event_id)
{
	Candidate	wanted = {.event_id = event_id};

	return bsearch(&wanted, list->items, list->n, sizeof(Candidate), compare_ids);
}
