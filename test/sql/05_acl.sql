--
-- Who may do what: nobody anything, until a DBA says so.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
DROP ROLE IF EXISTS regress_evently_app;
RESET client_min_messages;

-- Nothing is PUBLIC's: no function, table, sequence or the schema.
SELECT 'function' AS kind, p.oid::regprocedure::text AS for_public, a.privilege_type
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'evently'::regnamespace AND a.grantee = 0
UNION ALL
SELECT 'relation', c.relname, a.privilege_type
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S', 'p') AND a.grantee = 0
UNION ALL
SELECT 'column', c.relname || '.' || t.attname, a.privilege_type
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
WHERE c.relnamespace = 'evently'::regnamespace AND a.grantee = 0
UNION ALL
SELECT 'schema', n.nspname, a.privilege_type
FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
WHERE n.nspname = 'evently' AND a.grantee = 0;

SELECT event_id, title FROM evently.create_event(1, 'Members'' Match', 'SPORTS', '2099-06-01 15:00+00', '2099-06-01 17:00+00');
SELECT tier_id, name FROM evently.create_tier(1, 'GENERAL', 10, 100);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);

-- A role without grants sees nothing.
CREATE ROLE regress_evently_app;
SET ROLE regress_evently_app;
SELECT count(*) FROM evently.events;
SELECT evently.verify();
RESET ROLE;

-- With the schema it sees names, and nothing else.
GRANT USAGE ON SCHEMA evently TO regress_evently_app;
SET ROLE regress_evently_app;
SELECT count(*) FROM evently.events;
SELECT count(*) FROM evently.tier_inventory;
SELECT nextval('evently.order_ids');
INSERT INTO evently.orders (event_id, buyer_id, total_amount, currency, expires_at) VALUES (1, 1, 0, 'EUR', now());
SELECT order_id FROM evently.reserve_tier(1, 7, 1, 2);
CALL evently.run_jobs();
RESET ROLE;

-- With functions it sells, without a right on any table.
GRANT EXECUTE ON FUNCTION evently.reserve_tier, evently.confirm_order, evently.refund_order, evently.cancel_order TO regress_evently_app;
SET ROLE regress_evently_app;
SELECT order_id, status, total_amount FROM evently.reserve_tier(1, 7, 1, 2);
SELECT outcome, cardinality(tickets) AS tickets FROM evently.confirm_order(1, 'pay-1');
SELECT amount, status FROM evently.refund_order(1, 'refund-1');
SELECT order_id FROM evently.orders;
UPDATE evently.inventory_shards SET available = 1000;
SELECT evently.cancel_event(1, 'no right to');
RESET ROLE;

-- Descriptive columns, prices, windows and limits may be given to be changed directly; the rest then stays shut.
GRANT SELECT, UPDATE (title, description, max_tickets_per_buyer) ON evently.events TO regress_evently_app;
GRANT SELECT, UPDATE (price, sale_start, sale_end, max_per_order) ON evently.ticket_tiers TO regress_evently_app;
GRANT EXECUTE ON FUNCTION evently.managed_organizers TO regress_evently_app; -- the rows' policies call it
SET ROLE regress_evently_app;
UPDATE evently.events SET title = 'Cup Final', max_tickets_per_buyer = 4;
UPDATE evently.ticket_tiers SET price = 12.5, max_per_order = 4;
UPDATE evently.events SET status = 'COMPLETED';
UPDATE evently.ticket_tiers SET total_quantity = 5;
SELECT order_id, total_amount FROM evently.reserve_tier(1, 7, 1, 4);
SELECT order_id FROM evently.reserve_tier(1, 7, 1, 1);
RESET ROLE;

-- run_jobs() runs as its caller, who needs its parts.
GRANT EXECUTE ON PROCEDURE evently.run_jobs TO regress_evently_app;
GRANT EXECUTE ON FUNCTION evently.release_expired_orders, evently.refresh_sold_out_labels,
	evently.roll_up_sales, evently.roll_up_daily_sales, evently.forget_past_events,
	evently.release_lapsed_bookings, evently.release_expired_offers, evently.settle_waitlists,
	evently.clean_notifications, evently.record_job_run TO regress_evently_app;
SET ROLE regress_evently_app;
CALL evently.run_jobs();
RESET ROLE;

-- Settings are the superuser's, also when they are made up before the library is loaded.
\c -
SET ROLE regress_evently_app;
SET evently.order_ttl = '60 d';
SELECT expires_at - created_at AS hold FROM evently.reserve_tier(1, 8, 1, 1);
SET evently.order_ttl = '60 d';
RESET ROLE;

-- What a caller puts on the path or into pg_temp is not what the functions use.
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO regress_evently_app;
SET ROLE regress_evently_app;
CREATE FUNCTION evil.trap(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR evil.= (FUNCTION = evil.trap, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION evil.trap(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR evil.<= (FUNCTION = evil.trap, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE FUNCTION evil.sum(integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION evil.release_expired_orders(integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE TEMP TABLE orders (order_id bigint);
CREATE TEMP TABLE events (event_id bigint);
SET search_path = evil, pg_catalog, evently;
SELECT order_id, status FROM evently.reserve_tier(1, 9, 1, 1);
SELECT outcome FROM evently.confirm_order(4, 'pay-4');
SELECT amount FROM evently.refund_order(4, 'refund-4');
CALL evently.run_jobs();
RESET search_path;
RESET ROLE;
SELECT * FROM evently.verify();

SET client_min_messages = warning;
DROP SCHEMA evil CASCADE;
DROP OWNED BY regress_evently_app;
DROP ROLE regress_evently_app;
