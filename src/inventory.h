/*-------------------------------------------------------------------------
 *
 * inventory.h
 *	  The stock of tickets, spread over shards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_INVENTORY_H
#define EVENTLY_INVENTORY_H

#include "postgres.h"

#define EV_MAX_SHARDS 64

/* A shard that the transaction has locked, and what it has. */
typedef struct LockedShard
{
	int16		shard;
	int32		available;
} LockedShard;

/*
 * What a call does to the stock of one tier. What is released goes to the
 * tier's line when somebody waits (line.c), else on sale.
 */
typedef struct StockChange
{
	int64		tier_id;
	int			shards;			/* how many the tier has */
	int32		wanted;			/* tickets to take from what is on sale */
	int32		released;		/* tickets that come back */
	bool		settle;			/* let the line look even when nothing comes back */
	bool		may_add;		/* lock a shard even when there is nothing to take */

	/* filled in by lock_lines() and lock_stock() */
	int32		added;			/* what the call may count on of what is released */
	bool		line_locked;
	bool		line_exclusive;
	struct Line *line;			/* who waits; NULL for nobody */
	int32		covered;		/* tickets in the locked shards, when taking */
	int			nlocked;
	LockedShard *locked;
} StockChange;

extern bool take_from_own_shard(int64 tier_id, int shards, int32 quantity, bool *emptied);

extern void add_stock_change(StockChange **changes, int *n, int64 tier_id, int shards,
							 int32 delta);
extern int32 stock_delta(const StockChange *change);
extern int	lock_stock(StockChange *changes, int n, bool partly);
extern void unlock_stock(StockChange *changes, int n);
extern bool apply_stock(StockChange *changes, int n);
extern void lock_all_shards(StockChange *change);
extern int32 stock_on_sale(int64 tier_id);
extern int	default_shards(int32 quantity);

#endif							/* EVENTLY_INVENTORY_H */
