/*-------------------------------------------------------------------------
 *
 * search_filter.c
 *	  The arguments of a search, checked.
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "refusal.h"
#include "spi_util.h"

#define MAX_QUERY_LEN	1000	/* bytes */
#define EARTH_M			20038000.0	/* no two places are farther apart */

static const char *const categories[] = {
	"CONCERT", "CONFERENCE", "SPORTS", "FESTIVAL", NULL
};

/* PostGIS' type, wherever that lives. */
Oid
geography_type(void)
{
	Oid			relation = get_relname_relid("event_search", get_namespace_oid("evently", false));

	return get_atttype(relation, get_attnum(relation, "location"));
}

void
check_radius(double radius)
{
	if (!(radius > 0) || radius > EARTH_M)
		raise_bad_argument("radius_m must be more than 0 and at most half way round the globe",
						   psprintf("It is %g.", radius), NULL);
}

/*
 * An argument of a statement is a geography. PostGIS may have been dropped and
 * created again since the statement was prepared.
 */
void
use_geography(SpiQuery *query, int arg, const SearchFilter *filter)
{
	if (query->argtypes[arg] != filter->geography)
		query->plan = NULL;
	query->argtypes[arg] = filter->geography;
}

/* Where the user is: must be a point on the globe. */
void
read_point(SearchFilter *filter, Datum point)
{
	static SpiQuery query = SPI_QUERY("SELECT p.latitude, p.longitude FROM evently.coordinates($1) p",
									  InvalidOid);
	bool		no_latitude;
	bool		no_longitude;

	use_geography(&query, 0, filter);
	filter->has_near = true;
	filter->near = point;
	(void) spi_read(&query, &point, NULL);
	filter->latitude = DatumGetFloat8(spi_datum(0, 1, &no_latitude));
	filter->longitude = DatumGetFloat8(spi_datum(0, 2, &no_longitude));
	if (no_latitude || no_longitude)
		raise_bad_argument("near must be a point", NULL, NULL);
	if (!(fabs(filter->latitude) <= 90) || !(fabs(filter->longitude) <= 180))
		raise_bad_argument("near must be a point on the globe",
						   psprintf("Its latitude is %g, its longitude %g.",
									filter->latitude, filter->longitude),
						   "Latitude is from -90 to 90, longitude from -180 to 180.");
}

static void
read_categories(SearchFilter *filter, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	if (n == 0)
		raise_bad_argument("categories must not be empty", NULL,
						   "Null means every category.");
	filter->categories = palloc(sizeof(char *) * lengthof(categories));
	for (int i = 0; i < n; i++)
	{
		char	   *value = nulls[i] ? NULL : TextDatumGetCString(values[i]);
		int			known = 0;
		bool		twice = false;

		while (value && categories[known] && strcmp(categories[known], value) != 0)
			known++;
		if (value == NULL || categories[known] == NULL)
			raise_bad_argument(value ? psprintf("unknown category \"%s\"", value)
							   : "a category must not be null", NULL,
							   "It is one of CONCERT, CONFERENCE, SPORTS, FESTIVAL.");
		for (int j = 0; j < filter->n_categories; j++)
			twice |= strcmp(filter->categories[j], value) == 0;
		if (!twice)
			filter->categories[filter->n_categories++] = value;
	}
}

/* Start times: what is over is never shown, and from now on unless given. */
static void
read_starts(SearchFilter *filter, RangeType *starts)
{
	TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(type, starts, &lower, &upper, &empty);
	if (empty)
	{
		filter->to = filter->from;
		return;
	}
	if (!lower.infinite && !TIMESTAMP_IS_NOBEGIN(DatumGetTimestampTz(lower.val)))
		filter->from = DatumGetTimestampTz(lower.val) + (lower.inclusive ? 0 : 1);
	if (!upper.infinite && !TIMESTAMP_IS_NOEND(DatumGetTimestampTz(upper.val)))
		filter->to = DatumGetTimestampTz(upper.val) + (upper.inclusive ? 1 : 0);
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* query, categories, starts, near, radius_m, price, available_only: arguments 0 to 6. */
void
read_filter(SearchFilter *filter, FunctionCallInfo fcinfo)
{
	filter->geography = geography_type();
	filter->from = filter->now;
	filter->to = DT_NOEND;
	filter->radius = -1;
	if (!PG_ARGISNULL(0))
	{
		char	   *typed = text_to_cstring(PG_GETARG_TEXT_PP(0));

		if (strlen(typed) > MAX_QUERY_LEN)
			raise_bad_argument("query is too long",
							   psprintf("It has %zu bytes, the most is %d.", strlen(typed), MAX_QUERY_LEN),
							   NULL);
		if (!is_blank(typed))
			filter->text = typed;
	}
	if (!PG_ARGISNULL(1))
		read_categories(filter, PG_GETARG_ARRAYTYPE_P(1));
	if (!PG_ARGISNULL(2))
		read_starts(filter, PG_GETARG_RANGE_P(2));
	if (!PG_ARGISNULL(4))
	{
		filter->radius = PG_GETARG_FLOAT8(4);
		if (PG_ARGISNULL(3))
			raise_bad_argument("radius_m needs a point", NULL, "Give near as well.");
		check_radius(filter->radius);
	}
	if (!PG_ARGISNULL(3))
		read_point(filter, PG_GETARG_DATUM(3));
	if (!PG_ARGISNULL(5))
	{
		filter->has_price = true;
		filter->price = PG_GETARG_DATUM(5);
		if (RangeIsEmpty(DatumGetRangeTypeP(filter->price)))
			raise_bad_argument("price must not be an empty range", NULL, NULL);
	}
	if (PG_ARGISNULL(6))
		raise_bad_argument("available_only must not be null", NULL, NULL);
	filter->available_only = PG_GETARG_BOOL(6);
	if (filter->text != NULL)
	{
		filter->query = read_search_query(filter->text);
		/* punctuation alone asks for nothing */
		if (filter->query->root == NULL)
			filter->query = NULL;
	}
}
