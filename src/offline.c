/*-------------------------------------------------------------------------
 *
 * offline.c
 *	  offline_manifest(): the list by which a device admits while offline.
 *
 * A version is (epoch, transaction id). Rows carry the transaction that changed
 * them, and an answer's version is the oldest transaction that was still
 * running when it was read: all before it are in the answer, whatever is after
 * it comes again, so a transaction that takes its number early and commits late
 * is never missed.
 *
 * The epoch names the history that the numbers belong to. It is not stored, so
 * no dump can carry it: it is made of the cluster, its timeline, the database
 * and the table. After a restore, a failover or a point-in-time recovery it is
 * another one, and the device fetches everything anew. Rows that come by logical
 * replication carry another server's numbers, so a subscriber always answers in
 * full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/xid8.h"

#include "base64url.h"
#include "crypto.h"
#include "refusal.h"
#include "roles.h"
#include "spi_util.h"

PG_FUNCTION_INFO_V1(ev_offline_manifest);

#define EPOCH_BYTES		9
#define EPOCH_LENGTH	BASE64URL_LENGTH(EPOCH_BYTES)

/* Whether tickets come from another server. To be called within SPI. */
static bool
is_subscribed(Oid table)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.pg_subscription_rel r WHERE r.srrelid = $1 LIMIT 1", OIDOID);
	Datum		values[1] = {ObjectIdGetDatum(table)};

	return spi_read_fresh(&query, values, NULL) > 0;
}

static void
current_epoch(char *epoch, bool *subscribed)
{
	struct
	{
		uint64		cluster;
		TimeLineID	timeline;
		Oid			database;
		Oid			table;
		Oid			storage;
		bool		subscribed;
	}			history;
	uint8		digest[EV_SHA256_BYTES];

	memset(&history, 0, sizeof(history));
	history.cluster = GetSystemIdentifier();
	if (RecoveryInProgress())
		(void) GetXLogReplayRecPtr(&history.timeline);
	else
		history.timeline = GetWALInsertionTimeLine();
	history.database = MyDatabaseId;
	history.table = get_relname_relid("tickets", get_namespace_oid("evently", false));
	/* Another one after TRUNCATE, as before a data-only restore. */
	history.storage = DatumGetObjectId(DirectFunctionCall1(pg_relation_filenode,
														   ObjectIdGetDatum(history.table)));
	/* When the subscription ends, the numbers begin to be this server's own. */
	*subscribed = history.subscribed = is_subscribed(history.table);
	if (!crypto_sha256(&history, sizeof(history), digest))
		elog(ERROR, "libcrypto could not compute a SHA-256");
	base64url_encode(digest, EPOCH_BYTES, epoch);
}

/* Split EPOCH.TRANSACTION. */
static void
read_version(const char *version, char *epoch, uint64 *transaction)
{
	const char *dot = strchr(version, '.');
	const char *digits = dot ? dot + 1 : "";
	char	   *end;

	errno = 0;
	*transaction = strtou64(digits, &end, 10);
	if (dot == NULL || dot - version != EPOCH_LENGTH ||
		*digits < '0' || *digits > '9' || *end != '\0' || errno != 0)
		raise_bad_argument("since_version is not a version", NULL,
						   "Give the \"version\" of an earlier answer, or null for everything.");
	memcpy(epoch, version, EPOCH_LENGTH);
	epoch[EPOCH_LENGTH] = '\0';
}

/* $1 event, $2 epoch, $3 now, $4 whether it is everything, $5 since */
#define MANIFEST(changed_tickets, changed_revocations) \
	"SELECT jsonb_build_object(" \
	" 'version', $2 || '.' || pg_snapshot_xmin(pg_current_snapshot())," \
	" 'full', $4, 'as_of', $3," \
	" 'event', jsonb_build_object('event_id', e.event_id, 'title', e.title, 'status', e.status," \
	"  'doors_open', e.doors_open," \
	"  'doors_close', coalesce(e.start_time + e.last_admission, e.end_time)," \
	"  'gate_tiers', e.gate_tiers)," \
	" 'tiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('tier_id', k.tier_id, 'name', k.name)" \
	"   ORDER BY k.tier_id), '[]')" \
	"  FROM evently.ticket_tiers k WHERE k.event_id = $1)," \
	" 'keys', evently.key_set($1)," \
	" 'tickets', (SELECT coalesce(jsonb_agg(jsonb_build_object('ticket_id', t.ticket_id," \
	"   'tier_id', t.tier_id, 'fingerprint', evently.secret_fingerprint(t.qr_code)," \
	"   'used_at', t.check_in_time)), '[]')" \
	"  FROM evently.tickets t WHERE t.event_id = $1 AND t.status IN ('VALID', 'USED')" \
	changed_tickets ")," \
	" 'revocations', (SELECT coalesce(jsonb_agg(jsonb_build_object('fingerprint', r.fingerprint," \
	"   'ticket_id', r.ticket_id, 'reason', r.reason)), '[]')" \
	"  FROM evently.revocations r WHERE r.event_id = $1" changed_revocations "))" \
	" FROM evently.events e WHERE e.event_id = $1"

/*
 * What changed since transaction $5. A row of a transaction yet to come was
 * restored from a dump; it was in the full answer that the new epoch began with.
 */
#define CHANGED(column) \
	column " >= $5" \
	" AND (" column " < pg_snapshot_xmax(pg_current_snapshot())" \
	" OR " column " = pg_current_xact_id_if_assigned())"

/* offline_manifest(event_id, since_version) */
Datum
ev_offline_manifest(PG_FUNCTION_ARGS)
{
	static SpiQuery everything = SPI_QUERY(MANIFEST("", ""),
										   INT8OID, TEXTOID, TIMESTAMPTZOID, BOOLOID);
	static SpiQuery changes = SPI_QUERY(
		MANIFEST(" AND t.ticket_id = ANY (ARRAY("
				 "  SELECT i.ticket_id FROM evently.tickets i"
				 "  WHERE i.event_id = $1 AND " CHANGED("i.issued_xid")
				 "  UNION SELECT s.ticket_id FROM evently.scans s"
				 "  WHERE s.event_id = $1 AND s.told = 'ADMIT' AND " CHANGED("s.changed_xid")
				 "  UNION SELECT x.ticket_id FROM evently.revocations x"
				 "  WHERE x.event_id = $1 AND " CHANGED("x.changed_xid") "))",
				 " AND " CHANGED("r.changed_xid")),
		INT8OID, TEXTOID, TIMESTAMPTZOID, BOOLOID, XID8OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *version = arg_string(fcinfo, 1);
	char		epoch[EPOCH_LENGTH + 1];
	char		since_epoch[EPOCH_LENGTH + 1];
	uint64		since = 0;
	bool		full = true;
	bool		subscribed;
	Datum		values[5];

	ev_connect();
	current_epoch(epoch, &subscribed);
	if (version != NULL)
	{
		read_version(version, since_epoch, &since);
		/* A number yet to come: the server went back in time, unnoticed. */
		full = subscribed || strcmp(epoch, since_epoch) != 0 ||
			since > U64FromFullTransactionId(ReadNextFullTransactionId());
	}

	values[0] = Int64GetDatum(event_id);
	values[1] = CStringGetTextDatum(epoch);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[3] = BoolGetDatum(full);
	values[4] = FullTransactionIdGetDatum(FullTransactionIdFromU64(since));
	require_own_event(EV_DOORS, event_id);
	if (spi_read_fresh(full ? &everything : &changes, values, NULL) == 0)
		raise_not_found("event", event_id);
	return ev_finish(spi_result(0, 1));
}
