/*-------------------------------------------------------------------------
 *
 * suggest.c
 *	  suggest_events(): while somebody is typing.
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

#include "refusal.h"
#include "spi_util.h"

#define ENOUGH_SUGGESTED	60
#define BEST_SELLERS		200
#define MAX_PREFIX_LEN		200 /* bytes */
#define MAX_SUGGESTIONS		50
#define MOST_TITLES			500 /* looked at, many of which may be the same */

/* Return the best candidates, each title once. */
static void
return_suggestions(const CandidateList *list, int limit, ReturnSetInfo *rsinfo)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.event_id, e.title, e.category, e.start_time, v.name, v.city"
		" FROM (SELECT DISTINCT ON (pg_catalog.lower(x.title)) x.*, i.n"
		"  FROM pg_catalog.unnest($1) WITH ORDINALITY i (event_id, n)"
		"  JOIN evently.events x ON x.event_id = i.event_id"
		"  ORDER BY pg_catalog.lower(x.title), i.n) e"
		" LEFT JOIN evently.venues v ON v.venue_id = e.venue_id"
		" ORDER BY e.n LIMIT $2",
		INT8ARRAYOID, INT4OID);
	int			some = Min(list->n, MOST_TITLES);
	int64	   *ids = palloc(sizeof(int64) * Max(some, 1));
	Datum		args[2];
	uint64		n;

	for (int i = 0; i < some; i++)
		ids[i] = list->items[i].event_id;
	args[0] = int64_array(ids, some);
	args[1] = Int32GetDatum(limit);
	n = spi_read(&query, args, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		Datum		values[6];
		bool		nulls[6];

		for (int column = 0; column < 6; column++)
			values[column] = spi_datum(i, column + 1, &nulls[column]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* suggest_events(prefix, limit) */
PG_FUNCTION_INFO_V1(ev_suggest_events);
Datum
ev_suggest_events(PG_FUNCTION_ARGS)
{
	SearchFilter filter = {0};
	CandidateList list = {0};
	char	   *prefix = arg_string(fcinfo, 0);
	int			limit = arg_int32_between(fcinfo, 1, "limit", 1, MAX_SUGGESTIONS);
	bool		complete;

	if (prefix == NULL)
		raise_bad_argument("prefix must not be null", NULL, NULL);
	if (strlen(prefix) > MAX_PREFIX_LEN)
		raise_bad_argument("prefix is too long",
						   psprintf("It has %zu bytes, the most is %d.", strlen(prefix), MAX_PREFIX_LEN),
						   NULL);
	filter.now = GetCurrentStatementStartTimestamp();
	filter.from = filter.now;
	filter.to = DT_NOEND;
	filter.radius = -1;
	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	filter.geography = geography_type();
	filter.query = read_prefix_query(prefix);
	if (filter.query->root != NULL)
	{
		read_soonest(&filter, filter_condition(&filter, TERM_TITLE), first_day_of(&filter),
					 ENOUGH_SUGGESTED, &list, &complete);
		if (!complete)
			read_best_of_week(&filter, BEST_SELLERS, &list);
		if (list.n == 0)
		{
			filter.query = read_corrected_query(prefix);
			if (filter.query != NULL)
				read_soonest(&filter, filter_condition(&filter, TERM_TITLE), first_day_of(&filter),
							 ENOUGH_SUGGESTED, &list, &complete);
		}
		if (list.n > 0)
		{
			rank_candidates(&filter, complete, false, 0, &list);
			return_suggestions(&list, limit, (ReturnSetInfo *) fcinfo->resultinfo);
		}
	}
	ev_finish((Datum) 0);
	return (Datum) 0;
}
