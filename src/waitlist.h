/*-------------------------------------------------------------------------
 *
 * waitlist.h
 *	  Standing in a tier's line: what its parts share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_WAITLIST_H
#define EVENTLY_WAITLIST_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct Offer
{
	int64		offer_id;
	int64		entry_id;
	int64		tier_id;
	int64		event_id;
	int64		user_id;
	int32		quantity;
	char	   *status;
	TimestampTz expires_at;
	int64		order_id;		/* 0 for none */
	char	   *email;			/* or NULL */
} Offer;

/* The end of an entry that has an offer, and what becomes of the offer. */
typedef struct OfferEnd
{
	const char *entry_status;
	const char *offer_status;
} OfferEnd;

extern Offer *read_offer(int64 offer_id);
extern Offer *lock_offer(int64 offer_id);
extern void end_offers(const int64 *offer_ids, int n, OfferEnd end, TimestampTz now);
extern void settle_line(int64 tier_id);
extern int	settle_lines_of_event(int64 event_id);
extern void lock_lines_of_event(int64 event_id);
extern void close_lines_of_event(int64 event_id, const char *reason, TimestampTz now);

#endif							/* EVENTLY_WAITLIST_H */
