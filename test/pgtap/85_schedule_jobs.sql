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
-- Another role's job of that name is the one that schedule_jobs(as_role) makes: a superuser ends it too.
INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname)
SELECT schedule, command, nodename, nodeport, database, 'somebody_else', jobname FROM cron.job;
SELECT is(evently.unschedule_jobs(), true, 'there was a job');
SELECT is_empty('SELECT username FROM cron.job', 'and it is gone, whoever ran it');
SELECT is(evently.unschedule_jobs(), false, 'which may be said twice');
\else
SELECT skip('cron.database_name is another database', 7);
\endif

SELECT * FROM finish();
ROLLBACK;
