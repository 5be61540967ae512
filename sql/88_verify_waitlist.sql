/*
 * verify()'s part for the waitlist. Stock that is offered or gathers is in the
 * equation of verify_sales().
 */
CREATE FUNCTION evently.verify_waitlist()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH head AS (
	SELECT l.tier_id, l.gathering, w.entry_id, w.quantity, w.event_id,
		(SELECT coalesce(sum(s.available), 0) FROM evently.inventory_shards s
			WHERE s.tier_id = l.tier_id) AS available
	FROM evently.waitlist_lines l
	CROSS JOIN LATERAL (SELECT x.entry_id, x.quantity, x.event_id FROM evently.waitlist_entries x
		WHERE x.tier_id = l.tier_id AND x.status = 'WAITING' ORDER BY x.position LIMIT 1) w
)
SELECT 'waitlist', format('entry %s', h.entry_id),
	format('is next in line for %s tickets, %s are free and %s gather', h.quantity, h.available, h.gathering)
FROM head h
JOIN evently.events e ON e.event_id = h.event_id
JOIN evently.ticket_tiers t ON t.tier_id = h.tier_id
WHERE h.quantity <= h.available + h.gathering AND e.status IN ('ON_SALE', 'SOLD_OUT')
	AND clock_timestamp() < least(t.sale_end, e.start_time)
UNION ALL
SELECT 'waitlist', format('tier %s', l.tier_id), format('%s tickets gather, but nobody waits', l.gathering)
FROM evently.waitlist_lines l
WHERE l.gathering > 0 AND NOT EXISTS (SELECT FROM evently.waitlist_entries w
	WHERE w.tier_id = l.tier_id AND w.status = 'WAITING')
UNION ALL
SELECT 'waitlist', format('entry %s', w.entry_id), format('position %s of tier %s, whose last is %s',
	w.position, w.tier_id, l.last_position)
FROM evently.waitlist_entries w JOIN evently.waitlist_lines l ON l.tier_id = w.tier_id
WHERE w.position > l.last_position
UNION ALL
SELECT 'waitlist', format('entry %s', w.entry_id), format('%s, but its offer is %s', w.status, coalesce(o.status, 'missing'))
FROM evently.waitlist_entries w LEFT JOIN evently.waitlist_offers o ON o.entry_id = w.entry_id
WHERE o.status IS DISTINCT FROM CASE w.status WHEN 'OFFERED' THEN 'OPEN' WHEN 'CLAIMED' THEN 'CLAIMED'
		WHEN 'LAPSED' THEN 'LAPSED' END
	AND NOT (w.status = 'LEFT' AND o.status = 'DECLINED')
	AND NOT (w.status = 'CLOSED' AND o.status = 'CANCELLED')
UNION ALL
SELECT 'waitlist', format('offer %s', o.offer_id), format('is not what entry %s asked for', o.entry_id)
FROM evently.waitlist_offers o JOIN evently.waitlist_entries w ON w.entry_id = o.entry_id
WHERE (o.tier_id, o.event_id, o.user_id, o.quantity) <> (w.tier_id, w.event_id, w.user_id, w.quantity)
UNION ALL
SELECT 'waitlist', format('offer %s', o.offer_id), format('order %s is not what was offered', o.order_id)
FROM evently.waitlist_offers o
WHERE o.order_id IS NOT NULL AND NOT EXISTS (
	SELECT FROM evently.orders r JOIN evently.order_items i ON i.order_id = r.order_id
	WHERE r.order_id = o.order_id AND r.event_id = o.event_id AND r.buyer_id = o.user_id
		AND i.tier_id = o.tier_id AND i.quantity = o.quantity)
UNION ALL
SELECT 'reference', format('entry %s', w.entry_id), format('tier %s is not a tier of event %s', w.tier_id, w.event_id)
FROM evently.waitlist_entries w JOIN evently.ticket_tiers t ON t.tier_id = w.tier_id
WHERE t.event_id <> w.event_id
UNION ALL
SELECT 'state', format('entry %s', w.entry_id), format('%s, but event %s is %s', w.status, e.event_id, e.status)
FROM evently.waitlist_entries w JOIN evently.events e ON e.event_id = w.event_id
WHERE w.status IN ('WAITING', 'OFFERED') AND e.status IN ('DRAFT', 'CANCELLED', 'COMPLETED');
END;
COMMENT ON FUNCTION evently.verify_waitlist IS 'The part of verify() for the waitlist';
