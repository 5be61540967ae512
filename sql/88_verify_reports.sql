/*
 * verify()'s part for reports: days of sales as reports read them, against the
 * orders and refunds they stand for. The tickets, by which they are counted, are
 * not asked.
 */
CREATE FUNCTION evently.verify_reports()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH zone AS (
	SELECT e.event_id, coalesce(v.timezone, 'UTC') AS timezone
	FROM evently.events e LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
), sale AS (
	SELECT o.event_id, (o.confirmed_at AT TIME ZONE z.timezone)::date AS day,
		count(*) FILTER (WHERE o.channel = 'SALE') AS orders,
		coalesce(sum(i.tickets) FILTER (WHERE o.channel = 'SALE'), 0) AS tickets_sold,
		sum(o.total_amount) AS gross,
		coalesce(sum(i.tickets) FILTER (WHERE o.channel = 'COMP'), 0) AS comps
	FROM evently.orders o
	JOIN zone z ON z.event_id = o.event_id
	JOIN (SELECT order_id, sum(quantity) AS tickets FROM evently.order_items GROUP BY order_id) i ON i.order_id = o.order_id
	WHERE o.confirmed_at IS NOT NULL GROUP BY 1, 2
), refund AS (
	SELECT o.event_id, o.channel, cardinality(r.ticket_ids) AS tickets, r.amount,
		(r.created_at AT TIME ZONE z.timezone)::date AS refund_day,
		(o.confirmed_at AT TIME ZONE z.timezone)::date AS sale_day
	FROM evently.refunds r
	JOIN evently.orders o ON o.order_id = r.order_id
	JOIN zone z ON z.event_id = o.event_id
	WHERE r.reason IN ('REQUESTED', 'EVENT_CANCELLED')
), expected AS (
	SELECT x.event_id, x.day, sum(x.orders) AS orders, sum(x.tickets_sold) AS tickets_sold, sum(x.gross) AS gross, sum(x.comps) AS comps,
		sum(x.tickets_returned) AS tickets_returned, sum(x.refunds) AS refunds, sum(x.comps_returned) AS comps_returned,
		sum(x.returned_of_sold) AS returned_of_sold, sum(x.refunds_of_sold) AS refunds_of_sold
	FROM (
		SELECT s.event_id, s.day, s.orders, s.tickets_sold, s.gross, s.comps,
			0 AS tickets_returned, 0 AS refunds, 0 AS comps_returned, 0 AS returned_of_sold, 0 AS refunds_of_sold FROM sale s
		UNION ALL
		SELECT r.event_id, r.refund_day, 0, 0, 0, 0, CASE r.channel WHEN 'SALE' THEN r.tickets ELSE 0 END, r.amount,
			CASE r.channel WHEN 'COMP' THEN r.tickets ELSE 0 END, 0, 0 FROM refund r
		UNION ALL
		SELECT r.event_id, r.sale_day, 0, 0, 0, 0, 0, 0, 0, CASE r.channel WHEN 'SALE' THEN r.tickets ELSE 0 END, r.amount FROM refund r) x
	GROUP BY x.event_id, x.day
), counted AS (
	SELECT x.event_id, x.day, sum(x.orders) AS orders, sum(x.tickets_sold) AS tickets_sold, sum(x.gross) AS gross, sum(x.comps) AS comps,
		sum(x.tickets_returned) AS tickets_returned, sum(x.refunds) AS refunds, sum(x.comps_returned) AS comps_returned,
		sum(x.returned_of_sold) AS returned_of_sold, sum(x.refunds_of_sold) AS refunds_of_sold
	FROM (
		SELECT d.event_id, d.day, d.orders, d.tickets_sold, d.gross, d.comps,
			d.tickets_returned, d.refunds, d.comps_returned, d.returned_of_sold, d.refunds_of_sold FROM evently.sales_daily d
		UNION ALL
		SELECT t.event_id, t.day, t.orders, t.tickets_sold, t.gross, t.comps,
			t.tickets_returned, t.refunds, t.comps_returned, t.returned_of_sold, t.refunds_of_sold FROM evently.sales_tail t) x
	GROUP BY x.event_id, x.day
)
SELECT 'daily sales', format('event %s', coalesce(c.event_id, x.event_id)),
	format('on %s reports count (%s), the orders say (%s); rebuild_daily_sales() repairs', coalesce(c.day, x.day),
		concat_ws(', ', c.orders, c.tickets_sold, c.gross, c.comps, c.tickets_returned, c.refunds, c.comps_returned, c.returned_of_sold, c.refunds_of_sold),
		concat_ws(', ', x.orders, x.tickets_sold, x.gross, x.comps, x.tickets_returned, x.refunds, x.comps_returned, x.returned_of_sold, x.refunds_of_sold))
FROM counted c FULL JOIN expected x ON x.event_id = c.event_id AND x.day = c.day
WHERE (c.orders, c.tickets_sold, c.gross, c.comps, c.tickets_returned, c.refunds, c.comps_returned, c.returned_of_sold, c.refunds_of_sold)
	IS DISTINCT FROM
	(x.orders, x.tickets_sold, x.gross, x.comps, x.tickets_returned, x.refunds, x.comps_returned, x.returned_of_sold, x.refunds_of_sold)
UNION ALL
SELECT 'currency', format('order %s', o.order_id), format('in %s, but event %s is in %s', o.currency, e.event_id, e.currency)
FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id
WHERE o.currency <> e.currency;
END;
COMMENT ON FUNCTION evently.verify_reports IS 'The part of verify() for what reports read';
