/*-------------------------------------------------------------------------
 *
 * facet_lists.h
 *	  Dividing what a search finds without reading its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_FACET_LISTS_H
#define EVENTLY_FACET_LISTS_H

#include "postgres.h"

typedef enum
{
	FACET_CATEGORY,
	FACET_MONTH,
	FACET_PRICE,
	FACET_CITY,
	N_FACETS
} Facet;

/*
 * Told that n events have a value: text without a terminating zero, of a month
 * an int32, of a price band a byte. A value may come more than once.
 */
typedef void (*CountHeard) (void *arg, Facet facet, const char *value, int len, int64 n);

extern bool has_facet_lists(void);
extern int64 count_entries(Datum segments);
extern int64 divide_matches(Datum segments, Datum except, int rate, int first_day, int last_day,
							CountHeard heard, void *arg);

#endif							/* EVENTLY_FACET_LISTS_H */
