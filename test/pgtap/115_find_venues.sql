-- find_venues: free for the whole buffered window, what fits, nearest first.
\ir include/bookings.psql
SELECT * FROM no_plan();

CREATE TEMP TABLE hall AS
SELECT name, (evently.create_venue(name, capacity, type, 'Europe/London', place::geography, facilities => facilities::jsonb,
	setup_hours => setup, teardown_hours => teardown, hire_rate => 100, currency => 'GBP')).venue_id
FROM (VALUES
	('Arsenal', 60704, 'OUTDOOR', 'POINT(-0.1084 51.5549)', '{"parking": 400, "catering": true}', 6, 4),
	('Brentford', 17250, 'OUTDOOR', 'POINT(-0.2886 51.4907)', '{"catering": true, "av_equipment": true}', 1, 1),
	('Villa Park', 42657, 'OUTDOOR', 'POINT(-1.8847 52.5092)', '{"parking": 100, "catering": true, "rooms": ["a", "b"]}', 0, 0),
	('Royal Albert Hall', 5272, 'THEATER', 'POINT(-0.1774 51.5009)', '{"av_equipment": true}', 2.5, 0.5),
	('Nowhere', 60704, 'OUTDOOR', NULL, '{}', 0, 0)) v (name, capacity, type, place, facilities, setup, teardown);
-- Other files' venues are rolled back: these are all there are, unless the database has its own.
CREATE FUNCTION pg_temp.found(arguments text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE format('SELECT string_agg(name, '','' ORDER BY n) FROM evently.find_venues(%s) WITH ORDINALITY v
		(venue_id, name, address, city, country_code, location, capacity, type, facilities, timezone, setup_hours, teardown_hours, occupied, hire, currency, distance_m, n)
		JOIN hall USING (venue_id, name)', arguments) INTO found;
	RETURN found;
END
$$;

SELECT is(pg_temp.found(arguments), found, 'find_venues ' || reason)
FROM (VALUES
	($$'[2031-06-01,2031-06-02)'$$, 'Royal Albert Hall,Brentford,Villa Park,Arsenal,Nowhere', 'smallest first'),
	($$'[2031-06-01,2031-06-02)', 42657$$, 'Villa Park,Arsenal,Nowhere', 'for so many people'),
	($$'[2031-06-01,2031-06-02)', 42658$$, 'Arsenal,Nowhere', 'for one more'),
	($$'[2031-06-01,2031-06-02)', NULL, 'THEATER'$$, 'Royal Albert Hall', 'of a type'),
	($$'[2031-06-01,2031-06-02)', 6000, 'THEATER'$$, NULL, 'of a type, for more than fit'),
	($$'[2031-06-01,2031-06-02)', facilities => '{"catering": true}'$$, 'Brentford,Villa Park,Arsenal', 'with a facility'),
	($$'[2031-06-01,2031-06-02)', facilities => '{"catering": true, "parking": 100}'$$, 'Villa Park', 'with two facilities'),
	($$'[2031-06-01,2031-06-02)', facilities => '{"rooms": ["b"]}'$$, 'Villa Park', 'with a facility inside one'),
	($$'[2031-06-01,2031-06-02)', facilities => '{}'$$, 'Royal Albert Hall,Brentford,Villa Park,Arsenal,Nowhere', 'with no facility in particular'),
	($$'[2031-06-01,2031-06-02)', near => 'POINT(-0.1276 51.5072)'$$, 'Royal Albert Hall,Arsenal,Brentford,Villa Park,Nowhere', 'near a point'),
	($$'[2031-06-01,2031-06-02)', near => 'POINT(-0.1276 51.5072)', radius_m => 12000$$, 'Royal Albert Hall,Arsenal,Brentford', 'within a radius'),
	($$'[2031-06-01,2031-06-02)', near => 'POINT(-0.1276 51.5072)', radius_m => 0$$, NULL, 'just here'),
	($$'[2031-06-01,2031-06-02)', 10000, 'OUTDOOR', '{"catering": true}', 'POINT(-0.1276 51.5072)', 12000$$, 'Arsenal,Brentford', 'by everything')) search (arguments, found, reason);

SELECT results_eq($$SELECT occupied, hire, currency, round(distance_m)
	FROM evently.find_venues('[2031-06-01 15:00+01,2031-06-01 17:00+01)', near => 'POINT(-0.1774 51.5009)', radius_m => 10) WHERE name = 'Royal Albert Hall'$$,
	$$VALUES (tstzrange('2031-06-01 12:30+01', '2031-06-01 17:30+01'), 500.00, 'GBP', 0::float8)$$, 'what it would take and cost');

-- Free from before the setup until after the teardown.
SELECT venue_id AS hall FROM hall WHERE name = 'Royal Albert Hall' \gset
SELECT booking_id AS before FROM evently.book_venue(:hall, NULL, '2031-07-01 10:00+01', '2031-07-01 11:30+01', 0, 1) \gset
SELECT booking_id AS after FROM evently.book_venue(:hall, NULL, '2031-07-01 18:00+01', '2031-07-01 20:00+01', 0.5, 0) \gset
CREATE FUNCTION pg_temp.is_found(starts text, ends text) RETURNS boolean
LANGUAGE sql AS $$
	SELECT EXISTS (SELECT FROM evently.find_venues(tstzrange(starts::timestamptz, ends::timestamptz)) JOIN hall USING (venue_id) WHERE hall.name = 'Royal Albert Hall')
$$;
SELECT ok(pg_temp.is_found('2031-07-01 15:00+01', '2031-07-01 17:00+01'), 'found when setup and teardown just fit');
SELECT ok(NOT pg_temp.is_found('2031-07-01 14:59:59+01', '2031-07-01 17:00+01'), 'not when the setup does not fit');
SELECT ok(NOT pg_temp.is_found('2031-07-01 15:00+01', '2031-07-01 17:00:01+01'), 'nor when the teardown does not');
UPDATE evently.venue_bookings SET status = 'CANCELLED' WHERE booking_id = :before;
SELECT ok(pg_temp.is_found('2031-07-01 10:00+01', '2031-07-01 11:00+01'), 'what is cancelled is not in the way');
SELECT booking_id AS slow FROM evently.book_venue(:hall, NULL, '2031-07-01 10:00+01', '2031-07-01 11:30+01', 0, 1, 100, '2031-01-01') \gset
SELECT ok(NOT pg_temp.is_found('2031-07-01 10:00+01', '2031-07-01 11:00+01'), 'what is requested is');
SELECT pg_temp.overdue(:slow);
SELECT ok(pg_temp.is_found('2031-07-01 10:00+01', '2031-07-01 11:00+01'), 'unless its deposit is overdue');
UPDATE evently.venues SET is_active = false WHERE venue_id = :hall;
SELECT ok(NOT pg_temp.is_found('2031-08-01 10:00+01', '2031-08-01 11:00+01'), 'a venue that is not active is not found');
UPDATE evently.venues SET is_active = true WHERE venue_id = :hall;

-- Every venue that is found can be booked, and no other, at random times.
SELECT setseed(extract(epoch FROM clock_timestamp())::numeric % 1000 / 1000) \g /dev/null
INSERT INTO evently.venue_bookings (venue_id, start_time, end_time, setup_hours_before)
SELECT venue_id, starts, starts + interval '1 hour' + random() * interval '5 hours', round(random()::numeric, 2)
FROM hall, LATERAL (SELECT '2032-01-01'::timestamptz + n * interval '10 hours' + 0 * venue_id * interval '1 hour' AS starts FROM generate_series(0, 20) n) s;
CREATE FUNCTION pg_temp.can_be_booked(venue bigint, span tstzrange) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM evently.book_venue(venue, NULL, lower(span), upper(span));
	RAISE 'undo';
EXCEPTION
	WHEN raise_exception THEN RETURN true;
	WHEN SQLSTATE 'TK010' THEN RETURN false;
END
$$;
CREATE TEMP TABLE wish AS
SELECT tstzrange(starts, starts + interval '10 minutes' + random() * interval '4 hours') AS span
FROM (SELECT '2032-01-01'::timestamptz + random() * interval '200 hours' AS starts FROM generate_series(1, 50)) s;
CREATE TEMP TABLE answer AS
SELECT span, venue_id, venue_id IN (SELECT f.venue_id FROM evently.find_venues(span) f) AS found,
	pg_temp.can_be_booked(venue_id, span) AS free
FROM wish CROSS JOIN hall;
SELECT is_empty('SELECT * FROM answer WHERE found <> free', 'found means that it can be booked');
SELECT is(count(DISTINCT found), 2::bigint, 'some were found and some not') FROM answer;

SELECT throws_ok(format('SELECT * FROM evently.find_venues(%s)', arguments), '22023', NULL, 'find_venues: ' || reason)
FROM (VALUES ('NULL', 'no range'), ($$'empty'$$, 'an empty range'), ($$'[2031-01-01,)'$$, 'a range without an end'), ($$'(,2031-01-01)'$$, 'a range without a start'),
	($$'[2031-01-01,2031-01-01]'$$, 'a range without length'), ($$'[-infinity,2031-01-01)'$$, 'a range from never on'),
	($$'[2031-01-01,2031-01-02)', radius_m => 5$$, 'a radius without a point'),
	($$'[2031-01-01,2031-01-02)', near => 'POINT(0 0)', radius_m => -1$$, 'a negative radius'),
	($$'[2031-01-01,2031-01-02)', near => 'POINT(0 0)', radius_m => 'NaN'$$, 'a radius that is not a number')) bad (arguments, reason);

SELECT * FROM finish();
ROLLBACK;
