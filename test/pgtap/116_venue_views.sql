-- The venue's calendar and utilisation: instants and local times, months with a
-- change of the clocks.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground('Australia/Lord_Howe', 6, 4) AS venue \gset
SELECT pg_temp.match('2031-04-05 20:00+11', :venue) AS event \gset
-- The clocks go back by half an hour at 2:00, at 15:00 UTC.
SELECT pg_temp.book(:venue, '2031-04-05 19:00+11', '2031-04-05 23:00+11', :event) AS booking \gset
SELECT results_eq(format($$SELECT venue_name, timezone, status, event_title, event_status, start_time, end_time, occupied_from, occupied_until,
		start_time_local, end_time_local, occupied_from_local, occupied_until_local, event_start_local, event_end_local
	FROM evently.venue_calendar WHERE booking_id = %s$$, :booking),
	$$VALUES ('Ground', 'Australia/Lord_Howe', 'CONFIRMED', 'Test Match', 'DRAFT',
		'2031-04-05 08:00+00'::timestamptz, '2031-04-05 12:00+00'::timestamptz, '2031-04-05 02:00+00'::timestamptz, '2031-04-05 16:00+00'::timestamptz,
		'2031-04-05 19:00'::timestamp, '2031-04-05 23:00'::timestamp, '2031-04-05 13:00'::timestamp, '2031-04-06 02:30'::timestamp,
		'2031-04-05 20:00'::timestamp, '2031-04-05 22:00'::timestamp)$$,
	'four hours of teardown end at half past two: the clocks went back half an hour');
SELECT results_eq(format($$SELECT event_id, event_title, event_start_local FROM evently.venue_calendar WHERE booking_id = %s$$,
		pg_temp.book(:venue, '2031-06-01', '2031-06-02')),
	'SELECT NULL::bigint, NULL, NULL::timestamp', 'a hire without an event is there too');
SELECT FROM evently.cancel_booking(:booking);
SELECT is_empty(format('SELECT FROM evently.venue_calendar WHERE booking_id = %s', :booking), 'what was cancelled is not');

-- Utilisation: from 20 October to 2 December, local time.
SELECT pg_temp.ground('Europe/London') AS hall \gset
SELECT FROM evently.book_venue(:hall, NULL, '2031-10-31 22:00+00', '2031-11-01 01:00+00', 1, 1);
SELECT FROM evently.book_venue(:hall, pg_temp.match('2031-10-20 12:00+01', :hall), '2031-10-20 00:00+01', '2031-10-21 00:00+01');
SELECT FROM evently.book_venue(:hall, NULL, '2031-11-30 00:00+00', '2031-12-01 00:00+00', 0, 24, 100);
SELECT results_eq(format($$SELECT month, events, bookings, booked_hours, occupied_hours, requested_hours, month_hours, percent_occupied
	FROM evently.venue_utilisation WHERE venue_id = %s ORDER BY month$$, :hall),
	$$VALUES ('2031-10-01'::date, 1::bigint, 2::bigint, 26.00, 27.00, 0.00, 745.00, 3.6),
		('2031-11-01', 0, 2, 25.00, 2.00, 24.00, 720.00, 0.3), ('2031-12-01', 0, 1, 0.00, 0.00, 24.00, 744.00, 0.0)$$,
	'a booking over the turn of a month counts in both; October has 745 hours');
SELECT is_empty($$
	SELECT v.venue_id, sum(occupied_hours + requested_hours), b.hours FROM evently.venue_utilisation v
	JOIN (SELECT venue_id, sum(extract(epoch FROM upper(occupied) - lower(occupied))) / 3600 AS hours
		FROM evently.venue_bookings WHERE status <> 'CANCELLED' GROUP BY venue_id) b USING (venue_id)
	GROUP BY v.venue_id, b.hours HAVING sum(occupied_hours + requested_hours) <> round(b.hours, 2)$$, 'the months add up to the bookings');

SELECT * FROM finish();
ROLLBACK;
