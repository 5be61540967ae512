--
-- Money back: some tickets, all tickets, the whole event.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';

SELECT venue_id FROM evently.create_venue('Town Hall', 500, 'THEATER', 'Europe/Vienna');
SELECT event_id FROM evently.create_event(1, 'Gala', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00', 1);
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 40);
SELECT tier_id FROM evently.create_tier(1, 'VIP', 75.5, 10);
SELECT status FROM evently.book_venue(1, 1, '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT order_id, total_amount
FROM evently.reserve_tickets(1, 1, '[{"tier_id": 1, "quantity": 2}, {"tier_id": 2, "quantity": 2}]', buyer_email => 'ada@example.org');
SELECT outcome FROM evently.confirm_order(1, 'P1', attendees => '[{"name": "Ada"}, {"name": "Bob", "email": "bob@example.org"}]');
SELECT ticket_id, tier_id, attendee_name FROM evently.tickets ORDER BY ticket_id;

PREPARE refund (bigint, text, bigint[], boolean) AS
SELECT refund_id, order_id, payment_id, amount, currency, status, reason, ticket_ids FROM evently.refund_order($1, $2, $3, $4);
EXECUTE refund(1, 'R1', '{2,3}', true);
EXECUTE refund(1, 'R1', '{3,2}', true);
EXECUTE refund(1, 'R1', '{3}', true);
EXECUTE refund(1, 'R2', '{3}', true);
EXECUTE refund(1, 'R2', '{4}', false);
SELECT order_id, status FROM evently.orders;
SELECT ticket_id, status FROM evently.tickets ORDER BY ticket_id;
SELECT name, available_quantity, sold_quantity, held_back FROM evently.tier_inventory ORDER BY tier_id;
SELECT refund_id, status, settled_at IS NOT NULL AS settled FROM evently.settle_refund('R1', 'FAILED');
SELECT refund_id, status, settled_at IS NOT NULL AS settled FROM evently.settle_refund('R1', 'DONE');
SELECT refund_id, status FROM evently.settle_refund('R1', 'FAILED');

-- The singer is ill.
SELECT order_id FROM evently.reserve_tier(1, 2, 1, 1);
SELECT outcome FROM evently.confirm_order(2, 'P2');
SELECT order_id FROM evently.reserve_tier(1, 3, 1, 1);
SELECT event_id, status, cancel_reason FROM evently.cancel_event(1, 'the singer is ill');
SELECT order_id, status, cancel_reason FROM evently.orders ORDER BY order_id;
SELECT ticket_id, status FROM evently.tickets ORDER BY ticket_id;
SELECT refund_id, order_id, amount, reason, status FROM evently.refunds_due ORDER BY refund_id COLLATE "C";
SELECT name, available_quantity, held_quantity, sold_quantity, held_back FROM evently.tier_inventory ORDER BY tier_id;
SELECT kind, recipient, user_id, order_id, payload FROM evently.notifications ORDER BY kind COLLATE "C", order_id, recipient COLLATE "C", user_id;
SELECT outcome, (refund).refund_id, (refund).amount FROM evently.confirm_order(3, 'P3');
SELECT evently.cancel_event(1, 'again');
SELECT * FROM evently.verify();
