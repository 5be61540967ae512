/*-------------------------------------------------------------------------
 *
 * spi_util.c
 *	  Kept plans and the reading of their results.
 *
 * Plans are generic: their cost is paid once for each backend. While a statement
 * is run, seq scans and JIT are off (see execute()), so that this holds whenever
 * PostgreSQL plans it anew. An EXISTS that is a value, not a condition of WHERE,
 * has OFFSET 0: without it the planner may read the whole table into a hash, and
 * from 18 on it does so in spite of enable_seqscan when the table was empty.
 *
 *-------------------------------------------------------------------------
 */
#include "spi_util.h"

#include "jit/jit.h"
#include "nodes/parsenodes.h"
#include "optimizer/cost.h"
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
 * What is planned meanwhile must stay good: a plan made while a table had one page
 * would scan it when it has a million, and one that may read many rows looks worth
 * compiling, and is compiled anew each time that it is run. That goes for the
 * statement, for the foreign keys' and triggers' own, and for plans that are made
 * again after a change of the schema. The settings are put into place here and not
 * by SET on each function, where two of them took a third of what a short call
 * takes.
 */
static uint64
execute(SpiQuery *query, Datum *values, const char *nulls, Snapshot snapshot, bool read_only,
		DestReceiver *receiver)
{
	bool		seqscan = enable_seqscan;
	bool		jit = jit_enabled;
	volatile int rc = 0;

	if (query->plan == NULL)
		prepare(query);
	if (!query->reads_all)
		enable_seqscan = jit_enabled = false;
	PG_TRY();
	{
		if (receiver != NULL)
		{
			SPIExecuteOptions options = {.read_only = read_only, .dest = receiver};

			options.params = makeParamList(query->nargs);
			for (int i = 0; i < query->nargs; i++)
			{
				ParamExternData *param = &options.params->params[i];

				param->value = values[i];
				param->isnull = nulls && nulls[i] == 'n';
				param->pflags = PARAM_FLAG_CONST;
				param->ptype = query->argtypes[i];
			}
			rc = SPI_execute_plan_extended(query->plan, &options);
		}
		else
			rc = SPI_execute_snapshot(query->plan, values, nulls, snapshot, InvalidSnapshot,
									  read_only, snapshot == InvalidSnapshot, 0);
	}
	PG_FINALLY();
	{
		enable_seqscan = seqscan;
		jit_enabled = jit;
	}
	PG_END_TRY();
	if (rc < 0)
		elog(ERROR, "a kept plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/*
 * Under READ COMMITTED each statement has a snapshot of its own. At the higher
 * levels it has the transaction's, so that changing a row that others changed
 * since is PostgreSQL's own 40001.
 */
uint64
spi_run(SpiQuery *query, Datum *values, const char *nulls)
{
	return execute(query, values, nulls, InvalidSnapshot, false, NULL);
}

static uint64
run_by_fresh_snapshot(SpiQuery *query, Datum *values, const char *nulls, bool read_only)
{
	Snapshot	snapshot;
	uint64		n;

	if (!IsolationUsesXactSnapshot())
		return spi_run(query, values, nulls);

	snapshot = RegisterSnapshot(GetLatestSnapshot());
	n = execute(query, values, nulls, snapshot, read_only, NULL);
	UnregisterSnapshot(snapshot);
	return n;
}

/*
 * Run a SELECT by the snapshot of the query that called the function: all such
 * statements of one call see the same state.
 */
uint64
spi_read(SpiQuery *query, Datum *values, const char *nulls)
{
	return execute(query, values, nulls, InvalidSnapshot, true, NULL);
}

/*
 * The same, each row going to a receiver as it is found: nothing is copied.
 */
uint64
spi_read_into(SpiQuery *query, Datum *values, const char *nulls, DestReceiver *receiver)
{
	return execute(query, values, nulls, InvalidSnapshot, true, receiver);
}

/*
 * Run a SELECT by a snapshot taken now, whatever the isolation level: what is
 * refused must be refused for what is true now, not for what was true when the
 * transaction began.
 */
uint64
spi_read_fresh(SpiQuery *query, Datum *values, const char *nulls)
{
	return run_by_fresh_snapshot(query, values, nulls, true);
}

/*
 * The same for a statement that writes, as foreign keys do it. Only for derived
 * counts under a lock that nobody else writes them without: elsewhere a change
 * since the transaction's snapshot must be 40001.
 */
uint64
spi_write_fresh(SpiQuery *query, Datum *values, const char *nulls)
{
	return run_by_fresh_snapshot(query, values, nulls, false);
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

TimestampTz
spi_timestamp(uint64 row, int column, TimestampTz if_null)
{
	bool		isnull;
	Datum		value = spi_datum(row, column, &isnull);

	return isnull ? if_null : DatumGetTimestampTz(value);
}

/* A text column; NULL for null. */
char *
spi_text(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_datum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A column of any type as text; NULL for null. */
char *
spi_string(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* A column that is not null, copied so that it outlives SPI_finish. */
Datum
spi_result(uint64 row, int column)
{
	bool		isnull;
	bool		byval;
	int16		len;
	Datum		value = spi_datum(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in a result");
	get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, column), &len, &byval);
	return SPI_datumTransfer(value, byval, len);
}

/* A whole bigint column of the last result. */
int64 *
spi_int64_column(int column, int *n)
{
	int64	   *values;

	*n = (int) SPI_processed;
	values = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		values[i] = spi_int64(i, column);
	return values;
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

int32
arg_int32_between(FunctionCallInfo fcinfo, int n, const char *name, int32 min, int32 max)
{
	int32		value = arg_int32(fcinfo, n, name);

	if (value < min || value > max)
		raise_bad_argument(psprintf("%s must be between %d and %d", name, min, max),
						   psprintf("It is %d.", value), NULL);
	return value;
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
	return arg_int32_between(fcinfo, n, "batch_size", 1, 100000);
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

/* An array of any type; nulls may be NULL when there is none. */
Datum
datum_array(Datum *values, const bool *nulls, int n, Oid type)
{
	int16		len;
	bool		byval;
	char		align;
	int			lower = 1;

	get_typlenbyvalalign(type, &len, &byval, &align);
	return PointerGetDatum(construct_md_array(values, (bool *) nulls, 1, &n, &lower,
											  type, len, byval, align));
}

/* A text datum and the flag that SPI wants for it. */
Datum
string_datum_or_null(const char *string, char *null_flag)
{
	*null_flag = string ? ' ' : 'n';
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}
