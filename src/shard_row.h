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

extern int64 read_shard_rows(int64 tier_id, int shards, Snapshot snapshot);
extern int32 change_shard_row(int64 tier_id, int shard, int32 delta);

#endif							/* EVENTLY_SHARD_ROW_H */
