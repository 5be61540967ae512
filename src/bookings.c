/*-------------------------------------------------------------------------
 *
 * bookings.c
 *	  Bookings of venues: reading, locking and ending them.
 *
 * Who changes what a venue is booked for holds the venue's lock, so that of two
 * bookings of one slot the second waits for the first and then sees it. The
 * exclusion constraint alone would let both insert, and find the clash a
 * second later as a deadlock. The lock order is venue, event, booking row.
 *
 * Two kinds of change do without the venue's lock, because they only set time
 * free: cancelling an event, and the job that cancels lapsed bookings.
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "utils/rel.h"

#include "event_state.h"
#include "guards.h"
#include "guc.h"
#include "locks.h"
#include "refusal.h"

#define LAPSE_REASON "deposit not paid in time"

/*
 * Lock a booking: its venue, its event if the call is about that too, its row.
 * What is read stays good for the rest of the transaction. P0002 if unknown.
 */
Booking *
lock_booking(int64 booking_id, bool with_event)
{
	static SpiQuery find = SPI_QUERY(
		"SELECT b.venue_id, b.event_id FROM evently.venue_bookings b WHERE b.booking_id = $1",
		INT8OID);
	static SpiQuery lock = SPI_QUERY(
		"SELECT b.event_id, b.status, b.deposit_due_at, b.deposit_required, b.deposit_paid,"
		" b.venue_id, b.start_time, b.end_time, b.setup_hours_before, b.teardown_hours_after,"
		" lower(b.occupied), upper(b.occupied), v.timezone, b.hire_rate"
		" FROM evently.venue_bookings b JOIN evently.venues v ON v.venue_id = b.venue_id"
		" WHERE b.booking_id = $1 FOR NO KEY UPDATE OF b",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(booking_id)};
	Booking    *booking = palloc(sizeof(Booking));
	bool		isnull;

	/* A booking keeps its venue, and while that is locked its event too. */
	if (spi_read_fresh(&find, values, NULL) == 0)
		raise_not_found("booking", booking_id);
	lock_venue_exclusive(spi_int64(0, 1));
	if (spi_read_fresh(&find, values, NULL) == 0)
		raise_not_found("booking", booking_id);
	if (with_event && !spi_is_null(0, 2))
		lock_event_and_row(spi_int64(0, 2));

	/* It exists, so the transaction's snapshot is older than the booking. */
	if (spi_run(&lock, values, NULL) == 0)
		raise_serialization_failure();
	booking->booking_id = booking_id;
	booking->event_id = spi_int64(0, 1);
	booking->status = spi_text(0, 2);
	booking->deposit_due_at = spi_timestamp(0, 3, DT_NOEND);
	booking->deposit_required = spi_datum(0, 4, &isnull);
	booking->deposit_paid = spi_datum(0, 5, &isnull);
	booking->window.venue_id = spi_int64(0, 6);
	booking->window.start_time = spi_timestamp(0, 7, DT_NOBEGIN);
	booking->window.end_time = spi_timestamp(0, 8, DT_NOEND);
	booking->window.setup_hours = spi_datum(0, 9, &isnull);
	booking->window.teardown_hours = spi_datum(0, 10, &isnull);
	booking->window.occupied_from = spi_timestamp(0, 11, DT_NOBEGIN);
	booking->window.occupied_until = spi_timestamp(0, 12, DT_NOEND);
	booking->window.timezone = spi_text(0, 13);
	booking->window.hire_rate = spi_datum(0, 14, &isnull);
	return booking;
}

/* Neither cancelled nor overdue. */
bool
booking_is_live(const Booking *booking, TimestampTz now)
{
	return strcmp(booking->status, "CONFIRMED") == 0 ||
		(strcmp(booking->status, "REQUESTED") == 0 && booking->deposit_due_at > now);
}

void
require_live_booking(const Booking *booking, TimestampTz now)
{
	if (booking_is_live(booking, now))
		return;
	if (strcmp(booking->status, "CANCELLED") == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("booking " INT64_FORMAT " is cancelled", booking->booking_id),
					"What it had taken of the venue is free.", "Book the venue again with book_venue.");
	raise_error(ERRCODE_EVENTLY_WRONG_STATE,
				psprintf("booking " INT64_FORMAT " has lapsed", booking->booking_id),
				psprintf("Its deposit was due at %s.",
						 instant_at(booking->deposit_due_at, booking->window.timezone)),
				"Book the venue again with book_venue.");
}

/* The booking's row, copied so that it outlives SPI_finish. */
Datum
booking_row(int64 booking_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b FROM evently.venue_bookings b WHERE b.booking_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(booking_id)};

	if (spi_read_fresh(&query, values, NULL) != 1)
		elog(ERROR, "booking " INT64_FORMAT " has vanished", booking_id);
	return spi_result(0, 1);
}

/* Cancel bookings and mark what was paid for them; how many were not cancelled before. */
uint64
cancel_bookings(const int64 *booking_ids, int n, const char *reason, TimestampTz now)
{
	static SpiQuery cancel = SPI_QUERY(
		"UPDATE evently.venue_bookings SET status = 'CANCELLED', cancel_reason = $2, cancelled_at = $3"
		" WHERE booking_id = ANY ($1) AND status <> 'CANCELLED'",
		INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID);
	static SpiQuery mark = SPI_QUERY(
		"UPDATE evently.booking_payments SET status = 'RETURN_DUE'"
		" WHERE booking_id = ANY ($1) AND status = 'RECEIVED'",
		INT8ARRAYOID);
	char		nulls[] = "   ";
	Datum		values[3] = {
		int64_array(booking_ids, n), string_datum_or_null(reason, &nulls[1]),
		TimestampTzGetDatum(now)
	};
	uint64		cancelled;

	if (n == 0)
		return 0;
	cancelled = spi_run(&cancel, values, nulls);
	(void) spi_run(&mark, values, nulls);
	return cancelled;
}

/*
 * Cancel overdue bookings whose slot somebody wants. The job or the end of an
 * event may have been faster, which sets the slot free as well.
 */
void
cancel_lapsed_bookings(const int64 *booking_ids, int n, TimestampTz now)
{
	uint64		cancelled = cancel_bookings(booking_ids, n, LAPSE_REASON, now);

	/* Left alone, one that this snapshot does not see yet would be in the way. */
	if (cancelled < (uint64) n && IsolationUsesXactSnapshot())
		raise_serialization_failure();
}

/* An event as it is now; P0002 if unknown. The caller holds its lock. */
BookedEvent *
read_booked_event(int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.status, e.venue_id, e.start_time, e.end_time"
		" FROM evently.events e WHERE e.event_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};
	BookedEvent *event = palloc(sizeof(BookedEvent));

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("event", event_id);
	event->event_id = event_id;
	event->status = spi_text(0, 1);
	event->venue_id = spi_int64(0, 2);
	event->start_time = spi_timestamp(0, 3, DT_NOBEGIN);
	event->end_time = spi_timestamp(0, 4, DT_NOEND);
	return event;
}

bool
event_is_over(const BookedEvent *event)
{
	return strcmp(event->status, "CANCELLED") == 0 || strcmp(event->status, "COMPLETED") == 0;
}

void
require_event_inside(int64 event_id, TimestampTz start_time, TimestampTz end_time,
					 const VenueWindow *window)
{
	if (start_time >= window->start_time && end_time <= window->end_time)
		return;
	raise_bad_argument(psprintf("event " INT64_FORMAT " is outside the booked time", event_id),
					   psprintf("The event is from %s to %s, the booking from %s to %s.",
								instant_at(start_time, window->timezone),
								instant_at(end_time, window->timezone),
								instant_at(window->start_time, window->timezone),
								instant_at(window->end_time, window->timezone)),
					   "Book at least the event's times.");
}

/* publish_event: an event at a venue needs the venue. */
void
require_confirmed_booking(int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.venue_id, b.booking_id, b.status, b.deposit_paid, b.deposit_required, v.currency"
		" FROM evently.events e"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" LEFT JOIN evently.venue_bookings b ON b.event_id = e.event_id"
		" AND b.venue_id = e.venue_id AND b.status <> 'CANCELLED'"
		" AND b.start_time <= e.start_time AND b.end_time >= e.end_time"
		" WHERE e.event_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	/* At most one: two that hold the same times would overlap. */
	if (!ev_require_booking || spi_read_fresh(&query, values, NULL) == 0 || spi_is_null(0, 1))
		return;
	if (spi_is_null(0, 2))
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " has no booking of its venue", event_id),
					psprintf("No booking of venue " INT64_FORMAT " holds the event's times.",
							 spi_int64(0, 1)),
					psprintf("Book it first: book_venue(" INT64_FORMAT ", " INT64_FORMAT
							 ", start_time, end_time).", spi_int64(0, 1), event_id));
	if (strcmp(spi_text(0, 3), "CONFIRMED") != 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("booking " INT64_FORMAT " of event " INT64_FORMAT " is not confirmed",
							 spi_int64(0, 2), event_id),
					psprintf("%s of its deposit of %s %s is paid.", spi_string(0, 4),
							 spi_string(0, 5), spi_text(0, 6)),
					"Pay the rest with pay_deposit.");
}

/* cancel_event: its venue is free again. */
void
cancel_event_bookings(int64 event_id, const char *reason, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b.booking_id FROM evently.venue_bookings b"
		" WHERE b.event_id = $1 AND b.status <> 'CANCELLED' ORDER BY b.booking_id",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};
	int64	   *booking_ids;
	int			n;

	(void) spi_read_fresh(&query, values, NULL);
	booking_ids = spi_int64_column(1, &n);
	if (cancel_bookings(booking_ids, n, reason, now) < (uint64) n && IsolationUsesXactSnapshot())
		raise_serialization_failure();
}

/* release_lapsed_bookings(batch_size): cancel what was not paid in time. */
PG_FUNCTION_INFO_V1(ev_release_lapsed_bookings);
Datum
ev_release_lapsed_bookings(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b.booking_id FROM evently.venue_bookings b"
		" WHERE b.status = 'REQUESTED' AND b.deposit_due_at <= $1"
		" ORDER BY b.deposit_due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
		TIMESTAMPTZOID, INT4OID);
	int32		batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(batch_size)};
	int64	   *booking_ids;
	int			n;

	ev_connect();
	(void) spi_run(&query, values, NULL);
	booking_ids = spi_int64_column(1, &n);
	(void) cancel_bookings(booking_ids, n, LAPSE_REASON, now);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}

/*
 * Trigger: an event lies inside its booking. Both tables have event_id; the
 * functions change both in one statement, after which this looks.
 */
PG_FUNCTION_INFO_V1(ev_guard_booked_times);
Datum
ev_guard_booked_times(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b.booking_id, b.venue_id, b.start_time, b.end_time, v.timezone"
		" FROM evently.venue_bookings b"
		" JOIN evently.events e ON e.event_id = b.event_id"
		" JOIN evently.venues v ON v.venue_id = b.venue_id"
		" WHERE b.event_id = $1 AND b.status <> 'CANCELLED' AND e.status <> 'CANCELLED'"
		" AND (e.venue_id IS DISTINCT FROM b.venue_id"
		" OR e.start_time < b.start_time OR e.end_time > b.end_time)"
		" LIMIT 1",
		INT8OID);
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc	desc = trigger->tg_relation->rd_att;
	bool		isnull;
	Datum		event_id = SPI_getbinval(trigger->tg_newtuple, desc,
										 SPI_fnumber(desc, "event_id"), &isnull);

	if (isnull)
		return PointerGetDatum(NULL);

	ev_connect();
	if (spi_run(&query, &event_id, NULL) > 0)
	{
		char	   *zone = spi_text(0, 5);

		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " would be outside its booking",
							 DatumGetInt64(event_id)),
					psprintf("Booking " INT64_FORMAT " is for venue " INT64_FORMAT " from %s to %s.",
							 spi_int64(0, 1), spi_int64(0, 2),
							 instant_at(spi_timestamp(0, 3, DT_NOBEGIN), zone),
							 instant_at(spi_timestamp(0, 4, DT_NOEND), zone)),
					"Move both with reschedule_booking.");
	}
	return ev_finish(PointerGetDatum(NULL));
}
