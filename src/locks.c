/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  evently's own locks, held to the end of the transaction.
 *
 * They are entries of PostgreSQL's lock table, of the user lock method like
 * advisory locks, but with a fourth tag field that no SQL function can make:
 * pg_advisory_lock() uses 1 and 2 there. So no key of an application meets
 * them, deadlocks are seen by the server, and pg_locks shows them (locktype
 * advisory, objsubid 17749 for venues, 17750 for events, 17751 for shards, 17752
 * for buyers, 17753 for the reclaiming of an event's lapsed holds, 17754 for the
 * lines of tiers, 17755 for the reports of a scanning device).
 *
 * Unlike a row lock, such a lock can be tried without waiting and given back
 * before the end of the transaction, and it writes nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "locks.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#define VENUE_LOCK	17749
#define EVENT_LOCK	17750
#define SHARD_LOCK	17751
#define BUYER_LOCK	17752
#define RECLAIM_LOCK 17753
#define LINE_LOCK	17754
#define DEVICE_LOCK	17755

static void
event_tag(LOCKTAG *tag, int64 event_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId,
						 (uint32) (event_id >> 32), (uint32) event_id, EVENT_LOCK);
}

/* Ids stay below 2^53, so a tier's upper half leaves room for the shard. */
static void
shard_tag(LOCKTAG *tag, int64 tier_id, int shard)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId,
						 (uint32) shard << 24 | (uint32) (tier_id >> 32),
						 (uint32) tier_id, SHARD_LOCK);
}

/* Booking: one call at a time for a venue. */
void
lock_venue_exclusive(int64 venue_id)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId,
						 (uint32) (venue_id >> 32), (uint32) venue_id, VENUE_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Selling: many at once, none while the event is being changed. */
void
lock_event_shared(int64 event_id)
{
	LOCKTAG		tag;

	event_tag(&tag, event_id);
	(void) LockAcquire(&tag, ShareLock, false, false);
}

/* Changing what sales depend on: waits for the sales under way. */
void
lock_event_exclusive(int64 event_id)
{
	LOCKTAG		tag;

	event_tag(&tag, event_id);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * A buyer at an event, as one number: two buyers who share it just wait for
 * each other. Who locks several takes them in the order of these numbers.
 */
uint64
buyer_lock_key(int64 event_id, int64 buyer_id)
{
	int64		pair[2] = {event_id, buyer_id};

	return hash_bytes_extended((const unsigned char *) pair, sizeof(pair), 0);
}

/* One call at a time for a buyer whose limit or idempotency key matters. */
void
lock_buyer(uint64 key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, BUYER_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

static void
reclaim_tag(LOCKTAG *tag, int64 event_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId,
						 (uint32) (event_id >> 32), (uint32) event_id, RECLAIM_LOCK);
}

/*
 * One call at a time gathers an event's lapsed holds: two who each have some of
 * them and wait for the rest would wait for each other.
 */
void
lock_reclaim(int64 event_id)
{
	LOCKTAG		tag;

	reclaim_tag(&tag, event_id);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

void
unlock_reclaim(int64 event_id)
{
	LOCKTAG		tag;

	reclaim_tag(&tag, event_id);
	(void) LockRelease(&tag, ExclusiveLock, false);
}

/* Reports of one device come one after another. */
void
lock_device(int64 event_id, const char *device)
{
	LOCKTAG		tag;
	uint64		key = hash_bytes_extended((const unsigned char *) device, strlen(device), event_id);

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, DEVICE_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

bool
try_lock_shard(int64 tier_id, int shard)
{
	LOCKTAG		tag;

	shard_tag(&tag, tier_id, shard);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
lock_shard(int64 tier_id, int shard)
{
	LOCKTAG		tag;

	shard_tag(&tag, tier_id, shard);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

void
unlock_shard(int64 tier_id, int shard)
{
	LOCKTAG		tag;

	shard_tag(&tag, tier_id, shard);
	(void) LockRelease(&tag, ExclusiveLock, false);
}

static void
line_tag(LOCKTAG *tag, int64 tier_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (tier_id >> 32), (uint32) tier_id, LINE_LOCK);
}

/*
 * The line of a tier. Exclusive: join it, leave it, or hand stock to it.
 * Shared: put stock on public sale while nobody waits.
 */
void
lock_line(int64 tier_id, bool exclusive)
{
	LOCKTAG		tag;

	line_tag(&tag, tier_id);
	(void) LockAcquire(&tag, exclusive ? ExclusiveLock : ShareLock, false, false);
}

bool
try_lock_line(int64 tier_id)
{
	LOCKTAG		tag;

	line_tag(&tag, tier_id);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
unlock_line(int64 tier_id, bool exclusive)
{
	LOCKTAG		tag;

	line_tag(&tag, tier_id);
	(void) LockRelease(&tag, exclusive ? ExclusiveLock : ShareLock, false);
}
