/*-------------------------------------------------------------------------
 *
 * booking_move.c
 *	  Moving a booking and its event: reschedule_booking().
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "common/int.h"

#include "refusal.h"
#include "roles.h"

/* An event's new times, and by how much they differ. */
typedef struct EventMove
{
	const BookedEvent *event;
	TimestampTz start_time;
	TimestampTz end_time;
	Interval   *shift;			/* of the start, in elapsed time */
} EventMove;

static TimestampTz
shifted(TimestampTz instant, int64 shift)
{
	TimestampTz result;

	if (pg_add_s64_overflow(instant, shift, &result) || !IS_VALID_TIMESTAMP(result))
		raise_bad_argument("event would be out of the range of time", NULL, NULL);
	return result;
}

/* The elapsed time from one instant to another. */
static Interval *
elapsed(TimestampTz from, TimestampTz to)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = to - from;
	return interval;
}

/*
 * Sale ends that are still to come keep their distance from the event. A sale
 * that starts later than its new end would never take place: it keeps its
 * distance too. Who has sold out of time keeps so.
 */
static void
move_sales(const EventMove *move, TimestampTz now)
{
	static SpiQuery find = SPI_QUERY(
		"SELECT t.tier_id FROM evently.ticket_tiers t WHERE t.event_id = $1"
		" AND (t.sale_end > $2 OR (t.sale_end IS NULL AND t.sale_start >= $3))"
		" ORDER BY t.tier_id",
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.ticket_tiers SET sale_end = sale_end + $2,"
		" sale_start = CASE WHEN sale_start >= coalesce(sale_end + $2, $3)"
		" THEN sale_start + $2 ELSE sale_start END"
		" WHERE tier_id = ANY ($1)",
		INT8ARRAYOID, INTERVALOID, TIMESTAMPTZOID);
	Datum		find_values[3] = {
		Int64GetDatum(move->event->event_id), TimestampTzGetDatum(now),
		TimestampTzGetDatum(move->end_time)
	};
	Datum		values[3] = {
		0, IntervalPGetDatum(move->shift), TimestampTzGetDatum(move->end_time)
	};
	int64	   *tier_ids;
	int			n;

	(void) spi_read_fresh(&find, find_values, NULL);
	tier_ids = spi_int64_column(1, &n);
	values[0] = int64_array(tier_ids, n);
	/* Fewer: the transaction's snapshot is older than some of them. */
	if (n > 0 && spi_run(&update, values, NULL) != (uint64) n)
		raise_serialization_failure();
}

/*
 * Tell who has tickets or holds some: the buyers, and the attendees whose
 * address is another. The event's lock keeps sales away meanwhile.
 */
static void
tell_holders(const EventMove *move, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, user_id, event_id, order_id, payload, created_at)"
		" SELECT 'EVENT_RESCHEDULED', h.recipient, h.user_id, e.event_id, h.order_id,"
		" jsonb_strip_nulls(jsonb_build_object('title', e.title, 'start_time', e.start_time,"
		"  'end_time', e.end_time, 'doors_open', e.doors_open, 'old_start_time', $2,"
		"  'old_end_time', $3, 'venue', v.name, 'timezone', v.timezone, 'order_id', h.order_id)), $4"
		" FROM evently.events e LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" CROSS JOIN LATERAL"
		" (SELECT o.order_id, o.buyer_email, o.buyer_id FROM evently.orders o"
		"  WHERE o.event_id = $1 AND o.channel = 'SALE'"
		"  AND (o.status = 'PENDING' OR EXISTS (SELECT FROM evently.tickets k"
		"   WHERE k.order_id = o.order_id AND k.status IN ('VALID', 'USED') OFFSET 0))"
		"  UNION ALL"
		"  SELECT DISTINCT o.order_id, k.attendee_email, NULL::int8"
		"  FROM evently.orders o JOIN evently.tickets k ON k.order_id = o.order_id"
		"  WHERE o.event_id = $1 AND k.status IN ('VALID', 'USED')"
		"  AND k.attendee_email IS NOT NULL AND k.attendee_email IS DISTINCT FROM o.buyer_email)"
		" h (order_id, recipient, user_id)"
		" WHERE e.event_id = $1",
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	Datum		values[4] = {
		Int64GetDatum(move->event->event_id), TimestampTzGetDatum(move->event->start_time),
		TimestampTzGetDatum(move->event->end_time), TimestampTzGetDatum(now)
	};

	(void) spi_write_fresh(&query, values, NULL);
}

/*
 * Where the booking's event goes: by the booking's shift unless it is told.
 * NULL when there is none, or it was cancelled and only its slot is kept.
 */
static EventMove *
plan_event_move(FunctionCallInfo fcinfo, const Booking *booking, TimestampTz start_time)
{
	EventMove  *move;
	BookedEvent *event = booking->event_id ? read_booked_event(booking->event_id) : NULL;
	int64		shift = start_time - booking->window.start_time;

	if (event != NULL && strcmp(event->status, "COMPLETED") == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("event " INT64_FORMAT " cannot be moved", event->event_id),
					"Its status is COMPLETED.", "Book the venue anew for another event.");
	if (event == NULL || event_is_over(event))
	{
		if (!PG_ARGISNULL(3) || !PG_ARGISNULL(4))
			raise_bad_argument(psprintf("booking " INT64_FORMAT " has no event to move",
										booking->booking_id), NULL, NULL);
		return NULL;
	}

	move = palloc(sizeof(EventMove));
	move->event = event;
	move->start_time = PG_ARGISNULL(3) ? shifted(event->start_time, shift)
		: arg_instant(fcinfo, 3, "event_start");
	move->end_time = PG_ARGISNULL(4)
		? shifted(event->end_time, move->start_time - event->start_time)
		: arg_instant(fcinfo, 4, "event_end");
	move->shift = elapsed(event->start_time, move->start_time);
	require_order_of_times(move->start_time, move->end_time, "event_start", "event_end");
	return move;
}

/* reschedule_booking(booking_id, start_time, end_time, event_start, event_end) */
PG_FUNCTION_INFO_V1(ev_reschedule_booking);
Datum
ev_reschedule_booking(PG_FUNCTION_ARGS)
{
	/* One statement, so that no trigger sees the one moved without the other. */
	static SpiQuery update = SPI_QUERY(
		"WITH moved AS (UPDATE evently.events SET start_time = $5, end_time = $6,"
		"  doors_open = doors_open + $7, transfer_deadline = transfer_deadline + $7"
		"  WHERE event_id = $4)"
		" UPDATE evently.venue_bookings SET start_time = $2, end_time = $3 WHERE booking_id = $1",
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		INTERVALOID);
	int64		booking_id = arg_id(fcinfo, 0, "booking_id");
	TimestampTz start_time = arg_instant(fcinfo, 1, "start_time");
	TimestampTz end_time = arg_instant(fcinfo, 2, "end_time");
	Booking    *booking;
	VenueWindow window;
	EventMove  *move;
	Conflicts	conflicts;
	TimestampTz now;
	char		nulls[] = "       ";
	Datum		values[7] = {
		Int64GetDatum(booking_id), TimestampTzGetDatum(start_time), TimestampTzGetDatum(end_time)
	};

	require_order_of_times(start_time, end_time, "start_time", "end_time");

	ev_connect();
	require_own_booking(EV_MANAGERS, booking_id);
	booking = lock_booking(booking_id, true);
	now = GetCurrentTimestamp();

	require_live_booking(booking, now);
	window = booking->window;
	window.start_time = start_time;
	window.end_time = end_time;
	read_venue(&window, ' ', ' ');
	move = plan_event_move(fcinfo, booking, start_time);
	find_conflicts(&window, booking_id, now, &conflicts);
	refuse_if_taken(&window, &conflicts, booking_id, now);
	if (move)
		require_event_inside(move->event->event_id, move->start_time, move->end_time, &window);

	cancel_lapsed_bookings(conflicts.lapsed, conflicts.nlapsed, now);
	memset(nulls + 3, move ? ' ' : 'n', 4);
	if (move)
	{
		values[3] = Int64GetDatum(move->event->event_id);
		values[4] = TimestampTzGetDatum(move->start_time);
		values[5] = TimestampTzGetDatum(move->end_time);
		values[6] = IntervalPGetDatum(move->shift);
	}
	spi_run_excluding(&update, values, nulls, window.venue_id);
	if (move && (move->start_time != move->event->start_time ||
				 move->end_time != move->event->end_time))
	{
		move_sales(move, now);
		tell_holders(move, now);
	}
	return ev_finish(booking_row(booking_id));
}
