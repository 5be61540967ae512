/*-------------------------------------------------------------------------
 *
 * sold_out.c
 *	  The label SOLD_OUT of events.
 *
 * It is for people: sales go by stock. So nobody waits to set it. A call that
 * empties a shard looks at the whole event as it sees it. If it sees stock that
 * another call may be taking at this moment, or somebody holds the event's row,
 * it leaves a note in sold_out_checks, and the job looks when all is committed.
 *
 *-------------------------------------------------------------------------
 */
#include "sold_out.h"

#include "spi_util.h"

/*
 * Whether any tier of the event has a ticket for sale. The inner LIMIT keeps the
 * planner from a merge join, which reads the shards of all tiers before these.
 */
bool
event_has_stock(int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM evently.ticket_tiers t CROSS JOIN LATERAL"
		" (SELECT 1 FROM evently.inventory_shards s"
		"  WHERE s.tier_id = t.tier_id AND s.available > 0 LIMIT 1) s"
		" WHERE t.event_id = $1 LIMIT 1",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	return spi_read_fresh(&query, values, NULL) > 0;
}

/* Relabel an event, unless somebody holds its row. Whether it was done. */
static bool
relabel(int64 event_id, const char *from, const char *to)
{
	static SpiQuery query = SPI_QUERY(
		"UPDATE evently.events SET status = $3 WHERE event_id ="
		" (SELECT e.event_id FROM evently.events e"
		"  WHERE e.event_id = $1 AND e.status = $2 FOR NO KEY UPDATE SKIP LOCKED)",
		INT8OID, TEXTOID, TEXTOID);
	Datum		values[3] = {
		Int64GetDatum(event_id), CStringGetTextDatum(from), CStringGetTextDatum(to)
	};

	return spi_run(&query, values, NULL) > 0;
}

static void
leave_note(int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.sold_out_checks (event_id) VALUES ($1)",
		INT8OID);
	Datum		values[1] = {Int64GetDatum(event_id)};

	(void) spi_run(&query, values, NULL);
}

/* After a call that emptied a shard of the event. */
void
label_after_taking(int64 event_id)
{
	if (event_has_stock(event_id) || !relabel(event_id, "ON_SALE", "SOLD_OUT"))
		leave_note(event_id);
}

/* After a call that added to the stock of these tiers. */
void
label_after_adding(const int64 *tier_ids, int n)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT DISTINCT e.event_id FROM evently.ticket_tiers t"
		" JOIN evently.events e ON e.event_id = t.event_id"
		" WHERE t.tier_id = ANY ($1) AND e.status = 'SOLD_OUT' ORDER BY e.event_id",
		INT8ARRAYOID);
	Datum		values[1] = {int64_array(tier_ids, n)};
	int64	   *event_ids;

	(void) spi_read_fresh(&query, values, NULL);
	event_ids = spi_int64_column(1, &n);
	for (int i = 0; i < n; i++)
	{
		if (event_has_stock(event_ids[i]))
			(void) relabel(event_ids[i], "SOLD_OUT", "ON_SALE");
	}
}

/*
 * refresh_sold_out_labels(batch_size): set the labels right where calls raced.
 * A note whose event's row is held stays for the next run.
 */
PG_FUNCTION_INFO_V1(ev_refresh_sold_out_labels);
Datum
ev_refresh_sold_out_labels(PG_FUNCTION_ARGS)
{
	static SpiQuery take_notes = SPI_QUERY(
		"SELECT c.check_id, c.event_id FROM evently.sold_out_checks c"
		" JOIN evently.events e ON e.event_id = c.event_id"
		" ORDER BY c.check_id LIMIT $1 FOR UPDATE OF c SKIP LOCKED"
		" FOR NO KEY UPDATE OF e SKIP LOCKED",
		INT4OID);
	static SpiQuery drop_notes = SPI_QUERY(
		"DELETE FROM evently.sold_out_checks WHERE check_id = ANY ($1)",
		INT8ARRAYOID);
	static SpiQuery find_sold_out = SPI_QUERY(
		"SELECT e.event_id FROM evently.events e"
		" WHERE e.status = 'SOLD_OUT' ORDER BY e.event_id");
	int32		batch_size = arg_batch_size(fcinfo, 0);
	Datum		values[1] = {Int32GetDatum(batch_size)};
	int64	   *check_ids;
	int64	   *event_ids;
	int			notes;
	int			n;

	ev_connect();
	(void) spi_run(&take_notes, values, NULL);
	check_ids = spi_int64_column(1, &notes);
	event_ids = spi_int64_column(2, &n);
	for (int i = 0; i < n; i++)
	{
		if (!event_has_stock(event_ids[i]))
			(void) relabel(event_ids[i], "ON_SALE", "SOLD_OUT");
	}
	values[0] = int64_array(check_ids, notes);
	(void) spi_run(&drop_notes, values, NULL);

	(void) spi_run(&find_sold_out, NULL, NULL);
	event_ids = spi_int64_column(1, &n);
	for (int i = 0; i < n; i++)
	{
		if (event_has_stock(event_ids[i]))
			(void) relabel(event_ids[i], "SOLD_OUT", "ON_SALE");
	}
	ev_finish((Datum) 0);
	PG_RETURN_INT32(notes);
}
