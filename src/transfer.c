/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  Tickets that change hands: transfer_ticket(), assign_attendee(),
 *	  reissue_ticket().
 *
 * The secret changes whenever the holder does, and the old one dies in the same
 * transaction (trigger check_ticket). The mail to a new holder carries the QR
 * code, so what it needs is in the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "door.h"
#include "locks.h"
#include "orders.h"
#include "refusal.h"
#include "spi_util.h"

PG_FUNCTION_INFO_V1(ev_transfer_ticket);
PG_FUNCTION_INFO_V1(ev_assign_attendee);
PG_FUNCTION_INFO_V1(ev_reissue_ticket);

/* A ticket whose row is locked. */
typedef struct LockedTicket
{
	char	   *status;
	bool		from_transfer;
	char	   *holder;			/* the attendee's address, else the buyer's; or NULL */
	bool		holder_is;		/* the address asked for, case aside */
} LockedTicket;

static void
lock_ticket(int64 ticket_id, const char *email, LockedTicket *ticket)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT t.status, t.transferred_from IS NOT NULL, coalesce(t.attendee_email, o.buyer_email),"
		" coalesce(lower(btrim(coalesce(t.attendee_email, o.buyer_email))) = lower(btrim($2)), false)"
		" FROM evently.tickets t JOIN evently.orders o ON o.order_id = t.order_id"
		" WHERE t.ticket_id = $1 FOR NO KEY UPDATE OF t", INT8OID, TEXTOID);
	Datum		values[2] = {Int64GetDatum(ticket_id)};
	char		nulls[] = "  ";
	bool		isnull;

	values[1] = string_datum_or_null(email, &nulls[1]);
	if (spi_run(&lock, values, nulls) == 0)
		raise_no_ticket(ticket_id);
	ticket->status = spi_text(0, 1);
	ticket->from_transfer = DatumGetBool(spi_datum(0, 2, &isnull));
	ticket->holder = spi_text(0, 3);
	ticket->holder_is = DatumGetBool(spi_datum(0, 4, &isnull));
}

static void
must_be_valid(int64 ticket_id, const LockedTicket *ticket)
{
	if (strcmp(ticket->status, "VALID") != 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("ticket " INT64_FORMAT " is not valid", ticket_id),
					psprintf("Its status is %s.", ticket->status),
					"Only a VALID ticket can be reissued or given another name.");
}

/*
 * A row in the outbox about a ticket, with its token and QR code when the mail
 * brings the ticket itself. recipient NULL: the buyer, known by id only.
 */
static void
notify_holder(const char *kind, int64 ticket_id, const char *recipient,
			  const char *other_holder, const char *reason, bool with_qr, TimestampTz now)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, user_id, event_id, order_id, payload, created_at)"
		" SELECT $1, $3, CASE WHEN $3 IS NULL OR lower($3) = lower(o.buyer_email) THEN o.buyer_id END,"
		" t.event_id, t.order_id,"
		" jsonb_strip_nulls(jsonb_build_object("
		"  'title', e.title, 'start_time', e.start_time, 'venue', v.name, 'timezone', v.timezone,"
		"  'order_id', t.order_id, 'ticket_id', t.ticket_id, 'tier', k.name,"
		"  'attendee_name', t.attendee_name, 'other_holder', $4, 'reason', $5, 'token', $6,"
		"  'qr_png', CASE WHEN $6 IS NOT NULL THEN"
		"   translate(encode(evently.qr_png($6), 'base64'), E'\n', '') END)), $7"
		" FROM evently.tickets t"
		" JOIN evently.orders o ON o.order_id = t.order_id"
		" JOIN evently.events e ON e.event_id = t.event_id"
		" LEFT JOIN evently.ticket_tiers k ON k.tier_id = t.tier_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" WHERE t.ticket_id = $2",
		TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	char		nulls[] = "       ";
	Datum		values[7];

	values[0] = CStringGetTextDatum(kind);
	values[1] = Int64GetDatum(ticket_id);
	values[2] = string_datum_or_null(recipient, &nulls[2]);
	values[3] = string_datum_or_null(other_holder, &nulls[3]);
	values[4] = string_datum_or_null(reason, &nulls[4]);
	values[5] = string_datum_or_null(with_qr ? make_token(ticket_id) : NULL, &nulls[5]);
	values[6] = TimestampTzGetDatum(now);
	(void) spi_run(&insert, values, nulls);
}

/* Why it cannot be handed over now; NULL when it can. */
static char *
transfer_obstacle(int64 event_id, const LockedTicket *ticket, TimestampTz now)
{
	static SpiQuery read = SPI_QUERY(
		"SELECT status, $2 >= coalesce(transfer_deadline, start_time),"
		" to_char(coalesce(transfer_deadline, start_time) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
		" FROM evently.events WHERE event_id = $1", INT8OID, TIMESTAMPTZOID);
	Datum		values[] = {Int64GetDatum(event_id), TimestampTzGetDatum(now)};
	bool		isnull;

	if (strcmp(ticket->status, "USED") == 0)
		return "Its holder has entered.";
	if (strcmp(ticket->status, "VALID") != 0)
		return psprintf("Its status is %s.", ticket->status);
	if (spi_read_fresh(&read, values, NULL) == 0)
		elog(ERROR, "event " INT64_FORMAT " does not exist", event_id);
	if (strcmp(spi_text(0, 1), "CANCELLED") == 0 || strcmp(spi_text(0, 1), "COMPLETED") == 0)
		return psprintf("Its event is %s.", spi_text(0, 1));
	if (DatumGetBool(spi_datum(0, 2, &isnull)))
		return psprintf("Tickets of its event could be transferred until %s UTC.", spi_text(0, 3));
	return NULL;
}

/* transfer_ticket(ticket_id, from_email, to_name, to_email) */
Datum
ev_transfer_ticket(PG_FUNCTION_ARGS)
{
	static SpiQuery find = SPI_QUERY(
		"SELECT event_id, order_id FROM evently.tickets WHERE ticket_id = $1", INT8OID);
	static SpiQuery end = SPI_QUERY(
		"UPDATE evently.tickets SET status = 'TRANSFERRED' WHERE ticket_id = $1", INT8OID);
	static SpiQuery issue = SPI_QUERY(
		"INSERT INTO evently.tickets (order_id, tier_id, event_id, attendee_name, attendee_email,"
		" issued_at, transferred_from)"
		" SELECT order_id, tier_id, event_id, $2, $3, $4, ticket_id"
		" FROM evently.tickets WHERE ticket_id = $1 RETURNING ticket_id",
		INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID);
	static SpiQuery read = SPI_QUERY(
		"SELECT t FROM evently.tickets t WHERE t.ticket_id = $1", INT8OID);
	int64		ticket_id = arg_id(fcinfo, 0, "ticket_id");
	char	   *from_email = arg_nonempty_string(fcinfo, 1, "from_email");
	char	   *to_name = arg_nonempty_string(fcinfo, 2, "to_name");
	char	   *to_email = arg_nonempty_string(fcinfo, 3, "to_email");
	Datum		values[] = {
		Int64GetDatum(ticket_id), CStringGetTextDatum(to_name), CStringGetTextDatum(to_email), 0
	};
	int64		event_id;
	int64		new_id;
	LockedTicket ticket;
	char	   *obstacle;
	TimestampTz now;

	ev_connect();
	if (spi_read_fresh(&find, values, NULL) == 0)
		raise_not_found("ticket", ticket_id);
	event_id = spi_int64(0, 1);

	/*
	 * The event, because cancelling it must see the new ticket; the order,
	 * because refunding it must.
	 */
	{
		int64		order_id = spi_int64(0, 2);

		lock_event_shared(event_id);
		(void) lock_order(order_id);
	}
	lock_ticket(ticket_id, from_email, &ticket);
	now = GetCurrentTimestamp();

	if (!ticket.holder_is)
		raise_error(ERRCODE_EVENTLY_NOT_THE_HOLDER,
					psprintf("\"%s\" is not the holder of ticket " INT64_FORMAT, from_email, ticket_id),
					"The holder is the attendee's address, or the buyer's where there is none.",
					"Let the holder ask for the transfer.");
	if (pg_strcasecmp(ticket.holder, to_email) == 0)
		raise_bad_argument("to_email is that of the present holder", NULL,
						   "Use evently.assign_attendee() to correct a name.");
	if (ticket.from_transfer || strcmp(ticket.status, "TRANSFERRED") == 0)
		raise_error(ERRCODE_EVENTLY_TRANSFERRED_ONCE,
					psprintf("ticket " INT64_FORMAT " has been transferred already", ticket_id),
					"A ticket may change hands once.", "Refund the ticket, and buy another.");
	obstacle = transfer_obstacle(event_id, &ticket, now);
	if (obstacle != NULL)
		raise_error(ERRCODE_EVENTLY_NOT_TRANSFERABLE,
					psprintf("ticket " INT64_FORMAT " cannot be transferred", ticket_id), obstacle,
					"Only a VALID ticket that was not admitted can be transferred, until its deadline.");

	(void) spi_run(&end, values, NULL);
	values[3] = TimestampTzGetDatum(now);
	(void) spi_run(&issue, values, NULL);
	new_id = spi_int64(0, 1);
	notify_holder("TICKET_TRANSFERRED", ticket_id, ticket.holder, to_email, NULL, false, now);
	notify_holder("TICKET_RECEIVED", new_id, to_email, ticket.holder, NULL, true, now);
	values[0] = Int64GetDatum(new_id);
	(void) spi_run(&read, values, NULL);
	return ev_finish(spi_result(0, 1));
}

/* assign_attendee(ticket_id, name, email) */
Datum
ev_assign_attendee(PG_FUNCTION_ARGS)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.tickets t SET attendee_name = coalesce($2, attendee_name),"
		" attendee_email = coalesce($3, attendee_email),"
		" qr_code = CASE WHEN $4 THEN gen_random_uuid() ELSE qr_code END"
		" WHERE t.ticket_id = $1 RETURNING t", INT8OID, TEXTOID, TEXTOID, BOOLOID);
	int64		ticket_id = arg_id(fcinfo, 0, "ticket_id");
	char	   *name = PG_ARGISNULL(1) ? NULL : arg_nonempty_string(fcinfo, 1, "name");
	char	   *email = PG_ARGISNULL(2) ? NULL : arg_nonempty_string(fcinfo, 2, "email");
	Datum		values[4] = {Int64GetDatum(ticket_id)};
	char		nulls[] = "    ";
	LockedTicket ticket;
	bool		new_holder;
	Datum		result;

	if (name == NULL && email == NULL)
		raise_bad_argument("name and email must not both be null", NULL, NULL);
	ev_connect();
	lock_ticket(ticket_id, email, &ticket);
	must_be_valid(ticket_id, &ticket);
	new_holder = email != NULL && !ticket.holder_is;

	values[1] = string_datum_or_null(name, &nulls[1]);
	values[2] = string_datum_or_null(email, &nulls[2]);
	values[3] = BoolGetDatum(new_holder);
	(void) spi_run(&update, values, nulls);
	result = spi_result(0, 1);
	if (new_holder)
	{
		TimestampTz now = GetCurrentTimestamp();

		notify_holder("TICKET_TRANSFERRED", ticket_id, ticket.holder, email, NULL, false, now);
		notify_holder("TICKET_RECEIVED", ticket_id, email, ticket.holder, NULL, true, now);
	}
	return ev_finish(result);
}

/* reissue_ticket(ticket_id, reason) */
Datum
ev_reissue_ticket(PG_FUNCTION_ARGS)
{
	static SpiQuery update = SPI_QUERY(
		"UPDATE evently.tickets t SET qr_code = gen_random_uuid()"
		" WHERE t.ticket_id = $1 RETURNING t", INT8OID);
	int64		ticket_id = arg_id(fcinfo, 0, "ticket_id");
	char	   *reason = arg_nonempty_string(fcinfo, 1, "reason");
	Datum		values[] = {Int64GetDatum(ticket_id)};
	LockedTicket ticket;
	Datum		result;

	ev_connect();
	lock_ticket(ticket_id, NULL, &ticket);
	must_be_valid(ticket_id, &ticket);
	(void) spi_run(&update, values, NULL);
	result = spi_result(0, 1);
	notify_holder("TICKET_REISSUED", ticket_id, ticket.holder, NULL, reason, true,
				  GetCurrentTimestamp());
	return ev_finish(result);
}
