-- schedule_jobs and unschedule_jobs where pg_cron is at home. It never runs what is not committed.
\ir include/fixtures.psql
SELECT * FROM no_plan();
SELECT coalesce(current_setting('cron.database_name', true) = current_database(), false) AS at_home \gset
\if :at_home
CREATE EXTENSION pg_cron;

SELECT is(evently.unschedule_jobs(), false, 'there is no job yet');
SELECT evently.schedule_jobs() AS job \gset
SELECT results_eq('SELECT schedule, command, database, username, active FROM cron.job WHERE jobid = ' || :job,
	format('VALUES (''* * * * *'', ''CALL evently.run_jobs()'', %L, %L, true)', current_database(), current_user), 'every minute, in this database');
SELECT is(evently.schedule_jobs(), :job::bigint, 'scheduled again: the same job');
SELECT is(count(*), 1::bigint, 'and no second') FROM cron.job;
-- Somebody else's job of that name is none of ours.
INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname)
SELECT schedule, command, nodename, nodeport, database, 'somebody_else', jobname FROM cron.job;
SELECT is(evently.unschedule_jobs(), true, 'there was a job');
SELECT results_eq('SELECT username FROM cron.job', ARRAY['somebody_else'], 'and it is gone');
SELECT is(evently.unschedule_jobs(), false, 'which may be said twice');
\else
SELECT skip('cron.database_name is another database', 7);
\endif

SELECT * FROM finish();
ROLLBACK;
