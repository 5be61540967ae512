--
-- For routers and busy sales: a refusal as a row.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

SELECT event_id FROM evently.create_event(1, 'Farewell', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00', max_tickets_per_buyer => 3);
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 4, max_per_order => 3);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
\pset null (null)
\x on
SELECT (reservation).order_id, (reservation).status, sqlstate, message, detail, hint FROM evently.try_reserve_tier(1, 1, 1, 3);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tier(1, 2, 1, 2);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tier(1, 1, 1, 1);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tier(1, 2, 1, 4);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tier(9, 2, 1, 1);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tier(1, 2, 1, 0);
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tickets(1, 2, '[{"tier_id": 1, "quantity": "2"}]');
SELECT (reservation).order_id, (reservation).status, sqlstate, message, detail, hint FROM evently.try_reserve_tickets(1, 2, '[{"tier_id": 1, "quantity": 1}]');
SELECT (reservation).order_id, sqlstate, message, detail, hint FROM evently.try_reserve_tickets(1, 3, '[{"tier_id": 1, "quantity": 1}]');
\x off
\pset null ''

-- A transaction goes on after a refusal.
BEGIN;
SELECT sqlstate FROM evently.try_reserve_tier(1, 3, 1, 1);
SELECT order_id, status FROM evently.cancel_order(2, 'makes room');
SELECT (reservation).order_id, sqlstate FROM evently.try_reserve_tier(1, 3, 1, 1);
COMMIT;
SELECT order_id, buyer_id, status FROM evently.orders ORDER BY order_id;

-- With parameters of unknown type, as drivers send them.
PREPARE reserve AS SELECT (reservation).order_id, sqlstate FROM evently.try_reserve_tier($1, $2, $3, $4, $5);
EXECUTE reserve ('1', '3', '1', '1', 'key');
PREPARE batch AS SELECT * FROM evently.reserve_tickets_batch($1);
EXECUTE batch ('[{"event_id": 1, "buyer_id": 4, "selections": [{"tier_id": 1, "quantity": 1}]}]');
SELECT * FROM evently.verify();
