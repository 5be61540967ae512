/*-------------------------------------------------------------------------
 *
 * terms.h
 *	  What an event and its tiers sell, and under which rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_TERMS_H
#define EVENTLY_TERMS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "refusal.h"

typedef struct TierTerms
{
	int64		tier_id;
	int64		event_id;
	Datum		price;			/* numeric */
	int			shards;
	int32		max_per_order;
	TimestampTz sale_start;		/* -infinity for none */
	TimestampTz sale_end;		/* the event's end for none */
} TierTerms;

typedef struct EventTerms
{
	int64		event_id;
	bool		found;
	char	   *status;
	char	   *currency;
	Interval   *hold_duration;	/* or NULL */
	int32		max_per_buyer;	/* 0 for no limit */
	TimestampTz end_time;
	int			ntiers;
	TierTerms  *tiers;			/* those asked for that exist, of any event */
} EventTerms;

/* Tickets of one tier. */
typedef struct Selection
{
	int64		tier_id;
	int64		quantity;
} Selection;

extern EventTerms *read_terms(int64 event_id, const int64 *tier_ids, int n);
extern int64 event_of_tier(int64 tier_id);
extern TierTerms *find_tier(EventTerms *event, int64 tier_id);
extern bool is_on_sale(EventTerms *event, Refusal *refusal);
extern bool may_be_sold(EventTerms *event, const Selection *selections, int n,
						TimestampTz now, Refusal *refusal);
extern bool within_buyer_limit(EventTerms *event, int64 buyer_id, int64 taken,
							   int64 quantity, Refusal *refusal);
extern bool refuse_for_stock(int64 tier_id, int64 left, int64 quantity, Refusal *refusal);
extern TimestampTz hold_end(EventTerms *event, TimestampTz now);
extern Datum total_price(EventTerms *event, const Selection *selections, int n);

#endif							/* EVENTLY_TERMS_H */
