-- Guests, refunds, and payments that come late, twice or wrong

-- The seats that were kept for guests of the match that is sold out.
SELECT count(*) AS "guest tickets"
FROM demo.sold_out_match m
JOIN demo.tiers t ON t.match = m.match AND t.name = 'GENERAL'
CROSS JOIN LATERAL evently.issue_comps(t.tier_id, (
	SELECT jsonb_agg(jsonb_build_object('name', 'Guest ' || n)) FROM generate_series(1, 100) n));

CREATE TEMP TABLE paid AS
SELECT order_id, payment_id, row_number() OVER (ORDER BY order_id) AS n
FROM evently.orders
WHERE status = 'CONFIRMED' AND channel = 'SALE'
	AND event_id <> (SELECT event_id FROM demo.sold_out_match)
ORDER BY order_id LIMIT 102;

-- Fifty buyers return all their tickets, fifty return one; the payment
-- provider has settled half of it already.
CREATE TEMP TABLE returned AS
SELECT p.n, r.refund_id
FROM paid p
CROSS JOIN LATERAL evently.refund_order(p.order_id, 'refund-' || p.n,
	CASE WHEN p.n > 50 THEN ARRAY(SELECT ticket_id FROM evently.tickets t
		WHERE t.order_id = p.order_id ORDER BY ticket_id LIMIT 1) END) r
WHERE p.n <= 100;
SELECT s.status, count(*) AS refunds, sum(s.amount) AS "amount in GBP"
FROM (
	SELECT (evently.settle_refund(refund_id, 'DONE')).* FROM returned WHERE n % 2 = 0
	UNION ALL
	SELECT r.* FROM returned JOIN evently.refunds r USING (refund_id) WHERE n % 2 = 1) s
GROUP BY s.status ORDER BY s.status;

-- What payment providers do in a bad hour. Each report gets an outcome, none
-- an exception, and money that is not kept is marked for its way back.
WITH report (n, "what the provider reports", order_id, payment_id, amount) AS (
	SELECT 1, 'the same payment once more', order_id, payment_id, NULL::numeric
	FROM paid WHERE n = 101
	UNION ALL
	SELECT 2, 'a second payment for a paid order', order_id, 'paid-twice', NULL
	FROM paid WHERE n = 102
	UNION ALL
	(SELECT 3, 'a payment for a hold that lapsed', order_id, 'paid-late', NULL
	FROM evently.orders WHERE event_id = (SELECT event_id FROM demo.abandoned_match)
		AND status IN ('PENDING', 'EXPIRED') AND expires_at < clock_timestamp()
	ORDER BY order_id LIMIT 1)
	UNION ALL
	(SELECT 4, 'a payment for a cancelled order', order_id, 'paid-after-all', NULL
	FROM evently.orders WHERE status = 'CANCELLED' ORDER BY order_id LIMIT 1)
	UNION ALL
	(SELECT 5, 'a penny for an order of more', order_id, 'paid-too-little', 0.01
	FROM evently.orders WHERE status = 'PENDING' AND expires_at > clock_timestamp() + interval '5 minutes'
	ORDER BY order_id LIMIT 1)
)
SELECT "what the provider reports", c.outcome, cardinality(c.tickets) AS tickets, (c.refund).amount AS "goes back"
FROM report r
CROSS JOIN LATERAL evently.confirm_order(r.order_id, r.payment_id, r.amount) c
ORDER BY r.n;
