/*-------------------------------------------------------------------------
 *
 * booking_money.c
 *	  What a booking costs beside the hire, and its deposit:
 *	  add_booking_addon(), pay_deposit(), settle_deposit_return().
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "utils/fmgrprotos.h"

#include "money.h"
#include "refusal.h"
#include "roles.h"

static char *
numeric_string(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

/* A word in capitals: a letter, then letters, digits and underscores. */
static char *
arg_addon_type(FunctionCallInfo fcinfo, int n)
{
	char	   *type = arg_nonempty_string(fcinfo, n, "type");

	for (char *c = type; *c; c++)
	{
		*c = pg_ascii_toupper((unsigned char) *c);
		if (!(*c >= 'A' && *c <= 'Z') &&
			(c == type || !(*c == '_' || (*c >= '0' && *c <= '9'))))
			raise_bad_argument("type must be one word",
							   psprintf("It is \"%s\".", type),
							   "Use CATERING, AV, OTHER, or another word of letters, digits and underscores.");
	}
	return type;
}

/* add_booking_addon(booking_id, type, description, cost) */
PG_FUNCTION_INFO_V1(ev_add_booking_addon);
Datum
ev_add_booking_addon(PG_FUNCTION_ARGS)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.venue_booking_addons AS a (booking_id, type, description, cost, created_at)"
		" VALUES ($1, $2, $3, $4, $5) RETURNING a",
		INT8OID, TEXTOID, TEXTOID, NUMERICOID, TIMESTAMPTZOID);
	int64		booking_id = arg_id(fcinfo, 0, "booking_id");
	char	   *type = arg_addon_type(fcinfo, 1);
	char	   *description = PG_ARGISNULL(2) ? NULL : arg_nonempty_string(fcinfo, 2, "description");
	Datum		cost = arg_amount(fcinfo, 3, "cost");
	TimestampTz now;
	char		nulls[] = "     ";
	Datum		values[5] = {
		Int64GetDatum(booking_id), CStringGetTextDatum(type),
		string_datum_or_null(description, &nulls[2]), cost
	};

	ev_connect();
	require_own_booking(EV_MANAGERS, booking_id);
	{
		Booking    *booking = lock_booking(booking_id, false);

		now = GetCurrentTimestamp();
		require_live_booking(booking, now);
	}
	values[4] = TimestampTzGetDatum(now);
	(void) spi_run(&insert, values, nulls);
	return ev_finish(spi_result(0, 1));
}

/*
 * Whether this payment was reported before: then for the same booking and
 * amount, or it is an error.
 */
static bool
payment_is_known(char *payment_id, int64 booking_id, Datum amount)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT p.booking_id, p.amount FROM evently.booking_payments p WHERE p.payment_id = $1",
		TEXTOID);
	Datum		values[1] = {CStringGetTextDatum(payment_id)};
	bool		isnull;

	if (spi_read_fresh(&query, values, NULL) == 0)
		return false;
	if (spi_int64(0, 1) != booking_id || !same_amount(spi_datum(0, 2, &isnull), amount))
		raise_bad_argument("payment_id was used with other content",
						   psprintf("Payment \"%s\" was %s for booking " INT64_FORMAT ".",
									payment_id, spi_string(0, 2), spi_int64(0, 1)),
						   "A payment counts once.");
	return true;
}

/* pay_deposit(booking_id, amount, payment_id) */
PG_FUNCTION_INFO_V1(ev_pay_deposit);
Datum
ev_pay_deposit(PG_FUNCTION_ARGS)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.booking_payments (payment_id, booking_id, amount, received_at)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT (payment_id) DO NOTHING",
		TEXTOID, INT8OID, NUMERICOID, TIMESTAMPTZOID);
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.venue_bookings SET deposit_paid = deposit_paid + $2,"
		" status = CASE WHEN deposit_paid + $2 = deposit_required THEN 'CONFIRMED' ELSE status END"
		" WHERE booking_id = $1",
		INT8OID, NUMERICOID);
	int64		booking_id = arg_id(fcinfo, 0, "booking_id");
	Datum		amount = arg_amount(fcinfo, 1, "amount");
	char	   *payment_id = arg_nonempty_string(fcinfo, 2, "payment_id");
	Booking    *booking;
	TimestampTz now;
	Datum		due;

	if (is_zero(amount))
		raise_bad_argument("amount must be greater than zero", NULL, NULL);

	ev_connect();
	booking = lock_booking(booking_id, false);
	now = GetCurrentTimestamp();
	if (payment_is_known(payment_id, booking_id, amount))
		return ev_finish(booking_row(booking_id));
	require_live_booking(booking, now);
	due = DirectFunctionCall2(numeric_sub, booking->deposit_required, booking->deposit_paid);
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, amount, due)))
		raise_bad_argument("payment is more than is due",
						   psprintf("The deposit of booking " INT64_FORMAT " is %s, %s were paid, %s are due; the payment is %s.",
									booking_id, numeric_string(booking->deposit_required),
									numeric_string(booking->deposit_paid), numeric_string(due),
									numeric_string(amount)), NULL);

	{
		Datum		values[4] = {
			CStringGetTextDatum(payment_id), Int64GetDatum(booking_id), amount,
			TimestampTzGetDatum(now)
		};
		Datum		update_values[2] = {Int64GetDatum(booking_id), amount};

		/* Reported at this moment for another booking: so it is known now. */
		if (spi_run(&insert, values, NULL) == 0)
		{
			(void) payment_is_known(payment_id, booking_id, amount);
			raise_serialization_failure();
		}
		if (spi_run(&update, update_values, NULL) != 1)
			elog(ERROR, "a locked booking has vanished");
	}
	return ev_finish(booking_row(booking_id));
}

/* settle_deposit_return(payment_id): the money was given back. */
PG_FUNCTION_INFO_V1(ev_settle_deposit_return);
Datum
ev_settle_deposit_return(PG_FUNCTION_ARGS)
{
	static SpiQuery find = SPI_QUERY(
		"SELECT p.status, p.booking_id FROM evently.booking_payments p WHERE p.payment_id = $1",
		TEXTOID);
	static SpiQuery lock = SPI_QUERY(
		"SELECT p.status, p.booking_id FROM evently.booking_payments p WHERE p.payment_id = $1"
		" FOR NO KEY UPDATE",
		TEXTOID);
	static SpiQuery settle = SPI_QUERY(
		"UPDATE evently.booking_payments AS p SET status = 'RETURNED',"
		" returned_at = coalesce(p.returned_at, $2) WHERE p.payment_id = $1 RETURNING p",
		TEXTOID, TIMESTAMPTZOID);
	char	   *payment_id = arg_nonempty_string(fcinfo, 0, "payment_id");
	Datum		values[2] = {
		CStringGetTextDatum(payment_id), TimestampTzGetDatum(GetCurrentTimestamp())
	};

	ev_connect();
	if (spi_read_fresh(&find, values, NULL) == 0)
		raise_error(ERRCODE_EVENTLY_NOT_FOUND,
					psprintf("payment \"%s\" does not exist", payment_id), NULL, NULL);
	if (spi_run(&lock, values, NULL) == 0)
		raise_serialization_failure();
	if (strcmp(spi_text(0, 1), "RECEIVED") == 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("payment \"%s\" is not to be returned", payment_id),
					psprintf("Booking " INT64_FORMAT " is not cancelled.", spi_int64(0, 2)),
					"Cancel the booking first.");
	(void) spi_run(&settle, values, NULL);
	return ev_finish(spi_result(0, 1));
}
