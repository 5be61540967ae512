/*-------------------------------------------------------------------------
 *
 * trending.c
 *	  What sells: trending_events(), homepage(), and the roll-up behind them.
 *
 * A confirmation writes nothing for it. Tickets are issued with rising ids, so
 * those that the job has not rolled up yet are the end of the tickets' primary
 * key, and reading adds them to what is rolled up.
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"
#include "search_sql.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "funcapi.h"
#include "utils/formatting.h"
#include "utils/tuplestore.h"

#include "refusal.h"
#include "settled.h"
#include "spi_util.h"

#define MAX_LISTED		100
#define FIRST_TRENDING	500	/* of all places, looked through for a place's */
#define ENOUGH_LOCAL	400	/* of a place's own events, the soonest */
#define NEARBY_M		50000.0
#define AROUND_M		250000.0

/*
 * The roll-up: a run notes the last ticket id given out, and a later run adds up
 * all tickets up to the note when they are there (settled.c).
 */

/* The progress row, locked; false when another session has it. */
static bool
lock_progress(int64 *ticket_id, int64 *noted, bool *settled, TimestampTz *hour)
{
	static SpiQuery start = SPI_QUERY(
		"INSERT INTO evently.sales_progress (ticket_id, noted_ticket_id, noted_xid, hour)"
		" SELECT 0, 0, '0', $1 WHERE NOT EXISTS (SELECT FROM evently.sales_progress)"
		" ON CONFLICT DO NOTHING",
		TIMESTAMPTZOID);
	static SpiQuery lock = SPI_QUERY(
		"SELECT p.ticket_id, p.noted_ticket_id, p.hour, p.noted_xid::pg_catalog.text"
		" FROM evently.sales_progress p FOR UPDATE SKIP LOCKED");
	Datum		values[1] = {TimestampTzGetDatum(*hour)};

	(void) spi_run(&start, values, NULL);
	if (spi_run(&lock, NULL, NULL) == 0)
		return false;
	*ticket_id = spi_int64(0, 1);
	*noted = spi_int64(0, 2);
	*hour = spi_timestamp(0, 3, *hour);
	*settled = all_have_ended(spi_text(0, 4));
	return true;
}

static void
save_progress(int64 ticket_id, TimestampTz hour, bool note)
{
	static SpiQuery last = SPI_QUERY(
		"SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END"
		" FROM evently.ticket_ids s");
	static SpiQuery save = SPI_QUERY(
		"UPDATE evently.sales_progress SET ticket_id = $1, hour = $2", INT8OID, TIMESTAMPTZOID);
	static SpiQuery save_note = SPI_QUERY(
		"UPDATE evently.sales_progress SET noted_ticket_id = $1, noted_xid = $2::pg_catalog.xid8",
		INT8OID, TEXTOID);
	Datum		values[2];

	values[0] = Int64GetDatum(ticket_id);
	values[1] = TimestampTzGetDatum(hour);
	(void) spi_run(&save, values, NULL);
	if (!note)
		return;
	/* first the id, then the transaction: whoever took the id had begun by then */
	(void) spi_run(&last, NULL, NULL);
	values[0] = Int64GetDatum(spi_int64(0, 1));
	values[1] = next_transaction();
	(void) spi_run(&save_note, values, NULL);
}

/* Sales of the last day and week anew, for some events. */
static void
refresh_popularity(Datum event_ids, TimestampTz hour)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.event_popularity AS p (event_id, sold_day, sold_week)"
		" SELECT h.event_id, coalesce(pg_catalog.sum(h.tickets) FILTER (WHERE h.hour >= $2 - interval '24 hours'), 0),"
		"  pg_catalog.sum(h.tickets)"
		" FROM evently.sales_hourly h JOIN evently.events e ON e.event_id = h.event_id"
		" WHERE h.event_id = ANY ($1) AND h.hour >= $2 - interval '168 hours'"
		" GROUP BY h.event_id ORDER BY h.event_id"
		" ON CONFLICT (event_id) DO UPDATE SET sold_day = excluded.sold_day, sold_week = excluded.sold_week"
		"  WHERE (p.sold_day, p.sold_week) <> (excluded.sold_day, excluded.sold_week)",
		INT8ARRAYOID, TIMESTAMPTZOID);
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.event_popularity p WHERE p.event_id = ANY ($1)"
		" AND NOT EXISTS (SELECT FROM evently.sales_hourly h"
		"  WHERE h.event_id = p.event_id AND h.hour >= $2 - interval '168 hours')",
		INT8ARRAYOID, TIMESTAMPTZOID);
	Datum		values[2] = {event_ids, TimestampTzGetDatum(hour)};

	(void) spi_run(&query, values, NULL);
	(void) spi_run(&forget, values, NULL);
}

/* Add up to so many tickets; how many there were, and the last one. */
static int
add_sales(int64 after, int64 *up_to, int batch_size, TimestampTz hour)
{
	static SpiQuery query = SPI_QUERY(
		"WITH k AS MATERIALIZED (SELECT t.ticket_id, t.event_id, t.order_id, t.issued_at, t.transferred_from"
		"  FROM evently.tickets t WHERE t.ticket_id > $1 AND t.ticket_id <= $2"
		"  ORDER BY t.ticket_id LIMIT $3),"
		" added AS (INSERT INTO evently.sales_hourly AS h (event_id, hour, tickets)"
		"  SELECT k.event_id, pg_catalog.date_trunc('hour', k.issued_at, 'UTC'), pg_catalog.count(*)"
		"  FROM k JOIN evently.orders o ON o.order_id = k.order_id"
		"  WHERE k.transferred_from IS NULL AND o.channel = 'SALE' GROUP BY 1, 2 ORDER BY 1, 2"
		"  ON CONFLICT (event_id, hour) DO UPDATE SET tickets = h.tickets + excluded.tickets"
		"  RETURNING h.event_id)"
		" SELECT (SELECT pg_catalog.count(*)::pg_catalog.int4 FROM k),"
		"  (SELECT pg_catalog.max(k.ticket_id) FROM k),"
		"  ARRAY(SELECT DISTINCT a.event_id FROM added a)",
		INT8OID, INT8OID, INT4OID);
	Datum		values[3] = {Int64GetDatum(after), Int64GetDatum(*up_to), Int32GetDatum(batch_size)};
	bool		isnull;
	int			n;

	(void) spi_run(&query, values, NULL);
	n = spi_int32(0, 1);
	if (n == batch_size)
		*up_to = spi_int64(0, 2);
	if (n > 0)
		refresh_popularity(spi_datum(0, 3, &isnull), hour);
	return n;
}

/* At a new hour, what has become too old leaves the day and the week. */
static void
drop_old_sales(TimestampTz from, TimestampTz to)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT ARRAY(SELECT DISTINCT h.event_id FROM evently.sales_hourly h"
		" WHERE (h.hour >= $1 - interval '24 hours' AND h.hour < $2 - interval '24 hours')"
		"  OR (h.hour >= $1 - interval '168 hours' AND h.hour < $2 - interval '168 hours'))",
		TIMESTAMPTZOID, TIMESTAMPTZOID);
	Datum		values[2] = {TimestampTzGetDatum(from), TimestampTzGetDatum(to)};
	bool		isnull;

	(void) spi_run(&query, values, NULL);
	refresh_popularity(spi_datum(0, 1, &isnull), to);
}

static TimestampTz
hour_of(TimestampTz at)
{
	return at - ((at % USECS_PER_HOUR) + USECS_PER_HOUR) % USECS_PER_HOUR;
}

/* roll_up_sales(batch_size): how many tickets were added up */
PG_FUNCTION_INFO_V1(ev_roll_up_sales);
Datum
ev_roll_up_sales(PG_FUNCTION_ARGS)
{
	int			batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz this_hour = hour_of(GetCurrentTimestamp());
	TimestampTz hour = this_hour;
	int64		ticket_id;
	int64		noted;
	bool		settled;
	int			n = 0;

	ev_connect();
	if (lock_progress(&ticket_id, &noted, &settled, &hour))
	{
		if (hour < this_hour)
			drop_old_sales(hour, this_hour);
		if (settled && noted > ticket_id)
		{
			n = add_sales(ticket_id, &noted, batch_size, this_hour);
			ticket_id = noted;
		}
		/* with all up to the note done, or on the way, the next note */
		save_progress(ticket_id, this_hour, settled && n < batch_size);
	}
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}

/*
 * Reading.
 */

/* Sales that are not rolled up yet, by event. */
static int
read_tail(TimestampTz now, int64 **event_ids, int64 **sold)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT k.event_id, pg_catalog.count(*) FROM evently.tickets k"
		" WHERE k.ticket_id > coalesce((SELECT p.ticket_id FROM evently.sales_progress p), 0)"
		"  AND k.issued_at > $1 - interval '24 hours' AND k.transferred_from IS NULL"
		"  AND k.order_id <> ALL (ARRAY(SELECT o.order_id FROM evently.orders o"
		"   WHERE o.channel = 'COMP' AND o.confirmed_at > $1 - interval '24 hours'))"
		" GROUP BY k.event_id",
		TIMESTAMPTZOID);
	Datum		values[1] = {TimestampTzGetDatum(now)};
	int			n;

	(void) spi_read(&query, values, NULL);
	*event_ids = spi_int64_column(1, &n);
	*sold = spi_int64_column(2, &n);
	return n;
}

/* Events with what they sold in the last 24 hours, the best first. */
typedef struct Sellers
{
	CandidateList sold;
	CandidateList tail;			/* what is not rolled up of it, by id */
	bool		all;			/* nothing else has sold anything */
} Sellers;

static Candidate *
add_sold(CandidateList *list, int64 event_id, int64 sold)
{
	Candidate  *item = add_candidate(list);

	item->event_id = event_id;
	item->sold = sold;
	item->key = -(double) sold;
	return item;
}

/* Rolled-up sales of the day for some events, and what has sold since. */
static void
append_sales(const Sellers *sellers, Datum event_ids, CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT i.event_id, coalesce(p.sold_day, 0) FROM pg_catalog.unnest($1) i (event_id)"
		" LEFT JOIN evently.event_popularity p ON p.event_id = i.event_id",
		INT8ARRAYOID);
	Datum		values[1] = {event_ids};
	uint64		n = spi_read(&query, values, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		const Candidate *tail = find_candidate(&sellers->tail, spi_int64(i, 1));
		int64		sold = spi_int64(i, 2) + (tail ? tail->sold : 0);

		if (sold > 0)
			(void) add_sold(list, spi_int64(i, 1), sold);
	}
}

/* The best sellers of all places: those rolled up, and whatever has sold since. */
static void
read_sellers(TimestampTz now, Sellers *sellers)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT p.event_id, p.sold_day FROM evently.event_popularity p"
		" WHERE p.sold_day > 0 ORDER BY p.sold_day DESC, p.event_id LIMIT $1",
		INT4OID);
	int64	   *tail_ids;
	int64	   *tail_sold;
	int			ntail = read_tail(now, &tail_ids, &tail_sold);
	Datum		values[1] = {Int32GetDatum(FIRST_TRENDING)};
	uint64		n;

	memset(sellers, 0, sizeof(Sellers));
	for (int i = 0; i < ntail; i++)
		(void) add_sold(&sellers->tail, tail_ids[i], tail_sold[i]);
	drop_doubles(&sellers->tail);
	n = spi_read(&query, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		if (find_candidate(&sellers->tail, spi_int64(i, 1)) == NULL)
			(void) add_sold(&sellers->sold, spi_int64(i, 1), spi_int64(i, 2));
	}
	sellers->all = n < FIRST_TRENDING;
	if (ntail > 0)
		append_sales(sellers, int64_array(tail_ids, ntail), &sellers->sold);
	sort_candidates(&sellers->sold);
}

/* Append those of some sellers that match, some at a time until there is enough. */
static void
append_matches(const SearchFilter *filter, const CandidateList *sellers, int enough,
			   CandidateList *list)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT" SEARCH_COLUMNS ", i.sold"
		" FROM ROWS FROM (pg_catalog.unnest($11), pg_catalog.unnest($12)) i (event_id, sold)"
		" JOIN evently.event_search s ON s.event_id = i.event_id"
		" WHERE" SEARCH_FILTER SEARCH_TERM_FILTER,
		SEARCH_FILTER_ARGS, TEXTARRAYOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID);
	Datum		values[12];
	char		nulls[] = "            ";
	int			n;
	int			some = 2 * enough;

	use_geography(&query, 4, filter);
	set_term_args(filter, values, nulls);
	for (int i = 0; i < sellers->n && list->n < enough; i += n, some *= 4)
	{
		int64	   *ids;
		int64	   *sold;

		n = Min(some, sellers->n - i);
		ids = palloc(sizeof(int64) * n);
		sold = palloc(sizeof(int64) * n);

		for (int j = 0; j < n; j++)
		{
			ids[j] = sellers->items[i + j].event_id;
			sold[j] = sellers->items[i + j].sold;
		}
		values[10] = int64_array(ids, n);
		values[11] = int64_array(sold, n);
		read_candidates(&query, values, nulls, filter, list);
	}
}

static bool
is_local(const SearchFilter *filter)
{
	return filter->city != NULL || filter->radius >= 0;
}

/*
 * The best sellers of a place, or of all, sorted. A place's are looked for among
 * those of all places; if few of them are there, also among its own soonest events.
 */
static void
gather_trending(const SearchFilter *filter, const Sellers *sellers, int limit,
				CandidateList *list)
{
	/* twice as many, for what a user likes to come forward */
	append_matches(filter, &sellers->sold, 2 * limit, list);
	if (is_local(filter) && list->n < limit && !sellers->all)
	{
		CandidateList local = {0};
		bool		complete;
		int64	   *ids;
		int			from_all = list->n;

		read_soonest(filter, filter_condition(filter, TERM_WORD), first_day_of(filter),
					 ENOUGH_LOCAL, &local, &complete);
		ids = palloc(sizeof(int64) * Max(local.n, 1));
		for (int i = 0; i < local.n; i++)
			ids[i] = local.items[i].event_id;
		drop_doubles(&local);
		append_sales(sellers, int64_array(ids, local.n), list);
		/* of these the sales are known, now what they are */
		for (int i = from_all; i < list->n; i++)
		{
			int64		sold = list->items[i].sold;

			list->items[i] = *find_candidate(&local, list->items[i].event_id);
			list->items[i].sold = sold;
		}
		drop_doubles(list);
	}
	for (int i = 0; i < list->n; i++)
	{
		list->items[i].score = (double) list->items[i].sold;
		list->items[i].key = -list->items[i].score;
	}
	sort_candidates(list);
}

typedef struct Listing
{
	ReturnSetInfo *rsinfo;
	int			limit;
	int			n;
	int64	   *listed;
	const SearchFilter *filter;
} Listing;

/* List the best of some candidates that are not listed yet. */
static void
list_candidates(Listing *listing, const CandidateList *list, const char *reason)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.event_id, e.title, e.category, e.status, e.start_time,"
		" e.start_time AT TIME ZONE coalesce(v.timezone, 'UTC'), e.venue_id, v.name, v.city,"
		" v.country_code, e.cover_image_url, e.currency::pg_catalog.text, o.price_from, o.availability,"
		" evently.metres_between(v.location, $3)"
		" FROM pg_catalog.unnest($1) WITH ORDINALITY i (event_id, n)"
		" JOIN evently.events e ON e.event_id = i.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" CROSS JOIN LATERAL evently.event_offer(i.event_id, $2, NULL) o ORDER BY i.n",
		INT8ARRAYOID, TIMESTAMPTZOID, InvalidOid);
	Candidate  *chosen[MAX_LISTED];
	int64		ids[MAX_LISTED];
	int			n = 0;
	Datum		args[3];
	char		arg_nulls[] = "   ";

	for (int i = 0; i < list->n && listing->n + n < listing->limit; i++)
	{
		bool		listed = false;

		for (int j = 0; j < listing->n && !listed; j++)
			listed = listing->listed[j] == list->items[i].event_id;
		if (!listed)
		{
			chosen[n] = &list->items[i];
			ids[n++] = list->items[i].event_id;
		}
	}
	if (n == 0)
		return;
	args[0] = int64_array(ids, n);
	args[1] = TimestampTzGetDatum(listing->filter->now);
	use_geography(&query, 2, listing->filter);
	args[2] = listing->filter->near;
	arg_nulls[2] = listing->filter->has_near ? ' ' : 'n';
	if (spi_read(&query, args, arg_nulls) != (uint64) n)
		elog(ERROR, "a row of event_search has no event");
	for (int i = 0; i < n; i++)
	{
		Datum		values[18];
		bool		nulls[18] = {false};

		values[0] = Int32GetDatum(listing->n + 1);
		values[1] = CStringGetTextDatum(reason);
		for (int column = 1; column <= 15; column++)
			values[column + 1] = spi_datum(i, column, &nulls[column + 1]);
		values[17] = Int64GetDatum(chosen[i]->sold);
		nulls[17] = strcmp(reason, "TRENDING") != 0;
		tuplestore_putvalues(listing->rsinfo->setResult, listing->rsinfo->setDesc, values, nulls);
		listing->listed[listing->n++] = ids[i];
	}
}

static void
start_listing(Listing *listing, SearchFilter *filter, FunctionCallInfo fcinfo, int limit)
{
	memset(filter, 0, sizeof(SearchFilter));
	filter->now = GetCurrentStatementStartTimestamp();
	filter->from = filter->now;
	filter->to = DT_NOEND;
	filter->radius = -1;
	filter->geography = geography_type();
	listing->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	listing->limit = limit;
	listing->n = 0;
	listing->listed = palloc(sizeof(int64) * limit);
	listing->filter = filter;
}

/* A city's name as it is indexed; a blank one is refused. */
static char *
arg_city(FunctionCallInfo fcinfo, int n)
{
	char	   *city;

	if (PG_ARGISNULL(n))
		return NULL;
	city = arg_nonempty_string(fcinfo, n, "city");
	return str_tolower(city, strlen(city), DEFAULT_COLLATION_OID);
}

/* trending_events(limit, near, radius_m, city) */
PG_FUNCTION_INFO_V1(ev_trending_events);
Datum
ev_trending_events(PG_FUNCTION_ARGS)
{
	int			limit = arg_int32_between(fcinfo, 0, "limit", 1, MAX_LISTED);
	char	   *city = arg_city(fcinfo, 3);
	SearchFilter filter;
	Listing		listing;
	Sellers		sellers;
	CandidateList list = {0};

	if (city != NULL && !PG_ARGISNULL(1))
		raise_bad_argument("near and city exclude each other", NULL, "Give one of them.");
	if (PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		raise_bad_argument("radius_m needs a point", NULL, "Give near as well.");
	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	start_listing(&listing, &filter, fcinfo, limit);
	filter.city = city;
	if (!PG_ARGISNULL(1))
	{
		filter.radius = PG_ARGISNULL(2) ? NEARBY_M : PG_GETARG_FLOAT8(2);
		check_radius(filter.radius);
		read_point(&filter, PG_GETARG_DATUM(1));
	}
	read_sellers(filter.now, &sellers);
	gather_trending(&filter, &sellers, limit, &list);
	list_candidates(&listing, &list, "TRENDING");
	ev_finish((Datum) 0);
	return (Datum) 0;
}

/* List what is coming up, what the user likes first. */
static void
list_coming_up(Listing *listing, const SearchFilter *filter, bool has_user, int64 user_id,
			   const char *reason)
{
	CandidateList list = {0};
	bool		all;

	if (listing->n == listing->limit)
		return;
	all = gather_relevant(filter, &list);
	rank_candidates(filter, all, has_user, user_id, &list);
	list_candidates(listing, &list, reason);
}

static void
list_trending(Listing *listing, const SearchFilter *filter, const Sellers *sellers, List *tastes)
{
	CandidateList list = {0};

	if (listing->n == listing->limit)
		return;
	gather_trending(filter, sellers, listing->limit, &list);
	if (list.n > 0)
		boost_by_taste(tastes, list.items[0].score, &list);
	list_candidates(listing, &list, "TRENDING");
}

/* homepage(city, near, user_id, limit) */
PG_FUNCTION_INFO_V1(ev_homepage);
Datum
ev_homepage(PG_FUNCTION_ARGS)
{
	char	   *city = arg_city(fcinfo, 0);
	bool		has_user = !PG_ARGISNULL(2);
	int64		user_id = has_user ? PG_GETARG_INT64(2) : 0;
	int			limit = arg_int32_between(fcinfo, 3, "limit", 1, MAX_LISTED);
	SearchFilter filter;
	Listing		listing;
	Sellers		sellers;
	List	   *tastes;

	if (city != NULL && !PG_ARGISNULL(1))
		raise_bad_argument("near and city exclude each other", NULL, "Give one of them.");
	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	start_listing(&listing, &filter, fcinfo, limit);
	tastes = has_user ? read_taste(user_id, filter.now) : NIL;
	if (!PG_ARGISNULL(1))
	{
		filter.radius = NEARBY_M;
		read_point(&filter, PG_GETARG_DATUM(1));
	}
	filter.city = city;
	read_sellers(filter.now, &sellers);
	list_trending(&listing, &filter, &sellers, tastes);
	if (is_local(&filter))
	{
		list_coming_up(&listing, &filter, has_user, user_id, "NEARBY");
		if (filter.has_near)
		{
			filter.radius = AROUND_M;
			list_coming_up(&listing, &filter, has_user, user_id, "AROUND");
		}
		filter.city = NULL;
		filter.radius = -1;
		list_trending(&listing, &filter, &sellers, tastes);
	}
	list_coming_up(&listing, &filter, has_user, user_id, "ANYWHERE");
	ev_finish((Datum) 0);
	return (Datum) 0;
}
