--
-- A payment desk's day: what becomes of each payment that is reported.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';

SELECT event_id FROM evently.create_event(1, 'Concert', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 25, 6);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT order_id FROM evently.reserve_tier(1, 1, 1, 2, buyer_email => 'ada@example.org');
SELECT order_id FROM evently.reserve_tier(1, 2, 1, 2);
SELECT order_id FROM evently.reserve_tier(1, 3, 1, 2);

PREPARE pay (bigint, text, numeric) AS
SELECT outcome, (reservation).order_id, (reservation).status, cardinality(tickets) AS tickets,
	(refund).refund_id, (refund).amount, (refund).status AS refund_status
FROM evently.confirm_order($1, $2, $3);
EXECUTE pay(1, 'P1', 50);
EXECUTE pay(1, 'P1', 50);
EXECUTE pay(1, 'P1', NULL);
EXECUTE pay(1, 'P2', 50);
EXECUTE pay(2, 'P3', 49.99);
EXECUTE pay(2, 'P3', 49.99);
UPDATE evently.orders SET expires_at = '2020-01-01' WHERE order_id IN (2, 3);
EXECUTE pay(2, 'P4', 50);
SELECT order_id FROM evently.reserve_tier(1, 4, 1, 1);
EXECUTE pay(3, 'P5', 50);
EXECUTE pay(3, 'P5', 50);
SELECT order_id, status FROM evently.cancel_order(4, 'no money');
EXECUTE pay(3, 'P6', 50);
EXECUTE pay(4, 'P7', NULL);

SELECT payment_id, order_id, amount, currency, outcome FROM evently.payments ORDER BY payment_id COLLATE "C";
SELECT refund_id, order_id, payment_id, amount, reason, status FROM evently.refunds ORDER BY refund_id COLLATE "C";
SELECT order_id, status, payment_id, confirmed_at IS NOT NULL AS confirmed FROM evently.orders ORDER BY order_id;
SELECT ticket_id, order_id, status, qr_code IS NOT NULL AS has_secret FROM evently.tickets ORDER BY ticket_id;
SELECT notification_id, kind, recipient, user_id, event_id, order_id, payload FROM evently.notifications ORDER BY notification_id;
SELECT refund_id, event_title, order_id, amount, reason, status FROM evently.refunds_due ORDER BY refund_id COLLATE "C";

-- Who comes.
SELECT order_id FROM evently.reserve_tier(1, 5, 1, 1);
SELECT total_quantity FROM evently.set_tier_quantity(1, 9);
SELECT order_id FROM evently.reserve_tier(1, 5, 1, 3);
SELECT outcome FROM evently.confirm_order(5, 'P8', attendees => '[{"name": "Ada Lovelace", "email": "ada@example.org"}, {"name": "Grace Hopper"}]');
SELECT ticket_id, attendee_name, attendee_email FROM evently.tickets WHERE order_id = 5 ORDER BY ticket_id;
SELECT * FROM evently.verify();
