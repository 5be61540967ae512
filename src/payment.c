/*-------------------------------------------------------------------------
 *
 * payment.c
 *	  confirm_order(): what becomes of a payment.
 *
 * Every payment for a known order is recorded with its outcome, in the same
 * transaction as what it causes. The buyer's lock and then the order's row make
 * calls for one order come one after another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"

#include "line.h"
#include "locks.h"
#include "money.h"
#include "orders.h"
#include "refunds.h"
#include "reserve.h"
#include "sold_out.h"
#include "spi_util.h"
#include "tickets.h"

/* What a call reports, and the facts that decide. */
typedef struct Payment
{
	char	   *payment_id;		/* NULL for a free order */
	Datum		amount;			/* numeric */
	bool		amount_given;
	Attendee   *attendees;
	int			nattendees;
	TimestampTz now;
} Payment;

/* Record a payment; 22023 if another call was faster and for another order. */
static void
record_payment(const Payment *payment, const Order *order, const char *outcome)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.payments"
		" (payment_id, order_id, amount, currency, outcome, reported_at)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (payment_id) DO NOTHING",
		TEXTOID, INT8OID, NUMERICOID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	Datum		values[6];

	if (payment->payment_id == NULL)
		return;
	values[0] = CStringGetTextDatum(payment->payment_id);
	values[1] = Int64GetDatum(order->order_id);
	values[2] = payment->amount;
	values[3] = CStringGetTextDatum(order->currency);
	values[4] = CStringGetTextDatum(outcome);
	values[5] = TimestampTzGetDatum(payment->now);
	if (spi_run(&query, values, NULL) == 0)
		raise_bad_argument(psprintf("payment \"%s\" belongs to another order", payment->payment_id),
						   NULL, "Report each payment with the order it was made for.");
}

/*
 * The outcome that this payment had when it was reported before; NULL if it
 * was not. 22023 when it was reported with other content.
 */
static char *
recorded_outcome(const Payment *payment, const Order *order)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT order_id, outcome, amount FROM evently.payments WHERE payment_id = $1",
		TEXTOID);
	Datum		values[1];
	bool		isnull;

	if (payment->payment_id == NULL)
		return NULL;
	values[0] = CStringGetTextDatum(payment->payment_id);
	if (spi_read_fresh(&query, values, NULL) == 0)
		return NULL;
	if (spi_int64(0, 1) != order->order_id)
		raise_bad_argument(psprintf("payment \"%s\" belongs to another order", payment->payment_id),
						   psprintf("It was reported for order " INT64_FORMAT ".", spi_int64(0, 1)),
						   "Report each payment with the order it was made for.");
	if (payment->amount_given &&
		!same_amount(payment->amount, spi_datum(0, 3, &isnull)))
		raise_bad_argument(psprintf("payment \"%s\" was reported with another amount",
									payment->payment_id),
						   psprintf("It was %s.", spi_string(0, 3)), NULL);
	return spi_text(0, 2);
}

/* Whether an order whose hold has ended can have its tickets again; takes them. */
static bool
take_again(const Order *order, const Selection *items, int nitems, TimestampTz now,
		   Refusal *refusal)
{
	int64	   *tier_ids = palloc(sizeof(int64) * Max(nitems, 1));
	EventTerms *event;
	StockPlan	plan = {0};		/* having an order's row, it waits for no other */
	int64		quantity = 0;

	for (int i = 0; i < nitems; i++)
	{
		tier_ids[i] = items[i].tier_id;
		quantity += items[i].quantity;
	}
	event = read_terms(order->event_id, tier_ids, nitems);
	if (strcmp(event->status, "CANCELLED") == 0 || strcmp(event->status, "COMPLETED") == 0 ||
		now >= event->end_time)
		return refuse(refusal, ERRCODE_EVENTLY_NOT_ON_SALE,
					  psprintf("event " INT64_FORMAT " is over", event->event_id),
					  psprintf("Its status is %s.", event->status), NULL);

	/*
	 * Lapsed but not yet swept: it still has its tickets, unless somebody waits
	 * for them, whom a sweep would have given them.
	 */
	if (order_has_status(order, "PENDING"))
	{
		for (int i = 0; i < nitems; i++)
		{
			if (somebody_waits(tier_ids[i], now))
				return refuse_for_stock(tier_ids[i], 0, items[i].quantity, refusal);
		}
		return true;
	}

	if (event->max_per_buyer > 0 &&
		!within_buyer_limit(event, order->buyer_id,
							taken_by_buyer(&plan, order->event_id, order->buyer_id,
										   event->max_per_buyer, quantity, now),
							quantity, refusal))
		return false;
	if (!plan_stock(&plan, event, items, nitems, now, refusal))
		return false;
	if (event->max_per_buyer > 0)
		add_buyer_change(&plan.buyers, order->event_id, order->buyer_id, (int32) quantity,
						 event->max_per_buyer);
	if (write_stock_plan(&plan, now))
		label_after_taking(order->event_id);
	return true;
}

/* Money that is not kept: its refund. */
static Datum
turn_away(const Payment *payment, const Order *order, const char *outcome, bool *no_refund)
{
	Datum		refund = (Datum) 0;

	record_payment(payment, order, outcome);
	*no_refund = is_zero(payment->amount);
	if (!*no_refund)
	{
		refund = insert_payment_refund(order, payment->payment_id, payment->amount, outcome,
									   payment->now);
		notify_buyer("REFUND_DUE", order->order_id, payment->amount, outcome, payment->now);
	}
	return refund;
}

/* The payment is kept: the order is confirmed and has tickets. */
static Datum
accept(const Payment *payment, const Order *order, const Selection *items, int nitems,
	   const char *outcome)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.orders SET status = 'CONFIRMED', payment_id = $2, confirmed_at = $3"
		" WHERE order_id = $1",
		INT8OID, TEXTOID, TIMESTAMPTZOID);
	int			n;
	Attendee   *seats = seat_attendees(items, nitems, payment->attendees, payment->nattendees, &n);
	char		nulls[] = "   ";
	Datum		values[3] = {
		Int64GetDatum(order->order_id), string_datum_or_null(payment->payment_id, &nulls[1]),
		TimestampTzGetDatum(payment->now)
	};
	Datum		tickets;

	record_payment(payment, order, outcome);
	(void) spi_run(&update, values, nulls);
	tickets = issue_tickets(order->order_id, order->event_id, seats, n, payment->now);
	notify_buyer("TICKETS_ISSUED", order->order_id, NO_AMOUNT, NULL, payment->now);
	return tickets;
}

/*
 * Decide and write; the outcome. values are those of the result type (outcome,
 * reservation, tickets, refund), here the last three.
 */
static const char *
confirm(Payment *payment, const Order *order, Datum values[4], bool nulls[4])
{
	Selection  *items;
	int			nitems;
	const char *outcome = recorded_outcome(payment, order);
	bool		is_free = is_zero(order->total);
	Refusal		refusal;

	if (!payment->amount_given)
		payment->amount = order->total;

	if (outcome != NULL)
	{
		if (strcmp(outcome, "CONFIRMED") == 0 || strcmp(outcome, "RECOVERED") == 0)
			outcome = "ALREADY_CONFIRMED";
		else
			values[3] = payment_refund(payment->payment_id, &nulls[3]);
	}
	else if (!order_has_status(order, "PENDING") && !order_has_status(order, "EXPIRED") &&
			 !order_has_status(order, "CANCELLED"))
	{
		outcome = payment->payment_id == NULL ? "ALREADY_CONFIRMED" : "DUPLICATE_PAYMENT";
		if (payment->payment_id != NULL)
			values[3] = turn_away(payment, order, outcome, &nulls[3]);
	}
	else if (!same_amount(payment->amount, order->total))
	{
		outcome = "AMOUNT_MISMATCH";
		values[3] = turn_away(payment, order, outcome, &nulls[3]);
	}
	else if (order_has_status(order, "CANCELLED"))
	{
		if (is_free)
			raise_wrong_order_state(order, "confirmed", "Reserve again.");
		outcome = "REFUND_DUE";
		values[3] = turn_away(payment, order, outcome, &nulls[3]);
	}
	else
	{
		items = read_items(order->order_id, &nitems);
		if (order_has_status(order, "PENDING") && payment->now < order->expires_at)
			outcome = "CONFIRMED";
		else if (take_again(order, items, nitems, payment->now, &refusal))
			outcome = "RECOVERED";
		else
		{
			if (is_free)
				raise_error(ERRCODE_EVENTLY_HOLD_EXPIRED,
							psprintf("the hold of order " INT64_FORMAT " has lapsed",
									 order->order_id),
							psprintf("It lapsed at %s, and its tickets are gone.",
									 timestamptz_to_str(order->expires_at)),
							"Reserve again.");
			/* Stock first: who records a payment waits for no stock (docs/concurrency.md). */
			if (order_has_status(order, "PENDING"))
				end_holds(&order->order_id, 1, "EXPIRED", NULL, payment->now);
			outcome = "REFUND_DUE";
			values[3] = turn_away(payment, order, outcome, &nulls[3]);
		}
		if (strcmp(outcome, "REFUND_DUE") != 0)
		{
			values[2] = accept(payment, order, items, nitems, outcome);
			nulls[2] = false;
		}
	}

	values[1] = order_row(order->order_id);
	if (nulls[2])
		values[2] = order_tickets(order->order_id, &nulls[2]);
	return outcome;
}

/* confirm_order(order_id, payment_id, amount, attendees) */
PG_FUNCTION_INFO_V1(ev_confirm_order);
Datum
ev_confirm_order(PG_FUNCTION_ARGS)
{
	int64		order_id = arg_id(fcinfo, 0, "order_id");
	Payment		payment = {0};
	Order	   *order;
	TupleDesc	desc;
	Datum		values[4] = {0};
	bool		nulls[4] = {false, false, true, true};
	Refusal		refusal;
	const char *outcome;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(1))
		payment.payment_id = arg_nonempty_string(fcinfo, 1, "payment_id");
	payment.amount_given = !PG_ARGISNULL(2);
	if (payment.amount_given)
		payment.amount = arg_amount(fcinfo, 2, "amount");
	if (!PG_ARGISNULL(3) &&
		!parse_attendees(PG_GETARG_JSONB_P(3), &payment.attendees, &payment.nattendees, &refusal))
		raise_refusal(&refusal);

	ev_connect();
	order = read_order(order_id);
	if (payment.payment_id == NULL &&
		!(is_zero(order->total) && (!payment.amount_given || is_zero(payment.amount))))
		raise_bad_argument("payment_id must not be null", NULL,
						   "Only an order that costs nothing is confirmed without a payment.");
	lock_event_shared(order->event_id);
	lock_buyer(buyer_lock_key(order->event_id, order->buyer_id));
	order = lock_order(order_id);
	payment.now = GetCurrentTimestamp();
	outcome = confirm(&payment, order, values, nulls);

	spi = MemoryContextSwitchTo(caller);
	values[0] = CStringGetTextDatum(outcome);
	result = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	MemoryContextSwitchTo(spi);
	return ev_finish(result);
}
