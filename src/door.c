/*-------------------------------------------------------------------------
 *
 * door.c
 *	  What a scanned text stands for, and whether it may enter.
 *
 * Secrets that have died are kept by their fingerprints (revocations), so that
 * the door can say why an old one is refused, and devices can be told.
 *
 *-------------------------------------------------------------------------
 */
#include "door.h"

#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "guards.h"
#include "refusal.h"
#include "roles.h"
#include "row_fetch.h"
#include "spi_util.h"

PG_FUNCTION_INFO_V1(ev_check_ticket);

/* A UUID in its usual spelling: 36 characters, in either case. */
static bool
read_uuid(const char *text, int len, pg_uuid_t *uuid)
{
	int			n = 0;

	if (len != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		char		c = text[i];
		int			digit;

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (c != '-')
				return false;
			continue;
		}
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return false;
		if (n % 2 == 0)
			uuid->data[n / 2] = digit << 4;
		else
			uuid->data[n / 2] |= digit;
		n++;
	}
	return true;
}

/* What the text stands for. To be called within SPI. */
void
identify(const char *text, int len, TimestampTz now, Presented *presented)
{
	Token		token;

	memset(presented, 0, sizeof(*presented));
	if (read_uuid(text, len, &presented->secret))
	{
		presented->kind = PRESENTED_SECRET;
		return;
	}
	switch (verify_token(text, len, now, &token))
	{
		case TOKEN_GOOD:
			presented->kind = PRESENTED_TICKET;
			presented->ticket_id = token.ticket_id;
			strlcpy(presented->fingerprint, token.fingerprint, sizeof(presented->fingerprint));
			break;
		case TOKEN_UNKNOWN:
			presented->reason = "UNKNOWN";
			break;
		case TOKEN_BAD_SIGNATURE:
			presented->reason = "BAD_SIGNATURE";
			break;
		case TOKEN_EXPIRED:
			presented->reason = "EXPIRED";
			break;
		case TOKEN_NOT_YET_VALID:
			presented->reason = "NOT_YET_VALID";
			break;
	}
}

/* The columns of a ticket's row, in this order in both fetches. */
enum
{
	T_TICKET_ID, T_EVENT_ID, T_TIER_ID, T_ATTENDEE_NAME, T_STATUS, T_QR_CODE
};
#define TICKET_COLUMNS {"ticket_id", "event_id", "tier_id", "attendee_name", "status", "qr_code"}

static const RowFetch ticket_by_id = {
	"tickets", "tickets_pkey", F_INT8EQ, TICKET_COLUMNS
};
static const RowFetch ticket_by_secret = {
	"tickets", "tickets_qr_code_key", F_UUID_EQ, TICKET_COLUMNS
};

static void
keep_ticket(const FetchedRow *row, DoorTicket *ticket)
{
	ticket->found = true;
	ticket->ticket_id = fetched_int64(row, T_TICKET_ID);
	ticket->event_id = fetched_int64(row, T_EVENT_ID);
	ticket->tier_id = fetched_int64(row, T_TIER_ID);
	ticket->attendee_name = fetched_text(row, T_ATTENDEE_NAME);
	ticket->status = fetched_text(row, T_STATUS);
	ticket->secret = *DatumGetUUIDP(row->values[T_QR_CODE]);
}

static void
find_by_id(int64 ticket_id, DoorTicket *ticket)
{
	FetchedRow	row;

	if (fetch_row(&ticket_by_id, Int64GetDatum(ticket_id), &row))
		keep_ticket(&row, ticket);
}

static void
find_by_secret(const pg_uuid_t *secret, DoorTicket *ticket)
{
	FetchedRow	row;

	if (fetch_row(&ticket_by_secret, UUIDPGetDatum(secret), &row))
		keep_ticket(&row, ticket);
}

/* Does the gate admit the tier, by the event's gate_tiers? */
static bool
gate_admits(Jsonb *gate_tiers, const char *gate, int64 tier_id)
{
	JsonbValue *tiers;
	JsonbValue	tier;

	if (gate == NULL)
		return false;
	tiers = getKeyJsonValueFromContainer(&gate_tiers->root, gate, strlen(gate), NULL);
	if (tiers == NULL || tiers->type != jbvBinary)
		return false;
	tier.type = jbvNumeric;
	tier.val.numeric = int64_to_numeric(tier_id);
	return findJsonbValueFromContainer(tiers->val.binary.data, JB_FARRAY, &tier) != NULL;
}

/* The rules of the ticket's event, the name of its tier, the scan that holds its entry. */
static void
read_surroundings(DoorTicket *ticket, const char *gate)
{
	static const RowFetch event = {
		"events", "events_pkey", F_INT8EQ,
		{"status", "doors_open", "start_time", "last_admission", "end_time", "gate_tiers",
		"organizer_id"}
	};
	static const RowFetch tier = {
		"ticket_tiers", "ticket_tiers_pkey", F_INT8EQ, {"name"}
	};
	static const RowFetch entry = {
		"scans", "scans_entry", F_INT8EQ, {"scanned_at", "gate", "device"}
	};
	FetchedRow	row;

	if (!fetch_row(&event, Int64GetDatum(ticket->event_id), &row))
		elog(ERROR, "event " INT64_FORMAT " does not exist", ticket->event_id);
	ticket->event_status = fetched_text(&row, 0);
	ticket->doors_open = fetched_timestamp(&row, 1);
	ticket->doors_close = row.nulls[3] ? fetched_timestamp(&row, 4) :
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												row.values[2], row.values[3]));
	ticket->gate_admits = row.nulls[5] ||
		gate_admits(DatumGetJsonbP(row.values[5]), gate, ticket->tier_id);
	ticket->organizer_id = fetched_int64(&row, 6);

	if (fetch_row(&tier, Int64GetDatum(ticket->tier_id), &row))
		ticket->tier_name = fetched_text(&row, 0);

	if (strcmp(ticket->status, "VALID") != 0 &&
		fetch_row(&entry, Int64GetDatum(ticket->ticket_id), &row))
	{
		ticket->has_entry = true;
		ticket->entry_at = fetched_timestamp(&row, 0);
		ticket->entry_gate = fetched_text(&row, 1);
		ticket->entry_device = fetched_text(&row, 2);
	}
}

/* Has this secret died? The ticket that it was of, or 0. */
static int64
find_revocation(const char *fingerprint, DoorTicket *ticket)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT ticket_id, reason, revoked_at FROM evently.revocations WHERE fingerprint = $1", TEXTOID);
	Datum		values[] = {CStringGetTextDatum(fingerprint)};

	if (spi_read_fresh(&query, values, NULL) == 0)
		return 0;
	ticket->dead = spi_text(0, 2);
	ticket->dead_since = spi_timestamp(0, 3, 0);
	return spi_int64(0, 1);
}

/* A ticket that was given back for its money is REFUNDED to the door. */
static bool
was_refunded(int64 ticket_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM evently.tickets t"
		" JOIN evently.refunds r ON r.order_id = t.order_id"
		" WHERE t.ticket_id = $1 AND r.reason = 'REQUESTED' AND t.ticket_id = ANY (r.ticket_ids)", INT8OID);
	Datum		values[] = {Int64GetDatum(ticket_id)};

	return spi_read_fresh(&query, values, NULL) > 0;
}

static bool
lives(const char *status)
{
	return strcmp(status, "VALID") == 0 || strcmp(status, "USED") == 0;
}

/* Find the ticket; false when nothing of the kind was ever issued. */
static bool
find_ticket(const Presented *presented, DoorTicket *ticket)
{
	char		fingerprint[EV_FINGERPRINT_LENGTH + 1];
	bool		current;
	int64		revoked;

	if (presented->kind == PRESENTED_SECRET)
	{
		find_by_secret(&presented->secret, ticket);
		current = ticket->found;
		if (current && lives(ticket->status))
			return true;
		fingerprint_of(&presented->secret, fingerprint);
	}
	else
	{
		find_by_id(presented->ticket_id, ticket);
		if (!ticket->found)
			return false;
		fingerprint_of(&ticket->secret, fingerprint);
		current = strcmp(fingerprint, presented->fingerprint) == 0;
		if (current && lives(ticket->status))
			return true;
		strlcpy(fingerprint, presented->fingerprint, sizeof(fingerprint));
	}

	/* Not the live secret of a live ticket: one that has died, or none ever. */
	revoked = find_revocation(fingerprint, ticket);
	if (revoked == 0)
	{
		/* The row was entered as it is, so its secret never lived. */
		ticket->dead = current ? ticket->status : NULL;
		ticket->dead_since = DT_NOBEGIN;
		return current;
	}
	if (!ticket->found)
		find_by_id(revoked, ticket);
	if (ticket->ticket_id != revoked)
		return false;
	if (strcmp(ticket->dead, "CANCELLED") == 0 && was_refunded(revoked))
		ticket->dead = "REFUNDED";
	return true;
}

/*
 * Find the ticket of what was presented, as it is now, and what the door asks
 * about it. A door that is tied to an organizer knows no other's tickets. To be
 * called within SPI.
 */
void
look_up(const Presented *presented, const char *gate, DoorTicket *ticket)
{
	memset(ticket, 0, sizeof(*ticket));
	if (presented->kind == PRESENTED_NOTHING)
		return;
	if (find_ticket(presented, ticket))
	{
		read_surroundings(ticket, gate);
		if (session_has_organizer(EV_DOORS, ticket->organizer_id))
			return;
	}
	memset(ticket, 0, sizeof(*ticket));
}

/*
 * ADMIT, ALREADY_ADMITTED, or INVALID with a reason. event_id is 0 when the
 * door named none.
 */
const char *
judge(const Presented *presented, const DoorTicket *ticket, int64 event_id,
	  TimestampTz now, const char **reason)
{
	*reason = NULL;
	if (presented->kind == PRESENTED_NOTHING)
		*reason = presented->reason;
	else if (!ticket->found)
		*reason = "UNKNOWN";
	else if (event_id != 0 && ticket->event_id != event_id)
		*reason = "WRONG_EVENT";
	else if (ticket->dead != NULL)
		*reason = ticket->dead;
	else if (strcmp(ticket->status, "USED") == 0)
		return "ALREADY_ADMITTED";
	else if (strcmp(ticket->event_status, "CANCELLED") == 0)
		*reason = "CANCELLED";
	else if (strcmp(ticket->event_status, "DRAFT") == 0 || now < ticket->doors_open)
		*reason = "NOT_YET_OPEN";
	else if (strcmp(ticket->event_status, "COMPLETED") == 0 || now >= ticket->doors_close)
		*reason = "EVENT_OVER";
	else if (!ticket->gate_admits)
		*reason = "WRONG_GATE";
	return *reason ? "INVALID" : "ADMIT";
}

/* A ticket could not be locked: there is none, or it is younger than the snapshot. */
void
raise_no_ticket(int64 ticket_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM evently.tickets WHERE ticket_id = $1", INT8OID);
	Datum		values[] = {Int64GetDatum(ticket_id)};

	if (IsolationUsesXactSnapshot() && spi_read_fresh(&query, values, NULL) > 0)
		raise_serialization_failure();
	raise_not_found("ticket", ticket_id);
}

/*
 * Trigger: the states of a ticket; and when its secret dies, a note of that. A
 * superuser who brought it back to life by force may see it die again.
 */
Datum
ev_check_ticket(PG_FUNCTION_ARGS)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.revocations (fingerprint, ticket_id, event_id, reason, revoked_at, changed_xid)"
		" VALUES ($1, $2, $3, $4, $5, pg_current_xact_id())"
		" ON CONFLICT (fingerprint) DO UPDATE SET reason = EXCLUDED.reason,"
		" revoked_at = EXCLUDED.revoked_at, changed_xid = EXCLUDED.changed_xid",
		TEXTOID, INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID);
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc	columns = trigger->tg_relation->rd_att;
	char		fingerprint[EV_FINGERPRINT_LENGTH + 1];
	pg_uuid_t  *old_secret;
	pg_uuid_t  *new_secret;
	char	   *old_status;
	char	   *new_status;
	const char *reason;
	Datum		values[5];
	bool		isnull;

	check_transition(trigger);
	old_secret = DatumGetUUIDP(SPI_getbinval(trigger->tg_trigtuple, columns,
											 SPI_fnumber(columns, "qr_code"), &isnull));
	new_secret = DatumGetUUIDP(SPI_getbinval(trigger->tg_newtuple, columns,
											 SPI_fnumber(columns, "qr_code"), &isnull));
	old_status = SPI_getvalue(trigger->tg_trigtuple, columns, SPI_fnumber(columns, "status"));
	new_status = SPI_getvalue(trigger->tg_newtuple, columns, SPI_fnumber(columns, "status"));
	if (lives(new_status) || !lives(old_status))
	{
		if (memcmp(old_secret->data, new_secret->data, UUID_LEN) == 0)
			return PointerGetDatum(NULL);
		reason = "REISSUED";
	}
	else
		reason = new_status;

	ev_connect();
	fingerprint_of(old_secret, fingerprint);
	values[0] = CStringGetTextDatum(fingerprint);
	values[1] = SPI_getbinval(trigger->tg_newtuple, columns,
							  SPI_fnumber(columns, "ticket_id"), &isnull);
	values[2] = SPI_getbinval(trigger->tg_newtuple, columns,
							  SPI_fnumber(columns, "event_id"), &isnull);
	values[3] = CStringGetTextDatum(reason);
	values[4] = TimestampTzGetDatum(GetCurrentTimestamp());
	(void) spi_run(&insert, values, NULL);
	return ev_finish(PointerGetDatum(NULL));
}
