/*-------------------------------------------------------------------------
 *
 * locks.h
 *	  evently's own locks. The order in which they are taken is written in
 *	  docs/concurrency.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_LOCKS_H
#define EVENTLY_LOCKS_H

#include "postgres.h"

extern void lock_venue_exclusive(int64 venue_id);

extern void lock_event_shared(int64 event_id);
extern void lock_event_exclusive(int64 event_id);

extern uint64 buyer_lock_key(int64 event_id, int64 buyer_id);
extern void lock_buyer(uint64 key);

extern void lock_reclaim(int64 event_id);
extern void unlock_reclaim(int64 event_id);
extern void lock_device(int64 event_id, const char *device);
extern void lock_line(int64 tier_id, bool exclusive);
extern bool try_lock_line(int64 tier_id);
extern void unlock_line(int64 tier_id, bool exclusive);

extern bool try_lock_shard(int64 tier_id, int shard);
extern void lock_shard(int64 tier_id, int shard);
extern void unlock_shard(int64 tier_id, int shard);

#endif							/* EVENTLY_LOCKS_H */
