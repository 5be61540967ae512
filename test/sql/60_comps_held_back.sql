--
-- Tickets that are not for sale: kept back, given away, put on sale after all.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

SELECT event_id FROM evently.create_event(1, 'Premiere', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT tier_id, total_quantity, held_back FROM evently.create_tier(1, 'GENERAL', 20, 10, held_back => 4);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT ticket_id, order_id, tier_id, attendee_name, attendee_email, status
FROM evently.issue_comps(1, '[{"name": "The Mayor", "email": "mayor@example.org"}, {"name": "The Mayor''s Guest"}, {}]');
SELECT order_id, channel, status, total_amount, payment_id FROM evently.orders;
SELECT kind, recipient, user_id, order_id FROM evently.notifications ORDER BY notification_id;
SELECT * FROM evently.tier_inventory;
SELECT evently.issue_comps(1, '[{}, {}]');
SELECT held_back FROM evently.set_held_back(1, 3);
SELECT order_id FROM evently.reserve_tier(1, 1, 1, 4);
SELECT status FROM evently.events;
SELECT evently.set_held_back(1, 4);
SELECT held_back FROM evently.set_held_back(1, 0);
SELECT status FROM evently.events;
SELECT total_quantity FROM evently.set_tier_quantity(1, 12);
SELECT * FROM evently.tier_inventory;
SELECT evently.set_tier_quantity(1, 6);
SELECT total_quantity FROM evently.set_tier_quantity(1, 7);
SELECT * FROM evently.tier_inventory;
-- The mayor's guest is not coming.
SELECT refund_id, amount, status, ticket_ids FROM evently.refund_order(1, 'no guest', '{2}', restock => false);
SELECT * FROM evently.tier_inventory;
SELECT * FROM evently.verify();
