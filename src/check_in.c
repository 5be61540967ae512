/*-------------------------------------------------------------------------
 *
 * check_in.c
 *	  Admitting people: check_in(), validate_ticket(), undo_check_in().
 *
 * The ticket is looked up and judged without a lock. What decides is one
 * update: it finds the ticket VALID and with the secret that was judged, or it
 * finds nothing and the ticket is judged again. So of any number of gates that
 * scan a ticket at once one is let through, and the index scans_entry would
 * stop a second ADMIT whoever wrote it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "utils/xid8.h"

#include "door.h"
#include "ids.h"
#include "refusal.h"
#include "roles.h"
#include "row_insert.h"
#include "spi_util.h"
#include "tickets.h"

PG_FUNCTION_INFO_V1(ev_check_in);
PG_FUNCTION_INFO_V1(ev_validate_ticket);
PG_FUNCTION_INFO_V1(ev_undo_check_in);

/* So often a ticket may change between finding it and admitting it. */
#define MAX_TRIES 10

/* The door's side of a call. */
typedef struct Door
{
	int64		event_id;		/* 0: any */
	const char *gate;			/* or NULL */
	const char *device;			/* or NULL */
	TimestampTz now;
} Door;

/* Record the scan of a ticket, or of a text that is none; its id. */
static int64
record_scan(const DoorTicket *ticket, const Door *door, const char *result, const char *reason)
{
	static RowInsert into = {
		.table = "scans",
		.columns = {"scan_id", "event_id", "ticket_id", "result", "reason", "told", "gate", "device",
		"scanned_at", "received_at", "changed_xid"}
	};
	char		nulls[] = "           ";
	int64		scan_id = next_id("scan_ids");
	Datum		told = CStringGetTextDatum(result);
	Datum		values[] = {
		Int64GetDatum(scan_id),
		Int64GetDatum(door->event_id != 0 ? door->event_id : ticket->event_id),
		Int64GetDatum(ticket->ticket_id), told, string_datum_or_null(reason, &nulls[4]), told,
		string_datum_or_null(door->gate, &nulls[6]), string_datum_or_null(door->device, &nulls[7]),
		TimestampTzGetDatum(door->now), TimestampTzGetDatum(door->now),
		FullTransactionIdGetDatum(GetTopFullTransactionId())
	};

	if (door->event_id == 0 && !ticket->found)
		nulls[1] = 'n';
	if (!ticket->found)
		nulls[2] = 'n';
	insert_row(&into, values, nulls, NULL);
	return scan_id;
}

/* Mark the ticket USED unless it was changed since it was looked up. */
static bool
use_ticket(DoorTicket *ticket, const Door *door)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.tickets SET status = 'USED', check_in_time = $3"
		" WHERE ticket_id = $1 AND status = 'VALID' AND qr_code = $2",
		INT8OID, UUIDOID, TIMESTAMPTZOID);
	Datum		values[] = {
		Int64GetDatum(ticket->ticket_id), UUIDPGetDatum(&ticket->secret),
		TimestampTzGetDatum(door->now)
	};

	if (spi_run(&update, values, NULL) == 0)
		return false;
	ticket->has_entry = true;
	ticket->entry_at = door->now;
	ticket->entry_gate = (char *) door->gate;
	ticket->entry_device = (char *) door->device;
	return true;
}

static Datum
string_result(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}

/* The answer, a check_in_result; scan_id is 0 when nothing was recorded. */
static Datum
make_result(FunctionCallInfo fcinfo, const DoorTicket *ticket, const Door *door,
			const char *result, const char *reason, int64 scan_id)
{
	/* A ticket of another event tells this door nothing about its holder. */
	bool		ours = ticket->found && (door->event_id == 0 || door->event_id == ticket->event_id);
	TupleDesc	desc;
	Datum		values[11];
	bool		nulls[11];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = string_result(result, &nulls[0]);
	values[1] = string_result(reason, &nulls[1]);
	values[2] = Int64GetDatum(scan_id);
	nulls[2] = scan_id == 0;
	values[3] = Int64GetDatum(ticket->ticket_id);
	values[4] = Int64GetDatum(ticket->event_id);
	values[5] = Int64GetDatum(ticket->tier_id);
	nulls[3] = nulls[4] = nulls[5] = !ticket->found;
	values[6] = string_result(ours ? ticket->tier_name : NULL, &nulls[6]);
	values[7] = string_result(ours ? ticket->attendee_name : NULL, &nulls[7]);
	values[8] = TimestampTzGetDatum(ticket->entry_at);
	nulls[8] = !ours || !ticket->has_entry;
	values[9] = string_result(ours ? ticket->entry_gate : NULL, &nulls[9]);
	values[10] = string_result(ours ? ticket->entry_device : NULL, &nulls[10]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static text *
token_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		raise_bad_argument("token must not be null", NULL, NULL);
	return PG_GETARG_TEXT_PP(0);
}

/* 0 when it is null; an id that no event has when it is none. */
static int64
event_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return 0;
	return PG_GETARG_INT64(n) > 0 ? PG_GETARG_INT64(n) : -1;
}

/* A name that may be missing; empty means missing. */
static char *
name_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *name = arg_string(fcinfo, n);

	return name && name[strspn(name, " ")] != '\0' ? name : NULL;
}

/* check_in(token, event_id, gate, device) */
Datum
ev_check_in(PG_FUNCTION_ARGS)
{
	text	   *token = token_argument(fcinfo);
	Door		door = {
		.event_id = event_argument(fcinfo, 1),
		.gate = name_argument(fcinfo, 2),
		.device = name_argument(fcinfo, 3),
		.now = GetCurrentTimestamp(),
	};
	MemoryContext caller = CurrentMemoryContext;
	Presented	presented;
	DoorTicket	ticket;
	const char *result;
	const char *reason;
	int64		scan_id;
	Datum		answer;

	ev_connect();
	if (door.event_id != 0)
		require_own_event(EV_DOORS, door.event_id);
	else
		require_role(EV_DOORS);
	identify(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), door.now, &presented);
	for (int tries = 1;; tries++)
	{
		look_up(&presented, door.gate, &ticket);
		result = judge(&presented, &ticket, door.event_id, door.now, &reason);
		if (strcmp(result, "ADMIT") != 0 || use_ticket(&ticket, &door))
			break;

		/* Changed in between, so look again; or changed where we cannot see it. */
		if (IsolationUsesXactSnapshot() || tries == MAX_TRIES)
			raise_serialization_failure();
	}
	scan_id = record_scan(&ticket, &door, result, reason);

	MemoryContextSwitchTo(caller);
	answer = make_result(fcinfo, &ticket, &door, result, reason, scan_id);
	return ev_finish(answer);
}

/* validate_ticket(token, event_id, gate) */
Datum
ev_validate_ticket(PG_FUNCTION_ARGS)
{
	text	   *token = token_argument(fcinfo);
	Door		door = {
		.event_id = event_argument(fcinfo, 1),
		.gate = name_argument(fcinfo, 2),
		.now = GetCurrentTimestamp(),
	};
	MemoryContext caller = CurrentMemoryContext;
	Presented	presented;
	DoorTicket	ticket;
	const char *result;
	const char *reason;
	Datum		answer;

	ev_connect();
	if (door.event_id != 0)
		require_own_event(EV_DOORS, door.event_id);
	else
		require_role(EV_DOORS);
	identify(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), door.now, &presented);
	look_up(&presented, door.gate, &ticket);
	result = judge(&presented, &ticket, door.event_id, door.now, &reason);

	MemoryContextSwitchTo(caller);
	answer = make_result(fcinfo, &ticket, &door, result, reason, 0);
	return ev_finish(answer);
}

/* undo_check_in(ticket_id, reason) */
Datum
ev_undo_check_in(PG_FUNCTION_ARGS)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT status, event_id FROM evently.tickets WHERE ticket_id = $1 FOR NO KEY UPDATE", INT8OID);
	static SpiQuery undo_entry = SPI_QUERY(
		"UPDATE evently.scans SET result = 'UNDONE', undone_at = $2, undo_reason = $3,"
		" changed_xid = pg_current_xact_id() WHERE ticket_id = $1 AND result = 'ADMIT'",
		INT8OID, TIMESTAMPTZOID, TEXTOID);
	static SpiQuery undo_rivals = SPI_QUERY(
		"UPDATE evently.scans SET result = 'UNDONE', undone_at = $2, undo_reason = $3,"
		" changed_xid = pg_current_xact_id()"
		" WHERE event_id = $4 AND ticket_id = $1 AND told = 'ADMIT' AND result <> 'ADMIT'"
		" AND result = 'ALREADY_ADMITTED'",
		INT8OID, TIMESTAMPTZOID, TEXTOID, INT8OID);
	static SpiQuery free_ticket = SPI_QUERY(
		"UPDATE evently.tickets t SET status = 'VALID', check_in_time = NULL"
		" WHERE t.ticket_id = $1 RETURNING t", INT8OID);
	int64		ticket_id = arg_id(fcinfo, 0, "ticket_id");
	char	   *reason = arg_nonempty_string(fcinfo, 1, "reason");
	Datum		values[] = {Int64GetDatum(ticket_id), 0, CStringGetTextDatum(reason), 0};
	char	   *status;

	ev_connect();
	require_own_ticket(EV_MANAGERS, ticket_id);
	if (spi_run(&lock, values, NULL) == 0)
		raise_no_ticket(ticket_id);
	status = spi_text(0, 1);
	if (strcmp(status, "USED") != 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("ticket " INT64_FORMAT " is not checked in", ticket_id),
					psprintf("Its status is %s.", status),
					"Only a USED ticket can be given its entry back.");
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[3] = Int64GetDatum(spi_int64(0, 2));
	(void) spi_run(&undo_entry, values, NULL);
	(void) spi_run(&undo_rivals, values, NULL);
	(void) spi_run(&free_ticket, values, NULL);
	return ticket_for_session(ev_finish(spi_result(0, 1)));
}
