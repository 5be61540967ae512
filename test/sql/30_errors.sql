--
-- Each refusal as a buyer's application meets it: SQLSTATE, message, facts, way out. And it changes nothing.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';

SELECT venue_id FROM evently.create_venue('Small Hall', 60, 'THEATER', 'UTC');
SELECT event_id FROM evently.create_event(1, 'Recital', 'CONCERT', '2099-07-01 20:00+00', '2099-07-01 23:00+00', 1, max_tickets_per_buyer => 5);
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 10, 40, max_per_order => 4, held_back => 1);
SELECT tier_id FROM evently.create_tier(1, 'VIP', 0, 2);
SELECT tier_id FROM evently.create_tier(1, 'EARLY_BIRD', 5, 2, '2019-01-01 00:00+00', '2020-01-01 00:00+00');
SELECT tier_id FROM evently.create_tier(1, 'BACKSTAGE', 5, 2, '2099-01-01 00:00+00');
SELECT status FROM evently.book_venue(1, 1, '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT event_id FROM evently.create_event(1, 'Next Recital', 'CONCERT', '2099-08-01 20:00+00', '2099-08-01 23:00+00');
SELECT tier_id FROM evently.create_tier(2, 'GENERAL', 10, 40);
SELECT order_id FROM evently.reserve_tier(1, 7, 1, 3, 'cart');
SELECT order_id FROM evently.reserve_tier(1, 8, 2, 2);
SELECT order_id FROM evently.reserve_tier(1, 9, 1, 1);
SELECT outcome FROM evently.confirm_order(3, 'pay-3');

-- What all tables hold, as one number.
CREATE FUNCTION pg_temp.fingerprint() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
	part text;
	whole text := '';
BEGIN
	FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'r' ORDER BY oid LOOP
		EXECUTE format('SELECT md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %s t', relation) INTO part;
		whole := md5(whole || coalesce(part, ''));
	END LOOP;
	RETURN whole;
END
$$;
SELECT pg_temp.fingerprint() AS before \gset

-- TK001 not enough tickets
SELECT evently.reserve_tier(1, 10, 2, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "quantity": 1}, {"tier_id": 2, "quantity": 1}]');
\echo :LAST_ERROR_SQLSTATE
SELECT evently.set_tier_quantity(1, 4);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.set_held_back(1, 40);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.issue_comps(1, '[{"name": "Ada"}, {"name": "Bob"}]');
\echo :LAST_ERROR_SQLSTATE

-- TK002 over the limit per order
SELECT evently.reserve_tier(1, 10, 1, 5);
\echo :LAST_ERROR_SQLSTATE

-- TK003 sale not open
SELECT evently.reserve_tier(1, 10, 3, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.reserve_tier(1, 10, 4, 1);
\echo :LAST_ERROR_SQLSTATE

-- TK004 event not on sale
SELECT evently.reserve_tier(2, 10, 5, 1);
\echo :LAST_ERROR_SQLSTATE

-- TK005 over the limit per buyer
SELECT evently.reserve_tier(1, 7, 1, 3);
\echo :LAST_ERROR_SQLSTATE

-- TK006 wrong state for this
SELECT evently.open_sale(1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.cancel_order(3, 'changed plans');
\echo :LAST_ERROR_SQLSTATE
SELECT evently.refund_order(1, 'refund-1');
\echo :LAST_ERROR_SQLSTATE

-- TK009 hold expired: only for what is free, all other late payments have an outcome
SELECT status FROM evently.cancel_order(2, 'no');
SELECT order_id FROM evently.reserve_tier(1, 11, 2, 2);
UPDATE evently.orders SET expires_at = '2020-01-01 00:00+00' WHERE order_id = 4;
SELECT order_id FROM evently.reserve_tier(1, 12, 2, 2);
SELECT pg_temp.fingerprint() AS before \gset
SELECT evently.confirm_order(4, NULL);
\echo :LAST_ERROR_SQLSTATE

-- TK011 over the venue's capacity
SELECT evently.create_tier(1, 'STANDING', 1, 15);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.set_tier_quantity(2, 17);
\echo :LAST_ERROR_SQLSTATE

-- P0002 not found
SELECT evently.reserve_tier(99, 10, 1, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.reserve_tier(1, 10, 99, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.confirm_order(99, 'pay-99');
\echo :LAST_ERROR_SQLSTATE
SELECT evently.refund_order(3, 'refund-3', '{99}');
\echo :LAST_ERROR_SQLSTATE
SELECT evently.settle_refund('refund-99', 'DONE');
\echo :LAST_ERROR_SQLSTATE

-- 22023 bad argument
SELECT evently.reserve_tier(1, 10, 5, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT evently.reserve_tier(1, 7, 1, 2, 'cart');
\echo :LAST_ERROR_SQLSTATE
SELECT evently.reserve_tier(1, 10, 1, 0);
SELECT evently.reserve_tier(1, NULL, 1, 1);
SELECT evently.reserve_tier(1, 10, 1, 1, '');
SELECT evently.reserve_tier(1, 10, 1, 1, buyer_email => ' ');
SELECT evently.reserve_tickets(1, 10, NULL);
SELECT evently.reserve_tickets(1, 10, '{"tier_id": 1, "quantity": 1}');
SELECT evently.reserve_tickets(1, 10, '[]');
SELECT evently.reserve_tickets(1, 10, '[1]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1}]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "quantity": "2"}]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "quantity": 1.5}]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "quantity": 1e30}]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "quantity": -2}]');
SELECT evently.reserve_tickets(1, 10, '[{"tier_id": 1, "qty": 2}]');
SELECT evently.reserve_tickets(1, 10, (SELECT jsonb_agg('{"tier_id": 1, "quantity": 1}'::jsonb) FROM generate_series(1, 101)));
SELECT evently.reserve_tickets_batch('{}');
SELECT evently.confirm_order(1, NULL);
SELECT evently.confirm_order(1, 'pay-3');
SELECT evently.confirm_order(1, 'pay-1', 'NaN');
SELECT evently.confirm_order(1, 'pay-1', attendees => '[{"name": "Ada"}, {"name": "Bob"}, {"name": "Cyd"}, {"name": "Dan"}]');
SELECT evently.confirm_order(1, 'pay-1', attendees => '[{"tier_id": 2, "name": "Ada"}]');
SELECT evently.cancel_order(1, '');
SELECT evently.refund_order(3, 'refund-3', '{}');
SELECT evently.refund_order(3, 'payment:x');
SELECT evently.settle_refund('x', 'PAID');
SELECT evently.cancel_event(1, NULL);
SELECT evently.release_expired_orders(0);
SELECT evently.set_tier_quantity(1, -1);

SELECT pg_temp.fingerprint() = :'before' AS nothing_changed;

-- Programs find the rule's table and column in the error's fields.
CREATE FUNCTION pg_temp.fields(call text) RETURNS TABLE (code text, "schema" text, "table" text, "column" text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, "schema" = SCHEMA_NAME, "table" = TABLE_NAME, "column" = COLUMN_NAME;
	RETURN NEXT;
END
$$;
SELECT f.*
FROM (VALUES
	(1, 'SELECT evently.reserve_tier(1, 10, 2, 1)'),
	(2, 'SELECT evently.reserve_tier(1, 10, 1, 5)'),
	(3, 'SELECT evently.reserve_tier(1, 10, 3, 1)'),
	(4, 'SELECT evently.reserve_tier(2, 10, 5, 1)'),
	(5, 'SELECT evently.reserve_tier(1, 7, 1, 3)'),
	(6, 'UPDATE evently.events SET status = ''DRAFT'' WHERE event_id = 1'),
	(9, 'SELECT evently.confirm_order(4, NULL)'),
	(11, 'SELECT evently.create_tier(1, ''STANDING'', 1, 15)')) calls (n, call)
CROSS JOIN LATERAL pg_temp.fields(call) f
ORDER BY n;
