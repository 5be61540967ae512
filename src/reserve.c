/*-------------------------------------------------------------------------
 *
 * reserve.c
 *	  Holding tickets for a buyer: reserve_tickets(), reserve_tier() and their
 *	  try_ forms.
 *
 * A call first takes its locks, then checks everything, then writes: a refusal
 * leaves nothing behind, so the try_ forms need no subtransaction. One tier whose
 * own shard has enough takes no statement at READ COMMITTED (docs/architecture.md);
 * an idempotency key and a limit per buyer take two.
 *
 *-------------------------------------------------------------------------
 */
#include "reserve.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/snapmgr.h"

#include "ids.h"
#include "job_rows.h"
#include "line.h"
#include "locks.h"
#include "orders.h"
#include "row_fetch.h"
#include "row_insert.h"
#include "shard_row.h"
#include "sold_out.h"
#include "spi_util.h"

/* The tier that this backend found short last: looked at before it is locked. */
static int64 short_tier = 0;

/*
 * The order that this buyer's key gave before, if any (*order_id, else 0).
 * False when the key was used with other content.
 */
bool
find_order_by_key(const Request *request, int64 *order_id, Refusal *refusal)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT o.order_id, i.tier_id, i.quantity"
		" FROM evently.orders o JOIN evently.order_items i ON i.order_id = o.order_id"
		" WHERE o.event_id = $1 AND o.buyer_id = $2 AND o.idempotency_key = $3"
		" ORDER BY i.tier_id",
		INT8OID, INT8OID, TEXTOID);
	Datum		values[3] = {
		Int64GetDatum(request->event_id), Int64GetDatum(request->buyer_id),
		CStringGetTextDatum(request->idempotency_key)
	};
	int			n = (int) spi_read_fresh(&query, values, NULL);
	bool		same = (n == request->nselections);

	*order_id = n > 0 ? spi_int64(0, 1) : 0;
	for (int i = 0; i < n && same; i++)
		same = spi_int64(i, 2) == request->selections[i].tier_id &&
			spi_int32(i, 3) == request->selections[i].quantity;
	if (n > 0 && !same)
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  "idempotency_key was used with other content",
					  psprintf("It gave order " INT64_FORMAT ".", *order_id),
					  "Use a new key for a new attempt.");
	return true;
}

static bool
note_one(TupleTableSlot *order pg_attribute_unused(), void *found)
{
	*(bool *) found = true;
	return false;
}

/*
 * What a tier has for sale, by one snapshot in which no hold of its event has
 * lapsed; false when one has. In a rush that is over most calls end here, so it
 * goes without a statement.
 */
static bool
read_stock_without_lapsed(int64 event_id, int64 tier_id, int shards, TimestampTz now, int64 *available)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData lapsed[2];
	bool		has_lapsed = false;

	*available = read_shard_rows(tier_id, shards, snapshot);
	ScanKeyInit(&lapsed[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(event_id));
	ScanKeyInit(&lapsed[1], 2, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, TimestampTzGetDatum(now));
	scan_rows("orders", "orders_pending", lapsed, 2, snapshot, note_one, &has_lapsed);
	UnregisterSnapshot(snapshot);
	return !has_lapsed;
}

/*
 * What a tier has for sale, and what its lapsed holds would bring that the plan
 * has not counted in, in one snapshot. The planner guesses that a third of the
 * holds has lapsed, and would join by reading all orders or all items for each
 * refusal: the subqueries and OFFSET 0 leave it one way, from the lapsed holds on.
 */
void
read_stock_and_lapsed(const StockPlan *plan, int64 event_id, int64 tier_id, int shards,
					  TimestampTz now, int64 *available, int64 *lapsed)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT (SELECT coalesce(sum(s.available), 0) FROM evently.inventory_shards s"
		"  WHERE s.tier_id = $2),"
		" (SELECT coalesce(sum((SELECT i.quantity FROM evently.order_items i"
		"   WHERE i.order_id = o.order_id AND i.tier_id = $2)), 0)"
		"  FROM (SELECT l.order_id FROM evently.orders l"
		"   WHERE l.event_id = $1 AND l.status = 'PENDING' AND l.expires_at <= $3"
		"   AND l.order_id <> ALL ($4) OFFSET 0) o"
		"  WHERE " NOT_FAILING("release_expired_orders", "o.order_id", "$3") ")",
		INT8OID, INT8OID, TIMESTAMPTZOID, INT8ARRAYOID);
	Datum		values[4] = {
		Int64GetDatum(event_id), Int64GetDatum(tier_id), TimestampTzGetDatum(now),
		int64_array(plan->reclaimed, plan->nreclaimed)
	};

	*lapsed = 0;
	if (read_stock_without_lapsed(event_id, tier_id, shards, now, available))
		return;
	(void) spi_read_fresh(&query, values, NULL);
	*available = spi_int64(0, 1);
	*lapsed = spi_int64(0, 2);
}

/*
 * Before the first lapsed hold is locked, where the plan may wait for those that
 * others are at. True when the locks are new: time has passed, look again.
 */
bool
begin_reclaim(StockPlan *plan)
{
	if (plan->reclaiming || plan->nevents == 0)
		return false;
	for (int i = 0; i < plan->nevents; i++)
		lock_reclaim(plan->events[i]);
	plan->reclaiming = true;
	return true;
}

/* No more lapsed holds will be locked. */
void
end_reclaim(StockPlan *plan)
{
	for (int i = 0; plan->reclaiming && i < plan->nevents; i++)
		unlock_reclaim(plan->events[i]);
	plan->reclaiming = false;
}

static int32
change_of_tier(const StockPlan *plan, int64 tier_id)
{
	for (int i = 0; i < plan->nchanges; i++)
	{
		if (plan->changes[i].tier_id == tier_id)
			return plan->changes[i].released - plan->changes[i].wanted;
	}
	return 0;
}

/* Count locked orders in that are to end, each once. */
static void
reclaim(StockPlan *plan, const int64 *orders, int n)
{
	int			fresh = 0;

	plan->reclaimed = plan->reclaimed
		? repalloc(plan->reclaimed, sizeof(int64) * (plan->nreclaimed + Max(n, 1)))
		: palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		bool		known = false;

		for (int j = 0; j < plan->nreclaimed && !known; j++)
			known = plan->reclaimed[j] == orders[i];
		if (!known)
			plan->reclaimed[plan->nreclaimed + fresh++] = orders[i];
	}
	if (fresh > 0)
		add_ordered_stock(plan->reclaimed + plan->nreclaimed, fresh, 1,
						  &plan->changes, &plan->nchanges);
	plan->nreclaimed += fresh;
}

/*
 * Lock lapsed holds that have "missing" tickets of a tier, and count theirs in.
 *
 * Those that somebody else is at may come free yet, so they count like stock that
 * others have taken: a plan that may wait waits for them when the free ones do
 * not do. At the higher isolation levels it is 40001 when there are none: the
 * transaction's snapshot is too old to see them.
 */
void
reclaim_for_tier(StockPlan *plan, int64 event_id, int64 tier_id, int64 missing, TimestampTz now)
{
	int32		before = change_of_tier(plan, tier_id);
	int			limit = (int) Min(missing, PG_INT16_MAX);
	int			n;
	int64	   *orders;

	orders = lock_lapsed_orders(event_id, tier_id, now, limit + plan->nreclaimed, false, &n);
	reclaim(plan, orders, n);
	if (plan->reclaiming && change_of_tier(plan, tier_id) - before < missing)
	{
		orders = lock_lapsed_orders(event_id, tier_id, now, limit + plan->nreclaimed, true, &n);
		reclaim(plan, orders, n);
	}
	if (change_of_tier(plan, tier_id) == before && IsolationUsesXactSnapshot())
		raise_serialization_failure();
}

/*
 * What a buyer has and holds at an event with a limit, when that many more are
 * wanted. If they would be too many, the buyer's own lapsed holds are reclaimed:
 * nobody need wait for the job to buy again.
 */
int64
taken_by_buyer(StockPlan *plan, int64 event_id, int64 buyer_id, int64 limit, int64 wanted,
			   TimestampTz now)
{
	int64		taken = buyer_taken(event_id, buyer_id);
	int64	   *orders;
	int			n;

	if (taken + wanted <= limit || !has_lapsed_orders(event_id, buyer_id, now))
		return taken;
	(void) begin_reclaim(plan);
	orders = lock_lapsed_orders_of_buyer(event_id, buyer_id, now, plan->reclaiming, &n);
	reclaim(plan, orders, n);
	return buyer_taken(event_id, buyer_id) - ordered_quantity(orders, n);
}

/*
 * Lock stock for the selections; the plan may have reclaimed holds before. When a
 * tier lacks stock its lapsed holds are counted in, unless somebody waits for it:
 * they belong to the line. False when there is not enough: true by one snapshot
 * in which free tickets and lapsed holds together did not do.
 */
bool
plan_stock(StockPlan *plan, EventTerms *event, const Selection *selections, int n,
		   TimestampTz now, Refusal *refusal)
{
	const Selection *lacked;
	int64		available = 0;
	int64		wanted = 0;
	bool		look_first;

	for (int i = 0; i < n; i++)
		add_stock_change(&plan->changes, &plan->nchanges, selections[i].tier_id,
						 find_tier(event, selections[i].tier_id)->shards,
						 -(int32) selections[i].quantity);

	/* What was short is probably short still. */
	look_first = plan->nchanges == 1 && plan->nreclaimed == 0 &&
		plan->changes[0].tier_id == short_tier;
	for (;;)
	{
		int			lacking = look_first ? 0 : lock_stock(plan->changes, plan->nchanges, false);
		int64		lapsed;
		int			nreclaimed = plan->nreclaimed;

		look_first = false;
		lacked = NULL;
		if (lacking < 0)
			break;
		for (int i = 0; i < n; i++)
		{
			if (selections[i].tier_id == plan->changes[lacking].tier_id)
				lacked = &selections[i];
		}
		if (lacked == NULL)
			elog(ERROR, "tier " INT64_FORMAT " lacks stock that was not asked for",
				 plan->changes[lacking].tier_id);

		wanted = plan->changes[lacking].wanted - plan->changes[lacking].added;
		read_stock_and_lapsed(plan, event->event_id, lacked->tier_id, plan->changes[lacking].shards,
							  now, &available, &lapsed);
		if (available >= wanted)
			continue;
		/* Where somebody waits, lapsed holds are not for those who do not. */
		if (available + lapsed < wanted || somebody_waits(lacked->tier_id, now))
			break;
		if (begin_reclaim(plan))
			continue;
		reclaim_for_tier(plan, event->event_id, lacked->tier_id, wanted - available, now);
		if (!plan->reclaiming && plan->nreclaimed == nreclaimed)
			break;
	}
	end_reclaim(plan);
	if (lacked == NULL)
		return true;
	short_tier = lacked->tier_id;
	return refuse_for_stock(lacked->tier_id, available + lacked->quantity - wanted,
							lacked->quantity, refusal);
}

/*
 * Write what is locked and count the buyers, the call's own among them. Whether a
 * shard was emptied.
 */
bool
write_stock_plan(StockPlan *plan, TimestampTz now)
{
	bool		emptied = apply_stock(plan->changes, plan->nchanges);

	if (plan->nreclaimed > 0)
	{
		int64	   *restocked = palloc(sizeof(int64) * plan->nchanges);
		int			n = 0;

		end_orders(plan->reclaimed, plan->nreclaimed, "EXPIRED", NULL, now, &plan->buyers);
		for (int i = 0; i < plan->nchanges; i++)
		{
			if (stock_delta(&plan->changes[i]) > 0)
				restocked[n++] = plan->changes[i].tier_id;
		}
		label_after_adding(restocked, n);
	}
	apply_buyer_changes(&plan->buyers);
	return emptied;
}

/* Insert the order; its row, copied so that it outlives SPI_finish. */
Datum
insert_order(EventTerms *event, const Request *request, TimestampTz now, int64 *order_id)
{
	static RowInsert orders = {
		.table = "orders",
		.columns = {"order_id", "event_id", "buyer_id", "buyer_email", "channel", "status",
		"total_amount", "currency", "idempotency_key", "created_at", "expires_at"}
	};
	static RowInsert items = {
		.table = "order_items",
		.columns = {"item_id", "order_id", "tier_id", "quantity", "unit_price"}
	};
	char		nulls[] = "           ";
	int64		id = next_id("order_ids");
	Datum		values[] = {
		Int64GetDatum(id), Int64GetDatum(request->event_id), Int64GetDatum(request->buyer_id),
		string_datum_or_null(request->buyer_email, &nulls[3]),
		CStringGetTextDatum("SALE"), CStringGetTextDatum("PENDING"),
		total_price(event, request->selections, request->nselections),
		CStringGetTextDatum(event->currency),
		string_datum_or_null(request->idempotency_key, &nulls[8]),
		TimestampTzGetDatum(now), TimestampTzGetDatum(hold_end(event, now))
	};
	Datum		row;

	insert_row(&orders, values, nulls, &row);
	for (int i = 0; i < request->nselections; i++)
	{
		const Selection *selection = &request->selections[i];
		Datum		item[] = {
			Int64GetDatum(next_id("order_item_ids")), Int64GetDatum(id),
			Int64GetDatum(selection->tier_id), Int32GetDatum((int32) selection->quantity),
			find_tier(event, selection->tier_id)->price
		};

		insert_row(&items, item, NULL, NULL);
	}
	*order_id = id;
	return row;
}

/* Hold the tickets: the order's row in *result. False when refused. */
static bool
reserve(const Request *request, Datum *result, Refusal *refusal)
{
	int64	   *tier_ids = palloc(sizeof(int64) * request->nselections);
	EventTerms *event;
	Selection  *first = &request->selections[0];
	StockPlan	plan = {.events = &request->event_id, .nevents = 1};
	TimestampTz now;
	bool		emptied = false;
	int64		new_order_id;

	lock_event_shared(request->event_id);
	for (int i = 0; i < request->nselections; i++)
		tier_ids[i] = request->selections[i].tier_id;
	event = read_terms(request->event_id, tier_ids, request->nselections);
	if (request->idempotency_key != NULL || event->max_per_buyer > 0)
		lock_buyer(buyer_lock_key(request->event_id, request->buyer_id));
	now = GetCurrentTimestamp();

	if (request->idempotency_key != NULL)
	{
		int64		order_id;

		if (!find_order_by_key(request, &order_id, refusal))
			return false;
		if (order_id != 0)
		{
			*result = order_row(order_id);
			return true;
		}
	}
	if (!may_be_sold(event, request->selections, request->nselections, now, refusal))
		return false;
	if (event->max_per_buyer > 0 &&
		!within_buyer_limit(event, request->buyer_id,
							taken_by_buyer(&plan, request->event_id, request->buyer_id,
										   event->max_per_buyer, request->quantity, now),
							request->quantity, refusal))
	{
		end_reclaim(&plan);
		return false;
	}

	if (request->nselections > 1 || first->tier_id == short_tier || plan.nreclaimed > 0 ||
		strcmp(event->status, "SOLD_OUT") == 0 ||
		!take_from_own_shard(first->tier_id, find_tier(event, first->tier_id)->shards,
							 (int32) first->quantity, &emptied))
	{
		if (!plan_stock(&plan, event, request->selections, request->nselections, now, refusal))
			return false;
		short_tier = 0;
	}

	*result = insert_order(event, request, now, &new_order_id);
	if (event->max_per_buyer > 0)
		add_buyer_change(&plan.buyers, request->event_id, request->buyer_id,
						 (int32) request->quantity, event->max_per_buyer);
	if (write_stock_plan(&plan, now) || emptied)
		label_after_taking(request->event_id);
	return true;
}

static bool
id_argument(FunctionCallInfo fcinfo, int n, const char *name, int64 *id, Refusal *refusal)
{
	if (PG_ARGISNULL(n))
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  psprintf("%s must not be null", name), NULL, NULL);
	*id = PG_GETARG_INT64(n);
	return true;
}

/* event_id, buyer_id, then the selections, then idempotency_key, buyer_email. */
static bool
common_arguments(FunctionCallInfo fcinfo, int key_arg, Request *request, Refusal *refusal)
{
	memset(request, 0, sizeof(Request));
	if (!id_argument(fcinfo, 0, "event_id", &request->event_id, refusal) ||
		!id_argument(fcinfo, 1, "buyer_id", &request->buyer_id, refusal))
		return false;
	request->idempotency_key = arg_string(fcinfo, key_arg);
	request->buyer_email = arg_string(fcinfo, key_arg + 1);
	return check_request(request, refusal);
}

static bool
reserve_tickets(FunctionCallInfo fcinfo, Datum *result, Refusal *refusal)
{
	Request		request;

	if (!common_arguments(fcinfo, 3, &request, refusal))
		return false;
	if (PG_ARGISNULL(2))
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  "selections must not be null", NULL, NULL);
	return parse_selections(PG_GETARG_JSONB_P(2), &request, refusal) &&
		reserve(&request, result, refusal);
}

static bool
reserve_tier(FunctionCallInfo fcinfo, Datum *result, Refusal *refusal)
{
	Request		request;
	Selection	selection;
	int64		tier_id = 0;

	if (!common_arguments(fcinfo, 4, &request, refusal) ||
		!id_argument(fcinfo, 2, "tier_id", &tier_id, refusal))
		return false;
	if (PG_ARGISNULL(3))
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  "quantity must not be null", NULL, NULL);
	request.selections = &selection;
	return add_selection(&request, tier_id, PG_GETARG_INT32(3), refusal) &&
		reserve(&request, result, refusal);
}

typedef bool (*ReserveFunction) (FunctionCallInfo fcinfo, Datum *result, Refusal *refusal);

static Datum
reserve_or_raise(FunctionCallInfo fcinfo, ReserveFunction function)
{
	Datum		result;
	Refusal		refusal;

	ev_connect();
	if (!function(fcinfo, &result, &refusal))
		raise_refusal(&refusal);
	return ev_finish(result);
}

/* The form that returns a refusal as a row. */
static Datum
try_reserve(FunctionCallInfo fcinfo, ReserveFunction function)
{
	TupleDesc	desc;
	Datum		values[5] = {0};
	bool		nulls[5] = {false, true, true, true, true};
	Refusal		refusal;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	ev_connect();
	if (!function(fcinfo, &values[0], &refusal))
	{
		const char *texts[4] = {
			unpack_sql_state(refusal.sqlerrcode), refusal.message, refusal.detail, refusal.hint
		};

		spi = MemoryContextSwitchTo(caller);
		nulls[0] = true;
		for (int i = 0; i < 4; i++)
		{
			nulls[i + 1] = (texts[i] == NULL);
			if (texts[i] != NULL)
				values[i + 1] = CStringGetTextDatum(texts[i]);
		}
		MemoryContextSwitchTo(spi);
	}
	ev_finish((Datum) 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

PG_FUNCTION_INFO_V1(ev_reserve_tickets);
Datum
ev_reserve_tickets(PG_FUNCTION_ARGS)
{
	return reserve_or_raise(fcinfo, reserve_tickets);
}

PG_FUNCTION_INFO_V1(ev_reserve_tier);
Datum
ev_reserve_tier(PG_FUNCTION_ARGS)
{
	return reserve_or_raise(fcinfo, reserve_tier);
}

PG_FUNCTION_INFO_V1(ev_try_reserve_tickets);
Datum
ev_try_reserve_tickets(PG_FUNCTION_ARGS)
{
	return try_reserve(fcinfo, reserve_tickets);
}

PG_FUNCTION_INFO_V1(ev_try_reserve_tier);
Datum
ev_try_reserve_tier(PG_FUNCTION_ARGS)
{
	return try_reserve(fcinfo, reserve_tier);
}
