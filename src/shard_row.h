/*-------------------------------------------------------------------------
 *
 * shard_row.h
 *	  Changing a shard's row without a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SHARD_ROW_H
#define EVENTLY_SHARD_ROW_H

#include "postgres.h"

extern int32 change_shard_row(int64 tier_id, int shard, int32 delta);

#endif							/* EVENTLY_SHARD_ROW_H */
