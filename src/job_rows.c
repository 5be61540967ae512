/*-------------------------------------------------------------------------
 *
 * job_rows.c
 *	  Rows that a job handles in batches: a bad one does not stop the rest.
 *
 * All rows are handled at once. If that fails, each is handled on its own, and
 * those that fail are entered in job_failures: the job leaves them out until
 * retry_at, so that they cannot fill its batches.
 *
 *-------------------------------------------------------------------------
 */
#include "job_rows.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "spi_util.h"

/* After its first failure a row waits so long; doubled with each, up to a day. */
#define FIRST_RETRY_MINUTES 1

/* An error that says nothing about the row: it concerns the whole call. */
static bool
concerns_the_call(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_SYSTEM_ERROR ||
		sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/* Do the work in a subtransaction: NULL, or its error. */
static ErrorData *
attempt(JobWork work, const int64 *ids, int n, void *arg, int *done)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*done += work(ids, n, arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && concerns_the_call(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

static void
note_failure(const char *job, int64 id, const ErrorData *error)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.job_failures AS f"
		" (job, object_id, sqlstate, error, failures, first_failed_at, last_failed_at, retry_at)"
		" VALUES ($1, $2, $3, $4, 1, $5, $5, $5 + pg_catalog.make_interval(mins => $6))"
		" ON CONFLICT (job, object_id) DO UPDATE SET sqlstate = EXCLUDED.sqlstate,"
		" error = EXCLUDED.error, failures = f.failures + 1, last_failed_at = $5,"
		" retry_at = $5 + LEAST(pg_catalog.make_interval(mins => $6) * 2 ^ LEAST(f.failures, 20),"
		"  interval '1 day')",
		TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID);
	Datum		values[6] = {
		CStringGetTextDatum(job), Int64GetDatum(id),
		CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
		CStringGetTextDatum(error->message), TimestampTzGetDatum(GetCurrentTimestamp()),
		Int32GetDatum(FIRST_RETRY_MINUTES)
	};

	(void) spi_run(&query, values, NULL);
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("%s: " INT64_FORMAT " failed: %s", job, id, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 errhint("It is left out until retry_at: see evently.job_failures.")));
}

/* What failed before and did not now. */
static void
forget_failures(const char *job, const int64 *ids, int n)
{
	static SpiQuery query = SPI_QUERY(
		"DELETE FROM evently.job_failures WHERE job = $1 AND object_id = ANY ($2)",
		TEXTOID, INT8ARRAYOID);
	Datum		values[2] = {CStringGetTextDatum(job), int64_array(ids, n)};

	(void) spi_run(&query, values, NULL);
}

/* Handle rows; how much was done, rows that failed included. */
int
do_rows(const char *job, const int64 *ids, int n, JobWork work, void *arg)
{
	int			done = 0;

	if (n == 0)
		return 0;
	if (attempt(work, ids, n, arg, &done) == NULL)
	{
		forget_failures(job, ids, n);
		return done;
	}
	for (int i = 0; i < n; i++)
	{
		ErrorData  *error = attempt(work, &ids[i], 1, arg, &done);

		if (error == NULL)
			forget_failures(job, &ids[i], 1);
		else
		{
			note_failure(job, ids[i], error);
			done++;
		}
	}
	return done;
}
