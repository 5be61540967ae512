/*-------------------------------------------------------------------------
 *
 * tier_stock.h
 *	  How many tickets a tier has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_TIER_STOCK_H
#define EVENTLY_TIER_STOCK_H

#include "postgres.h"

#define EV_MAX_TIER_QUANTITY 10000000

extern void check_capacity(int64 event_id, int64 more);
extern void insert_shards(int64 tier_id, int from, int to, int32 quantity);
extern void spread_stock(int64 tier_id, int shards, int32 quantity);

#endif							/* EVENTLY_TIER_STOCK_H */
