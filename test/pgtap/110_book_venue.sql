-- book_venue: what is stored, what is in the way, what is refused.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground(setup => 6, teardown => 4, rate => 1000) AS venue \gset
SELECT pg_temp.match('2031-08-16 15:00+01', :venue) AS event \gset

SELECT results_eq(format($$
	SELECT venue_id, event_id, start_time, end_time, setup_hours_before, teardown_hours_after, occupied, status,
		hire_rate::numeric, deposit_required::numeric, deposit_paid::numeric, deposit_due_at, cancelled_at
	FROM evently.book_venue(%s, %s, '2031-08-16 14:00+01', '2031-08-16 18:00+01')$$, :venue, :event),
	format($$SELECT %s::bigint, %s::bigint, '2031-08-16 14:00+01'::timestamptz, '2031-08-16 18:00+01'::timestamptz, 6::numeric, 4::numeric,
		tstzrange('2031-08-16 08:00+01', '2031-08-16 22:00+01'), 'CONFIRMED', 1000::numeric, 0::numeric, 0::numeric,
		NULL::timestamptz, NULL::timestamptz$$, :venue, :event),
	'a booking has the venue''s usual setup, teardown and rate, and without a deposit it is confirmed');
SELECT results_eq(format($$
	SELECT event_id, setup_hours_before, teardown_hours_after, occupied, status, deposit_required::numeric, deposit_due_at
	FROM evently.book_venue(%s, NULL, '2031-08-17 14:00+01', '2031-08-17 18:00+01', 0.25, 1.5, 500, '2031-01-01 00:00+00')$$, :venue),
	$$SELECT NULL::bigint, 0.25, 1.5, tstzrange('2031-08-17 13:45+01', '2031-08-17 19:30+01'), 'REQUESTED', 500::numeric,
		'2031-01-01 00:00+00'::timestamptz$$,
	'hours and deposit are those given, and a booking needs no event');

-- What is in the way.
SELECT pg_temp.ground('Europe/Berlin', 1, 2) AS hall \gset
SELECT pg_temp.book(:hall, '2031-10-25 12:00+02', '2031-10-25 18:00+02') AS first \gset
SELECT results_eq(format($$SELECT * FROM pg_temp.refusal('SELECT evently.book_venue(%s, NULL, ''2031-10-25 20:00+02'', ''2031-10-26 02:00+01'')')$$, :hall),
	format($$VALUES ('TK010', 'venue %s is already booked',
		'It is taken from 2031-10-25 11:00:00+02 to 2031-10-25 20:00:00+02; with setup and teardown the booking would take it from 2031-10-25 19:00:00+02 to 2031-10-26 04:00:00+01.',
		'The next free slot of the same length is from 2031-10-25 21:00:00+02 to 2031-10-26 03:00:00+01.')$$, :hall),
	'TK010 tells the other''s window and the next free slot, in local time, here over the end of summer time');
SELECT lives_ok(format($$SELECT evently.book_venue(%s, NULL, '2031-10-25 21:00+02', '2031-10-26 03:00+01')$$, :hall),
	'the slot of the hint is free, and bookings may touch');
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, NULL, '2031-10-26 06:00+01', '2031-10-26 06:30+01', 1.000001)$$, :hall),
	'TK010', '%', 'a few milliseconds of another''s teardown are in the way');
SELECT lives_ok(format($$SELECT evently.book_venue(%s, NULL, '2031-10-26 06:00+01', '2031-10-26 06:30+01', 1, 0)$$, :hall),
	'up to the end of another''s teardown is free');
-- Taken now: 11:00+02 to 20:00+02 to 05:00+01 to 06:30+01.
SELECT pg_temp.book(:hall, '2031-10-26 09:00+01', '2031-10-26 10:00+01');
SELECT is((pg_temp.refusal(format($$SELECT evently.book_venue(%s, NULL, '2031-10-25 13:00+02', '2031-10-25 14:00+02', 0.5, 1)$$, :hall))).hint,
	'The next free slot of the same length is from 2031-10-26 12:30:00+01 to 2031-10-26 13:30:00+01.',
	'the hint passes over what is taken and gaps that are too short');
SELECT is((pg_temp.refusal(format($$SELECT evently.book_venue(%s, NULL, '2031-10-25 13:00+02', '2031-10-25 13:30+02', 0.5, 0.5)$$, :hall))).hint,
	'The next free slot of the same length is from 2031-10-26 07:00:00+01 to 2031-10-26 07:30:00+01.',
	'the hint takes a gap that just does');

-- Nobody can make two overlap.
SELECT throws_ok(format($$INSERT INTO evently.venue_bookings (venue_id, start_time, end_time) VALUES (%s, '2031-10-25 19:59+02', '2031-10-25 20:01+02')$$, :hall),
	'23P01', NULL, 'a superuser''s direct INSERT cannot overlap');
SELECT throws_ok(format($$UPDATE evently.venue_bookings SET teardown_hours_after = 2.0001 WHERE booking_id = %s$$, :first),
	'23P01', NULL, 'a superuser''s direct UPDATE cannot overlap');
SELECT throws_ok(format($$INSERT INTO evently.venue_bookings (venue_id, start_time, end_time, setup_hours_before, teardown_hours_after)
	VALUES (%s, %s, %s, %s, %s)$$, venue, starts, ends, setup, teardown), code, NULL, 'not into the table: ' || reason)
FROM (VALUES
	('NULL', '''2032-01-01''', '''2032-01-02''', '0', '0', '23502', 'no venue'),
	('1', 'NULL', '''2032-01-02''', '0', '0', '23502', 'no start'),
	('1', '''2032-01-01''', 'NULL', '0', '0', '23502', 'no end'),
	('1', '''2032-01-01''', '''2032-01-02''', 'NULL', '0', '23502', 'no setup'),
	('1', '''2032-01-01''', '''2032-01-02''', '0', 'NULL', '23502', 'no teardown'),
	('1', '''2032-01-01''', '''2032-01-01''', '0', '0', '23514', 'no length'),
	('1', '''2032-01-02''', '''2032-01-01''', '0', '0', '22000', 'end before start'),
	('1', '''2032-01-02''', '''2032-01-01''', '24', '24', '23514', 'end before start, hidden by the buffers'),
	('1', '''-infinity''', '''2032-01-01''', '0', '0', '23514', 'no beginning'),
	('1', '''2032-01-02''', '''infinity''', '0', '0', '23514', 'no end in time'),
	('1', '''2032-01-01''', '''2032-01-02''', '-1', '0', '23514', 'negative setup'),
	('1', '''2032-01-01''', '''2032-01-02''', '0', '720.01', '23514', 'too long a teardown'),
	('1', '''2032-01-01''', '''2032-01-02''', '''NaN''', '0', '22008', 'setup is not a number')) wrong (venue, starts, ends, setup, teardown, code, reason);
SELECT throws_ok($$UPDATE evently.venue_bookings SET occupied = 'empty'$$, '428C9', NULL, 'the range cannot be set');
SELECT lives_ok(format($$SELECT evently.cancel_booking(%s)$$, :first), 'a booking is given back');
SELECT lives_ok(format($$SELECT evently.book_venue(%s, NULL, '2031-10-25 12:00+02', '2031-10-25 18:00+02')$$, :hall),
	'and its slot is free');

-- Bad arguments and states change nothing.
SELECT pg_temp.refused(format('SELECT evently.book_venue(%s)', pg_temp.fill(arguments, 'V', :'venue', 'E', :'event')), code, message, 'book_venue: ' || reason)
FROM (VALUES
	($$NULL, NULL, '2032-01-01', '2032-01-02'$$, '22023', 'venue_id must not be null', 'no venue'),
	($$9999999, NULL, '2032-01-01', '2032-01-02'$$, 'P0002', 'venue 9999999 does not exist', 'an unknown venue'),
	($$V, 9999999, '2032-01-01', '2032-01-02'$$, 'P0002', 'event 9999999 does not exist', 'an unknown event'),
	($$V, NULL, NULL, '2032-01-02'$$, '22023', 'start_time must not be null', 'no start'),
	($$V, NULL, '2032-01-01', NULL$$, '22023', 'end_time must not be null', 'no end'),
	($$V, NULL, '-infinity', '2032-01-02'$$, '22023', 'start_time %', 'no beginning'),
	($$V, NULL, '2032-01-01', 'infinity'$$, '22023', 'end_time %', 'no end in time'),
	($$V, NULL, '2032-01-01', '10000-01-01'$$, '22023', 'end_time %', 'too far away'),
	($$V, NULL, '2032-01-01', '2032-01-01'$$, '22023', 'end_time must be after start_time', 'no length'),
	($$V, NULL, '2032-01-02', '2032-01-01'$$, '22023', 'end_time must be after start_time', 'end before start'),
	($$V, NULL, '2032-01-01', '2032-01-02', -0.1$$, '22023', 'setup_hours_before %', 'negative setup'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 720.1$$, '22023', 'teardown_hours_after %', 'too long a teardown'),
	($$V, NULL, '2032-01-01', '2032-01-02', 'NaN'$$, '22023', 'setup_hours_before %', 'setup is not a number'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 'Infinity'$$, '22023', 'teardown_hours_after %', 'endless teardown'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, NULL$$, '22023', 'deposit_required %', 'no deposit'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, -1$$, '22023', 'deposit_required %', 'negative deposit'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, 'NaN'$$, '22023', 'deposit_required %', 'deposit is not a number'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, 1e12$$, '22023', 'deposit_required %', 'too great a deposit'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, 0.0001$$, '22023', 'deposit_required %', 'too fine a deposit'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, 1, now()$$, '22023', 'deposit_due_at must be in the future', 'a deposit that is overdue'),
	($$V, NULL, '2032-01-01', '2032-01-02', 0, 0, 1, 'infinity'$$, '22023', 'deposit_due_at %', 'a deposit that is never due'),
	($$V, E, '2032-01-01', '2032-01-02'$$, 'TK006', 'event % has a booking already', 'a second booking of an event')) bad (arguments, code, message, reason);

-- The event and its venue.
SELECT pg_temp.match('2031-09-01 15:00+01') AS nowhere \gset
SELECT pg_temp.refused(format('SELECT evently.book_venue(%s, %s, %s)', :venue, :nowhere, times), '22023', 'event % is outside the booked time', 'book_venue: ' || reason)
FROM (VALUES
	($$'2031-09-01 15:00:00.000001+01', '2031-09-01 18:00+01'$$, 'the event starts earlier'),
	($$'2031-09-01 15:00+01', '2031-09-01 16:59:59+01'$$, 'the event ends later'),
	($$'2031-09-02 15:00+01', '2031-09-02 18:00+01'$$, 'the event is on another day')) bad (times, reason);
SELECT lives_ok(format($$SELECT evently.book_venue(%s, %s, '2031-09-01 15:00+01', '2031-09-01 17:00+01')$$, :venue, :nowhere),
	'a booking may be just as long as its event');
SELECT is(venue_id, :venue::bigint, 'a draft without a venue gets the one booked') FROM evently.events WHERE event_id = :nowhere;
SELECT pg_temp.match('2031-09-05 15:00+01', :hall) AS elsewhere \gset
SELECT lives_ok(format($$SELECT evently.book_venue(%s, %s, '2031-09-05 15:00+01', '2031-09-05 17:00+01')$$, :venue, :elsewhere),
	'a draft at another venue may be booked');
SELECT is(venue_id, :venue::bigint, 'and moves to it') FROM evently.events WHERE event_id = :elsewhere;
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, %s, '2031-09-05 15:00+01', '2031-09-05 17:00+01')$$, :hall, :elsewhere),
	'TK006', 'event % has a booking already', 'but not once it is booked');
SELECT pg_temp.match('2031-09-06 15:00+01') AS online \gset
SELECT FROM evently.publish_event(:online);
SELECT lives_ok(format($$SELECT evently.book_venue(%s, %s, '2031-09-06 15:00+01', '2031-09-06 17:00+01')$$, :venue, :online),
	'an event that was published without a venue may get one');
SELECT evently.cancel_booking(booking_id) FROM evently.venue_bookings WHERE event_id = :elsewhere \g /dev/null
SET evently.require_booking = off;
SELECT FROM evently.publish_event(:elsewhere);
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, %s, '2031-09-05 15:00+01', '2031-09-05 17:00+01')$$, :hall, :elsewhere),
	'TK006', 'event % is at another venue', 'nor once it is published there');
RESET evently.require_booking;
SELECT FROM evently.cancel_event(:elsewhere, 'test');
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, %s, '2031-09-05 15:00+01', '2031-09-05 17:00+01')$$, :venue, :elsewhere),
	'TK006', 'event % is over', 'book_venue: a cancelled event');
SELECT pg_temp.match('2031-09-07 15:00+01') AS crowd \gset
SELECT pg_temp.tier(:crowd, 501) \g /dev/null
SELECT pg_temp.ground(capacity => 500) AS small \gset
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, %s, '2031-09-07 15:00+01', '2031-09-07 17:00+01')$$, :small, :crowd),
	'TK011', '%', 'book_venue: a venue that is too small');
UPDATE evently.venues SET is_active = false WHERE venue_id = :small;
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, NULL, '2032-01-01', '2032-01-02')$$, :small),
	'TK006', 'venue % is not active', 'book_venue: a venue that is not active');

-- A booking whose deposit is overdue gives way on the spot.
SELECT pg_temp.book(:venue, '2032-03-01', '2032-03-02', NULL, 100, '2032-01-01') AS slow \gset
SELECT FROM evently.pay_deposit(:slow, 40, 'slow-40');
SELECT pg_temp.overdue(:slow);
SELECT pg_temp.book(:venue, '2032-03-01', '2032-03-02') AS quick \gset
SELECT is(pg_temp.booking_status(:quick), 'CONFIRMED', 'an overdue booking is not in the way');
SELECT results_eq(format($$SELECT b.status, b.cancel_reason, b.cancelled_at IS NOT NULL, p.status
	FROM evently.venue_bookings b JOIN evently.booking_payments p USING (booking_id) WHERE booking_id = %s$$, :slow),
	$$VALUES ('CANCELLED', 'deposit not paid in time', true, 'RETURN_DUE')$$, 'it is cancelled, and what was paid is to be returned');
SELECT pg_temp.book(:venue, '2032-04-01', '2032-04-02', NULL, 100, '2032-01-01') AS slow \gset
SELECT pg_temp.overdue(:slow);
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, NULL, '2032-03-01', '2032-04-02')$$, :venue), 'TK010', '%',
	'what is refused leaves an overdue booking alone');
SELECT pg_temp.match('2032-05-01 15:00+01', :hall) AS late \gset
SELECT pg_temp.book(:hall, '2032-05-01 12:00+01', '2032-05-01 18:00+01', :late, 100, '2032-01-01') AS slow \gset
SELECT pg_temp.overdue(:slow);
SELECT lives_ok(format($$SELECT evently.book_venue(%s, %s, '2032-05-01 12:00+01', '2032-05-01 18:00+01')$$, :venue, :late),
	'an event whose booking is overdue may be booked elsewhere');
SELECT is(pg_temp.booking_status(:slow), 'CANCELLED', 'and the overdue one ends');

-- The states of a booking hold for everyone.
SELECT throws_ok(format($$UPDATE evently.venue_bookings SET status = 'CONFIRMED', cancelled_at = NULL, cancel_reason = NULL, deposit_paid = 100 WHERE booking_id = %s$$, :slow),
	'TK006', NULL, 'a cancelled booking does not come back');
SELECT throws_ok(format($$UPDATE evently.venue_bookings SET status = 'REQUESTED' WHERE booking_id = %s$$, :quick),
	'TK006', NULL, 'a confirmed booking stays confirmed');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
