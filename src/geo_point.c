/*-------------------------------------------------------------------------
 *
 * geo_point.c
 *	  geo_point(): a point that is checked to be on the globe.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "refusal.h"
#include "spi_util.h"

PG_FUNCTION_INFO_V1(ev_geo_point);
Datum
ev_geo_point(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY("SELECT evently.make_point($1, $2)", FLOAT8OID, FLOAT8OID);
	double		latitude = PG_GETARG_FLOAT8(0);
	double		longitude = PG_GETARG_FLOAT8(1);
	Datum		values[2] = {Float8GetDatum(longitude), Float8GetDatum(latitude)};

	/* not: < or >, which NaN would pass */
	if (!(fabs(latitude) <= 90))
		raise_bad_argument("latitude must be between -90 and 90", psprintf("It is %g.", latitude), NULL);
	if (!(fabs(longitude) <= 180))
		raise_bad_argument("longitude must be between -180 and 180", psprintf("It is %g.", longitude), NULL);
	ev_connect();
	(void) spi_read(&query, values, NULL);
	return ev_finish(spi_result(0, 1));
}
