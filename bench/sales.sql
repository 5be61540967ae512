-- Sales of the last week for a catalogue of bench/generate-events: one order in
-- twenty events' number, of two tickets each; the later, the more; some of them
-- since the last roll-up.
SET client_min_messages = warning;
BEGIN;
CREATE TEMP TABLE sale ON COMMIT DROP AS
SELECT i AS n,
	1 + (power((hashint8extended(i, 1) & 1048575) / 1048576.0, 3) * (SELECT count(*) - 1 FROM evently.events))::bigint AS event_id,
	now() - interval '7 days' * power(1 - i::float8 / (c.n + 1), 2) AS sold_at
FROM (SELECT count(*) / 20 AS n FROM evently.events) c, generate_series(1, c.n) i;
INSERT INTO evently.orders (order_id, event_id, buyer_id, status, total_amount, currency, payment_id,
	created_at, expires_at, confirmed_at)
SELECT s.n, s.event_id, s.n % 1000, 'CONFIRMED', 0, 'EUR', 'p' || s.n, s.sold_at, s.sold_at, s.sold_at FROM sale s;
INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price)
SELECT s.n, (SELECT min(t.tier_id) FROM evently.ticket_tiers t WHERE t.event_id = s.event_id), 2, 0 FROM sale s;
INSERT INTO evently.tickets (order_id, tier_id, event_id, issued_at)
SELECT i.order_id, i.tier_id, s.event_id, s.sold_at
FROM sale s JOIN evently.order_items i ON i.order_id = s.n, generate_series(1, 2) ORDER BY s.n;
COMMIT;
SELECT setval('evently.order_ids', (SELECT max(order_id) FROM evently.orders));
SELECT evently.roll_up_sales(1);
SELECT evently.roll_up_sales(100000);
SELECT evently.roll_up_sales(100000);
INSERT INTO evently.orders (event_id, buyer_id, status, total_amount, currency, payment_id, created_at, expires_at, confirmed_at)
SELECT 1 + i * 17 % 500, 1, 'CONFIRMED', 0, 'EUR', 'late' || i, now(), now(), now() FROM generate_series(1, 1000) i;
INSERT INTO evently.tickets (order_id, tier_id, event_id)
SELECT o.order_id, 1, o.event_id FROM evently.orders o WHERE o.payment_id LIKE 'late%';
ANALYZE evently.orders, evently.tickets, evently.event_popularity, evently.sales_hourly;
