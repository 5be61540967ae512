-- Properties of random bookings around the changes of the clocks in several zones:
-- the time taken is what elapsed arithmetic says, every refusal is true, and what
-- is free and what is taken tile any range exactly.
\ir include/bookings.psql
SELECT * FROM no_plan();

-- Another every time; a failure tells which.
SELECT (extract(epoch FROM clock_timestamp())::numeric % 1000 / 1000)::float8 AS seed \gset
SELECT setseed(:seed) \g /dev/null

-- Two ranges in each zone, with one change of the clocks in each.
CREATE TEMP TABLE region AS
SELECT zone, tstzrange(around - interval '100 hours', around + interval '100 hours') AS span,
	pg_temp.ground(zone) AS venue
FROM (VALUES ('Europe/London', '2031-03-30 01:00+00'::timestamptz), ('Europe/London', '2031-10-26 01:00+00'),
	('America/New_York', '2031-03-09 07:00+00'), ('America/New_York', '2031-11-02 06:00+00'),
	('Australia/Lord_Howe', '2031-04-05 15:00+00'), ('Australia/Lord_Howe', '2031-10-04 15:30+00'),
	('Pacific/Auckland', '2031-04-05 14:00+00'), ('Pacific/Auckland', '2031-09-27 14:00+00'),
	('Asia/Kolkata', '2031-03-30 01:00+00')) r (zone, around);
SELECT is(count(*) FILTER (WHERE lower(span) AT TIME ZONE zone - lower(span) AT TIME ZONE 'UTC'
		<> upper(span) AT TIME ZONE zone - upper(span) AT TIME ZONE 'UTC'), 8::bigint, 'the clocks change within eight of the ranges')
FROM region;

CREATE TEMP TABLE attempt (venue bigint, zone text, setup numeric, teardown numeric, starts timestamptz, ends timestamptz,
	booking bigint, taken tstzrange, truth boolean);
-- Try random bookings, each with the session in the venue's zone. A refusal is
-- true when the elapsed seconds of a booking there overlap those asked for.
CREATE FUNCTION pg_temp.try_bookings(n integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	r region;
	a attempt;
	before numeric;
	after numeric;
BEGIN
	FOR r IN SELECT region.* FROM region, generate_series(1, n) ORDER BY random() LOOP
		PERFORM set_config('timezone', r.zone, true);
		a.venue := r.venue;
		a.zone := r.zone;
		a.setup := round((random() * 6)::numeric, (random() * 4)::integer);
		a.teardown := round((random() * 6)::numeric, (random() * 4)::integer);
		a.starts := lower(r.span) + random() * interval '200 hours';
		a.ends := a.starts + interval '1 microsecond' + random() * interval '8 hours';
		a.booking := NULL;
		a.truth := NULL;
		before := extract(epoch FROM a.starts) - 3600 * a.setup;
		after := extract(epoch FROM a.ends) + 3600 * a.teardown;
		BEGIN
			SELECT booking_id, occupied INTO a.booking, a.taken
			FROM evently.book_venue(a.venue, NULL, a.starts, a.ends, a.setup, a.teardown);
			a.truth := NOT EXISTS (SELECT FROM attempt o WHERE o.venue = a.venue AND o.booking IS NOT NULL
				AND extract(epoch FROM o.starts) - 3600 * o.setup < after AND before < extract(epoch FROM o.ends) + 3600 * o.teardown);
		EXCEPTION WHEN SQLSTATE 'TK010' THEN
			a.taken := NULL;
			a.truth := EXISTS (SELECT FROM attempt o WHERE o.venue = a.venue AND o.booking IS NOT NULL
				AND extract(epoch FROM o.starts) - 3600 * o.setup < after AND before < extract(epoch FROM o.ends) + 3600 * o.teardown);
		END;
		INSERT INTO attempt VALUES (a.*);
	END LOOP;
	SET LOCAL timezone = 'America/New_York';
END
$$;
SELECT pg_temp.try_bookings(60) \g /dev/null
SELECT cmp_ok(count(booking), '>', 90::bigint, 'many were booked') FROM attempt;
SELECT cmp_ok(count(*) FILTER (WHERE booking IS NULL), '>', 90::bigint, 'many were refused') FROM attempt;
SELECT is_empty('SELECT * FROM attempt WHERE NOT truth', 'those that clash are refused, and no others');
SELECT is_empty($$SELECT * FROM attempt WHERE booking IS NOT NULL AND (NOT lower_inc(taken) OR upper_inc(taken)
		OR extract(epoch FROM lower(taken)) <> extract(epoch FROM starts) - 3600 * setup
		OR extract(epoch FROM upper(taken)) <> extract(epoch FROM ends) + 3600 * teardown)$$,
	'the time taken is what elapsed seconds say, to the microsecond');

-- Some are given back and some become overdue: neither takes time any more.
SELECT evently.cancel_booking(booking) FROM attempt WHERE booking % 7 = 0 \g /dev/null
UPDATE evently.venue_bookings SET status = 'CANCELLED' WHERE booking_id IN (SELECT booking FROM attempt WHERE booking % 7 = 1);
INSERT INTO evently.venue_bookings (venue_id, start_time, end_time, deposit_required, deposit_due_at)
SELECT venue, s + (upper(free) - s) * 0.25, s + (upper(free) - s) * 0.75, 1, now()
FROM (SELECT venue, free, lower(free) AS s FROM region, evently.venue_free_slots(venue, span) free) f WHERE random() < 0.2;

CREATE FUNCTION pg_temp.taken(v bigint, span tstzrange) RETURNS SETOF tstzrange
LANGUAGE sql AS $$
	SELECT occupied * span FROM evently.venue_bookings
	WHERE venue_id = v AND status = 'CONFIRMED' AND occupied && span
$$;
-- Any part of the spans.
CREATE TEMP TABLE part AS
SELECT venue, span AS range FROM region
UNION ALL SELECT venue, tstzrange(lower(span) + a * interval '1 hour', lower(span) + b * interval '1 hour')
FROM region, LATERAL (SELECT random() * 100 AS a, 101 + random() * 99 AS b FROM generate_series(1, 10 + 0 * venue)) ends;
SELECT is_empty($$
	SELECT p.* FROM part p, LATERAL (SELECT range_agg(piece) AS together, sum(upper(piece) - lower(piece)) AS length
		FROM (SELECT evently.venue_free_slots(p.venue, p.range) UNION ALL SELECT pg_temp.taken(p.venue, p.range)) pieces (piece)) t
	WHERE t.together IS DISTINCT FROM tstzmultirange(p.range) OR justify_interval(t.length) <> justify_interval(upper(p.range) - lower(p.range))$$,
	'what is free and what is taken tile every range: no gap, no overlap');
SELECT is_empty($$
	SELECT p.*, s.slot FROM part p, LATERAL (SELECT slot, lead(slot) OVER (ORDER BY n) AS next
		FROM evently.venue_free_slots(p.venue, p.range) WITH ORDINALITY f (slot, n)) s
	WHERE isempty(slot) OR slot -|- next OR slot >> next$$, 'slots come in order, none is empty and none touches the next');
SELECT is_empty($$
	SELECT p.* FROM part p, LATERAL (SELECT random() * interval '20 hours' + 0 * p.venue * interval '1 hour' AS least) l
	WHERE ARRAY(SELECT evently.venue_free_slots(p.venue, p.range, l.least))
		<> ARRAY(SELECT slot FROM evently.venue_free_slots(p.venue, p.range) slot WHERE upper(slot) - lower(slot) >= l.least)$$,
	'at_least leaves out what is shorter, and nothing else');
SELECT lives_ok(format($$DO 'DECLARE p record; BEGIN FOR p IN SELECT venue, slot FROM region, evently.venue_free_slots(venue, span) slot ORDER BY random() LIMIT 40 LOOP
	PERFORM evently.book_venue(p.venue, NULL, lower(p.slot), upper(p.slot)); END LOOP; END'$$), 'every slot can be booked, from end to end');
-- What is wrong with the hint for a range; null when nothing is, or it can be booked.
CREATE FUNCTION pg_temp.wrong_hint(venue bigint, range tstzrange) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	why record := pg_temp.refusal(format('SELECT evently.book_venue(%s, NULL, %L, %L)', venue, lower(range), upper(range)));
	hinted tstzrange;
	first timestamptz;
BEGIN
	IF why.code IS DISTINCT FROM 'TK010' THEN
		RETURN NULL;
	END IF;
	hinted := tstzrange(substring(why.hint FROM 'from (.*) to ')::timestamptz, substring(why.hint FROM ' to (.*)\.$')::timestamptz);
	SELECT lower(slot) INTO first
	FROM evently.venue_free_slots(venue, tstzrange(lower(range), NULL), upper(range) - lower(range)) slot LIMIT 1;
	RETURN CASE WHEN lower(hinted) <> first OR upper(hinted) - lower(hinted) <> upper(range) - lower(range)
		THEN format('%s instead of a slot from %s, in the way of %s', hinted, first, range) END;
END
$$;
SELECT is_empty('SELECT pg_temp.wrong_hint(venue, range) FROM part WHERE pg_temp.wrong_hint(venue, range) IS NOT NULL',
	'every hint names the first slot that is long enough');

-- Bounds of the range.
SELECT pg_temp.ground() AS hall \gset
SELECT pg_temp.book(:hall, '2031-01-01 10:00+00', '2031-01-01 12:00+00') \g /dev/null
SELECT results_eq(format('SELECT * FROM evently.venue_free_slots(%s, %L)', :hall, range), 'SELECT unnest(' || quote_literal(slots) || '::tstzmultirange)', 'free in ' || range)
FROM (VALUES ('(,)', '{(,2031-01-01 10:00+00),[2031-01-01 12:00+00,)}'), ('empty', '{}'), ('[2031-01-01 10:00+00,2031-01-01 12:00+00)', '{}'),
	('[2031-01-01 10:00+00,2031-01-01 12:00+00]', '{[2031-01-01 12:00+00,2031-01-01 12:00+00]}'),
	('(2031-01-01 09:00+00,2031-01-01 11:00+00]', '{(2031-01-01 09:00+00,2031-01-01 10:00+00)}'),
	('[2032-01-01,2033-01-01)', '{[2032-01-01,2033-01-01)}')) bounds (range, slots);
SELECT results_eq(format($$SELECT * FROM evently.venue_free_slots(%s, '(,)', '100 years')$$, :hall),
	$$SELECT unnest('{(,2031-01-01 10:00+00),[2031-01-01 12:00+00,)}'::tstzmultirange)$$, 'what has no end is long enough');
SELECT throws_ok(format('SELECT evently.venue_free_slots(%s)', arguments), code, NULL, 'venue_free_slots: ' || reason)
FROM (VALUES ('NULL, ''(,)''', '22023', 'no venue'), ('9999999, ''(,)''', 'P0002', 'an unknown venue'), (:'hall' || ', NULL', '22023', 'no range')) bad (arguments, code, reason);
UPDATE evently.venues SET is_active = false WHERE venue_id = :hall;
SELECT is_empty(format($$SELECT evently.venue_free_slots(%s, '(,)')$$, :hall), 'a venue that is not active has no free time');

SELECT pg_temp.verified();
SELECT CASE WHEN num_failed() > 0 THEN diag('the seed was ' || :'seed') END;
SELECT * FROM finish();
ROLLBACK;
