/*
 * Sales, for reports (docs/reporting.md).
 *
 * All views for reports, here and in the modules around, are made alike:
 * - They run with their owner's rights (no security_invoker): a reporter needs
 *   SELECT on the view and none on the tables, which have secrets and names.
 * - They are security barriers: what an organizer's login may not see is left out
 *   before any condition of its own is tried, be it a function that tells.
 * - A login tied to organizers sees their events only (session_organizers).
 * - No secrets, no names, no addresses, nobody's id, no text that people type
 *   about people. Types are plain: bigint, numeric, text, date, timestamptz;
 *   beside an instant stands the venue's clock (_local), beside money its currency.
 * - They only read, so they work on a standby.
 */
CREATE VIEW evently.event_sales WITH (security_barrier) AS
SELECT e.event_id, e.title AS event_title, e.organizer_id, e.category, e.status,
	e.venue_id, v.name AS venue_name, v.city, v.country_code, z.timezone,
	e.start_time, e.start_time AT TIME ZONE z.timezone AS start_time_local,
	e.currency::text AS currency,
	c.total_quantity, n.orders, n.tickets_sold, n.tickets_returned, n.comps, n.comps_returned, n.tickets_out,
	CASE WHEN c.total_quantity > 0 THEN round(100.0 * n.tickets_out / c.total_quantity, 1) END AS percent_sold,
	n.gross, n.refunds, n.gross - n.refunds AS net,
	CASE WHEN n.tickets_sold > 0 THEN round(n.gross / n.tickets_sold, 2) END AS average_price,
	least(d.first_day, t.first_day) AS first_sale_day, greatest(d.last_day, t.last_day) AS last_sale_day
FROM evently.events e
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
CROSS JOIN LATERAL (SELECT coalesce(v.timezone, 'UTC') AS timezone) z
CROSS JOIN LATERAL (SELECT coalesce(sum(i.total_quantity), 0) AS total_quantity
	FROM evently.ticket_tiers i WHERE i.event_id = e.event_id) c
CROSS JOIN LATERAL (
	SELECT sum(s.orders) AS orders, sum(s.tickets_sold) AS tickets_sold, sum(s.gross) AS gross, sum(s.comps) AS comps,
		sum(s.tickets_returned) AS tickets_returned, sum(s.refunds) AS refunds, sum(s.comps_returned) AS comps_returned,
		min(s.day) FILTER (WHERE s.orders > 0) AS first_day, max(s.day) FILTER (WHERE s.orders > 0) AS last_day
	FROM evently.sales_daily s WHERE s.event_id = e.event_id) d
LEFT JOIN (
	SELECT s.event_id,
		sum(s.orders) AS orders, sum(s.tickets_sold) AS tickets_sold, sum(s.gross) AS gross, sum(s.comps) AS comps,
		sum(s.tickets_returned) AS tickets_returned, sum(s.refunds) AS refunds, sum(s.comps_returned) AS comps_returned,
		min(s.day) FILTER (WHERE s.orders > 0) AS first_day, max(s.day) FILTER (WHERE s.orders > 0) AS last_day
	FROM evently.sales_tail s GROUP BY s.event_id) t ON t.event_id = e.event_id
CROSS JOIN LATERAL (
	SELECT x.orders::bigint, x.tickets_sold::bigint, x.tickets_returned::bigint, x.comps::bigint, x.comps_returned::bigint,
		(x.tickets_sold - x.tickets_returned + x.comps - x.comps_returned)::bigint AS tickets_out, x.gross, x.refunds
	FROM (SELECT coalesce(d.orders, 0) + coalesce(t.orders, 0) AS orders,
		coalesce(d.tickets_sold, 0) + coalesce(t.tickets_sold, 0) AS tickets_sold,
		coalesce(d.gross, 0) + coalesce(t.gross, 0) AS gross,
		coalesce(d.comps, 0) + coalesce(t.comps, 0) AS comps,
		coalesce(d.tickets_returned, 0) + coalesce(t.tickets_returned, 0) AS tickets_returned,
		coalesce(d.refunds, 0) + coalesce(t.refunds, 0) AS refunds,
		coalesce(d.comps_returned, 0) + coalesce(t.comps_returned, 0) AS comps_returned) x) n
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.event_sales IS 'What each event has sold, true to the last confirmed order';
COMMENT ON COLUMN evently.event_sales.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.event_sales.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.event_sales.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.event_sales.category IS 'CONCERT, CONFERENCE, SPORTS or FESTIVAL';
COMMENT ON COLUMN evently.event_sales.status IS 'DRAFT, PUBLISHED, ON_SALE, SOLD_OUT, CANCELLED or COMPLETED';
COMMENT ON COLUMN evently.event_sales.venue_id IS 'Id of the venue; null for an event without one';
COMMENT ON COLUMN evently.event_sales.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.event_sales.city IS 'City of the venue';
COMMENT ON COLUMN evently.event_sales.country_code IS 'ISO 3166-1 alpha-2 code of its country';
COMMENT ON COLUMN evently.event_sales.timezone IS 'Time zone of the local times: the venue''s, or UTC';
COMMENT ON COLUMN evently.event_sales.start_time IS 'When the event starts';
COMMENT ON COLUMN evently.event_sales.start_time_local IS 'start_time by the venue''s clock';
COMMENT ON COLUMN evently.event_sales.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.event_sales.total_quantity IS 'Tickets of all its tiers';
COMMENT ON COLUMN evently.event_sales.orders IS 'Orders confirmed, comps not counted';
COMMENT ON COLUMN evently.event_sales.tickets_sold IS 'Tickets in them';
COMMENT ON COLUMN evently.event_sales.tickets_returned IS 'Of these, given back';
COMMENT ON COLUMN evently.event_sales.comps IS 'Free tickets issued out of what was held back';
COMMENT ON COLUMN evently.event_sales.comps_returned IS 'Of these, taken back';
COMMENT ON COLUMN evently.event_sales.tickets_out IS 'Tickets that admit: sold and comps, less those returned';
COMMENT ON COLUMN evently.event_sales.percent_sold IS 'tickets_out in percent of total_quantity; null when there are none';
COMMENT ON COLUMN evently.event_sales.gross IS 'What the orders cost';
COMMENT ON COLUMN evently.event_sales.refunds IS 'What became due back of it, paid out or not';
COMMENT ON COLUMN evently.event_sales.net IS 'gross less refunds';
COMMENT ON COLUMN evently.event_sales.average_price IS 'gross for each ticket sold; null when none was';
COMMENT ON COLUMN evently.event_sales.first_sale_day IS 'First day with an order, by the venue''s clock';
COMMENT ON COLUMN evently.event_sales.last_sale_day IS 'Last day with an order';

/*
 * The tail's days are few: those that sales_daily has are added to its rows, the
 * others follow. Whatever is asked for, an event, days or an organizer, finds
 * the rows by their keys.
 */
CREATE VIEW evently.sales_by_day WITH (security_barrier) AS
SELECT s.day, e.event_id, e.title AS event_title, e.organizer_id, coalesce(v.timezone, 'UTC') AS timezone,
	e.currency::text AS currency,
	s.orders::bigint AS orders, s.tickets_sold::bigint AS tickets_sold, s.gross,
	s.tickets_returned::bigint AS tickets_returned, s.refunds, s.gross - s.refunds AS net,
	s.comps::bigint AS comps, s.comps_returned::bigint AS comps_returned,
	s.returned_of_sold::bigint AS returned_of_sold, s.refunds_of_sold, s.gross - s.refunds_of_sold AS net_of_sold
FROM (
	SELECT d.event_id, d.day, d.orders + coalesce(t.orders, 0) AS orders,
		d.tickets_sold + coalesce(t.tickets_sold, 0) AS tickets_sold,
		d.gross + coalesce(t.gross, 0) AS gross,
		d.comps + coalesce(t.comps, 0) AS comps,
		d.tickets_returned + coalesce(t.tickets_returned, 0) AS tickets_returned,
		d.refunds + coalesce(t.refunds, 0) AS refunds,
		d.comps_returned + coalesce(t.comps_returned, 0) AS comps_returned,
		d.returned_of_sold + coalesce(t.returned_of_sold, 0) AS returned_of_sold,
		d.refunds_of_sold + coalesce(t.refunds_of_sold, 0) AS refunds_of_sold
	FROM evently.sales_daily d
	LEFT JOIN evently.sales_tail t ON t.event_id = d.event_id AND t.day = d.day
	UNION ALL
	SELECT t.event_id, t.day, t.orders, t.tickets_sold, t.gross, t.comps, t.tickets_returned, t.refunds, t.comps_returned, t.returned_of_sold, t.refunds_of_sold
	FROM evently.sales_tail t
	WHERE NOT EXISTS (SELECT FROM evently.sales_daily d WHERE d.event_id = t.event_id AND d.day = t.day)) s
JOIN evently.events e ON e.event_id = s.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.sales_by_day IS 'Sales and refunds of each event by day of its venue, true to the last confirmed order; days without either have no row';
COMMENT ON COLUMN evently.sales_by_day.day IS 'Day by the clock of the venue (timezone)';
COMMENT ON COLUMN evently.sales_by_day.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.sales_by_day.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.sales_by_day.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.sales_by_day.timezone IS 'Time zone of the day: the venue''s, or UTC';
COMMENT ON COLUMN evently.sales_by_day.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.sales_by_day.orders IS 'Orders confirmed that day, comps not counted';
COMMENT ON COLUMN evently.sales_by_day.tickets_sold IS 'Tickets in them';
COMMENT ON COLUMN evently.sales_by_day.gross IS 'What they cost';
COMMENT ON COLUMN evently.sales_by_day.tickets_returned IS 'Sold tickets given back that day, whenever they were sold';
COMMENT ON COLUMN evently.sales_by_day.refunds IS 'Money that became due back for them that day, paid out or not';
COMMENT ON COLUMN evently.sales_by_day.net IS 'gross less refunds: the day''s takings; below 0 when more went back than came in';
COMMENT ON COLUMN evently.sales_by_day.comps IS 'Free tickets issued that day out of what was held back';
COMMENT ON COLUMN evently.sales_by_day.comps_returned IS 'Comps taken back that day';
COMMENT ON COLUMN evently.sales_by_day.returned_of_sold IS 'Of tickets_sold, those given back until now';
COMMENT ON COLUMN evently.sales_by_day.refunds_of_sold IS 'Of gross, what became due back until now';
COMMENT ON COLUMN evently.sales_by_day.net_of_sold IS 'gross less refunds_of_sold: what is left of the day''s sales';

CREATE VIEW evently.order_facts WITH (security_barrier) AS
SELECT o.order_id, o.event_id, e.title AS event_title, e.organizer_id, e.venue_id,
	o.channel, o.status, o.currency::text AS currency,
	i.tickets, o.total_amount::numeric AS amount,
	CASE WHEN o.confirmed_at IS NOT NULL THEN o.total_amount ELSE 0 END::numeric AS gross,
	r.tickets_returned, r.refunds,
	CASE WHEN o.confirmed_at IS NOT NULL THEN o.total_amount ELSE 0 END::numeric - r.refunds AS net,
	z.timezone,
	o.created_at, o.created_at AT TIME ZONE z.timezone AS created_at_local,
	o.expires_at,
	o.confirmed_at, o.confirmed_at AT TIME ZONE z.timezone AS confirmed_at_local,
	(o.confirmed_at AT TIME ZONE z.timezone)::date AS sale_day,
	o.cancelled_at,
	round(extract(epoch FROM o.confirmed_at - o.created_at), 3) AS seconds_to_confirm,
	(e.start_time AT TIME ZONE z.timezone)::date - (o.confirmed_at AT TIME ZONE z.timezone)::date AS days_ahead
FROM evently.orders o
JOIN evently.events e ON e.event_id = o.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
CROSS JOIN LATERAL (SELECT coalesce(v.timezone, 'UTC') AS timezone) z
CROSS JOIN LATERAL (SELECT coalesce(sum(x.quantity), 0) AS tickets
	FROM evently.order_items x WHERE x.order_id = o.order_id) i
CROSS JOIN LATERAL (
	SELECT coalesce(sum(cardinality(x.ticket_ids)), 0) AS tickets_returned, coalesce(sum(x.amount), 0) AS refunds
	FROM evently.refunds x
	WHERE x.order_id = o.order_id AND x.reason IN ('REQUESTED', 'EVENT_CANCELLED')) r
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.order_facts IS 'One row for each order, whatever became of it; no buyer in it';
COMMENT ON COLUMN evently.order_facts.order_id IS 'Id of the order';
COMMENT ON COLUMN evently.order_facts.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.order_facts.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.order_facts.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.order_facts.venue_id IS 'Id of the venue; null for an event without one';
COMMENT ON COLUMN evently.order_facts.channel IS 'SALE, or COMP for free tickets out of what was held back';
COMMENT ON COLUMN evently.order_facts.status IS 'PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED';
COMMENT ON COLUMN evently.order_facts.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.order_facts.tickets IS 'Tickets ordered';
COMMENT ON COLUMN evently.order_facts.amount IS 'What the order costs, or would have cost';
COMMENT ON COLUMN evently.order_facts.gross IS 'amount once confirmed, else 0';
COMMENT ON COLUMN evently.order_facts.tickets_returned IS 'Tickets given back';
COMMENT ON COLUMN evently.order_facts.refunds IS 'What became due back for them, paid out or not';
COMMENT ON COLUMN evently.order_facts.net IS 'gross less refunds';
COMMENT ON COLUMN evently.order_facts.timezone IS 'Time zone of the local times: the venue''s, or UTC';
COMMENT ON COLUMN evently.order_facts.created_at IS 'When the tickets were reserved';
COMMENT ON COLUMN evently.order_facts.created_at_local IS 'created_at by the venue''s clock';
COMMENT ON COLUMN evently.order_facts.expires_at IS 'Until when they were held for payment';
COMMENT ON COLUMN evently.order_facts.confirmed_at IS 'When the order was paid and its tickets issued; null: never';
COMMENT ON COLUMN evently.order_facts.confirmed_at_local IS 'confirmed_at by the venue''s clock';
COMMENT ON COLUMN evently.order_facts.sale_day IS 'Day of confirmed_at_local: the day in sales_by_day';
COMMENT ON COLUMN evently.order_facts.cancelled_at IS 'When the order was cancelled';
COMMENT ON COLUMN evently.order_facts.seconds_to_confirm IS 'From created_at to confirmed_at';
COMMENT ON COLUMN evently.order_facts.days_ahead IS 'Days from the sale to the event, by the venue''s calendar';

CREATE VIEW evently.order_item_facts WITH (security_barrier) AS
SELECT o.order_id, i.tier_id, y.name AS tier_name, o.event_id, e.title AS event_title, e.organizer_id,
	o.channel, o.status, o.currency::text AS currency,
	i.quantity::bigint AS tickets, i.unit_price::numeric AS unit_price, i.subtotal AS amount,
	CASE WHEN o.confirmed_at IS NOT NULL THEN i.subtotal ELSE 0 END AS gross,
	k.tickets_returned, k.tickets_returned * i.unit_price AS refunds,
	CASE WHEN o.confirmed_at IS NOT NULL THEN i.subtotal ELSE 0 END - k.tickets_returned * i.unit_price AS net,
	z.timezone, o.confirmed_at, o.confirmed_at AT TIME ZONE z.timezone AS confirmed_at_local,
	(o.confirmed_at AT TIME ZONE z.timezone)::date AS sale_day
FROM evently.orders o
JOIN evently.order_items i ON i.order_id = o.order_id
JOIN evently.events e ON e.event_id = o.event_id
LEFT JOIN evently.ticket_tiers y ON y.tier_id = i.tier_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
CROSS JOIN LATERAL (SELECT coalesce(v.timezone, 'UTC') AS timezone) z
CROSS JOIN LATERAL (SELECT count(*) AS tickets_returned FROM evently.tickets x
	WHERE x.order_id = i.order_id AND x.tier_id = i.tier_id AND x.status = 'CANCELLED') k
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.order_item_facts IS 'One row for each tier of each order, for what tiers brought; no buyer in it';
COMMENT ON COLUMN evently.order_item_facts.order_id IS 'Id of the order';
COMMENT ON COLUMN evently.order_item_facts.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.order_item_facts.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.order_item_facts.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.order_item_facts.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.order_item_facts.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.order_item_facts.channel IS 'SALE, or COMP for free tickets out of what was held back';
COMMENT ON COLUMN evently.order_item_facts.status IS 'PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED; of the whole order';
COMMENT ON COLUMN evently.order_item_facts.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.order_item_facts.tickets IS 'Tickets of this tier';
COMMENT ON COLUMN evently.order_item_facts.unit_price IS 'Price of one when it was reserved';
COMMENT ON COLUMN evently.order_item_facts.amount IS 'What they cost, or would have cost';
COMMENT ON COLUMN evently.order_item_facts.gross IS 'amount once confirmed, else 0';
COMMENT ON COLUMN evently.order_item_facts.tickets_returned IS 'Tickets given back';
COMMENT ON COLUMN evently.order_item_facts.refunds IS 'What became due back for them';
COMMENT ON COLUMN evently.order_item_facts.net IS 'gross less refunds';
COMMENT ON COLUMN evently.order_item_facts.timezone IS 'Time zone of the local times: the venue''s, or UTC';
COMMENT ON COLUMN evently.order_item_facts.confirmed_at IS 'When the order was paid; null: never';
COMMENT ON COLUMN evently.order_item_facts.confirmed_at_local IS 'confirmed_at by the venue''s clock';
COMMENT ON COLUMN evently.order_item_facts.sale_day IS 'Day of confirmed_at_local: the day in sales_by_day';
