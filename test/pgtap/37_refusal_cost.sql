-- What a refusal reads does not grow with what others have ordered.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT event, tier FROM pg_temp.sale(3) \gset
SELECT event AS other_event, tier AS other_tier FROM pg_temp.sale(100000) \gset

-- Held orders by the thousand, as the statistics have them in the middle of a sale.
INSERT INTO evently.orders (order_id, event_id, buyer_id, total_amount, currency, expires_at)
SELECT 1000000 + n, :other_event, n, 10, 'EUR', now() + interval '1 hour' FROM generate_series(1, 60000) n;
INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price)
SELECT 1000000 + n, :other_tier, 1, 10 FROM generate_series(1, 60000) n;
ANALYZE evently.orders, evently.order_items;
SELECT evently.reserve_tier(:event, 1, :tier, 3) \g /dev/null

SELECT is((SELECT sqlstate FROM evently.try_reserve_tier(:event, 2, :tier, 1)), 'TK001', 'there is nothing left');
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.try_reserve_tier(%s, 2, %s, 1)', :event, :tier)), '<', 60,
	'a refusal reads few pages');
SELECT is((SELECT sqlstate FROM evently.try_reserve_tickets(:event, 2, jsonb_build_array(jsonb_build_object('tier_id', :tier, 'quantity', 1)))),
	'TK001', 'and so it is for selections');

-- So it is where somebody's lapsed hold is taken: by another, and by a buyer at the limit.
UPDATE evently.orders SET expires_at = now() - interval '1 second' WHERE event_id = :event;
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.reserve_tier(%s, %s, %s, 1)', :event, 3, :tier)), '<', 300,
	'taking lapsed holds reads few pages');
UPDATE evently.events SET max_tickets_per_buyer = 1 WHERE event_id = :other_event;
SELECT evently.reserve_tier(:other_event, 70000, :other_tier, 1) \g /dev/null
UPDATE evently.orders SET expires_at = now() - interval '1 second' WHERE event_id = :other_event AND buyer_id = 70000;
ANALYZE evently.orders, evently.order_items;
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.try_reserve_tier(%s, 70000, %s, 1)', :other_event, :other_tier)), '<', 300,
	'so does looking for one''s own');

SELECT * FROM finish();
ROLLBACK;
