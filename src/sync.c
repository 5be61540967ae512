/*-------------------------------------------------------------------------
 *
 * sync.c
 *	  sync_check_ins(): the scans that devices made offline.
 *
 * A scan at which a device admitted somebody, with a secret that was alive at
 * that time, is a claim to the ticket's entry; the earliest claim holds it. New
 * claims are only recorded, and then the holder is computed from all claims
 * there are, so the outcome is a function of the set of scans and not of the
 * order in which they came. The whole rule is in docs/offline.md.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "door.h"
#include "ids.h"
#include "json_args.h"
#include "locks.h"
#include "refusal.h"
#include "roles.h"
#include "spi_util.h"

PG_FUNCTION_INFO_V1(ev_sync_check_ins);

/* A scan that is new, and what has been found out about it. */
typedef struct NewScan
{
	ReportedScan *reported;
	TimestampTz device_time;
	TimestampTz scanned_at;
	Presented	presented;
	int64		ticket_id;		/* 0: unknown */
} NewScan;

/* Two digits, or more; -1 when there are other characters. */
static int
digits(const char **p, int n)
{
	int			value = 0;

	while (n-- > 0)
	{
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + *(*p)++ - '0';
	}
	return value;
}

/*
 * An instant as RFC 3339 writes it, whatever the session's DateStyle and time
 * zone: 2026-05-01T18:03:11.250Z. A space may stand for the T, the offset may
 * lack its minutes, as PostgreSQL writes it.
 */
static bool
read_instant(const char *text, TimestampTz *instant)
{
	const char *p = text;
	int			year = digits(&p, 4);
	int			month = *p == '-' ? (p++, digits(&p, 2)) : -1;
	int			day = *p == '-' ? (p++, digits(&p, 2)) : -1;
	int			hour = *p == 'T' || *p == 't' || *p == ' ' ? (p++, digits(&p, 2)) : -1;
	int			minute = *p == ':' ? (p++, digits(&p, 2)) : -1;
	int			second = *p == ':' ? (p++, digits(&p, 2)) : -1;
	int64		micros = 0;
	int			offset = 0;

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1] ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	if (*p == '.')
	{
		int			unit = 100000;

		p++;
		if (*p < '0' || *p > '9')
			return false;
		for (; *p >= '0' && *p <= '9'; p++)
		{
			micros += (*p - '0') * unit;
			unit /= 10;
		}
	}
	if (*p == 'Z' || *p == 'z')
		p++;
	else if (*p == '+' || *p == '-')
	{
		int			sign = *p++ == '-' ? -1 : 1;
		int			hours = digits(&p, 2);
		int			minutes = 0;

		if (*p == ':')
		{
			p++;
			minutes = digits(&p, 2);
		}
		if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
			return false;
		offset = sign * (hours * MINS_PER_HOUR + minutes);
	}
	else
		return false;
	if (*p != '\0')
		return false;

	*instant = (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY +
		((hour * MINS_PER_HOUR + minute - offset) * (int64) SECS_PER_MINUTE + second) * USECS_PER_SEC +
		micros;
	return true;
}

/* Which of these scans has the device reported before? */
static bool *
known_before(int64 event_id, const char *device, ReportedScan *scans, int n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT r.n::integer FROM unnest($3) WITH ORDINALITY AS r (scan_id, n)"
		" JOIN evently.scans s ON s.event_id = $1 AND s.device = $2 AND s.device_scan_id = r.scan_id"
		" AND s.device_scan_id IS NOT NULL", INT8OID, TEXTOID, TEXTARRAYOID);
	bool	   *known = palloc0(sizeof(bool) * Max(n, 1));
	Datum	   *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum		values[3] = {Int64GetDatum(event_id), CStringGetTextDatum(device)};

	for (int i = 0; i < n; i++)
		ids[i] = CStringGetTextDatum(scans[i].scan_id);
	values[2] = datum_array(ids, NULL, n, TEXTOID);
	(void) spi_read_fresh(&query, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		known[spi_int32(i, 1) - 1] = true;
	return known;
}

/* What the device scanned. To be called within SPI. */
static void
identify_scan(NewScan *scan)
{
	const ReportedScan *reported = scan->reported;

	if (reported->token != NULL)
		identify(reported->token, strlen(reported->token), scan->scanned_at, &scan->presented);
	else if (!is_fingerprint(reported->fingerprint, strlen(reported->fingerprint)))
		raise_bad_argument("member \"fingerprint\" of a scan is not a fingerprint",
						   psprintf("It is \"%.60s\".", reported->fingerprint), NULL);
	else
	{
		scan->presented.kind = PRESENTED_TICKET;
		scan->presented.ticket_id = reported->ticket_id;
		strlcpy(scan->presented.fingerprint, reported->fingerprint,
				sizeof(scan->presented.fingerprint));
	}
}

/* Lock the tickets that were scanned, in the order of their ids. */
static void
lock_tickets(int64 *ticket_ids, int n)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT ticket_id FROM evently.tickets WHERE ticket_id = ANY ($1)"
		" ORDER BY ticket_id FOR NO KEY UPDATE", INT8ARRAYOID);
	Datum		values[] = {int64_array(ticket_ids, n)};

	/* All were found, so one that is not seen here is younger than the snapshot. */
	if (n > 0 && spi_run(&lock, values, NULL) != (uint64) n)
		raise_serialization_failure();
}

/*
 * The undo that a claim falls under: the first at or after it. NULL when there
 * is none.
 */
static char *
find_undo(int64 event_id, int64 ticket_id, TimestampTz scanned_at, TimestampTz *undone_at)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT undone_at, undo_reason FROM evently.scans"
		" WHERE event_id = $1 AND ticket_id = $2 AND told = 'ADMIT' AND result <> 'ADMIT'"
		" AND result = 'UNDONE' AND undone_at >= $3 ORDER BY undone_at LIMIT 1",
		INT8OID, INT8OID, TIMESTAMPTZOID);
	Datum		values[] = {
		Int64GetDatum(event_id), Int64GetDatum(ticket_id), TimestampTzGetDatum(scanned_at)
	};

	if (spi_read_fresh(&query, values, NULL) == 0)
		return NULL;
	*undone_at = spi_timestamp(0, 1, 0);
	return spi_text(0, 2);
}

/* Record a scan; a claim that may hold the entry waits as ALREADY_ADMITTED. */
static bool
record_scan(NewScan *scan, int64 event_id, const char *device, TimestampTz now)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.scans (event_id, ticket_id, result, reason, told, gate, device,"
		" device_scan_id, device_time, scanned_at, received_at, undone_at, undo_reason, changed_xid)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, pg_current_xact_id())"
		" ON CONFLICT (event_id, device, device_scan_id) WHERE device_scan_id IS NOT NULL DO NOTHING",
		INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID);
	const ReportedScan *reported = scan->reported;
	const char *result = "ALREADY_ADMITTED";
	const char *reason = NULL;
	const char *undo_reason = NULL;
	TimestampTz undone_at = 0;
	bool		claim = false;
	DoorTicket	ticket = {.found = false};
	Datum		values[13];
	char		nulls[] = "             ";

	/* Again, now that it is locked. */
	if (scan->ticket_id != 0)
		look_up(&scan->presented, NULL, &ticket);
	if (scan->presented.kind == PRESENTED_NOTHING)
		reason = scan->presented.reason;
	else if (!ticket.found)
		reason = "UNKNOWN";
	else if (ticket.event_id != event_id)
		reason = "WRONG_EVENT";
	else if (strcmp(ticket.status, "TRANSFERRED") == 0)
		reason = "TRANSFERRED";		/* whichever of its secrets it was */
	else if (ticket.dead != NULL && scan->scanned_at >= ticket.dead_since)
		reason = ticket.dead;
	else if (strcmp(reported->result, "INVALID") == 0)
		reason = "REFUSED_OFFLINE";
	else if (strcmp(reported->result, "ADMIT") == 0)
	{
		undo_reason = find_undo(event_id, ticket.ticket_id, scan->scanned_at, &undone_at);
		claim = undo_reason == NULL;
	}
	if (reason != NULL)
		result = "INVALID";
	else if (undo_reason != NULL)
		result = "UNDONE";

	values[0] = Int64GetDatum(event_id);
	values[1] = Int64GetDatum(ticket.ticket_id);
	if (!ticket.found)
		nulls[1] = 'n';
	values[2] = CStringGetTextDatum(result);
	values[3] = string_datum_or_null(reason, &nulls[3]);
	values[4] = CStringGetTextDatum(reported->result);
	values[5] = string_datum_or_null(reported->gate, &nulls[5]);
	values[6] = CStringGetTextDatum(device);
	values[7] = CStringGetTextDatum(reported->scan_id);
	values[8] = TimestampTzGetDatum(scan->device_time);
	values[9] = TimestampTzGetDatum(scan->scanned_at);
	values[10] = TimestampTzGetDatum(now);
	values[11] = TimestampTzGetDatum(undone_at);
	if (undo_reason == NULL)
		nulls[11] = 'n';
	values[12] = string_datum_or_null(undo_reason, &nulls[12]);
	return spi_run(&insert, values, nulls) > 0 && claim;
}

/*
 * Give the entry to the earliest of all claims to a ticket whose row is locked.
 * Ties are broken by device and scan id, so that there is one answer.
 */
static void
settle(int64 event_id, int64 ticket_id)
{
	static SpiQuery earliest = SPI_QUERY(
		"SELECT scan_id, result, scanned_at FROM ("
		" SELECT scan_id, result, scanned_at, device, device_scan_id FROM evently.scans"
		"  WHERE ticket_id = $2 AND result = 'ADMIT'"
		" UNION ALL"
		" SELECT scan_id, result, scanned_at, device, device_scan_id FROM evently.scans"
		"  WHERE event_id = $1 AND ticket_id = $2 AND told = 'ADMIT' AND result <> 'ADMIT'"
		"  AND result = 'ALREADY_ADMITTED') AS claims"
		" ORDER BY scanned_at, device COLLATE \"C\" NULLS FIRST,"
		"  device_scan_id COLLATE \"C\" NULLS FIRST, scan_id LIMIT 1", INT8OID, INT8OID);
	static SpiQuery take_entry = SPI_QUERY(
		"UPDATE evently.scans SET result = 'ALREADY_ADMITTED', changed_xid = pg_current_xact_id()"
		" WHERE ticket_id = $1 AND result = 'ADMIT'", INT8OID);
	static SpiQuery give_entry = SPI_QUERY(
		"UPDATE evently.scans SET result = 'ADMIT', changed_xid = pg_current_xact_id()"
		" WHERE scan_id = $1", INT8OID);
	static SpiQuery mark_ticket = SPI_QUERY(
		"UPDATE evently.tickets SET check_in_time = $2,"
		" status = CASE status WHEN 'VALID' THEN 'USED' ELSE status END"
		" WHERE ticket_id = $1", INT8OID, TIMESTAMPTZOID);
	Datum		values[] = {Int64GetDatum(event_id), Int64GetDatum(ticket_id)};
	int64		scan_id;
	TimestampTz scanned_at;

	if (spi_read_fresh(&earliest, values, NULL) == 0)
		elog(ERROR, "ticket " INT64_FORMAT " has no claims", ticket_id);
	if (strcmp(spi_text(0, 2), "ADMIT") == 0)
		return;
	scan_id = spi_int64(0, 1);
	scanned_at = spi_timestamp(0, 3, 0);

	values[0] = Int64GetDatum(ticket_id);
	(void) spi_run(&take_entry, values, NULL);
	values[0] = Int64GetDatum(scan_id);
	(void) spi_run(&give_entry, values, NULL);
	values[0] = Int64GetDatum(ticket_id);
	values[1] = TimestampTzGetDatum(scanned_at);
	(void) spi_run(&mark_ticket, values, NULL);
}

/*
 * What is known now: the scans reported by this call, in its order, and then
 * the earlier ones of the device that are in conflict.
 */
static void
answer(FunctionCallInfo fcinfo, int64 event_id, const char *device, ReportedScan *scans, int n)
{
	static SpiQuery query = SPI_QUERY(
		"WITH reported AS ("
		" SELECT s.scan_id, r.n FROM unnest($3) WITH ORDINALITY AS r (device_scan_id, n)"
		" JOIN evently.scans s ON s.event_id = $1 AND s.device = $2"
		"  AND s.device_scan_id = r.device_scan_id AND s.device_scan_id IS NOT NULL"
		"), contested AS ("
		" SELECT c.scan_id, c.ticket_id, c.device FROM evently.scans c"
		" WHERE c.event_id = $1 AND c.told = 'ADMIT' AND c.result <> 'ADMIT' AND c.result <> 'UNDONE'"
		"), earlier AS ("
		" SELECT c.scan_id FROM contested c WHERE c.device = $2"
		" UNION"
		" SELECT h.scan_id FROM contested c JOIN evently.scans h"
		"  ON h.ticket_id = c.ticket_id AND h.result = 'ADMIT' WHERE h.device = $2"
		" EXCEPT"
		" SELECT r.scan_id FROM reported r"
		"), chosen AS ("
		" SELECT scan_id, n FROM reported UNION ALL SELECT scan_id, NULL FROM earlier)"
		"SELECT s.device_scan_id, s.result, s.reason,"
		" s.told = 'ADMIT' AND s.result <> 'UNDONE' AND (s.result <> 'ADMIT' OR EXISTS ("
		"  SELECT FROM contested c WHERE c.ticket_id = s.ticket_id)),"
		" s.ticket_id, t.status, s.scanned_at, h.scanned_at, h.gate, h.device"
		" FROM chosen"
		" JOIN evently.scans s ON s.scan_id = chosen.scan_id"
		" LEFT JOIN evently.tickets t ON t.ticket_id = s.ticket_id AND t.event_id = $1"
		" LEFT JOIN evently.scans h ON h.ticket_id = s.ticket_id AND h.result = 'ADMIT'"
		"  AND h.event_id = $1"
		" ORDER BY chosen.n, s.scan_id", INT8OID, TEXTOID, TEXTARRAYOID);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum	   *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum		values[3] = {Int64GetDatum(event_id), CStringGetTextDatum(device)};

	for (int i = 0; i < n; i++)
		ids[i] = CStringGetTextDatum(scans[i].scan_id);
	values[2] = datum_array(ids, NULL, n, TEXTOID);
	(void) spi_read_fresh(&query, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
}

/* sync_check_ins(event_id, device, scans) */
Datum
ev_sync_check_ins(PG_FUNCTION_ARGS)
{
	static SpiQuery find_event = SPI_QUERY(
		"SELECT 1 FROM evently.events WHERE event_id = $1", INT8OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	char	   *device = arg_nonempty_string(fcinfo, 1, "device");
	ReportedScan *reported;
	int			n;
	Refusal		refusal;
	NewScan    *scans;
	int			nscans = 0;
	int64	   *ticket_ids;
	int			ntickets = 0;
	int64	   *claimed;
	int			nclaimed;
	bool	   *known;
	TimestampTz now;
	Datum		values[] = {Int64GetDatum(event_id)};

	if (PG_ARGISNULL(2))
		raise_bad_argument("scans must not be null", NULL, NULL);
	if (!parse_scans(PG_GETARG_JSONB_P(2), &reported, &n, &refusal))
		raise_refusal(&refusal);
	InitMaterializedSRF(fcinfo, 0);

	ev_connect();
	require_own_event(EV_DOORS, event_id);
	if (spi_read_fresh(&find_event, values, NULL) == 0)
		raise_not_found("event", event_id);
	lock_device(event_id, device);
	now = GetCurrentTimestamp();

	scans = palloc0(sizeof(NewScan) * Max(n, 1));
	ticket_ids = palloc(sizeof(int64) * Max(n, 1));
	known = known_before(event_id, device, reported, n);
	for (int i = 0; i < n; i++)
	{
		NewScan    *scan = &scans[nscans];
		DoorTicket	ticket;

		scan->reported = &reported[i];
		if (!read_instant(reported[i].scanned_at, &scan->device_time))
			raise_bad_argument("member \"scanned_at\" of a scan is not a time with its offset from UTC",
							   psprintf("It is \"%.60s\".", reported[i].scanned_at),
							   "Write it as 2026-05-01T18:03:11.250Z.");
		if (known[i])
			continue;
		scan->scanned_at = Min(scan->device_time, now);
		identify_scan(scan);
		look_up(&scan->presented, NULL, &ticket);
		if (ticket.found)
			ticket_ids[ntickets++] = scan->ticket_id = ticket.ticket_id;
		nscans++;
	}
	ntickets = distinct_ids(ticket_ids, ntickets);
	lock_tickets(ticket_ids, ntickets);

	nclaimed = 0;
	claimed = palloc(sizeof(int64) * Max(nscans, 1));
	for (int i = 0; i < nscans; i++)
	{
		if (record_scan(&scans[i], event_id, device, now))
			claimed[nclaimed++] = scans[i].ticket_id;
	}
	nclaimed = distinct_ids(claimed, nclaimed);
	for (int i = 0; i < nclaimed; i++)
		settle(event_id, claimed[i]);

	answer(fcinfo, event_id, device, reported, n);
	return ev_finish((Datum) 0);
}
