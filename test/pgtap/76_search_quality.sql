-- What people mean: judged queries over a season of football and some hundred
-- further events. At least so many of the first ten must be what was meant.
\ir include/fixtures.psql
SELECT * FROM no_plan();

CREATE TEMP TABLE grounds (team text, ground text, city text, country_code text, timezone text,
	capacity integer, latitude float8, longitude float8);
\copy grounds FROM demo/stadiums.csv WITH (FORMAT csv, HEADER)

-- Every team against every other at home, two matches a day; then concerts,
-- conferences and festivals, whose words and towns are mixed by arithmetic.
INSERT INTO evently.venues (name, city, country_code, location, capacity, type, timezone, currency)
SELECT ground, city, country_code, evently.geo_point(latitude, longitude), capacity, 'OUTDOOR', timezone, 'GBP' FROM grounds;
INSERT INTO evently.events (organizer_id, venue_id, title, description, category, status, start_time, end_time, doors_open, currency)
SELECT 1, v.venue_id, h.team || ' v ' || a.team, 'Matchday ' || n % 38 + 1 || ' of the Premier League', 'SPORTS', 'ON_SALE',
	s.at, s.at + interval '2 hours', s.at - interval '2 hours', 'GBP'
FROM (SELECT h, a, row_number() OVER (ORDER BY h.team, a.team) AS n FROM grounds h JOIN grounds a ON a.team <> h.team) m (h, a, n)
CROSS JOIN LATERAL (SELECT (m.h).team, (m.h).ground) h (team, ground)
CROSS JOIN LATERAL (SELECT (m.a).team) a (team)
CROSS JOIN LATERAL (SELECT now() + (1 + n * 7 % 190) * interval '1 day') s (at)
JOIN evently.venues v ON v.name = h.ground;
INSERT INTO evently.venues (name, city, location, capacity, type, timezone, currency)
SELECT hall || ' ' || kind, city, evently.geo_point(lat, lon), 3000, 'THEATER', 'UTC', 'EUR'
FROM (VALUES ('Royal', 'London', 51.5, -0.12), ('Royal', 'Manchester', 53.48, -2.24), ('Harbour', 'Liverpool', 53.4, -2.99),
	('Cloth', 'Leeds', 53.8, -1.55), ('Garnier', 'Paris', 48.86, 2.35)) t (hall, city, lat, lon),
	unnest('{Hall,Theatre}'::text[]) kind;
INSERT INTO evently.events (organizer_id, venue_id, title, description, category, status, start_time, end_time, doors_open, currency)
SELECT 2, v.venue_id, CASE WHEN e.n % 3 = 0 THEN format('%s and the %s', artist, band) ELSE format('%s %s', artist, kind) END,
	format('An evening of %s with %s. %s', lower(genre), artist, (ARRAY['Doors open early', 'Support from local bands', 'With full orchestra', 'Seated show', 'A matchday special'])[1 + e.n % 5]),
	CASE WHEN genre = 'Medicine' THEN 'CONFERENCE' WHEN e.n % 11 = 0 THEN 'FESTIVAL' ELSE 'CONCERT' END, 'ON_SALE',
	s.at, s.at + interval '3 hours', s.at, 'EUR'
FROM (SELECT n, (ARRAY['Mirabel Stone', 'Otis Finch', 'Clara Beaumont', 'The Velvet Engines', 'Johan Sebek', 'Nightjar', 'Ada Quill'])[1 + n % 7],
	(ARRAY['Wanderers', 'Saints', 'Foxes', 'Hammers'])[1 + n % 4],
	(ARRAY['Jazz Night', 'Opera Gala', 'Acoustic', 'Symphony', 'Unplugged'])[1 + n % 5],
	(ARRAY['Jazz', 'Opera', 'Folk', 'Classical', 'Blues', 'Medicine'])[1 + n % 6] FROM generate_series(1, 400) n) e (n, artist, band, kind, genre)
CROSS JOIN LATERAL (SELECT now() + (1 + e.n * 13 % 200) * interval '1 day') s (at)
JOIN (SELECT venue_id, row_number() OVER (ORDER BY venue_id) - 1 AS n FROM evently.venues WHERE type = 'THEATER') v ON v.n = e.n % 10;
SELECT evently.rebuild_search() > 700 AS loaded \gset

-- How many of the first ten are meant; judgement: SQL about the row f.
CREATE FUNCTION pg_temp.precise(search text, judgement text, at_least integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	good integer;
	titles text;
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE %s), string_agg(title || '' / '' || venue_name, ''; '') FROM evently.search_events(%L, page_size => 10) f',
		judgement, search) INTO good, titles;
	RETURN ok(good >= at_least, format('%s: %s of the first ten', search, at_least))
		|| CASE WHEN good >= at_least THEN '' ELSE E'\n' || diag(good || ': ' || titles) END;
END
$$;
SELECT pg_temp.precise(search, judgement, at_least) FROM (VALUES
	('arsenal', $$title ~ 'Arsenal'$$, 10),
	('arsenal chelsea', $$title ~ 'Arsenal' AND title ~ 'Chelsea'$$, 2),
	('Arsenal v Chelsea', $$title ~ 'Arsenal' AND title ~ 'Chelsea'$$, 2),
	('manchester united', $$title ~ 'Manchester United'$$, 10),
	('manchester', $$title ~ 'Manchester'$$, 10),
	('emirates stadium', $$venue_name = 'Emirates Stadium'$$, 10),
	('anfield', $$venue_name = 'Anfield'$$, 10),
	('liverpool everton', $$title ~ 'Liverpool' AND title ~ 'Everton'$$, 2),
	('chelsea -arsenal', $$title ~ 'Chelsea' AND title !~ 'Arsenal'$$, 10),
	('"newcastle united"', $$title ~ 'Newcastle United'$$, 10),
	('jazz', $$title ~ 'Jazz'$$, 10),
	('jazz london', $$title ~ 'Jazz' AND city = 'London' OR headline ~* 'jazz' AND city = 'London'$$, 10),
	('opera paris', $$city = 'Paris'$$, 10),
	('medicine', $$category = 'CONFERENCE' OR headline ~* '<b>medicine'$$, 10),
	('nightjar', $$title ~ 'Nightjar'$$, 10),
	('ada quill symphony', $$title ~ 'Ada Quill Symphony'$$, 8),
	('mirabel stone unplugged', $$title ~ 'Mirabel Stone Unplugged'$$, 5),
	('royal theatre', $$venue_name = 'Royal Theatre'$$, 10),
	('velvet engine', $$title ~ 'Velvet Engines'$$, 10),
	-- one letter wrong
	('arsnal', $$title ~ 'Arsenal'$$, 10),
	('liverpol', $$title ~ 'Liverpool'$$, 10),
	('chelseaa', $$title ~ 'Chelsea'$$, 10),
	('evertin', $$title ~ 'Everton'$$, 10),
	('nightjer', $$title ~ 'Nightjar'$$, 10),
	('orcestra', $$headline ~* '<b>orchestra'$$, 10),
	('emirates stadum', $$venue_name = 'Emirates Stadium'$$, 10),
	-- two letters wrong
	('arsenel fulhm', $$title ~ 'Arsenal' AND title ~ 'Fulham'$$, 2),
	('liverpl', $$title ~ 'Liverpool'$$, 10),
	('tottnham', $$title ~ 'Tottenham'$$, 10),
	('manchster untied', $$title ~ 'Manchester United'$$, 10),
	('beaumnot', $$title ~ 'Clara Beaumont'$$, 10),
	('wolvrehampton', $$title ~ 'Wolverhampton'$$, 10)) q (search, judgement, at_least);

-- The best match is first.
SELECT is((SELECT title FROM evently.search_events('nightjar opera gala', page_size => 1)), 'Nightjar Opera Gala', 'a whole title');
SELECT is((SELECT event_id FROM evently.search_events('nightjar opera gala', page_size => 1)),
	(SELECT event_id FROM evently.events WHERE title = 'Nightjar Opera Gala' ORDER BY start_time LIMIT 1), 'of equal ones the soonest');
-- The same question has the same answer.
SELECT is((SELECT array_agg(event_id) FROM evently.search_events('united', page_size => 100)),
	(SELECT array_agg(event_id) FROM evently.search_events('united', page_size => 100)), 'the answer is always the same');

-- Taste: a fan of concerts has them a little earlier, but the best match stays first.
CREATE TEMP TABLE neutral AS SELECT f.event_id, row_number() OVER () AS n, category FROM evently.search_events('matchday', page_size => 100) f;
INSERT INTO evently.events (organizer_id, title, category, status, start_time, end_time, doors_open, currency)
VALUES (3, 'Long ago', 'CONCERT', 'COMPLETED', now() - interval '40 days', now() - interval '39 days', now() - interval '40 days', 'EUR') RETURNING event_id AS past \gset
INSERT INTO evently.orders (event_id, buyer_id, status, total_amount, currency, expires_at, confirmed_at)
VALUES (:past, 99, 'CONFIRMED', 0, 'EUR', now(), now() - interval '50 days');
CREATE TEMP TABLE fan AS SELECT f.event_id, row_number() OVER () AS n, category FROM evently.search_events('matchday', user_id => 99, page_size => 100) f;
SELECT cmp_ok((SELECT avg(n) FROM fan WHERE category = 'CONCERT'), '<', (SELECT avg(n) FROM neutral WHERE category = 'CONCERT'), 'what one has attended moves up');
SELECT is((SELECT event_id FROM fan WHERE n = 1), (SELECT event_id FROM neutral WHERE n = 1), 'but not above the best match');
SELECT is((SELECT array_agg(event_id ORDER BY n) FROM neutral), (SELECT array_agg(event_id) FROM (SELECT event_id FROM evently.search_events('matchday', user_id => 100, page_size => 100)) s), 'who has attended nothing sees what everybody sees');

-- What counts how much. An event: days ahead, title, venue, description, category.
INSERT INTO evently.venues (name, city, capacity, type, timezone, currency) VALUES ('Zanzibar Club', 'Leeds', 100, 'THEATER', 'UTC', 'GBP') RETURNING venue_id AS club \gset
CREATE FUNCTION pg_temp.event(days integer, title text, venue bigint, description text DEFAULT NULL, category text DEFAULT 'CONFERENCE', status text DEFAULT 'ON_SALE') RETURNS bigint
LANGUAGE sql AS $$
	INSERT INTO evently.events (organizer_id, venue_id, title, description, category, status, start_time, end_time, doors_open, currency)
	SELECT 4, venue, title, description, category, status, at, at + interval '1 hour', at, 'GBP' FROM (SELECT now() + days * interval '1 day') s (at)
	RETURNING event_id;
$$;
CREATE FUNCTION pg_temp.titles(search text, who bigint DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', title, lower(nullif(category, 'CONFERENCE'))), ', ' ORDER BY n) FROM (SELECT title, category, row_number() OVER () AS n FROM evently.search_events(search, user_id => who)) s $$;
SELECT pg_temp.event(2, 'Morning tunes', NULL, 'zanzibar rhythms'), pg_temp.event(20, 'Evening tunes', :club), pg_temp.event(30, 'Zanzibar', NULL), pg_temp.event(2, 'Zanzibar and the long road to nowhere else', NULL),
	pg_temp.event(5, 'Kestrel', NULL), pg_temp.event(5, 'Kestrola Kestralo Kestrilo', NULL);
SELECT evently.rebuild_search() > 700 AS loaded \gset
SELECT is(pg_temp.titles('zanzibar'), 'Zanzibar, Zanzibar and the long road to nowhere else, Evening tunes, Morning tunes', 'a whole title, a word of one, the venue, the description');
SELECT is(pg_temp.titles('kestrl'), 'Kestrel', 'a misspelt word is the nearest known one, not one a little farther off');

-- Taste: what was attended counts, scanned tickets three times; what is to come, was cancelled, refunded or never paid does not.
SELECT pg_temp.event(9, 'Quokka', NULL), pg_temp.event(9, 'Quokka gathering', NULL, NULL, 'SPORTS'), pg_temp.event(9, 'Quokka gathering', NULL, NULL, 'CONCERT'), pg_temp.event(1, 'Marsupials', NULL, 'quokka', 'CONCERT');
SELECT pg_temp.event(-9, 'Gig', NULL, NULL, 'CONCERT', 'COMPLETED') AS gig, pg_temp.event(-9, 'Match', NULL, NULL, 'SPORTS', 'COMPLETED') AS match,
	pg_temp.event(-9, 'Not to be', NULL, NULL, 'CONCERT', 'CANCELLED') AS cancelled, pg_temp.event(90, 'Later', NULL, NULL, 'CONCERT') AS later \gset
INSERT INTO evently.orders (event_id, buyer_id, status, total_amount, currency, expires_at, confirmed_at)
SELECT event_id, buyer_id, status, 0, 'GBP', now(), confirmed_at FROM (VALUES (:gig, 200, 'CONFIRMED', now()), (:match, 200, 'CONFIRMED', now()), (:match, 200, 'CONFIRMED', now()),
	(:gig, 201, 'CONFIRMED', now()), (:cancelled, 202, 'CONFIRMED', now()), (:later, 203, 'CONFIRMED', now()), (:gig, 204, 'REFUNDED', now()), (:gig, 205, 'EXPIRED', NULL)) o (event_id, buyer_id, status, confirmed_at);
INSERT INTO evently.ticket_tiers (event_id, name, price, total_quantity, shards) VALUES (:gig, 'GENERAL', 0, 10, 1) RETURNING tier_id AS tier \gset
INSERT INTO evently.tickets (order_id, tier_id, event_id, status, check_in_time)
SELECT order_id, :tier, event_id, 'USED', now() FROM evently.orders WHERE buyer_id = 200 AND event_id = :gig;
SELECT evently.rebuild_search() > 700 AS loaded \gset
SELECT is(pg_temp.titles('quokka'), 'Quokka, Quokka gathering sports, Quokka gathering concert, Marsupials concert', 'who is unknown sees equal ones by id');
SELECT is(pg_temp.titles('quokka', 201), 'Quokka, Quokka gathering concert, Quokka gathering sports, Marsupials concert', 'a fan of concerts: equal ones change places, the weak match stays behind');
SELECT is(pg_temp.titles('quokka', 200), 'Quokka, Quokka gathering concert, Quokka gathering sports, Marsupials concert', 'one scanned concert weighs more than two matches');
SELECT is(pg_temp.titles('quokka', buyer), pg_temp.titles('quokka'), reason || ' does not count')
FROM (VALUES (202, 'what was cancelled'), (203, 'what is to come'), (204, 'what was refunded'), (205, 'what was never paid')) t (buyer, reason);

-- Facets of the whole agree with a count.
SELECT is((SELECT events FROM evently.search_facets('league') WHERE facet = 'total'), 380::bigint, 'facets count every match');
SELECT * FROM finish();
ROLLBACK;
