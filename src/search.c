/*-------------------------------------------------------------------------
 *
 * search.c
 *	  search_events(): a page of events.
 *
 * Candidates are gathered in the order of the sort, as few as will do, or all
 * when there are not many; by relevance, those among which is ranked
 * (docs/search.md). Then they are judged in that order, as long as the page
 * takes: only then prices, sale windows and stock are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tsearch/ts_utils.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/tuplestore.h"

#include "refusal.h"
#include "search_cursor.h"
#include "spi_util.h"

#define MAX_PAGE_SIZE	100
#define FILTER_NARGS	7

/* Other sorts read all matches when they are about so many or fewer. */
#define FEW_MATCHES		6000
#define FIRST_LOOK		500

typedef struct PageRow
{
	Candidate	candidate;
	bool		has_price;
	double		price;			/* lowest that can be bought now */
	Datum		price_from;
	char	   *availability;
} PageRow;

typedef struct Search
{
	SearchFilter filter;
	SortOrder	sort;
	int			page_size;
	bool		has_user;
	int64		user_id;
	uint64		fingerprint;
	bool		has_cursor;
	SearchCursor cursor;

	PageRow    *page;
	int			n;
	PageRow    *waiting;		/* by price: rows that cheaper ones may still precede */
	int			n_waiting;
	int			waiting_size;
} Search;

static SortOrder
arg_sort(FunctionCallInfo fcinfo, int n)
{
	static const char *const names[] = {"relevance", "date", "price", "distance", "popularity"};
	char	   *name;

	if (PG_ARGISNULL(n))
		return SORT_RELEVANCE;
	name = text_to_cstring(PG_GETARG_TEXT_PP(n));
	for (size_t i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (SortOrder) i;
	raise_bad_argument(psprintf("unknown sort \"%s\"", name), NULL,
					   "It is one of relevance, date, price, distance, popularity.");
	pg_unreachable();
}

static bool
after_cursor(const Search *search, double key, int64 event_id)
{
	return !search->has_cursor || key > search->cursor.key ||
		(key == search->cursor.key && event_id > search->cursor.event_id);
}

static bool
page_is_full(const Search *search)
{
	return search->n == search->page_size;
}

static void
take(Search *search, const PageRow *row)
{
	if (!page_is_full(search) && after_cursor(search, row->candidate.key, row->candidate.event_id))
		search->page[search->n++] = *row;
}

/* By price: hand over the waiting rows that nothing from here on can precede. */
static void
release_waiting(Search *search, double key, int64 event_id)
{
	int			n = 0;

	while (n < search->n_waiting &&
		   (search->waiting[n].candidate.key < key ||
			(search->waiting[n].candidate.key == key &&
			 search->waiting[n].candidate.event_id < event_id)))
		take(search, &search->waiting[n++]);
	search->n_waiting -= n;
	memmove(search->waiting, search->waiting + n, search->n_waiting * sizeof(PageRow));
}

static void
let_wait(Search *search, const PageRow *row)
{
	int			at = search->n_waiting;

	if (search->n_waiting == search->waiting_size)
	{
		search->waiting_size = Max(64, 2 * search->waiting_size);
		search->waiting = search->waiting
			? repalloc(search->waiting, search->waiting_size * sizeof(PageRow))
			: palloc(search->waiting_size * sizeof(PageRow));
	}
	while (at > 0 && compare_candidates(&search->waiting[at - 1].candidate, &row->candidate) > 0)
	{
		search->waiting[at] = search->waiting[at - 1];
		at--;
	}
	search->waiting[at] = *row;
	search->n_waiting++;
}

/*
 * Judge some events as they are now: the lowest price that can be bought, and
 * whether they are what was asked for. Those that are go on the page.
 */
static void
judge(Search *search, const Candidate *candidates, int n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT i.n::pg_catalog.int4, o.price_from, o.availability, o.at_price"
		" FROM pg_catalog.unnest($1) WITH ORDINALITY i (event_id, n)"
		" CROSS JOIN LATERAL evently.event_offer(i.event_id, $2, $3) o"
		" ORDER BY i.n",
		INT8ARRAYOID, TIMESTAMPTZOID, NUMRANGEOID);
	int64	   *ids = palloc(sizeof(int64) * n);
	Datum		values[3];
	char		nulls[] = "   ";
	uint64		rows;

	for (int i = 0; i < n; i++)
		ids[i] = candidates[i].event_id;
	values[0] = int64_array(ids, n);
	values[1] = TimestampTzGetDatum(search->filter.now);
	values[2] = search->filter.price;
	nulls[2] = search->filter.has_price ? ' ' : 'n';
	rows = spi_read(&query, values, nulls);
	for (uint64 i = 0; i < rows; i++)
	{
		PageRow		row;
		bool		isnull;

		row.candidate = candidates[spi_int32(i, 1) - 1];
		row.price_from = spi_datum(i, 2, &isnull);
		row.has_price = !isnull;
		row.availability = spi_text(i, 3);
		if (search->sort == SORT_PRICE)
			release_waiting(search, row.candidate.key, row.candidate.event_id);
		if (!DatumGetBool(spi_datum(i, 4, &isnull)) ||
			(search->filter.available_only && !row.has_price))
			continue;
		if (search->sort == SORT_PRICE)
		{
			if (row.has_price)
				row.candidate.key = numeric_to_double(row.price_from);
			let_wait(search, &row);
		}
		else
			take(search, &row);
	}
}

/* Judge a sorted list from the cursor on until the page is full. */
static void
fill_page(Search *search, const Candidate *candidates, int n)
{
	int			i = 0;
	int			batch = Max(search->page_size, 10);

	/* a price may have gone up since: begin at the beginning */
	if (search->sort != SORT_PRICE)
		while (i < n && !after_cursor(search, candidates[i].key, candidates[i].event_id))
			i++;
	while (i < n && !page_is_full(search))
	{
		int			some = Min(batch, n - i);

		CHECK_FOR_INTERRUPTS();
		judge(search, candidates + i, some);
		i += some;
		batch = Min(2 * batch, 500);
	}
}

/* By relevance: ranked among the candidates that search_rank.c gathers. */
static void
search_by_relevance(Search *search)
{
	CandidateList list = {0};
	bool		all = gather_relevant(&search->filter, &list);

	rank_candidates(&search->filter, all, search->has_user, search->user_id, &list);
	fill_page(search, list.items, list.n);
}

/* By date: along the start times, or, when there are terms, day after day. */
static void
search_by_date(Search *search)
{
	SearchFilter *filter = &search->filter;
	char	   *condition = filter_condition(filter, TERM_WORD);
	TimestampTz start = filter->from - 1;
	int64		event_id = PG_INT64_MAX;
	int			some = search->page_size;
	int			day;
	bool		complete = false;

	if (search->has_cursor && (TimestampTz) search->cursor.key > start)
	{
		start = (TimestampTz) search->cursor.key;
		event_id = search->cursor.event_id;
	}
	while (!has_terms(filter) && !complete && !page_is_full(search))
	{
		CandidateList list = {0};

		read_next(filter, start, event_id, some, &list);
		for (int i = 0; i < list.n; i++)
			list.items[i].key = (double) list.items[i].start;
		fill_page(search, list.items, list.n);
		complete = list.n < some;
		if (list.n > 0)
		{
			start = list.items[list.n - 1].start;
			event_id = list.items[list.n - 1].event_id;
		}
		some = Min(2 * some, 1000);
	}
	if (!has_terms(filter))
		return;

	if (search->has_cursor)
		filter->from = Max(filter->from, (TimestampTz) search->cursor.key);
	day = first_day_of(filter);
	while (!complete && !page_is_full(search))
	{
		CandidateList list = {0};

		read_soonest(filter, condition, day, search->page_size - search->n + 1, &list, &complete);
		for (int i = 0; i < list.n; i++)
			list.items[i].key = (double) list.items[i].start;
		sort_candidates(&list);
		fill_page(search, list.items, list.n);
		if (list.n > 0)
			day = search_day(list.items[list.n - 1].start) + 1;
	}
}

static void
set_keys(const Search *search, CandidateList *list)
{
	int			n = 0;

	for (int i = 0; i < list->n; i++)
	{
		Candidate  *item = &list->items[i];

		item->key = search->sort == SORT_POPULARITY ? -(double) item->sold : item->value;
		/* without a price or a place it cannot be sorted by it */
		if (search->sort == SORT_POPULARITY || item->key >= 0)
			list->items[n++] = *item;
	}
	list->n = n;
	sort_candidates(list);
}

/* By price, distance or popularity, when there are too many to read all. */
static void
search_along(Search *search)
{
	const SearchFilter *filter = &search->filter;
	int			some = Max(4 * search->page_size, 50);
	double		price = -1;
	int64		sold = PG_INT64_MAX;
	int64		event_id = 0;
	int			venues = 16;

	if (search->has_cursor && search->sort == SORT_POPULARITY)
	{
		sold = (int64) -search->cursor.key;
		event_id = search->cursor.event_id;
	}
	while (!page_is_full(search))
	{
		CandidateList list = {0};
		int			n;
		double		reach;

		CHECK_FOR_INTERRUPTS();
		switch (search->sort)
		{
			case SORT_PRICE:
				read_cheapest(filter, price, event_id, some, &list);
				break;
			case SORT_DISTANCE:
				read_nearest(filter, venues, &list, &reach);
				break;
			default:
				if (sold > 0)
					read_popular(filter, sold, event_id, some, &list);
				else
					read_unpopular(filter, event_id, some, &list);
		}
		n = list.n;
		set_keys(search, &list);
		if (search->sort == SORT_DISTANCE)
		{
			/* all over again, a little further out */
			while (list.n > 0 && list.items[list.n - 1].key >= reach)
				list.n--;
			search->n = 0;
			fill_page(search, list.items, list.n);
			if (isinf(reach) || (filter->radius >= 0 && reach > filter->radius))
				break;
			venues *= 4;
			continue;
		}
		fill_page(search, list.items, list.n);
		if (n == 0 && sold == 0)
			break;
		if (n > 0)
		{
			price = list.items[list.n - 1].value;
			event_id = list.items[list.n - 1].event_id;
			if (sold > 0)
				sold = search->sort == SORT_POPULARITY ? list.items[list.n - 1].sold : sold;
		}
		if (n < some)
		{
			if (search->sort == SORT_PRICE || sold == 0)
				break;
			sold = 0;
			event_id = 0;
		}
	}
}

static void
search_by_value(Search *search)
{
	const SearchFilter *filter = &search->filter;
	char	   *condition = filter_condition(filter, TERM_WORD);
	CandidateList list = {0};
	int			first_day = first_day_of(filter);
	bool		complete;

	if (!has_terms(filter))
	{
		search_along(search);
		if (search->sort == SORT_PRICE)
			release_waiting(search, DBL_MAX, 0);
		return;
	}
	read_soonest(filter, condition, first_day, FIRST_LOOK, &list, &complete);
	if (!complete && list.n > 0)
	{
		/* the latest day read tells how many days so many took */
		TimestampTz latest = 0;
		double		share;

		for (int i = 0; i < list.n; i++)
			latest = Max(latest, list.items[i].start);
		share = (double) (search_day(latest) - first_day + 1) / (last_day() - first_day + 1);
		if (list.n / share > FEW_MATCHES)
		{
			search_along(search);
			if (search->sort == SORT_PRICE)
				release_waiting(search, DBL_MAX, 0);
			return;
		}
		read_soonest(filter, condition, search_day(latest) + 1, INT_MAX, &list, &complete);
	}
	if (search->sort == SORT_POPULARITY)
	{
		drop_doubles(&list);
		add_popularity(&list);
	}
	set_keys(search, &list);
	fill_page(search, list.items, list.n);
	if (search->sort == SORT_PRICE)
		release_waiting(search, DBL_MAX, 0);
}

static void
run_search(Search *search)
{
	if (search->sort == SORT_RELEVANCE)
		search_by_relevance(search);
	else if (search->sort == SORT_DATE)
		search_by_date(search);
	else
		search_by_value(search);
}

/* The page's rows, with what people are shown. */
static void
return_page(Search *search, ReturnSetInfo *rsinfo)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.title, e.category, e.status, e.start_time,"
		" e.start_time AT TIME ZONE coalesce(v.timezone, 'UTC'), e.end_time,"
		" e.venue_id, v.name, v.city, v.country_code, e.currency::pg_catalog.text, e.cover_image_url,"
		" CASE WHEN $2 IS NOT NULL THEN pg_catalog.ts_headline(e.language::pg_catalog.regconfig,"
		"  pg_catalog.concat_ws(' - ', e.title, pg_catalog.left(e.description, 2000)), $2,"
		"  'MaxWords=25, MinWords=10, MaxFragments=2, FragmentDelimiter=\" ... \"') END,"
		" evently.metres_between(v.location, $3)"
		" FROM pg_catalog.unnest($1) WITH ORDINALITY i (event_id, n)"
		" JOIN evently.events e ON e.event_id = i.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id ORDER BY i.n",
		INT8ARRAYOID, TSQUERYOID, InvalidOid);
	int64		ids[MAX_PAGE_SIZE];
	TSQuery		words = search->filter.query ? query_union(search->filter.query) : NULL;
	Datum		args[3];
	char		nulls[] = "   ";
	SearchCursor cursor = {.search = search->fingerprint, .now = search->filter.now};

	for (int i = 0; i < search->n; i++)
		ids[i] = search->page[i].candidate.event_id;
	args[0] = int64_array(ids, search->n);
	args[1] = TSQueryGetDatum(words);
	nulls[1] = words ? ' ' : 'n';
	use_geography(&query, 2, &search->filter);
	args[2] = search->filter.near;
	nulls[2] = search->filter.has_near ? ' ' : 'n';
	if (spi_read(&query, args, nulls) != (uint64) search->n)
		elog(ERROR, "a row of event_search has no event");
	for (int i = 0; i < search->n; i++)
	{
		PageRow    *row = &search->page[i];
		Datum		values[19];
		bool		isnull[19] = {false};

		values[0] = Int64GetDatum(row->candidate.event_id);
		for (int column = 1; column <= 14; column++)
			values[column] = spi_datum(i, column, &isnull[column]);
		values[15] = row->price_from;
		isnull[15] = !row->has_price;
		values[16] = CStringGetTextDatum(row->availability);
		values[17] = Float8GetDatum(row->candidate.score);
		isnull[17] = search->sort != SORT_RELEVANCE;
		cursor.key = row->candidate.key;
		cursor.event_id = row->candidate.event_id;
		values[18] = CStringGetTextDatum(write_cursor(&cursor));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, isnull);
	}
}

/*
 * search_events(query, categories, starts, near, radius_m, price,
 * available_only, user_id, sort, page_size, after)
 */
PG_FUNCTION_INFO_V1(ev_search_events);
Datum
ev_search_events(PG_FUNCTION_ARGS)
{
	Search		search = {0};

	search.sort = arg_sort(fcinfo, FILTER_NARGS + 1);
	search.page_size = arg_int32_between(fcinfo, FILTER_NARGS + 2, "page_size", 1, MAX_PAGE_SIZE);
	search.has_user = !PG_ARGISNULL(FILTER_NARGS);
	search.user_id = search.has_user ? PG_GETARG_INT64(FILTER_NARGS) : 0;
	search.fingerprint = search_fingerprint(fcinfo, FILTER_NARGS + 2);
	search.filter.now = GetCurrentStatementStartTimestamp();
	if (!PG_ARGISNULL(FILTER_NARGS + 3))
	{
		search.has_cursor = true;
		read_cursor(&search.cursor, text_to_cstring(PG_GETARG_TEXT_PP(FILTER_NARGS + 3)),
					search.fingerprint);
		search.filter.now = search.cursor.now;
	}
	if (search.sort == SORT_DISTANCE && PG_ARGISNULL(3))
		raise_bad_argument("sort by distance needs a point", NULL, "Give near as well.");
	InitMaterializedSRF(fcinfo, 0);
	search.page = palloc(sizeof(PageRow) * search.page_size);

	ev_connect();
	read_filter(&search.filter, fcinfo);
	search.filter.unranked = search.sort != SORT_RELEVANCE;
	search.filter.by_price = search.sort == SORT_PRICE;
	search.filter.by_distance = search.sort == SORT_DISTANCE;
	run_search(&search);
	if (search.n == 0 && search.filter.query != NULL)
	{
		SearchQuery *corrected = read_corrected_query(search.filter.text);

		if (corrected != NULL)
		{
			search.filter.query = corrected;
			run_search(&search);
		}
	}
	if (search.n > 0)
		return_page(&search, (ReturnSetInfo *) fcinfo->resultinfo);
	ev_finish((Datum) 0);
	return (Datum) 0;
}
