-- A season of matches, with three kinds of tickets for each
--
-- The environment variable FIXTURES names a fixture list (CSV: round,
-- local_date, local_time, home, away); without it, everyone meets everyone.
CREATE TABLE demo.fixtures (
	round      text NOT NULL,
	local_date date NOT NULL,
	local_time time NOT NULL,
	home       text NOT NULL,
	away       text NOT NULL
);
\set fixtures ''
\getenv fixtures FIXTURES
SELECT :'fixtures' <> '' AS given \gset
\if :given
\copy demo.fixtures FROM PROGRAM 'cat "$FIXTURES"' WITH (FORMAT csv, HEADER match)
\else
\ir round_robin.sql
\endif

CREATE FUNCTION demo.fixture_mistakes() RETURNS SETOF text LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH appearance AS (
		SELECT home AS team, local_date FROM demo.fixtures
		UNION ALL
		SELECT away, local_date FROM demo.fixtures
	), mistake (line) AS (
		SELECT format('it has fewer than 3 matches: %s', count(*))
		FROM demo.fixtures HAVING count(*) < 3
		UNION ALL
		SELECT DISTINCT format('"%s" is not a team of demo/stadiums.csv', team)
		FROM appearance WHERE team NOT IN (SELECT team FROM demo.grounds)
		UNION ALL
		SELECT format('"%s" plays twice on %s', team, local_date)
		FROM appearance GROUP BY team, local_date HAVING count(*) > 1
	)
	SELECT line FROM mistake ORDER BY line;
END;

DO $$
DECLARE
	mistakes text := (SELECT string_agg(m, E'\n') FROM demo.fixture_mistakes() m);
BEGIN
	IF mistakes IS NOT NULL THEN
		RAISE EXCEPTION 'the fixture list cannot be used' USING DETAIL = mistakes;
	END IF;
END $$;

-- A kick-off keeps its weekday and its local time, also across the days on
-- which clocks change: weeks are added to the local time, not to the instant.
SELECT greatest(0, ceil((current_date + 7 - min(local_date)) / 7.0))::integer AS weeks
FROM demo.fixtures \gset

CREATE TABLE demo.matches AS
SELECT row_number() OVER (ORDER BY e.event_id) AS match, e.event_id, f.*
FROM (
	SELECT f.*, g.venue_id, g.capacity,
		f.local_date + f.local_time + :weeks * interval '1 week' AS kick_off,
		g.timezone, v.capacity AS draw
	FROM demo.fixtures f
	JOIN demo.grounds g ON g.team = f.home
	JOIN demo.grounds v ON v.team = f.away
	ORDER BY kick_off, home) f
CROSS JOIN LATERAL evently.create_event(
	organizer_id => f.venue_id, title => f.home || ' v ' || f.away, category => 'SPORTS',
	description => f.round, venue_id => f.venue_id,
	start_time => f.kick_off AT TIME ZONE f.timezone,
	end_time => f.kick_off AT TIME ZONE f.timezone + interval '2 hours',
	doors_open => f.kick_off AT TIME ZONE f.timezone - interval '90 minutes',
	max_tickets_per_buyer => 8) e;
ALTER TABLE demo.matches ADD PRIMARY KEY (match);

-- Visitors get a tenth of the ground, at most 3,000 seats for 30 pounds each;
-- the rest costs more when a big club visits. A hundred seats are kept for guests.
CREATE TABLE demo.tiers AS
SELECT m.match, t.tier_id, t.name
FROM demo.matches m
CROSS JOIN LATERAL (
	SELECT least(3000, m.capacity / 10) AS away, m.capacity / 30 AS vip,
		CASE WHEN m.draw >= 60000 THEN 75 WHEN m.draw >= 35000 THEN 60 ELSE 45 END AS price) s
CROSS JOIN LATERAL (VALUES
	('GENERAL', s.price, m.capacity - s.away - s.vip, 6, 100),
	('VIP', 4 * s.price, s.vip, 4, 0),
	('AWAY', 30, s.away, 4, 0)) k (name, price, seats, max_per_order, guests)
CROSS JOIN LATERAL evently.create_tier(
	event_id => m.event_id, name => k.name, price => k.price, total_quantity => k.seats,
	max_per_order => k.max_per_order, held_back => k.guests,
	sale_end => m.kick_off AT TIME ZONE m.timezone) t;
ALTER TABLE demo.tiers ADD PRIMARY KEY (match, name);

SELECT count(DISTINCT m.match) AS matches,
	to_char(min(m.kick_off), 'FMDD Mon YYYY') AS first, to_char(max(m.kick_off), 'FMDD Mon YYYY') AS last,
	:weeks AS "moved by weeks", sum(t.total_quantity) AS tickets,
	format('%s to %s GBP', min(t.price), max(t.price)) AS prices
FROM demo.matches m
JOIN evently.ticket_tiers t USING (event_id);
