/*-------------------------------------------------------------------------
 *
 * spi_util.h
 *	  Kept plans and the reading of their results.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SPI_UTIL_H
#define EVENTLY_SPI_UTIL_H

#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define EV_MAX_ARGS 16

/* A statement whose plan is prepared on first use and kept by the backend. */
typedef struct SpiQuery
{
	const char *sql;
	int			nargs;
	Oid			argtypes[EV_MAX_ARGS];
	bool		reads_all;		/* whole tables: sequential scans and JIT help */
	SPIPlanPtr	plan;
} SpiQuery;

/* static SpiQuery query = SPI_QUERY("SELECT ... $1 ...", INT8OID); */
#define SPI_QUERY(text, ...) \
	{ \
		.sql = text, \
		.nargs = sizeof((Oid[]) {__VA_ARGS__}) / sizeof(Oid), \
		.argtypes = {__VA_ARGS__} \
	}

extern uint64 spi_run(SpiQuery *query, Datum *values, const char *nulls);
extern uint64 spi_read(SpiQuery *query, Datum *values, const char *nulls);
extern uint64 spi_read_into(SpiQuery *query, Datum *values, const char *nulls,
							DestReceiver *receiver);
extern uint64 spi_read_fresh(SpiQuery *query, Datum *values, const char *nulls);
extern uint64 spi_write_fresh(SpiQuery *query, Datum *values, const char *nulls);

/* Columns of the last result; strings live until SPI_finish. */
extern Datum spi_datum(uint64 row, int column, bool *isnull);
extern bool spi_is_null(uint64 row, int column);
extern int64 spi_int64(uint64 row, int column);
extern int32 spi_int32(uint64 row, int column);
extern TimestampTz spi_timestamp(uint64 row, int column, TimestampTz if_null);
extern char *spi_text(uint64 row, int column);
extern char *spi_string(uint64 row, int column);
extern Datum spi_result(uint64 row, int column);
extern int64 *spi_int64_column(int column, int *n);

extern void ev_connect(void);
extern Datum ev_finish(Datum result);

/* Arguments and arrays. */
extern int64 arg_id(FunctionCallInfo fcinfo, int n, const char *name);
extern int32 arg_int32(FunctionCallInfo fcinfo, int n, const char *name);
extern int32 arg_int32_between(FunctionCallInfo fcinfo, int n, const char *name,
							   int32 min, int32 max);
extern char *arg_string(FunctionCallInfo fcinfo, int n);
extern char *arg_nonempty_string(FunctionCallInfo fcinfo, int n, const char *name);
extern int32 arg_batch_size(FunctionCallInfo fcinfo, int n);
extern Datum int64_array(const int64 *values, int n);
extern Datum datum_array(Datum *values, const bool *nulls, int n, Oid type);
extern Datum string_datum_or_null(const char *string, char *null_flag);

#endif							/* EVENTLY_SPI_UTIL_H */
