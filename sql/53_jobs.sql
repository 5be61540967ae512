/*
 * What the jobs report, and the rows they could not handle.
 */
CREATE TABLE evently.job_runs (
	job          text PRIMARY KEY,
	last_run     timestamptz NOT NULL,
	last_success timestamptz,
	rows         bigint NOT NULL,
	duration     interval NOT NULL,
	error        text,
	runs         bigint NOT NULL,
	total_rows   bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE evently.job_runs IS 'The last run of each job';
COMMENT ON COLUMN evently.job_runs.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_runs.last_run IS 'When it last ran';
COMMENT ON COLUMN evently.job_runs.last_success IS 'When it last ran without an error';
COMMENT ON COLUMN evently.job_runs.rows IS 'What it did then';
COMMENT ON COLUMN evently.job_runs.duration IS 'How long that took';
COMMENT ON COLUMN evently.job_runs.error IS 'Its error; null when all went well';
COMMENT ON COLUMN evently.job_runs.runs IS 'How often it has run';
COMMENT ON COLUMN evently.job_runs.total_rows IS 'What all runs did';

CREATE TABLE evently.job_failures (
	job             text NOT NULL,
	object_id       bigint NOT NULL,
	sqlstate        text NOT NULL,
	error           text NOT NULL,
	failures        integer NOT NULL,
	first_failed_at timestamptz NOT NULL,
	last_failed_at  timestamptz NOT NULL,
	retry_at        timestamptz NOT NULL,
	PRIMARY KEY (job, object_id)
);
COMMENT ON TABLE evently.job_failures IS 'Rows that a job could not handle, and leaves out until retry_at';
COMMENT ON COLUMN evently.job_failures.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_failures.object_id IS 'Id of what failed: an order, an offer, or the tier of a line';
COMMENT ON COLUMN evently.job_failures.sqlstate IS 'SQLSTATE of the last error';
COMMENT ON COLUMN evently.job_failures.error IS 'The last error';
COMMENT ON COLUMN evently.job_failures.failures IS 'How often it failed';
COMMENT ON COLUMN evently.job_failures.first_failed_at IS 'When it failed first';
COMMENT ON COLUMN evently.job_failures.last_failed_at IS 'When it failed last';
COMMENT ON COLUMN evently.job_failures.retry_at IS 'When the job tries it again';
