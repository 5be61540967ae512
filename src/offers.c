/*-------------------------------------------------------------------------
 *
 * offers.c
 *	  Offers to those in line: claiming, declining, their lapse; and the ends of
 *	  gathering and of whole lines.
 *
 * Lock order: an offer's row comes where an order's does, before the line.
 *
 *-------------------------------------------------------------------------
 */
#include "waitlist.h"

#include "inventory.h"
#include "job_rows.h"
#include "line.h"
#include "locks.h"
#include "orders.h"
#include "refusal.h"
#include "reserve.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"

#define OFFER_COLUMNS \
	"SELECT o.offer_id, o.entry_id, o.tier_id, o.event_id, o.user_id, o.quantity, o.status," \
	" o.expires_at, o.order_id, w.email FROM evently.waitlist_offers o" \
	" JOIN evently.waitlist_entries w ON w.entry_id = o.entry_id WHERE o.offer_id = $1"

static Offer *
fill_offer(void)
{
	Offer	   *offer = palloc(sizeof(Offer));

	offer->offer_id = spi_int64(0, 1);
	offer->entry_id = spi_int64(0, 2);
	offer->tier_id = spi_int64(0, 3);
	offer->event_id = spi_int64(0, 4);
	offer->user_id = spi_int64(0, 5);
	offer->quantity = spi_int32(0, 6);
	offer->status = spi_text(0, 7);
	offer->expires_at = spi_timestamp(0, 8, DT_NOEND);
	offer->order_id = spi_int64(0, 9);
	offer->email = spi_text(0, 10);
	return offer;
}

/* An offer as it is now; P0002 if unknown. */
Offer *
read_offer(int64 offer_id)
{
	static SpiQuery query = SPI_QUERY(OFFER_COLUMNS, INT8OID);
	Datum		values[1] = {Int64GetDatum(offer_id)};

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("offer", offer_id);
	return fill_offer();
}

/* Lock an offer that exists, and read it. */
Offer *
lock_offer(int64 offer_id)
{
	static SpiQuery query = SPI_QUERY(OFFER_COLUMNS " FOR NO KEY UPDATE OF o", INT8OID);
	Datum		values[1] = {Int64GetDatum(offer_id)};

	if (spi_run(&query, values, NULL) == 0)
		raise_serialization_failure();
	return fill_offer();
}

static Datum
offer_row(int64 offer_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT o FROM evently.waitlist_offers o WHERE o.offer_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(offer_id)};

	if (spi_read_fresh(&query, values, NULL) != 1)
		elog(ERROR, "offer " INT64_FORMAT " has vanished", offer_id);
	return spi_result(0, 1);
}

/* Add what offers hold to the changes, one tier once. */
static void
add_offered_stock(const int64 *offer_ids, int n, StockChange **changes, int *nchanges)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT t.tier_id, t.shards, pg_catalog.sum(o.quantity)::pg_catalog.int4"
		" FROM evently.waitlist_offers o JOIN evently.ticket_tiers t ON t.tier_id = o.tier_id"
		" WHERE o.offer_id = ANY ($1) GROUP BY t.tier_id, t.shards",
		INT8ARRAYOID);
	Datum		values[1] = {int64_array(offer_ids, n)};
	uint64		rows = spi_read_fresh(&query, values, NULL);

	for (uint64 i = 0; i < rows; i++)
	{
		bool		isnull;

		add_stock_change(changes, nchanges, spi_int64(i, 1),
						 DatumGetInt16(spi_datum(i, 2, &isnull)), spi_int32(i, 3));
	}
}

/* Hand stock to the lines, or put it on sale; then the label. */
static void
release_stock(StockChange *changes, int n)
{
	int64	   *tier_ids = palloc(sizeof(int64) * Max(n, 1));

	(void) lock_stock(changes, n, false);
	(void) apply_stock(changes, n);
	for (int i = 0; i < n; i++)
		tier_ids[i] = changes[i].tier_id;
	label_after_adding(tier_ids, n);
}

/* Write the end of locked offers and of their entries. */
static void
write_offer_ends(const int64 *offer_ids, int n, OfferEnd end, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"WITH ended AS (UPDATE evently.waitlist_offers SET status = $2, closed_at = $4"
		"  WHERE offer_id = ANY ($1) RETURNING entry_id)"
		" UPDATE evently.waitlist_entries w SET status = $3, ended_at = $4"
		" FROM ended WHERE w.entry_id = ended.entry_id",
		INT8ARRAYOID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	Datum		values[4] = {
		int64_array(offer_ids, n), CStringGetTextDatum(end.offer_status),
		CStringGetTextDatum(end.entry_status), TimestampTzGetDatum(now)
	};

	if (spi_run(&query, values, NULL) != (uint64) n)
		raise_serialization_failure();
}

/* End locked offers that are open: their tickets go to the next in line. */
void
end_offers(const int64 *offer_ids, int n, OfferEnd end, TimestampTz now)
{
	StockChange *changes = NULL;
	int			nchanges = 0;

	if (n == 0)
		return;
	add_offered_stock(offer_ids, n, &changes, &nchanges);
	write_offer_ends(offer_ids, n, end, now);
	release_stock(changes, nchanges);
}

/* Let a line have another look at what there is for it. */
void
settle_line(int64 tier_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT t.shards FROM evently.ticket_tiers t WHERE t.tier_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(tier_id)};
	StockChange change = {.tier_id = tier_id, .settle = true};
	bool		isnull;

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("tier", tier_id);
	change.shards = DatumGetInt16(spi_datum(0, 1, &isnull));
	release_stock(&change, 1);
}

/* Each must be the user's, and it is refused what ended. */
static void
check_offer(const Offer *offer, int64 user_id)
{
	if (offer->user_id != user_id)
		raise_error(ERRCODE_EVENTLY_NOT_THE_HOLDER,
					psprintf("offer " INT64_FORMAT " is another user's", offer->offer_id),
					NULL, NULL);
}

static void
check_open(const Offer *offer, TimestampTz now)
{
	const char *way_out = "Join the waitlist again.";

	if (strcmp(offer->status, "OPEN") != 0 && strcmp(offer->status, "LAPSED") != 0)
		raise_error(ERRCODE_EVENTLY_OFFER_LAPSED,
					psprintf("offer " INT64_FORMAT " is %s", offer->offer_id, offer->status),
					NULL, strcmp(offer->status, "CANCELLED") == 0 ? NULL : way_out);
	if (strcmp(offer->status, "LAPSED") == 0 || now >= offer->expires_at)
		raise_error(ERRCODE_EVENTLY_OFFER_LAPSED,
					psprintf("offer " INT64_FORMAT " has lapsed", offer->offer_id),
					psprintf("It could be claimed until %s.", timestamptz_to_str(offer->expires_at)),
					way_out);
}

/* The offer's tickets are now the order's. */
static void
write_claim(const Offer *offer, int64 order_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"WITH claimed AS (UPDATE evently.waitlist_offers"
		"  SET status = 'CLAIMED', closed_at = $3, order_id = $2"
		"  WHERE offer_id = $1 RETURNING entry_id)"
		" UPDATE evently.waitlist_entries w SET status = 'CLAIMED', ended_at = $3"
		" FROM claimed WHERE w.entry_id = claimed.entry_id",
		INT8OID, INT8OID, TIMESTAMPTZOID);
	Datum		values[3] = {
		Int64GetDatum(offer->offer_id), Int64GetDatum(order_id), TimestampTzGetDatum(now)
	};

	if (spi_run(&query, values, NULL) != 1)
		raise_serialization_failure();
}

/*
 * claim_offer(offer_id, user_id). Its own line need not be locked: the tickets
 * only go from the offer to the order, and the offer's row keeps a sweep away.
 */
PG_FUNCTION_INFO_V1(ev_claim_offer);
Datum
ev_claim_offer(PG_FUNCTION_ARGS)
{
	int64		offer_id = arg_id(fcinfo, 0, "offer_id");
	int64		user_id = arg_id(fcinfo, 1, "user_id");
	Offer	   *offer;
	EventTerms *event;
	Selection	selection;
	Request		request = {0};
	StockPlan	plan = {.nevents = 1};
	Refusal		refusal;
	TimestampTz now;
	int64		order_id;
	Datum		row;

	ev_connect();
	offer = read_offer(offer_id);
	check_offer(offer, user_id);
	lock_event_shared(offer->event_id);
	event = read_terms(offer->event_id, &offer->tier_id, 1);
	if (event->max_per_buyer > 0)
		lock_buyer(buyer_lock_key(offer->event_id, user_id));
	offer = lock_offer(offer_id);
	now = GetCurrentTimestamp();

	if (offer->order_id != 0)
		return ev_finish(order_row(offer->order_id));
	check_open(offer, now);
	plan.events = &offer->event_id;
	if (!is_on_sale(event, &refusal) ||
		(event->max_per_buyer > 0 &&
		 !within_buyer_limit(event, user_id,
							 taken_by_buyer(&plan, offer->event_id, user_id, event->max_per_buyer,
											offer->quantity, now),
							 offer->quantity, &refusal)))
		raise_refusal(&refusal);
	end_reclaim(&plan);
	(void) lock_stock(plan.changes, plan.nchanges, false);

	selection.tier_id = offer->tier_id;
	selection.quantity = offer->quantity;
	request.event_id = offer->event_id;
	request.buyer_id = user_id;
	request.selections = &selection;
	request.nselections = 1;
	request.quantity = offer->quantity;
	request.buyer_email = offer->email;
	row = insert_order(event, &request, now, &order_id);
	write_claim(offer, order_id, now);
	if (event->max_per_buyer > 0)
		add_buyer_change(&plan.buyers, offer->event_id, user_id, offer->quantity,
						 event->max_per_buyer);
	(void) write_stock_plan(&plan, now);
	return ev_finish(row);
}

/* decline_offer(offer_id, user_id) */
PG_FUNCTION_INFO_V1(ev_decline_offer);
Datum
ev_decline_offer(PG_FUNCTION_ARGS)
{
	static const OfferEnd declined = {"LEFT", "DECLINED"};
	int64		offer_id = arg_id(fcinfo, 0, "offer_id");
	int64		user_id = arg_id(fcinfo, 1, "user_id");
	Offer	   *offer;
	TimestampTz now;

	ev_connect();
	offer = read_offer(offer_id);
	check_offer(offer, user_id);
	lock_event_shared(offer->event_id);
	offer = lock_offer(offer_id);
	now = GetCurrentTimestamp();
	if (strcmp(offer->status, "DECLINED") != 0)
	{
		check_open(offer, now);
		end_offers(&offer_id, 1, declined, now);
	}
	return ev_finish(offer_row(offer_id));
}

/* Tell those whose offers lapsed. */
static void
tell_lapsed(Datum offer_ids, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, user_id, event_id, payload, created_at, visible_at)"
		" SELECT 'WAITLIST_LAPSED', w.email, o.user_id, o.event_id,"
		"  pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"   'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"   'timezone', v.timezone, 'tier', t.name, 'tier_id', t.tier_id,"
		"   'quantity', o.quantity, 'offer_id', o.offer_id, 'expires_at', o.expires_at)), $2, $2"
		" FROM evently.waitlist_offers o"
		" JOIN evently.waitlist_entries w ON w.entry_id = o.entry_id"
		" JOIN evently.ticket_tiers t ON t.tier_id = o.tier_id"
		" JOIN evently.events e ON e.event_id = o.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" WHERE o.offer_id = ANY ($1) ORDER BY o.offer_id",
		INT8ARRAYOID, TIMESTAMPTZOID);
	Datum		values[2] = {offer_ids, TimestampTzGetDatum(now)};

	(void) spi_run(&query, values, NULL);
}

static int
lapse_offers(const int64 *offer_ids, int n, void *now)
{
	static const OfferEnd lapsed = {"LAPSED", "LAPSED"};

	end_offers(offer_ids, n, lapsed, *(TimestampTz *) now);
	tell_lapsed(int64_array(offer_ids, n), *(TimestampTz *) now);
	return n;
}

/* release_expired_offers(batch_size) */
PG_FUNCTION_INFO_V1(ev_release_expired_offers);
Datum
ev_release_expired_offers(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT o.offer_id FROM evently.waitlist_offers o"
		" WHERE o.status = 'OPEN' AND o.expires_at <= $1"
		" AND " NOT_FAILING("release_expired_offers", "o.offer_id", "$1")
		" ORDER BY o.expires_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
		TIMESTAMPTZOID, INT4OID);
	int32		batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(batch_size)};
	int64	   *offer_ids;
	int			n;

	ev_connect();
	(void) spi_run(&query, values, NULL);
	offer_ids = spi_int64_column(1, &n);
	n = do_rows("release_expired_offers", offer_ids, n, lapse_offers, &now);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}

/* Close waiting entries of a tier, at most so many; tell them. How many. */
static int
close_entries(int64 tier_id, int32 limit, const char *reason, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"WITH closed AS (UPDATE evently.waitlist_entries SET status = 'CLOSED', ended_at = $4"
		"  WHERE entry_id IN (SELECT w.entry_id FROM evently.waitlist_entries w"
		"   WHERE w.tier_id = $1 AND w.status = 'WAITING' ORDER BY w.position LIMIT $2)"
		"  RETURNING tier_id, event_id, user_id, email, quantity, position)"
		" INSERT INTO evently.notifications"
		"  (kind, recipient, user_id, event_id, payload, created_at, visible_at)"
		" SELECT 'WAITLIST_CLOSED', c.email, c.user_id, c.event_id,"
		"  pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"   'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"   'timezone', v.timezone, 'tier', t.name, 'tier_id', t.tier_id,"
		"   'quantity', c.quantity, 'reason', $3)), $4, $4"
		" FROM closed c JOIN evently.ticket_tiers t ON t.tier_id = c.tier_id"
		" JOIN evently.events e ON e.event_id = c.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" ORDER BY c.position",
		INT8OID, INT4OID, TEXTOID, TIMESTAMPTZOID);
	char		nulls[] = "    ";
	Datum		values[4] = {
		Int64GetDatum(tier_id), Int32GetDatum(limit), string_datum_or_null(reason, &nulls[2]),
		TimestampTzGetDatum(now)
	};

	return (int) spi_run(&query, values, nulls);
}

/* How settle_waitlists() was called. */
typedef struct Settling
{
	int32		batch_size;
	TimestampTz now;
} Settling;

/* Lines whose time has come, sorted; whoever is at one of them sees to it. */
static int
settle_lines(const int64 *tier_ids, int n, void *arg)
{
	static SpiQuery over = SPI_QUERY(
		"SELECT 1 FROM evently.ticket_tiers t JOIN evently.events e ON e.event_id = t.event_id"
		" WHERE t.tier_id = $1 AND LEAST(t.sale_end, e.start_time) <= $2",
		INT8OID, TIMESTAMPTZOID);
	Settling   *settling = arg;
	int			settled = 0;
	int			closed = 0;

	for (int i = 0; i < n; i++)
	{
		Datum		values[2] = {
			Int64GetDatum(tier_ids[i]), TimestampTzGetDatum(settling->now)
		};

		if (!try_lock_line(tier_ids[i]))
			continue;
		settle_line(tier_ids[i]);
		settled++;
		if (spi_read_fresh(&over, values, NULL) > 0)
			closed += close_entries(tier_ids[i], settling->batch_size - closed, NULL,
									settling->now);
	}
	return settled + closed;
}

/* settle_waitlists(batch_size) */
PG_FUNCTION_INFO_V1(ev_settle_waitlists);
Datum
ev_settle_waitlists(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT l.tier_id FROM evently.waitlist_lines l"
		" JOIN evently.ticket_tiers t ON t.tier_id = l.tier_id"
		" JOIN evently.events e ON e.event_id = t.event_id"
		" LEFT JOIN LATERAL (SELECT w.quantity FROM evently.waitlist_entries w"
		"  WHERE w.tier_id = l.tier_id AND w.status = 'WAITING'"
		"  ORDER BY w.position LIMIT 1) head ON true"
		" CROSS JOIN LATERAL (SELECT LEAST(t.sale_end, e.start_time) <= $1 AS over,"
		"  e.status IN ('ON_SALE', 'SOLD_OUT') AS on_sale) s"
		" WHERE (s.over AND (l.gathering > 0 OR head.quantity IS NOT NULL)"
		"  OR l.gathering > 0 AND s.on_sale AND (l.gather_until IS NULL OR l.gather_until <= $1)"
		/* cannot be, unless the end of the sale was moved */
		"  OR head.quantity <= l.gathering + (SELECT pg_catalog.sum(i.available)"
		"   FROM evently.inventory_shards i WHERE i.tier_id = l.tier_id) AND s.on_sale)"
		" AND " NOT_FAILING("settle_waitlists", "l.tier_id", "$1")
		" ORDER BY l.tier_id LIMIT $2",
		TIMESTAMPTZOID, INT4OID);
	int32		batch_size = arg_batch_size(fcinfo, 0);
	Settling	settling = {.batch_size = batch_size, .now = GetCurrentTimestamp()};
	Datum		values[2] = {TimestampTzGetDatum(settling.now), Int32GetDatum(batch_size)};
	int64	   *tier_ids;
	int			n;

	ev_connect();
	(void) spi_read_fresh(&query, values, NULL);
	tier_ids = spi_int64_column(1, &n);
	n = do_rows("settle_waitlists", tier_ids, n, settle_lines, &settling);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}

/* The lines of an event's tiers, sorted. */
static int64 *
lines_of_event(int64 event_id, int *n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT l.tier_id FROM evently.ticket_tiers t"
		" JOIN evently.waitlist_lines l ON l.tier_id = t.tier_id"
		" WHERE t.event_id = $1 ORDER BY l.tier_id",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64_column(1, n);
}

/*
 * A sale was paused: what was released meanwhile is for those in line. How many
 * lines there are.
 */
int
settle_lines_of_event(int64 event_id)
{
	int			n;
	int64	   *tier_ids = lines_of_event(event_id, &n);

	for (int i = 0; i < n; i++)
		lock_line(tier_ids[i], true);
	for (int i = 0; i < n; i++)
		settle_line(tier_ids[i]);
	return n;
}

/* The open offers of an event, as they are now. */
static int64 *
open_offers(int64 event_id, int *n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT o.offer_id FROM evently.ticket_tiers t"
		" JOIN evently.waitlist_offers o ON o.tier_id = t.tier_id AND o.status = 'OPEN'"
		" WHERE t.event_id = $1 ORDER BY o.offer_id",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64_column(1, n);
}

/*
 * For an event that ends: lock its open offers and then its lines, before any
 * of its stock. The event's lock, which the caller holds, keeps buyers and new
 * lines away; sweeps are waited for.
 */
void
lock_lines_of_event(int64 event_id)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT 1 FROM evently.waitlist_offers o"
		" WHERE o.offer_id = ANY ($1) ORDER BY o.offer_id FOR NO KEY UPDATE",
		INT8ARRAYOID);
	int			nlines;
	int64	   *tier_ids = lines_of_event(event_id, &nlines);

	for (;;)
	{
		int			n;
		int			locked;
		int64	   *offer_ids = open_offers(event_id, &n);
		Datum		values[1] = {int64_array(offer_ids, n)};
		bool		same;

		/* Fewer: the transaction's snapshot is older than some of them. */
		if (n > 0 && spi_run(&lock, values, NULL) != (uint64) n)
			raise_serialization_failure();
		locked = n;
		for (int i = 0; i < nlines; i++)
			lock_line(tier_ids[i], true);

		/* A sweep may have made new ones meanwhile. */
		{
			int64	   *now = open_offers(event_id, &n);

			same = (n <= locked);
			for (int i = 0; i < n && same; i++)
			{
				bool		known = false;

				for (int j = 0; j < locked && !known; j++)
					known = (offer_ids[j] == now[i]);
				same = known;
			}
		}
		if (same)
			return;
		for (int i = 0; i < nlines; i++)
			unlock_line(tier_ids[i], true);
	}
}

/* The event is over for those in line. lock_lines_of_event() went before. */
void
close_lines_of_event(int64 event_id, const char *reason, TimestampTz now)
{
	static const OfferEnd cancelled = {"CLOSED", "CANCELLED"};
	int			nlines;
	int64	   *tier_ids = lines_of_event(event_id, &nlines);
	int			n;
	int64	   *offer_ids = open_offers(event_id, &n);

	end_offers(offer_ids, n, cancelled, now);
	for (int i = 0; i < nlines; i++)
	{
		settle_line(tier_ids[i]);
		(void) close_entries(tier_ids[i], PG_INT32_MAX, reason, now);
	}
}
