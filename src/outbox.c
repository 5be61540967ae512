/*-------------------------------------------------------------------------
 *
 * outbox.c
 *	  The outbox's workers: claiming messages, and reporting what became of
 *	  them.
 *
 * Messages are written by the transaction that causes them. A worker claims
 * some, commits, sends them and acknowledges each. Until its time of visibility
 * is over nobody else gets them; afterwards they are given out again, with the
 * same message_id. So a message is sent at least once, whatever dies.
 *
 * A message about tickets gets their list when it is claimed: as they are then,
 * and not at the buyer's expense.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "guc.h"
#include "refusal.h"
#include "spi_util.h"

#define MAX_BACKOFF		(6 * USECS_PER_HOUR)

static TimestampTz
visible_until(FunctionCallInfo fcinfo, int n, TimestampTz now)
{
	Interval   *visibility;
	int64		length;

	if (PG_ARGISNULL(n))
		raise_bad_argument("visibility must not be null", NULL, NULL);
	visibility = PG_GETARG_INTERVAL_P(n);
	/* As intervals compare: a month has 30 days. */
	length = visibility->time +
		(visibility->day + visibility->month * INT64CONST(30)) * USECS_PER_DAY;
	if (length < USECS_PER_SEC || length > USECS_PER_DAY)
		raise_bad_argument("visibility must be between 1 second and 1 day", NULL, NULL);
	return now + length;
}

/* claim_notifications(batch_size, visibility) */
PG_FUNCTION_INFO_V1(ev_claim_notifications);
Datum
ev_claim_notifications(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"WITH due AS MATERIALIZED ("
		" SELECT d.notification_id, d.visible_at AS due_at FROM evently.notifications d"
		" WHERE d.status = 'PENDING' AND d.visible_at <= $1 AND d.attempts < $3"
		" ORDER BY d.visible_at, d.notification_id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED),"
		" claimed AS ("
		" UPDATE evently.notifications n SET attempts = n.attempts + 1, visible_at = $2"
		" FROM due WHERE n.notification_id = due.notification_id RETURNING n, due.due_at)"
		" SELECT (c.n).notification_id, (c.n).message_id, (c.n).kind, (c.n).recipient,"
		"  (c.n).user_id, (c.n).event_id, (c.n).order_id,"
		"  CASE WHEN (c.n).kind = 'TICKETS_ISSUED' THEN (c.n).payload || pg_catalog.jsonb_strip_nulls("
		"   pg_catalog.jsonb_build_object('tickets', (SELECT pg_catalog.jsonb_agg("
		"    pg_catalog.jsonb_build_object('ticket_id', k.ticket_id, 'tier', t.name,"
		"     'attendee_name', k.attendee_name) ORDER BY k.ticket_id)"
		"    FROM evently.tickets k JOIN evently.ticket_tiers t ON t.tier_id = k.tier_id"
		"    WHERE k.order_id = (c.n).order_id AND k.status IN ('VALID', 'USED')"
		"    AND k.ticket_id = coalesce(((c.n).payload ->> 'ticket_id')::pg_catalog.int8, k.ticket_id))))"
		"   ELSE (c.n).payload END,"
		"  (c.n).created_at, (c.n).status, (c.n).attempts, (c.n).visible_at, (c.n).closed_at,"
		"  (c.n).last_error"
		" FROM claimed c ORDER BY c.due_at, (c.n).notification_id",
		TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[4] = {
		TimestampTzGetDatum(now), TimestampTzGetDatum(visible_until(fcinfo, 1, now)),
		Int32GetDatum(ev_notification_max_attempts), Int32GetDatum(batch_size)
	};
	uint64		rows;

	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	rows = spi_run(&query, values, NULL);
	for (uint64 i = 0; i < rows; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	ev_finish((Datum) 0);
	return (Datum) 0;
}

/* Lock a message; its status, and its attempts. P0002 if unknown. */
static char *
lock_notification(int64 notification_id, int32 *attempts)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT status, attempts FROM evently.notifications WHERE notification_id = $1"
		" FOR NO KEY UPDATE",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(notification_id)};

	if (spi_run(&query, values, NULL) == 0)
	{
		if (spi_read_fresh(&query, values, NULL) > 0)
			raise_serialization_failure();
		raise_not_found("notification", notification_id);
	}
	*attempts = spi_int32(0, 2);
	return spi_text(0, 1);
}

/* Write what became of a locked message. */
static void
update_notification(int64 notification_id, const char *status, int32 attempts,
					TimestampTz visible_at, TimestampTz now, const char *error)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.notifications SET status = $2, attempts = $3, visible_at = $4,"
		" closed_at = CASE WHEN $2 <> 'PENDING' THEN $5 END, last_error = $6"
		" WHERE notification_id = $1",
		INT8OID, TEXTOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID);
	char		nulls[] = "      ";
	Datum		values[6] = {
		Int64GetDatum(notification_id), CStringGetTextDatum(status), Int32GetDatum(attempts),
		TimestampTzGetDatum(visible_at), TimestampTzGetDatum(now),
		string_datum_or_null(error, &nulls[5])
	};

	(void) spi_run(&query, values, nulls);
}

/* ack_notification(notification_id): sent, even if it was given up meanwhile. */
PG_FUNCTION_INFO_V1(ev_ack_notification);
Datum
ev_ack_notification(PG_FUNCTION_ARGS)
{
	int64		notification_id = arg_id(fcinfo, 0, "notification_id");
	TimestampTz now = GetCurrentTimestamp();
	int32		attempts;
	bool		news;

	ev_connect();
	news = strcmp(lock_notification(notification_id, &attempts), "SENT") != 0;
	if (news)
		update_notification(notification_id, "SENT", attempts, now, now, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_BOOL(news);
}

/* fail_notification(notification_id, error, attempt) */
PG_FUNCTION_INFO_V1(ev_fail_notification);
Datum
ev_fail_notification(PG_FUNCTION_ARGS)
{
	int64		notification_id = arg_id(fcinfo, 0, "notification_id");
	char	   *error = arg_nonempty_string(fcinfo, 1, "error");
	TimestampTz now = GetCurrentTimestamp();
	char	   *status;
	int32		attempts;

	ev_connect();
	status = lock_notification(notification_id, &attempts);
	if (strcmp(status, "PENDING") == 0 &&
		(PG_ARGISNULL(2) || PG_GETARG_INT32(2) == attempts))
	{
		/* Doubled until it is longer than the longest anyway. */
		int64		wait = ev_notification_backoff * USECS_PER_SEC << Min(Max(attempts - 1, 0), 15);

		if (attempts >= ev_notification_max_attempts)
			status = "DEAD";
		update_notification(notification_id, status, attempts, now + Min(wait, MAX_BACKOFF), now,
							error);
	}
	return ev_finish(SPI_datumTransfer(CStringGetTextDatum(status), false, -1));
}

/* retry_notification(notification_id): give out a dead letter anew. */
PG_FUNCTION_INFO_V1(ev_retry_notification);
Datum
ev_retry_notification(PG_FUNCTION_ARGS)
{
	int64		notification_id = arg_id(fcinfo, 0, "notification_id");
	TimestampTz now = GetCurrentTimestamp();
	int32		attempts;
	bool		dead;

	ev_connect();
	dead = strcmp(lock_notification(notification_id, &attempts), "DEAD") == 0;
	if (dead)
		update_notification(notification_id, "PENDING", 0, now, now, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_BOOL(dead);
}

/* clean_notifications(batch_size) */
PG_FUNCTION_INFO_V1(ev_clean_notifications);
Datum
ev_clean_notifications(PG_FUNCTION_ARGS)
{
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.notifications WHERE notification_id IN"
		" (SELECT n.notification_id FROM evently.notifications n"
		"  WHERE n.status = 'SENT' AND n.closed_at < $1"
		"  ORDER BY n.closed_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
		TIMESTAMPTZOID, INT4OID);
	static SpiQuery give_up = SPI_QUERY(
		"UPDATE evently.notifications SET status = 'DEAD', closed_at = $1,"
		" last_error = pg_catalog.concat_ws('; ', last_error, 'no answer from the worker')"
		" WHERE notification_id IN"
		" (SELECT n.notification_id FROM evently.notifications n"
		"  WHERE n.status = 'PENDING' AND n.visible_at <= $1 AND n.attempts >= $3"
		"  ORDER BY n.visible_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)",
		TIMESTAMPTZOID, INT4OID, INT4OID);
	int32		batch_size = arg_batch_size(fcinfo, 0);
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[3] = {
		TimestampTzGetDatum(now - ev_notification_keep * USECS_PER_SEC),
		Int32GetDatum(batch_size), Int32GetDatum(ev_notification_max_attempts)
	};
	int			n;

	ev_connect();
	n = (int) spi_run(&forget, values, NULL);
	values[0] = TimestampTzGetDatum(now);
	n += (int) spi_run(&give_up, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_INT32(n);
}
