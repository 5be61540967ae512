-- evently.require_booking, what cancelling leaves of a booking, and slots that are kept.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground() AS venue \gset
SELECT pg_temp.ground() AS elsewhere \gset
SELECT pg_temp.match('2031-03-22 15:00+00', :venue) AS event \gset
SELECT pg_temp.tier(:event) AS tier \gset

SELECT is(current_setting('evently.require_booking'), 'on', 'events at venues need a booking unless the DBA says otherwise');
SELECT results_eq($$SELECT context, vartype, short_desc <> '' FROM pg_settings WHERE name = 'evently.require_booking'$$,
	$$VALUES ('superuser', 'bool', true)$$, 'only a superuser sets it');

SELECT results_eq(format($$SELECT * FROM pg_temp.refusal('SELECT evently.publish_event(%s)')$$, :event),
	format($$VALUES ('TK006', 'event %s has no booking of its venue', 'No booking of venue %s holds the event''s times.',
		'Book it first: book_venue(%2$s, %1$s, start_time, end_time).')$$, :event, :venue), 'no publishing without a booking');
SELECT pg_temp.refused(format('SELECT evently.publish_event(%s)', :event), 'TK006', '%', 'and nothing changes');
SELECT pg_temp.book(:venue, '2031-03-22 15:00+00', '2031-03-22 17:00+00', :event, 100) AS booking \gset
SELECT FROM evently.pay_deposit(:booking, 30, 'part');
SELECT results_eq(format($$SELECT * FROM pg_temp.refusal('SELECT evently.publish_event(%s)')$$, :event),
	format($$VALUES ('TK006', 'booking %s of event %s is not confirmed', '30 of its deposit of 100 GBP is paid.',
		'Pay the rest with pay_deposit.')$$, :booking, :event), 'nor with one that is only requested');
SELECT FROM evently.cancel_booking(:booking);
SELECT pg_temp.refused(format('SELECT evently.publish_event(%s)', :event), 'TK006', 'event % has no booking of its venue', 'nor with one that was cancelled');
SELECT pg_temp.book(:venue, '2031-03-22 15:00+00', '2031-03-22 17:00+00', :event, 100) AS booking \gset
SELECT FROM evently.pay_deposit(:booking, 100, 'whole');
SELECT is(e.status, 'PUBLISHED', 'with a confirmed one it is published') FROM evently.publish_event(:event) e;
SELECT FROM evently.open_sale(:event);
SELECT is(e.status, 'PUBLISHED', 'without a venue there is nothing to book')
FROM evently.publish_event(pg_temp.match('2031-03-22 15:00+00')) e;
SET evently.require_booking = off;
SELECT is(e.status, 'PUBLISHED', 'when it is off no booking is needed')
FROM evently.publish_event(pg_temp.match('2031-03-23 15:00+00', :venue)) e;
RESET evently.require_booking;

-- An event that the public knows of keeps its venue.
SELECT results_eq(format($$SELECT * FROM pg_temp.refusal('SELECT evently.cancel_booking(%s)')$$, :booking),
	format($$VALUES ('TK006', 'event %s needs booking %s', 'The event is ON_SALE.',
		'Move both with reschedule_booking, or cancel the event with cancel_event.')$$, :event, :booking), 'its booking is not cancelled under it');
SET evently.require_booking = off;
SAVEPOINT kept;
SELECT is(b.status, 'CANCELLED', 'unless no booking is required') FROM evently.cancel_booking(:booking) b;
ROLLBACK TO kept;
RESET evently.require_booking;

-- cancel_event frees the slot, or keeps it.
SELECT pg_temp.match('2031-05-01 15:00+01', :venue) AS first \gset
SELECT pg_temp.book(:venue, '2031-05-01 14:00+01', '2031-05-01 18:00+01', :first, 50) AS freed \gset
SELECT FROM evently.pay_deposit(:freed, 50, 'freed');
SELECT FROM evently.publish_event(:first);
SELECT FROM evently.cancel_event(:first, 'fog');
SELECT results_eq(format($$SELECT b.status, b.cancel_reason, p.status FROM evently.venue_bookings b JOIN evently.booking_payments p USING (booking_id) WHERE booking_id = %s$$, :freed),
	$$VALUES ('CANCELLED', 'fog', 'RETURN_DUE')$$, 'cancelling an event cancels its booking');
SELECT FROM evently.cancel_event(:event, 'fog', keep_booking => true);
SELECT is(pg_temp.booking_status(:booking), 'CONFIRMED', 'or keeps it');
SELECT pg_temp.refused(format($$SELECT evently.book_venue(%s, NULL, '2031-03-22 15:00+00', '2031-03-22 16:00+00')$$, :venue), 'TK010', '%', 'and then nobody else gets the slot');

-- Another event may have a slot that was kept.
SELECT pg_temp.match('2031-03-22 15:00+00') AS next \gset
SELECT pg_temp.tier(:next, 501) AS tier \gset
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s)', pg_temp.fill(arguments, 'B', :'booking', 'N', :'next', 'C', :'event', 'F', :'freed')), code, message, 'assign_booking: ' || reason)
FROM (VALUES
	('NULL, N', '22023', '%', 'no booking'),
	('B, NULL', '22023', '%', 'no event'),
	('9999999, N', 'P0002', 'booking 9999999 does not exist', 'an unknown booking'),
	('B, 9999999', 'P0002', 'event 9999999 does not exist', 'an unknown event'),
	('F, N', 'TK006', 'booking % is cancelled', 'a cancelled booking'),
	('B, C', 'TK006', 'event % is over', 'a cancelled event')) bad (arguments, code, message, reason);
UPDATE evently.venues SET capacity = 500 WHERE venue_id = :venue;
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s, %s)', :booking, :next), 'TK011', '%', 'assign_booking: a venue that is too small');
UPDATE evently.venues SET capacity = 501 WHERE venue_id = :venue;
SELECT results_eq(format('SELECT booking_id, event_id, status FROM evently.assign_booking(%s, %s)', :booking, :next),
	format($$VALUES (%s::bigint, %s::bigint, 'CONFIRMED')$$, :booking, :next), 'a kept slot goes to another event');
SELECT is(venue_id, :venue::bigint, 'which is at the venue now') FROM evently.events WHERE event_id = :next;
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s, %s)', :booking, pg_temp.match('2031-03-22 15:00+00')), 'TK006', 'booking % is in use', 'assign_booking: a booking in use');
SELECT pg_temp.book(:elsewhere, '2031-03-22 15:00+00', '2031-03-22 17:00+00') AS hire \gset
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s, %s)', :hire, :next), 'TK006', 'event % has a booking already', 'assign_booking: an event that is booked');
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s, %s)', :hire, pg_temp.match('2031-03-22 15:30+00')), '22023', 'event % is outside the booked time', 'assign_booking: an event at another time');
SELECT lives_ok(format('SELECT evently.assign_booking(%s, %s)', :hire, pg_temp.match('2031-03-22 15:00+00', :venue)), 'a hire without an event gets one, a draft from elsewhere');
SELECT pg_temp.book(:elsewhere, '2031-04-22 15:00+00', '2031-04-22 17:00+00', NULL, 10, '2031-01-01') AS slow \gset
SELECT pg_temp.overdue(:slow);
SELECT pg_temp.refused(format('SELECT evently.assign_booking(%s, %s)', :slow, pg_temp.match('2031-04-22 15:00+00')), 'TK006', 'booking % has lapsed', 'assign_booking: an overdue booking');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
