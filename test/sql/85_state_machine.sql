--
-- No state is reached but by the way that leads there, not even by a superuser's direct UPDATE; and what orders
-- refer to stays.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

-- A row in each state, then each other state: what is let through.
CREATE FUNCTION pg_temp.moves(relation text, states text[]) RETURNS TABLE (from_state text, allowed text)
LANGUAGE plpgsql AS $$
DECLARE
	to_state text;
	times text := CASE relation
		WHEN 'orders' THEN ', confirmed_at = CASE WHEN %1$L IN (''CONFIRMED'', ''PARTIALLY_REFUNDED'', ''REFUNDED'') THEN now() END, cancelled_at = CASE %1$L WHEN ''CANCELLED'' THEN now() END'
		WHEN 'refunds' THEN ', settled_at = CASE WHEN %1$L <> ''DUE'' THEN now() END'
		WHEN 'tickets' THEN ', check_in_time = now(), qr_code = gen_random_uuid()'
		ELSE '' END;
	change text := format('UPDATE evently.%I SET status = %%1$L', relation) || times;
BEGIN
	FOREACH from_state IN ARRAY states LOOP
		allowed := '';
		FOREACH to_state IN ARRAY states LOOP
			CONTINUE WHEN to_state = from_state;
			BEGIN
				SET LOCAL session_replication_role = replica;
				EXECUTE format(change, from_state);
				SET LOCAL session_replication_role = origin;
				EXECUTE format(change, to_state);
				RAISE EXCEPTION USING ERRCODE = 'UNDO1';
			EXCEPTION
				WHEN SQLSTATE 'UNDO1' THEN allowed := concat_ws(' ', nullif(allowed, ''), to_state);
				WHEN SQLSTATE 'TK006' THEN NULL;
			END;
		END LOOP;
		RETURN NEXT;
	END LOOP;
END
$$;

SELECT event_id FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 20, 40);
SELECT tier_id FROM evently.create_tier(1, 'VIP', 20, 40);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT order_id FROM evently.reserve_tier(1, 1, 1, 1);
SELECT outcome FROM evently.confirm_order(1, 'P1');
SELECT status FROM evently.refund_order(1, 'R1');

SELECT * FROM pg_temp.moves('events', '{DRAFT,PUBLISHED,ON_SALE,SOLD_OUT,CANCELLED,COMPLETED}');
SELECT * FROM pg_temp.moves('orders', '{PENDING,CONFIRMED,PARTIALLY_REFUNDED,REFUNDED,CANCELLED,EXPIRED}');
SELECT * FROM pg_temp.moves('tickets', '{VALID,USED,TRANSFERRED,CANCELLED}');
SELECT * FROM pg_temp.moves('refunds', '{DUE,FAILED,DONE}');

UPDATE evently.events SET status = 'DRAFT';
\echo :LAST_ERROR_SQLSTATE
UPDATE evently.tickets SET status = 'VALID';
\echo :LAST_ERROR_SQLSTATE
-- The same state again is no change, nor is a change of something else.
UPDATE evently.events SET status = status, description = 'A match';

-- What orders refer to can neither be deleted nor renumbered, and nothing else is in the way.
DELETE FROM evently.ticket_tiers WHERE tier_id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE evently.ticket_tiers SET tier_id = 99 WHERE tier_id = 1;
BEGIN;
DELETE FROM evently.inventory_shards WHERE tier_id = 1;
UPDATE evently.ticket_tiers SET tier_id = 99 WHERE tier_id = 1;
ROLLBACK;
UPDATE evently.events SET event_id = 99;
DELETE FROM evently.events;
\echo :LAST_ERROR_SQLSTATE
SELECT event_id FROM evently.create_event(1, 'Replay', 'SPORTS', '2099-07-08 20:00+00', '2099-07-08 23:00+00');
UPDATE evently.ticket_tiers SET event_id = 2 WHERE tier_id = 1;
UPDATE evently.ticket_tiers SET event_id = 2 WHERE tier_id = 2;
DELETE FROM evently.ticket_tiers WHERE tier_id = 2;
SELECT tier_id FROM evently.inventory_shards;
DELETE FROM evently.events WHERE event_id = 2;
SELECT event_id, status, description FROM evently.events;
SELECT * FROM evently.verify();
