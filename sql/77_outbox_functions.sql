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
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_claim_notifications';
COMMENT ON FUNCTION evently.claim_notifications IS
'Messages for a worker to send; no other worker gets them for the time of visibility. Commit, send, then acknowledge each: what is not acknowledged in time is given out again, with the same message_id.
batch_size: at most so many, 1 to 100,000; visibility: 1 second to 1 day.
Result: the messages, those due first at the head; the payload of TICKETS_ISSUED has the tickets as they are now: [{"ticket_id": 1, "tier": "VIP", "attendee_name": "Ada"}, …]. Errors: 22023 bad argument.';

CREATE FUNCTION evently.ack_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_ack_notification';
COMMENT ON FUNCTION evently.ack_notification IS
'The message was sent. Result: false when that was known before. Errors: P0002 unknown message (sent long ago, and cleaned away).';

CREATE FUNCTION evently.fail_notification(
	notification_id bigint, error text, attempt integer DEFAULT NULL) RETURNS text
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_fail_notification';
COMMENT ON FUNCTION evently.fail_notification IS
'The message could not be sent. It is given out again after evently.notification_backoff, doubled with each attempt up to 6 hours; after evently.notification_max_attempts it is DEAD.
error: why; attempt: the message''s attempts when it was claimed: a report on an earlier attempt than the last changes nothing.
Result: the message''s status. Errors: 22023 bad argument, P0002 unknown message.';

CREATE FUNCTION evently.retry_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_retry_notification';
COMMENT ON FUNCTION evently.retry_notification IS
'Give out a DEAD message anew, as if it had not been tried. Result: false when it is not DEAD. Errors: P0002 unknown message.';

CREATE FUNCTION evently.clean_notifications(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_clean_notifications';
COMMENT ON FUNCTION evently.clean_notifications IS
'Delete messages sent more than evently.notification_keep ago, and give up those that were claimed evently.notification_max_attempts times with no answer. DEAD messages stay.
batch_size: at most so many of each, 1 to 100,000. Result: the number changed. Errors: 22023 bad argument.';

/* What run_jobs() reports; it runs as a role that can do no more than that. */
CREATE FUNCTION evently.record_job_run(
	job text, started timestamptz, rows bigint, error text DEFAULT NULL) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
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
