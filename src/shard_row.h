/*-------------------------------------------------------------------------
 *
 * shard_row.h
 *	  Reading and changing shards' rows without a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SHARD_ROW_H
#define EVENTLY_SHARD_ROW_H

#include "postgres.h"

#include "utils/snapshot.h"

/* The columns of evently.inventory_shards; the first two are its key. */
enum
{
	EV_SHARD_TIER = 1, EV_SHARD_NUMBER, EV_SHARD_AVAILABLE, EV_SHARD_COLUMNS = EV_SHARD_AVAILABLE
};

extern int64 read_shard_rows(int64 tier_id, int shards, Snapshot snapshot);
extern int32 change_shard_row(int64 tier_id, int shard, int32 delta);

#endif							/* EVENTLY_SHARD_ROW_H */
