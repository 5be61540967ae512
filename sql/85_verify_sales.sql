/*
 * verify()'s part for sales: stock, orders, tickets, money.
 */
CREATE FUNCTION evently.verify_sales()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH item AS MATERIALIZED (
	SELECT o.order_id, o.event_id, o.buyer_id, o.channel, o.status, i.tier_id, i.quantity, i.unit_price,
		o.confirmed_at IS NOT NULL AS confirmed
	FROM evently.orders o JOIN evently.order_items i ON i.order_id = o.order_id
), ticket AS MATERIALIZED (
	SELECT t.order_id, t.tier_id,
		count(*) FILTER (WHERE t.status <> 'TRANSFERRED') AS issued,
		count(*) FILTER (WHERE t.status IN ('VALID', 'USED')) AS live,
		count(*) FILTER (WHERE t.status = 'CANCELLED') AS returned
	FROM evently.tickets t GROUP BY t.order_id, t.tier_id
), stock AS (
	SELECT t.tier_id, t.total_quantity, t.held_back, t.shards,
		coalesce(s.rows, 0) AS shard_rows, coalesce(s.available, 0) AS available,
		coalesce(h.held, 0) AS held, coalesce(k.sold, 0) AS sold,
		coalesce(f.offered, 0) AS offered, coalesce(l.gathering, 0) AS gathering
	FROM evently.ticket_tiers t
	LEFT JOIN (SELECT tier_id, count(*) AS rows, sum(available) AS available
		FROM evently.inventory_shards GROUP BY tier_id) s ON s.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(quantity) AS held
		FROM item WHERE status = 'PENDING' GROUP BY tier_id) h ON h.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(live) AS sold
		FROM ticket GROUP BY tier_id) k ON k.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(quantity) AS offered
		FROM evently.waitlist_offers WHERE status = 'OPEN' GROUP BY tier_id) f ON f.tier_id = t.tier_id
	LEFT JOIN evently.waitlist_lines l ON l.tier_id = t.tier_id
), money AS (
	SELECT o.order_id, o.status, o.total_amount, o.confirmed_at IS NOT NULL AS confirmed,
		o.payment_id, coalesce(i.subtotal, 0) AS subtotal, i.order_id IS NULL AS no_items,
		coalesce(p.kept, 0) AS kept, coalesce(p.kept_rows, 0) AS kept_rows,
		coalesce(r.refunded, 0) AS refunded, coalesce(k.live, 0) AS live, coalesce(k.returned, 0) AS returned
	FROM evently.orders o
	LEFT JOIN (SELECT order_id, sum(subtotal) AS subtotal
		FROM evently.order_items GROUP BY order_id) i ON i.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(amount) AS kept, count(*) AS kept_rows
		FROM evently.payments WHERE outcome IN ('CONFIRMED', 'RECOVERED') GROUP BY order_id) p ON p.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(amount) AS refunded
		FROM evently.refunds WHERE reason IN ('REQUESTED', 'EVENT_CANCELLED') GROUP BY order_id) r ON r.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(live) AS live, sum(returned) AS returned
		FROM ticket GROUP BY order_id) k ON k.order_id = o.order_id
)
SELECT 'stock', format('tier %s', tier_id),
	format('total %s is not available %s + held %s + sold %s + offered %s + gathering %s + held back %s',
		total_quantity, available, held, sold, offered, gathering, held_back)
FROM stock WHERE total_quantity <> available + held + sold + offered + gathering + held_back
UNION ALL
SELECT 'shards', format('tier %s', tier_id), format('%s shard rows instead of %s', shard_rows, shards)
FROM stock WHERE shard_rows <> shards
UNION ALL
SELECT 'capacity', format('event %s', e.event_id),
	format('tiers add up to %s, the venue admits %s', sum(t.total_quantity), v.capacity)
FROM evently.events e
JOIN evently.venues v ON v.venue_id = e.venue_id
JOIN evently.ticket_tiers t ON t.event_id = e.event_id
WHERE e.status NOT IN ('CANCELLED', 'COMPLETED')
GROUP BY e.event_id, v.capacity HAVING sum(t.total_quantity) > v.capacity
UNION ALL
SELECT 'tickets', format('order %s', i.order_id),
	format('tier %s has %s tickets instead of %s', i.tier_id, coalesce(k.issued, 0),
		CASE WHEN i.confirmed THEN i.quantity ELSE 0 END)
FROM item i LEFT JOIN ticket k ON k.order_id = i.order_id AND k.tier_id = i.tier_id
WHERE coalesce(k.issued, 0) <> CASE WHEN i.confirmed THEN i.quantity ELSE 0 END
UNION ALL
SELECT 'tickets', format('order %s', k.order_id), format('tickets of tier %s, which it did not order', k.tier_id)
FROM ticket k LEFT JOIN item i ON i.order_id = k.order_id AND i.tier_id = k.tier_id
WHERE i.order_id IS NULL
UNION ALL
SELECT 'total', format('order %s', order_id),
	CASE WHEN no_items THEN 'no items'
		ELSE format('total %s is not the sum of its items, %s', total_amount, subtotal) END
FROM money WHERE no_items OR total_amount <> subtotal
UNION ALL
SELECT 'payment', format('order %s', order_id),
	format('total %s, but %s payments of %s were accepted', total_amount, kept_rows, kept)
FROM money
WHERE kept <> CASE WHEN confirmed THEN total_amount ELSE 0 END
	OR kept_rows > 1 OR (kept_rows = 1 AND NOT confirmed)
UNION ALL
SELECT 'payment', format('payment %s', p.payment_id), format('outcome %s, but no refund of it', p.outcome)
FROM evently.payments p
WHERE p.outcome IN ('REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT') AND p.amount > 0
	AND NOT EXISTS (SELECT FROM evently.refunds r
		WHERE r.payment_id = p.payment_id AND r.order_id = p.order_id
			AND r.amount = p.amount AND r.reason = p.outcome)
UNION ALL
SELECT 'refund', format('order %s', m.order_id),
	format('%s refunded, tickets given back cost %s', m.refunded, coalesce(g.price, 0))
FROM money m
LEFT JOIN (SELECT k.order_id, sum(k.returned * i.unit_price) AS price
	FROM ticket k JOIN item i ON i.order_id = k.order_id AND i.tier_id = k.tier_id
	GROUP BY k.order_id) g ON g.order_id = m.order_id
WHERE m.refunded <> coalesce(g.price, 0)
UNION ALL
SELECT 'refund', format('order %s', order_id),
	format('status %s, but %s tickets live and %s given back', status, live, returned)
FROM money
WHERE confirmed AND status <> CASE WHEN returned = 0 THEN 'CONFIRMED'
	WHEN live = 0 THEN 'REFUNDED' ELSE 'PARTIALLY_REFUNDED' END
UNION ALL
SELECT 'buyer limit', format('event %s, buyer %s', event_id, buyer_id),
	format('%s counted, %s held and owned', coalesce(b.taken, 0), coalesce(a.taken, 0))
FROM evently.buyer_limits b
FULL JOIN (SELECT i.event_id, i.buyer_id,
		sum(CASE WHEN i.confirmed THEN coalesce(k.live, 0) ELSE i.quantity END) AS taken
	FROM item i LEFT JOIN ticket k ON k.order_id = i.order_id AND k.tier_id = i.tier_id
	WHERE i.channel = 'SALE' AND (i.confirmed OR i.status = 'PENDING')
	GROUP BY i.event_id, i.buyer_id) a USING (event_id, buyer_id)
JOIN evently.events e USING (event_id)
WHERE e.max_tickets_per_buyer IS NOT NULL AND coalesce(b.taken, 0) <> coalesce(a.taken, 0)
UNION ALL
SELECT 'reference', format('order %s', i.order_id),
	format('tier %s is not a tier of event %s', i.tier_id, i.event_id)
FROM item i LEFT JOIN evently.ticket_tiers t ON t.tier_id = i.tier_id AND t.event_id = i.event_id
WHERE t.tier_id IS NULL
UNION ALL
SELECT 'reference', format('ticket %s', t.ticket_id),
	format('event %s is not that of order %s', t.event_id, t.order_id)
FROM evently.tickets t JOIN evently.orders o ON o.order_id = t.order_id
WHERE t.event_id <> o.event_id
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id),
	format('took the place of ticket %s, which is %s', t.transferred_from, coalesce(f.status, 'missing'))
FROM evently.tickets t LEFT JOIN evently.tickets f ON f.ticket_id = t.transferred_from
WHERE t.transferred_from IS NOT NULL AND f.status IS DISTINCT FROM 'TRANSFERRED'
UNION ALL
SELECT 'state', format('order %s', o.order_id), format('PENDING, but event %s is %s', e.event_id, e.status)
FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id
WHERE o.status = 'PENDING' AND e.status IN ('DRAFT', 'CANCELLED', 'COMPLETED')
UNION ALL
SELECT 'state', format('ticket %s', t.ticket_id), format('%s, but event %s is cancelled', t.status, e.event_id)
FROM evently.tickets t JOIN evently.events e ON e.event_id = t.event_id
WHERE t.status IN ('VALID', 'USED') AND e.status = 'CANCELLED';
END;
COMMENT ON FUNCTION evently.verify_sales IS 'The part of verify() for stock, orders, tickets and money';
