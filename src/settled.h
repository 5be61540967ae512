/*-------------------------------------------------------------------------
 *
 * settled.h
 *	  When all rows up to a number are there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SETTLED_H
#define EVENTLY_SETTLED_H

#include "postgres.h"

extern Datum next_transaction(void);
extern bool all_have_ended(const char *noted_xid);

#endif							/* EVENTLY_SETTLED_H */
