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
#define BEST_SELLERS	300

/* What may be added to a text's score, as a share of it. */
#define BOOST_POPULAR	0.25
#define BOOST_SOON		0.10
#define BOOST_PERSONAL	0.15
#define POPULAR_SALES	10000.0 /* of a week, for the whole boost */
#define SOON_DAYS		30.0

typedef struct Taste
{
	text	   *category;
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

typedef struct SortItem
{
	double		key;
	int64		event_id;
	int			at;
} SortItem;

static int
compare_items(const void *a, const void *b)
{
	const SortItem *left = a;
	const SortItem *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return left->event_id < right->event_id ? -1 : left->event_id > right->event_id;
}

/* By key, then id. What is moved about is small, the candidates move once. */
void
sort_candidates(CandidateList *list)
{
	SortItem   *items = palloc(sizeof(SortItem) * Max(list->n, 1));
	Candidate  *sorted = palloc(sizeof(Candidate) * Max(list->n, 1));

	for (int i = 0; i < list->n; i++)
	{
		items[i].key = list->items[i].key;
		items[i].event_id = list->items[i].event_id;
		items[i].at = i;
	}
	qsort(items, list->n, sizeof(SortItem), compare_items);
	for (int i = 0; i < list->n; i++)
		sorted[i] = list->items[items[i].at];
	if (list->n > 0)
		memcpy(list->items, sorted, sizeof(Candidate) * list->n);
	pfree(items);
	pfree(sorted);
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
		"   WHERE k.order_id = o.order_id AND k.check_in_time IS NOT NULL OFFSET 0) THEN 3.0::pg_catalog.float8 ELSE 1 END AS weight"
		"  FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id"
		"  WHERE o.buyer_id = $1 AND o.confirmed_at IS NOT NULL AND o.channel = 'SALE'"
		"   AND o.status <> 'REFUNDED' AND e.end_time <= $2 AND e.status <> 'CANCELLED'"
		"  ORDER BY o.buyer_id DESC, o.order_id DESC LIMIT 200) x GROUP BY x.category",
		INT8OID, TIMESTAMPTZOID);
	Datum		values[2] = {Int64GetDatum(user_id), TimestampTzGetDatum(now)};
	uint64		n = spi_read(&query, values, NULL);
	List	   *tastes = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		Taste	   *taste = palloc(sizeof(Taste));
		bool		isnull;

		taste->category = DatumGetTextPP(spi_datum(i, 1, &isnull));
		taste->share = DatumGetFloat8(spi_datum(i, 2, &isnull));
		tastes = lappend(tastes, taste);
	}
	return tastes;
}

static bool
same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
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

			if (same_text(taste->category, item->category) && item->score < best)
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
rank_candidates(const SearchFilter *filter, bool all, bool has_user, int64 user_id,
				CandidateList *list)
{
	List	   *tastes = has_user ? read_taste(user_id, filter->now) : NIL;
	double		best = 0;

	drop_doubles(list);
	if (all)
		add_popularity(list);
	for (int i = 0; i < list->n; i++)
	{
		Candidate  *item = &list->items[i];
		double		days = Max(0, (double) (item->start - filter->now) / USECS_PER_DAY);
		double		text = filter->query ? item->text : 0.5;

		item->score = text * (1 + BOOST_SOON * exp(-days / SOON_DAYS)
							  + BOOST_POPULAR * Min(1, log1p((double) item->sold) / log1p(POPULAR_SALES)));
		best = Max(best, item->score);
	}
	boost_by_taste(tastes, best, list);
}

/*
 * A rare query ranks all its matches; a frequent one those soonest, those soonest
 * with its words in the title, and the week's best sellers. Whether these are all;
 * if not, only the best sellers know their sales.
 */
bool
gather_relevant(const SearchFilter *filter, CandidateList *list)
{
	int			first_day = first_day_of(filter);
	bool		complete;

	if (has_terms(filter))
	{
		read_soonest(filter, filter_condition(filter, TERM_WORD), first_day,
					 filter->query ? ENOUGH_SOONEST : ENOUGH_TITLES, list, &complete);
		if (complete)
			return true;
	}
	else
		read_next(filter, filter->from - 1, PG_INT64_MAX, ENOUGH_TITLES, list);
	if (filter->query)
		read_soonest(filter, filter_condition(filter, TERM_TITLE), first_day, ENOUGH_TITLES,
					 list, &complete);
	read_best_of_week(filter, BEST_SELLERS, list);
	return false;
}
