/*-------------------------------------------------------------------------
 *
 * orders.c
 *	  Orders: reading, locking and ending them, and the limit per buyer.
 *
 *-------------------------------------------------------------------------
 */
#include "orders.h"

#include "ids.h"
#include "job_rows.h"
#include "locks.h"
#include "refusal.h"
#include "sold_out.h"
#include "spi_util.h"

#define ORDER_COLUMNS \
	"SELECT o.order_id, o.event_id, o.buyer_id, o.channel, o.status, o.total_amount," \
	" o.currency, o.payment_id, o.expires_at FROM evently.orders o WHERE o.order_id = $1"

static Order *
fill_order(void)
{
	Order	   *order = palloc(sizeof(Order));
	bool		isnull;

	order->order_id = spi_int64(0, 1);
	order->event_id = spi_int64(0, 2);
	order->buyer_id = spi_int64(0, 3);
	order->channel = spi_text(0, 4);
	order->status = spi_text(0, 5);
	order->total = spi_datum(0, 6, &isnull);
	order->currency = spi_text(0, 7);
	order->payment_id = spi_text(0, 8);
	order->expires_at = spi_timestamp(0, 9, DT_NOEND);
	return order;
}

/* An order as it is now, to learn its event and buyer; P0002 if unknown. */
Order *
read_order(int64 order_id)
{
	static SpiQuery query = SPI_QUERY(ORDER_COLUMNS, INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("order", order_id);
	return fill_order();
}

/* Lock an order that exists, and read it. */
Order *
lock_order(int64 order_id)
{
	static SpiQuery query = SPI_QUERY(ORDER_COLUMNS " FOR NO KEY UPDATE", INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};

	/* It exists, so the transaction's snapshot is older than the order. */
	if (spi_run(&query, values, NULL) == 0)
		raise_serialization_failure();
	return fill_order();
}

bool
order_has_status(const Order *order, const char *status)
{
	return strcmp(order->status, status) == 0;
}

void
raise_wrong_order_state(const Order *order, const char *what, const char *hint)
{
	raise_error(ERRCODE_EVENTLY_WRONG_STATE,
				psprintf("order " INT64_FORMAT " cannot be %s", order->order_id, what),
				psprintf("Its status is %s.", order->status), hint);
}

/* The order's row, copied so that it outlives SPI_finish. */
Datum
order_row(int64 order_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT o FROM evently.orders o WHERE o.order_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};

	if (spi_read_fresh(&query, values, NULL) != 1)
		elog(ERROR, "order " INT64_FORMAT " has vanished", order_id);
	return spi_result(0, 1);
}

#define LAPSED_ORDERS \
	"SELECT o.order_id FROM evently.orders o" \
	" WHERE o.event_id = $1 AND o.status = 'PENDING' AND o.expires_at <= $3" \
	" AND EXISTS (SELECT FROM evently.order_items i" \
	"  WHERE i.order_id = o.order_id AND i.tier_id = $2 OFFSET 0)" \
	" AND " NOT_FAILING("release_expired_orders", "o.order_id", "$3") \
	" ORDER BY o.expires_at LIMIT $4 FOR NO KEY UPDATE OF o"

/*
 * Lock holds of an event that have lapsed, with tickets of one tier: those that
 * nobody else is at, or all, waiting for the others.
 */
int64 *
lock_lapsed_orders(int64 event_id, int64 tier_id, TimestampTz now, int limit, bool wait, int *n)
{
	static SpiQuery free_ones = SPI_QUERY(LAPSED_ORDERS " SKIP LOCKED",
		INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID);
	static SpiQuery all = SPI_QUERY(LAPSED_ORDERS,
		INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID);
	Datum		values[4] = {
		Int64GetDatum(event_id), Int64GetDatum(tier_id), TimestampTzGetDatum(now),
		Int32GetDatum(limit)
	};

	(void) spi_run(wait ? &all : &free_ones, values, NULL);
	return spi_int64_column(1, n);
}

#define OWN_LAPSED_ORDERS \
	" FROM evently.orders o WHERE o.event_id = $1 AND o.status = 'PENDING'" \
	" AND o.expires_at <= $3 AND o.buyer_id = $2 AND o.channel = 'SALE'" \
	" AND " NOT_FAILING("release_expired_orders", "o.order_id", "$3")

static int64
count_lapsed_orders(int64 event_id, int64 buyer_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY("SELECT pg_catalog.count(*)" OWN_LAPSED_ORDERS,
		INT8OID, INT8OID, TIMESTAMPTZOID);
	Datum		values[3] = {
		Int64GetDatum(event_id), Int64GetDatum(buyer_id), TimestampTzGetDatum(now)
	};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64(0, 1);
}

/* Whether a buyer has holds that have lapsed. */
bool
has_lapsed_orders(int64 event_id, int64 buyer_id, TimestampTz now)
{
	return count_lapsed_orders(event_id, buyer_id, now) > 0;
}

/*
 * Lock a buyer's own holds that have lapsed: those that nobody else is at, or
 * all, waiting for the others.
 */
int64 *
lock_lapsed_orders_of_buyer(int64 event_id, int64 buyer_id, TimestampTz now, bool wait, int *n)
{
	static SpiQuery free_ones = SPI_QUERY(
		"SELECT o.order_id" OWN_LAPSED_ORDERS " ORDER BY o.order_id FOR NO KEY UPDATE SKIP LOCKED",
		INT8OID, INT8OID, TIMESTAMPTZOID);
	static SpiQuery all = SPI_QUERY(
		"SELECT o.order_id" OWN_LAPSED_ORDERS " ORDER BY o.order_id FOR NO KEY UPDATE",
		INT8OID, INT8OID, TIMESTAMPTZOID);
	Datum		values[3] = {
		Int64GetDatum(event_id), Int64GetDatum(buyer_id), TimestampTzGetDatum(now)
	};
	int64	   *order_ids;

	(void) spi_run(wait ? &all : &free_ones, values, NULL);
	order_ids = spi_int64_column(1, n);
	if (IsolationUsesXactSnapshot() && count_lapsed_orders(event_id, buyer_id, now) != *n)
		raise_serialization_failure();
	return order_ids;
}

/* How many tickets the orders are for. */
int64
ordered_quantity(const int64 *order_ids, int n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT coalesce(sum(quantity), 0) FROM evently.order_items WHERE order_id = ANY ($1)",
		INT8ARRAYOID);
	Datum		values[1] = {int64_array(order_ids, n)};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64(0, 1);
}

/*
 * Add what the orders' items come to, times sign, to the changes. The subquery
 * looks each tier up; a join might read all tiers.
 */
void
add_ordered_stock(const int64 *order_ids, int n, int sign, StockChange **changes, int *nchanges)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT i.tier_id,"
		" (SELECT t.shards FROM evently.ticket_tiers t WHERE t.tier_id = i.tier_id), i.quantity"
		" FROM (SELECT tier_id, sum(quantity)::pg_catalog.int4 AS quantity"
		"  FROM evently.order_items WHERE order_id = ANY ($1) GROUP BY tier_id) i",
		INT8ARRAYOID);
	Datum		values[1] = {int64_array(order_ids, n)};
	uint64		rows = spi_read_fresh(&query, values, NULL);

	for (uint64 i = 0; i < rows; i++)
	{
		bool		isnull;

		add_stock_change(changes, nchanges, spi_int64(i, 1),
						 DatumGetInt16(spi_datum(i, 2, &isnull)), sign * spi_int32(i, 3));
	}
}

/*
 * Set locked PENDING orders to their end; what their buyers have less is added
 * to "buyers", for apply_buyer_changes().
 */
void
end_orders(const int64 *order_ids, int n, const char *status, const char *reason, TimestampTz now,
		   BuyerChanges *buyers)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.orders SET status = $2, cancel_reason = $3,"
		" cancelled_at = CASE WHEN $2 = 'CANCELLED' THEN $4 END"
		" WHERE order_id = ANY ($1) RETURNING event_id",
		INT8ARRAYOID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	/* Asked first, because most events have no limit. */
	static SpiQuery has_limit = SPI_QUERY(
		"SELECT 1 FROM evently.events"
		" WHERE event_id = ANY ($1) AND max_tickets_per_buyer IS NOT NULL LIMIT 1",
		INT8ARRAYOID);
	static SpiQuery limited = SPI_QUERY(
		"SELECT o.event_id, o.buyer_id, sum(i.quantity)::pg_catalog.int4"
		" FROM evently.orders o"
		" JOIN evently.events e ON e.event_id = o.event_id"
		" JOIN evently.order_items i ON i.order_id = o.order_id"
		" WHERE o.order_id = ANY ($1) AND o.channel = 'SALE'"
		" AND e.max_tickets_per_buyer IS NOT NULL"
		" GROUP BY o.event_id, o.buyer_id",
		INT8ARRAYOID);
	char		nulls[] = "    ";
	Datum		values[4] = {
		int64_array(order_ids, n), CStringGetTextDatum(status),
		string_datum_or_null(reason, &nulls[2]), TimestampTzGetDatum(now)
	};
	Datum		events[1];
	int64	   *event_ids;
	int			nevents;
	uint64		rows;

	if (n == 0)
		return;
	if (spi_run(&update, values, nulls) != (uint64) n)
		elog(ERROR, "a locked order has vanished");
	event_ids = spi_int64_column(1, &nevents);
	events[0] = int64_array(event_ids, distinct_ids(event_ids, nevents));
	if (spi_read_fresh(&has_limit, events, NULL) == 0)
		return;

	rows = spi_read_fresh(&limited, values, NULL);
	for (uint64 i = 0; i < rows; i++)
		add_buyer_change(buyers, spi_int64(i, 1), spi_int64(i, 2), -spi_int32(i, 3), 0);
}

/* End locked PENDING orders: their tickets go to those in line, or on sale. */
void
end_holds(const int64 *order_ids, int n, const char *status, const char *reason, TimestampTz now)
{
	StockChange *changes = NULL;
	int			nchanges = 0;
	BuyerChanges buyers = {0};
	int64	   *tier_ids;

	if (n == 0)
		return;
	add_ordered_stock(order_ids, n, 1, &changes, &nchanges);
	(void) lock_stock(changes, nchanges, false);
	(void) apply_stock(changes, nchanges);
	end_orders(order_ids, n, status, reason, now, &buyers);
	apply_buyer_changes(&buyers);

	tier_ids = palloc(sizeof(int64) * nchanges);
	for (int i = 0; i < nchanges; i++)
		tier_ids[i] = changes[i].tier_id;
	label_after_adding(tier_ids, nchanges);
}

/* What a buyer has and holds at an event with a limit. */
int64
buyer_taken(int64 event_id, int64 buyer_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT taken FROM evently.buyer_limits WHERE event_id = $1 AND buyer_id = $2",
		INT8OID, INT8OID);
	Datum		values[2] = {Int64GetDatum(event_id), Int64GetDatum(buyer_id)};

	return spi_read_fresh(&query, values, NULL) == 0 ? 0 : spi_int32(0, 1);
}

/* Count tickets of a buyer, whose lock the caller holds and whose limit it checked. */
static void
add_buyer_taken(int64 event_id, int64 buyer_id, int32 quantity, int32 limit)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.buyer_limits AS b (event_id, buyer_id, taken) VALUES ($1, $2, $3)"
		" ON CONFLICT (event_id, buyer_id) DO UPDATE SET taken = b.taken + EXCLUDED.taken"
		" WHERE b.taken + EXCLUDED.taken <= $4",
		INT8OID, INT8OID, INT4OID, INT4OID);
	Datum		values[4] = {
		Int64GetDatum(event_id), Int64GetDatum(buyer_id), Int32GetDatum(quantity),
		Int32GetDatum(limit)
	};

	if (spi_run(&query, values, NULL) != 1)
		elog(ERROR, "limit of buyer " INT64_FORMAT " changed without its lock", buyer_id);
}

void
give_back_buyer_taken(int64 event_id, int64 buyer_id, int32 quantity)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.buyer_limits SET taken = taken - $3 WHERE event_id = $1 AND buyer_id = $2",
		INT8OID, INT8OID, INT4OID);
	Datum		values[3] = {
		Int64GetDatum(event_id), Int64GetDatum(buyer_id), Int32GetDatum(quantity)
	};

	/* Who bought has a row; it may be younger than the transaction's snapshot. */
	if (spi_run(&query, values, NULL) == 0)
	{
		if (IsolationUsesXactSnapshot())
			raise_serialization_failure();
		elog(ERROR, "buyer " INT64_FORMAT " of event " INT64_FORMAT " is not counted",
			 buyer_id, event_id);
	}
}

/* Add to the changes, which stay sorted by event and buyer, one entry each. */
void
add_buyer_change(BuyerChanges *buyers, int64 event_id, int64 buyer_id, int32 delta, int32 limit)
{
	BuyerChange *change;
	int			i = buyers->n;

	while (i > 0 && (buyers->changes[i - 1].event_id > event_id ||
					 (buyers->changes[i - 1].event_id == event_id &&
					  buyers->changes[i - 1].buyer_id >= buyer_id)))
		i--;
	if (i == buyers->n || buyers->changes[i].event_id != event_id ||
		buyers->changes[i].buyer_id != buyer_id)
	{
		buyers->changes = buyers->changes
			? repalloc(buyers->changes, sizeof(BuyerChange) * (buyers->n + 1))
			: palloc(sizeof(BuyerChange));
		memmove(buyers->changes + i + 1, buyers->changes + i,
				sizeof(BuyerChange) * (buyers->n - i));
		buyers->changes[i] = (BuyerChange) {.event_id = event_id, .buyer_id = buyer_id};
		buyers->n++;
	}
	change = &buyers->changes[i];
	change->delta += delta;
	change->limit = Max(change->limit, limit);
}

/*
 * Count the changes, in their order: who reclaims the holds of others counts
 * down for them and up for himself, and two may do so crosswise.
 */
void
apply_buyer_changes(const BuyerChanges *buyers)
{
	for (int i = 0; i < buyers->n; i++)
	{
		BuyerChange *change = &buyers->changes[i];

		if (change->delta > 0)
			add_buyer_taken(change->event_id, change->buyer_id, change->delta, change->limit);
		else if (change->delta < 0)
			give_back_buyer_taken(change->event_id, change->buyer_id, -change->delta);
	}
}

static int
expire_holds(const int64 *order_ids, int n, void *now)
{
	end_holds(order_ids, n, "EXPIRED", NULL, *(TimestampTz *) now);
	return n;
}

/*
 * release_expired_orders(batch_size): end holds that have lapsed.
 *
 * The holds are found event by event, jumping from one event with holds to the
 * next in the index, so neither other events' holds nor sold orders are read.
 * The order within an event is the index's: with it a batch reads no more
 * entries than it ends, and passes over the dead ones of earlier batches.
 */
PG_FUNCTION_INFO_V1(ev_release_expired_orders);
Datum
ev_release_expired_orders(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"WITH RECURSIVE event (event_id) AS ("
		" (SELECT o.event_id FROM evently.orders o WHERE o.status = 'PENDING'"
		"  ORDER BY o.event_id LIMIT 1)"
		" UNION ALL"
		" SELECT (SELECT o.event_id FROM evently.orders o"
		"  WHERE o.status = 'PENDING' AND o.event_id > e.event_id"
		"  ORDER BY o.event_id LIMIT 1)"
		" FROM event e WHERE e.event_id IS NOT NULL)"
		" SELECT l.order_id FROM event e CROSS JOIN LATERAL"
		" (SELECT o.order_id FROM evently.orders o"
		"  WHERE o.event_id = e.event_id AND o.status = 'PENDING' AND o.expires_at <= $1"
		"  AND " NOT_FAILING("release_expired_orders", "o.order_id", "$1")
		"  ORDER BY o.expires_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) l"
		" LIMIT $2",
		TIMESTAMPTZOID, INT4OID);
	int32		batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(batch_size)};
	int64	   *order_ids;
	int			n;

	ev_connect();
	(void) spi_run(&query, values, NULL);
	order_ids = spi_int64_column(1, &n);
	n = do_rows("release_expired_orders", order_ids, n, expire_holds, &now);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}

/* cancel_order(order_id, reason): give up a hold. */
PG_FUNCTION_INFO_V1(ev_cancel_order);
Datum
ev_cancel_order(PG_FUNCTION_ARGS)
{
	int64		order_id = arg_id(fcinfo, 0, "order_id");
	char	   *reason = arg_nonempty_string(fcinfo, 1, "reason");
	Order	   *order;

	ev_connect();
	order = read_order(order_id);
	lock_event_shared(order->event_id);
	order = lock_order(order_id);
	if (!order_has_status(order, "PENDING"))
		raise_wrong_order_state(order, "cancelled", order_has_status(order, "CONFIRMED") ||
								order_has_status(order, "PARTIALLY_REFUNDED")
								? "Use refund_order for an order that has been paid."
								: "Only a PENDING order can be cancelled.");
	end_holds(&order_id, 1, "CANCELLED", reason, GetCurrentTimestamp());
	return ev_finish(order_row(order_id));
}
