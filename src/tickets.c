/*-------------------------------------------------------------------------
 *
 * tickets.c
 *	  Issuing tickets, and telling people about them.
 *
 *-------------------------------------------------------------------------
 */
#include "tickets.h"

#include "access/htup_details.h"
#include "utils/typcache.h"

#include "roles.h"
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
	static SpiQuery query = SPI_QUERY(
		"WITH issued AS ("
		" INSERT INTO evently.tickets AS t"
		"  (order_id, event_id, tier_id, attendee_name, attendee_email, issued_at)"
		" SELECT $1, $2, s.tier_id, s.name, s.email, $6"
		" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
		" WITH ORDINALITY s (tier_id, name, email, n)"
		" ORDER BY s.n RETURNING t)"
		" SELECT pg_catalog.array_agg(i.t ORDER BY (i.t).ticket_id) FROM issued i",
		INT8OID, INT8OID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID);
	int64	   *tier_ids = palloc(sizeof(int64) * n);
	Datum	   *names = palloc0(sizeof(Datum) * n);
	Datum	   *emails = palloc0(sizeof(Datum) * n);
	bool	   *no_name = palloc(sizeof(bool) * n);
	bool	   *no_email = palloc(sizeof(bool) * n);
	Datum		values[6];

	for (int i = 0; i < n; i++)
	{
		tier_ids[i] = seats[i].tier_id;
		no_name[i] = (seats[i].name == NULL);
		no_email[i] = (seats[i].email == NULL);
		if (!no_name[i])
			names[i] = CStringGetTextDatum(seats[i].name);
		if (!no_email[i])
			emails[i] = CStringGetTextDatum(seats[i].email);
	}
	values[0] = Int64GetDatum(order_id);
	values[1] = Int64GetDatum(event_id);
	values[2] = int64_array(tier_ids, n);
	values[3] = datum_array(names, no_name, n, TEXTOID);
	values[4] = datum_array(emails, no_email, n, TEXTOID);
	values[5] = TimestampTzGetDatum(now);
	(void) spi_run(&query, values, NULL);
	return spi_result(0, 1);
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

/* Tell an order's buyer; amount and reason may be left out. */
void
notify_buyer(const char *kind, int64 order_id, Datum amount, const char *reason, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.notifications"
		" (kind, recipient, user_id, event_id, order_id, payload, created_at)"
		" SELECT $1, o.buyer_email, o.buyer_id, o.event_id, o.order_id,"
		" pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		"  'title', e.title, 'start_time', e.start_time, 'venue', v.name,"
		"  'timezone', v.timezone, 'order_id', o.order_id, 'total_amount', o.total_amount,"
		"  'currency', o.currency, 'amount', $3, 'reason', $4)), $5"
		" FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" WHERE o.order_id = $2",
		TEXTOID, INT8OID, NUMERICOID, TEXTOID, TIMESTAMPTZOID);
	char		nulls[] = "     ";
	Datum		values[5] = {
		CStringGetTextDatum(kind), Int64GetDatum(order_id), amount,
		string_datum_or_null(reason, &nulls[3]), TimestampTzGetDatum(now)
	};

	if (amount == NO_AMOUNT)
		nulls[2] = 'n';
	(void) spi_run(&query, values, nulls);
}
