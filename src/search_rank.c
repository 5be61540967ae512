/*-------------------------------------------------------------------------
 *
 * search_rank.c
 *	  Relevance: which events are ranked, and how (docs/search.md).
 *
 *-------------------------------------------------------------------------
 */
#include "search.h"

#include <math.h>

#include "catalog/pg_type.h"

#include "spi_util.h"

/* So many are ranked, and a whole day's more. */
#define ENOUGH_SOONEST	600
#define ENOUGH_TITLES	300
#define ENOUGH_POPULAR	100

/* What may be added to a text's score, as a share of it. */
#define BOOST_POPULAR	0.25
#define BOOST_SOON		0.10
#define BOOST_PERSONAL	0.15
#define POPULAR_SALES	10000.0 /* of a week, for the whole boost */
#define SOON_DAYS		30.0

typedef struct Taste
{
	char	   *category;
	double		share;
} Taste;

int
compare_candidates(const void *a, const void *b)
{
	const Candidate *left = a;
	const Candidate *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return left->event_id < right->event_id ? -1 : left->event_id > right->event_id;
}

void
sort_candidates(CandidateList *list)
{
	qsort(list->items, list->n, sizeof(Candidate), compare_candidates);
}

/*
 * How much the user likes each category: the share of what they attended,
 * scanned tickets counting three times.
 */
List *
read_taste(int64 user_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT x.category, pg_catalog.sum(x.weight) / pg_catalog.sum(pg_catalog.sum(x.weight)) OVER () FROM ("
		" SELECT e.category, CASE WHEN EXISTS (SELECT FROM evently.tickets k"
		"   WHERE k.order_id = o.order_id AND k.check_in_time IS NOT NULL) THEN 3.0::pg_catalog.float8 ELSE 1 END AS weight"
		"  FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id"
		"  WHERE o.buyer_id = $1 AND o.confirmed_at IS NOT NULL AND o.channel = 'SALE'"
		"   AND o.status <> 'REFUNDED' AND e.end_time <= $2 AND e.status <> 'CANCELLED'"
		"  ORDER BY o.order_id DESC LIMIT 200) x GROUP BY x.category",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(user_id), TimestampTzGetDatum(now)};
	uint64		n = spi_read(&query, values, NULL);
	List	   *tastes = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		Taste	   *taste = palloc(sizeof(Taste));
		bool		isnull;

		taste->category = spi_text(i, 1);
		taste->share = DatumGetFloat8(spi_datum(i, 2, &isnull));
		tastes = lappend(tastes, taste);
	}
	return tastes;
}

/*
 * Raise the scores of what the user likes, and sort by score. Nothing is raised
 * above the best: it stays where it was, just behind.
 */
void
boost_by_taste(List *tastes, double best, CandidateList *list)
{
	for (int i = 0; i < list->n; i++)
	{
		Candidate  *item = &list->items[i];
		ListCell   *cell;

		foreach(cell, tastes)
		{
			Taste	   *taste = lfirst(cell);
			double		boosted = item->score * (1 + BOOST_PERSONAL * taste->share);

			if (strcmp(taste->category, item->category) == 0 && item->score < best)
				item->score = Max(item->score,
								  Min(boosted, best * (0.999 + 0.0009 * item->score / best)));
		}
		item->key = -item->score;
	}
	sort_candidates(list);
}

/*
 * Scores: the text's, raised a little for what sells and what is soon, then for
 * the user's taste; but no taste puts an event above the best match.
 */
void
rank_candidates(const SearchFilter *filter, bool has_user, int64 user_id, CandidateList *list)
{
	List	   *tastes = has_user ? read_taste(user_id, filter->now) : NIL;
	double		best = 0;

	drop_doubles(list);
	add_popularity(list);
	for (int i = 0; i < list->n; i++)
	{
		Candidate  *item = &list->items[i];
		double		days = Max(0, (double) (item->start - filter->now) / USECS_PER_DAY);
		double		text = filter->query
			? text_score(filter->query, item->doc, item->title_words) : 0.5;

		item->score = text * (1 + BOOST_SOON * exp(-days / SOON_DAYS)
							  + BOOST_POPULAR * Min(1, log1p((double) item->sold) / log1p(POPULAR_SALES)));
		best = Max(best, item->score);
	}
	boost_by_taste(tastes, best, list);
}

/*
 * A rare query ranks all its matches; a frequent one those soonest, those soonest
 * with its words in the title, and the most popular.
 */
void
gather_relevant(const SearchFilter *filter, CandidateList *list)
{
	int			first_day = first_day_of(filter);
	bool		complete;

	if (has_terms(filter))
	{
		read_soonest(filter, filter_condition(filter, TERM_WORD), first_day,
					 filter->query ? ENOUGH_SOONEST : ENOUGH_TITLES, list, &complete);
		if (complete)
			return;
	}
	else
		read_next(filter, filter->from - 1, PG_INT64_MAX, ENOUGH_TITLES, list);
	if (filter->query)
		read_soonest(filter, filter_condition(filter, TERM_TITLE), first_day, ENOUGH_TITLES,
					 list, &complete);
	read_popular(filter, PG_INT64_MAX, 0, ENOUGH_POPULAR, list);
}
