/*-------------------------------------------------------------------------
 *
 * search_sql.h
 *	  Parts of the statements that read event_search.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_SQL_H
#define EVENTLY_SEARCH_SQL_H

#include "catalog/pg_type.h"

/*
 * The filters on columns; arguments $2 to $8 are those of set_filter_args(). The
 * times are hidden from the planner in "IS NOT FALSE": it would read the index of
 * start times from end to end for each day.
 */
#define SEARCH_FILTER \
	" (s.start_time >= $2 AND s.start_time < $3 AND s.end_time > $4) IS NOT FALSE" \
	" AND ($6 < 0 OR evently.is_within(s.location, $5, $6))" \
	" AND ($7 IS NULL OR pg_catalog.numrange(s.price_from, s.price_to, '[]') && $7)" \
	" AND ($8 IS NULL OR EXISTS (SELECT FROM pg_catalog.unnest($8) x (q) WHERE s.doc @@ x.q))"

#define SEARCH_TERMS \
	"evently.search_terms(s.event_id, s.start_time, s.doc, s.category, pg_catalog.lower(s.city)," \
	" evently.latitude(s.location), evently.longitude(s.location), s.price_from, s.price_to)"

/* What a candidate is made of; words and the value sorted by when they are needed. */
#define SEARCH_COLUMNS_IF(words_wanted, value) \
	" s.event_id, s.start_time, " value ", s.title_words, s.category," \
	" CASE WHEN " words_wanted " THEN s.doc END"
#define SEARCH_COLUMNS_WITH(value) SEARCH_COLUMNS_IF("$8 IS NOT NULL", value)
#define SEARCH_COLUMNS SEARCH_COLUMNS_WITH("NULL::pg_catalog.float8")

#define SEARCH_FILTER_ARGS \
	TSQUERYARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, InvalidOid /* geography */, \
	FLOAT8OID, NUMRANGEOID, TSQUERYARRAYOID

/* What set_filter_args() leaves, for reading without the index: $9 and $10. */
#define SEARCH_TERM_FILTER \
	" AND ($9 IS NULL OR s.category = ANY ($9)) AND ($10 IS NULL OR pg_catalog.lower(s.city) = $10)"

/* What matches in the segments of $1. */
#define SEARCH_SEGMENTS \
	" FROM pg_catalog.unnest($1) d (q)" \
	" JOIN evently.event_search s ON " SEARCH_TERMS " @@ d.q" \
	" WHERE" SEARCH_FILTER

#define SEARCH_FACETS(further) \
	"SELECT s.category, s.local_month, s.price_from, s.city" \
	SEARCH_SEGMENTS further

#endif							/* EVENTLY_SEARCH_SQL_H */
