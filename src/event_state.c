/*-------------------------------------------------------------------------
 *
 * event_state.c
 *	  The states of an event: publish, open, pause, complete, cancel.
 *
 * All take the event's lock exclusively: they wait for the sales under way, and
 * the next sale sees what they did.
 *
 *-------------------------------------------------------------------------
 */
#include "event_state.h"

#include "locks.h"
#include "orders.h"
#include "refunds.h"
#include "roles.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"
#include "venue_booking.h"
#include "waitlist.h"

static void
raise_wrong_event_state(int64 event_id, const char *status, const char *what, const char *hint)
{
	raise_error(ERRCODE_EVENTLY_WRONG_STATE,
				psprintf("event " INT64_FORMAT " cannot be %s", event_id, what),
				psprintf("Its status is %s.", status), hint);
}

/* Refuse what makes no sense any more for an event that is over. */
void
require_open_event(int64 event_id, const char *status)
{
	if (strcmp(status, "CANCELLED") == 0 || strcmp(status, "COMPLETED") == 0)
		raise_wrong_event_state(event_id, status, "changed", "Create a new event: one that is over stays as it is.");
}

/*
 * Lock an event that is to be changed, against sales too.
 *
 * The row comes first: a plain UPDATE that begins a limit per buyer has the row
 * too before its trigger waits for the event's lock (guards.c).
 */
void
lock_event_and_row(int64 event_id)
{
	static SpiQuery row = SPI_QUERY(
		"SELECT 1 FROM evently.events WHERE event_id = $1 FOR NO KEY UPDATE", INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	(void) spi_run(&row, values, NULL);
	lock_event_exclusive(event_id);
}

/* The same; the event's status. P0002 if unknown. */
static char *
lock_event(int64 event_id)
{
	EventTerms *event;

	lock_event_and_row(event_id);
	event = read_terms(event_id, NULL, 0);
	if (!event->found)
		raise_not_found("event", event_id);
	return event->status;
}

/* Set the status; the event's row, copied so that it outlives SPI_finish. */
static Datum
set_status(int64 event_id, const char *status, const char *reason)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.events AS e SET status = $2, cancel_reason = $3"
		" WHERE e.event_id = $1 RETURNING e",
		INT8OID, TEXTOID, TEXTOID);
	char		nulls[] = "   ";
	Datum		values[3] = {
		Int64GetDatum(event_id), CStringGetTextDatum(status),
		string_datum_or_null(reason, &nulls[2])
	};

	/* The event exists: the transaction's snapshot is older. */
	if (spi_run(&query, values, nulls) == 0)
		raise_serialization_failure();
	return spi_result(0, 1);
}

/* The event's row as it is now, copied so that it outlives SPI_finish. */
static Datum
event_row(int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e FROM evently.events e WHERE e.event_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	if (spi_read_fresh(&query, values, NULL) != 1)
		elog(ERROR, "event " INT64_FORMAT " has vanished", event_id);
	return spi_result(0, 1);
}

/*
 * End an event's unpaid holds. The event's lock keeps new ones away. What else
 * ends with the event, its offers and lines, is locked here too.
 */
static void
end_holds_of_event(int64 event_id, const char *status, const char *reason, TimestampTz now)
{
	static SpiQuery count = SPI_QUERY(
		"SELECT pg_catalog.count(*) FROM evently.orders o"
		" WHERE o.event_id = $1 AND o.status = 'PENDING'",
		INT8OID);
	static SpiQuery lock = SPI_QUERY(
		"SELECT o.order_id FROM evently.orders o WHERE o.event_id = $1 AND o.status = 'PENDING'"
		" ORDER BY o.order_id FOR NO KEY UPDATE",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};
	int64	   *order_ids;
	int			n;

	(void) spi_run(&lock, values, NULL);
	order_ids = spi_int64_column(1, &n);
	(void) spi_read_fresh(&count, values, NULL);
	if (spi_int64(0, 1) != n)
		raise_serialization_failure();
	lock_lines_of_event(event_id);
	end_holds(order_ids, n, status, reason, now);
}

PG_FUNCTION_INFO_V1(ev_publish_event);
Datum
ev_publish_event(PG_FUNCTION_ARGS)
{
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *status;

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	status = lock_event(event_id);
	if (strcmp(status, "DRAFT") != 0)
		raise_wrong_event_state(event_id, status, "published", "Only a DRAFT can be published.");
	require_confirmed_booking(event_id);
	return ev_finish(set_status(event_id, "PUBLISHED", NULL));
}

/* open_sale() and resume_sale() */
PG_FUNCTION_INFO_V1(ev_open_sale);
Datum
ev_open_sale(PG_FUNCTION_ARGS)
{
	static SpiQuery tiers = SPI_QUERY(
		"SELECT 1 FROM evently.ticket_tiers WHERE event_id = $1 LIMIT 1", INT8OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	Datum		values[1] = {Int64GetDatum(event_id)};
	char	   *status;
	Datum		row;

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	status = lock_event(event_id);
	if (strcmp(status, "PUBLISHED") != 0)
		raise_wrong_event_state(event_id, status, "put on sale", strcmp(status, "DRAFT") == 0
								? "Publish the event first." : "Only a PUBLISHED event can go on sale.");
	if (spi_read_fresh(&tiers, values, NULL) == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " has no tickets to sell", event_id),
					"It has no tier.", "Create a tier with create_tier first.");
	row = set_status(event_id, event_has_stock(event_id) ? "ON_SALE" : "SOLD_OUT", NULL);
	/* What came back while the sale was paused. */
	if (settle_lines_of_event(event_id) > 0)
		row = event_row(event_id);
	return ev_finish(row);
}

PG_FUNCTION_INFO_V1(ev_pause_sale);
Datum
ev_pause_sale(PG_FUNCTION_ARGS)
{
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *status;

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	status = lock_event(event_id);
	if (strcmp(status, "ON_SALE") != 0 && strcmp(status, "SOLD_OUT") != 0)
		raise_wrong_event_state(event_id, status, "paused",
								"Only the sale of an ON_SALE or SOLD_OUT event can be paused.");
	return ev_finish(set_status(event_id, "PUBLISHED", NULL));
}

PG_FUNCTION_INFO_V1(ev_complete_event);
Datum
ev_complete_event(PG_FUNCTION_ARGS)
{
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *status;
	TimestampTz now;
	Datum		row;

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	status = lock_event(event_id);
	if (strcmp(status, "DRAFT") == 0)
		raise_wrong_event_state(event_id, status, "completed", "Publish or cancel the event.");
	require_open_event(event_id, status);
	now = GetCurrentTimestamp();
	row = set_status(event_id, "COMPLETED", NULL);
	end_holds_of_event(event_id, "EXPIRED", NULL, now);
	close_lines_of_event(event_id, NULL, now);
	return ev_finish(row);
}

/* The event's tickets that are good, as they are now. */
static int64 *
live_tickets(int64 event_id, int *n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT k.ticket_id FROM evently.orders o JOIN evently.tickets k ON k.order_id = o.order_id"
		" WHERE o.event_id = $1 AND k.status IN ('VALID', 'USED') ORDER BY k.ticket_id",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64_column(1, n);
}

/* The tickets' places are free again. */
static void
return_stock(Datum ticket_ids)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT t.tier_id, t.shards, pg_catalog.count(*)::pg_catalog.int4"
		" FROM evently.tickets k JOIN evently.ticket_tiers t ON t.tier_id = k.tier_id"
		" WHERE k.ticket_id = ANY ($1) GROUP BY t.tier_id, t.shards",
		INT8ARRAYOID);
	StockChange *changes = NULL;
	int			nchanges = 0;
	uint64		n = spi_read_fresh(&query, &ticket_ids, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		add_stock_change(&changes, &nchanges, spi_int64(i, 1),
						 DatumGetInt16(spi_datum(i, 2, &isnull)), spi_int32(i, 3));
	}
	(void) lock_stock(changes, nchanges, false);
	(void) apply_stock(changes, nchanges);
}

/* Tell the buyers, and the attendees whose address is another. */
static void
tell_holders(int64 event_id, Datum ticket_ids, const char *reason, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, user_id, event_id, order_id, payload, created_at)"
		" SELECT 'EVENT_CANCELLED', h.recipient, h.user_id, e.event_id, h.order_id,"
		" pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"  'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"  'timezone', v.timezone, 'order_id', h.order_id, 'reason', $3, 'amount', r.amount,"
		"  'currency', r.currency)), $4"
		" FROM evently.events e LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" CROSS JOIN LATERAL"
		" (SELECT DISTINCT o.order_id, o.buyer_email, o.buyer_id"
		"  FROM evently.tickets k JOIN evently.orders o ON o.order_id = k.order_id"
		"  WHERE k.ticket_id = ANY ($2) AND o.channel = 'SALE'"
		"  UNION ALL"
		"  SELECT DISTINCT o.order_id, k.attendee_email, NULL::pg_catalog.int8"
		"  FROM evently.tickets k JOIN evently.orders o ON o.order_id = k.order_id"
		"  WHERE k.ticket_id = ANY ($2) AND k.attendee_email IS DISTINCT FROM o.buyer_email"
		"  AND k.attendee_email IS NOT NULL) h (order_id, recipient, user_id)"
		" LEFT JOIN evently.refunds r"
		"  ON r.refund_id = '" CANCELLED_REFUND_PREFIX "' || h.order_id AND h.user_id IS NOT NULL"
		" WHERE e.event_id = $1",
		INT8OID, INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID);
	Datum		values[4] = {
		Int64GetDatum(event_id), ticket_ids, CStringGetTextDatum(reason), TimestampTzGetDatum(now)
	};

	(void) spi_run(&query, values, NULL);
}

/* Give back everything that was sold. */
static void
cancel_sales(int64 event_id, const char *reason, TimestampTz now)
{
	static SpiQuery refunds = SPI_QUERY(
		"INSERT INTO evently.refunds (refund_id, order_id, payment_id, amount, currency, reason,"
		"  ticket_ids, created_at, status, settled_at)"
		" SELECT '" CANCELLED_REFUND_PREFIX "' || s.order_id, s.order_id, s.payment_id, s.amount,"
		"  s.currency, 'EVENT_CANCELLED', s.ticket_ids, $2,"
		"  CASE WHEN s.amount = 0 THEN 'DONE' ELSE 'DUE' END,"
		"  CASE WHEN s.amount = 0 THEN $2 END"
		" FROM (SELECT o.order_id, o.payment_id, o.currency,"
		"  pg_catalog.sum(i.unit_price) AS amount,"
		"  pg_catalog.array_agg(k.ticket_id ORDER BY k.ticket_id) AS ticket_ids"
		"  FROM evently.tickets k"
		"  JOIN evently.orders o ON o.order_id = k.order_id"
		"  JOIN evently.order_items i ON i.order_id = k.order_id AND i.tier_id = k.tier_id"
		"  WHERE k.ticket_id = ANY ($1) GROUP BY o.order_id) s",
		INT8ARRAYOID, TIMESTAMPTZOID);
	static SpiQuery orders = SPI_QUERY(
		"UPDATE evently.orders SET status = 'REFUNDED' WHERE order_id IN"
		" (SELECT k.order_id FROM evently.tickets k WHERE k.ticket_id = ANY ($1))",
		INT8ARRAYOID);
	static SpiQuery tickets = SPI_QUERY(
		"UPDATE evently.tickets SET status = 'CANCELLED' WHERE ticket_id = ANY ($1)",
		INT8ARRAYOID);
	static SpiQuery limits = SPI_QUERY(
		"UPDATE evently.buyer_limits SET taken = 0 WHERE event_id = $1 AND taken <> 0",
		INT8OID);
	Datum		values[2];
	Datum		event = Int64GetDatum(event_id);
	int			n;
	int64	   *ticket_ids = live_tickets(event_id, &n);

	if (n > 0)
	{
		values[0] = int64_array(ticket_ids, n);
		values[1] = TimestampTzGetDatum(now);
		(void) spi_run(&refunds, values, NULL);
		tell_holders(event_id, values[0], reason, now);
		(void) spi_run(&orders, values, NULL);
		/* Fewer: the transaction's snapshot is older than some of them. */
		if (spi_run(&tickets, values, NULL) != (uint64) n)
			raise_serialization_failure();
		return_stock(values[0]);
	}
	(void) spi_write_fresh(&limits, &event, NULL);
}

PG_FUNCTION_INFO_V1(ev_cancel_event);
Datum
ev_cancel_event(PG_FUNCTION_ARGS)
{
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *reason = arg_nonempty_string(fcinfo, 1, "reason");
	bool		keep_booking = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	TimestampTz now;
	Datum		row;

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	require_open_event(event_id, lock_event(event_id));
	now = GetCurrentTimestamp();
	row = set_status(event_id, "CANCELLED", reason);
	end_holds_of_event(event_id, "CANCELLED", reason, now);
	cancel_sales(event_id, reason, now);
	close_lines_of_event(event_id, reason, now);
	if (!keep_booking)
		cancel_event_bookings(event_id, reason, now);
	return ev_finish(row);
}
