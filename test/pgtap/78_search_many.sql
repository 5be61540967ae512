-- Discovery when there is much: what is ranked of a frequent word, orders that are
-- read along an index, and estimates. The ids are given, because the samples
-- are drawn by them: every run is the same.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- 16,000 events within a year, three quarters of them in the same twelve days. Their words, categories, months, prices and cities
-- follow from their number n, so that what is to be found and counted is known.
INSERT INTO evently.venues (venue_id, name, city, location, capacity, type, timezone, currency)
SELECT 1000000000 + n, 'Hall', 'Town ' || n, evently.geo_point(50 + n / 10.0, n / 5.0), 100, 'THEATER', 'UTC', 'EUR' FROM generate_series(0, 39) n;
INSERT INTO evently.events (event_id, organizer_id, venue_id, title, description, category, status, start_time, end_time, doors_open, currency)
SELECT 1000000000 + n, 1, 1000000000 + n % 1000 * n / 7 % 40, CASE WHEN n % 1999 = 0 THEN 'Lantern' WHEN n % 3 = 0 THEN 'Quartet' ELSE 'Parade' END,
	CASE WHEN n <= 9997 THEN 'lantern walks' ELSE 'walks' END,
	CASE WHEN n % 20 < 9 THEN 'CONCERT' WHEN n % 20 < 16 THEN 'SPORTS' WHEN n % 20 < 19 THEN 'FESTIVAL' ELSE 'CONFERENCE' END, 'ON_SALE',
	s.at, s.at + interval '2 hours', s.at, 'EUR'
FROM generate_series(1, 16000) n CROSS JOIN LATERAL (SELECT now() + n::bigint * 7919 % 16000 * CASE n % 4 WHEN 0 THEN interval '32 minutes' ELSE interval '65 seconds' END
	+ CASE n % 4 WHEN 0 THEN interval '1 day' ELSE interval '100 days' END) s (at);
INSERT INTO evently.ticket_tiers (tier_id, event_id, name, price, total_quantity, shards)
SELECT event_id, event_id, 'GENERAL', (ARRAY[0, 10, 20, 25, 40, 50, 55, 100, 250, 300])[1 + event_id / 3 % 10], 10, 1 FROM evently.events WHERE event_id > 1000000000;
INSERT INTO evently.event_popularity (event_id, sold_day, sold_week)
SELECT 1000000000 + n * 13, 0, 1000 - n FROM generate_series(1, 60) n;
SELECT evently.rebuild_search() >= 16000 AS loaded \gset
CREATE TEMP VIEW this AS SELECT s.*, s.event_id - 1000000000 AS n FROM evently.event_search s WHERE s.event_id > 1000000000;
-- The numbers of the events that a search gives, in its order.
CREATE FUNCTION pg_temp.found(arguments text) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
BEGIN
	EXECUTE format('SELECT array_agg(event_id - 1000000000) FROM evently.search_events(%s)', arguments) INTO ids;
	RETURN ids;
END
$$;

-- By relevance: 10,000 events have the word, eight have it in the title, at any
-- time of the year; then comes what is soon or sells.
SELECT is((SELECT array_agg(n ORDER BY n) FROM unnest(pg_temp.found($$'lantern', page_size => 8$$)) n), ARRAY[1999, 3998, 5997, 7996, 9995, 11994, 13993, 15992]::bigint[], 'those with the word in the title come first');
SELECT n AS last_one FROM this WHERE n <= 9997 AND title_words = 1 AND n % 1999 <> 0 ORDER BY start_time DESC LIMIT 1 \gset
SELECT ok(NOT :last_one = ANY (pg_temp.found($$'lantern', page_size => 100$$)), 'what is late in the year is not among the first hundred');
INSERT INTO evently.event_popularity VALUES (1000000000 + :last_one, 0, 1000000) ON CONFLICT (event_id) DO UPDATE SET sold_week = 1000000;
SELECT ok(:last_one = ANY (pg_temp.found($$'lantern', page_size => 20$$)), 'but when it sells');
UPDATE evently.event_popularity SET sold_week = 0 WHERE event_id = 1000000000 + :last_one;
SELECT ok(pg_temp.found($$'lantern', page_size => 100$$) @> (SELECT array_agg(n) FROM (SELECT n FROM this WHERE n <= 9997 AND n % 13 > 0 AND start_time < now() + interval '30 hours' ORDER BY start_time LIMIT 5) s),
	'what is soon is among the first hundred');
SELECT is(pg_temp.found($$'lantern', page_size => 100$$), pg_temp.found($$'lantern', page_size => 100$$), 'the answer is always the same');
SELECT is((SELECT count(DISTINCT n) FROM unnest(pg_temp.found($$'lantern', page_size => 100$$)) n), 100::bigint, 'each event once');
SELECT is((SELECT array_agg(n) FROM this WHERE n <= 9997 AND n % 13 > 0 AND start_time < now() + interval '2 days'
	AND NOT n = ANY (pg_temp.found($$'lantern', page_size => 100$$) || pg_temp.found(format($$'lantern', page_size => 100, after => %L$$, (SELECT cursor FROM evently.search_events('lantern', page_size => 100) OFFSET 99))))), NULL, 'nothing of the first days is missing on two pages');

-- Other orders are those of all matches: two pages of each. Some rows no longer lie in that order.
UPDATE evently.events SET description = description || ' again' WHERE event_id IN (SELECT event_id FROM this WHERE n <= 9997 ORDER BY start_time OFFSET 3 LIMIT 5);
CREATE FUNCTION pg_temp.two_pages(arguments text) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
	cursor text;
BEGIN
	EXECUTE format('SELECT array_agg(event_id - 1000000000), (array_agg(cursor))[100] FROM evently.search_events(%s, page_size => 100)', arguments) INTO ids, cursor;
	RETURN ids || pg_temp.found(format('%s, page_size => 100, after => %L', arguments, cursor));
END
$$;
SELECT is(pg_temp.two_pages($$'lantern', sort => 'date'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE n <= 9997 OR n % 1999 = 0 ORDER BY start_time, n LIMIT 200) s), 'by date');
SELECT is(pg_temp.two_pages($$'lantern', sort => 'price'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE n <= 9997 OR n % 1999 = 0 ORDER BY price_from, n LIMIT 200) s), 'by price');
SELECT is(pg_temp.two_pages($$'lantern', sort => 'price', price => '[20,24]'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE (n <= 9997 OR n % 1999 = 0) AND price_from = 20 ORDER BY price_from, n LIMIT 200) s), 'by price, of some');
SELECT is(pg_temp.two_pages($$'lantern', sort => 'popularity'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this LEFT JOIN evently.event_popularity p USING (event_id) WHERE n <= 9997 OR n % 1999 = 0 ORDER BY coalesce(sold_week, 0) DESC, n LIMIT 200) s), 'by popularity');
SELECT is(pg_temp.two_pages($$'lantern', near => evently.geo_point(51.3, 3), sort => 'distance'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE n <= 9997 OR n % 1999 = 0 ORDER BY ST_Distance(location, evently.geo_point(51.3, 3)), n LIMIT 200) s), 'by distance');
SELECT is(pg_temp.two_pages($$categories => '{CONFERENCE}', near => evently.geo_point(51.3, 3), radius_m => 60000, sort => 'distance'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE n % 20 = 19 AND ST_DWithin(location, evently.geo_point(51.3, 3), 60000) ORDER BY ST_Distance(location, evently.geo_point(51.3, 3)), n LIMIT 200) s), 'by distance, of some');
SELECT is(pg_temp.two_pages($$categories => '{SPORTS,CONFERENCE}', starts => tstzrange(now() + interval '100 days', NULL), sort => 'date'$$),
	(SELECT array_agg(n) FROM (SELECT n FROM this WHERE category IN ('SPORTS', 'CONFERENCE') AND start_time >= now() + interval '100 days' ORDER BY start_time, n LIMIT 200) s), 'by date, of some');

-- Venues come nearest first by the sphere, a distance is that of the spheroid: the 15th by the
-- sphere, in the east, is farther off than the 17th, in the north.
CREATE TEMP TABLE far AS
SELECT n, ST_Project(evently.geo_point(-40, 100), d, radians(azimuth)) AS place, d FROM (
	SELECT n, n * 1000 AS d, 45 AS azimuth FROM generate_series(1, 14) n
	UNION ALL VALUES (15, 99950, 90), (16, 100000, 90), (17, 99900, 0)) t;
INSERT INTO evently.venues (venue_id, name, location, capacity, type, timezone, currency)
SELECT 1000000100 + n, 'Raft', place, 100, 'OUTDOOR', 'UTC', 'EUR' FROM far;
INSERT INTO evently.events (event_id, organizer_id, venue_id, title, category, start_time, end_time, doors_open, currency)
SELECT 1000030000 + n, 1, 1000000100 + n, 'Adrift', 'FESTIVAL', at, at + interval '1 hour', at, 'EUR' FROM far, (SELECT now() + interval '9 days') s (at);
UPDATE evently.events SET status = 'PUBLISHED' WHERE event_id > 1000030000;
SELECT is((SELECT array_agg(event_id - 1000030000) FROM evently.search_events(near => evently.geo_point(-40, 100), sort => 'distance', page_size => 15)),
	'{1,2,3,4,5,6,7,8,9,10,11,12,13,14,17}', 'by distance, in the order of the distances shown');
DELETE FROM evently.events WHERE event_id > 1000030000;

-- Suggestions of a frequent beginning: the best sellers as well as what is soon.
INSERT INTO evently.events (event_id, organizer_id, title, category, status, start_time, end_time, doors_open, currency)
SELECT 1000020000, 1, 'Parade of the Tall Ships', 'FESTIVAL', 'DRAFT', at, at + interval '1 hour', at, 'EUR' FROM (SELECT now() + interval '500 days') s (at);
UPDATE evently.events SET status = 'PUBLISHED' WHERE event_id = 1000020000;
SELECT is((SELECT array_agg(title) FROM evently.suggest_events('para')), '{Parade}', 'a suggestion for what is soon');
INSERT INTO evently.event_popularity VALUES (1000020000, 0, 5000);
SELECT is((SELECT array_agg(title) FROM evently.suggest_events('para')), '{Parade,Parade of the Tall Ships}', 'and for what sells');

-- Facets: up to 10,000 exactly, whatever a sample says.
CREATE TEMP TABLE fact AS
SELECT s.event_id, f.* FROM evently.event_search s CROSS JOIN LATERAL (VALUES ('total', NULL), ('category', s.category), ('city', s.city),
	('month', to_char(s.start_time AT TIME ZONE 'UTC', 'YYYY-MM')),
	('price', CASE WHEN s.price_from = 0 THEN '0' WHEN s.price_from <= 10 THEN '0-10' WHEN s.price_from <= 25 THEN '10-25' WHEN s.price_from <= 50 THEN '25-50'
		WHEN s.price_from <= 100 THEN '50-100' WHEN s.price_from <= 250 THEN '100-250' ELSE '250-' END)) f (facet, value)
WHERE s.event_id BETWEEN 1000000001 AND 1000016000;
SELECT results_eq($$SELECT facet, value, events, is_estimate FROM evently.search_facets('lantern') ORDER BY 1, 2$$,
	$$SELECT facet, value, count(*), false FROM fact WHERE event_id - 1000000000 <= 9997 OR (event_id - 1000000000) % 1999 = 0 GROUP BY 1, 2 ORDER BY 1, 2$$,
	'facets of 10,000 matches are exact');
SELECT results_eq($$SELECT facet, value, events FROM evently.search_facets('lantern', starts => tstzrange(now(), now() + interval '40 days'), categories => '{SPORTS}') WHERE facet IN ('month', 'city') ORDER BY 1, 2$$,
	$$SELECT facet, value, count(*) FROM fact JOIN this USING (event_id) WHERE (n <= 9997 OR n % 1999 = 0) AND category = 'SPORTS' AND start_time < now() + interval '40 days' AND facet IN ('month', 'city') GROUP BY 1, 2 ORDER BY 1, 2$$,
	'facets of a filtered search');
SELECT results_eq($$SELECT facet, value, events, is_estimate FROM evently.search_facets(near => evently.geo_point(51.3, 2.6), radius_m => 60000, categories => '{SPORTS}', starts => tstzrange(now() + interval '20 days', now() + interval '200 days')) ORDER BY 1, 2$$,
	$$SELECT facet, value, count(*), false FROM fact JOIN this USING (event_id) WHERE ST_DWithin(location, evently.geo_point(51.3, 2.6), 60000) AND category = 'SPORTS' AND start_time BETWEEN now() + interval '20 days' AND now() + interval '200 days' GROUP BY 1, 2 ORDER BY 1, 2$$,
	'facets around a point');
-- More are estimated: what is listed is within a tenth, and adds up.
CREATE TEMP TABLE estimate AS SELECT f.*, t.n FROM evently.search_facets('walks') f
LEFT JOIN (SELECT facet, value, count(*) AS n FROM fact GROUP BY 1, 2) t ON t.facet = f.facet AND t.value IS NOT DISTINCT FROM f.value;
SELECT ok(bool_and(is_estimate), 'facets of 16,000 matches are estimates') FROM estimate;
SELECT is_empty($$SELECT facet, value, events, n FROM estimate WHERE (value IS NOT NULL OR facet = 'total') AND NOT coalesce(abs(events - n) <= 0.1 * n, false)$$, 'each within a tenth');
SELECT is_empty($$SELECT facet, sum(events) FROM estimate GROUP BY 1 HAVING sum(events) <> (SELECT events FROM estimate WHERE facet = 'total')$$, 'each facet adds up to the total');
SELECT set_has($$SELECT facet, value FROM estimate$$, $$VALUES ('category', 'CONCERT'), ('category', 'SPORTS'), ('price', '10-25'), ('price', '25-50')$$, 'the frequent values are listed');
CREATE TEMP TABLE dated AS SELECT f.*, t.n FROM evently.search_facets('walks', starts => tstzrange(now() + interval '99 days', now() + interval '113 days')) f
LEFT JOIN (SELECT facet, value, count(*) AS n FROM fact JOIN this USING (event_id) WHERE start_time BETWEEN now() + interval '99 days' AND now() + interval '113 days' GROUP BY 1, 2) t ON t.facet = f.facet AND t.value IS NOT DISTINCT FROM f.value;
SELECT ok(bool_and(is_estimate) AND count(*) FILTER (WHERE value IS NOT NULL) >= 3, 'facets of two weeks are estimates') FROM dated;
SELECT is_empty($$SELECT facet, value, events, n FROM dated WHERE (value IS NOT NULL OR facet = 'total') AND NOT coalesce(abs(events - n) <= 0.1 * n, false)$$, 'each within a tenth as well');

-- What sells in a town is found though five hundred elsewhere sell more.
INSERT INTO evently.event_popularity (event_id, sold_day, sold_week) SELECT 1000000000 + n, 2, 2 FROM generate_series(1, 600) n ON CONFLICT (event_id) DO UPDATE SET sold_day = 2;
UPDATE evently.venues SET city = 'Lonely' WHERE venue_id = (SELECT venue_id FROM this WHERE n = 15000);
INSERT INTO evently.event_popularity VALUES (1000015000, 1, 1);
SELECT ok(bool_or(event_id = 1000015000), 'a town''s own best seller') FROM evently.trending_events(100, city => 'Lonely');
SELECT is((SELECT count(*) FROM evently.trending_events(100) WHERE sold_day < 2), 0::bigint, 'which is not among the best of all');
SELECT * FROM finish();
ROLLBACK;
