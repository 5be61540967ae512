/*-------------------------------------------------------------------------
 *
 * waitlist.c
 *	  Standing in a tier's line: join_waitlist() and leave_waitlist().
 *
 * Both hold the line's lock exclusively. While a join holds it, nothing is put
 * on sale (line.c), so that "the tier cannot serve you" stays true until the
 * entry is there for the next release to find.
 *
 *-------------------------------------------------------------------------
 */
#include "waitlist.h"

#include "inventory.h"
#include "line.h"
#include "locks.h"
#include "orders.h"
#include "refusal.h"
#include "reserve.h"
#include "spi_util.h"
#include "terms.h"

/* A user's entry that has not ended. */
typedef struct Entry
{
	int64		entry_id;
	int32		quantity;
	char	   *status;
	int64		offer_id;		/* 0 for none */
} Entry;

/* The entry of a user who stands in a line; NULL for none. */
static Entry *
read_entry(int64 tier_id, int64 user_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT w.entry_id, w.quantity, w.status, o.offer_id FROM evently.waitlist_entries w"
		" LEFT JOIN evently.waitlist_offers o ON o.entry_id = w.entry_id"
		" WHERE w.tier_id = $1 AND w.user_id = $2 AND w.status IN ('WAITING', 'OFFERED')",
		INT8OID, INT8OID);
	Datum		values[2] = {Int64GetDatum(tier_id), Int64GetDatum(user_id)};
	Entry	   *entry;

	if (spi_read_fresh(&query, values, NULL) == 0)
		return NULL;
	entry = palloc(sizeof(Entry));
	entry->entry_id = spi_int64(0, 1);
	entry->quantity = spi_int32(0, 2);
	entry->status = spi_text(0, 3);
	entry->offer_id = spi_int64(0, 4);
	return entry;
}

/* An entry's row, copied so that it outlives SPI_finish. */
static Datum
entry_row(int64 entry_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT w FROM evently.waitlist_entries w WHERE w.entry_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(entry_id)};

	if (spi_read_fresh(&query, values, NULL) != 1)
		elog(ERROR, "waitlist entry " INT64_FORMAT " has vanished", entry_id);
	return spi_result(0, 1);
}

/* What the rules say to a join, stock apart. */
static void
check_may_join(EventTerms *event, const Selection *wanted, int64 user_id, TimestampTz now)
{
	static SpiQuery started = SPI_QUERY(
		"SELECT e.start_time FROM evently.events e WHERE e.event_id = $1 AND e.start_time <= $2",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(event->event_id), TimestampTzGetDatum(now)};
	int64		taken = 0;
	Refusal		refusal;

	/* Lapsed holds do not count; claim_offer() ends them if they are in the way. */
	if (event->max_per_buyer > 0 && !has_lapsed_orders(event->event_id, user_id, now))
		taken = buyer_taken(event->event_id, user_id);
	if (!may_be_sold(event, wanted, 1, now, &refusal) ||
		!within_buyer_limit(event, user_id, taken, wanted->quantity, &refusal))
		raise_refusal(&refusal);
	if (spi_read_fresh(&started, values, NULL) > 0)
		raise_error(ERRCODE_EVENTLY_SALE_NOT_OPEN,
					psprintf("event " INT64_FORMAT " has started", event->event_id),
					psprintf("It started at %s.",
							 timestamptz_to_str(spi_timestamp(0, 1, DT_NOBEGIN))),
					"Choose another event.");
}

/*
 * TK030 if the tier can serve so many now. What others took and have not
 * committed still counts as stock. Lapsed holds count unless they belong to
 * those in line.
 */
static void
check_cannot_serve(EventTerms *event, const Selection *wanted, TimestampTz now)
{
	static const StockPlan no_plan = {0};
	int64		available;
	int64		lapsed;

	read_stock_and_lapsed(&no_plan, event->event_id, wanted->tier_id,
						  find_tier(event, wanted->tier_id)->shards, now, &available, &lapsed);
	if (available + lapsed < wanted->quantity)
		return;
	if (available < wanted->quantity && somebody_waits(wanted->tier_id, now))
		return;
	raise_error(ERRCODE_EVENTLY_TIER_CAN_SERVE,
				psprintf("tier " INT64_FORMAT " can serve you now", wanted->tier_id),
				psprintf("It has " INT64_FORMAT " left; " INT64_FORMAT " were asked for.",
						 available + lapsed, wanted->quantity),
				"Reserve the tickets.");
}

/* Stand at the end; the entry's row, copied so that it outlives SPI_finish. */
static Datum
insert_entry(int64 event_id, const Selection *wanted, int64 user_id, const char *email,
			 TimestampTz now)
{
	static SpiQuery start_line = SPI_QUERY(
		"INSERT INTO evently.waitlist_lines (tier_id) VALUES ($1) ON CONFLICT (tier_id) DO NOTHING",
		INT8OID);
	static SpiQuery next_position = SPI_QUERY(
		"UPDATE evently.waitlist_lines SET last_position = last_position + 1"
		" WHERE tier_id = $1 RETURNING last_position",
		INT8OID);
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.waitlist_entries AS w"
		" (tier_id, event_id, user_id, email, quantity, position, joined_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING w",
		INT8OID, INT8OID, INT8OID, TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID);
	char		nulls[] = "       ";
	Datum		values[7] = {
		Int64GetDatum(wanted->tier_id), Int64GetDatum(event_id), Int64GetDatum(user_id),
		string_datum_or_null(email, &nulls[3]), Int32GetDatum((int32) wanted->quantity), (Datum) 0,
		TimestampTzGetDatum(now)
	};

	if (spi_run(&next_position, values, NULL) == 0)
	{
		(void) spi_run(&start_line, values, NULL);
		if (spi_run(&next_position, values, NULL) == 0)
			raise_serialization_failure();
	}
	values[5] = Int64GetDatum(spi_int64(0, 1));
	(void) spi_run(&insert, values, nulls);
	return spi_result(0, 1);
}

/* join_waitlist(tier_id, user_id, quantity, email) */
PG_FUNCTION_INFO_V1(ev_join_waitlist);
Datum
ev_join_waitlist(PG_FUNCTION_ARGS)
{
	int64		tier_id = arg_id(fcinfo, 0, "tier_id");
	int64		user_id = arg_id(fcinfo, 1, "user_id");
	Selection	wanted = {tier_id, arg_int32_between(fcinfo, 2, "quantity", 1, PG_INT32_MAX)};
	char	   *email = PG_ARGISNULL(3) ? NULL : arg_nonempty_string(fcinfo, 3, "email");
	EventTerms *event;
	Entry	   *entry;
	int64		event_id;
	TimestampTz now;

	ev_connect();
	event_id = event_of_tier(tier_id);
	lock_event_shared(event_id);
	event = read_terms(event_id, &tier_id, 1);
	lock_line(tier_id, true);
	now = GetCurrentTimestamp();

	entry = read_entry(tier_id, user_id);
	if (entry != NULL)
	{
		if (entry->quantity == wanted.quantity)
			return ev_finish(entry_row(entry->entry_id));
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("user " INT64_FORMAT " already stands in the line of tier "
							 INT64_FORMAT, user_id, tier_id),
					psprintf("It is for %d tickets.", entry->quantity),
					"Leave the line to join it again, at its end.");
	}
	check_may_join(event, &wanted, user_id, now);
	check_cannot_serve(event, &wanted, now);

	/* Who called before this look may have bought what it found gone: not overtaken. */
	now = GetCurrentTimestamp();
	return ev_finish(insert_entry(event_id, &wanted, user_id, email, now));
}

/* A waiting entry leaves; those whom it kept waiting may be served now. */
static void
leave_line(int64 entry_id, int64 tier_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.waitlist_entries SET status = 'LEFT', ended_at = $2 WHERE entry_id = $1",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(entry_id), TimestampTzGetDatum(now)};

	if (spi_run(&query, values, NULL) == 0)
		raise_serialization_failure();
	settle_line(tier_id);
}

/* leave_waitlist(tier_id, user_id) */
PG_FUNCTION_INFO_V1(ev_leave_waitlist);
Datum
ev_leave_waitlist(PG_FUNCTION_ARGS)
{
	static const OfferEnd declined = {"LEFT", "DECLINED"};
	int64		tier_id = arg_id(fcinfo, 0, "tier_id");
	int64		user_id = arg_id(fcinfo, 1, "user_id");
	Entry	   *entry;

	ev_connect();
	lock_event_shared(event_of_tier(tier_id));
	for (;;)
	{
		Entry	   *now;

		entry = read_entry(tier_id, user_id);
		if (entry == NULL)
			raise_error(ERRCODE_EVENTLY_NOT_FOUND,
						psprintf("user " INT64_FORMAT " does not stand in the line of tier "
								 INT64_FORMAT, user_id, tier_id), NULL, NULL);
		/* An offer's row comes before the line's lock. */
		if (entry->offer_id != 0)
			(void) lock_offer(entry->offer_id);
		lock_line(tier_id, true);
		now = read_entry(tier_id, user_id);
		if (now != NULL && now->entry_id == entry->entry_id && now->offer_id == entry->offer_id)
			break;
		unlock_line(tier_id, true);
	}
	if (entry->offer_id != 0)
		end_offers(&entry->offer_id, 1, declined, GetCurrentTimestamp());
	else
		leave_line(entry->entry_id, tier_id, GetCurrentTimestamp());
	return ev_finish(entry_row(entry->entry_id));
}
