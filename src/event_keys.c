/*-------------------------------------------------------------------------
 *
 * event_keys.c
 *	  The keys that sign and verify the tickets of an event: making them,
 *	  rotation, publication, and each backend's cache of loaded keys.
 *
 * Loading a key costs as much as signing with it, so loaded keys are kept. The
 * cache is wiped when a backend ends, and in every backend when anybody, by
 * rotate_event_key() or directly, changes a row of the key tables: a trigger
 * invalidates the table's relcache entry, and the callback here listens to that.
 *
 *-------------------------------------------------------------------------
 */
#include "event_keys.h"

#include "catalog/namespace.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base64url.h"
#include "guards.h"
#include "refusal.h"
#include "roles.h"
#include "row_fetch.h"
#include "spi_util.h"

/* Above this the cache starts anew: a bound on memory, hardly ever met. */
#define MAX_CACHED_KEYS 1000

PG_FUNCTION_INFO_V1(ev_rotate_event_key);
PG_FUNCTION_INFO_V1(ev_event_jwks);
PG_FUNCTION_INFO_V1(ev_start_event_key);
PG_FUNCTION_INFO_V1(ev_forget_keys);

static HTAB *signing_cache = NULL;
static HTAB *verification_cache = NULL;
static Oid	public_keys_table = InvalidOid;
static Oid	private_keys_table = InvalidOid;

static void
wipe_cache(HTAB **cache)
{
	HASH_SEQ_STATUS scan;
	EventKey   *entry;

	if (*cache == NULL)
		return;
	hash_seq_init(&scan, *cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		crypto_free_key(entry->key);
	hash_destroy(*cache);
	*cache = NULL;
}

static void
wipe_caches(void)
{
	wipe_cache(&signing_cache);
	wipe_cache(&verification_cache);
}

static void
on_invalidation(Datum arg pg_attribute_unused(), Oid relation)
{
	if (relation == InvalidOid || relation == public_keys_table ||
		relation == private_keys_table)
		wipe_caches();
}

static void
on_backend_exit(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	wipe_caches();
}

static void
open_cache(HTAB **cache)
{
	static bool listening = false;
	HASHCTL		control = {
		.keysize = EV_KID_LENGTH + 1,
		.entrysize = sizeof(EventKey),
		.hcxt = TopMemoryContext
	};

	if (!listening)
	{
		CacheRegisterRelcacheCallback(on_invalidation, (Datum) 0);
		on_proc_exit(on_backend_exit, (Datum) 0);
		listening = true;
	}
	if (*cache != NULL && hash_get_num_entries(*cache) >= MAX_CACHED_KEYS)
		wipe_cache(cache);
	if (*cache == NULL)
	{
		Oid			schema = get_namespace_oid("evently", false);

		/* Anew each time: the extension may have been dropped and created. */
		public_keys_table = get_relname_relid("event_keys", schema);
		private_keys_table = get_relname_relid("event_private_keys", schema);
		*cache = hash_create("evently keys", 16, &control, HASH_ELEM | HASH_STRINGS);
	}
}

static EventKey *
find_cached(HTAB *cache, const char *kid)
{
	return cache ? hash_search(cache, kid, HASH_FIND, NULL) : NULL;
}

/* The entry for a key; its key is NULL when it is new. */
static EventKey *
add_cached(HTAB *cache, const char *kid, int64 event_id)
{
	bool		found;
	EventKey   *entry = hash_search(cache, kid, HASH_ENTER, &found);

	if (!found)
	{
		entry->event_id = event_id;
		entry->key = NULL;
	}
	return entry;
}

/* A bytea column of 32 bytes, in the result's own memory. */
static uint8 *
key_bytes(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_datum(row, column, &isnull);
	bytea	   *bytes;

	if (isnull)
		return NULL;
	bytes = DatumGetByteaPP(value);
	Assert(VARSIZE_ANY_EXHDR(bytes) == EV_KEY_BYTES);
	return (uint8 *) VARDATA_ANY(bytes);
}

static void
raise_bad_key(int64 event_id, const char *kid, const char *what)
{
	raise_error(ERRCODE_EVENTLY_BAD_TOKEN_KEY,
				psprintf("event " INT64_FORMAT " has no usable signing key", event_id),
				psprintf("The private half of key \"%s\" %s.", kid, what),
				psprintf("Make a new key by SELECT evently.rotate_event_key(" INT64_FORMAT
						 "); tickets issued before stay good.", event_id));
}

/* Make a key pair for an event whose row is locked and that has none in use. */
static void
make_event_key(int64 event_id)
{
	static SpiQuery insert_public = SPI_QUERY(
		"INSERT INTO evently.event_keys (kid, event_id, public_key, created_at)"
		" VALUES ($1, $2, $3, $4)", TEXTOID, INT8OID, BYTEAOID, TIMESTAMPTZOID);
	static SpiQuery insert_private = SPI_QUERY(
		"INSERT INTO evently.event_private_keys (kid, private_key) VALUES ($1, $2)",
		TEXTOID, BYTEAOID);
	bytea	   *private_key = palloc(VARHDRSZ + EV_KEY_BYTES);
	bytea	   *public_key = palloc(VARHDRSZ + EV_KEY_BYTES);
	uint8		digest[EV_SHA256_BYTES];
	char		kid[EV_KID_LENGTH + 1];
	Datum		values[4];

	SET_VARSIZE(private_key, VARHDRSZ + EV_KEY_BYTES);
	SET_VARSIZE(public_key, VARHDRSZ + EV_KEY_BYTES);
	if (!crypto_make_key((uint8 *) VARDATA(private_key), (uint8 *) VARDATA(public_key)) ||
		!crypto_sha256(VARDATA(public_key), EV_KEY_BYTES, digest))
		elog(ERROR, "libcrypto could not make an Ed25519 key");
	base64url_encode(digest, 8, kid);

	values[0] = CStringGetTextDatum(kid);
	values[1] = Int64GetDatum(event_id);
	values[2] = PointerGetDatum(public_key);
	values[3] = TimestampTzGetDatum(GetCurrentTimestamp());
	(void) spi_run(&insert_public, values, NULL);
	values[1] = PointerGetDatum(private_key);
	(void) spi_run(&insert_private, values, NULL);
	crypto_wipe(VARDATA(private_key), EV_KEY_BYTES);
}

/* Makers of keys come one after another. */
static void
lock_event_row(int64 event_id)
{
	static SpiQuery find = SPI_QUERY(
		"SELECT 1 FROM evently.events WHERE event_id = $1", INT8OID);
	static SpiQuery lock = SPI_QUERY(
		"SELECT 1 FROM evently.events WHERE event_id = $1 FOR NO KEY UPDATE", INT8OID);
	Datum		values[] = {Int64GetDatum(event_id)};

	if (spi_read_fresh(&find, values, NULL) == 0)
		raise_not_found("event", event_id);
	if (spi_run(&lock, values, NULL) == 0)
		raise_serialization_failure();
}

/* The name of the key that the event signs with; NULL when it has none. */
static char *
kid_in_use(int64 event_id)
{
	static const RowFetch in_use = {"event_keys", "event_keys_signing", F_INT8EQ, {"kid"}};
	FetchedRow	row;

	return fetch_row(&in_use, Int64GetDatum(event_id), &row) ? fetched_text(&row, 0) : NULL;
}

/* See that the event has a key. */
static void
ensure_event_key(int64 event_id)
{
	lock_event_row(event_id);
	if (kid_in_use(event_id) == NULL)
		make_event_key(event_id);
}

/* The key that the event signs with, made if need be. To be called within SPI. */
EventKey *
signing_key(int64 event_id)
{
	static SpiQuery load = SPI_QUERY(
		"SELECT k.public_key, p.private_key FROM evently.event_keys k"
		" LEFT JOIN evently.event_private_keys p ON p.kid = k.kid WHERE k.kid = $1", TEXTOID);
	char	   *kid = kid_in_use(event_id);
	EventKey   *entry;
	uint8	   *private_key;
	Datum		values[1];

	if (kid == NULL)
	{
		ensure_event_key(event_id);
		kid = kid_in_use(event_id);
	}
	entry = find_cached(signing_cache, kid);
	if (entry != NULL)
		return entry;

	open_cache(&signing_cache);
	values[0] = CStringGetTextDatum(kid);
	if (spi_read_fresh(&load, values, NULL) == 0)
		elog(ERROR, "key \"%s\" does not exist", kid);
	private_key = key_bytes(0, 2);
	if (private_key == NULL)
		raise_bad_key(event_id, kid, "is missing: dumps leave it out unless evently.dump_private_keys is on");

	/* Again, because reading may have wiped the cache. */
	open_cache(&signing_cache);
	entry = add_cached(signing_cache, kid, event_id);
	if (entry->key == NULL)
		entry->key = crypto_load_private_key(private_key, key_bytes(0, 1));
	crypto_wipe(private_key, EV_KEY_BYTES);
	if (entry->key == NULL)
	{
		(void) hash_search(signing_cache, kid, HASH_REMOVE, NULL);
		raise_bad_key(event_id, kid, "does not fit its public half");
	}
	return entry;
}

/*
 * The key of that name, of whatever event; NULL when there is none. To be
 * called within SPI.
 */
EventKey *
verification_key(const char *kid)
{
	static SpiQuery load = SPI_QUERY(
		"SELECT event_id, public_key FROM evently.event_keys WHERE kid = $1", TEXTOID);
	EventKey   *entry = find_cached(verification_cache, kid);
	Datum		values[1];

	if (entry != NULL)
		return entry;

	open_cache(&verification_cache);
	values[0] = CStringGetTextDatum(kid);
	if (spi_read_fresh(&load, values, NULL) == 0)
		return NULL;
	open_cache(&verification_cache);
	entry = add_cached(verification_cache, kid, spi_int64(0, 1));
	if (entry->key == NULL)
		entry->key = crypto_load_public_key(key_bytes(0, 2));
	if (entry->key == NULL)
	{
		(void) hash_search(verification_cache, kid, HASH_REMOVE, NULL);
		return NULL;
	}
	return entry;
}

/* rotate_event_key(event_id) */
Datum
ev_rotate_event_key(PG_FUNCTION_ARGS)
{
	static SpiQuery retire = SPI_QUERY(
		"UPDATE evently.event_keys SET retired_at = $2"
		" WHERE event_id = $1 AND retired_at IS NULL", INT8OID, TIMESTAMPTZOID);
	static SpiQuery destroy = SPI_QUERY(
		"DELETE FROM evently.event_private_keys p USING evently.event_keys k"
		" WHERE k.event_id = $1 AND k.retired_at IS NOT NULL AND p.kid = k.kid", INT8OID);
	static SpiQuery read = SPI_QUERY(
		"SELECT k FROM evently.event_keys k WHERE k.event_id = $1 AND k.retired_at IS NULL", INT8OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	Datum		values[] = {Int64GetDatum(event_id), TimestampTzGetDatum(GetCurrentTimestamp())};

	ev_connect();
	lock_event_row(event_id);
	(void) spi_run(&retire, values, NULL);
	(void) spi_run(&destroy, values, NULL);
	make_event_key(event_id);
	(void) spi_run(&read, values, NULL);
	return ev_finish(spi_result(0, 1));
}

/* event_jwks(event_id) */
Datum
ev_event_jwks(PG_FUNCTION_ARGS)
{
	static SpiQuery read = SPI_QUERY(
		"SELECT evently.key_set(event_id) FROM evently.events WHERE event_id = $1", INT8OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	Datum		values[] = {Int64GetDatum(event_id)};

	ev_connect();
	require_own_event(EV_DOORS, event_id);
	if (spi_read_fresh(&read, values, NULL) == 0)
		raise_not_found("event", event_id);
	return ev_finish(spi_result(0, 1));
}

/* Trigger: an event gets its first key when it is published. */
Datum
ev_start_event_key(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	bool		isnull;
	int64		event_id;

	event_id = DatumGetInt64(SPI_getbinval(trigger->tg_newtuple,
										   RelationGetDescr(trigger->tg_relation),
										   SPI_fnumber(RelationGetDescr(trigger->tg_relation),
													   "event_id"), &isnull));
	ev_connect();
	ensure_event_key(event_id);
	return ev_finish(PointerGetDatum(NULL));
}

/* Trigger: keys have changed, so every backend wipes those it has loaded. */
Datum
ev_forget_keys(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(trigger_data(fcinfo)->tg_relation);
	return PointerGetDatum(NULL);
}
