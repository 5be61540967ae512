/*
 * Outbox workers (src/outbox.c, docs/outbox.md) and what jobs report
 * (src/jobs.c).
 */
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.notifications
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'PENDING>SENT', 'PENDING>DEAD', 'DEAD>SENT', 'DEAD>PENDING');
COMMENT ON TRIGGER check_transition ON evently.notifications IS 'The states of a message';

CREATE FUNCTION evently.claim_notifications(
	batch_size integer DEFAULT 100, visibility interval DEFAULT '2 minutes')
	RETURNS SETOF evently.notifications
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_claim_notifications';
COMMENT ON FUNCTION evently.claim_notifications IS
'Messages for a worker to send; no other worker gets them for the time of visibility. Commit, send, then acknowledge each: what is not acknowledged in time is given out again, with the same message_id.
batch_size: at most so many, 1 to 100,000; visibility: 1 second to 1 day.
Result: the messages, those due first at the head; the payload of TICKETS_ISSUED has the tickets as they are now: [{"ticket_id": 1, "tier": "VIP", "attendee_name": "Ada"}, …]. Errors: 22023 bad argument.';

CREATE FUNCTION evently.ack_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_ack_notification';
COMMENT ON FUNCTION evently.ack_notification IS
'The message was sent. Result: false when that was known before. Errors: P0002 unknown message (sent long ago, and cleaned away).';

CREATE FUNCTION evently.fail_notification(
	notification_id bigint, error text, attempt integer DEFAULT NULL) RETURNS text
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_fail_notification';
COMMENT ON FUNCTION evently.fail_notification IS
'The message could not be sent. It is given out again after evently.notification_backoff, doubled with each attempt up to 6 hours; after evently.notification_max_attempts it is DEAD.
error: why; attempt: the message''s attempts when it was claimed: a report on an earlier attempt than the last changes nothing.
Result: the message''s status. Errors: 22023 bad argument, P0002 unknown message.';

CREATE FUNCTION evently.retry_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_retry_notification';
COMMENT ON FUNCTION evently.retry_notification IS
'Give out a DEAD message anew, as if it had not been tried. Result: false when it is not DEAD. Errors: P0002 unknown message.';

CREATE FUNCTION evently.clean_notifications(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_clean_notifications';
COMMENT ON FUNCTION evently.clean_notifications IS
'Delete messages sent more than evently.notification_keep ago, and give up those that were claimed evently.notification_max_attempts times with no answer. DEAD messages stay.
batch_size: at most so many of each, 1 to 100,000. Result: the number changed. Errors: 22023 bad argument.';

CREATE VIEW evently.outbox_status AS
SELECT kind,
	count(*) FILTER (WHERE status = 'PENDING') AS pending,
	count(*) FILTER (WHERE status = 'PENDING' AND attempts > 0) AS retrying,
	count(*) FILTER (WHERE status = 'DEAD') AS dead,
	min(created_at) FILTER (WHERE status = 'PENDING') AS oldest_pending
FROM evently.notifications WHERE status IN ('PENDING', 'DEAD') GROUP BY kind;
COMMENT ON VIEW evently.outbox_status IS 'Messages not sent yet, by kind';
COMMENT ON COLUMN evently.outbox_status.kind IS 'Kind of message';
COMMENT ON COLUMN evently.outbox_status.pending IS 'To be sent, or being sent';
COMMENT ON COLUMN evently.outbox_status.retrying IS 'Of these, claimed at least once';
COMMENT ON COLUMN evently.outbox_status.dead IS 'Given up';
COMMENT ON COLUMN evently.outbox_status.oldest_pending IS 'When the oldest of the pending was written';

/* What run_jobs() reports; it runs as a role that can do no more than that. */
CREATE FUNCTION evently.record_job_run(
	job text, started timestamptz, rows bigint, error text DEFAULT NULL) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_record_job_run';
COMMENT ON FUNCTION evently.record_job_run IS
'Internal: enters a run of a job that ends now in job_runs. Result: 1. Errors: 22023 unknown job.';

CREATE FUNCTION evently.oldest_snapshot_age() RETURNS interval
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT max(clock_timestamp() - a.xact_start) FROM pg_stat_activity a
	WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL
		AND a.pid <> pg_backend_pid();
END;
COMMENT ON FUNCTION evently.oldest_snapshot_age IS
'How long the oldest open snapshot of another connection to this database has been held: what it keeps alive, vacuum cannot remove. Result: null when there is none.';

/* A setting is unknown to a session that has not loaded the library; 10 is its default (src/guc.c). */
CREATE VIEW evently.job_status AS
SELECT j.job, r.last_run, r.rows, r.duration, r.error, r.last_success,
	CASE j.job
		WHEN 'release_expired_orders' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.orders o
			WHERE o.status = 'PENDING' AND o.expires_at <= clock_timestamp())
		WHEN 'release_expired_offers' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.waitlist_offers o
			WHERE o.status = 'OPEN' AND o.expires_at <= clock_timestamp())
		WHEN 'settle_waitlists' THEN
			(SELECT clock_timestamp() - min(l.gather_until) FROM evently.waitlist_lines l
			WHERE l.gathering > 0 AND l.gather_until <= clock_timestamp())
		WHEN 'release_lapsed_bookings' THEN
			(SELECT clock_timestamp() - min(b.deposit_due_at) FROM evently.venue_bookings b
			WHERE b.status = 'REQUESTED' AND b.deposit_due_at <= clock_timestamp())
		WHEN 'clean_notifications' THEN
			(SELECT clock_timestamp() - min(n.visible_at) FROM evently.notifications n
			WHERE n.status = 'PENDING' AND n.visible_at <= clock_timestamp()
				AND n.attempts >= coalesce(current_setting('evently.notification_max_attempts', true), '10')::integer)
	END AS lag,
	(SELECT count(*) FROM evently.job_failures f WHERE f.job = j.job) AS failing,
	r.runs, r.total_rows,
	evently.oldest_snapshot_age() AS oldest_snapshot
FROM (
	SELECT 'release_expired_orders'
	UNION ALL SELECT 'release_expired_offers'
	UNION ALL SELECT 'settle_waitlists'
	UNION ALL SELECT 'refresh_sold_out_labels'
	UNION ALL SELECT 'release_lapsed_bookings'
	UNION ALL SELECT 'clean_notifications'
	UNION ALL SELECT 'roll_up_sales'
	UNION ALL SELECT 'forget_past_events') j (job)
LEFT JOIN evently.job_runs r ON r.job = j.job;
COMMENT ON VIEW evently.job_status IS 'Each job: its last run, and how far it lags behind';
COMMENT ON COLUMN evently.job_status.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_status.last_run IS 'When it last ran; null: never';
COMMENT ON COLUMN evently.job_status.rows IS 'What it did then';
COMMENT ON COLUMN evently.job_status.duration IS 'How long that took';
COMMENT ON COLUMN evently.job_status.error IS 'Its error; null when all went well';
COMMENT ON COLUMN evently.job_status.last_success IS 'When it last ran without an error';
COMMENT ON COLUMN evently.job_status.lag IS 'How long the oldest row that the job should have handled has been waiting; null: there is none';
COMMENT ON COLUMN evently.job_status.failing IS 'Rows that it could not handle: see job_failures';
COMMENT ON COLUMN evently.job_status.runs IS 'How often it has run';
COMMENT ON COLUMN evently.job_status.total_rows IS 'What all runs did';
COMMENT ON COLUMN evently.job_status.oldest_snapshot IS 'Age of the oldest open snapshot of this database: what it keeps alive, vacuum cannot remove';
