/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Why a call is refused: kept as data until it is known whether it is to
 *	  be raised or returned as a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_REFUSAL_H
#define EVENTLY_REFUSAL_H

#include "postgres.h"

#include "compat.h"
#include "errors.h"

typedef struct Refusal
{
	int			sqlerrcode;
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
} Refusal;

extern bool refuse(Refusal *refusal, int sqlerrcode, const char *message,
				   const char *detail, const char *hint);
pg_noreturn extern void raise_refusal(const Refusal *refusal);
pg_noreturn extern void raise_error(int sqlerrcode, const char *message,
						const char *detail, const char *hint);
pg_noreturn extern void raise_not_found(const char *what, int64 id);
pg_noreturn extern void raise_bad_argument(const char *message, const char *detail,
							   const char *hint);
pg_noreturn extern void raise_serialization_failure(void);

#endif							/* EVENTLY_REFUSAL_H */
