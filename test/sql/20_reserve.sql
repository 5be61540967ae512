--
-- A buyer's day: holds, the same attempt twice, the last ticket.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';

SELECT event_id FROM evently.create_event(1, 'Night Market', 'FESTIVAL', '2099-07-01', '2099-07-02');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 12.5, 10);
SELECT tier_id FROM evently.create_tier(1, 'VIP', 40, 3, held_back => 1);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);

SELECT order_id, event_id, buyer_id, buyer_email, channel, status, total_amount, currency, idempotency_key, expires_at - created_at AS hold
FROM evently.reserve_tier(1, 501, 1, 2, 'cart-1', 'ada@example.org');
-- The connection broke; the application asks again.
SELECT order_id, total_amount FROM evently.reserve_tier(1, 501, 1, 2, 'cart-1', 'ada@example.org');
SELECT order_id, total_amount
FROM evently.reserve_tickets(1, 502, '[{"tier_id": 2, "quantity": 1}, {"tier_id": 1, "quantity": 1}, {"tier_id": 1, "quantity": 2}]');
SELECT item_id, order_id, tier_id, quantity, unit_price, subtotal FROM evently.order_items ORDER BY item_id;
SELECT * FROM evently.tier_inventory ORDER BY tier_id;

-- Six are left, and one for VIPs.
SELECT order_id FROM evently.reserve_tier(1, 503, 1, 5);
SELECT order_id FROM evently.reserve_tier(1, 504, 2, 1);
SELECT event_id, status FROM evently.events;
SELECT order_id, status, cancel_reason FROM evently.cancel_order(4, 'changed plans');
SELECT event_id, status FROM evently.events;
SELECT order_id FROM evently.reserve_tier(1, 505, 2, 1);
SELECT event_id, status FROM evently.events;

-- A hold lapses, and its tickets are there for who asks for them.
UPDATE evently.orders SET expires_at = '2020-01-01' WHERE order_id = 3;
SELECT order_id, status FROM evently.reserve_tier(1, 506, 1, 4);
SELECT order_id, status FROM evently.orders ORDER BY order_id;
SELECT * FROM evently.tier_inventory ORDER BY tier_id;
SELECT evently.release_expired_orders();
SELECT * FROM evently.verify();
