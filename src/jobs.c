/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  Maintenance: all of it once, and every minute through pg_cron.
 *
 * run_jobs() runs with the rights of its caller, who needs no more than to
 * execute it and the functions listed here (schedule_jobs() grants that).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "guc.h"
#include "jobs.h"
#include "refusal.h"
#include "spi_util.h"

/* Each takes a batch size and returns how much it did: less means all is done. */
static const char *const jobs[] = {
	"release_expired_orders",
	"release_expired_offers",
	"settle_waitlists",
	"refresh_sold_out_labels",
	"release_lapsed_bookings",
	"clean_notifications",
	"roll_up_sales",
	"roll_up_daily_sales",
	"forget_past_events",
};

/* How often a batch that met a serialization failure or a deadlock is tried. */
#define MAX_TRIES 3

/* So many other transactions that write are a rush; the longest rest in one, in ms. */
#define OTHERS_IN_A_RUSH 5
#define MAX_REST 1000

/* What became of a batch. */
typedef struct Batch
{
	int32		done;			/* -1: failed */
	int			sqlerrcode;
	char	   *error;
} Batch;

/*
 * A statement for a job, in a subtransaction: an error becomes a warning, unless
 * it is the wish to end. It returns how much was done.
 */
static Batch
run_statement(const char *job, const char *sql, int nargs, Oid *types, Datum *values,
			  const char *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Batch batch = {.done = -1};

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		int			rc = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);

		if (rc != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "job %s failed: %s", job, SPI_result_code_string(rc));
		batch.done = spi_int32(0, 1);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("job %s failed: %s", job, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
		batch.done = -1;
		batch.sqlerrcode = error->sqlerrcode;
		batch.error = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return batch;
}

/* One batch of a job. */
static Batch
run_batch(const char *job)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(ev_job_batch_size)};

	return run_statement(job, psprintf("SELECT evently.%s($1)", job), 1, types, values, NULL);
}

static bool
is_worth_another_try(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* Enter a run in job_runs. */
static void
report_run(const char *job, TimestampTz started, int64 rows, const char *error)
{
	Oid			types[4] = {TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID};
	char		nulls[] = "    ";
	Datum		values[4] = {
		CStringGetTextDatum(job), TimestampTzGetDatum(started), Int64GetDatum(rows),
		string_datum_or_null(error, &nulls[3])
	};

	(void) run_statement(job, "SELECT evently.record_job_run($1, $2, $3, $4)", 4, types, values,
						 nulls);
}

/*
 * The jobs' transactions are READ COMMITTED, whatever the session's default:
 * they judge by the present, under locks, and at the higher levels they would
 * only fail each other. Set as SET TRANSACTION does it, before the first snapshot.
 */
static void
commit_and_go_on(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/*
 * Until ALTER EXTENSION UPDATE the SQL may be older than this library, and lack
 * the newest job. Any other that is missing is a failure, and reported.
 */
static bool
is_in_this_version(const char *job)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(psprintf("evently.%s", job))};

	if (strcmp(job, "roll_up_daily_sales") != 0)
		return true;
	if (SPI_execute_with_args("SELECT pg_catalog.to_regproc($1)", 1, types, values, NULL, true,
							  1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for job %s", job);
	return !spi_is_null(0, 1);
}

/*
 * In a rush the processor that the jobs take is the buyers', who do not wait for
 * them: a tier that runs short ends its own lapsed holds. So between batches, no
 * lock held, rest twice as long as the last one took.
 */
static void
give_way(TimestampTz began)
{
	long		rest = TimestampDifferenceMilliseconds(began, GetCurrentTimestamp()) * 2;

	if (!MinimumActiveBackends(OTHERS_IN_A_RUSH))
		return;
	rest = Min(Max(rest, 1), MAX_REST);
	elog(DEBUG1, "jobs give way for %ld ms", rest);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, rest,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* A job until all is done, with a commit after each batch. */
static void
run_job(const char *job)
{
	TimestampTz started = GetCurrentTimestamp();
	int64		rows = 0;
	int			tries = 0;
	Batch		batch;

	for (;;)
	{
		TimestampTz began = GetCurrentTimestamp();

		CHECK_FOR_INTERRUPTS();
		batch = run_batch(job);
		commit_and_go_on();
		if (batch.done >= 0)
			rows += batch.done;
		else if (!is_worth_another_try(batch.sqlerrcode) || ++tries == MAX_TRIES)
			break;
		if (batch.done >= 0 && batch.done < ev_job_batch_size)
			break;
		give_way(began);
	}
	report_run(job, started, rows, batch.done < 0 ? batch.error : NULL);
	commit_and_go_on();
}

/* run_jobs() */
PG_FUNCTION_INFO_V1(ev_run_jobs);
Datum
ev_run_jobs(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !castNode(CallContext, fcinfo->context)->atomic);

	if (atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("run_jobs cannot run inside a transaction block"),
				 errhint("Call it on its own: it commits after each batch.")));
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	commit_and_go_on();
	for (size_t i = 0; i < lengthof(jobs); i++)
	{
		if (is_in_this_version(jobs[i]))
			run_job(jobs[i]);
	}
	ev_finish((Datum) 0);
	PG_RETURN_VOID();
}

/* record_job_run(job, started, rows, error) */
PG_FUNCTION_INFO_V1(ev_record_job_run);
Datum
ev_record_job_run(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.job_runs AS r"
		" (job, last_run, last_success, rows, duration, error, runs, total_rows)"
		" VALUES ($1, $2, CASE WHEN $4 IS NULL THEN $2 END, $3, $5 - $2, $4, 1, $3)"
		" ON CONFLICT (job) DO UPDATE SET last_run = EXCLUDED.last_run,"
		" last_success = coalesce(EXCLUDED.last_success, r.last_success), rows = EXCLUDED.rows,"
		" duration = EXCLUDED.duration, error = EXCLUDED.error, runs = r.runs + 1,"
		" total_rows = r.total_rows + EXCLUDED.rows",
		TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TIMESTAMPTZOID);
	char	   *job = arg_nonempty_string(fcinfo, 0, "job");
	char	   *error = arg_string(fcinfo, 3);
	bool		known = false;
	char		nulls[] = "     ";
	Datum		values[5];

	for (size_t i = 0; i < lengthof(jobs) && !known; i++)
		known = strcmp(jobs[i], job) == 0;
	if (!known)
		raise_bad_argument(psprintf("unknown job \"%s\"", job), NULL, NULL);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		raise_bad_argument("started and rows must not be null", NULL, NULL);
	values[0] = CStringGetTextDatum(job);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = PG_GETARG_DATUM(2);
	values[3] = string_datum_or_null(error, &nulls[3]);
	values[4] = TimestampTzGetDatum(GetCurrentTimestamp());

	ev_connect();
	(void) spi_run(&query, values, nulls);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(1);
}

#define JOB_COMMAND "CALL evently.run_jobs()"
#define JOB_SCHEDULE "* * * * *"

/* What the jobs of this database are called in pg_cron, as a literal. */
static char *
job_name(void)
{
	return psprintf("evently %s", get_database_name(MyDatabaseId));
}

/* pg_cron lives in one database; elsewhere, say what to run there. */
static void
require_pg_cron(const char *here, const char *elsewhere, const char *without)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'pg_cron'");
	const char *home = GetConfigOption("cron.database_name", true, false);

	if (spi_run(&query, NULL, NULL) > 0)
		return;
	if (home == NULL)
		raise_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"extension pg_cron is not in this database",
					"It is not in shared_preload_libraries.", psprintf("%s%s", here, without));
	if (strcmp(home, get_database_name(MyDatabaseId)) == 0)
		raise_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"extension pg_cron is not in this database",
					"It is to live here, but has not been created.",
					"Run here first: CREATE EXTENSION pg_cron;");
	raise_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				"extension pg_cron is not in this database",
				psprintf("It belongs in database \"%s\".", home),
				psprintf("%sRun there: %s;", here, elsewhere));
}

/* What is granted to a role that runs the jobs, as role_privileges writes it. */
Datum
job_privileges(void)
{
	static const char *const others[] = {"run_jobs", "record_job_run"};
	Datum		privileges[lengthof(jobs) + lengthof(others)];
	int			n = 0;

	for (size_t i = 0; i < lengthof(others); i++)
		privileges[n++] = CStringGetTextDatum(psprintf("EXECUTE ON ROUTINE evently.%s", others[i]));
	for (size_t i = 0; i < lengthof(jobs); i++)
		privileges[n++] = CStringGetTextDatum(psprintf("EXECUTE ON ROUTINE evently.%s", jobs[i]));
	return datum_array(privileges, NULL, n, TEXTOID);
}

/* Let a role run the jobs, and no more. */
static void
grant_jobs(const char *role)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "GRANT USAGE ON SCHEMA evently TO %s", role);
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not grant to %s", role);
	resetStringInfo(&sql);
	appendStringInfoString(&sql, "GRANT EXECUTE ON ROUTINE evently.run_jobs(),"
						   " evently.record_job_run(text, timestamptz, bigint, text)");
	for (size_t i = 0; i < lengthof(jobs); i++)
	{
		if (is_in_this_version(jobs[i]))
			appendStringInfo(&sql, ", evently.%s(integer)", jobs[i]);
	}
	appendStringInfo(&sql, " TO %s", role);
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not grant to %s", role);
}

/* The role that is to run the jobs: one that can log in, as pg_cron demands. */
static char *
arg_role(FunctionCallInfo fcinfo, int n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = $1", NAMEOID);
	Datum		values[1] = {PG_GETARG_DATUM(n)};
	char	   *role;
	bool		isnull;

	if (PG_ARGISNULL(n))
		return NULL;
	role = pstrdup(NameStr(*PG_GETARG_NAME(n)));
	if (spi_run(&query, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", role)));
	if (!DatumGetBool(spi_datum(0, 1, &isnull)))
		raise_bad_argument(psprintf("role \"%s\" cannot log in", role), NULL,
						   "pg_cron runs jobs only as a role that can log in.");
	return role;
}

/* grant_jobs(role) */
PG_FUNCTION_INFO_V1(ev_grant_jobs);
Datum
ev_grant_jobs(PG_FUNCTION_ARGS)
{
	char	   *role;

	ev_connect();
	role = arg_role(fcinfo, 0);
	if (role == NULL)
		raise_bad_argument("role must not be null", NULL, NULL);
	grant_jobs(quote_identifier(role));
	ev_finish((Datum) 0);
	PG_RETURN_VOID();
}

/* schedule_jobs(as_role): every minute; pg_cron's job id */
PG_FUNCTION_INFO_V1(ev_schedule_jobs);
Datum
ev_schedule_jobs(PG_FUNCTION_ARGS)
{
	static SpiQuery forget_others = SPI_QUERY(
		"SELECT cron.unschedule(j.jobid) FROM cron.job j"
		" WHERE j.jobname = $1 AND j.username <> coalesce($2, current_user)",
		TEXTOID, TEXTOID);
	static SpiQuery as_caller = SPI_QUERY(
		"SELECT cron.schedule($1, '" JOB_SCHEDULE "', '" JOB_COMMAND "')", TEXTOID);
	static SpiQuery as_other = SPI_QUERY(
		"SELECT cron.schedule_in_database($1, '" JOB_SCHEDULE "', '" JOB_COMMAND "',"
		" pg_catalog.current_database(), $2)", TEXTOID, TEXTOID);
	const char *database = quote_literal_cstr(get_database_name(MyDatabaseId));
	char		nulls[] = "  ";
	Datum		values[2];
	char	   *role;
	int64		job_id;

	ev_connect();
	role = arg_role(fcinfo, 0);
	require_pg_cron(role ? psprintf("Run here: SELECT evently.grant_jobs(%s); ",
									quote_literal_cstr(role)) : "",
					psprintf("SELECT cron.schedule_in_database(%s, '" JOB_SCHEDULE "', '"
							 JOB_COMMAND "', %s%s%s)",
							 quote_literal_cstr(job_name()), database, role ? ", " : "",
							 role ? quote_literal_cstr(role) : ""),
					psprintf("Run every minute, for example by a crontab line: " JOB_SCHEDULE
							 " psql -X%s%s -d %s -c '" JOB_COMMAND "'",
							 role ? " -U " : "", role ? role : "", database));
	if (role != NULL)
		grant_jobs(quote_identifier(role));
	values[0] = CStringGetTextDatum(job_name());
	values[1] = string_datum_or_null(role, &nulls[1]);
	(void) spi_run(&forget_others, values, nulls);
	(void) spi_run(role ? &as_other : &as_caller, values, NULL);
	job_id = spi_int64(0, 1);
	ev_finish((Datum) 0);
	PG_RETURN_INT64(job_id);
}

/* unschedule_jobs(): whether there was a job */
PG_FUNCTION_INFO_V1(ev_unschedule_jobs);
Datum
ev_unschedule_jobs(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT cron.unschedule(j.jobid) FROM cron.job j WHERE j.jobname = $1", TEXTOID);
	Datum		values[1];
	uint64		n;

	(void) fcinfo;
	ev_connect();
	require_pg_cron("", psprintf("SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %s",
								 quote_literal_cstr(job_name())),
					"Remove the line from the crontab.");
	values[0] = CStringGetTextDatum(job_name());
	n = spi_run(&query, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_BOOL(n > 0);
}
