/*-------------------------------------------------------------------------
 *
 * floor.c
 *	  What the benchmark divides by: the rows that a call of evently leaves, and
 *	  nothing else. No stock, no terms, no checks, no locks of its own.
 *
 * Written as evently's functions are: C, kept generic plans, whole rows
 * returned, and created with the same attributes (floor.sql). So what a ratio
 * to it shows is what evently does beyond writing. Not part of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(floor_reserve);
PG_FUNCTION_INFO_V1(floor_confirm);
PG_FUNCTION_INFO_V1(floor_check_in);

#define MAX_ARGS 6

typedef struct Statement
{
	const char *sql;
	int			nargs;
	Oid			types[MAX_ARGS];
	SPIPlanPtr	plan;
} Statement;

static uint64
run(Statement *statement, Datum *values)
{
	int			rc;

	if (statement->plan == NULL)
	{
		statement->plan = SPI_prepare_cursor(statement->sql, statement->nargs, statement->types,
											 CURSOR_OPT_GENERIC_PLAN);
		if (statement->plan == NULL || SPI_keepplan(statement->plan) != 0)
			elog(ERROR, "could not prepare \"%s\"", statement->sql);
	}
	rc = SPI_execute_plan(statement->plan, values, NULL, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

static Datum
value(int column)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
}

/* The first column of the last result, copied so that it outlives SPI_finish. */
static Datum
finish(void)
{
	bool		byval;
	int16		len;
	Datum		result;

	get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, 1), &len, &byval);
	result = SPI_datumTransfer(value(1), byval, len);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return result;
}

static void
begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* reserve(event_id, buyer_id, tier_id, quantity): an order and its item. */
Datum
floor_reserve(PG_FUNCTION_ARGS)
{
	static Statement insert_order = {
		"INSERT INTO floor.orders AS o (event_id, buyer_id, total_amount, currency, created_at, expires_at)"
		" VALUES ($1, $2, $3, 'EUR', $4, $5) RETURNING o, o.order_id",
		5, {INT8OID, INT8OID, NUMERICOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	static Statement insert_item = {
		"INSERT INTO floor.order_items (order_id, tier_id, quantity, unit_price)"
		" VALUES ($1, $2, $3, $4)",
		4, {INT8OID, INT8OID, INT4OID, NUMERICOID}
	};
	TimestampTz now = GetCurrentTimestamp();
	int32		quantity = PG_GETARG_INT32(3);
	Datum		price = NumericGetDatum(int64_to_numeric(10));
	Datum		values[5] = {
		PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), NumericGetDatum(int64_to_numeric(10 * quantity)),
		TimestampTzGetDatum(now), TimestampTzGetDatum(now + 900 * USECS_PER_SEC)
	};
	SPITupleTable *order;

	begin();
	(void) run(&insert_order, values);
	order = SPI_tuptable;
	values[0] = value(2);
	values[1] = PG_GETARG_DATUM(2);
	values[2] = Int32GetDatum(quantity);
	values[3] = price;
	(void) run(&insert_item, values);
	SPI_tuptable = order;
	return finish();
}

/*
 * confirm(order_id, payment_id, quantity): the payment, the order's new state,
 * its tickets, the message to the buyer; the tickets.
 */
Datum
floor_confirm(PG_FUNCTION_ARGS)
{
	static Statement insert_payment = {
		"INSERT INTO floor.payments (payment_id, order_id, amount, currency, outcome, reported_at)"
		" VALUES ($2, $1, $3, 'EUR', 'CONFIRMED', $4)",
		4, {INT8OID, TEXTOID, NUMERICOID, TIMESTAMPTZOID}
	};
	static Statement update_order = {
		"UPDATE floor.orders SET status = 'CONFIRMED', payment_id = $2, confirmed_at = $3"
		" WHERE order_id = $1",
		3, {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	static Statement insert_message = {
		"INSERT INTO floor.notifications (kind, user_id, event_id, order_id, payload, created_at)"
		" VALUES ('TICKETS_ISSUED', 1, 1, $1, '{\"title\": \"The benchmark\", \"order_id\": 1000000,"
		" \"total_amount\": 20, \"currency\": \"EUR\", \"start_time\": \"2031-05-01T18:03:11.250+00:00\"}', $2)",
		2, {INT8OID, TIMESTAMPTZOID}
	};
	static Statement insert_tickets = {
		"WITH issued AS (INSERT INTO floor.tickets AS t (order_id, event_id, tier_id, issued_at)"
		" SELECT $1, 1, 1, $3 FROM pg_catalog.generate_series(1, $2) RETURNING t)"
		" SELECT pg_catalog.array_agg(i.t) FROM issued i",
		3, {INT8OID, INT4OID, TIMESTAMPTZOID}
	};
	Datum		now = TimestampTzGetDatum(GetCurrentTimestamp());
	Datum		values[4] = {
		PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
		NumericGetDatum(int64_to_numeric(10 * PG_GETARG_INT32(2))), now
	};

	begin();
	(void) run(&insert_payment, values);
	values[2] = now;
	if (run(&update_order, values) != 1)
		elog(ERROR, "no such order");
	values[1] = now;
	(void) run(&insert_message, values);
	values[1] = PG_GETARG_DATUM(2);
	(void) run(&insert_tickets, values);
	return finish();
}

/* check_in(secret): one update by a unique key, and the scan; the scan's id. */
Datum
floor_check_in(PG_FUNCTION_ARGS)
{
	static Statement use = {
		"UPDATE floor.tickets SET status = 'USED', check_in_time = $2"
		" WHERE qr_code = $1 AND status = 'VALID' RETURNING ticket_id, event_id",
		2, {UUIDOID, TIMESTAMPTZOID}
	};
	static Statement record = {
		"INSERT INTO floor.scans (event_id, ticket_id, result, told, scanned_at, received_at, changed_xid)"
		" VALUES ($1, $2, 'ADMIT', 'ADMIT', $3, $3, pg_current_xact_id()) RETURNING scan_id",
		3, {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		now = TimestampTzGetDatum(GetCurrentTimestamp());
	Datum		values[3] = {PG_GETARG_DATUM(0), now, 0};
	Datum		ticket_id;

	begin();
	if (run(&use, values) != 1)
		elog(ERROR, "no such ticket");
	ticket_id = value(1);
	values[0] = value(2);
	values[1] = ticket_id;
	values[2] = now;
	(void) run(&record, values);
	return finish();
}
