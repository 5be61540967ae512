/*-------------------------------------------------------------------------
 *
 * money.h
 *	  Amounts and other numeric arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_MONEY_H
#define EVENTLY_MONEY_H

#include "postgres.h"

#include "fmgr.h"

extern bool is_zero(Datum amount);
extern bool same_amount(Datum a, Datum b);
extern bool is_below_amount_limit(Datum value);
extern Datum arg_amount(FunctionCallInfo fcinfo, int n, const char *name);
extern Datum arg_numeric_between(FunctionCallInfo fcinfo, int n, const char *name,
								 int64 min, int64 max);

#endif							/* EVENTLY_MONEY_H */
