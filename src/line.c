/*-------------------------------------------------------------------------
 *
 * line.c
 *	  The line of a tier: who gets stock that is released.
 *
 * inventory.c comes here with everything that is released, so this is the one
 * place where it is shared out: in the order of joining, to all whose quantity
 * fits in what there is. The first whom it does not suffice has it gather, for
 * evently.waitlist_gather_time; then, for as long again, those behind pass and
 * what fits nobody goes on sale (docs/waitlist.md).
 *
 * Locks: whoever puts stock on sale holds the tier's line lock shared, which
 * says that nobody waits; who hands it to the line, joins or leaves holds it
 * exclusively. All lines of a call are locked, sorted, before its first shard.
 * Taking from what is on sale needs no such lock and does not come here.
 *
 *-------------------------------------------------------------------------
 */
#include "line.h"

#include "guc.h"
#include "locks.h"
#include "refusal.h"
#include "spi_util.h"

/* So many entries are read at a time. */
#define CHUNK 500

struct Line
{
	int64		tier_id;
	bool		on_sale;		/* else the sale is paused */
	bool		over;			/* no offers any more */
	TimestampTz end;			/* of the sale, or the start of the event */
	TimestampTz now;

	/* as it is in the table, then as it will be */
	int32		gathering;
	int64		gather_for;		/* 0 for none */
	TimestampTz gather_until;
	bool		changed;

	/* who gets an offer */
	int64	   *entries;
	int			nentries;
	int			space;
	int32		to_public;		/* negative: taken from what is on sale */
};

/* The condition that somebody waits at l.tier_id, with $2 for the time. */
#define SOMEBODY_WAITS \
	" FROM evently.waitlist_lines l" \
	" JOIN evently.ticket_tiers t ON t.tier_id = l.tier_id" \
	" JOIN evently.events e ON e.event_id = t.event_id" \
	" WHERE l.tier_id = ANY ($1) AND e.status IN ('ON_SALE', 'SOLD_OUT', 'PUBLISHED')" \
	" AND $2 < LEAST(t.sale_end, e.start_time) AND EXISTS" \
	" (SELECT FROM evently.waitlist_entries w" \
	"  WHERE w.tier_id = l.tier_id AND w.status = 'WAITING')"

/* The tiers, of those given, where somebody waits. */
static int64 *
tiers_with_line(const int64 *tier_ids, int n, TimestampTz now, int *nfound)
{
	static SpiQuery query = SPI_QUERY("SELECT l.tier_id" SOMEBODY_WAITS,
		INT8ARRAYOID, TIMESTAMPTZOID);
	Datum		values[2] = {int64_array(tier_ids, n), TimestampTzGetDatum(now)};

	(void) spi_read_fresh(&query, values, NULL);
	return spi_int64_column(1, nfound);
}

bool
somebody_waits(int64 tier_id, TimestampTz now)
{
	int			n;

	(void) tiers_with_line(&tier_id, 1, now, &n);
	return n > 0;
}

/* A line as it is now; NULL if nobody ever waited. The caller holds its lock. */
static Line *
read_line(int64 tier_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT l.gathering, l.gather_for, l.gather_until, e.status,"
		" LEAST(t.sale_end, e.start_time)"
		" FROM evently.waitlist_lines l"
		" JOIN evently.ticket_tiers t ON t.tier_id = l.tier_id"
		" JOIN evently.events e ON e.event_id = t.event_id"
		" WHERE l.tier_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(tier_id)};
	Line	   *line;
	char	   *status;

	if (spi_read_fresh(&query, values, NULL) == 0)
		return NULL;
	line = palloc0(sizeof(Line));
	line->tier_id = tier_id;
	line->gathering = spi_int32(0, 1);
	line->gather_for = spi_int64(0, 2);
	line->gather_until = spi_timestamp(0, 3, DT_NOBEGIN);
	status = spi_text(0, 4);
	line->end = spi_timestamp(0, 5, DT_NOEND);
	line->now = now;
	line->on_sale = strcmp(status, "ON_SALE") == 0 || strcmp(status, "SOLD_OUT") == 0;
	line->over = now >= line->end || !(line->on_sale || strcmp(status, "PUBLISHED") == 0);
	return line;
}

static void
unlock_change_line(StockChange *change)
{
	if (change->line_locked)
		unlock_line(change->tier_id, change->line_exclusive);
	change->line_locked = false;
	change->line = NULL;
}

/* Give back what lock_lines() has locked; nothing may have been written. */
void
unlock_lines(StockChange *changes, int n)
{
	for (int i = 0; i < n; i++)
		unlock_change_line(&changes[i]);
}

/*
 * Lock the lines of the tiers whose stock is released (sorted): shared where
 * nobody waits, which stays so until the transaction ends; else exclusively.
 */
void
lock_lines(StockChange *changes, int n)
{
	int64	   *tier_ids = palloc(sizeof(int64) * Max(n, 1));
	bool	   *exclusive = palloc(sizeof(bool) * Max(n, 1));

	for (int i = 0; i < n; i++)
		exclusive[i] = changes[i].settle;
	for (;;)
	{
		TimestampTz now;
		int64	   *found;
		int			nfound;
		int			ntiers = 0;
		bool		done = true;

		for (int i = 0; i < n; i++)
		{
			if (changes[i].released == 0 && !changes[i].settle)
				continue;
			lock_line(changes[i].tier_id, exclusive[i]);
			changes[i].line_exclusive = exclusive[i];
			changes[i].line_locked = true;
			tier_ids[ntiers++] = changes[i].tier_id;
		}
		if (ntiers == 0)
			return;

		now = GetCurrentTimestamp();
		found = tiers_with_line(tier_ids, ntiers, now, &nfound);
		for (int i = 0; i < n; i++)
		{
			bool		waits = changes[i].settle;

			for (int j = 0; j < nfound && !waits; j++)
				waits = (found[j] == changes[i].tier_id);
			if (!waits)
				continue;
			if (!exclusive[i])
			{
				exclusive[i] = true;
				done = false;
			}
			else
				changes[i].line = read_line(changes[i].tier_id, now);
		}
		if (done)
			return;
		unlock_lines(changes, n);
	}
}

static void
add_offer(Line *line, int64 entry_id)
{
	if (line->nentries == line->space)
	{
		line->space = Max(line->space * 2, 16);
		line->entries = line->entries
			? repalloc(line->entries, sizeof(int64) * line->space)
			: palloc(sizeof(int64) * line->space);
	}
	line->entries[line->nentries++] = entry_id;
}

/*
 * Stock does not suffice for an entry, the first of its kind: does it gather
 * for it?
 */
static bool
gathers_for(Line *line, int64 entry_id)
{
	int64		period = ev_waitlist_gather_time * USECS_PER_SEC;

	if (line->gather_for == entry_id)
	{
		if (line->now < line->gather_until)
			return true;
		if (line->now < line->gather_until + period)
			return false;
	}
	if (period == 0)
		return false;
	line->gather_for = entry_id;
	line->gather_until = line->now + period;
	return true;
}

/*
 * Share out: pool is what belongs to the line, on_sale what the public may buy
 * too (its shards are locked). An entry may get from both.
 */
static void
share_out(Line *line, int32 pool, int32 on_sale)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT w.entry_id, w.quantity, w.position FROM evently.waitlist_entries w"
		" WHERE w.tier_id = $1 AND w.status = 'WAITING' AND w.position > $2"
		" AND (NOT $3 OR w.quantity <= $4)"
		" ORDER BY w.position LIMIT $5",
		INT8OID, INT8OID, BOOLOID, INT4OID, INT4OID);
	int32		left = pool + on_sale;
	int64		position = 0;
	bool		blocked = false;
	bool		gathers = false;
	int			n = CHUNK;

	while (left > 0 && !gathers && n == CHUNK)
	{
		Datum		values[5] = {
			Int64GetDatum(line->tier_id), Int64GetDatum(position), BoolGetDatum(blocked),
			Int32GetDatum(left), Int32GetDatum(CHUNK)
		};

		n = (int) spi_read_fresh(&query, values, NULL);
		for (int i = 0; i < n && left > 0 && !gathers; i++)
		{
			int64		entry_id = spi_int64(i, 1);
			int32		quantity = spi_int32(i, 2);

			position = spi_int64(i, 3);
			if (quantity <= left)
			{
				add_offer(line, entry_id);
				left -= quantity;
			}
			else if (!blocked)
			{
				blocked = true;
				/* Only what was released gathers, not what is on sale. */
				gathers = left > on_sale && gathers_for(line, entry_id);
			}
		}
	}

	line->gathering = gathers ? Max(left - on_sale, 0) : 0;
	line->to_public = left - on_sale - line->gathering;
	if (!blocked && left > 0)
	{
		/* Nobody is left who waits for more. */
		line->gather_for = 0;
	}
}

/*
 * Decide what a line gets of what a change releases, and lock the shards that
 * it takes. A change that wants tickets for a buyer too gets what the line leaves;
 * it does not let the line take from what is on sale.
 */
void
plan_line(StockChange *change)
{
	Line	   *line = change->line;
	int32		pool = line->gathering + change->released;
	int32		gathering = line->gathering;
	int64		gather_for = line->gather_for;
	TimestampTz gather_until = line->gather_until;

	if (line->over)
	{
		line->gathering = 0;
		line->to_public = pool;
	}
	else if (!line->on_sale && somebody_waits(line->tier_id, line->now))
		line->gathering = pool;
	else if (!line->on_sale)
	{
		line->gathering = 0;
		line->to_public = pool;
	}
	else if (change->wanted > 0)
	{
		share_out(line, pool, 0);
	}
	else
	{
		int32		on_sale = 0;

		if (stock_on_sale(line->tier_id) > 0)
		{
			lock_all_shards(change);
			on_sale = change->covered;
		}
		share_out(line, pool, on_sale);
	}
	line->changed = line->gathering != gathering || line->gather_for != gather_for ||
		(gather_for != 0 && line->gather_until != gather_until);
}

/* What the line leaves to the public; negative: takes from it. */
int32
line_to_public(const Line *line)
{
	return line->to_public;
}

/* Make the offers, and tell those who get them. */
static void
make_offers(const Line *line)
{
	static SpiQuery query = SPI_QUERY(
		"WITH served AS ("
		" UPDATE evently.waitlist_entries SET status = 'OFFERED' WHERE entry_id = ANY ($1)"
		" RETURNING entry_id, tier_id, event_id, user_id, email, quantity, position),"
		" offer AS ("
		" INSERT INTO evently.waitlist_offers"
		"  (entry_id, tier_id, event_id, user_id, quantity, offered_at, expires_at)"
		" SELECT s.entry_id, s.tier_id, s.event_id, s.user_id, s.quantity, $2, $3"
		" FROM served s ORDER BY s.position RETURNING offer_id, entry_id, expires_at)"
		" INSERT INTO evently.notifications"
		"  (kind, recipient, user_id, event_id, payload, created_at, visible_at)"
		" SELECT 'WAITLIST_OFFER', s.email, s.user_id, s.event_id,"
		"  pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"   'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"   'timezone', v.timezone, 'tier', t.name, 'tier_id', t.tier_id,"
		"   'quantity', s.quantity, 'price', t.price, 'currency', e.currency,"
		"   'offer_id', o.offer_id, 'expires_at', o.expires_at)), $2, $2"
		" FROM offer o JOIN served s ON s.entry_id = o.entry_id"
		" JOIN evently.ticket_tiers t ON t.tier_id = s.tier_id"
		" JOIN evently.events e ON e.event_id = s.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" ORDER BY s.position",
		INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID);
	TimestampTz expires_at = line->now + ev_waitlist_offer_ttl * USECS_PER_SEC;
	Datum		values[3] = {
		int64_array(line->entries, line->nentries), TimestampTzGetDatum(line->now),
		TimestampTzGetDatum(Min(expires_at, line->end))
	};

	/* Fewer: the transaction's snapshot is older than some who joined. */
	if (spi_run(&query, values, NULL) != (uint64) line->nentries)
		raise_serialization_failure();
}

/* Write what plan_line() has decided. */
void
apply_line(Line *line)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.waitlist_lines SET gathering = $2, gather_for = $3, gather_until = $4"
		" WHERE tier_id = $1",
		INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID);
	const char *nulls = line->gather_for == 0 ? "  nn" : NULL;
	Datum		values[4] = {
		Int64GetDatum(line->tier_id), Int32GetDatum(line->gathering),
		Int64GetDatum(line->gather_for), TimestampTzGetDatum(line->gather_until)
	};

	if (line->nentries > 0)
		make_offers(line);
	if (line->changed && spi_run(&query, values, nulls) != 1)
		raise_serialization_failure();
}
