/*-------------------------------------------------------------------------
 *
 * venue_booking.c
 *	  Booking a venue and giving it back: book_venue(), cancel_booking() and
 *	  assign_booking().
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "event_state.h"
#include "guc.h"
#include "locks.h"
#include "money.h"
#include "refusal.h"
#include "roles.h"
#include "tier_stock.h"

/*
 * Whether an event may have a window of a venue. Lapsed bookings of the event
 * elsewhere are added to what is to be cancelled on the spot.
 */
static void
require_event_fits(const BookedEvent *event, const VenueWindow *window, TimestampTz now,
				   Conflicts *conflicts)
{
	static SpiQuery others = SPI_QUERY(
		"SELECT b.booking_id, b.venue_id, " BOOKING_HOLDS("b", "$2")
		" FROM evently.venue_bookings b WHERE b.event_id = $1 AND b.status <> 'CANCELLED'",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(event->event_id), TimestampTzGetDatum(now)};
	uint64		rows;

	if (event_is_over(event))
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " is over", event->event_id),
					psprintf("Its status is %s.", event->status),
					"Book for another event, or for none.");

	rows = spi_read_fresh(&others, values, NULL);
	conflicts->lapsed = repalloc(conflicts->lapsed,
								 sizeof(int64) * (conflicts->nlapsed + rows + 1));
	for (uint64 i = 0; i < rows; i++)
	{
		bool		isnull;

		if (DatumGetBool(spi_datum(i, 3, &isnull)))
			raise_error(ERRCODE_EVENTLY_WRONG_STATE,
						psprintf("event " INT64_FORMAT " has a booking already", event->event_id),
						psprintf("Booking " INT64_FORMAT " is for venue " INT64_FORMAT ".",
								 spi_int64(i, 1), spi_int64(i, 2)),
						"Move it with reschedule_booking, or give it up with cancel_booking first.");
		if (spi_int64(i, 2) != window->venue_id)
			conflicts->lapsed[conflicts->nlapsed++] = spi_int64(i, 1);
	}

	require_event_inside(event->event_id, event->start_time, event->end_time, window);
	/* A draft follows its booking; an event that people know of does not. */
	if (event->venue_id != 0 && event->venue_id != window->venue_id &&
		strcmp(event->status, "DRAFT") != 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " is at another venue", event->event_id),
					psprintf("It is at venue " INT64_FORMAT " and %s.", event->venue_id,
							 event->status),
					"Only a draft may change its venue.");
}

/* The event is at the venue that was booked for it; TK011 if that is too small. */
static void
set_event_venue(const BookedEvent *event, int64 venue_id)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.events SET venue_id = $2 WHERE event_id = $1", INT8OID, INT8OID);
	Datum		values[2] = {Int64GetDatum(event->event_id), Int64GetDatum(venue_id)};

	if (event->venue_id == venue_id)
		return;
	if (spi_run(&query, values, NULL) == 0)
		raise_serialization_failure();
	check_capacity(event->event_id, 0);
}

/* book_venue(venue_id, event_id, ...): take a venue for a time. */
PG_FUNCTION_INFO_V1(ev_book_venue);
Datum
ev_book_venue(PG_FUNCTION_ARGS)
{
	/* The parents are looked up so that an old snapshot is 40001, not 23503. */
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.venue_bookings AS b (venue_id, event_id, start_time, end_time,"
		" setup_hours_before, teardown_hours_after, status, hire_rate, deposit_required,"
		" deposit_due_at, created_at)"
		" SELECT v.venue_id, $2, $3, $4, $5, $6,"
		" CASE WHEN $8 = 0 THEN 'CONFIRMED' ELSE 'REQUESTED' END, $7, $8, $9, $10"
		" FROM evently.venues v WHERE v.venue_id = $1"
		" AND ($2 IS NULL OR EXISTS (SELECT FROM evently.events e WHERE e.event_id = $2))"
		" RETURNING b",
		INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID, NUMERICOID,
		NUMERICOID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	VenueWindow window = {.venue_id = arg_id(fcinfo, 0, "venue_id")};
	int64		event_id = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	Datum		deposit = arg_amount(fcinfo, 6, "deposit_required");
	TimestampTz due_at = PG_ARGISNULL(7) ? DT_NOEND : arg_instant(fcinfo, 7, "deposit_due_at");
	char		setup_null;
	char		teardown_null;
	BookedEvent *event = NULL;
	Conflicts	conflicts;
	TimestampTz now;

	window.start_time = arg_instant(fcinfo, 2, "start_time");
	window.end_time = arg_instant(fcinfo, 3, "end_time");
	require_order_of_times(window.start_time, window.end_time, "start_time", "end_time");
	window.setup_hours = arg_hours(fcinfo, 4, "setup_hours_before", &setup_null);
	window.teardown_hours = arg_hours(fcinfo, 5, "teardown_hours_after", &teardown_null);

	ev_connect();
	if (event_id != 0)
		require_own_event(EV_MANAGERS, event_id);
	else if (!session_is_unrestricted(EV_MANAGERS))
		raise_error(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to book without an event",
					NULL, "Name one of the organizer's own events.");
	lock_venue_exclusive(window.venue_id);
	if (event_id != 0)
		lock_event_and_row(event_id);
	now = GetCurrentTimestamp();

	read_venue(&window, setup_null, teardown_null);
	if (event_id != 0)
		event = read_booked_event(event_id);
	if (!is_zero(deposit) && due_at <= now)
		raise_bad_argument("deposit_due_at must be in the future",
						   psprintf("It is %s.", instant_at(due_at, window.timezone)), NULL);
	find_conflicts(&window, 0, now, &conflicts);
	refuse_if_taken(&window, &conflicts, 0, now);
	if (event)
		require_event_fits(event, &window, now, &conflicts);

	cancel_lapsed_bookings(conflicts.lapsed, conflicts.nlapsed, now);
	if (event)
		set_event_venue(event, window.venue_id);
	{
		Datum		values[10] = {
			Int64GetDatum(window.venue_id), Int64GetDatum(event_id),
			TimestampTzGetDatum(window.start_time), TimestampTzGetDatum(window.end_time),
			window.setup_hours, window.teardown_hours, window.hire_rate, deposit,
			TimestampTzGetDatum(due_at), TimestampTzGetDatum(now)
		};
		char		nulls[] = "          ";

		nulls[1] = event_id == 0 ? 'n' : ' ';
		nulls[8] = PG_ARGISNULL(7) ? 'n' : ' ';
		spi_run_excluding(&insert, values, nulls, window.venue_id);
	}
	return ev_finish(spi_result(0, 1));
}

/* cancel_booking(booking_id, reason): give a venue back. */
PG_FUNCTION_INFO_V1(ev_cancel_booking);
Datum
ev_cancel_booking(PG_FUNCTION_ARGS)
{
	int64		booking_id = arg_id(fcinfo, 0, "booking_id");
	char	   *reason = PG_ARGISNULL(1) ? NULL : arg_nonempty_string(fcinfo, 1, "reason");
	Booking    *booking;

	ev_connect();
	require_own_booking(EV_MANAGERS, booking_id);
	booking = lock_booking(booking_id, true);
	if (strcmp(booking->status, "CANCELLED") == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("booking " INT64_FORMAT " is cancelled already", booking_id),
					"What it had taken of the venue is free.", "There is nothing left to do.");
	if (booking->event_id != 0)
	{
		BookedEvent *event = read_booked_event(booking->event_id);

		if (strcmp(event->status, "COMPLETED") == 0)
			raise_error(ERRCODE_EVENTLY_WRONG_STATE,
						psprintf("booking " INT64_FORMAT " has been used", booking_id),
						psprintf("Event " INT64_FORMAT " is COMPLETED.", event->event_id),
						"Only a booking that lies ahead can be cancelled.");
		if (ev_require_booking && !event_is_over(event) && strcmp(event->status, "DRAFT") != 0 &&
			event->venue_id == booking->window.venue_id &&
			strcmp(booking->status, "CONFIRMED") == 0)
			raise_error(ERRCODE_EVENTLY_WRONG_STATE,
						psprintf("event " INT64_FORMAT " needs booking " INT64_FORMAT,
								 event->event_id, booking_id),
						psprintf("The event is %s.", event->status),
						"Move both with reschedule_booking, or cancel the event with cancel_event.");
	}

	(void) cancel_bookings(&booking_id, 1, reason, GetCurrentTimestamp());
	return ev_finish(booking_row(booking_id));
}

/* assign_booking(booking_id, event_id): put an event into a slot that is kept. */
PG_FUNCTION_INFO_V1(ev_assign_booking);
Datum
ev_assign_booking(PG_FUNCTION_ARGS)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.venue_bookings AS b SET event_id = $2 WHERE b.booking_id = $1"
		" AND EXISTS (SELECT FROM evently.events e WHERE e.event_id = $2)",
		INT8OID, INT8OID);
	int64		booking_id = arg_id(fcinfo, 0, "booking_id");
	int64		event_id = arg_id(fcinfo, 1, "event_id");
	Datum		values[2] = {Int64GetDatum(booking_id), Int64GetDatum(event_id)};
	Booking    *booking;
	BookedEvent *event;
	Conflicts	conflicts = {.lapsed = palloc(sizeof(int64))};
	TimestampTz now;

	ev_connect();
	require_own_booking(EV_MANAGERS, booking_id);
	require_own_event(EV_MANAGERS, event_id);

	/* The event it has now, if any, must be cancelled, which is for good. */
	booking = lock_booking(booking_id, false);
	lock_event_and_row(event_id);
	now = GetCurrentTimestamp();

	require_live_booking(booking, now);
	if (booking->event_id != 0)
	{
		BookedEvent *current = read_booked_event(booking->event_id);

		if (strcmp(current->status, "CANCELLED") != 0)
			raise_error(ERRCODE_EVENTLY_WRONG_STATE,
						psprintf("booking " INT64_FORMAT " is in use", booking_id),
						psprintf("It is for event " INT64_FORMAT ", which is %s.",
								 current->event_id, current->status),
						"Cancel that event first, keeping its booking.");
	}
	event = read_booked_event(event_id);
	read_venue(&booking->window, ' ', ' ');
	require_event_fits(event, &booking->window, now, &conflicts);

	cancel_lapsed_bookings(conflicts.lapsed, conflicts.nlapsed, now);
	set_event_venue(event, booking->window.venue_id);
	if (spi_run(&update, values, NULL) == 0)
		raise_serialization_failure();
	return ev_finish(booking_row(booking_id));
}
