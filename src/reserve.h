/*-------------------------------------------------------------------------
 *
 * reserve.h
 *	  Holding tickets for a buyer: what single calls, the batch and late
 *	  payments share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_RESERVE_H
#define EVENTLY_RESERVE_H

#include "postgres.h"

#include "inventory.h"
#include "json_args.h"
#include "orders.h"
#include "terms.h"

/* Stock that is locked for a call, and the lapsed holds that it reclaims. */
typedef struct StockPlan
{
	StockChange *changes;
	int			nchanges;
	int64	   *reclaimed;		/* locked orders */
	int			nreclaimed;
	BuyerChanges buyers;		/* whose holds are reclaimed, and the call's own */

	/* Where it waits for lapsed holds that others are at; sorted, none: nowhere. */
	const int64 *events;
	int			nevents;
	bool		reclaiming;		/* has the events' reclaim locks */
} StockPlan;

extern bool find_order_by_key(const Request *request, int64 *order_id, Refusal *refusal);
extern void read_stock_and_lapsed(const StockPlan *plan, int64 event_id, int64 tier_id, int shards,
								  TimestampTz now, int64 *available, int64 *lapsed);
extern bool begin_reclaim(StockPlan *plan);
extern void end_reclaim(StockPlan *plan);
extern bool plan_stock(StockPlan *plan, EventTerms *event, const Selection *selections, int n,
					   TimestampTz now, Refusal *refusal);
extern void reclaim_for_tier(StockPlan *plan, int64 event_id, int64 tier_id, int64 missing,
							 TimestampTz now);
extern int64 taken_by_buyer(StockPlan *plan, int64 event_id, int64 buyer_id, int64 limit,
							 int64 wanted, TimestampTz now);
extern bool write_stock_plan(StockPlan *plan, TimestampTz now);
extern Datum insert_order(EventTerms *event, const Request *request, TimestampTz now,
						  int64 *order_id);

#endif							/* EVENTLY_RESERVE_H */
