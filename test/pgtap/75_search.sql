-- search_events: what is found, for whom, in what order, and what is refused.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- Three places; London is 344 km from Paris.
SELECT venue_id AS arena FROM evently.create_venue('Riverside Arena', 20000, 'ARENA', 'Europe/London',
	evently.geo_point(51.5074, -0.1278), city => 'London', country_code => 'GB', currency => 'GBP') \gset
SELECT venue_id AS hall FROM evently.create_venue('Salle Garnier', 2000, 'THEATER', 'Europe/Paris',
	evently.geo_point(48.8566, 2.3522), city => 'Paris', country_code => 'FR') \gset
SELECT venue_id AS park FROM evently.create_venue('Centennial Park', 50000, 'OUTDOOR', 'Australia/Sydney',
	evently.geo_point(-33.8688, 151.2093), city => 'Sydney', country_code => 'AU', currency => 'AUD') \gset

-- An event days ahead, public, with a tier on sale for each price.
CREATE FUNCTION pg_temp.event(title text, category text, days numeric, venue bigint, description text DEFAULT NULL,
	prices numeric[] DEFAULT '{20}', language text DEFAULT 'english') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	SELECT event_id INTO id FROM evently.create_event(1, title, category, now() + days * interval '1 day',
		now() + days * interval '1 day' + interval '2 hours', venue, description, language);
	FOR i IN 1 .. cardinality(prices) LOOP
		PERFORM evently.create_tier(id, 'TIER' || i, prices[i], 100);
	END LOOP;
	PERFORM evently.publish_event(id);
	IF cardinality(prices) > 0 THEN
		PERFORM evently.open_sale(id);
	END IF;
	RETURN id;
END
$$;
-- The titles that a search gives, in its order. arguments: SQL.
CREATE FUNCTION pg_temp.found(arguments text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	titles text;
BEGIN
	EXECUTE format('SELECT string_agg(title, '', '' ORDER BY n) FROM evently.search_events(%s) WITH ORDINALITY AS s('
		|| (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = 'evently.found_event'::regclass) || ', n)', arguments) INTO titles;
	RETURN titles;
END
$$;
CREATE FUNCTION pg_temp.finds(arguments text, wanted text, reason text) RETURNS text
LANGUAGE sql AS $$ SELECT is(pg_temp.found(arguments), wanted, reason) $$;

SELECT pg_temp.event('Jazz at the Riverside', 'CONCERT', 10, :arena, 'An evening of swinging standards', '{30,80}') AS jazz \gset
SELECT pg_temp.event('Rock Legends', 'CONCERT', 5, :hall, 'With a little jazz between the guitars', '{60}') AS rock \gset
SELECT pg_temp.event('Robotics Summit', 'CONFERENCE', 20, :hall, 'Machines that learn to walk', '{500}') AS robots \gset
SELECT pg_temp.event('Harbour Festival', 'FESTIVAL', 15, :park, 'Music, food and fireworks', '{0,15}') AS harbour \gset
SELECT pg_temp.event('City Derby', 'SPORTS', 3, :arena, 'The match of the year', '{45}') AS derby \gset
SELECT pg_temp.event('Konzerte im Garten', 'CONCERT', 30, :park, 'Wunderschöne Kammermusik', '{25}', 'german') AS garten \gset
SELECT event_id AS draft FROM evently.create_event(1, 'Secret Jazz', 'CONCERT', now() + interval '9 days', now() + interval '10 days', :arena) \gset
UPDATE evently.events SET description = 'Jazz behind closed doors' WHERE event_id = :draft;

-- Words.
SELECT pg_temp.finds($$'jazz'$$, 'Jazz at the Riverside, Rock Legends', 'a word in the title comes before one in the description; a draft is not found');
SELECT pg_temp.finds($$'swings'$$, 'Jazz at the Riverside', 'words are stemmed');
SELECT pg_temp.finds($$'guitar jazz'$$, 'Rock Legends', 'all words must be there');
SELECT pg_temp.finds($$'walk or derby'$$, 'City Derby, Robotics Summit', 'or');
SELECT pg_temp.finds($$'jazz -guitars'$$, 'Jazz at the Riverside', 'a word that must not be there');
SELECT pg_temp.finds($$'"little jazz"'$$, 'Rock Legends', 'a phrase');
SELECT pg_temp.finds($$'"jazz little"'$$, NULL, 'a phrase the other way round');
SELECT pg_temp.finds($$'riverside arena derby'$$, 'City Derby', 'the venue''s name is searched');
SELECT pg_temp.finds($$'sydney fireworks'$$, 'Harbour Festival', 'the city is searched');
SELECT pg_temp.finds($$'konzert'$$, 'Konzerte im Garten', 'an event is found by the rules of its language');
SELECT pg_temp.finds($$'kammermusik'$$, 'Konzerte im Garten', 'and by its own words');
SELECT pg_temp.finds($$'jaz'$$, NULL, 'three letters are too few to guess at');
SELECT pg_temp.finds($$'robtics'$$, 'Robotics Summit', 'a letter missing');
SELECT pg_temp.finds($$'fesitval'$$, 'Harbour Festival', 'two letters swapped');
SELECT pg_temp.finds($$'jzaz'$$, pg_temp.found($$'jazz'$$), 'a swap is one letter, also in a word of four');
SELECT pg_temp.finds($$'haborr'$$, 'Harbour Festival', 'two letters wrong in a short word');
SELECT pg_temp.finds($$'robtics walk'$$, 'Robotics Summit', 'a misspelt word beside a right one');
SELECT pg_temp.finds($$'!!! ???'$$, pg_temp.found('NULL'), 'punctuation asks for nothing');
SELECT pg_temp.finds($$'   '$$, pg_temp.found(''), 'blanks are no filter');
SELECT alike(headline, '%<b>jazz</b>%', 'the headline marks the word') FROM evently.search_events('jazz guitar');
SELECT ok(bool_and(headline IS NULL), 'no headline without a query') FROM evently.search_events();

-- Filters.
SELECT pg_temp.finds($$sort => 'date'$$, 'City Derby, Rock Legends, Jazz at the Riverside, Harbour Festival, Robotics Summit, Konzerte im Garten', 'by date');
SELECT pg_temp.finds($$categories => '{SPORTS,FESTIVAL}', sort => 'date'$$, 'City Derby, Harbour Festival', 'several categories');
SELECT pg_temp.finds($$starts => tstzrange(now() + interval '4 days', now() + interval '12 days'), sort => 'date'$$, 'Rock Legends, Jazz at the Riverside', 'dates');
SELECT pg_temp.finds($$starts => 'empty'$$, NULL, 'an empty range of dates has nothing');
SELECT pg_temp.finds($$near => evently.geo_point(51.5, -0.1), radius_m => 10000, sort => 'date'$$, 'City Derby, Jazz at the Riverside', 'near a point');
SELECT pg_temp.finds($$near => evently.geo_point(51.5, -0.1), radius_m => 400000, sort => 'distance'$$, 'Jazz at the Riverside, City Derby, Rock Legends, Robotics Summit', 'by distance, then by id');
SELECT pg_temp.finds($$near => evently.geo_point(51.5, -0.1), sort => 'distance', page_size => 5$$, 'Jazz at the Riverside, City Derby, Rock Legends, Robotics Summit, Harbour Festival', 'by distance without a radius');
SELECT pg_temp.finds($$near => evently.geo_point(-33.9, 179.99), radius_m => 2800000, sort => 'date'$$, 'Harbour Festival, Konzerte im Garten', 'a circle that crosses the 180th meridian');
SELECT pg_temp.finds($$price => '[0,20]', sort => 'price'$$, 'Harbour Festival', 'a price that can be bought');
SELECT pg_temp.finds($$price => '[25,50)', sort => 'price'$$, 'Konzerte im Garten, Jazz at the Riverside, City Derby', 'prices, cheapest first');
SELECT pg_temp.finds($$sort => 'price', page_size => 3$$, 'Harbour Festival, Konzerte im Garten, Jazz at the Riverside', 'by price');
SELECT ok(bool_and(distance_m IS NULL), 'no distance without a point') FROM evently.search_events();
SELECT ok(abs(distance_m - 343900) < 1500, 'metres to Paris') FROM evently.search_events('legends', near => evently.geo_point(51.5074, -0.1278));
SELECT is(local_start, start_time AT TIME ZONE 'Australia/Sydney', 'the venue''s own time') FROM evently.search_events('harbour');

-- Offers are judged when read.
SELECT is(price_from || ' ' || availability, '30 AVAILABLE', 'the lowest price') FROM evently.search_events('swing');
SELECT min(tier_id) AS cheap FROM evently.ticket_tiers WHERE event_id = :jazz \gset
SELECT ctid AS row_before FROM evently.event_search WHERE event_id = :jazz \gset
SELECT count(evently.reserve_tier(:jazz, n, :cheap, 10)) FROM generate_series(1, 10) n;
SELECT is(price_from || ' ' || availability, '80 AVAILABLE', 'the lowest price that can still be bought') FROM evently.search_events('swing');
SELECT is(ctid, :'row_before', 'selling writes nothing into the search row') FROM evently.event_search WHERE event_id = :jazz;
SELECT pg_temp.finds($$'swing', price => '[0,40]'$$, NULL, 'a price that is sold out is not offered');
SELECT is((SELECT events FROM evently.search_facets('swing', price => '[0,40]') WHERE facet = 'total'), 0::bigint, 'nor counted');
SELECT pg_temp.finds($$sort => 'price', page_size => 4$$, 'Harbour Festival, Konzerte im Garten, City Derby, Rock Legends', 'sold out cheap tickets do not lead the list by price');
SELECT max(tier_id) AS dear FROM evently.ticket_tiers WHERE event_id = :jazz \gset
SELECT count(evently.reserve_tier(:jazz, 100 + n, :dear, 10)) FROM generate_series(1, 10) n;
SELECT is(coalesce(price_from::text, '-') || ' ' || availability, '- SOLD_OUT', 'sold out') FROM evently.search_events('swing');
SELECT pg_temp.finds($$'jazz', available_only => true$$, 'Rock Legends', 'only what can be bought');
SELECT count(evently.cancel_order(order_id, 'test')) FROM evently.orders WHERE event_id = :jazz AND status = 'PENDING';
SELECT pg_temp.finds($$'jazz', available_only => true$$, 'Jazz at the Riverside, Rock Legends', 'and again when it is free');
UPDATE evently.ticket_tiers SET sale_start = now() + interval '1 day' WHERE event_id = :jazz;
SELECT is(availability, 'NOT_YET', 'before the sale') FROM evently.search_events('swing');
UPDATE evently.ticket_tiers SET sale_start = NULL, sale_end = now() - interval '1 hour' WHERE event_id = :jazz;
SELECT is(availability, 'CLOSED', 'after the sale') FROM evently.search_events('swing');
UPDATE evently.ticket_tiers SET sale_end = NULL WHERE event_id = :jazz;

-- The next search sees every change of the facts.
UPDATE evently.events SET title = 'Blues at the Riverside' WHERE event_id = :jazz;
SELECT pg_temp.finds($$'blues'$$, 'Blues at the Riverside', 'a new title');
SELECT pg_temp.finds($$'jazz'$$, 'Rock Legends', 'not the old one');
UPDATE evently.events SET description = 'Trumpets' WHERE event_id = :jazz;
SELECT pg_temp.finds($$'trumpet'$$, 'Blues at the Riverside', 'a new description');
UPDATE evently.venues SET name = 'Old Wharf', city = 'Greenwich' WHERE venue_id = :arena;
SELECT pg_temp.finds($$'wharf greenwich', sort => 'date'$$, 'City Derby, Blues at the Riverside', 'a renamed venue');
UPDATE evently.venues SET location = evently.geo_point(55.95, -3.19) WHERE venue_id = :arena;
SELECT pg_temp.finds($$near => evently.geo_point(55.95, -3.19), radius_m => 5000, sort => 'date'$$, 'City Derby, Blues at the Riverside', 'a moved venue');
UPDATE evently.ticket_tiers SET price = 5 WHERE event_id = :robots;
SELECT pg_temp.finds($$price => '[4,6]'$$, 'Robotics Summit', 'a new price');
SELECT evently.create_tier(:robots, 'STUDENT', 2, 10);
SELECT pg_temp.finds($$price => '[1,3]'$$, 'Robotics Summit', 'a new tier');
DELETE FROM evently.inventory_shards WHERE tier_id = (SELECT max(tier_id) FROM evently.ticket_tiers);
DELETE FROM evently.ticket_tiers WHERE name = 'STUDENT';
SELECT pg_temp.finds($$price => '[1,3]'$$, NULL, 'a tier that is gone');
SELECT evently.pause_sale(:rock);
SELECT is(availability, 'NOT_YET', 'a paused sale') FROM evently.search_events('legends');
SELECT evently.cancel_event(:rock, 'test');
SELECT pg_temp.finds($$'legends'$$, NULL, 'a cancelled event is not found');
SELECT evently.complete_event(:derby);
SELECT pg_temp.finds($$'derby'$$, NULL, 'nor a completed one');
SELECT evently.publish_event(:draft);
SELECT pg_temp.finds($$'secret'$$, 'Secret Jazz', 'a published draft is');
SELECT is_empty('SELECT * FROM evently.verify_search()', 'search is in step with the catalogue');

-- What is over.
UPDATE evently.events SET start_time = now() - interval '3 hours', end_time = now() + interval '1 hour', doors_open = now() - interval '4 hours' WHERE event_id = :harbour;
SELECT pg_temp.finds($$'fireworks'$$, NULL, 'what has begun is not shown');
SELECT pg_temp.finds($$'fireworks', starts => tstzrange(now() - interval '1 day', NULL)$$, 'Harbour Festival', 'unless asked for');
UPDATE evently.events SET end_time = now() - interval '1 hour' WHERE event_id = :harbour;
SELECT pg_temp.finds($$'fireworks', starts => tstzrange(now() - interval '1 day', NULL)$$, NULL, 'what is over is never shown');

-- Pages.
SELECT pg_temp.event('Series ' || n, 'SPORTS', 40 + n / 4, :park, 'Round robin', ARRAY[10 + n % 3]) FROM generate_series(1, 25) n;
CREATE FUNCTION pg_temp.paged(sort text, size integer) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[] := '{}';
	page evently.found_event[];
	cursor text;
BEGIN
	LOOP
		SELECT array_agg(s) INTO page FROM evently.search_events('robin', near => evently.geo_point(0, 0), sort => sort, page_size => size, after => cursor) s;
		EXIT WHEN page IS NULL;
		ids := ids || (SELECT array_agg(p.event_id ORDER BY o) FROM unnest(page) WITH ORDINALITY p(event_id, a, b, c, d, e, f, g, h, i, j, k, l, m, n, q, r, s, t, o));
		cursor := page[cardinality(page)].cursor;
	END LOOP;
	RETURN ids;
END
$$;
SELECT is(pg_temp.paged(sort, 7), pg_temp.paged(sort, 100), 'pages of 7 add up to the whole, by ' || sort)
FROM unnest('{relevance,date,price,distance,popularity}'::text[]) sort;
SELECT is(cardinality(pg_temp.paged(sort, 4)), 25, 'and none is missing, by ' || sort)
FROM unnest('{relevance,date,price,distance,popularity}'::text[]) sort;
SELECT cursor AS after FROM evently.search_events('robin', sort => 'date', page_size => 5) OFFSET 4 \gset
SELECT pg_temp.event('Series 0', 'SPORTS', 39, :park, 'Round robin');
SELECT isnt(pg_temp.found(format($$'robin', sort => 'date', page_size => 5, after => %L$$, :'after')), NULL, 'a page after');
SELECT unalike(pg_temp.found(format($$'robin', sort => 'date', page_size => 100, after => %L$$, :'after')), '%Series 0%', 'what comes before the cursor does not appear');

-- "Now" is that of the first page: what begins meanwhile is on its page all the same.
SELECT pg_temp.event('Overture', 'CONCERT', 1, :hall, NULL, '{10}'), pg_temp.event('Overture, at once', 'CONCERT', 1, :hall, NULL, '{20}');
SELECT cursor AS overture FROM evently.search_events('overture', sort => 'price', page_size => 1) \gset
UPDATE evently.events SET (doors_open, start_time) = (SELECT t, t FROM clock_timestamp() t) WHERE title = 'Overture, at once';
SELECT pg_temp.finds($$'overture', sort => 'price'$$, 'Overture', 'what has begun is gone');
SELECT pg_temp.finds(format($$'overture', sort => 'price', after => %L$$, :'overture'), 'Overture, at once', 'but not from the pages of a search that began before');

-- Refusals.
SELECT pg_temp.refused(format('SELECT evently.search_events(%s)', arguments), '22023', '%', 'search_events: ' || reason)
FROM (VALUES
	($$radius_m => 100$$, 'a radius without a point'),
	($$near => evently.geo_point(91, 0)$$, 'latitude 91'),
	($$near => evently.geo_point(0, 181)$$, 'longitude 181'),
	($$near => evently.geo_point('NaN', 0)$$, 'no latitude at all'),
	($$near => 'POINT EMPTY'$$, 'an empty point'),
	($$near => 'LINESTRING(0 0, 1 1)'$$, 'a line for a point'),
	($$near => evently.geo_point(0, 0), radius_m => 0$$, 'a radius of 0'),
	($$near => evently.geo_point(0, 0), radius_m => -5$$, 'a negative radius'),
	($$near => evently.geo_point(0, 0), radius_m => 'NaN'$$, 'a radius that is no number'),
	($$near => evently.geo_point(0, 0), radius_m => 'infinity'$$, 'an infinite radius'),
	($$page_size => 0$$, 'a page of none'),
	($$page_size => 1000000000$$, 'a page of 10^9'),
	($$page_size => NULL$$, 'a page of null'),
	($$after => 'rubbish'$$, 'a broken cursor'),
	($$after => ''$$, 'an empty cursor'),
	($$sort => 'beauty'$$, 'an unknown sort'),
	($$sort => 'distance'$$, 'by distance from nowhere'),
	($$categories => '{}'$$, 'no category'),
	($$categories => '{OPERA}'$$, 'an unknown category'),
	($$categories => '{NULL}'$$, 'a category of null'),
	($$price => 'empty'$$, 'an empty range of prices'),
	($$available_only => NULL$$, 'available_only null'),
	($$query => repeat('x', 1001)$$, 'a query that is too long')) refusal(arguments, reason);
SELECT pg_temp.refused(format('SELECT evently.search_events(%L, sort => ''date'', after => %L)', 'other', :'after'), '22023', '%', 'a cursor of another search');
SELECT pg_temp.refused(format('SELECT evently.search_events(%L, sort => ''date'', after => %L)', 'robin', translate(:'after', '0123456789', '1234567890')), '22023', '%', 'a cursor with other digits');
SELECT pg_temp.refused(format('SELECT evently.search_events(%L, after => %L, %s)', 'robin', :'after', arguments), '22023', '%', 'a cursor of a search with other arguments: ' || arguments)
FROM (VALUES ($$sort => 'price'$$), ($$sort => 'date', categories => '{SPORTS}'$$), ($$sort => 'date', available_only => true$$), ($$sort => 'date', user_id => 5$$),
	($$sort => 'date', price => '[0,99]'$$), ($$sort => 'date', near => evently.geo_point(0, 0)$$), ($$sort => 'date', starts => '(,)'$$)) t (arguments);
SELECT pg_temp.refused(format('SELECT evently.search_events(%L, sort => ''date'', after => %L)', 'robin', overlay(:'after' PLACING translate(substr(:'after', place, 1), '0123456789abcdef', '123456789abcdef0') FROM place FOR 1)), '22023', '%', 'a cursor with one digit wrong, at ' || place)
FROM unnest('{40,55,70}'::integer[]) place;
SELECT pg_temp.refused('SELECT evently.suggest_events(NULL)', '22023', '%', 'suggest_events: null');
SELECT pg_temp.refused($$SELECT evently.suggest_events('a', 0)$$, '22023', '%', 'suggest_events: none');
SELECT pg_temp.refused($$SELECT evently.homepage('London', evently.geo_point(0, 0))$$, '22023', '%', 'homepage: a city and a point');
SELECT pg_temp.refused($$SELECT evently.homepage('')$$, '22023', '%', 'homepage: a blank city');
SELECT pg_temp.refused($$SELECT evently.trending_events(0)$$, '22023', '%', 'trending_events: none');
SELECT pg_temp.refused($$SELECT evently.trending_events(near => evently.geo_point(0, 0), radius_m => -1)$$, '22023', '%', 'trending_events: a negative radius');
SELECT pg_temp.refused($$SELECT evently.trending_events(radius_m => 1000)$$, '22023', '%', 'trending_events: a radius without a point');

-- Suggestions.
SELECT is((SELECT string_agg(title, ', ') FROM evently.suggest_events('ro')), 'Robotics Summit', 'the beginning of a word of the title');
SELECT is((SELECT string_agg(title, ', ') FROM evently.suggest_events('summit rob')), 'Robotics Summit', 'words in any order, the last one unfinished');
SELECT is((SELECT string_agg(title, ', ') FROM evently.suggest_events('garten')), 'Konzerte im Garten', 'a whole word');
SELECT is((SELECT string_agg(title, ', ') FROM evently.suggest_events('robtics')), 'Robotics Summit', 'misspelt');
SELECT is((SELECT count(*) FROM evently.suggest_events('series', 3)), 3::bigint, 'not more than asked for');
SELECT is_empty($$SELECT * FROM evently.suggest_events('')$$, 'nothing typed, nothing suggested');
SELECT is_empty($$SELECT * FROM evently.suggest_events('trump')$$, 'titles only');

-- Facets.
SELECT results_eq($$SELECT facet, value, events, is_estimate FROM evently.search_facets('robin') WHERE facet IN ('total', 'category', 'city', 'price')$$,
	$$VALUES ('total', NULL, 26::bigint, false), ('category', 'SPORTS', 26, false), ('price', '10-25', 18, false), ('price', '0-10', 8, false), ('city', 'Sydney', 26, false)$$,
	'facets of a search');
SELECT is((SELECT sum(events) FROM evently.search_facets('robin') WHERE facet = 'month'), 26::numeric, 'every event has its month');
SELECT is((SELECT events FROM evently.search_facets(price => '[4,6]') WHERE facet = 'total'), 1::bigint, 'facets of a price');
SELECT is((SELECT events FROM evently.search_facets(available_only => true) WHERE facet = 'total'),
	(SELECT count(*) FROM evently.search_events(available_only => true, page_size => 100)), 'facets of what can be bought');
SELECT is((SELECT events FROM evently.search_facets('robtics') WHERE facet = 'total'), 1::bigint, 'facets of a misspelt word');

-- Nobody without a grant.
CREATE ROLE evently_test_nobody;
SET LOCAL ROLE evently_test_nobody;
SELECT throws_ok('SELECT evently.search_events()', '42501', NULL, 'search is not for PUBLIC');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
