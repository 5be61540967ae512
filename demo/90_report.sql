-- The books
\echo '  Sales by match'
WITH sale AS (
	SELECT m.match, m.event_id, m.kick_off, sum(i.sold_quantity) AS sold, sum(i.total_quantity) AS total
	FROM demo.matches m
	JOIN evently.tier_inventory i USING (event_id)
	GROUP BY m.match
), earned AS (
	SELECT o.event_id, sum(t.unit_price * t.tickets) AS amount
	FROM evently.orders o
	CROSS JOIN LATERAL (
		SELECT i.unit_price, count(*) AS tickets
		FROM evently.order_items i
		JOIN evently.tickets k ON k.order_id = i.order_id AND k.tier_id = i.tier_id
		WHERE i.order_id = o.order_id AND k.status IN ('VALID', 'USED')
		GROUP BY i.item_id) t
	GROUP BY o.event_id
), ranked AS (
	SELECT s.*, coalesce(e.amount, 0) AS amount, row_number() OVER (ORDER BY s.sold DESC, s.match) AS place
	FROM sale s LEFT JOIN earned e USING (event_id)
)
SELECT CASE WHEN min(r.place) <= 12 THEN min(e.title) ELSE format('%s other matches', count(*)) END AS match,
	CASE WHEN min(r.place) <= 12 THEN to_char(min(r.kick_off), 'Dy DD Mon HH24:MI') END AS "kick-off",
	to_char(sum(r.sold), '99,999,999') AS sold, to_char(sum(r.total), '99,999,999') AS of,
	rpad(repeat('#', ceil(20 * sum(r.sold) / sum(r.total))::integer), 20, '.') AS " ",
	to_char(sum(r.amount), '99,999,999') AS "GBP",
	CASE WHEN min(r.place) <= 12 THEN min(e.status) END AS status
FROM ranked r JOIN evently.events e USING (event_id)
GROUP BY least(r.place, 13) ORDER BY least(r.place, 13);

\echo '  Stock by tier: the match that sold out, and the one whose holds lapsed'
SELECT e.title AS match, i.name AS tier, t.price, i.total_quantity AS total, i.sold_quantity AS sold,
	i.held_quantity AS held, i.available_quantity AS free, i.held_back AS "for guests"
FROM (SELECT * FROM demo.sold_out_match UNION ALL SELECT * FROM demo.abandoned_match) m
JOIN evently.events e USING (event_id)
JOIN evently.tier_inventory i USING (event_id)
JOIN evently.ticket_tiers t USING (tier_id)
ORDER BY m.capacity, i.tier_id;

\echo '  Money on its way back'
SELECT lower(replace(reason, '_', ' ')) AS reason, count(*) AS refunds, sum(amount) AS "GBP"
FROM evently.refunds_due GROUP BY reason ORDER BY reason;

\echo '  SELECT * FROM evently.verify(): counters against the records they count'
SELECT * FROM evently.verify();
SELECT count(*) = 0 AS sound FROM evently.verify() \gset
\if :sound
\echo '  No row: every counter, ticket and penny is accounted for.'
\else
\warn 'verify() found breaches'
SELECT 1 / 0 AS "the demo has failed" \g /dev/null
\endif
