-- The demo's season, loaded by the demo's own steps: once as it makes the
-- fixtures up, once from a real list (the file that FIXTURES names, or
-- ../shared/data/fixtures.csv) if there is one.
\set fixture_list ''
\getenv fixture_list FIXTURES
SELECT :'fixture_list' = '' AS unnamed \gset
\if :unnamed
\set fixture_list `realpath -eq ../shared/data/fixtures.csv`
\endif
SELECT :'fixture_list' <> '' AS listed \gset

BEGIN;
SELECT plan(15);
CREATE FUNCTION pg_temp.season_is_sound(season text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is_empty(
		'SELECT m.match FROM demo.matches m JOIN evently.events e USING (event_id)
			JOIN evently.venues v ON v.venue_id = e.venue_id
			LEFT JOIN demo.grounds g ON g.team = m.home AND g.ground = v.name
		WHERE g.team IS NULL OR e.title <> m.home || '' v '' || m.away',
		season || ': every match is at the home team''s ground')
	UNION ALL
	SELECT is_empty(
		'SELECT m.match, m.local_date, m.local_time, e.start_time
		FROM demo.matches m JOIN evently.events e USING (event_id) JOIN evently.venues v ON v.venue_id = e.venue_id
		WHERE (e.start_time AT TIME ZONE v.timezone)::time <> m.local_time
			OR ((e.start_time AT TIME ZONE v.timezone)::date - m.local_date) % 7 <> 0',
		season || ': local kick-off times and weekdays are kept')
	UNION ALL
	SELECT results_eq(
		'SELECT count(DISTINCT (e.start_time AT TIME ZONE v.timezone)::date - m.local_date),
			min(e.start_time) > now()
		FROM demo.matches m JOIN evently.events e USING (event_id) JOIN evently.venues v ON v.venue_id = e.venue_id',
		'VALUES (1::bigint, true)',
		season || ': all are moved by the same number of days, into the future')
	UNION ALL
	SELECT is_empty(
		'SELECT m.match, sum(t.total_quantity) FROM demo.matches m JOIN evently.ticket_tiers t USING (event_id)
		GROUP BY m.match, m.capacity HAVING sum(t.total_quantity) <> m.capacity',
		season || ': a match has a ticket for each seat')
	UNION ALL
	SELECT is_empty('SELECT * FROM evently.verify()', season || ': verify() finds nothing wrong')
$$;

\setenv FIXTURES
\o /dev/null
\ir ../../demo/10_grounds.sql
\ir ../../demo/20_season.sql
\o
SELECT results_eq(
	'SELECT count(*), count(DISTINCT (home, away)), count(*) FILTER (WHERE home = away) FROM demo.matches',
	'VALUES (380::bigint, 380::bigint, 0::bigint)',
	'made up: 380 matches, each pair once at each ground');
SELECT is_empty(
	'SELECT team, local_date FROM (SELECT home, local_date FROM demo.matches
		UNION ALL SELECT away, local_date FROM demo.matches) a (team, local_date)
	GROUP BY team, local_date HAVING count(*) > 1',
	'made up: no team plays twice on a day');
SELECT results_eq(
	'SELECT count(DISTINCT (e.start_time AT TIME ZONE m.timezone) - (e.start_time AT TIME ZONE ''UTC''))
	FROM demo.matches m JOIN evently.events e USING (event_id)',
	'VALUES (2::bigint)',
	'made up: the season goes through a change of clocks');
SELECT pg_temp.season_is_sound('made up');

INSERT INTO demo.fixtures VALUES
	('Friendly', '2024-08-16', '12:00', 'Arsenal FC', 'Ajax'),
	('Friendly', '2024-08-16', '20:00', 'Arsenal FC', 'Arsenal FC');
SELECT results_eq('SELECT demo.fixture_mistakes()',
	$$VALUES ('"Ajax" is not a team of demo/stadiums.csv'), ('"Arsenal FC" plays twice on 2024-08-16')$$,
	'mistakes in a fixture list are named');

SET client_min_messages = warning;
DROP SCHEMA demo CASCADE;
\if :listed
\setenv FIXTURES :fixture_list
\set lines `tail -n +2 "$FIXTURES" | grep -c .`
\o /dev/null
\ir ../../demo/10_grounds.sql
\ir ../../demo/20_season.sql
\o
SELECT is(count(*)::integer, :lines, 'real list: a match for each line') FROM demo.matches;
SELECT pg_temp.season_is_sound('real list');
\else
SELECT skip('no fixture list', 6);
\endif

SELECT * FROM finish();
ROLLBACK;
