-- How long each view for reports takes, and how much it reads: one connection,
-- warm, for events, for one organizer, for all. Time is planning and execution, as
-- EXPLAIN (ANALYZE, TIMING OFF) says; rows are computed in full and not sent.
SET client_min_messages = warning;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
CREATE TABLE bench.question (n serial, view text, about text, sql text);
CREATE TABLE bench.run (view text, about text, ms float8, rows bigint, rows_read bigint, pages bigint, whole text);
GRANT ALL ON bench.question, bench.run TO PUBLIC;

-- Once to warm up, then up to :rounds times, but no longer than 20 s in all.
CREATE FUNCTION bench.measure(question bench.question, rounds integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
	spent float8 := 0;
	ms float8;
BEGIN
	FOR i IN 0..rounds LOOP
		EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) ' || question.sql INTO plan;
		ms := (plan #>> '{0,Planning Time}')::float8 + (plan #>> '{0,Execution Time}')::float8;
		spent := spent + ms;
		CONTINUE WHEN i = 0 AND spent < 10000;
		INSERT INTO bench.run
		SELECT question.view, question.about, ms, (plan #>> '{0,Plan,Actual Rows}')::float8::bigint,
			coalesce(sum(n.rows_read), 0), (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint,
			string_agg(DISTINCT n.node ->> 'Relation Name', ', ') FILTER (WHERE n.node ->> 'Node Type' = 'Seq Scan' AND n.rows_read >= 10000)
		FROM (SELECT node, ((node ->> 'Actual Rows')::float8 + coalesce((node ->> 'Rows Removed by Filter')::float8, 0)) * (node ->> 'Actual Loops')::float8 AS rows_read
			FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Relation Name"))') node) n;
		EXIT WHEN spent > 20000;
	END LOOP;
END
$$;

INSERT INTO bench.question (view, about, sql)
SELECT v, 'largest event', format('SELECT * FROM evently.%I WHERE event_id = 1', v)
FROM unnest('{event_sales,sales_by_day,tier_inventory,order_facts,order_item_facts,refunds_due,check_in_progress,scan_log,hold_expiry_lag,venue_calendar,venue_invoices}'::text[]) v
UNION ALL
SELECT v, 'one event', format('SELECT * FROM evently.%I WHERE event_id = %s', v, (SELECT max(event_id) FROM evently.events) / 2 + e)
FROM unnest('{event_sales,sales_by_day,tier_inventory,order_facts,order_item_facts,refunds_due,check_in_progress,scan_log,hold_expiry_lag,venue_calendar,venue_invoices}'::text[]) v, generate_series(1, 3) e
UNION ALL
SELECT 'sales_by_day', 'yesterday, all events', 'SELECT * FROM evently.sales_by_day WHERE day = current_date - 1'
UNION ALL
SELECT 'sales_by_day', '30 days, by day and currency', 'SELECT day, currency, sum(orders), sum(tickets_sold), sum(gross), sum(refunds), sum(net) FROM evently.sales_by_day WHERE day > current_date - 30 GROUP BY 1, 2'
UNION ALL
SELECT v, 'tonight''s events', format('SELECT * FROM evently.%I WHERE start_time BETWEEN now() - interval ''1 day'' AND now()', v) FROM unnest('{event_sales,check_in_progress}'::text[]) v
UNION ALL
SELECT v, 'all', format('SELECT * FROM evently.%I', v)
FROM unnest('{event_sales,sales_by_day,tier_inventory,order_facts,order_item_facts,refunds_due,check_in_progress,scan_log,hold_expiry_lag,venue_calendar,venue_invoices,venue_utilisation,trending,waitlist_status,job_status,outbox_status}'::text[]) v;

-- What sales_by_day would cost without the roll-up.
INSERT INTO bench.question (view, about, sql)
SELECT '(from every order)', CASE WHEN condition = '' THEN 'all' ELSE 'largest event' END, format($q$
	SELECT o.event_id, (o.confirmed_at AT TIME ZONE coalesce(v.timezone, 'UTC'))::date AS day, count(*), sum(i.quantity), sum(o.total_amount)
	FROM evently.orders o JOIN evently.order_items i USING (order_id) JOIN evently.events e ON e.event_id = o.event_id
	LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
	WHERE o.confirmed_at IS NOT NULL %s GROUP BY 1, 2$q$, condition)
FROM unnest(ARRAY['AND o.event_id = 1', '']) condition;

SELECT format('SELECT bench.measure(q, %s) FROM bench.question q WHERE q.n = %s', :rounds, n) FROM bench.question ORDER BY n \gexec

-- An organizer: one in two hundred has a handful of events.
CREATE ROLE bench_organizer;
GRANT USAGE ON SCHEMA evently TO bench_organizer;
GRANT EXECUTE ON FUNCTION evently.session_organizers() TO bench_organizer;
GRANT SELECT ON evently.event_sales, evently.sales_by_day, evently.tier_inventory TO bench_organizer;
INSERT INTO evently.role_grants VALUES ('bench_organizer', 'organizer', 3, now(), 'postgres');
SET SESSION AUTHORIZATION bench_organizer;
SELECT bench.measure(ROW(0, v, 'an organizer''s own', 'SELECT * FROM evently.' || v)::bench.question, :rounds)
FROM unnest('{event_sales,sales_by_day,tier_inventory}'::text[]) v;
RESET SESSION AUTHORIZATION;
DELETE FROM evently.role_grants WHERE role_name = 'bench_organizer';
DROP OWNED BY bench_organizer;
DROP ROLE bench_organizer;

\pset format aligned
\pset tuples_only off
\pset footer off
\pset null ''
SELECT view, about, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1) AS "p50 ms",
	max(rows) AS rows, max(rows_read) AS "rows read", max(pages) AS pages, max(whole) AS "read from end to end"
FROM bench.run GROUP BY view, about
ORDER BY view LIKE '(%', view COLLATE "C", array_position('{one event,largest event,"an organizer''s own","tonight''s events","yesterday, all events","30 days, by day and currency",all}', about);
