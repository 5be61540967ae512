-- Trending and the homepage: what sold in the last 24 hours, to the last order.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT venue_id AS london FROM evently.create_venue('North Hall', 20000, 'ARENA', 'Europe/London', evently.geo_point(51.5, -0.12), city => 'London') \gset
SELECT venue_id AS oxford FROM evently.create_venue('South Hall', 20000, 'ARENA', 'Europe/London', evently.geo_point(51.75, -1.26), city => 'Oxford') \gset
SELECT venue_id AS sydney FROM evently.create_venue('East Hall', 20000, 'ARENA', 'Australia/Sydney', evently.geo_point(-33.87, 151.2), city => 'Sydney') \gset
CREATE FUNCTION pg_temp.show(title text, venue bigint, category text DEFAULT 'CONCERT', days integer DEFAULT 20, OUT event bigint, OUT tier bigint)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT event_id INTO event FROM evently.create_event(1, title, category, now() + days * interval '1 day', now() + (days + 1) * interval '1 day', venue);
	tier := pg_temp.tier(event, 1000);
	PERFORM pg_temp.open(event);
END
$$;
SELECT event AS a, tier AS at FROM pg_temp.show('Alpha', :london) \gset
SELECT event AS b, tier AS bt FROM pg_temp.show('Beta', :oxford, 'SPORTS') \gset
SELECT event AS c, tier AS ct FROM pg_temp.show('Gamma', :sydney, 'SPORTS') \gset
SELECT event AS d, tier AS dt FROM pg_temp.show('Delta', :london, 'FESTIVAL') \gset
CREATE FUNCTION pg_temp.listing(call text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	listed text;
BEGIN
	EXECUTE format('SELECT string_agg(concat_ws('' '', reason, title, sold_day), '', '' ORDER BY place) FROM evently.%s', call) INTO listed;
	RETURN listed;
END
$$;
SELECT is(pg_temp.listing('trending_events()'), NULL, 'nothing sold, nothing trends');

SELECT pg_temp.buy(:a, :at, 3);
SELECT pg_temp.buy(:b, :bt, 5);
SELECT pg_temp.buy(:c, :ct, 9);
SELECT pg_temp.hold(:d, :dt, 10);
SELECT is(pg_temp.listing('trending_events()'), 'TRENDING Gamma 9, TRENDING Beta 5, TRENDING Alpha 3', 'confirmed at this moment, a hold does not count');
SELECT is((SELECT count(*) FROM evently.sales_hourly) + (SELECT count(*) FROM evently.event_popularity), 0::bigint, 'a confirmation writes no row for it');
SELECT is(pg_temp.listing('trending_events(2)'), 'TRENDING Gamma 9, TRENDING Beta 5', 'so many');
SELECT is(pg_temp.listing('trending_events(city => ''london'')'), 'TRENDING Alpha 3', 'in a city, however it is written');
SELECT is(pg_temp.listing('trending_events(near => evently.geo_point(51.5, -0.1))'), 'TRENDING Alpha 3', 'within 50 km');
SELECT is(pg_temp.listing('trending_events(near => evently.geo_point(51.5, -0.1), radius_m => 120000)'), 'TRENDING Beta 5, TRENDING Alpha 3', 'within a radius');

-- The roll-up changes nothing for who reads. It needs two runs: the first only
-- notes how far the second may go. Here the sales are this transaction's own,
-- which is still running: as if it had ended.
SELECT evently.roll_up_sales();
SELECT is(evently.roll_up_sales(), 0, 'what may still be in the making is left alone');
UPDATE evently.sales_progress SET noted_xid = '3';
SELECT is(evently.roll_up_sales(), 17, 'the tickets are rolled up');
SELECT is(pg_temp.listing('trending_events()'), 'TRENDING Gamma 9, TRENDING Beta 5, TRENDING Alpha 3', 'no more and no fewer');
SELECT pg_temp.buy(:a, :at, 7);
SELECT is(pg_temp.listing('trending_events()'), 'TRENDING Alpha 10, TRENDING Gamma 9, TRENDING Beta 5', 'rolled up and since then');
SELECT results_eq('SELECT title, tickets FROM evently.trending ORDER BY 2 DESC', $$VALUES ('Alpha', 10::bigint), ('Gamma', 9), ('Beta', 5)$$, 'the view says the same');
SELECT is_empty('SELECT * FROM evently.verify_search()', 'the roll-up is right');
UPDATE evently.sales_hourly SET tickets = tickets + 1 WHERE event_id = :c;
SELECT isnt_empty($$SELECT * FROM evently.verify_search() WHERE check_name = 'roll-up'$$, 'verify() sees a roll-up that has drifted');
UPDATE evently.sales_hourly SET tickets = tickets - 1 WHERE event_id = :c;

-- Time passes.
UPDATE evently.sales_hourly SET hour = hour - interval '30 hours' WHERE event_id = :c;
UPDATE evently.sales_progress SET hour = hour - interval '30 hours';
SELECT evently.roll_up_sales();
SELECT is(pg_temp.listing('trending_events()'), 'TRENDING Alpha 10, TRENDING Beta 5', 'what is older than a day has left');
SELECT is((SELECT sold_week FROM evently.event_popularity WHERE event_id = :c), 9::bigint, 'but not the week');
SELECT is((SELECT string_agg(title, ', ') FROM evently.search_events(sort => 'popularity', page_size => 3)), 'Gamma, Beta, Alpha', 'by popularity: the rolled-up sales of the week');

-- Free tickets are no sales.
SELECT evently.set_held_back(:dt, 50);
SELECT count(*) FROM evently.issue_comps(:dt, (SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 50)));
SELECT is(pg_temp.listing('trending_events()'), 'TRENDING Alpha 10, TRENDING Beta 5', 'free tickets do not count');
SELECT is((SELECT count(*) FROM evently.trending WHERE title = 'Delta'), 0::bigint, 'nor in the view');

-- The homepage.
SELECT is(pg_temp.listing('homepage(''London'')'), 'TRENDING Alpha 10, NEARBY Delta, TRENDING Beta 5, ANYWHERE Gamma', 'a city: what sells, what is coming up, then the rest');
SELECT is(pg_temp.listing('homepage(near => evently.geo_point(51.5, -0.1))'), 'TRENDING Alpha 10, NEARBY Delta, AROUND Beta, ANYWHERE Gamma', 'a place: then what is around');
SELECT is(pg_temp.listing('homepage("limit" => 2)'), 'TRENDING Alpha 10, TRENDING Beta 5', 'nowhere: what sells everywhere');
SELECT is(pg_temp.listing('homepage(''Atlantis'')'), 'TRENDING Alpha 10, TRENDING Beta 5, ANYWHERE Gamma, ANYWHERE Delta', 'an unknown city is filled up from anywhere');
SELECT evently.cancel_event(:a, 'test');
SELECT is(pg_temp.listing('homepage(''London'')'), 'NEARBY Delta, TRENDING Beta 5, ANYWHERE Gamma', 'what is cancelled is gone');
SELECT pg_temp.show('Omega', :sydney, 'FESTIVAL', 20) \gset
SELECT is((SELECT count(DISTINCT event_id) FROM evently.homepage()), (SELECT count(*) FROM evently.homepage()), 'each event once');

-- What one confirmation of three tickets writes: nothing for search or trending.
CREATE FUNCTION pg_temp.written() RETURNS TABLE (relation text, n bigint)
LANGUAGE sql AS $$ SELECT relname::text, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_all_tables WHERE schemaname = 'evently' $$;
SELECT event AS e, tier AS et FROM pg_temp.show('Epsilon', :sydney, 'FESTIVAL', 20) \gset
SELECT pg_temp.hold(:e, :et, 3) AS held \gset
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.written();
SELECT outcome FROM evently.confirm_order(:held, 'counted') \gset
SELECT is((SELECT string_agg(relation || ' ' || w.n - b.n, ', ' ORDER BY relation) FROM pg_temp.written() w JOIN before b USING (relation) WHERE w.n > b.n),
	'notifications 1, orders 1, payments 1, tickets 3', 'a confirmation writes its order, payment, tickets and notification, no other row');
SELECT alike(pg_temp.listing('trending_events()'), '%TRENDING Epsilon 3%', 'and the next reader sees it');
-- A ticket that changes hands is not sold again.
INSERT INTO evently.tickets (order_id, tier_id, event_id, transferred_from) SELECT order_id, tier_id, event_id, ticket_id FROM evently.tickets WHERE order_id = :held LIMIT 1;
SELECT alike(pg_temp.listing('trending_events()'), '%TRENDING Epsilon 3%', 'a transfer is no sale');

-- What nobody rolled up for more than a day counts no longer.
INSERT INTO evently.tickets (order_id, tier_id, event_id, issued_at) SELECT :held, :et, :e, now() - interval '25 hours' FROM generate_series(1, 4);
SELECT alike(pg_temp.listing('trending_events()'), '%TRENDING Epsilon 3%', 'older than a day and not rolled up: not counted');
SELECT * FROM finish();
ROLLBACK;
