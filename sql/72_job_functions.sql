/*
 * Maintenance (src/orders.c, jobs.c).
 */
CREATE FUNCTION evently.release_expired_orders(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_release_expired_orders';
COMMENT ON FUNCTION evently.release_expired_orders IS
'End holds that have lapsed: their tickets go to those in line, or back on sale. Several callers share the work; what fails is left out for a while (job_failures).
batch_size: at most so many orders, 1 to 100,000. Result: the number ended or left out. Errors: 22023 bad argument.';

CREATE FUNCTION evently.refresh_sold_out_labels(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_refresh_sold_out_labels';
COMMENT ON FUNCTION evently.refresh_sold_out_labels IS
'Set SOLD_OUT and ON_SALE right where sales raced.
batch_size: examines at most so many notes of emptied shards, 1 to 100,000. Result: the number of notes examined. Errors: 22023 bad argument.';

/* It commits, so it can neither be a definer nor have a SET clause. */
CREATE PROCEDURE evently.run_jobs()
	LANGUAGE C AS 'MODULE_PATHNAME', 'ev_run_jobs';
COMMENT ON PROCEDURE evently.run_jobs IS
'All maintenance once: lapsed holds and offers, the waitlist''s lines, sold-out labels, lapsed bookings, sent messages, the roll-up of sales, past events out of the search. Commits after each batch of evently.job_batch_size; a job that fails is reported as a warning and in job_status, and does not stop the next. Two at once share the work.';

CREATE FUNCTION evently.grant_jobs(role name) RETURNS void
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_grant_jobs';
COMMENT ON FUNCTION evently.grant_jobs IS
'Let a role run the jobs: it may execute run_jobs() and what that calls, and nothing else.
Errors: 22023 bad argument or the role cannot log in, 42704 unknown role.';

CREATE FUNCTION evently.schedule_jobs(as_role name DEFAULT NULL) RETURNS bigint
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_schedule_jobs';
COMMENT ON FUNCTION evently.schedule_jobs IS
'Have pg_cron run CALL evently.run_jobs() every minute in this database.
as_role: who runs them, the caller unless given; the role must be able to log in, and is granted what the jobs need: nothing but to execute them.
Result: pg_cron''s job id. Errors: 55000 pg_cron is not in this database (HINT: the SQL to run where it is, or a crontab line), 42704 unknown role, 22023 the role cannot log in.';

CREATE FUNCTION evently.unschedule_jobs() RETURNS boolean
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_unschedule_jobs';
COMMENT ON FUNCTION evently.unschedule_jobs IS
'Undo schedule_jobs(): call it before DROP EXTENSION evently. Result: whether there was a job. Errors: 55000 pg_cron is not in this database (HINT: the SQL to run where it is).';
