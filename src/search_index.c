/*-------------------------------------------------------------------------
 *
 * search_index.c
 *	  Keeping event_search in step with the catalogue.
 *
 * An event's row is derived anew whenever one of its facts changes, by the same
 * transaction. Two transactions that change different facts of one event (its
 * title, the name of its venue) must not each derive it without the other's
 * change: so the venue is locked first, then the row, and the facts are read
 * after that.
 *
 *-------------------------------------------------------------------------
 */
#include "search_index.h"

#include "commands/trigger.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "refusal.h"
#include "spi_util.h"

#define PUBLIC_STATES "('PUBLISHED', 'ON_SALE', 'SOLD_OUT')"

/* What an event's row is made of; the events are those of "i". */
#define DERIVE \
	" INSERT INTO evently.event_search AS s" \
	"  (event_id, venue_id, start_time, end_time, local_month, title_words, price_from, price_to," \
	"   category, city, location, doc)" \
	" SELECT e.event_id, e.venue_id, e.start_time, e.end_time," \
	"  12 * extract(year FROM l.start)::integer + extract(month FROM l.start)::integer - 1," \
	"  pg_catalog.length(w.simple), p.price_from, p.price_to, e.category," \
	"  pg_catalog.btrim(v.city), v.location," \
	"  pg_catalog.setweight(w.title, 'A') || w.place || pg_catalog.setweight(w.text, 'D')" \
	"  || pg_catalog.setweight(w.simple, 'A')" \
	" FROM (%s) i" \
	" JOIN evently.events e ON e.event_id = i.event_id" \
	" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id" \
	" CROSS JOIN LATERAL (SELECT e.start_time AT TIME ZONE coalesce(v.timezone, 'UTC')) l (start)" \
	" CROSS JOIN LATERAL (SELECT pg_catalog.to_tsvector(e.language::regconfig, e.title)," \
	"  pg_catalog.to_tsvector('pg_catalog.simple', e.title)," \
	"  pg_catalog.setweight(pg_catalog.to_tsvector(e.language::regconfig, pg_catalog.concat_ws(' ', v.name, v.city)), 'B')," \
	"  pg_catalog.to_tsvector(e.language::regconfig, coalesce(e.description, ''))) w (title, simple, place, text)" \
	" LEFT JOIN LATERAL (SELECT pg_catalog.min(t.price), pg_catalog.max(t.price)" \
	"  FROM evently.ticket_tiers t WHERE t.event_id = e.event_id) p (price_from, price_to) ON true" \
	" WHERE e.status IN " PUBLIC_STATES

/*
 * The word list takes a look at each word (a subquery, not a join, whatever the
 * statistics) and a write only for new ones. A word that two transactions add at
 * once is there twice, which does no harm.
 */
#define ADD_WORDS \
	" INSERT INTO evently.search_words (word)" \
	" SELECT DISTINCT w.word FROM %s s" \
	" CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.tsvector_to_array(s.doc)) w (word)" \
	" WHERE pg_catalog.length(w.word) BETWEEN 3 AND 40 AND w.word !~ '^[-0-9.:/]*$'" \
	"  AND (SELECT true FROM evently.search_words k WHERE k.word = w.word LIMIT 1) IS NULL"

#define ADD_LANGUAGES \
	" INSERT INTO evently.search_languages (language)" \
	" SELECT DISTINCT e.language FROM evently.events e WHERE e.status IN " PUBLIC_STATES \
	"  AND %s AND NOT EXISTS (SELECT FROM evently.search_languages k WHERE k.language = e.language)" \
	" ON CONFLICT DO NOTHING"

/* Derive the rows of some events anew; ids in any order, none twice. */
void
search_refresh(const int64 *event_ids, int n)
{
	static SpiQuery lock_venues = SPI_QUERY(
		"SELECT FROM evently.venues v WHERE v.venue_id IN"
		"  (SELECT e.venue_id FROM evently.events e WHERE e.event_id = ANY ($1))"
		" ORDER BY v.venue_id FOR SHARE",
		INT8ARRAYOID);
	static SpiQuery lock_rows = SPI_QUERY(
		"SELECT FROM evently.event_search s WHERE s.event_id = ANY ($1)"
		" ORDER BY s.event_id FOR UPDATE",
		INT8ARRAYOID);
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.event_search s USING evently.events e"
		" WHERE s.event_id = ANY ($1) AND e.event_id = s.event_id"
		"  AND e.status NOT IN " PUBLIC_STATES,
		INT8ARRAYOID);
	static SpiQuery derive = SPI_QUERY(NULL, INT8ARRAYOID);
	static SpiQuery add_words = SPI_QUERY(NULL, INT8ARRAYOID);
	static SpiQuery add_languages = SPI_QUERY(NULL, INT8ARRAYOID);
	Datum		values[1];
	uint64		derived;

	if (n == 0)
		return;
	if (derive.sql == NULL)
	{
		add_languages.sql = MemoryContextStrdup(TopMemoryContext,
												psprintf(ADD_LANGUAGES, "e.event_id = ANY ($1)"));
		add_words.sql = MemoryContextStrdup(TopMemoryContext,
											psprintf(ADD_WORDS, "(SELECT x.doc FROM evently.event_search x"
													 " WHERE x.event_id = ANY ($1))"));
		derive.sql = MemoryContextStrdup(TopMemoryContext,
										 psprintf(DERIVE, "SELECT pg_catalog.unnest($1) AS event_id"));
		derive.sql = MemoryContextStrdup(TopMemoryContext, psprintf(
			"%s ON CONFLICT (event_id) DO UPDATE SET venue_id = excluded.venue_id,"
			" start_time = excluded.start_time, end_time = excluded.end_time,"
			" local_month = excluded.local_month, title_words = excluded.title_words,"
			" price_from = excluded.price_from, price_to = excluded.price_to,"
			" category = excluded.category, city = excluded.city, location = excluded.location,"
			" doc = excluded.doc", derive.sql));
	}
	values[0] = int64_array(event_ids, n);
	(void) spi_run(&lock_venues, values, NULL);
	(void) spi_run(&lock_rows, values, NULL);
	derived = spi_run(&derive, values, NULL);
	if (derived < (uint64) n)
		(void) spi_run(&forget, values, NULL);
	if (derived == 0)
		return;
	(void) spi_run(&add_words, values, NULL);
	(void) spi_run(&add_languages, values, NULL);
}

static int64
id_column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(tuple, desc, SPI_fnumber(desc, name), &isnull));
}

static TriggerData *
search_trigger(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %u was not called by a trigger", fcinfo->flinfo->fn_oid)));
	return (TriggerData *) fcinfo->context;
}

static bool
is_public(HeapTuple tuple, TupleDesc desc)
{
	char	   *status = SPI_getvalue(tuple, desc, SPI_fnumber(desc, "status"));

	return strcmp(status, "PUBLISHED") == 0 || strcmp(status, "ON_SALE") == 0 ||
		strcmp(status, "SOLD_OUT") == 0;
}

/*
 * Whether search may see a difference between two versions of an event. A change
 * between states that are all public (a sale opens, sells out) is none. Here and
 * not in the trigger's WHEN, which is parsed for each statement.
 */
static bool
looks_different(HeapTuple old, HeapTuple new, TupleDesc desc)
{
	static const char *const columns[] = {
		"title", "description", "language", "category", "start_time", "end_time", "venue_id"
	};

	if (is_public(old, desc) != is_public(new, desc))
		return true;
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		int			column = SPI_fnumber(desc, columns[i]);
		Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
		bool		old_null;
		bool		new_null;
		Datum		old_value = SPI_getbinval(old, desc, column, &old_null);
		Datum		new_value = SPI_getbinval(new, desc, column, &new_null);

		if (old_null != new_null ||
			(!old_null && !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen)))
			return true;
	}
	return false;
}

/* refresh_event_search(): after a change of an event. */
PG_FUNCTION_INFO_V1(ev_refresh_event_search);
Datum
ev_refresh_event_search(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = search_trigger(fcinfo);
	TupleDesc	desc = trigger->tg_relation->rd_att;
	int64		event_id = id_column(trigger->tg_newtuple, desc, "event_id");

	if (looks_different(trigger->tg_trigtuple, trigger->tg_newtuple, desc))
	{
		ev_connect();
		search_refresh(&event_id, 1);
		ev_finish((Datum) 0);
	}
	return PointerGetDatum(NULL);
}

/*
 * refresh_tier_search(): after a tier's price has changed, or a tier is gone. The
 * event is locked against being published meanwhile, with the old price.
 */
PG_FUNCTION_INFO_V1(ev_refresh_tier_search);
Datum
ev_refresh_tier_search(PG_FUNCTION_ARGS)
{
	static SpiQuery lock = SPI_QUERY(
		"SELECT FROM evently.events e WHERE e.event_id = $1 FOR SHARE", INT8OID);
	TriggerData *trigger = search_trigger(fcinfo);
	int64		event_id = id_column(trigger->tg_trigtuple, trigger->tg_relation->rd_att, "event_id");
	Datum		values[1] = {Int64GetDatum(event_id)};

	ev_connect();
	(void) spi_run(&lock, values, NULL);
	search_refresh(&event_id, 1);
	ev_finish((Datum) 0);
	return PointerGetDatum(NULL);
}

/*
 * refresh_venue_search(): of all events at a changed venue. An event that became
 * public, or ceased to be, after the transaction's snapshot is 40001.
 */
PG_FUNCTION_INFO_V1(ev_refresh_venue_search);
Datum
ev_refresh_venue_search(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT s.event_id FROM evently.event_search s WHERE s.venue_id = $1 ORDER BY s.event_id",
		INT8OID);
	TriggerData *trigger = search_trigger(fcinfo);
	Datum		values[1];
	int64	   *event_ids;
	int64	   *present_ids;
	int			n;
	int			npresent;

	values[0] = Int64GetDatum(id_column(trigger->tg_newtuple, trigger->tg_relation->rd_att,
										"venue_id"));
	ev_connect();
	(void) spi_run(&query, values, NULL);
	event_ids = spi_int64_column(1, &n);
	(void) spi_read_fresh(&query, values, NULL);
	present_ids = spi_int64_column(1, &npresent);
	if (n != npresent || memcmp(event_ids, present_ids, n * sizeof(int64)) != 0)
		raise_serialization_failure();
	search_refresh(event_ids, n);
	ev_finish((Datum) 0);
	return PointerGetDatum(NULL);
}

/* rebuild_search(): everything derived, from the catalogue. */
PG_FUNCTION_INFO_V1(ev_rebuild_search);
Datum
ev_rebuild_search(PG_FUNCTION_ARGS)
{
	SpiQuery	empty = SPI_QUERY(
		"TRUNCATE evently.event_search, evently.search_words, evently.search_languages");
	SpiQuery	derive = {.reads_all = true};
	SpiQuery	add_words = {.reads_all = true};
	SpiQuery	add_languages = {.reads_all = true};
	int64		n;

	(void) fcinfo;
	ev_connect();
	(void) spi_run(&empty, NULL, NULL);
	derive.sql = psprintf(DERIVE " AND e.end_time > pg_catalog.now() ORDER BY e.start_time, e.event_id",
						  "SELECT event_id FROM evently.events");
	n = (int64) spi_run(&derive, NULL, NULL);
	add_words.sql = psprintf(ADD_WORDS, "evently.event_search");
	(void) spi_run(&add_words, NULL, NULL);
	add_languages.sql = psprintf(ADD_LANGUAGES, "true");
	(void) spi_run(&add_languages, NULL, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_INT64(n);
}

/* forget_past_events(batch_size): rows of events that are long over. */
PG_FUNCTION_INFO_V1(ev_forget_past_events);
Datum
ev_forget_past_events(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"DELETE FROM evently.event_search WHERE event_id IN ("
		" SELECT s.event_id FROM evently.event_search s"
		" WHERE s.start_time < $1 AND s.end_time < $1 ORDER BY s.start_time LIMIT $2"
		" FOR UPDATE SKIP LOCKED)",
		TIMESTAMPTZOID, INT4OID);
	Datum		values[2];
	uint64		n;

	values[0] = TimestampTzGetDatum(GetCurrentTimestamp() - USECS_PER_DAY);
	values[1] = Int32GetDatum(arg_batch_size(fcinfo, 0));
	ev_connect();
	n = spi_run(&query, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_INT32((int32) n);
}
