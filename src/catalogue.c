/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *	  Entering venues, events and tiers.
 *
 * The tables' CHECKs hold for everyone; the arguments are checked here first
 * for the sake of clear messages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "event_state.h"
#include "inventory.h"
#include "locks.h"
#include "money.h"
#include "refusal.h"
#include "roles.h"
#include "search_index.h"
#include "sold_out.h"
#include "spi_util.h"
#include "terms.h"
#include "tier_stock.h"

#define DEFAULT_CURRENCY	"EUR"
#define DOORS_BEFORE_START	(6 * USECS_PER_HOUR)
#define MIN_HOLD			(10 * USECS_PER_SEC)
#define MAX_HOLD			(60 * USECS_PER_DAY)

static const char *const venue_types[] = {
	"ARENA", "CONFERENCE_CENTER", "THEATER", "OUTDOOR", NULL
};
static const char *const categories[] = {
	"CONCERT", "CONFERENCE", "SPORTS", "FESTIVAL", NULL
};

/* An argument that must be one of a list's words. */
static char *
arg_word(FunctionCallInfo fcinfo, int n, const char *name, const char *const *words)
{
	char	   *value = arg_nonempty_string(fcinfo, n, name);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], value) == 0)
			return value;
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	raise_bad_argument(psprintf("unknown %s \"%s\"", name, value), NULL,
					   psprintf("It is one of %s.", list.data));
}

/* A text argument that may be null, but not empty. */
static char *
arg_optional_string(FunctionCallInfo fcinfo, int n, const char *name)
{
	return PG_ARGISNULL(n) ? NULL : arg_nonempty_string(fcinfo, n, name);
}

/* An ISO code of so many capital letters; NULL for null. */
static char *
arg_code(FunctionCallInfo fcinfo, int n, const char *name, int letters)
{
	char	   *code = arg_string(fcinfo, n);

	if (code != NULL && (strlen(code) != (size_t) letters ||
						 strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != (size_t) letters))
		raise_bad_argument(psprintf("%s must be a code of %d capital letters", name, letters),
						   psprintf("It is \"%s\".", code), NULL);
	return code;
}

/* A point in time that may be null, but not infinite. */
static bool
arg_optional_time(FunctionCallInfo fcinfo, int n, const char *name, TimestampTz *value)
{
	if (PG_ARGISNULL(n))
		return false;
	*value = PG_GETARG_TIMESTAMPTZ(n);
	if (TIMESTAMP_NOT_FINITE(*value))
		raise_bad_argument(psprintf("%s must not be infinite", name), NULL, NULL);
	return true;
}

static TimestampTz
arg_time(FunctionCallInfo fcinfo, int n, const char *name)
{
	TimestampTz value;

	if (!arg_optional_time(fcinfo, n, name, &value))
		raise_bad_argument(psprintf("%s must not be null", name), NULL, NULL);
	return value;
}

/* A position of one point on the globe, of PostGIS' type, wherever that lives. */
static void
check_point(Datum location, Oid geography)
{
	static SpiQuery query = {0};
	static char sql[512];

	/* PostGIS may have been dropped and created again. */
	if (query.plan == NULL || query.argtypes[0] != geography)
	{
		char	   *schema = NULL;
		SpiQuery	find = SPI_QUERY(
			"SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_type t"
			" JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1",
			OIDOID);
		Datum		values[1] = {ObjectIdGetDatum(geography)};

		if (spi_run(&find, values, NULL) == 1)
			schema = spi_text(0, 1);
		snprintf(sql, sizeof(sql),
				 "SELECT %s.geometrytype(g) = 'POINT' AND NOT %s.st_isempty(g)"
				 " FROM (SELECT $1::%s.geometry) p (g)", schema, schema, schema);
		query.sql = sql;
		query.nargs = 1;
		query.argtypes[0] = geography;
		query.plan = NULL;
	}
	if (spi_run(&query, &location, NULL) == 1)
	{
		bool		isnull;

		if (DatumGetBool(spi_datum(0, 1, &isnull)))
			return;
	}
	raise_bad_argument("location must be a point", NULL, NULL);
}

/*
 * A time zone by the server's own list, which takes long to read: names that
 * were found are remembered for the life of the backend.
 */
static void
check_timezone(const char *name)
{
	static List *known = NIL;
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.pg_timezone_names WHERE name = $1", TEXTOID);
	Datum		values[1] = {CStringGetTextDatum(name)};
	ListCell   *cell;
	MemoryContext old;

	foreach(cell, known)
	{
		if (strcmp((char *) lfirst(cell), name) == 0)
			return;
	}
	if (spi_run(&query, values, NULL) == 0)
		raise_bad_argument(psprintf("unknown time zone \"%s\"", name), NULL,
						   "See the view pg_timezone_names.");
	old = MemoryContextSwitchTo(TopMemoryContext);
	known = lappend(known, pstrdup(name));
	MemoryContextSwitchTo(old);
}

/*
 * create_venue(name, capacity, type, timezone, location, address, city,
 * country_code, facilities, setup_hours, teardown_hours, hire_rate, currency)
 */
PG_FUNCTION_INFO_V1(ev_create_venue);
Datum
ev_create_venue(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.venues AS v (name, capacity, type, timezone, location, address, city,"
		"  country_code, facilities, setup_hours, teardown_hours, hire_rate, currency)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING v",
		TEXTOID, INT4OID, TEXTOID, TEXTOID, InvalidOid, TEXTOID, TEXTOID, TEXTOID, JSONBOID,
		NUMERICOID, NUMERICOID, NUMERICOID, TEXTOID);
	char	   *timezone = arg_nonempty_string(fcinfo, 3, "timezone");
	char	   *currency = arg_code(fcinfo, 12, "currency", 3);
	Oid			geography;
	char		nulls[13];
	Datum		values[13];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(arg_nonempty_string(fcinfo, 0, "name"));
	values[1] = Int32GetDatum(arg_int32_between(fcinfo, 1, "capacity", 1, PG_INT32_MAX));
	values[2] = CStringGetTextDatum(arg_word(fcinfo, 2, "type", venue_types));
	values[3] = CStringGetTextDatum(timezone);
	values[4] = PG_GETARG_DATUM(4);
	nulls[4] = PG_ARGISNULL(4) ? 'n' : ' ';
	values[5] = string_datum_or_null(arg_string(fcinfo, 5), &nulls[5]);
	values[6] = string_datum_or_null(arg_optional_string(fcinfo, 6, "city"), &nulls[6]);
	values[7] = string_datum_or_null(arg_code(fcinfo, 7, "country_code", 2), &nulls[7]);
	if (PG_ARGISNULL(8) || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(8)))
		raise_bad_argument("facilities must be a jsonb object", NULL, NULL);
	values[8] = PG_GETARG_DATUM(8);
	values[9] = arg_numeric_between(fcinfo, 9, "setup_hours", 0, 720);
	values[10] = arg_numeric_between(fcinfo, 10, "teardown_hours", 0, 720);
	values[11] = arg_amount(fcinfo, 11, "hire_rate");
	if (currency == NULL)
		raise_bad_argument("currency must not be null", NULL, NULL);
	values[12] = CStringGetTextDatum(currency);

	ev_connect();
	check_timezone(timezone);
	geography = get_fn_expr_argtype(fcinfo->flinfo, 4);
	if (query.argtypes[4] != geography)
	{
		query.argtypes[4] = geography;
		query.plan = NULL;
	}
	if (!PG_ARGISNULL(4))
		check_point(values[4], geography);
	(void) spi_run(&query, values, nulls);
	return ev_finish(spi_result(0, 1));
}

static void
check_language(const char *language)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT 1 FROM pg_catalog.pg_ts_config WHERE cfgname = $1"
		" AND cfgnamespace = 'pg_catalog'::pg_catalog.regnamespace",
		TEXTOID);
	Datum		values[1] = {CStringGetTextDatum(language)};

	if (spi_run(&query, values, NULL) == 0)
		raise_bad_argument(psprintf("unknown language \"%s\"", language), NULL,
						   "It is the name of a text search configuration, such as english or simple.");
}

/* An event's venue must take events; its currency. */
static char *
venue_currency(int64 venue_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT currency, is_active FROM evently.venues WHERE venue_id = $1", INT8OID);
	Datum		values[1] = {Int64GetDatum(venue_id)};
	bool		isnull;

	if (spi_read_fresh(&query, values, NULL) == 0)
		raise_not_found("venue", venue_id);
	if (!DatumGetBool(spi_datum(0, 2, &isnull)))
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("venue " INT64_FORMAT " is not active", venue_id),
					"It takes no more events.", "Choose another venue.");
	return spi_text(0, 1);
}

static void
check_hold_duration(const Interval *hold)
{
	/* As intervals compare: a month has 30 days. */
	int64		length = hold->time + (hold->day + hold->month * INT64CONST(30)) * USECS_PER_DAY;

	if (length < MIN_HOLD || length > MAX_HOLD)
		raise_bad_argument("hold_duration must be between 10 seconds and 60 days", NULL, NULL);
}

/*
 * create_event(organizer_id, title, category, start_time, end_time, venue_id,
 * description, language, doors_open, cover_image_url, age_restriction, currency,
 * hold_duration, max_tickets_per_buyer, transfer_deadline)
 */
PG_FUNCTION_INFO_V1(ev_create_event);
Datum
ev_create_event(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.events AS e (organizer_id, title, category, start_time, end_time,"
		"  venue_id, description, language, doors_open, cover_image_url, age_restriction, currency,"
		"  hold_duration, max_tickets_per_buyer, transfer_deadline)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING e",
		INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID, TEXTOID, INT4OID, TEXTOID, INTERVALOID, INT4OID, TIMESTAMPTZOID);
	char	   *language = arg_nonempty_string(fcinfo, 7, "language");
	char	   *currency = arg_code(fcinfo, 11, "currency", 3);
	TimestampTz start_time = arg_time(fcinfo, 3, "start_time");
	TimestampTz end_time = arg_time(fcinfo, 4, "end_time");
	TimestampTz doors_open = start_time - DOORS_BEFORE_START;
	TimestampTz transfer_deadline = 0;
	char		nulls[15];
	Datum		values[15];

	memset(nulls, ' ', sizeof(nulls));
	if (end_time <= start_time)
		raise_bad_argument("end_time must be after start_time", NULL, NULL);
	if (arg_optional_time(fcinfo, 8, "doors_open", &doors_open) && doors_open > start_time)
		raise_bad_argument("doors_open must not be after start_time", NULL, NULL);
	values[0] = Int64GetDatum(arg_id(fcinfo, 0, "organizer_id"));
	values[1] = CStringGetTextDatum(arg_nonempty_string(fcinfo, 1, "title"));
	values[2] = CStringGetTextDatum(arg_word(fcinfo, 2, "category", categories));
	values[3] = TimestampTzGetDatum(start_time);
	values[4] = TimestampTzGetDatum(end_time);
	values[5] = PG_GETARG_DATUM(5);
	nulls[5] = PG_ARGISNULL(5) ? 'n' : ' ';
	values[6] = string_datum_or_null(arg_string(fcinfo, 6), &nulls[6]);
	values[7] = CStringGetTextDatum(language);
	values[8] = TimestampTzGetDatum(doors_open);
	values[9] = string_datum_or_null(arg_optional_string(fcinfo, 9, "cover_image_url"), &nulls[9]);
	nulls[10] = PG_ARGISNULL(10) ? 'n' : ' ';
	if (!PG_ARGISNULL(10))
		values[10] = Int32GetDatum(arg_int32_between(fcinfo, 10, "age_restriction", 0, 120));
	nulls[12] = PG_ARGISNULL(12) ? 'n' : ' ';
	values[12] = PG_GETARG_DATUM(12);
	if (!PG_ARGISNULL(12))
		check_hold_duration(PG_GETARG_INTERVAL_P(12));
	nulls[13] = PG_ARGISNULL(13) ? 'n' : ' ';
	if (!PG_ARGISNULL(13))
		values[13] = Int32GetDatum(arg_int32_between(fcinfo, 13, "max_tickets_per_buyer",
													 1, PG_INT32_MAX));
	nulls[14] = arg_optional_time(fcinfo, 14, "transfer_deadline", &transfer_deadline) ? ' ' : 'n';
	values[14] = TimestampTzGetDatum(transfer_deadline);

	ev_connect();
	require_organizer(EV_MANAGERS, PG_GETARG_INT64(0));
	check_language(language);
	if (!PG_ARGISNULL(5))
	{
		char	   *default_currency = venue_currency(PG_GETARG_INT64(5));

		if (currency == NULL)
			currency = default_currency;
	}
	values[11] = CStringGetTextDatum(currency ? currency : DEFAULT_CURRENCY);
	(void) spi_run(&query, values, nulls);
	return ev_finish(spi_result(0, 1));
}

/*
 * create_tier(event_id, name, price, total_quantity, sale_start, sale_end,
 * max_per_order, shards, held_back)
 */
PG_FUNCTION_INFO_V1(ev_create_tier);
Datum
ev_create_tier(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"INSERT INTO evently.ticket_tiers AS t (event_id, name, price, total_quantity, sale_start,"
		"  sale_end, max_per_order, shards, held_back)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (event_id, name) DO NOTHING RETURNING t, t.tier_id",
		INT8OID, TEXTOID, NUMERICOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT2OID,
		INT4OID);
	int64		event_id = arg_id(fcinfo, 0, "event_id");
	int32		total = arg_int32_between(fcinfo, 3, "total_quantity", 0, EV_MAX_TIER_QUANTITY);
	int32		shards = PG_ARGISNULL(7) ? default_shards(total)
		: arg_int32_between(fcinfo, 7, "shards", 1, EV_MAX_SHARDS);
	int32		held_back = arg_int32_between(fcinfo, 8, "held_back", 0, total);
	TimestampTz sale_start = 0;
	TimestampTz sale_end = 0;
	bool		has_start = arg_optional_time(fcinfo, 4, "sale_start", &sale_start);
	bool		has_end = arg_optional_time(fcinfo, 5, "sale_end", &sale_end);
	char		nulls[9];
	Datum		values[9];
	EventTerms *event;
	int64		tier_id;
	Datum		row;

	memset(nulls, ' ', sizeof(nulls));
	if (has_start && has_end && sale_end <= sale_start)
		raise_bad_argument("sale_end must be after sale_start", NULL, NULL);
	values[0] = Int64GetDatum(event_id);
	values[1] = CStringGetTextDatum(arg_nonempty_string(fcinfo, 1, "name"));
	values[2] = arg_amount(fcinfo, 2, "price");
	values[3] = Int32GetDatum(total);
	values[4] = TimestampTzGetDatum(sale_start);
	nulls[4] = has_start ? ' ' : 'n';
	values[5] = TimestampTzGetDatum(sale_end);
	nulls[5] = has_end ? ' ' : 'n';
	values[6] = Int32GetDatum(arg_int32_between(fcinfo, 6, "max_per_order", 1, 10000));
	values[7] = Int16GetDatum(shards);
	values[8] = Int32GetDatum(held_back);

	ev_connect();
	require_own_event(EV_MANAGERS, event_id);
	lock_event_exclusive(event_id);
	event = read_terms(event_id, NULL, 0);
	if (!event->found)
		raise_not_found("event", event_id);
	require_open_event(event_id, event->status);
	check_capacity(event_id, total);
	if (spi_run(&query, values, nulls) == 0)
		raise_error(ERRCODE_UNIQUE_VIOLATION,
					psprintf("event " INT64_FORMAT " has a tier \"%s\" already", event_id,
							 TextDatumGetCString(values[1])),
					NULL, "Choose another name.");
	row = spi_result(0, 1);
	tier_id = spi_int64(0, 2);
	insert_shards(tier_id, 0, shards, total - held_back);
	label_after_adding(&tier_id, 1);
	if (strcmp(event->status, "DRAFT") != 0)
		search_refresh(&event_id, 1);
	return ev_finish(row);
}
