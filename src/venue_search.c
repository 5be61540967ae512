/*-------------------------------------------------------------------------
 *
 * venue_search.c
 *	  When a venue is free, and which venues are: venue_free_slots() and
 *	  find_venues().
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "refusal.h"

/* Put the rows of the last result into the function's. */
static void
return_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			natts = result->setDesc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		for (int column = 0; column < natts; column++)
			values[column] = spi_datum(i, column + 1, &nulls[column]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* venue_free_slots(venue_id, within, at_least) */
PG_FUNCTION_INFO_V1(ev_venue_free_slots);
Datum
ev_venue_free_slots(PG_FUNCTION_ARGS)
{
	static SpiQuery venue = SPI_QUERY(
		"SELECT v.is_active FROM evently.venues v WHERE v.venue_id = $1", INT8OID);
	static SpiQuery slots = SPI_QUERY(
		"SELECT s.slot FROM unnest(tstzmultirange($2) -"
		" coalesce((SELECT range_agg(b.occupied) FROM evently.venue_bookings b"
		"  WHERE b.venue_id = $1 AND b.occupied && $2 AND b.status <> 'CANCELLED'"
		"  AND " BOOKING_HOLDS("b", "$4") "), '{}'::tstzmultirange)) AS s (slot)"
		" WHERE $3 IS NULL OR lower_inf(s.slot) OR upper_inf(s.slot)"
		" OR upper(s.slot) - lower(s.slot) >= $3",
		INT8OID, TSTZRANGEOID, INTERVALOID, TIMESTAMPTZOID);
	int64		venue_id = arg_id(fcinfo, 0, "venue_id");
	char		nulls[] = "    ";
	Datum		values[4] = {
		Int64GetDatum(venue_id), 0, 0, TimestampTzGetDatum(GetCurrentStatementStartTimestamp())
	};
	bool		isnull;

	if (PG_ARGISNULL(1))
		raise_bad_argument("within must not be null", NULL, NULL);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = PG_GETARG_DATUM(2);
	nulls[2] = PG_ARGISNULL(2) ? 'n' : ' ';
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	ev_connect();
	if (spi_read(&venue, values, NULL) == 0)
		raise_not_found("venue", venue_id);
	if (DatumGetBool(spi_datum(0, 1, &isnull)))
	{
		(void) spi_read(&slots, values, nulls);
		return_rows(fcinfo);
	}
	return ev_finish((Datum) 0);
}

/* The bounds of what is to be booked. */
static void
require_bookable_range(RangeType *range, TimestampTz *from, TimestampTz *until)
{
	TypeCacheEntry *type = lookup_type_cache(RangeTypeGetOid(range), TYPECACHE_RANGE_INFO);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(type, range, &lower, &upper, &empty);
	if (empty || lower.infinite || upper.infinite)
		raise_bad_argument("within must have a start and an end", NULL, NULL);
	*from = DatumGetTimestampTz(lower.val);
	*until = DatumGetTimestampTz(upper.val);
	require_instant(*from, "the start of within");
	require_instant(*until, "the end of within");
	require_order_of_times(*from, *until, "the start of within", "its end");
}

#define COLUMNS \
	"SELECT v.venue_id, v.name, v.address, v.city, v.country_code, v.location, v.capacity, v.type," \
	" v.facilities, v.timezone, v.setup_hours, v.teardown_hours, w.occupied," \
	" round(extract(epoch FROM upper(w.occupied) - lower(w.occupied)) / 3600 * v.hire_rate, 2)," \
	" v.currency, "
#define SOURCE \
	" FROM evently.venues v CROSS JOIN LATERAL" \
	" (SELECT evently.occupied_window($1, $2, v.setup_hours, v.teardown_hours)) AS w (occupied)" \
	" WHERE v.is_active AND ($3 IS NULL OR v.capacity >= $3) AND ($4 IS NULL OR v.type = $4)" \
	" AND ($5 IS NULL OR v.facilities @> $5)" \
	" AND NOT EXISTS (SELECT FROM evently.venue_bookings b WHERE b.venue_id = v.venue_id" \
	"  AND b.occupied && w.occupied AND b.status <> 'CANCELLED' AND " BOOKING_HOLDS("b", "$6") ")"
#define BY_SIZE \
	" v.capacity, v.venue_id"

/* The schema that a type is in, quoted. */
static const char *
schema_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = get_namespace_name(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	return quote_identifier(schema);
}

/* find_venues(within, capacity, type, facilities, near, radius_m) */
PG_FUNCTION_INFO_V1(ev_find_venues);
Datum
ev_find_venues(PG_FUNCTION_ARGS)
{
	static SpiQuery anywhere = SPI_QUERY(
		COLUMNS "NULL::float8" SOURCE " ORDER BY" BY_SIZE,
		TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, JSONBOID, TIMESTAMPTZOID);
	static SpiQuery nearby = SPI_QUERY(
		NULL, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, JSONBOID, TIMESTAMPTZOID,
		InvalidOid, FLOAT8OID);
	Datum		values[8];
	char		nulls[] = "        ";
	TimestampTz from;
	TimestampTz until;

	if (PG_ARGISNULL(0))
		raise_bad_argument("within must not be null", NULL, NULL);
	require_bookable_range(PG_GETARG_RANGE_P(0), &from, &until);
	if (!PG_ARGISNULL(5) && PG_ARGISNULL(4))
		raise_bad_argument("radius_m needs a point near", NULL, NULL);
	if (!PG_ARGISNULL(5) && !(PG_GETARG_FLOAT8(5) >= 0 && PG_GETARG_FLOAT8(5) < 1e8))
		raise_bad_argument("radius_m must be between 0 and 100000000",
						   psprintf("It is %g.", PG_GETARG_FLOAT8(5)), NULL);
	InitMaterializedSRF(fcinfo, 0);

	values[0] = TimestampTzGetDatum(from);
	values[1] = TimestampTzGetDatum(until);
	for (int i = 1; i <= 3; i++)
	{
		values[i + 1] = PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	values[5] = TimestampTzGetDatum(GetCurrentStatementStartTimestamp());
	values[6] = PG_GETARG_DATUM(4);
	values[7] = PG_GETARG_DATUM(5);
	nulls[7] = PG_ARGISNULL(5) ? 'n' : ' ';

	ev_connect();
	if (PG_ARGISNULL(4))
		(void) spi_read(&anywhere, values, nulls);
	else
	{
		if (nearby.sql == NULL)
		{
			/* PostGIS may live in any schema: that of the type geography. */
			Oid			geography = get_fn_expr_argtype(fcinfo->flinfo, 4);
			const char *postgis = schema_of_type(geography);

			nearby.argtypes[6] = geography;
			nearby.sql = MemoryContextStrdup(TopMemoryContext, psprintf(
				COLUMNS "%s.st_distance(v.location, $7) AS distance_m" SOURCE
				" AND ($8 IS NULL OR %s.st_dwithin(v.location, $7, $8))"
				" ORDER BY distance_m," BY_SIZE, postgis, postgis));
		}
		(void) spi_read(&nearby, values, nulls);
	}
	return_rows(fcinfo);
	return ev_finish((Datum) 0);
}
