/*
 * The upkeep of sales_daily (src/daily_sales.c).
 *
 * What is entered is defined once, here: a row for each ticket when it was sold,
 * two for each refund of tickets. The job adds these rows up as they come, a
 * report those that are still to come, verify() holds both against the orders.
 * They are for nobody but the extension's own queries. The zone is two subqueries
 * and not a join: a batch of tickets looks like three rows to the planner, who
 * then went through all of it for each event.
 */
CREATE VIEW evently.sale_entries AS
SELECT k.ticket_id, k.event_id,
	(o.confirmed_at AT TIME ZONE coalesce((SELECT (SELECT v.timezone FROM evently.venues v WHERE v.venue_id = e.venue_id)
		FROM evently.events e WHERE e.event_id = k.event_id), 'UTC'))::date AS day,
	CASE WHEN o.channel = 'SALE' AND NOT EXISTS (SELECT FROM evently.tickets f
			WHERE f.order_id = k.order_id AND f.transferred_from IS NULL AND f.ticket_id < k.ticket_id)
		THEN 1 ELSE 0 END AS orders,
	CASE o.channel WHEN 'SALE' THEN 1 ELSE 0 END AS tickets_sold,
	i.unit_price::numeric AS gross,
	CASE o.channel WHEN 'COMP' THEN 1 ELSE 0 END AS comps
FROM evently.tickets k
JOIN evently.orders o ON o.order_id = k.order_id
JOIN evently.order_items i ON i.order_id = k.order_id AND i.tier_id = k.tier_id
WHERE k.transferred_from IS NULL;
COMMENT ON VIEW evently.sale_entries IS 'What each ticket adds to sales_daily; one that changed hands counts once, an order at its first ticket';
COMMENT ON COLUMN evently.sale_entries.ticket_id IS 'Ticket';
COMMENT ON COLUMN evently.sale_entries.event_id IS 'Event';
COMMENT ON COLUMN evently.sale_entries.day IS 'Day when it was sold';
COMMENT ON COLUMN evently.sale_entries.orders IS '1 for the first ticket of an order';
COMMENT ON COLUMN evently.sale_entries.tickets_sold IS '1, but 0 for a comp';
COMMENT ON COLUMN evently.sale_entries.gross IS 'Its price';
COMMENT ON COLUMN evently.sale_entries.comps IS '1 for a comp';

CREATE VIEW evently.refund_entries AS
SELECT r.refund_no, o.event_id, x.day, x.tickets_returned, x.refunds, x.comps_returned, x.returned_of_sold, x.refunds_of_sold
FROM evently.refunds r
JOIN evently.orders o ON o.order_id = r.order_id
CROSS JOIN LATERAL (SELECT coalesce((SELECT (SELECT v.timezone FROM evently.venues v WHERE v.venue_id = e.venue_id)
		FROM evently.events e WHERE e.event_id = o.event_id), 'UTC') AS timezone, cardinality(r.ticket_ids) AS tickets) n
CROSS JOIN LATERAL (VALUES
	((r.created_at AT TIME ZONE n.timezone)::date,
		CASE o.channel WHEN 'SALE' THEN n.tickets ELSE 0 END, r.amount::numeric,
		CASE o.channel WHEN 'COMP' THEN n.tickets ELSE 0 END, 0, 0::numeric),
	((o.confirmed_at AT TIME ZONE n.timezone)::date, 0, 0, 0,
		CASE o.channel WHEN 'SALE' THEN n.tickets ELSE 0 END, r.amount::numeric))
	x (day, tickets_returned, refunds, comps_returned, returned_of_sold, refunds_of_sold)
WHERE r.reason IN ('REQUESTED', 'EVENT_CANCELLED');
COMMENT ON VIEW evently.refund_entries IS 'What each refund of tickets adds to sales_daily: to the day it was made, and to the day its tickets were sold. Payments that were never kept are not sales, and their refunds not in it';
COMMENT ON COLUMN evently.refund_entries.refund_no IS 'Number of the refund';
COMMENT ON COLUMN evently.refund_entries.event_id IS 'Event';
COMMENT ON COLUMN evently.refund_entries.day IS 'Day that the row adds to';
COMMENT ON COLUMN evently.refund_entries.tickets_returned IS 'Tickets given back, on the day of the refund';
COMMENT ON COLUMN evently.refund_entries.refunds IS 'Amount, on the day of the refund';
COMMENT ON COLUMN evently.refund_entries.comps_returned IS 'Comps taken back, on that day';
COMMENT ON COLUMN evently.refund_entries.returned_of_sold IS 'Tickets given back, on the day of their sale';
COMMENT ON COLUMN evently.refund_entries.refunds_of_sold IS 'Amount, on the day of the sale';

/*
 * The ids come as arrays, so that whatever the planner thinks of the tables it
 * looks the few rows up by their keys.
 */
CREATE VIEW evently.sales_tail AS
SELECT t.event_id, t.day,
	sum(t.orders) AS orders, sum(t.tickets_sold) AS tickets_sold, sum(t.gross) AS gross, sum(t.comps) AS comps,
	sum(t.tickets_returned) AS tickets_returned, sum(t.refunds) AS refunds, sum(t.comps_returned) AS comps_returned,
	sum(t.returned_of_sold) AS returned_of_sold, sum(t.refunds_of_sold) AS refunds_of_sold
FROM (
	SELECT s.event_id, s.day, s.orders, s.tickets_sold, s.gross, s.comps,
		0 AS tickets_returned, 0::numeric AS refunds, 0 AS comps_returned, 0 AS returned_of_sold, 0::numeric AS refunds_of_sold
	FROM evently.sale_entries s
	WHERE s.ticket_id = ANY (ARRAY(SELECT k.ticket_id FROM evently.tickets k
		WHERE k.ticket_id > coalesce((SELECT p.ticket_id FROM evently.sales_daily_progress p), 0)
			AND k.ticket_id <= (SELECT max(m.ticket_id) FROM evently.tickets m)))
	UNION ALL
	SELECT r.event_id, r.day, 0, 0, 0, 0,
		r.tickets_returned, r.refunds, r.comps_returned, r.returned_of_sold, r.refunds_of_sold
	FROM evently.refund_entries r
	WHERE r.refund_no = ANY (ARRAY(SELECT f.refund_no FROM evently.refunds f
		WHERE f.refund_no > coalesce((SELECT p.refund_no FROM evently.sales_daily_progress p), 0)
			AND f.refund_no <= (SELECT max(m.refund_no) FROM evently.refunds m)))) t
GROUP BY t.event_id, t.day;
COMMENT ON VIEW evently.sales_tail IS 'What sales_daily lacks yet, by event and day, up to the last commit';
COMMENT ON COLUMN evently.sales_tail.event_id IS 'Event';
COMMENT ON COLUMN evently.sales_tail.day IS 'Day';
COMMENT ON COLUMN evently.sales_tail.orders IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.tickets_sold IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.gross IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.comps IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.tickets_returned IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.refunds IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.comps_returned IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.returned_of_sold IS 'As in sales_daily';
COMMENT ON COLUMN evently.sales_tail.refunds_of_sold IS 'As in sales_daily';

CREATE FUNCTION evently.roll_up_daily_sales(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off
	AS 'MODULE_PATHNAME', 'ev_roll_up_daily_sales';
COMMENT ON FUNCTION evently.roll_up_daily_sales IS
'Enter sales and refunds in sales_daily: those that the run before noted and that nobody can add to any more.
batch_size: at most so many tickets and so many refunds, 1 to 100,000. Result: the number entered. Errors: 22023 bad argument.';

CREATE FUNCTION evently.rebuild_daily_sales() RETURNS bigint
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_rebuild_daily_sales';
COMMENT ON FUNCTION evently.rebuild_daily_sales IS
'Derive sales_daily anew from tickets and refunds: when verify() says so. It goes as far as the job may, in one transaction: some minutes for millions of tickets. Reports stay right meanwhile.
Result: the number of its rows.';

/* UPDATE only, so a restore fires none. */
CREATE FUNCTION evently.recount_daily_sales() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off
	AS 'MODULE_PATHNAME', 'ev_recount_daily_sales';
COMMENT ON FUNCTION evently.recount_daily_sales() IS
'Trigger: when a venue''s time zone changes, or an event moves to another zone, its days are counted anew';
CREATE TRIGGER recount_daily_sales AFTER UPDATE OF venue_id ON evently.events
	FOR EACH ROW EXECUTE FUNCTION evently.recount_daily_sales();
CREATE TRIGGER recount_daily_sales AFTER UPDATE OF timezone ON evently.venues
	FOR EACH ROW EXECUTE FUNCTION evently.recount_daily_sales();
COMMENT ON TRIGGER recount_daily_sales ON evently.events IS 'A sale''s day is that of the event''s venue';
COMMENT ON TRIGGER recount_daily_sales ON evently.venues IS 'A sale''s day is that of the event''s venue';
