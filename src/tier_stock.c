/*-------------------------------------------------------------------------
 *
 * tier_stock.c
 *	  How many tickets a tier has, and how many of them are kept from public
 *	  sale: set_tier_quantity() and set_held_back().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "event_state.h"
#include "inventory.h"
#include "line.h"
#include "locks.h"
#include "reserve.h"
#include "roles.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"
#include "tier_stock.h"

typedef struct Tier
{
	int64		tier_id;
	int64		event_id;
	int32		total;
	int32		held_back;
	int			shards;
	char	   *event_status;
} Tier;

static Tier *
read_tier(int64 tier_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT t.event_id, t.total_quantity, t.held_back, t.shards, e.status"
		" FROM evently.ticket_tiers t JOIN evently.events e ON e.event_id = t.event_id"
		" WHERE t.tier_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(tier_id)};
	Tier	   *tier = palloc(sizeof(Tier));
	bool		isnull;

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("tier", tier_id);
	tier->tier_id = tier_id;
	tier->event_id = spi_int64(0, 1);
	tier->total = spi_int32(0, 2);
	tier->held_back = spi_int32(0, 3);
	tier->shards = DatumGetInt16(spi_datum(0, 4, &isnull));
	tier->event_status = spi_text(0, 5);
	return tier;
}

/* Lock the tier's event against sales, then read the tier. */
static Tier *
lock_tier(int64 tier_id)
{
	Tier	   *tier = read_tier(tier_id);

	lock_event_exclusive(tier->event_id);
	tier = read_tier(tier_id);
	require_open_event(tier->event_id, tier->event_status);
	return tier;
}

/* TK011 if the event's tiers would be more than its venue admits. */
void
check_capacity(int64 event_id, int64 more)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT v.capacity, (SELECT coalesce(pg_catalog.sum(t.total_quantity), 0)"
		"  FROM evently.ticket_tiers t WHERE t.event_id = e.event_id), v.venue_id"
		" FROM evently.events e JOIN evently.venues v ON v.venue_id = e.venue_id"
		" WHERE e.event_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};
	int64		total;

	if (spi_read_fresh(&query, values, NULL) == 0)
		return;
	total = spi_int64(0, 2) + more;
	if (total > spi_int32(0, 1))
		raise_error(ERRCODE_EVENTLY_OVER_CAPACITY,
					psprintf("more tickets than venue " INT64_FORMAT " admits people", spi_int64(0, 3)),
					psprintf("It admits %d; the tiers of event " INT64_FORMAT
							 " would add up to " INT64_FORMAT ".",
							 spi_int32(0, 1), event_id, total),
					psprintf("Choose a quantity smaller by at least " INT64_FORMAT ".",
							 total - spi_int32(0, 1)));
}

/*
 * Add shards to a tier, with the quantity spread over them. Nobody sees them
 * before the commit, so they need no locks: a season of events may be entered
 * in one transaction without filling the lock table.
 */
void
insert_shards(int64 tier_id, int from, int to, int32 quantity)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.inventory_shards (tier_id, shard, available)"
		" SELECT $1, s, $4 / ($3 - $2) + CASE WHEN s - $2 < $4 % ($3 - $2) THEN 1 ELSE 0 END"
		" FROM pg_catalog.generate_series($2, $3 - 1) s",
		INT8OID, INT4OID, INT4OID, INT4OID);
	Datum		values[4] = {
		Int64GetDatum(tier_id), Int32GetDatum(from), Int32GetDatum(to), Int32GetDatum(quantity)
	};

	(void) spi_run(&query, values, NULL);
}

/* Put tickets on sale, spread over all shards. */
void
spread_stock(int64 tier_id, int shards, int32 quantity)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.inventory_shards SET available = available + $2 / $3"
		" + CASE WHEN shard < $2 % $3 THEN 1 ELSE 0 END WHERE tier_id = $1",
		INT8OID, INT4OID, INT4OID);
	Datum		values[3] = {Int64GetDatum(tier_id), Int32GetDatum(quantity), Int32GetDatum(shards)};

	for (int shard = 0; shard < shards; shard++)
		lock_shard(tier_id, shard);
	/* Fewer: the transaction's snapshot is older than some of them. */
	if (spi_run(&query, values, NULL) != (uint64) shards)
		raise_serialization_failure();
}

/* More tickets: those in line come first, the rest is spread over all shards. */
static void
release_to_tier(int64 tier_id, int shards, int32 quantity)
{
	StockChange change = {.tier_id = tier_id, .shards = shards, .released = quantity};
	int32		rest;

	lock_lines(&change, 1);
	if (change.line != NULL)
	{
		plan_line(&change);
		apply_line(change.line);
	}
	rest = stock_delta(&change);
	if (rest > 0)
		spread_stock(tier_id, shards, rest);
	else if (rest < 0)
	{
		/* The line takes from what is on sale: plan_line() has locked that. */
		change.released = rest;
		change.line = NULL;
		(void) apply_stock(&change, 1);
	}
}

/* Take tickets off sale; TK001 if there are not so many. */
static void
withdraw_stock(const Tier *tier, int32 quantity)
{
	Selection	selection = {tier->tier_id, quantity};
	TimestampTz now = GetCurrentTimestamp();
	StockPlan	plan = {.events = &tier->event_id, .nevents = 1};
	Refusal		refusal;

	if (!plan_stock(&plan, read_terms(tier->event_id, &tier->tier_id, 1), &selection, 1, now,
					&refusal))
		raise_error(refusal.sqlerrcode, "not enough unsold tickets", refusal.detail,
					"What is held or sold stays so.");
	(void) write_stock_plan(&plan, now);
}

/* Write a column of the tier; its row, copied so that it outlives SPI_finish. */
static Datum
update_tier(const Tier *tier, int32 total, int32 held_back, int shards)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.ticket_tiers AS t SET total_quantity = $2, held_back = $3, shards = $4"
		" WHERE t.tier_id = $1 RETURNING t",
		INT8OID, INT4OID, INT4OID, INT2OID);
	Datum		values[4] = {
		Int64GetDatum(tier->tier_id), Int32GetDatum(total), Int32GetDatum(held_back),
		Int16GetDatum(shards)
	};

	if (spi_run(&query, values, NULL) == 0)
		raise_serialization_failure();
	return spi_result(0, 1);
}

/* Stock went up or down: the label follows. */
static void
label_event(const Tier *tier)
{
	if (event_has_stock(tier->event_id))
		label_after_adding(&tier->tier_id, 1);
	else
		label_after_taking(tier->event_id);
}

/* set_tier_quantity(tier_id, total) */
PG_FUNCTION_INFO_V1(ev_set_tier_quantity);
Datum
ev_set_tier_quantity(PG_FUNCTION_ARGS)
{
	int64		tier_id = arg_id(fcinfo, 0, "tier_id");
	int32		total = arg_int32_between(fcinfo, 1, "total", 0, EV_MAX_TIER_QUANTITY);
	Tier	   *tier;
	int			shards;
	Datum		row;

	ev_connect();
	require_own_tier(EV_MANAGERS, tier_id);
	tier = lock_tier(tier_id);
	shards = tier->shards;
	if (total > tier->total)
	{
		check_capacity(tier->event_id, total - tier->total);
		shards = Max(shards, default_shards(total));
		insert_shards(tier_id, tier->shards, shards, 0);
		release_to_tier(tier_id, shards, total - tier->total);
	}
	else if (total < tier->total)
		withdraw_stock(tier, tier->total - total);
	row = update_tier(tier, total, tier->held_back, shards);
	label_event(tier);
	return ev_finish(row);
}

/* set_held_back(tier_id, n) */
PG_FUNCTION_INFO_V1(ev_set_held_back);
Datum
ev_set_held_back(PG_FUNCTION_ARGS)
{
	int64		tier_id = arg_id(fcinfo, 0, "tier_id");
	int32		n = arg_int32_between(fcinfo, 1, "n", 0, EV_MAX_TIER_QUANTITY);
	Tier	   *tier;
	Datum		row;

	ev_connect();
	require_own_tier(EV_MANAGERS, tier_id);
	tier = lock_tier(tier_id);
	if (n > tier->held_back)
		withdraw_stock(tier, n - tier->held_back);
	else if (n < tier->held_back)
		release_to_tier(tier_id, tier->shards, tier->held_back - n);
	row = update_tier(tier, tier->total, n, tier->shards);
	label_event(tier);
	return ev_finish(row);
}
