/*-------------------------------------------------------------------------
 *
 * ids.h
 *	  New ids, and lists of ids.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_IDS_H
#define EVENTLY_IDS_H

#include "postgres.h"

extern int64 next_id(const char *sequence);
extern int	compare_ids(const void *a, const void *b);
extern int	distinct_ids(int64 *ids, int n);

#endif							/* EVENTLY_IDS_H */
