/*-------------------------------------------------------------------------
 *
 * search.h
 *	  What a search is asked for, and the reading of the index for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_H
#define EVENTLY_SEARCH_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "search_query.h"
#include "search_terms.h"
#include "spi_util.h"

/* So few are looked into one by one, without asking what is rare. */
#define FEW_DAYS		64

typedef enum
{
	SORT_RELEVANCE,
	SORT_DATE,
	SORT_PRICE,
	SORT_DISTANCE,
	SORT_POPULARITY
} SortOrder;

/* The filters that search_events() and search_facets() share. */
typedef struct SearchFilter
{
	TimestampTz now;
	SearchQuery *query;			/* or NULL */
	const char *text;			/* what was typed, or NULL */
	char	  **categories;		/* NULL: any */
	int			n_categories;
	char	   *city;			/* or NULL */
	TimestampTz from;			/* starts at or after */
	TimestampTz to;				/* starts before */
	Oid			geography;
	bool		has_near;
	Datum		near;
	double		latitude;
	double		longitude;
	double		radius;			/* metres; negative: none */
	bool		has_price;
	Datum		price;			/* numrange */
	bool		available_only;
	bool		unranked;		/* candidates need no score, */
	bool		by_price;		/* but their prices, */
	bool		by_distance;	/* or their distances */
} SearchFilter;

typedef struct Candidate
{
	int64		event_id;
	TimestampTz start;
	double		key;			/* what it is sorted by, then the id */
	double		score;
	int64		sold;			/* in the last week */
	double		value;			/* what it is sorted by: lowest listed price, or
								 * metres; negative: none */
	double		text;			/* how well its words match, 0 to 1 */
	text	   *category;
} Candidate;

typedef struct CandidateList
{
	Candidate  *items;
	int			n;
	int			size;
} CandidateList;

/* search_filter.c */
extern void read_filter(SearchFilter *filter, FunctionCallInfo fcinfo);
extern Oid	geography_type(void);
extern void use_geography(SpiQuery *query, int arg, const SearchFilter *filter);
extern void check_radius(double radius);
extern void read_point(SearchFilter *filter, Datum point);

/* search_read.c */
extern char *filter_condition(const SearchFilter *filter, char word_kind);
extern Datum segment_queries(const char *condition, int first_day, int n_days);
extern Datum sample_query(const char *condition, int rate, int first_day, int last_day);
extern void set_filter_args(const SearchFilter *filter, bool without_index,
							Datum *values, char *nulls);
extern void set_term_args(const SearchFilter *filter, Datum *values, char *nulls);
extern Datum every_query(const char *condition);
extern bool is_rare(const char *condition);
extern bool has_terms(const SearchFilter *filter);
extern void read_next(const SearchFilter *filter, TimestampTz start, int64 event_id, int n,
					  CandidateList *list);
extern void read_soonest(const SearchFilter *filter, const char *condition, int first_day,
						 int enough, CandidateList *list, bool *complete);
extern int	first_day_of(const SearchFilter *filter);
extern int	first_day(TimestampTz now);
extern int	last_day(void);
extern int	last_day_of(const SearchFilter *filter);
extern void read_cheapest(const SearchFilter *filter, double price, int64 event_id, int n,
						  CandidateList *list);
extern void read_popular(const SearchFilter *filter, int64 sold, int64 event_id, int n,
						 CandidateList *list);
extern void read_best_of_week(const SearchFilter *filter, int n, CandidateList *list);
extern void read_unpopular(const SearchFilter *filter, int64 event_id, int n,
						   CandidateList *list);
extern void read_nearest(const SearchFilter *filter, int n, CandidateList *list, double *reach);
extern void add_popularity(CandidateList *list);
extern void drop_doubles(CandidateList *list);
extern Candidate *find_candidate(const CandidateList *list, int64 event_id);
extern Candidate *add_candidate(CandidateList *list);
extern void read_candidates(SpiQuery *query, Datum *values, const char *nulls,
							const SearchFilter *filter, CandidateList *list);

/* search_rank.c */
extern int	compare_candidates(const void *a, const void *b);
extern void sort_candidates(CandidateList *list);
extern bool gather_relevant(const SearchFilter *filter, CandidateList *list);
extern void rank_candidates(const SearchFilter *filter, bool all, bool has_user, int64 user_id,
							CandidateList *list);
extern List *read_taste(int64 user_id, TimestampTz now);
extern void boost_by_taste(List *tastes, double best, CandidateList *list);

#endif							/* EVENTLY_SEARCH_H */
