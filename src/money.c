/*-------------------------------------------------------------------------
 *
 * money.c
 *	  Amounts and other numeric arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "money.h"

#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "refusal.h"

#define AMOUNT_BELOW	INT64CONST(1000000000000)
#define AMOUNT_DECIMALS 3

/* <0, 0, >0; NaN is above every number. */
static int
compare(Datum a, Datum b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b));
}

static Datum
whole(int64 value)
{
	return NumericGetDatum(int64_to_numeric(value));
}

bool
is_zero(Datum amount)
{
	return compare(amount, whole(0)) == 0;
}

bool
same_amount(Datum a, Datum b)
{
	return compare(a, b) == 0;
}

/* Whether it is below what the domain amount admits. */
bool
is_below_amount_limit(Datum value)
{
	return compare(value, whole(AMOUNT_BELOW)) < 0;
}

static char *
it_is(Datum value)
{
	return psprintf("It is %.60s.", DatumGetCString(DirectFunctionCall1(numeric_out, value)));
}

/* A numeric argument that the domain amount admits. */
Datum
arg_amount(FunctionCallInfo fcinfo, int n, const char *name)
{
	Datum		value = arg_numeric_between(fcinfo, n, name, 0, AMOUNT_BELOW);

	if (!is_below_amount_limit(value) ||
		!same_amount(value, DirectFunctionCall2(numeric_round, value,
												Int32GetDatum(AMOUNT_DECIMALS))))
		raise_bad_argument(psprintf("%s must be an amount below 10^12 with at most %d decimals",
									name, AMOUNT_DECIMALS), it_is(value), NULL);
	return value;
}

/* A numeric argument in a range, bounds included; NaN and infinity are not. */
Datum
arg_numeric_between(FunctionCallInfo fcinfo, int n, const char *name, int64 min, int64 max)
{
	Datum		value;

	if (PG_ARGISNULL(n))
		raise_bad_argument(psprintf("%s must not be null", name), NULL, NULL);
	value = PG_GETARG_DATUM(n);
	if (compare(value, whole(min)) < 0 || compare(value, whole(max)) > 0)
		raise_bad_argument(psprintf("%s must be between " INT64_FORMAT " and " INT64_FORMAT,
									name, min, max), it_is(value), NULL);
	return value;
}
