/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  Maintenance: all of it once, and every minute through pg_cron.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "guc.h"
#include "refusal.h"
#include "spi_util.h"

/* Each takes a batch size and returns how much it did: less means all is done. */
static const char *const jobs[] = {
	"release_expired_orders",
	"refresh_sold_out_labels",
	"release_lapsed_bookings",
};

/*
 * One batch of a job, in a subtransaction: an error becomes a warning. How much
 * was done, or -1.
 */
static int32
run_batch(const char *job)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *sql = psprintf("SELECT evently.%s($1)", job);
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(ev_job_batch_size)};
	volatile int32 done = -1;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		int			rc = SPI_execute_with_args(sql, 1, types, values, NULL, false, 0);

		if (rc != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "job %s failed: %s", job, SPI_result_code_string(rc));
		done = spi_int32(0, 1);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("job %s failed: %s", job, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

/* run_jobs(): commits after each batch. */
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
	for (size_t i = 0; i < lengthof(jobs); i++)
	{
		int32		done;

		do
		{
			CHECK_FOR_INTERRUPTS();
			done = run_batch(jobs[i]);
			SPI_commit();
		} while (done >= ev_job_batch_size);
	}
	ev_finish((Datum) 0);
	PG_RETURN_VOID();
}

#define JOB_COMMAND "CALL evently.run_jobs()"

/* What the jobs of this database are called in pg_cron. */
static char *
job_name(void)
{
	return psprintf("evently %s", get_database_name(MyDatabaseId));
}

/* pg_cron lives in one database; elsewhere, say what to run there. */
static void
require_pg_cron(const char *sql_elsewhere, const char *without_pg_cron)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'pg_cron'");
	const char *home = GetConfigOption("cron.database_name", true, false);

	if (spi_run(&query, NULL, NULL) > 0)
		return;
	raise_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				"extension pg_cron is not in this database",
				home ? psprintf("It belongs in database \"%s\".", home)
				: "It is not in shared_preload_libraries.",
				home ? psprintf("Run there: %s", sql_elsewhere) : without_pg_cron);
}

/* schedule_jobs(): every minute; pg_cron's job id */
PG_FUNCTION_INFO_V1(ev_schedule_jobs);
Datum
ev_schedule_jobs(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT cron.schedule($1, '* * * * *', '" JOB_COMMAND "')", TEXTOID);
	Datum		values[1];
	int64		job_id;
	char	   *database = quote_literal_cstr(get_database_name(MyDatabaseId));

	(void) fcinfo;
	ev_connect();
	require_pg_cron(psprintf("SELECT cron.schedule_in_database(%s, '* * * * *', '" JOB_COMMAND "', %s);",
							 quote_literal_cstr(job_name()), database),
					psprintf("Run every minute, for example by cron: psql -X -d %s -c '" JOB_COMMAND "'",
							 database));
	values[0] = CStringGetTextDatum(job_name());
	(void) spi_run(&query, values, NULL);
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
		"SELECT cron.unschedule(j.jobid) FROM cron.job j"
		" WHERE j.jobname = $1 AND j.username = current_user",
		TEXTOID);
	Datum		values[1];
	uint64		n;

	(void) fcinfo;
	ev_connect();
	require_pg_cron(psprintf("SELECT cron.unschedule(%s);", quote_literal_cstr(job_name())), NULL);
	values[0] = CStringGetTextDatum(job_name());
	n = spi_run(&query, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_BOOL(n > 0);
}
