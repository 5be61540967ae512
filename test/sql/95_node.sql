--
-- Ids of several databases never collide: each takes them from a block of its own.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

SELECT evently.set_node(-1);
SELECT evently.set_node(1024);
SELECT evently.set_node(NULL);
SELECT evently.set_node(5);
-- Another thought, before any id is taken.
SELECT evently.set_node(1023);
SELECT evently.set_node(3);
SELECT event_id, event_id - (3::bigint << 42) AS nth, evently.node_of(event_id) AS node
FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00') \gset
\echo :event_id is number :nth of node :node
SELECT tier_id, evently.node_of(tier_id) AS node FROM evently.create_tier(:event_id, 'GENERAL', 20, 40) \gset
\echo tier of node :node
SELECT status FROM evently.publish_event(:event_id);
SELECT status FROM evently.open_sale(:event_id);
SELECT order_id FROM evently.reserve_tier(:event_id, 1, :tier_id, 2) \gset
SELECT outcome FROM evently.confirm_order(:order_id, 'P1');
SELECT order_id FROM evently.reserve_tickets(:event_id, 1, jsonb_build_array(jsonb_build_object('tier_id', :tier_id, 'quantity', 1))) \gset second_
SELECT :second_order_id - :order_id AS next;
SELECT DISTINCT evently.node_of(id) AS node
FROM (SELECT ticket_id FROM evently.tickets UNION SELECT item_id FROM evently.order_items UNION SELECT notification_id FROM evently.notifications) ids (id);
-- Now it stays.
SELECT evently.set_node(4);
SELECT evently.set_node(3);

-- Every sequence was moved.
SELECT sequencename AS not_moved FROM pg_sequences
WHERE schemaname = 'evently' AND evently.node_of(coalesce(last_value, nextval(format('evently.%I', sequencename)))) <> 3;
-- The greatest id of the greatest node is safe in JavaScript.
SELECT (1024::bigint << 42) - 1 <= 9007199254740991 AS safe, evently.node_of((1024::bigint << 42) - 1) AS node, evently.node_of(1) AS first, evently.node_of(NULL) AS "null";
SELECT * FROM evently.verify();
