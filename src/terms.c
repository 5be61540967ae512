/*-------------------------------------------------------------------------
 *
 * terms.c
 *	  What an event and its tiers sell, and under which rules.
 *
 *-------------------------------------------------------------------------
 */
#include "terms.h"

#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "guc.h"
#include "money.h"
#include "row_fetch.h"
#include "spi_util.h"

TierTerms *
find_tier(EventTerms *event, int64 tier_id)
{
	for (int i = 0; i < event->ntiers; i++)
	{
		if (event->tiers[i].tier_id == tier_id)
			return &event->tiers[i];
	}
	return NULL;
}

static void
read_tier(EventTerms *event, int64 tier_id)
{
	static const RowFetch fetch = {
		"ticket_tiers", "ticket_tiers_pkey", F_INT8EQ,
		{"event_id", "price", "shards", "max_per_order", "sale_start", "sale_end"}
	};
	TierTerms  *tier = &event->tiers[event->ntiers];
	FetchedRow	row;

	if (find_tier(event, tier_id) != NULL || !fetch_row(&fetch, Int64GetDatum(tier_id), &row))
		return;
	tier->tier_id = tier_id;
	tier->event_id = fetched_int64(&row, 0);
	tier->price = row.values[1];
	tier->shards = DatumGetInt16(row.values[2]);
	tier->max_per_order = DatumGetInt32(row.values[3]);
	tier->sale_start = row.nulls[4] ? DT_NOBEGIN : fetched_timestamp(&row, 4);
	tier->sale_end = row.nulls[5] ? event->end_time : fetched_timestamp(&row, 5);
	event->ntiers++;
}

/*
 * Read an event and some tiers as they are now. The caller holds the event's
 * lock; what is read stays good for the rest of the transaction.
 */
EventTerms *
read_terms(int64 event_id, const int64 *tier_ids, int n)
{
	static const RowFetch fetch = {
		"events", "events_pkey", F_INT8EQ,
		{"status", "currency", "hold_duration", "max_tickets_per_buyer", "end_time"}
	};
	EventTerms *event = palloc0(sizeof(EventTerms));
	FetchedRow	row;

	event->event_id = event_id;
	if (!fetch_row(&fetch, Int64GetDatum(event_id), &row))
		return event;
	event->found = true;
	event->status = fetched_text(&row, 0);
	event->currency = fetched_text(&row, 1);
	event->hold_duration = row.nulls[2] ? NULL : DatumGetIntervalP(row.values[2]);
	event->max_per_buyer = row.nulls[3] ? 0 : DatumGetInt32(row.values[3]);
	event->end_time = fetched_timestamp(&row, 4);

	event->tiers = palloc(sizeof(TierTerms) * Max(n, 1));
	for (int i = 0; i < n; i++)
		read_tier(event, tier_ids[i]);
	return event;
}

/* The tier's event; P0002 if the tier is unknown. */
int64
event_of_tier(int64 tier_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT event_id FROM evently.ticket_tiers WHERE tier_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(tier_id)};

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("tier", tier_id);
	return spi_int64(0, 1);
}

static bool
tier_may_be_sold(EventTerms *event, const Selection *selection, TimestampTz now,
				 Refusal *refusal)
{
	TierTerms  *tier = find_tier(event, selection->tier_id);

	if (tier == NULL)
		return refuse(refusal, ERRCODE_EVENTLY_NOT_FOUND,
					  psprintf("tier " INT64_FORMAT " does not exist", selection->tier_id),
					  NULL, NULL);
	if (tier->event_id != event->event_id)
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  psprintf("tier " INT64_FORMAT " is not a tier of event " INT64_FORMAT,
							   tier->tier_id, event->event_id),
					  psprintf("It belongs to event " INT64_FORMAT ".", tier->event_id), NULL);
	if (now < tier->sale_start)
		return refuse(refusal, ERRCODE_EVENTLY_SALE_NOT_OPEN,
					  psprintf("sale of tier " INT64_FORMAT " has not started", tier->tier_id),
					  psprintf("It starts at %s.", timestamptz_to_str(tier->sale_start)),
					  "Try again then, or choose another tier.");
	if (now >= tier->sale_end)
		return refuse(refusal, ERRCODE_EVENTLY_SALE_NOT_OPEN,
					  psprintf("sale of tier " INT64_FORMAT " has ended", tier->tier_id),
					  psprintf("It ended at %s.", timestamptz_to_str(tier->sale_end)),
					  "Choose another tier.");
	if (selection->quantity > tier->max_per_order)
		return refuse(refusal, ERRCODE_EVENTLY_ORDER_LIMIT, "too many tickets in one order",
					  psprintf("Tier " INT64_FORMAT " allows %d in one order; " INT64_FORMAT
							   " were asked for.",
							   tier->tier_id, tier->max_per_order, selection->quantity),
					  psprintf("Order at most %d.", tier->max_per_order));
	return true;
}

bool
is_on_sale(EventTerms *event, Refusal *refusal)
{
	if (!event->found)
		return refuse(refusal, ERRCODE_EVENTLY_NOT_FOUND,
					  psprintf("event " INT64_FORMAT " does not exist", event->event_id),
					  NULL, NULL);
	if (strcmp(event->status, "ON_SALE") != 0 && strcmp(event->status, "SOLD_OUT") != 0)
		return refuse(refusal, ERRCODE_EVENTLY_NOT_ON_SALE,
					  psprintf("event " INT64_FORMAT " is not on sale", event->event_id),
					  psprintf("Its status is %s.", event->status),
					  strcmp(event->status, "DRAFT") == 0 || strcmp(event->status, "PUBLISHED") == 0
					  ? "Try again when its sale is open." : "Choose another event.");
	return true;
}

/* Whether the rules allow to sell this now; stock and buyer are other matters. */
bool
may_be_sold(EventTerms *event, const Selection *selections, int n, TimestampTz now,
			Refusal *refusal)
{
	Datum		total;

	if (!is_on_sale(event, refusal))
		return false;
	for (int i = 0; i < n; i++)
	{
		if (!tier_may_be_sold(event, &selections[i], now, refusal))
			return false;
	}
	total = total_price(event, selections, n);
	if (!is_below_amount_limit(total))
		return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE,
					  "the order's total would be too high",
					  psprintf("It would be %s; an amount is below 10^12.",
							   DatumGetCString(DirectFunctionCall1(numeric_out, total))),
					  "Order fewer tickets.");
	return true;
}

bool
within_buyer_limit(EventTerms *event, int64 buyer_id, int64 taken, int64 quantity,
				   Refusal *refusal)
{
	int64		left = event->max_per_buyer - taken;

	if (event->max_per_buyer == 0 || quantity <= left)
		return true;
	return refuse(refusal, ERRCODE_EVENTLY_BUYER_LIMIT, "too many tickets for one buyer",
				  psprintf("Event " INT64_FORMAT " allows %d for each buyer; buyer " INT64_FORMAT
						   " has " INT64_FORMAT " and asked for " INT64_FORMAT ".",
						   event->event_id, event->max_per_buyer, buyer_id, taken, quantity),
				  left > 0 ? psprintf("Order at most " INT64_FORMAT ".", left)
				  : "Give back a ticket or a hold first.");
}

bool
refuse_for_stock(int64 tier_id, int64 left, int64 quantity, Refusal *refusal)
{
	return refuse(refusal, ERRCODE_EVENTLY_NOT_ENOUGH_TICKETS, "not enough tickets",
				  psprintf("Tier " INT64_FORMAT " has " INT64_FORMAT " left; " INT64_FORMAT
						   " were asked for.", tier_id, left, quantity),
				  left > 0 ? psprintf("Order at most " INT64_FORMAT ", or choose another tier.", left)
				  : "Choose another tier, or try again later: holds that are not paid for come back.");
}

/* Until when a hold that begins now lasts. */
TimestampTz
hold_end(EventTerms *event, TimestampTz now)
{
	if (event->hold_duration == NULL)
		return now + ev_order_ttl * USECS_PER_SEC;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(now),
												   IntervalPGetDatum(event->hold_duration)));
}

/* What the selections cost: a numeric. */
Datum
total_price(EventTerms *event, const Selection *selections, int n)
{
	Datum		total = NumericGetDatum(int64_to_numeric(0));

	for (int i = 0; i < n; i++)
	{
		Datum		quantity = NumericGetDatum(int64_to_numeric(selections[i].quantity));
		Datum		price = find_tier(event, selections[i].tier_id)->price;

		total = DirectFunctionCall2(numeric_add, total,
									DirectFunctionCall2(numeric_mul, price, quantity));
	}
	return total;
}
