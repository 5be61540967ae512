--
-- CALL run_jobs(): all maintenance, in batches that it commits.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

CALL evently.run_jobs();
SELECT event_id FROM evently.create_event(1, 'Fair', 'FESTIVAL', '2099-07-01', '2099-07-02');
SELECT tier_id FROM evently.create_tier(1, 'GENERAL', 5, 7);
SELECT status FROM evently.publish_event(1);
SELECT status FROM evently.open_sale(1);
SELECT count(order_id) AS holds FROM generate_series(1, 7) buyer, evently.reserve_tier(1, buyer, 1, 1);
SELECT status FROM evently.events;
UPDATE evently.orders SET expires_at = '2020-01-01' WHERE order_id <= 5;

-- Two at a time; a transaction of its own each.
CREATE TABLE transactions (id xid8);
CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.transactions VALUES (pg_current_xact_id()); RETURN NULL; END $$;
CREATE TRIGGER note_transaction AFTER UPDATE ON evently.orders FOR EACH ROW EXECUTE FUNCTION note_transaction();
SET evently.job_batch_size = 2;
CALL evently.run_jobs();
SELECT status, count(*) FROM evently.orders GROUP BY status ORDER BY status COLLATE "C";
SELECT count(*) AS changes, count(DISTINCT id) AS transactions FROM transactions;
DROP TRIGGER note_transaction ON evently.orders;
DROP FUNCTION note_transaction();
DROP TABLE transactions;
SELECT status FROM evently.events;
SELECT available_quantity, held_quantity FROM evently.tier_inventory;
RESET evently.job_batch_size;

-- It commits, so it is not for a transaction block.
BEGIN;
CALL evently.run_jobs();
ROLLBACK;
DO $$ BEGIN CALL evently.run_jobs(); END $$;

-- A job that fails does not stop the next.
UPDATE evently.orders SET expires_at = '2020-01-01' WHERE status = 'PENDING';
UPDATE evently.events SET status = 'SOLD_OUT';
ALTER FUNCTION evently.release_expired_orders(integer) RENAME TO broken;
CALL evently.run_jobs();
SELECT status FROM evently.events;
SELECT count(*) AS holds FROM evently.orders WHERE status = 'PENDING';
ALTER FUNCTION evently.broken(integer) RENAME TO release_expired_orders;
CALL evently.run_jobs();
SELECT count(*) AS holds FROM evently.orders WHERE status = 'PENDING';
SELECT available_quantity, held_quantity FROM evently.tier_inventory;

-- Scheduling needs pg_cron in this database; where it is not, the hint is what to run elsewhere. Which of the two it
-- is depends on the server: pg_cron in another database, or none at all.
CREATE FUNCTION pg_temp.refusal(call text, OUT code text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END
$$;
SELECT code, message, hint IN (
	'Run there: SELECT cron.schedule_in_database(''evently contrib_regression'', ''* * * * *'', ''CALL evently.run_jobs()'', ''contrib_regression'');',
	'Run every minute, for example by a crontab line: * * * * * psql -X -d ''contrib_regression'' -c ''CALL evently.run_jobs()''') AS hint_is_to_the_point
FROM pg_temp.refusal('SELECT evently.schedule_jobs()');
SELECT code, message, hint IN ('Run there: SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = ''evently contrib_regression'';',
	'Remove the line from the crontab.') AS hint_is_to_the_point
FROM pg_temp.refusal('SELECT evently.unschedule_jobs()');
SELECT * FROM evently.verify();
