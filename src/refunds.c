/*-------------------------------------------------------------------------
 *
 * refunds.c
 *	  Money to be returned: refund_order() and settle_refund().
 *
 *-------------------------------------------------------------------------
 */
#include "refunds.h"

#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "locks.h"
#include "money.h"
#include "refusal.h"
#include "roles.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"
#include "tickets.h"

/* Tickets to give back, and what that means for their tiers. */
typedef struct Return
{
	int64	   *ticket_ids;
	int			ntickets;
	Datum		amount;			/* numeric */
	StockChange *restocked;
	int			nrestocked;
	StockChange *held_back;		/* not stock, but the same list: tier and number */
	int			nheld_back;
} Return;

/*
 * Insert a refund; its row, copied so that it outlives SPI_finish. Nothing is
 * due when nothing was paid. 22023 if another order was faster with this id.
 */
static Datum
insert_refund(const char *refund_id, const Order *order, const char *payment_id, Datum amount,
			  const char *reason, const Return *tickets, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.refunds AS r (refund_id, order_id, payment_id, amount, currency,"
		"  reason, ticket_ids, created_at, status, settled_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
		"  CASE WHEN $4 = 0 THEN 'DONE' ELSE 'DUE' END, CASE WHEN $4 = 0 THEN $8 END)"
		" ON CONFLICT (refund_id) DO NOTHING RETURNING r",
		TEXTOID, INT8OID, TEXTOID, NUMERICOID, TEXTOID, TEXTOID, INT8ARRAYOID, TIMESTAMPTZOID);
	char		nulls[] = "        ";
	Datum		values[8] = {
		CStringGetTextDatum(refund_id), Int64GetDatum(order->order_id),
		string_datum_or_null(payment_id, &nulls[2]), amount,
		CStringGetTextDatum(order->currency), CStringGetTextDatum(reason),
		tickets ? int64_array(tickets->ticket_ids, tickets->ntickets) : (Datum) 0,
		TimestampTzGetDatum(now)
	};

	if (tickets == NULL)
		nulls[6] = 'n';
	if (spi_run(&query, values, nulls) == 0)
		raise_bad_argument(psprintf("refund \"%s\" belongs to another order", refund_id),
						   NULL, "Use an id of its own for each refund.");
	return spi_result(0, 1);
}

/* A payment that is not kept is due. */
Datum
insert_payment_refund(const Order *order, const char *payment_id, Datum amount,
					  const char *reason, TimestampTz now)
{
	return insert_refund(psprintf(PAYMENT_REFUND_PREFIX "%s", payment_id), order, payment_id,
						 amount, reason, NULL, now);
}

/* A refund as it is now, copied so that it outlives SPI_finish; or none. */
static Datum
read_refund(const char *refund_id, bool *isnull)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT r FROM evently.refunds r WHERE r.refund_id = $1", TEXTOID);
	Datum		values[1] = {CStringGetTextDatum(refund_id)};

	*isnull = (spi_read_fresh(&query, values, NULL) == 0);
	return *isnull ? (Datum) 0 : spi_result(0, 1);
}

/* The refund of a payment that was not kept; none if it was of nothing. */
Datum
payment_refund(const char *payment_id, bool *isnull)
{
	return read_refund(psprintf(PAYMENT_REFUND_PREFIX "%s", payment_id), isnull);
}

/*
 * The refund of this id, if there is one: the same call was made before. False
 * if there is none; 22023 if it was made with other content. A call for all
 * tickets left none, so one that finds some is another.
 */
static bool
find_refund(const char *refund_id, const Order *order, Datum ticket_ids, bool all, Datum *row)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT r, r.order_id, CASE WHEN $3 THEN NOT EXISTS"
		"  (SELECT FROM evently.tickets k"
		"   WHERE k.order_id = r.order_id AND k.status IN ('VALID', 'USED') OFFSET 0)"
		"  ELSE r.ticket_ids <@ $2 AND r.ticket_ids @> $2 END"
		" FROM evently.refunds r WHERE r.refund_id = $1",
		TEXTOID, INT8ARRAYOID, BOOLOID);
	Datum		values[3] = {
		CStringGetTextDatum(refund_id), ticket_ids, BoolGetDatum(all)
	};
	bool		isnull;

	if (spi_read_fresh(&query, values, all ? " n " : NULL) == 0)
		return false;
	if (spi_int64(0, 2) != order->order_id ||
		!DatumGetBool(spi_datum(0, 3, &isnull)))
		raise_bad_argument(psprintf("refund \"%s\" was made with other content", refund_id),
						   session_is_unrestricted(EV_MANAGERS) || spi_int64(0, 2) == order->order_id
						   ? psprintf("It is of order " INT64_FORMAT ".", spi_int64(0, 2)) : NULL,
						   "Use an id of its own for each refund.");
	*row = spi_result(0, 1);
	return true;
}

/* The ids that the caller named, sorted, each once; raises 22023. */
static int64 *
arg_ticket_ids(FunctionCallInfo fcinfo, int arg, int *n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	Datum	   *elements;
	bool	   *nulls;
	int64	   *ids;
	int			count;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	if (count == 0)
		raise_bad_argument("ticket_ids must not be empty", NULL,
						   "Leave it out to give back all tickets.");
	ids = palloc(sizeof(int64) * count);
	*n = 0;
	for (int i = 0; i < count; i++)
	{
		bool		known = false;

		if (nulls[i])
			raise_bad_argument("ticket_ids must not contain nulls", NULL, NULL);
		for (int j = 0; j < *n && !known; j++)
			known = (ids[j] == DatumGetInt64(elements[i]));
		if (!known)
			ids[(*n)++] = DatumGetInt64(elements[i]);
	}
	return ids;
}

/* Each ticket that was named must have been found. */
static void
check_all_found(const int64 *named, int nnamed, int found)
{
	for (int i = 0; i < nnamed; i++)
	{
		bool		seen = false;

		for (int j = 0; j < found && !seen; j++)
			seen = (spi_int64(j, 1) == named[i]);
		if (!seen)
			raise_error(ERRCODE_EVENTLY_NOT_FOUND,
						psprintf("ticket " INT64_FORMAT " is not a ticket of the order", named[i]),
						NULL, NULL);
	}
}

/* At the higher isolation levels: 40001 if the snapshot lacks tickets of the order. */
static void
check_snapshot_has_tickets(int64 order_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT pg_catalog.count(*) FROM evently.tickets WHERE order_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};
	int64		now;

	if (!IsolationUsesXactSnapshot())
		return;
	(void) spi_read_fresh(&query, values, NULL);
	now = spi_int64(0, 1);
	(void) spi_run(&query, values, NULL);
	if (spi_int64(0, 1) != now)
		raise_serialization_failure();
}

/* Lock the tickets that are to be given back, and add up what follows. */
static void
lock_returned_tickets(const Order *order, const int64 *named, int nnamed, bool restock, Return *result)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT k.ticket_id, k.status, k.tier_id, t.shards, i.unit_price"
		" FROM evently.tickets k"
		" JOIN evently.ticket_tiers t ON t.tier_id = k.tier_id"
		" JOIN evently.order_items i ON i.order_id = k.order_id AND i.tier_id = k.tier_id"
		" WHERE k.order_id = $1 AND ($2 IS NULL OR k.ticket_id = ANY ($2))"
		" ORDER BY k.ticket_id FOR NO KEY UPDATE OF k",
		INT8OID, INT8ARRAYOID);
	Datum		values[2] = {
		Int64GetDatum(order->order_id), named ? int64_array(named, nnamed) : (Datum) 0
	};
	int			n;

	check_snapshot_has_tickets(order->order_id);
	n = (int) spi_run(&query, values, named ? NULL : " n");
	memset(result, 0, sizeof(Return));
	check_all_found(named, nnamed, n);
	result->ticket_ids = palloc(sizeof(int64) * Max(n, 1));
	result->amount = NumericGetDatum(int64_to_numeric(0));
	for (int i = 0; i < n; i++)
	{
		char	   *status = spi_text(i, 2);
		bool		isnull;
		int			shards = DatumGetInt16(spi_datum(i, 4, &isnull));

		if (strcmp(status, "VALID") != 0 && strcmp(status, "USED") != 0)
		{
			if (named)
				raise_error(ERRCODE_EVENTLY_WRONG_STATE,
							psprintf("ticket " INT64_FORMAT " cannot be given back", spi_int64(i, 1)),
							psprintf("Its status is %s.", status),
							"Only a VALID or USED ticket can be given back.");
			continue;
		}
		result->ticket_ids[result->ntickets++] = spi_int64(i, 1);
		result->amount = DirectFunctionCall2(numeric_add, result->amount,
											 spi_datum(i, 5, &isnull));
		/* The place of who has entered is not sold again. */
		if (restock && strcmp(status, "VALID") == 0)
			add_stock_change(&result->restocked, &result->nrestocked, spi_int64(i, 3), shards, 1);
		else
			add_stock_change(&result->held_back, &result->nheld_back, spi_int64(i, 3), shards, 1);
	}
	if (result->ntickets == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("order " INT64_FORMAT " has no ticket left", order->order_id),
					"All its tickets were given back.",
					"See the refunds of the order in evently.refunds.");
}

static void
cancel_tickets(const Order *order, const Return *returned)
{
	static SpiQuery tickets = SPI_QUERY(
		"UPDATE evently.tickets SET status = 'CANCELLED' WHERE ticket_id = ANY ($1)",
		INT8ARRAYOID);
	static SpiQuery order_status = SPI_QUERY(
		"UPDATE evently.orders SET status = CASE WHEN EXISTS"
		" (SELECT FROM evently.tickets k WHERE k.order_id = $1 AND k.status IN ('VALID', 'USED'))"
		" THEN 'PARTIALLY_REFUNDED' ELSE 'REFUNDED' END WHERE order_id = $1",
		INT8OID);
	static SpiQuery hold_back = SPI_QUERY(
		"UPDATE evently.ticket_tiers SET held_back = held_back + $2 WHERE tier_id = $1",
		INT8OID, INT4OID);
	Datum		values[2] = {int64_array(returned->ticket_ids, returned->ntickets)};

	(void) spi_run(&tickets, values, NULL);
	values[0] = Int64GetDatum(order->order_id);
	(void) spi_run(&order_status, values, NULL);
	for (int i = 0; i < returned->nheld_back; i++)
	{
		values[0] = Int64GetDatum(returned->held_back[i].tier_id);
		values[1] = Int32GetDatum(returned->held_back[i].released);
		(void) spi_run(&hold_back, values, NULL);
	}
}

static Datum
refund(const char *refund_id, Order *order, const int64 *named, int nnamed, bool restock)
{
	TimestampTz now = GetCurrentTimestamp();
	Return		returned;
	Datum		row;
	int64	   *tier_ids;

	if (find_refund(refund_id, order, named ? int64_array(named, nnamed) : (Datum) 0,
					named == NULL, &row))
		return row;
	if (!order_has_status(order, "CONFIRMED") && !order_has_status(order, "PARTIALLY_REFUNDED"))
		raise_wrong_order_state(order, "refunded", order_has_status(order, "PENDING")
								? "Use cancel_order for an order that is not paid."
								: "Only an order with tickets can be refunded.");

	lock_returned_tickets(order, named, nnamed, restock, &returned);
	(void) lock_stock(returned.restocked, returned.nrestocked, false);
	(void) apply_stock(returned.restocked, returned.nrestocked);
	row = insert_refund(refund_id, order, order->payment_id, returned.amount, "REQUESTED",
						&returned, now);
	cancel_tickets(order, &returned);
	if (strcmp(order->channel, "SALE") == 0 &&
		read_terms(order->event_id, NULL, 0)->max_per_buyer > 0)
		give_back_buyer_taken(order->event_id, order->buyer_id, returned.ntickets);
	notify_buyer("TICKETS_REFUNDED", order->order_id, returned.amount, NULL, now);

	tier_ids = palloc(sizeof(int64) * Max(returned.nrestocked, 1));
	for (int i = 0; i < returned.nrestocked; i++)
		tier_ids[i] = returned.restocked[i].tier_id;
	label_after_adding(tier_ids, returned.nrestocked);
	return row;
}

/* refund_order(order_id, refund_id, ticket_ids, restock) */
PG_FUNCTION_INFO_V1(ev_refund_order);
Datum
ev_refund_order(PG_FUNCTION_ARGS)
{
	int64		order_id = arg_id(fcinfo, 0, "order_id");
	char	   *refund_id = arg_nonempty_string(fcinfo, 1, "refund_id");
	int64	   *named = NULL;
	int			nnamed = 0;
	Order	   *order;

	if (strncmp(refund_id, PAYMENT_REFUND_PREFIX, strlen(PAYMENT_REFUND_PREFIX)) == 0 ||
		strncmp(refund_id, CANCELLED_REFUND_PREFIX, strlen(CANCELLED_REFUND_PREFIX)) == 0)
		raise_bad_argument("refund_id must not begin with \"" PAYMENT_REFUND_PREFIX
						   "\" or \"" CANCELLED_REFUND_PREFIX "\"",
						   "evently names its own refunds so.", NULL);
	if (!PG_ARGISNULL(2))
		named = arg_ticket_ids(fcinfo, 2, &nnamed);
	if (PG_ARGISNULL(3))
		raise_bad_argument("restock must not be null", NULL, NULL);

	ev_connect();
	require_own_order(EV_MANAGERS, order_id);
	order = read_order(order_id);
	lock_event_shared(order->event_id);
	order = lock_order(order_id);
	return ev_finish(refund(refund_id, order, named, nnamed, PG_GETARG_BOOL(3)));
}

/* settle_refund(refund_id, outcome): was the money returned? */
PG_FUNCTION_INFO_V1(ev_settle_refund);
Datum
ev_settle_refund(PG_FUNCTION_ARGS)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT r, r.status FROM evently.refunds r WHERE r.refund_id = $1 FOR NO KEY UPDATE",
		TEXTOID);
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.refunds AS r SET status = $2, settled_at = $3"
		" WHERE r.refund_id = $1 RETURNING r",
		TEXTOID, TEXTOID, TIMESTAMPTZOID);
	char	   *refund_id = arg_nonempty_string(fcinfo, 0, "refund_id");
	char	   *outcome = arg_nonempty_string(fcinfo, 1, "outcome");
	Datum		values[3] = {
		CStringGetTextDatum(refund_id), CStringGetTextDatum(outcome), (Datum) 0
	};
	char	   *status;

	if (strcmp(outcome, "DONE") != 0 && strcmp(outcome, "FAILED") != 0)
		raise_bad_argument("outcome must be DONE or FAILED", psprintf("It is \"%s\".", outcome), NULL);

	ev_connect();
	if (spi_run(&lock, values, NULL) == 0)
	{
		bool		missing;

		(void) read_refund(refund_id, &missing);
		if (!missing)
			raise_serialization_failure();
		raise_error(ERRCODE_EVENTLY_NOT_FOUND,
					psprintf("refund \"%s\" does not exist", refund_id), NULL, NULL);
	}
	status = spi_text(0, 2);
	if (strcmp(status, outcome) == 0)
		return ev_finish(spi_result(0, 1));
	if (strcmp(status, "DONE") == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("refund \"%s\" cannot be settled again", refund_id),
					"Its status is DONE.", "Only a DUE or FAILED refund can be settled.");
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	(void) spi_run(&update, values, NULL);
	return ev_finish(spi_result(0, 1));
}
