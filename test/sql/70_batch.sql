--
-- A queue worker's day: many buyers' requests in one call.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

SELECT event_id FROM evently.create_event(1, 'Reunion', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00', max_tickets_per_buyer => 4);
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 8, shards => 4);
SELECT tier_id FROM evently.create_tier(1, 'VIP', 80, 1);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);

SELECT * FROM evently.reserve_tickets_batch('[
	{"event_id": 1, "buyer_id": 1, "selections": [{"tier_id": 1, "quantity": 3}], "idempotency_key": "a", "buyer_email": "ada@example.org"},
	{"event_id": 1, "buyer_id": 2, "selections": [{"tier_id": 1, "quantity": 1}, {"tier_id": 2, "quantity": 1}]},
	{"event_id": 1, "buyer_id": 3, "selections": [{"tier_id": 2, "quantity": 1}]},
	{"event_id": 1, "buyer_id": 1, "selections": [{"tier_id": 1, "quantity": 3}], "idempotency_key": "a"},
	{"event_id": 1, "buyer_id": 1, "selections": [{"tier_id": 1, "quantity": 2}]},
	{"event_id": 9, "buyer_id": 4, "selections": [{"tier_id": 1, "quantity": 1}]},
	{"event_id": 1, "buyer_id": 5, "selections": [{"tier_id": 9, "quantity": 1}]},
	{"event_id": 1, "buyer_id": 6, "selections": [{"tier_id": 1, "quantity": 11}]},
	{"event_id": 1, "buyer_id": 7, "selections": []},
	{"event_id": 1, "buyer_id": 8},
	{"event_id": 1, "buyer_id": 9, "selections": [{"tier_id": 1, "quantity": 4}]},
	{"event_id": 1, "buyer_id": 10, "selections": [{"tier_id": 1, "quantity": 1}]}
]');
SELECT order_id, buyer_id, buyer_email, status, total_amount, idempotency_key FROM evently.orders ORDER BY order_id;
SELECT * FROM evently.tier_inventory ORDER BY tier_id;
SELECT status FROM evently.events;
-- The worker died before it could say so, and does its work again.
SELECT request_no, order_id FROM evently.reserve_tickets_batch('[
	{"event_id": 1, "buyer_id": 1, "selections": [{"tier_id": 1, "quantity": 3}], "idempotency_key": "a", "buyer_email": "ada@example.org"}
]');
SELECT * FROM evently.reserve_tickets_batch('[]');
SELECT * FROM evently.reserve_tickets_batch('7');
SELECT * FROM evently.reserve_tickets_batch(NULL);
SET evently.batch_max_requests = 1;
SELECT * FROM evently.reserve_tickets_batch('[{}, {}]');
RESET evently.batch_max_requests;
SELECT * FROM evently.verify();
