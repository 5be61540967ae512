--
-- The end: nothing is left of evently, with data in it, while a session still has its plans.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

SELECT event_id FROM evently.create_event(1, 'Last Dance', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 40);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT order_id FROM evently.reserve_tier(1, 1, 1, 2);
SELECT outcome FROM evently.confirm_order(1, 'P1');
DROP SCHEMA evently CASCADE;
DROP TABLE evently.orders;
DROP EXTENSION evently;
SELECT nspname FROM pg_namespace WHERE nspname = 'evently';
SELECT proname FROM pg_proc WHERE probin LIKE '%evently%';
SELECT evently.verify();

-- Made anew in the same session, it starts afresh.
CREATE EXTENSION evently;
SELECT event_id FROM evently.create_event(1, 'First Dance', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 40);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT order_id FROM evently.reserve_tier(1, 1, 1, 2);
SELECT outcome FROM evently.confirm_order(1, 'P1');
SELECT * FROM evently.verify();
DROP EXTENSION evently;
DROP EXTENSION postgis, btree_gist, pg_trgm;
