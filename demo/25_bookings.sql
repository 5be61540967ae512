-- Every ground is booked for the season: no match without its ground
--
-- From an hour before the doors open to an hour after the match; the clubs' usual
-- six hours to set up and four to clear are added to that.
UPDATE evently.venues v SET hire_rate = round(v.capacity / 25.0, -2)
FROM demo.grounds g WHERE g.venue_id = v.venue_id;

CREATE TABLE demo.bookings AS
SELECT m.match, b.booking_id
FROM demo.matches m
JOIN evently.events e USING (event_id)
CROSS JOIN LATERAL evently.book_venue(
	venue_id => e.venue_id, event_id => e.event_id,
	start_time => e.doors_open - interval '1 hour', end_time => e.end_time + interval '1 hour',
	deposit_required => CASE WHEN m.match = 1 THEN 5000 ELSE 0 END) b;
ALTER TABLE demo.bookings ADD PRIMARY KEY (match);

SELECT count(*) AS bookings, count(*) FILTER (WHERE status = 'CONFIRMED') AS confirmed,
	count(*) FILTER (WHERE status = 'REQUESTED') AS "waiting for a deposit",
	sum(upper(occupied) - lower(occupied)) AS "time taken in all"
FROM demo.bookings JOIN evently.venue_bookings USING (booking_id);

-- A promoter asks for a ground on the evening of a match there.
CREATE FUNCTION demo.why_not(call text, OUT "SQLSTATE" text, OUT "ERROR" text, OUT "DETAIL" text, OUT "HINT" text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS "SQLSTATE" = RETURNED_SQLSTATE, "ERROR" = MESSAGE_TEXT,
		"DETAIL" = PG_EXCEPTION_DETAIL, "HINT" = PG_EXCEPTION_HINT;
END $$;
SELECT e.venue_id, e.end_time + interval '3 hours' AS concert_start, e.end_time + interval '6 hours' AS concert_end,
	e.title AS first_match, v.name AS first_ground
FROM demo.matches m JOIN evently.events e USING (event_id) JOIN evently.venues v ON v.venue_id = e.venue_id
WHERE m.match = 1 \gset
\echo '  A concert at' :first_ground 'after' :first_match '?'
\x on
SELECT * FROM demo.why_not(format('SELECT evently.book_venue(%s, NULL, %L, %L)', :venue_id, :'concert_start', :'concert_end'));
\x off

\echo '  ... and grounds within 300 km that are free then, nearest first'
SELECT f.name AS ground, f.city, f.capacity, round(f.distance_m / 1000) AS km, f.hire AS "hire, GBP"
FROM evently.venues v
CROSS JOIN LATERAL evently.find_venues(tstzrange(:'concert_start', :'concert_end'),
	capacity => 20000, near => v.location, radius_m => 300000) f
WHERE v.venue_id = :venue_id ORDER BY f.distance_m LIMIT 5;

\echo '  The first month at' :first_ground '(local time)'
SELECT c.event_title AS match, to_char(c.occupied_from_local, 'Dy DD Mon HH24:MI') AS "set up from",
	to_char(c.event_start_local, 'HH24:MI') AS "kick-off",
	to_char(c.occupied_until_local, 'Dy DD Mon HH24:MI') AS "cleared by", lower(c.status) AS booking
FROM evently.venue_calendar c
WHERE c.venue_id = :venue_id
	AND c.occupied_from < (SELECT min(occupied_from) + interval '1 month' FROM evently.venue_calendar WHERE venue_id = :venue_id)
ORDER BY c.occupied_from;

-- The first match is well fed, and its deposit comes in two parts.
SELECT booking_id FROM demo.bookings WHERE match = 1 \gset
SELECT FROM evently.add_booking_addon(:booking_id, 'CATERING', 'Boxes, 400 covers', 18000) \g /dev/null
SELECT FROM evently.add_booking_addon(:booking_id, 'AV', 'Second screen', 2450) \g /dev/null
SELECT FROM evently.pay_deposit(:booking_id, 2000, 'deposit-1a') \g /dev/null
SELECT FROM evently.pay_deposit(:booking_id, 3000, 'deposit-1b') \g /dev/null
\echo '  Invoice for the hire of' :first_ground
SELECT line_no AS line, type, description, quantity, unit_price, amount::numeric(12,2)
FROM evently.venue_invoice_lines WHERE booking_id = :booking_id ORDER BY line_no;
SELECT total, deposit::numeric(12,2) AS "deposit paid", balance, currency, lower(status) AS booking
FROM evently.venue_invoices WHERE booking_id = :booking_id;
