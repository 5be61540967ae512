/*-------------------------------------------------------------------------
 *
 * spi_util.c
 *	  Kept plans and the reading of their results.
 *
 * Plans are generic: their cost is paid once for each backend. The functions
 * that use them are created with enable_seqscan off (sql/70_*), because a plan
 * made while a table had one page would scan it when it has a million.
 *
 *-------------------------------------------------------------------------
 */
#include "spi_util.h"

#include "nodes/parsenodes.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "refusal.h"

static void
prepare(SpiQuery *query)
{
	SPIPlanPtr	plan;

	plan = SPI_prepare_cursor(query->sql, query->nargs, query->argtypes,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	query->plan = plan;
}

/*
 * Run a statement; the number of rows it returned or changed.
 *
 * Under READ COMMITTED each statement has a snapshot of its own. At the higher
 * levels it has the transaction's, so that changing a row that others changed
 * since is PostgreSQL's own 40001.
 */
uint64
spi_run(SpiQuery *query, Datum *values, const char *nulls)
{
	int			rc;

	if (query->plan == NULL)
		prepare(query);
	rc = SPI_execute_plan(query->plan, values, nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/*
 * Run a SELECT by a snapshot taken now, whatever the isolation level: what is
 * refused must be refused for what is true now, not for what was true when the
 * transaction began.
 */
uint64
spi_read_fresh(SpiQuery *query, Datum *values, const char *nulls)
{
	Snapshot	snapshot;
	int			rc;

	if (!IsolationUsesXactSnapshot())
		return spi_run(query, values, nulls);

	if (query->plan == NULL)
		prepare(query);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	rc = SPI_execute_snapshot(query->plan, values, nulls, snapshot, InvalidSnapshot,
							  true, false, 0);
	UnregisterSnapshot(snapshot);
	if (rc < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

Datum
spi_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

bool
spi_is_null(uint64 row, int column)
{
	bool		isnull;

	(void) spi_datum(row, column, &isnull);
	return isnull;
}

/* A bigint column; 0 for null. */
int64
spi_int64(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_datum(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* An integer column; 0 for null. */
int32
spi_int32(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_datum(row, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* A column of any type as text; NULL for null. */
char *
spi_string(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* A column, copied so that it outlives SPI_finish. */
Datum
spi_result(uint64 row, int column, Oid type)
{
	bool		isnull;
	bool		byval;
	int16		len;
	Datum		value = spi_datum(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in a result");
	if (type == InvalidOid)
		type = SPI_gettypeid(SPI_tuptable->tupdesc, column);
	get_typlenbyval(type, &len, &byval);
	return SPI_datumTransfer(value, byval, len);
}

void
ev_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* Leave SPI; result is what spi_result gave. */
Datum
ev_finish(Datum result)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return result;
}

static void
refuse_null(const char *name)
{
	raise_bad_argument(psprintf("%s must not be null", name), NULL, NULL);
}

int64
arg_id(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		refuse_null(name);
	return PG_GETARG_INT64(n);
}

int32
arg_int32(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		refuse_null(name);
	return PG_GETARG_INT32(n);
}

/* A text argument; NULL for null. */
char *
arg_string(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
arg_nonempty_string(FunctionCallInfo fcinfo, int n, const char *name)
{
	char	   *string = arg_string(fcinfo, n);

	if (string == NULL)
		refuse_null(name);
	if (string[strspn(string, " ")] == '\0')
		raise_bad_argument(psprintf("%s must not be empty", name), NULL, NULL);
	return string;
}

int32
arg_batch_size(FunctionCallInfo fcinfo, int n)
{
	int32		size = arg_int32(fcinfo, n, "batch_size");

	if (size < 1 || size > 100000)
		raise_bad_argument("batch_size must be between 1 and 100000",
						   psprintf("It is %d.", size), NULL);
	return size;
}

Datum
int64_array(const int64 *values, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
int32_array(const int32 *values, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = Int32GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, n, INT4OID, sizeof(int32),
										   true, TYPALIGN_INT));
}

/* A text datum and the flag that SPI wants for it. */
Datum
string_datum_or_null(const char *string, char *null_flag)
{
	*null_flag = string ? ' ' : 'n';
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}
