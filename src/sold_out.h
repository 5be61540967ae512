/*-------------------------------------------------------------------------
 *
 * sold_out.h
 *	  The label SOLD_OUT of events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SOLD_OUT_H
#define EVENTLY_SOLD_OUT_H

#include "postgres.h"

extern bool event_has_stock(int64 event_id);
extern void label_after_taking(int64 event_id);
extern void label_after_adding(const int64 *tier_ids, int n);

#endif							/* EVENTLY_SOLD_OUT_H */
