-- reschedule_booking: booking and event move together, holders are told, tickets stay good.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground('Europe/London', 6, 4) AS venue \gset
SELECT event_id AS event FROM evently.create_event(1, 'The derby', 'SPORTS', '2031-03-22 15:00+00', '2031-03-22 17:00+00', :venue,
	transfer_deadline => '2031-03-21 15:00+00') \gset
SELECT tier_id AS tier FROM evently.create_tier(:event, 'GENERAL', 10, 100, '2026-01-01', '2031-03-22 14:00+00') \gset
SELECT tier_id AS early FROM evently.create_tier(:event, 'EARLY_BIRD', 8, 100, '2025-01-01', '2026-01-01') \gset
SELECT tier_id AS late FROM evently.create_tier(:event, 'LATE', 12, 100, '2031-03-22 10:00+00', '2031-03-22 16:00+00') \gset
SELECT tier_id AS open FROM evently.create_tier(:event, 'OPEN', 12, 100) \gset
SELECT pg_temp.book(:venue, '2031-03-22 14:00+00', '2031-03-22 18:00+00', :event) AS booking \gset
SELECT FROM evently.publish_event(:event);
SELECT FROM evently.open_sale(:event);

-- Who holds: buyer 1 with two tickets, one of them for somebody else; buyer 2 has not paid yet;
-- buyer 3 gave his ticket back; buyer 4 gave up; buyer 5 let it lapse.
SELECT order_id AS o1 FROM evently.reserve_tier(:event, 1, :tier, 2, buyer_email => 'one@example.org') \gset
SELECT FROM evently.confirm_order(:o1, 'p1', NULL, '[{"name": "Ada", "email": "ada@example.org"}, {"name": "One", "email": "one@example.org"}]');
SELECT order_id AS o2 FROM evently.reserve_tier(:event, 2, :tier, 1) \gset
SELECT pg_temp.buy(:event, :tier, 1, 3) AS o3 \gset
SELECT FROM evently.refund_order(:o3, 'r3');
SELECT pg_temp.hold(:event, :tier, 1, 4) AS o4 \gset
SELECT FROM evently.cancel_order(:o4, 'changed my mind');
SELECT pg_temp.hold(:event, :tier, 1, 5) AS o5 \gset
SELECT pg_temp.lapse(:o5);
SELECT evently.release_expired_orders() \g /dev/null
SELECT coalesce(max(notification_id), 0) AS told FROM evently.notifications \gset

-- Three weeks later it is summer time: the shift is three weeks less an hour.
SELECT results_eq(format($$SELECT booking_id, start_time, end_time, occupied, status
	FROM evently.reschedule_booking(%s, '2031-04-12 14:00+01', '2031-04-12 18:00+01')$$, :booking),
	format($$VALUES (%s::bigint, '2031-04-12 14:00+01'::timestamptz, '2031-04-12 18:00+01'::timestamptz,
		tstzrange('2031-04-12 08:00+01', '2031-04-12 22:00+01'), 'CONFIRMED')$$, :booking), 'the booking moves with its buffers');
SELECT results_eq(format('SELECT start_time, end_time, doors_open, transfer_deadline, status FROM evently.events WHERE event_id = %s', :event),
	$$VALUES ('2031-04-12 15:00+01'::timestamptz, '2031-04-12 17:00+01'::timestamptz, '2031-04-12 09:00+01'::timestamptz,
		'2031-04-11 15:00+01'::timestamptz, 'ON_SALE')$$, 'the event, its doors and its transfer deadline move by the same');
SELECT results_eq(format('SELECT name, sale_start, sale_end FROM evently.ticket_tiers WHERE event_id = %s ORDER BY tier_id', :event),
	$$VALUES ('GENERAL', '2026-01-01'::timestamptz, '2031-04-12 14:00+01'::timestamptz), ('EARLY_BIRD', '2025-01-01', '2026-01-01'),
		('LATE', '2031-03-22 10:00+00', '2031-04-12 16:00+01'), ('OPEN', NULL, NULL)$$,
	'sale ends to come move along, those past and sale starts stay');
SELECT results_eq(format($$SELECT kind, recipient, user_id, order_id FROM evently.notifications WHERE notification_id > %s ORDER BY order_id, recipient DESC NULLS LAST$$, :told),
	format($$VALUES ('EVENT_RESCHEDULED', 'one@example.org', 1::bigint, %s::bigint), ('EVENT_RESCHEDULED', 'ada@example.org', NULL, %1$s),
		('EVENT_RESCHEDULED', NULL, 2, %s)$$, :o1, :o2), 'buyers, attendees at another address and those who hold are told, once each');
SELECT is(payload, jsonb_build_object('title', 'The derby', 'venue', 'Ground', 'timezone', 'Europe/London', 'order_id', :o2,
		'start_time', '2031-04-12 15:00+01'::timestamptz, 'end_time', '2031-04-12 17:00+01'::timestamptz, 'doors_open', '2031-04-12 09:00+01'::timestamptz,
		'old_start_time', '2031-03-22 15:00+00'::timestamptz, 'old_end_time', '2031-03-22 17:00+00'::timestamptz), 'of the old times and the new')
FROM evently.notifications WHERE notification_id > :told AND user_id = 2;
SELECT is(array_agg(status ORDER BY ticket_id), '{VALID,VALID}', 'tickets stay good') FROM evently.tickets WHERE order_id = :o1;
SELECT is(c.outcome, 'CONFIRMED', 'and a hold may be paid') FROM evently.confirm_order(:o2, 'p2') c;

-- Times of the event may be given.
SELECT FROM evently.reschedule_booking(:booking, '2031-04-13 12:00+01', '2031-04-13 22:00+01', '2031-04-13 16:30+01');
SELECT results_eq(format('SELECT start_time, end_time, doors_open FROM evently.events WHERE event_id = %s', :event),
	$$VALUES ('2031-04-13 16:30+01'::timestamptz, '2031-04-13 18:30+01'::timestamptz, '2031-04-13 10:30+01'::timestamptz)$$,
	'the event''s start is given: it keeps its length');
SELECT FROM evently.reschedule_booking(:booking, '2031-04-13 12:00+01', '2031-04-13 22:00+01', NULL, '2031-04-13 20:00+01');
SELECT results_eq(format('SELECT start_time, end_time FROM evently.events WHERE event_id = %s', :event),
	$$VALUES ('2031-04-13 16:30+01'::timestamptz, '2031-04-13 20:00+01'::timestamptz)$$, 'the event''s end is given: it starts as before');
SELECT max(notification_id) AS told FROM evently.notifications \gset
SELECT FROM evently.reschedule_booking(:booking, '2031-04-13 11:00+01', '2031-04-13 22:00+01', '2031-04-13 16:30+01', '2031-04-13 20:00+01');
SELECT is_empty(format('SELECT FROM evently.notifications WHERE notification_id > %s', :told), 'when only the booking changes nobody is told');

-- Brought forward to before its sales would start: they keep their distance.
SELECT sale_start AS late_start, sale_end AS late_end FROM evently.ticket_tiers WHERE tier_id = :late \gset
SELECT FROM evently.reschedule_booking(:booking, '2031-02-13 11:00+00', '2031-02-13 22:00+00');
SELECT results_eq(format('SELECT sale_start, sale_end FROM evently.ticket_tiers WHERE tier_id = %s', :late),
	format($$SELECT '%s'::timestamptz - interval '1415 hours', '%s'::timestamptz - interval '1415 hours'$$, :'late_start', :'late_end'),
	'a sale that would end before it starts moves as a whole');

-- What is in the way, and what is refused.
SELECT pg_temp.book(:venue, '2031-05-10 14:00+01', '2031-05-10 18:00+01') AS other \gset
SELECT pg_temp.refused(format('SELECT evently.reschedule_booking(%s)', pg_temp.fill(arguments, 'B', :'booking', 'O', :'other')), code, message, 'reschedule_booking: ' || reason)
FROM (VALUES
	($$B, '2031-05-09 20:00+01', '2031-05-10 07:00+01'$$, 'TK010', 'venue % is already booked', 'another booking'),
	($$B, '2031-06-01 12:00+01', '2031-06-01 14:00+01'$$, '22023', 'event % is outside the booked time', 'too short for the event'),
	($$B, '2031-06-01 12:00+01', '2031-06-01 22:00+01', '2031-06-01 11:00+01'$$, '22023', 'event % is outside the booked time', 'the event before it'),
	($$B, '2031-06-01 12:00+01', '2031-06-01 22:00+01', '2031-06-01 18:00+01', '2031-06-01 18:00+01'$$, '22023', 'event_end must be after event_start', 'the event without length'),
	($$B, '2031-06-01 12:00+01', '2031-06-01 22:00+01', 'infinity'$$, '22023', 'event_start %', 'the event never'),
	($$O, '2031-06-01 12:00+01', '2031-06-01 22:00+01', '2031-06-01 18:00+01'$$, '22023', 'booking % has no event to move', 'no event to move'),
	($$B, NULL, '2031-06-01 12:00+01'$$, '22023', 'start_time must not be null', 'no start'),
	($$B, '2031-06-01 12:00+01', NULL$$, '22023', 'end_time must not be null', 'no end'),
	($$B, '2031-06-01 12:00+01', '2031-06-01 12:00+01'$$, '22023', 'end_time must be after start_time', 'no length'),
	($$NULL, '2031-06-01 12:00+01', '2031-06-01 12:00+01'$$, '22023', 'booking_id must not be null', 'no booking'),
	($$9999999, '2031-06-01 12:00+01', '2031-06-01 13:00+01'$$, 'P0002', 'booking 9999999 does not exist', 'an unknown booking')) bad (arguments, code, message, reason);
SELECT is((pg_temp.refusal(format($$SELECT evently.reschedule_booking(%s, '2031-05-10 14:00+01', '2031-05-11 01:00+01')$$, :booking))).hint,
	'The next free slot of the same length is from 2031-05-11 04:00:00+01 to 2031-05-11 15:00:00+01.', 'the hint fits the new length');
SELECT lives_ok(format($$SELECT evently.reschedule_booking(%s, '2031-05-10 15:00+01', '2031-05-10 19:00+01')$$, :other), 'its own old time is not in the way');
SELECT pg_temp.book(:venue, '2031-07-10', '2031-07-11', NULL, 10, '2031-01-01') AS slow \gset
SELECT pg_temp.overdue(:slow);
SELECT lives_ok(format($$SELECT evently.reschedule_booking(%s, '2031-07-10', '2031-07-11')$$, :other), 'an overdue booking gives way');
SELECT is(pg_temp.booking_status(:slow), 'CANCELLED', 'and ends');
UPDATE evently.venues SET is_active = false WHERE venue_id = :venue;
SELECT pg_temp.refused(format($$SELECT evently.reschedule_booking(%s, '2031-08-10', '2031-08-11')$$, :other), 'TK006', 'venue % is not active', 'reschedule_booking: a venue that is not active');
UPDATE evently.venues SET is_active = true WHERE venue_id = :venue;

-- Direct changes keep the event inside its booking too.
SELECT throws_ok(format('UPDATE evently.%s', change), 'TK006', 'event ' || :event || ' would be outside its booking', 'not directly: ' || change)
FROM (VALUES (format($$events SET start_time = start_time - interval '2 days', doors_open = doors_open - interval '2 days' WHERE event_id = %s$$, :event)),
	(format($$events SET end_time = end_time + interval '2 days' WHERE event_id = %s$$, :event)),
	(format($$events SET venue_id = NULL WHERE event_id = %s$$, :event)),
	(format($$venue_bookings SET end_time = start_time + interval '1 minute' WHERE booking_id = %s$$, :booking)),
	(format($$venue_bookings SET event_id = %s WHERE booking_id = %s$$, :event, :other))) direct (change);
SELECT lives_ok(format($$UPDATE evently.events SET start_time = start_time + interval '1 minute', title = 'Derby' WHERE event_id = %s$$, :event),
	'directly, but inside');

-- A completed event does not move; a cancelled one stays where it was.
SELECT pg_temp.match('2031-09-01 15:00+01', :venue) AS done \gset
SELECT pg_temp.book(:venue, '2031-09-01 14:00+01', '2031-09-01 18:00+01', :done) AS played \gset
SELECT FROM evently.publish_event(:done);
SELECT FROM evently.complete_event(:done);
SELECT pg_temp.refused(format($$SELECT evently.reschedule_booking(%s, '2031-10-01 14:00+01', '2031-10-01 18:00+01')$$, :played), 'TK006', 'event % cannot be moved', 'reschedule_booking: a completed event');
SELECT pg_temp.refused(format($$SELECT evently.cancel_booking(%s)$$, :played), 'TK006', 'booking % has been used', 'cancel_booking: a completed event');
SELECT start_time AS was FROM evently.events WHERE event_id = :event \gset
SELECT FROM evently.cancel_event(:event, 'fog', true);
SELECT max(notification_id) AS told FROM evently.notifications \gset
SELECT lives_ok(format($$SELECT evently.reschedule_booking(%s, '2031-10-01 14:00+01', '2031-10-01 18:00+01')$$, :booking), 'a slot kept from a cancelled event may move');
SELECT is(start_time, :'was'::timestamptz, 'the event does not') FROM evently.events WHERE event_id = :event;
SELECT is_empty(format('SELECT FROM evently.notifications WHERE notification_id > %s', :told), 'and nobody is told');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
