/*-------------------------------------------------------------------------
 *
 * search_query.h
 *	  What was typed, read in the languages of the events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_QUERY_H
#define EVENTLY_SEARCH_QUERY_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "tsearch/ts_type.h"

typedef struct QueryNode QueryNode;

typedef struct SearchQuery
{
	QueryNode  *root;			/* NULL: nothing to look for */
	List	   *tsqueries;		/* one for each reading */
	bool		must_recheck;	/* phrases and exclusions are not in the index */
} SearchQuery;

extern SearchQuery *read_search_query(const char *text);
extern SearchQuery *read_corrected_query(const char *text);
extern SearchQuery *read_prefix_query(const char *text);
extern char *query_condition(const SearchQuery *query, char kind);
extern TSQuery query_union(const SearchQuery *query);
extern double text_score(const SearchQuery *query, TSVector doc, int title_words);
extern void append_term(StringInfo buf, char kind, const char *value, bool prefix);

#endif							/* EVENTLY_SEARCH_QUERY_H */
