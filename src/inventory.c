/*-------------------------------------------------------------------------
 *
 * inventory.c
 *	  The stock of tickets: contention-free and exact.
 *
 * A tier's free tickets are spread over shard rows. Whoever changes a row
 * holds the shard's lock (locks.c) to the end of the transaction; who has only
 * looked gives it back at once. Each backend starts at a shard of its own.
 *
 * Fast way: try the own shard's lock and take from it, one statement.
 * Otherwise look at all shards as committed. If the sum is too small the call
 * is refused without a lock or a write; what others took and have not committed
 * still counts, so the refusal is true even if they roll back. If one shard has
 * enough, take it, waiting for it only when all such shards are busy. If it
 * needs several, lock them in order.
 *
 * No deadlock: tiers are locked in the order of their ids. Within a tier a
 * backend either waits for one shard while it holds none, or waits for shards
 * in order (docs/concurrency.md).
 *
 * Everything that releases stock comes through lock_stock() and apply_stock():
 * the one place where it is handed to those in line (line.c) before the public.
 *
 *-------------------------------------------------------------------------
 */
#include "inventory.h"

#include "miscadmin.h"
#include "storage/proc.h"

#include "compat.h"
#include "line.h"
#include "locks.h"
#include "refusal.h"
#include "shard_row.h"
#include "spi_util.h"

/* A tier of this size or larger gets another shard for every so many tickets. */
#define TICKETS_PER_SHARD 50

int
default_shards(int32 quantity)
{
	return Min(Max(quantity / TICKETS_PER_SHARD, 1), EV_MAX_SHARDS);
}

/*
 * Where each of the last tiers was found to have stock when the backend's own
 * shard had none. Only a hint: it may be as wrong as a guess.
 */
#define MAX_HINTS 32
static struct
{
	int64		tier_id;
	int			shard;
}			hints[MAX_HINTS];

static int
own_shard(int64 tier_id, int shards)
{
	int			n = tier_id % MAX_HINTS;

	if (hints[n].tier_id == tier_id && hints[n].shard < shards)
		return hints[n].shard;
	return EV_BACKEND_SLOT % shards;
}

static void
make_own_shard(int64 tier_id, int shard)
{
	hints[tier_id % MAX_HINTS].tier_id = tier_id;
	hints[tier_id % MAX_HINTS].shard = shard;
}

/*
 * Change a shard's stock; what it has then, or -1 if it would become negative.
 * The caller holds the shard's lock.
 */
static int32
change_shard(int64 tier_id, int shard, int32 delta)
{
	static SpiQuery query = SPI_QUERY("UPDATE evently.inventory_shards SET available = available + $3"
		" WHERE tier_id = $1 AND shard = $2 AND available + $3 >= 0"
		" RETURNING available",
		INT8OID, INT2OID, INT4OID);
	Datum		values[3] = {Int64GetDatum(tier_id), Int16GetDatum(shard), Int32GetDatum(delta)};

	/* By the transaction's snapshot a change since is 40001, as for every row. */
	if (!IsolationUsesXactSnapshot())
		return change_shard_row(tier_id, shard, delta);
	return spi_run(&query, values, NULL) == 1 ? spi_int32(0, 1) : -1;
}

/* What a shard has now; the caller holds its lock. */
static int32
read_shard(int64 tier_id, int shard)
{
	static SpiQuery query = SPI_QUERY("SELECT available FROM evently.inventory_shards WHERE tier_id = $1 AND shard = $2",
		INT8OID, INT2OID);
	Datum		values[2] = {Int64GetDatum(tier_id), Int16GetDatum(shard)};

	return spi_read_fresh(&query, values, NULL) == 1 ? spi_int32(0, 1) : 0;
}

/* What each shard has as committed, and the sum. */
static int32
read_all_shards(int64 tier_id, int32 available[EV_MAX_SHARDS])
{
	static SpiQuery query = SPI_QUERY("SELECT shard, available FROM evently.inventory_shards WHERE tier_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(tier_id)};
	int32		sum = 0;
	uint64		n;

	memset(available, 0, sizeof(int32) * EV_MAX_SHARDS);
	n = spi_read_fresh(&query, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		int			shard = DatumGetInt16(spi_datum(i, 1, &isnull));

		available[shard] = spi_int32(i, 2);
		sum += available[shard];
	}
	return sum;
}

/*
 * Take tickets from the backend's own shard if nobody holds it and it has
 * enough. False changes nothing and says nothing about the rest of the stock.
 */
bool
take_from_own_shard(int64 tier_id, int shards, int32 quantity, bool *emptied)
{
	int			shard = own_shard(tier_id, shards);
	int32		left;

	if (!try_lock_shard(tier_id, shard))
		return false;
	left = change_shard(tier_id, shard, -quantity);
	if (left < 0)
	{
		unlock_shard(tier_id, shard);
		return false;
	}
	*emptied = (left == 0);
	return true;
}

/* Add to the list of changes, which stays sorted by tier, one entry a tier. */
void
add_stock_change(StockChange **changes, int *n, int64 tier_id, int shards, int32 delta)
{
	int			i = 0;

	while (i < *n && (*changes)[i].tier_id < tier_id)
		i++;
	if (i == *n || (*changes)[i].tier_id != tier_id)
	{
		*changes = *changes ? repalloc(*changes, sizeof(StockChange) * (*n + 1))
			: palloc(sizeof(StockChange));
		memmove(*changes + i + 1, *changes + i, sizeof(StockChange) * (*n - i));
		memset(*changes + i, 0, sizeof(StockChange));
		(*changes)[i].tier_id = tier_id;
		(*changes)[i].shards = shards;
		(*n)++;
	}
	if (delta > 0)
		(*changes)[i].released += delta;
	else
		(*changes)[i].wanted -= delta;
}

/* What a change adds to the tickets on sale; negative: takes from them. */
int32
stock_delta(const StockChange *change)
{
	int32		added = change->line ? line_to_public(change->line) : change->released;

	return added - change->wanted;
}

/* What a tier has on sale, as committed. */
int32
stock_on_sale(int64 tier_id)
{
	int32		available[EV_MAX_SHARDS];

	return read_all_shards(tier_id, available);
}

static void
note_locked(StockChange *change, int shard, int32 available)
{
	if (change->locked == NULL)
		change->locked = palloc(sizeof(LockedShard) * EV_MAX_SHARDS);
	change->locked[change->nlocked].shard = shard;
	change->locked[change->nlocked].available = available;
	change->nlocked++;
	change->covered += available;
}

static void
unlock_tier(StockChange *change)
{
	for (int i = 0; i < change->nlocked; i++)
		unlock_shard(change->tier_id, change->locked[i].shard);
	change->nlocked = 0;
	change->covered = 0;
}

/* Give back what lock_stock() has locked; nothing may have been written. */
void
unlock_stock(StockChange *changes, int n)
{
	for (int i = 0; i < n; i++)
		unlock_tier(&changes[i]);
	unlock_lines(changes, n);
}

/* With the shard's lock just got: keep it if the shard has enough. */
static bool
keep_if_enough(StockChange *change, int shard, int32 wanted)
{
	int32		available = read_shard(change->tier_id, shard);

	if (available >= wanted)
	{
		note_locked(change, shard, available);
		return true;
	}
	unlock_shard(change->tier_id, shard);
	return false;
}

/* Lock a shard to add to: a free one, or else the own. */
static void
lock_for_adding(StockChange *change)
{
	int			start = own_shard(change->tier_id, change->shards);

	for (int i = 0; i < change->shards; i++)
	{
		int			shard = (start + i) % change->shards;

		if (try_lock_shard(change->tier_id, shard))
		{
			note_locked(change, shard, 0);
			return;
		}
	}
	lock_shard(change->tier_id, start);
	note_locked(change, start, 0);
}

/*
 * Lock shards that have what is to be taken. With "partly", all there is will
 * do if it is less. False, with nothing locked, when there is not enough.
 */
static bool
lock_for_taking(StockChange *change, bool partly)
{
	int			start = own_shard(change->tier_id, change->shards);

	for (;;)
	{
		int32		available[EV_MAX_SHARDS];
		int32		wanted = -stock_delta(change);
		int32		sum = read_all_shards(change->tier_id, available);
		int			busy = -1;

		CHECK_FOR_INTERRUPTS();
		if (sum < wanted)
		{
			if (!partly)
				return false;
			wanted = sum;
			if (wanted == 0)
			{
				if (change->may_add)
					lock_for_adding(change);
				return true;
			}
		}

		for (int i = 0; i < change->shards; i++)
		{
			int			shard = (start + i) % change->shards;

			if (available[shard] < wanted)
				continue;
			if (!try_lock_shard(change->tier_id, shard))
			{
				if (busy < 0)
					busy = shard;
			}
			else if (keep_if_enough(change, shard, wanted))
			{
				make_own_shard(change->tier_id, shard);
				return true;
			}
		}
		if (busy >= 0)
		{
			lock_shard(change->tier_id, busy);
			if (keep_if_enough(change, busy, wanted))
				return true;
			continue;
		}

		for (int shard = 0; shard < change->shards && change->covered < wanted; shard++)
		{
			if (available[shard] > 0)
			{
				lock_shard(change->tier_id, shard);
				(void) keep_if_enough(change, shard, 1);
			}
		}
		if (change->covered >= wanted)
			return true;

		/* Others were faster: look again. */
		unlock_tier(change);
	}
}

/*
 * Lock what the changes (sorted by tier) need; nothing is written yet. Returns
 * -1, or the index of a tier that has not enough: then nothing is locked. With
 * "partly" a tier that has not enough has all that it has locked.
 */
int
lock_stock(StockChange *changes, int n, bool partly)
{
	lock_lines(changes, n);
	for (int i = 0; i < n; i++)
	{
		int32		delta;

		if (changes[i].line != NULL)
			plan_line(&changes[i]);
		delta = stock_delta(&changes[i]);
		changes[i].added = delta + changes[i].wanted;
		if (changes[i].nlocked > 0)
			continue;
		if (delta > 0 || (delta == 0 && changes[i].may_add))
			lock_for_adding(&changes[i]);
		else if (delta < 0 && !lock_for_taking(&changes[i], partly))
		{
			unlock_stock(changes, n);
			return i;
		}
	}
	return -1;
}

/* Lock every shard of a tier, in order. */
void
lock_all_shards(StockChange *change)
{
	for (int shard = 0; shard < change->shards; shard++)
	{
		lock_shard(change->tier_id, shard);
		note_locked(change, shard, read_shard(change->tier_id, shard));
	}
}

/*
 * Write the changes to the lines and shards that lock_stock() has locked.
 * Whether a shard was emptied.
 */
bool
apply_stock(StockChange *changes, int n)
{
	bool		emptied = false;

	for (int i = 0; i < n; i++)
	{
		int32		rest = stock_delta(&changes[i]);

		if (changes[i].line != NULL)
			apply_line(changes[i].line);
		for (int j = 0; j < changes[i].nlocked && rest != 0; j++)
		{
			LockedShard *shard = &changes[i].locked[j];
			int32		part = Max(rest, -shard->available);
			int32		left;

			if (part == 0)
				continue;
			left = change_shard(changes[i].tier_id, shard->shard, part);
			if (left < 0)
			{
				/* The snapshot's row is not the one that was read. */
				if (IsolationUsesXactSnapshot())
					raise_serialization_failure();
				elog(ERROR, "shard %d of tier " INT64_FORMAT " changed without its lock",
					 shard->shard, changes[i].tier_id);
			}
			if (left == 0)
				emptied = true;
			rest -= part;
		}
		if (rest != 0)
			elog(ERROR, "tier " INT64_FORMAT " has not enough locked stock", changes[i].tier_id);
	}
	return emptied;
}
