/*-------------------------------------------------------------------------
 *
 * reserve_batch.c
 *	  reserve_tickets_batch(): many buyers' requests in one transaction, as a
 *	  queue's worker has them. Each succeeds or is refused on its own.
 *
 * The same three steps as a single call: all locks, each kind sorted; all
 * checks; then everything is written at once, each shard once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "ids.h"
#include "json_args.h"
#include "line.h"
#include "locks.h"
#include "orders.h"
#include "reserve.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"

typedef struct BatchEntry
{
	Request		request;
	EventTerms *event;
	bool		accepted;
	Refusal		refusal;
	int64		order_id;		/* 0: none yet */
	int			same_as;		/* the entry with the same key, or -1 */
	bool		granted;		/* gets an order of its own */
} BatchEntry;

/* What the batch wants of a tier, and what is left for it. */
typedef struct TierWish
{
	int64		tier_id;
	int64		event_id;
	int32		wanted;
	int32		covered;		/* what could be locked of it */
	int32		left;
	int32		used;
} TierWish;

/* A buyer with a limit: what is taken, this batch included. */
typedef struct BuyerCount
{
	int64		event_id;
	int64		buyer_id;
	int32		limit;
	int64		wanted;
	int64		taken;
	int32		added;
} BuyerCount;

typedef struct Batch
{
	int			n;
	BatchEntry *entries;
	int			nevents;
	EventTerms **events;		/* sorted by id */
	int			nbuyers;
	BuyerCount *buyers;			/* sorted by event and buyer */
	int			nwishes;
	TierWish   *wishes;			/* sorted by tier */
	StockPlan	plan;
	bool		emptied;
	TimestampTz now;
} Batch;

static int
compare_uint64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

static int
compare_buyers(const void *a, const void *b)
{
	const BuyerCount *x = a;
	const BuyerCount *y = b;

	if (x->event_id != y->event_id)
		return x->event_id < y->event_id ? -1 : 1;
	return x->buyer_id < y->buyer_id ? -1 : x->buyer_id > y->buyer_id;
}

static EventTerms *
find_event(const Batch *batch, int64 event_id)
{
	for (int i = 0; i < batch->nevents; i++)
	{
		if (batch->events[i]->event_id == event_id)
			return batch->events[i];
	}
	return NULL;
}

/* Lock the events and read their terms, for the entries that are well-formed. */
static void
lock_events(Batch *batch)
{
	int64	   *event_ids = palloc(sizeof(int64) * Max(batch->n, 1));
	int64	   *tier_ids;
	int			nselections = 0;
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
	{
		if (batch->entries[i].accepted)
		{
			event_ids[n++] = batch->entries[i].request.event_id;
			nselections += batch->entries[i].request.nselections;
		}
	}
	batch->nevents = distinct_ids(event_ids, n);
	batch->plan.events = event_ids;
	batch->plan.nevents = batch->nevents;
	batch->events = palloc(sizeof(EventTerms *) * Max(batch->nevents, 1));
	tier_ids = palloc(sizeof(int64) * Max(nselections, 1));
	for (int e = 0; e < batch->nevents; e++)
	{
		int			ntiers = 0;

		lock_event_shared(event_ids[e]);
		for (int i = 0; i < batch->n; i++)
		{
			Request    *request = &batch->entries[i].request;

			if (!batch->entries[i].accepted || request->event_id != event_ids[e])
				continue;
			for (int j = 0; j < request->nselections; j++)
				tier_ids[ntiers++] = request->selections[j].tier_id;
		}
		batch->events[e] = read_terms(event_ids[e], tier_ids, distinct_ids(tier_ids, ntiers));
	}
	for (int i = 0; i < batch->n; i++)
	{
		if (batch->entries[i].accepted)
			batch->entries[i].event = find_event(batch, batch->entries[i].request.event_id);
	}
}

/* Lock the buyers whose key or limit matters. */
static void
lock_buyers(Batch *batch)
{
	uint64	   *keys = palloc(sizeof(uint64) * Max(batch->n, 1));
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];

		if (entry->accepted &&
			(entry->request.idempotency_key != NULL || entry->event->max_per_buyer > 0))
			keys[n++] = buyer_lock_key(entry->request.event_id, entry->request.buyer_id);
	}
	qsort(keys, n, sizeof(uint64), compare_uint64);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || keys[i] != keys[i - 1])
			lock_buyer(keys[i]);
	}
}

/* The same key earlier in this batch: the entry's index, or -1. */
static int
same_key_before(const Batch *batch, int n)
{
	const Request *request = &batch->entries[n].request;

	for (int i = 0; i < n; i++)
	{
		const Request *other = &batch->entries[i].request;

		if (batch->entries[i].granted && other->buyer_id == request->buyer_id &&
			other->event_id == request->event_id &&
			other->idempotency_key != NULL &&
			strcmp(other->idempotency_key, request->idempotency_key) == 0)
			return i;
	}
	return -1;
}

static bool
same_selections(const Request *a, const Request *b)
{
	if (a->nselections != b->nselections)
		return false;
	for (int i = 0; i < a->nselections; i++)
	{
		if (a->selections[i].tier_id != b->selections[i].tier_id ||
			a->selections[i].quantity != b->selections[i].quantity)
			return false;
	}
	return true;
}

/* What the rules say of each entry; stock and limits are decided later. */
static void
check_rules(Batch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];
		Request    *request = &entry->request;

		if (!entry->accepted)
			continue;
		if (request->idempotency_key != NULL)
		{
			if (!find_order_by_key(request, &entry->order_id, &entry->refusal))
				entry->accepted = false;
			if (!entry->accepted || entry->order_id != 0)
				continue;
		}
		if (!may_be_sold(entry->event, request->selections, request->nselections, batch->now,
						 &entry->refusal))
			entry->accepted = false;
	}
}

/* An entry that wants tickets, and does not just get an order of before. */
static bool
wants_stock(const BatchEntry *entry)
{
	return entry->accepted && entry->order_id == 0;
}

/* List the buyers with a limit, and what they want in all. */
static void
list_limits(Batch *batch)
{
	int			kept = 0;

	batch->buyers = palloc(sizeof(BuyerCount) * Max(batch->n, 1));
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];

		if (wants_stock(entry) && entry->event->max_per_buyer > 0)
			batch->buyers[batch->nbuyers++] = (BuyerCount) {
				.event_id = entry->request.event_id,
				.buyer_id = entry->request.buyer_id,
				.limit = entry->event->max_per_buyer,
				.wanted = entry->request.quantity
			};
	}
	qsort(batch->buyers, batch->nbuyers, sizeof(BuyerCount), compare_buyers);
	for (int i = 0; i < batch->nbuyers; i++)
	{
		if (kept == 0 || compare_buyers(&batch->buyers[kept - 1], &batch->buyers[i]) != 0)
			batch->buyers[kept++] = batch->buyers[i];
		else
			batch->buyers[kept - 1].wanted += batch->buyers[i].wanted;
	}
	batch->nbuyers = kept;
}

static BuyerCount *
find_buyer(const Batch *batch, const Request *request)
{
	BuyerCount	wanted = {.event_id = request->event_id, .buyer_id = request->buyer_id};

	return batch->nbuyers == 0 ? NULL
		: bsearch(&wanted, batch->buyers, batch->nbuyers, sizeof(BuyerCount), compare_buyers);
}

static TierWish *
find_wish(const Batch *batch, int64 tier_id)
{
	/* Its first member is the key. */
	return bsearch(&tier_id, batch->wishes, batch->nwishes, sizeof(TierWish), compare_ids);
}

static StockChange *
find_change(const Batch *batch, int64 tier_id)
{
	for (int i = 0; i < batch->plan.nchanges; i++)
	{
		if (batch->plan.changes[i].tier_id == tier_id)
			return &batch->plan.changes[i];
	}
	return NULL;
}

/* Add up what the entries want of each tier. */
static void
add_up_wishes(Batch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];

		for (int j = 0; wants_stock(entry) && j < entry->request.nselections; j++)
		{
			Selection  *selection = &entry->request.selections[j];

			add_stock_change(&batch->plan.changes, &batch->plan.nchanges, selection->tier_id,
							 find_tier(entry->event, selection->tier_id)->shards,
							 -(int32) selection->quantity);
		}
	}
	batch->nwishes = batch->plan.nchanges;
	batch->wishes = palloc0(sizeof(TierWish) * Max(batch->nwishes, 1));
	for (int i = 0; i < batch->nwishes; i++)
	{
		batch->wishes[i].tier_id = batch->plan.changes[i].tier_id;
		batch->wishes[i].wanted = batch->plan.changes[i].wanted;
	}
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];

		for (int j = 0; wants_stock(entry) && j < entry->request.nselections; j++)
			find_wish(batch, entry->request.selections[j].tier_id)->event_id =
				entry->request.event_id;
	}
}

/*
 * Whether a tier still lacks tickets after lock_stock(), and could have more by
 * now: stock that came back, or lapsed holds that are not counted in yet.
 */
static bool
could_have_more(const Batch *batch, TierWish *wish)
{
	StockChange *change = find_change(batch, wish->tier_id);
	int64		available;
	int64		lapsed;

	wish->covered = change->covered;
	if (wish->covered >= change->wanted - change->added)
		return false;
	read_stock_and_lapsed(&batch->plan, wish->event_id, wish->tier_id, change->shards,
						  batch->now, &available, &lapsed);
	/* Where somebody waits, lapsed holds are not for those who do not. */
	if (lapsed > 0 && somebody_waits(wish->tier_id, batch->now))
		lapsed = 0;
	return available + lapsed > wish->covered;
}

/* Count lapsed holds in, for what could_have_more() found lacking. */
static void
reclaim_for_wish(Batch *batch, const TierWish *wish)
{
	const StockChange *change = find_change(batch, wish->tier_id);
	int64		missing = change->wanted - change->added - wish->covered;
	int64		available;
	int64		lapsed;

	if (missing <= 0)
		return;
	read_stock_and_lapsed(&batch->plan, wish->event_id, wish->tier_id, change->shards,
						  batch->now, &available, &lapsed);
	if (lapsed > 0 && !somebody_waits(wish->tier_id, batch->now))
		reclaim_for_tier(&batch->plan, wish->event_id, wish->tier_id, Min(missing, lapsed),
						 batch->now);
}

/* Lock what there is of the stock; where holds were reclaimed, also to add to it. */
static void
lock_batch_stock(StockPlan *plan)
{
	for (int i = 0; i < plan->nchanges; i++)
		plan->changes[i].may_add = plan->nreclaimed > 0;
	(void) lock_stock(plan->changes, plan->nchanges, true);
}

/*
 * Lock the stock that the batch wants, as far as there is any; lapsed holds are
 * counted in where a tier has less than is wanted.
 */
static void
lock_wanted_stock(Batch *batch)
{
	StockPlan  *plan = &batch->plan;

	add_up_wishes(batch);
	for (int i = 0; i < batch->nbuyers; i++)
	{
		BuyerCount *buyer = &batch->buyers[i];

		buyer->taken = taken_by_buyer(plan, buyer->event_id, buyer->buyer_id, buyer->limit,
									  buyer->wanted, batch->now);
	}
	for (;;)
	{
		bool		more = false;

		lock_batch_stock(plan);
		for (int i = 0; i < batch->nwishes; i++)
			more |= could_have_more(batch, &batch->wishes[i]);
		if (!more)
			break;
		unlock_stock(plan->changes, plan->nchanges);
		if (begin_reclaim(plan))
			continue;
		for (int i = 0; i < batch->nwishes; i++)
			reclaim_for_wish(batch, &batch->wishes[i]);
	}
	end_reclaim(plan);
	for (int i = 0; i < batch->nwishes; i++)
	{
		TierWish   *wish = &batch->wishes[i];
		StockChange *change = find_change(batch, wish->tier_id);

		wish->left = change->covered + change->added;
	}
}

static bool
grant(Batch *batch, int n)
{
	BatchEntry *entry = &batch->entries[n];
	Request    *request = &entry->request;
	BuyerCount *buyer = find_buyer(batch, request);

	if (request->idempotency_key != NULL && (entry->same_as = same_key_before(batch, n)) >= 0)
	{
		if (same_selections(request, &batch->entries[entry->same_as].request))
			return true;
		return refuse(&entry->refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  "idempotency_key was used with other content",
					  psprintf("Request %d of this batch has it too.", entry->same_as + 1),
					  "Use a new key for a new attempt.");
	}
	if (buyer != NULL &&
		!within_buyer_limit(entry->event, request->buyer_id, buyer->taken + buyer->added,
							request->quantity, &entry->refusal))
		return false;
	for (int j = 0; j < request->nselections; j++)
	{
		TierWish   *wish = find_wish(batch, request->selections[j].tier_id);

		if (wish->left < request->selections[j].quantity)
			return refuse_for_stock(wish->tier_id, wish->left, request->selections[j].quantity,
									&entry->refusal);
	}
	for (int j = 0; j < request->nselections; j++)
	{
		TierWish   *wish = find_wish(batch, request->selections[j].tier_id);

		wish->left -= request->selections[j].quantity;
		wish->used += request->selections[j].quantity;
	}
	if (buyer != NULL)
		buyer->added += request->quantity;
	entry->granted = true;
	return true;
}

/* Decide in the order of the requests, then write the stock and the counts. */
static void
grant_all(Batch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		batch->entries[i].same_as = -1;
		if (wants_stock(&batch->entries[i]))
			batch->entries[i].accepted = grant(batch, i);
	}
	for (int i = 0; i < batch->nwishes; i++)
	{
		TierWish   *wish = &batch->wishes[i];

		find_change(batch, wish->tier_id)->wanted = wish->used;
	}
	for (int i = 0; i < batch->nbuyers; i++)
	{
		BuyerCount *buyer = &batch->buyers[i];

		if (buyer->added > 0)
			add_buyer_change(&batch->plan.buyers, buyer->event_id, buyer->buyer_id, buyer->added,
							 buyer->limit);
	}
	batch->emptied = write_stock_plan(&batch->plan, batch->now);
}

/* Insert all orders; their ids go into the entries. */
static void
insert_orders(Batch *batch)
{
	static SpiQuery query = SPI_QUERY(
		"WITH r AS MATERIALIZED ("
		" SELECT pg_catalog.nextval('evently.order_ids') AS order_id, u.*"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
		"  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),"
		"  pg_catalog.unnest($7)) WITH ORDINALITY"
		"  u (event_id, buyer_id, buyer_email, idempotency_key, total, currency, expires_at, n)),"
		" o AS (INSERT INTO evently.orders (order_id, event_id, buyer_id, buyer_email,"
		"  idempotency_key, total_amount, currency, created_at, expires_at)"
		"  SELECT r.order_id, r.event_id, r.buyer_id, r.buyer_email, r.idempotency_key, r.total,"
		"  r.currency, $8, r.expires_at FROM r ORDER BY r.n)"
		" SELECT r.order_id FROM r ORDER BY r.n",
		INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,
		TIMESTAMPTZARRAYOID, TIMESTAMPTZOID);
	int			max = Max(batch->n, 1);
	Datum	   *columns[7];
	bool	   *nulls[7];
	static const Oid types[7] = {
		INT8OID, INT8OID, TEXTOID, TEXTOID, NUMERICOID, TEXTOID, TIMESTAMPTZOID
	};
	Datum		values[8];
	int			n = 0;

	for (int c = 0; c < 7; c++)
	{
		columns[c] = palloc0(sizeof(Datum) * max);
		nulls[c] = palloc0(sizeof(bool) * max);
	}
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];
		Request    *request = &entry->request;

		if (!entry->granted)
			continue;
		columns[0][n] = Int64GetDatum(request->event_id);
		columns[1][n] = Int64GetDatum(request->buyer_id);
		nulls[2][n] = (request->buyer_email == NULL);
		if (!nulls[2][n])
			columns[2][n] = CStringGetTextDatum(request->buyer_email);
		nulls[3][n] = (request->idempotency_key == NULL);
		if (!nulls[3][n])
			columns[3][n] = CStringGetTextDatum(request->idempotency_key);
		columns[4][n] = total_price(entry->event, request->selections, request->nselections);
		columns[5][n] = CStringGetTextDatum(entry->event->currency);
		columns[6][n] = TimestampTzGetDatum(hold_end(entry->event, batch->now));
		n++;
	}
	if (n == 0)
		return;
	for (int c = 0; c < 7; c++)
		values[c] = datum_array(columns[c], nulls[c], n, types[c]);
	values[7] = TimestampTzGetDatum(batch->now);
	(void) spi_run(&query, values, NULL);

	n = 0;
	for (int i = 0; i < batch->n; i++)
	{
		if (batch->entries[i].granted)
			batch->entries[i].order_id = spi_int64(n++, 1);
	}
}

/* Insert the items of the orders that insert_orders() made. */
static void
insert_items(Batch *batch)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price)"
		" SELECT u.order_id, u.tier_id, u.quantity, u.unit_price"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
		"  pg_catalog.unnest($4)) u (order_id, tier_id, quantity, unit_price)",
		INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, NUMERICARRAYOID);
	static const Oid types[4] = {INT8OID, INT8OID, INT4OID, NUMERICOID};
	Datum	   *columns[4];
	Datum		values[4];
	int			max = 0;
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
		max += batch->entries[i].request.nselections;
	for (int c = 0; c < 4; c++)
		columns[c] = palloc(sizeof(Datum) * Max(max, 1));
	for (int i = 0; i < batch->n; i++)
	{
		BatchEntry *entry = &batch->entries[i];

		if (!entry->granted)
			continue;
		for (int j = 0; j < entry->request.nselections; j++)
		{
			Selection  *selection = &entry->request.selections[j];

			columns[0][n] = Int64GetDatum(entry->order_id);
			columns[1][n] = Int64GetDatum(selection->tier_id);
			columns[2][n] = Int32GetDatum((int32) selection->quantity);
			columns[3][n] = find_tier(entry->event, selection->tier_id)->price;
			n++;
		}
	}
	if (n == 0)
		return;
	for (int c = 0; c < 4; c++)
		values[c] = datum_array(columns[c], NULL, n, types[c]);
	(void) spi_run(&query, values, NULL);
}

static void
reserve_all(Batch *batch)
{
	lock_events(batch);
	lock_buyers(batch);
	batch->now = GetCurrentTimestamp();
	check_rules(batch);
	list_limits(batch);
	lock_wanted_stock(batch);
	grant_all(batch);

	insert_orders(batch);
	insert_items(batch);
	for (int i = 0; batch->emptied && i < batch->nevents; i++)
	{
		if (batch->events[i]->found)
			label_after_taking(batch->events[i]->event_id);
	}
}

/* reserve_tickets_batch(requests) */
PG_FUNCTION_INFO_V1(ev_reserve_tickets_batch);
Datum
ev_reserve_tickets_batch(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Batch		batch = {0};
	Jsonb	   *json;
	Refusal		refusal;

	if (PG_ARGISNULL(0))
		raise_bad_argument("requests must not be null", NULL, NULL);
	json = PG_GETARG_JSONB_P(0);
	batch.n = count_requests(json, &refusal);
	if (batch.n < 0)
		raise_refusal(&refusal);
	InitMaterializedSRF(fcinfo, 0);

	ev_connect();
	batch.entries = palloc0(sizeof(BatchEntry) * Max(batch.n, 1));
	for (int i = 0; i < batch.n; i++)
		batch.entries[i].accepted = parse_request(json, i, &batch.entries[i].request,
												  &batch.entries[i].refusal);
	reserve_all(&batch);

	for (int i = 0; i < batch.n; i++)
	{
		BatchEntry *entry = &batch.entries[i];
		Datum		values[4] = {Int32GetDatum(i + 1)};
		bool		nulls[4] = {false, true, true, true};

		if (entry->accepted)
		{
			values[1] = Int64GetDatum(entry->same_as >= 0 ? batch.entries[entry->same_as].order_id
									  : entry->order_id);
			nulls[1] = false;
		}
		else
		{
			values[2] = CStringGetTextDatum(unpack_sql_state(entry->refusal.sqlerrcode));
			values[3] = CStringGetTextDatum(entry->refusal.message);
			nulls[2] = nulls[3] = false;
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	ev_finish((Datum) 0);
	return (Datum) 0;
}
