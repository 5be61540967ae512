/*-------------------------------------------------------------------------
 *
 * comps.c
 *	  Free tickets out of what a tier holds back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "event_state.h"
#include "json_args.h"
#include "locks.h"
#include "refusal.h"
#include "roles.h"
#include "spi_util.h"
#include "terms.h"
#include "tickets.h"

/* Take from what is held back; TK001 if it is not so much. */
static void
take_held_back(int64 tier_id, int32 n)
{
	static SpiQuery take = SPI_QUERY(
		"UPDATE evently.ticket_tiers SET held_back = held_back - $2"
		" WHERE tier_id = $1 AND held_back >= $2",
		INT8OID, INT4OID);
	static SpiQuery read = SPI_QUERY(
		"SELECT held_back FROM evently.ticket_tiers WHERE tier_id = $1", INT8OID);
	Datum		values[2] = {Int64GetDatum(tier_id), Int32GetDatum(n)};
	int32		held_back;

	if (spi_run(&take, values, NULL) == 1)
		return;
	(void) spi_read_fresh(&read, values, NULL);
	held_back = spi_int32(0, 1);
	if (held_back >= n)
		raise_serialization_failure();
	raise_error(ERRCODE_EVENTLY_NOT_ENOUGH_TICKETS, "not enough tickets held back",
				psprintf("Tier " INT64_FORMAT " holds %d back; %d were asked for.",
						 tier_id, held_back, n),
				"Use set_held_back to hold more back.");
}

/* A confirmed order that costs nothing, in the name of the organizer. */
static int64
insert_comp_order(int64 event_id, int64 tier_id, int32 n, TimestampTz now)
{
	static SpiQuery order = SPI_QUERY(
		"INSERT INTO evently.orders (event_id, buyer_id, channel, status, total_amount, currency,"
		"  created_at, expires_at, confirmed_at)"
		" SELECT e.event_id, e.organizer_id, 'COMP', 'CONFIRMED', 0, e.currency, $2, $2, $2"
		" FROM evently.events e WHERE e.event_id = $1 RETURNING order_id",
		INT8OID, TIMESTAMPTZOID);
	static SpiQuery item = SPI_QUERY(
		"INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price)"
		" VALUES ($1, $2, $3, 0)",
		INT8OID, INT8OID, INT4OID);
	Datum		values[3] = {Int64GetDatum(event_id), TimestampTzGetDatum(now)};
	int64		order_id;

	if (spi_run(&order, values, NULL) == 0)
		raise_serialization_failure();
	order_id = spi_int64(0, 1);
	values[0] = Int64GetDatum(order_id);
	values[1] = Int64GetDatum(tier_id);
	values[2] = Int32GetDatum(n);
	(void) spi_run(&item, values, NULL);
	return order_id;
}

/* Tell those whose address is known. */
static void
tell_attendees(int64 order_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, event_id, order_id, payload, created_at)"
		" SELECT 'TICKETS_ISSUED', k.attendee_email, k.event_id, k.order_id,"
		" pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"  'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"  'timezone', v.timezone, 'order_id', k.order_id, 'ticket_id', k.ticket_id,"
		"  'attendee_name', k.attendee_name)), $2"
		" FROM evently.tickets k JOIN evently.events e ON e.event_id = k.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" WHERE k.order_id = $1 AND k.attendee_email IS NOT NULL",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(order_id), TimestampTzGetDatum(now)};

	(void) spi_run(&query, values, NULL);
}

/* issue_comps(tier_id, attendees) */
PG_FUNCTION_INFO_V1(ev_issue_comps);
Datum
ev_issue_comps(PG_FUNCTION_ARGS)
{
	static SpiQuery tickets = SPI_QUERY(
		"SELECT k.* FROM evently.tickets k WHERE k.order_id = $1 ORDER BY k.ticket_id", INT8OID);
	int64		tier_id = arg_id(fcinfo, 0, "tier_id");
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Attendee   *attendees;
	Refusal		refusal;
	Selection	item;
	Datum		values[1];
	int64		event_id;
	int64		order_id;
	TimestampTz now;
	int			n;
	uint64		rows;

	if (PG_ARGISNULL(1))
		raise_bad_argument("attendees must not be null", NULL, NULL);
	if (!parse_attendees(PG_GETARG_JSONB_P(1), &attendees, &n, &refusal))
		raise_refusal(&refusal);
	if (n == 0)
		raise_bad_argument("attendees must not be empty", NULL, NULL);
	item.tier_id = tier_id;
	item.quantity = n;
	InitMaterializedSRF(fcinfo, 0);

	ev_connect();
	require_own_tier(EV_MANAGERS, tier_id);
	event_id = event_of_tier(tier_id);
	lock_event_shared(event_id);
	require_open_event(event_id, read_terms(event_id, NULL, 0)->status);
	now = GetCurrentTimestamp();
	attendees = seat_attendees(&item, 1, attendees, n, &n);
	take_held_back(tier_id, n);
	order_id = insert_comp_order(event_id, tier_id, n, now);
	(void) issue_tickets(order_id, event_id, attendees, n, now);
	tell_attendees(order_id, now);

	values[0] = Int64GetDatum(order_id);
	rows = spi_run(&tickets, values, NULL);
	for (uint64 i = 0; i < rows; i++)
		tuplestore_puttuple(rsinfo->setResult,
							hide_secret(SPI_tuptable->vals[i], SPI_tuptable->tupdesc));
	ev_finish((Datum) 0);
	return (Datum) 0;
}
