/*-------------------------------------------------------------------------
 *
 * daily_sales.c
 *	  Sales by event and day, for reports: sales_daily and its upkeep.
 *
 * Sales and refunds are told by numbers that rise: a ticket's id, a refund's
 * number. A run notes the last ones given out, and a later run enters all up to
 * the note when they are there (settled.c). What is beyond is read by reports
 * themselves (evently.sales_tail), in the snapshot in which they read the progress.
 *
 * Whoever writes sales_daily holds the row of sales_daily_progress.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "utils/rel.h"

#include "guards.h"
#include "settled.h"
#include "spi_util.h"

#define SALE_COLUMNS	"orders, tickets_sold, gross, comps"
#define REFUND_COLUMNS	"tickets_returned, refunds, comps_returned, returned_of_sold, refunds_of_sold"
#define SALE_SUMS \
	" pg_catalog.sum(s.orders), pg_catalog.sum(s.tickets_sold), pg_catalog.sum(s.gross)," \
	" pg_catalog.sum(s.comps)"
#define REFUND_SUMS \
	" pg_catalog.sum(s.tickets_returned), pg_catalog.sum(s.refunds)," \
	" pg_catalog.sum(s.comps_returned), pg_catalog.sum(s.returned_of_sold)," \
	" pg_catalog.sum(s.refunds_of_sold)"

/* Everything up to (ticket $1, refund $2), by event and day; %s: of which events. */
#define RECOUNT(events) \
	"INSERT INTO evently.sales_daily (event_id, day, " SALE_COLUMNS ", " REFUND_COLUMNS ")" \
	" SELECT s.event_id, s.day," SALE_SUMS "," REFUND_SUMS \
	" FROM (SELECT a.event_id, a.day, a.orders, a.tickets_sold, a.gross, a.comps," \
	"   0 AS tickets_returned, 0 AS refunds, 0 AS comps_returned, 0 AS returned_of_sold," \
	"   0 AS refunds_of_sold" \
	"  FROM evently.sale_entries a WHERE a.ticket_id <= $1" events("a") \
	"  UNION ALL SELECT b.event_id, b.day, 0, 0, 0, 0, b.tickets_returned, b.refunds," \
	"   b.comps_returned, b.returned_of_sold, b.refunds_of_sold" \
	"  FROM evently.refund_entries b WHERE b.refund_no <= $2" events("b") ") s" \
	" GROUP BY s.event_id, s.day ORDER BY s.event_id, s.day"
#define OF_ALL(alias)	""
#define OF_SOME(alias)	" AND " alias ".event_id = ANY ($3)"

/* How far sales_daily goes, and how far it may go next. */
typedef struct Progress
{
	int64		ticket_id;
	int64		refund_no;
	int64		noted_ticket_id;
	int64		noted_refund_no;
	bool		settled;		/* all up to the note has ended */
} Progress;

/* The progress row, locked; false when another session has it and we do not wait. */
static bool
lock_progress(Progress *progress, bool wait)
{
#define LOCK_PROGRESS \
	"SELECT p.ticket_id, p.refund_no, p.noted_ticket_id, p.noted_refund_no, p.noted_xid::pg_catalog.text" \
	" FROM evently.sales_daily_progress p FOR UPDATE"
	static SpiQuery start = SPI_QUERY(
		"INSERT INTO evently.sales_daily_progress"
		" (ticket_id, refund_no, noted_ticket_id, noted_refund_no, noted_xid)"
		" SELECT 0, 0, 0, 0, '0' WHERE NOT EXISTS (SELECT FROM evently.sales_daily_progress)"
		" ON CONFLICT DO NOTHING");
	static SpiQuery lock = SPI_QUERY(LOCK_PROGRESS " SKIP LOCKED");
	static SpiQuery lock_and_wait = SPI_QUERY(LOCK_PROGRESS);

	(void) spi_run(&start, NULL, NULL);
	if (spi_run(wait ? &lock_and_wait : &lock, NULL, NULL) == 0)
		return false;
	progress->ticket_id = spi_int64(0, 1);
	progress->refund_no = spi_int64(0, 2);
	progress->noted_ticket_id = spi_int64(0, 3);
	progress->noted_refund_no = spi_int64(0, 4);
	progress->settled = all_have_ended(spi_text(0, 5));
	return true;
}

static void
save_progress(const Progress *progress, bool note)
{
	static SpiQuery last = SPI_QUERY(
		"SELECT CASE WHEN k.is_called THEN k.last_value ELSE k.last_value - 1 END,"
		" CASE WHEN r.is_called THEN r.last_value ELSE r.last_value - 1 END"
		" FROM evently.ticket_ids k, evently.refund_nos r");
	static SpiQuery save = SPI_QUERY(
		"UPDATE evently.sales_daily_progress SET ticket_id = $1, refund_no = $2",
		INT8OID, INT8OID);
	static SpiQuery save_note = SPI_QUERY(
		"UPDATE evently.sales_daily_progress"
		" SET noted_ticket_id = $1, noted_refund_no = $2, noted_xid = $3::pg_catalog.xid8",
		INT8OID, INT8OID, TEXTOID);
	Datum		values[3] = {Int64GetDatum(progress->ticket_id), Int64GetDatum(progress->refund_no)};

	(void) spi_run(&save, values, NULL);
	if (!note)
		return;
	/* first the numbers, then the transaction: whoever took one had begun by then */
	(void) spi_run(&last, NULL, NULL);
	values[0] = Int64GetDatum(spi_int64(0, 1));
	values[1] = Int64GetDatum(spi_int64(0, 2));
	values[2] = next_transaction();
	(void) spi_run(&save_note, values, NULL);
}

/* Run a query that enters so many rows at most: how many, and the last number. */
static int
enter(SpiQuery *query, int64 after, int64 *up_to, int batch_size)
{
	Datum		values[3] = {Int64GetDatum(after), Int64GetDatum(*up_to), Int32GetDatum(batch_size)};
	int			n;

	if (*up_to <= after)
	{
		*up_to = after;
		return 0;
	}
	(void) spi_run(query, values, NULL);
	n = spi_int32(0, 1);
	if (n == batch_size)
		*up_to = spi_int64(0, 2);
	return n;
}

/* roll_up_daily_sales(batch_size): how many tickets and refunds were entered */
PG_FUNCTION_INFO_V1(ev_roll_up_daily_sales);
Datum
ev_roll_up_daily_sales(PG_FUNCTION_ARGS)
{
	static SpiQuery sales = SPI_QUERY(
		"WITH k AS MATERIALIZED (SELECT t.ticket_id FROM evently.tickets t"
		"  WHERE t.ticket_id > $1 AND t.ticket_id <= $2 ORDER BY t.ticket_id LIMIT $3),"
		" entered AS (INSERT INTO evently.sales_daily AS d (event_id, day, " SALE_COLUMNS ")"
		"  SELECT s.event_id, s.day," SALE_SUMS
		"  FROM k JOIN evently.sale_entries s ON s.ticket_id = k.ticket_id"
		"  GROUP BY s.event_id, s.day ORDER BY s.event_id, s.day"
		"  ON CONFLICT (event_id, day) DO UPDATE SET orders = d.orders + excluded.orders,"
		"   tickets_sold = d.tickets_sold + excluded.tickets_sold,"
		"   gross = d.gross + excluded.gross, comps = d.comps + excluded.comps)"
		" SELECT pg_catalog.count(*)::pg_catalog.int4, pg_catalog.max(k.ticket_id) FROM k",
		INT8OID, INT8OID, INT4OID);
	static SpiQuery refunds = SPI_QUERY(
		"WITH k AS MATERIALIZED (SELECT r.refund_no FROM evently.refunds r"
		"  WHERE r.refund_no > $1 AND r.refund_no <= $2 ORDER BY r.refund_no LIMIT $3),"
		" entered AS (INSERT INTO evently.sales_daily AS d (event_id, day, " REFUND_COLUMNS ")"
		"  SELECT s.event_id, s.day," REFUND_SUMS
		"  FROM k JOIN evently.refund_entries s ON s.refund_no = k.refund_no"
		"  GROUP BY s.event_id, s.day ORDER BY s.event_id, s.day"
		"  ON CONFLICT (event_id, day) DO UPDATE SET"
		"   tickets_returned = d.tickets_returned + excluded.tickets_returned,"
		"   refunds = d.refunds + excluded.refunds,"
		"   comps_returned = d.comps_returned + excluded.comps_returned,"
		"   returned_of_sold = d.returned_of_sold + excluded.returned_of_sold,"
		"   refunds_of_sold = d.refunds_of_sold + excluded.refunds_of_sold)"
		" SELECT pg_catalog.count(*)::pg_catalog.int4, pg_catalog.max(k.refund_no) FROM k",
		INT8OID, INT8OID, INT4OID);
	int			batch_size = arg_batch_size(fcinfo, 0);
	Progress	progress;
	int			nsales = 0;
	int			nrefunds = 0;

	ev_connect();
	if (lock_progress(&progress, false))
	{
		if (progress.settled)
		{
			nsales = enter(&sales, progress.ticket_id, &progress.noted_ticket_id, batch_size);
			progress.ticket_id = progress.noted_ticket_id;
			nrefunds = enter(&refunds, progress.refund_no, &progress.noted_refund_no, batch_size);
			progress.refund_no = progress.noted_refund_no;
		}
		/* with all up to the note done, the next note */
		save_progress(&progress, progress.settled && nsales < batch_size && nrefunds < batch_size);
	}
	ev_finish((Datum) 0);
	PG_RETURN_INT32(nsales + nrefunds);
}

/*
 * rebuild_daily_sales(): how many rows there are now. It goes as far as the job
 * may.
 */
PG_FUNCTION_INFO_V1(ev_rebuild_daily_sales);
Datum
ev_rebuild_daily_sales(PG_FUNCTION_ARGS)
{
	static SpiQuery empty = SPI_QUERY("DELETE FROM evently.sales_daily");
	static SpiQuery recount = SPI_QUERY(RECOUNT(OF_ALL), INT8OID, INT8OID);
	Progress	progress;
	Datum		values[2];
	int64		n;

	(void) fcinfo;
	ev_connect();
	(void) lock_progress(&progress, true);
	if (progress.settled)
	{
		progress.ticket_id = Max(progress.ticket_id, progress.noted_ticket_id);
		progress.refund_no = Max(progress.refund_no, progress.noted_refund_no);
	}
	values[0] = Int64GetDatum(progress.ticket_id);
	values[1] = Int64GetDatum(progress.refund_no);
	(void) spi_run(&empty, NULL, NULL);
	n = (int64) spi_run(&recount, values, NULL);
	save_progress(&progress, progress.settled);
	ev_finish((Datum) 0);
	PG_RETURN_INT64(n);
}

/* Count some events anew; an event that sold nothing waits for nobody. */
static void
recount_events(Datum event_ids)
{
	static SpiQuery sold = SPI_QUERY(
		"SELECT FROM pg_catalog.unnest($1) i (event_id)"
		" WHERE EXISTS (SELECT FROM evently.tickets k WHERE k.event_id = i.event_id) LIMIT 1",
		INT8ARRAYOID);
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.sales_daily d WHERE d.event_id = ANY ($1)", INT8ARRAYOID);
	static SpiQuery recount = SPI_QUERY(RECOUNT(OF_SOME), INT8OID, INT8OID, INT8ARRAYOID);
	Progress	progress;
	Datum		values[3];

	if (spi_read_fresh(&sold, &event_ids, NULL) == 0)
		return;
	(void) lock_progress(&progress, true);
	(void) spi_run(&forget, &event_ids, NULL);
	values[0] = Int64GetDatum(progress.ticket_id);
	values[1] = Int64GetDatum(progress.refund_no);
	values[2] = event_ids;
	(void) spi_run(&recount, values, NULL);
}

static Datum
column_of(HeapTuple tuple, TupleDesc desc, const char *name, bool *isnull)
{
	return SPI_getbinval(tuple, desc, SPI_fnumber(desc, name), isnull);
}

/* recount_daily_sales(): after an event's venue or a venue's time zone changed */
PG_FUNCTION_INFO_V1(ev_recount_daily_sales);
Datum
ev_recount_daily_sales(PG_FUNCTION_ARGS)
{
	static SpiQuery moved = SPI_QUERY(
		"SELECT ARRAY[$1] WHERE coalesce((SELECT v.timezone FROM evently.venues v WHERE v.venue_id = $2), 'UTC')"
		" <> coalesce((SELECT v.timezone FROM evently.venues v WHERE v.venue_id = $3), 'UTC')",
		INT8OID, INT8OID, INT8OID);
	static SpiQuery at_venue = SPI_QUERY(
		"SELECT pg_catalog.array_agg(e.event_id) FROM evently.events e"
		" WHERE e.venue_id = $1 AND $2 <> $3 HAVING pg_catalog.count(*) > 0",
		INT8OID, TEXTOID, TEXTOID);
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc	desc = trigger->tg_relation->rd_att;
	bool		is_venue = strcmp(RelationGetRelationName(trigger->tg_relation), "venues") == 0;
	const char *changing = is_venue ? "timezone" : "venue_id";
	Datum		values[3];
	char		nulls[] = "   ";
	bool		isnull;

	values[0] = column_of(trigger->tg_newtuple, desc, is_venue ? "venue_id" : "event_id", &isnull);
	values[1] = column_of(trigger->tg_trigtuple, desc, changing, &isnull);
	nulls[1] = isnull ? 'n' : ' ';
	values[2] = column_of(trigger->tg_newtuple, desc, changing, &isnull);
	nulls[2] = isnull ? 'n' : ' ';
	ev_connect();
	if (spi_run(is_venue ? &at_venue : &moved, values, nulls) > 0)
		recount_events(spi_result(0, 1));
	ev_finish((Datum) 0);
	return PointerGetDatum(NULL);
}
