-- How long each class of query takes: one connection, warm, through SQL.
-- Every query of a class is run once to warm up, then :rounds times.
SET client_min_messages = warning;
CREATE SCHEMA bench;
CREATE TABLE bench.query (class text, n int, sql text);
CREATE TABLE bench.run (class text, ms float8);

-- Facts to ask for: cities with their places, titles' words.
CREATE TABLE bench.city AS
SELECT row_number() OVER (ORDER BY count(*) DESC, city) AS n, city,
	avg(ST_Y(location::geometry)) AS lat, avg(ST_X(location::geometry)) AS lon
FROM evently.venues GROUP BY city;
CREATE TABLE bench.title AS
SELECT row_number() OVER (ORDER BY event_id) AS n, split_part(title, ' ', 1) AS word
FROM evently.events WHERE event_id % (SELECT count(*) / 40 FROM evently.events) = 7;

INSERT INTO bench.query
SELECT 'rare word', n, format('SELECT * FROM evently.search_events(%L)', word) FROM bench.title
UNION ALL
SELECT 'word in 25 %', i, format('SELECT * FROM evently.search_events(%L)', (ARRAY['music', 'live'])[i]) FROM generate_series(1, 2) i
UNION ALL
SELECT 'two words in 25 %', i, format('SELECT * FROM evently.search_events(%L)', (ARRAY['live music', 'music live'])[i]) FROM generate_series(1, 2) i
UNION ALL
SELECT 'word in 1 to 5 %', i, format('SELECT * FROM evently.search_events(%L)',
	(ARRAY['jazz', 'rock', 'opera', 'football', 'robotics', 'poetry', 'anniversary', 'workshop'])[i]) FROM generate_series(1, 8) i
UNION ALL
SELECT 'word, place, price, dates', n, format(
	'SELECT * FROM evently.search_events(%L, near => evently.geo_point(%s, %s), radius_m => 25000, price => ''[5,80]'', starts => tstzrange(now() + interval ''%s days'', now() + interval ''%s days''))',
	(ARRAY['music', 'live', 'jazz'])[1 + n % 3], lat, lon, n, n + 30) FROM bench.city WHERE n <= 40
UNION ALL
SELECT 'place only', n, format('SELECT * FROM evently.search_events(near => evently.geo_point(%s, %s), radius_m => %s)', lat, lon, 5000 * (1 + n % 10)) FROM bench.city WHERE n <= 40
UNION ALL
SELECT 'place, by distance', n, format('SELECT * FROM evently.search_events(near => evently.geo_point(%s, %s), sort => ''distance'')', lat, lon) FROM bench.city WHERE n <= 40
UNION ALL
SELECT 'browse by date', i, format('SELECT * FROM evently.search_events(starts => tstzrange(now() + interval ''%s days'', NULL), sort => ''date'')', i * 5) FROM generate_series(0, 20) i
UNION ALL
SELECT 'browse by category', i, format('SELECT * FROM evently.search_events(categories => ARRAY[%L], sort => %L)',
	(ARRAY['CONCERT', 'CONFERENCE', 'SPORTS', 'FESTIVAL'])[1 + i % 4], (ARRAY['date', 'relevance'])[1 + i / 4]) FROM generate_series(0, 7) i
UNION ALL
SELECT 'typing a prefix', n, format('SELECT * FROM evently.suggest_events(%L)', left(word, 1 + (n % 6)::int)) FROM bench.title
UNION ALL
SELECT 'misspelt word', n, format('SELECT * FROM evently.search_events(%L)',
	CASE WHEN n % 2 = 0 THEN overlay(word PLACING '' FROM 3 FOR 1)
		ELSE overlay(overlay(word PLACING '' FROM 4 FOR 1) PLACING 'q' FROM 5 FOR 1) END) FROM bench.title WHERE length(word) > 6
UNION ALL
SELECT 'facets', i, format('SELECT * FROM evently.search_facets(%s)',
	(ARRAY['''music''', '''live music''', '''jazz''', '''opera''', '', 'categories => ''{SPORTS}'''])[i]) FROM generate_series(1, 6) i
UNION ALL
SELECT 'facets', 100 + n, format('SELECT * FROM evently.search_facets(%L)', word) FROM bench.title WHERE n <= 6
UNION ALL
SELECT 'facets', 200 + n, format('SELECT * FROM evently.search_facets(near => evently.geo_point(%s, %s), radius_m => 25000)', lat, lon) FROM bench.city WHERE n % 12 = 1 AND n <= 100
UNION ALL
SELECT 'facets', 300 + i, format('SELECT * FROM evently.search_facets(%s starts => tstzrange(now() + interval ''%s days'', now() + interval ''%s days''))',
	(ARRAY['', '''music'',', 'categories => ''{SPORTS}'','])[1 + i % 3], i * 20, i * 20 + 2 + i * 3) FROM generate_series(0, 5) i
UNION ALL
SELECT 'homepage', n, format('SELECT * FROM evently.homepage(near => evently.geo_point(%s, %s), user_id => %s)', lat, lon, n) FROM bench.city WHERE n <= 20
UNION ALL
SELECT 'homepage', 100 + n, format('SELECT * FROM evently.homepage(%L)', city) FROM bench.city WHERE n BETWEEN 20 AND 39
UNION ALL
SELECT 'trending', n, format('SELECT * FROM evently.trending_events(%s)', CASE WHEN n > 1 THEN format('city => %L', city) ELSE '' END) FROM bench.city WHERE n <= 20;

CREATE FUNCTION bench.run(rounds int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	q bench.query;
	began timestamptz;
	again int;
BEGIN
	FOR q IN SELECT * FROM bench.query ORDER BY class, n LOOP
		-- classes of few queries run each of them more often
		again := rounds * greatest(1, 40 / (SELECT count(*) FROM bench.query x WHERE x.class = q.class)::int);
		FOR i IN 0 .. again LOOP
			began := clock_timestamp();
			EXECUTE q.sql;
			IF i > 0 THEN
				INSERT INTO bench.run VALUES (q.class, extract(epoch FROM clock_timestamp() - began) * 1000);
			END IF;
		END LOOP;
	END LOOP;
END $$;
SELECT bench.run(:rounds);
