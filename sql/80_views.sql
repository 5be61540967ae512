/*
 * Views for people and reports; 82_ says how all of them are made. One query
 * reads one snapshot, and every call changes stock and records together, so sold
 * can be told from the rest.
 */
CREATE VIEW evently.tier_inventory WITH (security_barrier) AS
SELECT t.tier_id, t.event_id, t.name,
	t.total_quantity,
	s.available AS available_quantity,
	h.held AS held_quantity,
	t.total_quantity - t.held_back - s.available - h.held - f.offered
		- coalesce(l.gathering, 0) AS sold_quantity,
	f.offered,
	coalesce(l.gathering, 0)::bigint AS gathering,
	t.held_back,
	e.title AS event_title, e.organizer_id, t.price::numeric AS price, e.currency::text AS currency
FROM evently.ticket_tiers t
JOIN evently.events e ON e.event_id = t.event_id
CROSS JOIN LATERAL (
	SELECT coalesce(sum(i.available), 0) AS available
	FROM evently.inventory_shards i WHERE i.tier_id = t.tier_id) s
LEFT JOIN LATERAL (
	SELECT coalesce(sum(i.quantity), 0) AS held
	FROM evently.orders o
	JOIN evently.order_items i ON i.order_id = o.order_id
	WHERE o.event_id = t.event_id AND o.status = 'PENDING' AND i.tier_id = t.tier_id) h ON true
CROSS JOIN LATERAL (
	SELECT coalesce(sum(o.quantity), 0) AS offered
	FROM evently.waitlist_offers o WHERE o.tier_id = t.tier_id AND o.status = 'OPEN') f
LEFT JOIN evently.waitlist_lines l ON l.tier_id = t.tier_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.tier_inventory IS 'Stock of each tier: total = available + held + sold + offered + gathering + held back';
COMMENT ON COLUMN evently.tier_inventory.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.tier_inventory.event_id IS 'Event of the tier';
COMMENT ON COLUMN evently.tier_inventory.name IS 'Name of the tier';
COMMENT ON COLUMN evently.tier_inventory.total_quantity IS 'Tickets in all';
COMMENT ON COLUMN evently.tier_inventory.available_quantity IS 'Free for sale';
COMMENT ON COLUMN evently.tier_inventory.held_quantity IS 'Held by unpaid orders, lapsed ones included until they are swept';
COMMENT ON COLUMN evently.tier_inventory.sold_quantity IS 'Sold or given away, and not returned';
COMMENT ON COLUMN evently.tier_inventory.offered IS 'Kept for those in line who have an offer, lapsed ones included until they are swept';
COMMENT ON COLUMN evently.tier_inventory.gathering IS 'Gathering for a group at the head of the line';
COMMENT ON COLUMN evently.tier_inventory.held_back IS 'Kept from public sale';
COMMENT ON COLUMN evently.tier_inventory.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.tier_inventory.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.tier_inventory.price IS 'Price of one ticket now';
COMMENT ON COLUMN evently.tier_inventory.currency IS 'Currency of the price';

/* The payment says where the money goes; who the buyer is, is not for reports. */
CREATE VIEW evently.refunds_due WITH (security_barrier) AS
SELECT r.refund_id, r.order_id, o.event_id, e.title AS event_title, e.organizer_id,
	r.payment_id, r.amount::numeric AS amount, r.currency::text AS currency, r.reason, r.status,
	coalesce(v.timezone, 'UTC') AS timezone,
	r.created_at, r.created_at AT TIME ZONE coalesce(v.timezone, 'UTC') AS created_at_local, r.settled_at
FROM evently.refunds r
JOIN evently.orders o ON o.order_id = r.order_id
JOIN evently.events e ON e.event_id = o.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
WHERE r.status <> 'DONE' AND ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.refunds_due IS 'Refunds still to be made, failed attempts included';
COMMENT ON COLUMN evently.refunds_due.refund_id IS 'Id of the refund, for settle_refund';
COMMENT ON COLUMN evently.refunds_due.order_id IS 'Order that the money came from';
COMMENT ON COLUMN evently.refunds_due.event_id IS 'Event of the order';
COMMENT ON COLUMN evently.refunds_due.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.refunds_due.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.refunds_due.payment_id IS 'Payment to be returned, in whole or in part';
COMMENT ON COLUMN evently.refunds_due.amount IS 'Amount to return';
COMMENT ON COLUMN evently.refunds_due.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.refunds_due.reason IS 'REQUESTED, EVENT_CANCELLED, REFUND_DUE (paid too late), AMOUNT_MISMATCH or DUPLICATE_PAYMENT';
COMMENT ON COLUMN evently.refunds_due.status IS 'DUE or FAILED';
COMMENT ON COLUMN evently.refunds_due.timezone IS 'Time zone of the local time: the venue''s, or UTC';
COMMENT ON COLUMN evently.refunds_due.created_at IS 'When it became due';
COMMENT ON COLUMN evently.refunds_due.created_at_local IS 'created_at by the venue''s clock';
COMMENT ON COLUMN evently.refunds_due.settled_at IS 'When the failed attempt was reported';
