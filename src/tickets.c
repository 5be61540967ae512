/*-------------------------------------------------------------------------
 *
 * tickets.c
 *	  Issuing tickets, and telling people about them.
 *
 *-------------------------------------------------------------------------
 */
#include "tickets.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "ids.h"
#include "refusal.h"
#include "roles.h"
#include "row_fetch.h"
#include "row_insert.h"
#include "spi_util.h"

/* What an order is for, sorted by tier. */
Selection *
read_items(int64 order_id, int *n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT tier_id, quantity FROM evently.order_items WHERE order_id = $1 ORDER BY tier_id",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};
	Selection  *items;

	*n = (int) spi_read_fresh(&query, values, NULL);
	items = palloc(sizeof(Selection) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		items[i].tier_id = spi_int64(i, 1);
		items[i].quantity = spi_int32(i, 2);
	}
	return items;
}

/*
 * Give each ticket of the items its attendee: those who name a tier first, the
 * others in order. Tickets without one have no name yet. Raises 22023 when
 * there are more attendees than tickets.
 */
Attendee *
seat_attendees(const Selection *items, int nitems, const Attendee *attendees, int n,
			   int *ntickets)
{
	Attendee   *seats;
	bool	   *taken;
	int			total = 0;
	int			k = 0;

	for (int i = 0; i < nitems; i++)
		total += items[i].quantity;
	seats = palloc0(sizeof(Attendee) * Max(total, 1));
	taken = palloc0(sizeof(bool) * Max(total, 1));
	for (int i = 0; i < nitems; i++)
	{
		for (int j = 0; j < items[i].quantity; j++)
			seats[k++].tier_id = items[i].tier_id;
	}

	for (int named = 1; named >= 0; named--)
	{
		for (int i = 0; i < n; i++)
		{
			int			seat = 0;

			if ((attendees[i].tier_id != 0) != (named == 1))
				continue;
			while (seat < total &&
				   (taken[seat] || (named && seats[seat].tier_id != attendees[i].tier_id)))
				seat++;
			if (seat == total)
				raise_bad_argument("more attendees than tickets",
								   named ? psprintf("There is no ticket of tier " INT64_FORMAT
													" for attendee %d.", attendees[i].tier_id, i + 1)
								   : psprintf("There are %d attendees for %d tickets.", n, total),
								   NULL);
			taken[seat] = true;
			seats[seat].name = attendees[i].name;
			seats[seat].email = attendees[i].email;
		}
	}
	*ntickets = total;
	return seats;
}

/* Issue an order's tickets; an array of them, copied so that it outlives SPI_finish. */
Datum
issue_tickets(int64 order_id, int64 event_id, const Attendee *seats, int n, TimestampTz now)
{
	static RowInsert into = {
		.table = "tickets",
		.columns = {"ticket_id", "order_id", "tier_id", "event_id", "attendee_name",
		"attendee_email", "qr_code", "status", "issued_at", "check_in_time", "issued_xid"}
	};
	Datum	   *tickets = palloc(sizeof(Datum) * n);

	Assert(n > 0);
	for (int i = 0; i < n; i++)
	{
		char		nulls[] = "         n ";
		Datum		values[] = {
			Int64GetDatum(next_id("ticket_ids")), Int64GetDatum(order_id),
			Int64GetDatum(seats[i].tier_id), Int64GetDatum(event_id),
			string_datum_or_null(seats[i].name, &nulls[4]),
			string_datum_or_null(seats[i].email, &nulls[5]),
			DirectFunctionCall1(gen_random_uuid, (Datum) 0), CStringGetTextDatum("VALID"),
			TimestampTzGetDatum(now), (Datum) 0,
			FullTransactionIdGetDatum(GetTopFullTransactionId())
		};

		insert_row(&into, values, nulls, &tickets[i]);
	}
	return SPI_datumTransfer(datum_array(tickets, NULL, n,
										 HeapTupleHeaderGetTypeId(DatumGetHeapTupleHeader(tickets[0]))),
							 false, -1);
}

/* An order's tickets as an array, copied so that it outlives SPI_finish. */
Datum
order_tickets(int64 order_id, bool *isnull)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT pg_catalog.array_agg(t ORDER BY t.ticket_id)"
		" FROM evently.tickets t WHERE t.order_id = $1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(order_id)};

	(void) spi_read_fresh(&query, values, NULL);
	*isnull = spi_is_null(0, 1);
	return *isnull ? (Datum) 0 : spi_result(0, 1);
}

/* A ticket's row; the secret is null unless the session is an application. */
HeapTuple
hide_secret(HeapTuple ticket, TupleDesc desc)
{
	int			column = SPI_fnumber(desc, "qr_code");
	Datum		secret = (Datum) 0;
	bool		isnull = true;

	if (session_is_unrestricted(EV_ROLE_APP))
		return ticket;
	return heap_modify_tuple_by_cols(ticket, desc, 1, &column, &secret, &isnull);
}

/* The same for a row as a value. */
Datum
ticket_for_session(Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
												   HeapTupleHeaderGetTypMod(header));

	return heap_copy_tuple_as_datum(hide_secret(&tuple, desc), desc);
}

/* A member of a jsonb object; none for null. */
static void
push_member(JsonbParseState **state, const char *key, JsonbValue *value)
{
	JsonbValue	name = {.type = jbvString};

	name.val.string.val = (char *) key;
	name.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &name);
	(void) pushJsonbValue(state, WJB_VALUE, value);
}

static void
push_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	if (text == NULL)
		return;
	value.val.string.val = (char *) text;
	value.val.string.len = strlen(text);
	push_member(state, key, &value);
}

static void
push_numeric(JsonbParseState **state, const char *key, Datum number)
{
	JsonbValue	value = {.type = jbvNumeric};

	value.val.numeric = DatumGetNumeric(number);
	push_member(state, key, &value);
}

/* What a message to a buyer says: the order, its event and where that is. */
static Datum
buyer_message(const FetchedRow *order, int64 order_id, Datum amount, const char *reason)
{
	static const RowFetch fetch_event = {
		"events", "events_pkey", F_INT8EQ, {"title", "start_time", "venue_id"}
	};
	static const RowFetch fetch_venue = {"venues", "venues_pkey", F_INT8EQ, {"name", "timezone"}};
	JsonbParseState *state = NULL;
	FetchedRow	event;
	FetchedRow	venue;
	char		start[MAXDATELEN + 1];

	if (!fetch_row(&fetch_event, order->values[2], &event))
		elog(ERROR, "event " INT64_FORMAT " does not exist", fetched_int64(order, 2));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "title", fetched_text(&event, 0));
	push_text(&state, "start_time",
			  JsonEncodeDateTime(start, event.values[1], TIMESTAMPTZOID, NULL));
	if (!event.nulls[2] && fetch_row(&fetch_venue, event.values[2], &venue))
	{
		push_text(&state, "venue", fetched_text(&venue, 0));
		push_text(&state, "timezone", fetched_text(&venue, 1));
	}
	push_numeric(&state, "order_id", DirectFunctionCall1(int8_numeric, Int64GetDatum(order_id)));
	push_numeric(&state, "total_amount", order->values[3]);
	push_text(&state, "currency", fetched_text(order, 4));
	if (amount != NO_AMOUNT)
		push_numeric(&state, "amount", amount);
	push_text(&state, "reason", reason);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* Queue a message about an order for its buyer. */
static void
queue_message(const char *kind, const FetchedRow *order, int64 order_id, Datum payload,
			  TimestampTz now)
{
	static RowInsert into = {
		.table = "notifications",
		.columns = {"notification_id", "message_id", "kind", "recipient", "user_id", "event_id",
		"order_id", "payload", "created_at", "status", "attempts", "visible_at"}
	};
	char		nulls[] = "            ";
	Datum		values[] = {
		Int64GetDatum(next_id("notification_ids")), DirectFunctionCall1(gen_random_uuid, (Datum) 0),
		CStringGetTextDatum(kind), order->values[0], order->values[1], order->values[2],
		Int64GetDatum(order_id), payload, TimestampTzGetDatum(now), CStringGetTextDatum("PENDING"),
		Int32GetDatum(0), TimestampTzGetDatum(now)
	};

	nulls[3] = order->nulls[0] ? 'n' : ' ';
	insert_row(&into, values, nulls, NULL);
}

/* Tell an order's buyer; amount and reason may be left out. */
void
notify_buyer(const char *kind, int64 order_id, Datum amount, const char *reason, TimestampTz now)
{
	static const RowFetch fetch_order = {
		"orders", "orders_pkey", F_INT8EQ,
		{"buyer_email", "buyer_id", "event_id", "total_amount", "currency"}
	};
	FetchedRow	order;

	if (!fetch_row(&fetch_order, Int64GetDatum(order_id), &order))
		elog(ERROR, "order " INT64_FORMAT " has vanished", order_id);
	queue_message(kind, &order, order_id, buyer_message(&order, order_id, amount, reason), now);
}
