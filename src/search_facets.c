/*-------------------------------------------------------------------------
 *
 * search_facets.c
 *	  search_facets(): how many events a search finds, and how they divide.
 *
 * Few matches are counted one by one, many by lists (facet_lists.c): all of
 * them, or beyond MOST_DIVIDED a sample of one in 4 or 16 of all events. What has
 * to be judged row by row (a phrase, a price, stock, a circle) is counted one by
 * one up to EXACT_MATCHES, and beyond in a sample that has enough of them: one in
 * 4, 16, 64 or 256. A value with too few in the sample to be estimated within ten
 * percent is not listed by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "facet_lists.h"
#include "search.h"
#include "search_sql.h"

#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "spi_util.h"

#define EXACT_MATCHES	10000
#define FEW_MATCHES		6000	/* sooner counted one by one than by lists */
#define MOST_DIVIDED	60000	/* counted by lists; of a sample, some more */
#define FEW_AROUND		40000	/* around a point, counted out of an index */
#define SAMPLE_ENOUGH	2500	/* matches that a sample should have */
#define FEW_IN_SAMPLE	8		/* of 256: no need to look at a finer one */
#define SURELY_MORE		11000	/* estimated of one in 4: five standard errors more */
#define LISTED_ENOUGH	900		/* a value's, for three standard errors of 10 % */

typedef struct CountKey
{
	int			facet;
	int			len;
	const char *value;			/* no terminating zero */
} CountKey;

typedef struct Count
{
	CountKey	key;
	int64		n;
	char		status;			/* simplehash's */
} Count;

static const char *const facet_names[N_FACETS] = {"category", "month", "price", "city"};
static const char *const band_names[N_PRICE_BANDS] = {
	"0", "0-10", "10-25", "25-50", "50-100", "100-250", "250-"
};

#define SH_PREFIX		counts
#define SH_ELEMENT_TYPE	Count
#define SH_KEY_TYPE		CountKey
#define SH_KEY			key
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).value, (key).len)
#define SH_EQUAL(table, a, b) ((a).facet == (b).facet && (a).len == (b).len && \
							   memcmp((a).value, (b).value, (a).len) == 0)
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* Add to a value's count: CountHeard of facet_lists.h. */
static void
count_value(void *arg, Facet facet, const char *value, int len, int64 n)
{
	counts_hash *counts = arg;
	CountKey	key = {facet, len, value};
	Count	   *count = counts_lookup(counts, key);
	bool		found;

	if (count == NULL)
	{
		/* the value is the row's, and goes with it */
		key.value = memcpy(palloc(len + 1), value, len);
		count = counts_insert(counts, key, &found);
		count->n = 0;
	}
	count->n += n;
}

static void
count_text(counts_hash *counts, int facet, Datum value)
{
	text	   *string = DatumGetTextPP(value);

	count_value(counts, facet, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), 1);
}

typedef struct FacetReceiver
{
	DestReceiver pub;
	counts_hash *counts;
	MemoryContext context;
} FacetReceiver;

/* Count a row: SEARCH_FACETS. Months and bands as bytes. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	FacetReceiver *receiver = (FacetReceiver *) self;
	counts_hash *counts = receiver->counts;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);
	int32		month;

	slot_getallattrs(slot);
	count_text(counts, FACET_CATEGORY, slot->tts_values[0]);
	month = DatumGetInt32(slot->tts_values[1]);
	count_value(counts, FACET_MONTH, (char *) &month, sizeof(month), 1);
	if (!slot->tts_isnull[2])
	{
		char		band = price_band(slot->tts_values[2]);

		count_value(counts, FACET_PRICE, &band, 1, 1);
	}
	if (!slot->tts_isnull[3])
		count_text(counts, FACET_CITY, slot->tts_values[3]);
	MemoryContextSwitchTo(old);
	return true;
}

/* What was counted, as people see it. */
static void
spell_value(Count *count)
{
	if (count->key.facet == FACET_MONTH)
	{
		int			month;

		memcpy(&month, count->key.value, sizeof(month));
		count->key.value = psprintf("%04d-%02d", month / 12, month % 12 + 1);
	}
	else if (count->key.facet == FACET_PRICE)
		count->key.value = band_names[(int) count->key.value[0]];
	else
		count->key.value = pnstrdup(count->key.value, count->key.len);
}

static FacetReceiver
facet_receiver(counts_hash *counts)
{
	FacetReceiver receiver = {
		.pub = *None_Receiver,
		.counts = counts,
		.context = CurrentMemoryContext
	};

	receiver.pub.receiveSlot = receive_row;
	return receiver;
}

/*
 * Count what matches in some segments; how many. Windows and stock are judged
 * only when the search asks for them.
 */
static int64
count_segments(const SearchFilter *filter, Datum segments, counts_hash *counts)
{
	static SpiQuery plain = SPI_QUERY(SEARCH_FACETS(""), SEARCH_FILTER_ARGS);
	static SpiQuery judged = SPI_QUERY(SEARCH_FACETS(
		" AND EXISTS (SELECT FROM evently.event_offer(s.event_id, $4, $7) o"
		"  WHERE o.at_price AND (NOT $9 OR o.price_from IS NOT NULL))"),
		SEARCH_FILTER_ARGS, BOOLOID);
	SpiQuery   *query = filter->has_price || filter->available_only ? &judged : &plain;
	Datum		values[9];
	char		nulls[] = "         ";
	FacetReceiver receiver = facet_receiver(counts);

	use_geography(query, 4, filter);
	set_filter_args(filter, false, values, nulls);
	values[0] = segments;
	values[8] = BoolGetDatum(filter->available_only);
	return (int64) spi_read_into(query, values, nulls, &receiver.pub);
}

/* Count day by day; how many, or -1 when it is too many to go on. */
static int64
count_days(const SearchFilter *filter, const char *condition, int first_day, int last_day,
		   counts_hash *counts)
{
	int			day = first_day;
	int			days = 4;
	int64		n = 0;

	while (day <= last_day)
	{
		CHECK_FOR_INTERRUPTS();
		days = Min(days, last_day - day + 1);
		n += count_segments(filter, segment_queries(condition, day, days), counts);
		if (n > EXACT_MATCHES)
			return -1;
		day += days;
		days = Min(2 * days, 128);
	}
	return n;
}

/* Count what takes place at the venues within a circle. */
static int64
count_around(const SearchFilter *filter, counts_hash *counts)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT s.category, s.local_month, s.price_from, s.city FROM evently.venues v"
		" JOIN evently.event_search s ON s.venue_id = v.venue_id"
		" WHERE evently.is_within(v.location, $1, $2)"
		"  AND s.start_time >= $3 AND s.start_time < $4 AND s.end_time > $5"
		"  AND ($6 IS NULL OR s.category = ANY ($6))",
		InvalidOid, FLOAT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID);
	Datum		all[13];
	char		nulls[13];
	Datum		values[6];
	FacetReceiver receiver = facet_receiver(counts);

	use_geography(&query, 0, filter);
	set_term_args(filter, all, nulls);
	values[0] = filter->near;
	values[1] = Float8GetDatum(filter->radius);
	values[2] = TimestampTzGetDatum(filter->from);
	values[3] = TimestampTzGetDatum(filter->to);
	values[4] = TimestampTzGetDatum(filter->now);
	values[5] = all[8];
	memset(nulls, ' ', 5);
	nulls[5] = nulls[8];
	return (int64) spi_read_into(&query, values, nulls, &receiver.pub);
}

typedef struct Sample
{
	const SearchFilter *filter;
	const char *condition;
	int			first_day;
	int			last_day;
	int			end_day;		/* the last that has any event */
	bool		around;			/* count_around() can do it */
	counts_hash *counts;
	int64		n;
	int			rate;
} Sample;

/* Count what a sample has, anew: how many that makes of all. */
static int64
count_sample(Sample *sample, int rate)
{
	sample->counts = counts_create(CurrentMemoryContext, 256, NULL);
	sample->rate = rate;
	sample->n = count_segments(sample->filter,
							   sample_query(sample->condition, rate, sample->first_day, sample->last_day),
							   sample->counts);
	return sample->n * rate;
}

/*
 * Look at the coarsest sample that will do: one that has SAMPLE_ENOUGH. Whether
 * that is it; if not, it is clear that there are hardly more than can be counted.
 */
static bool
count_by_sample(Sample *sample)
{
	int64		about;

	if (sample->last_day - sample->first_day >= FEW_DAYS)
	{
		about = count_sample(sample, 256);
		if (sample->n >= SAMPLE_ENOUGH)
			return true;
		if (about >= 64 * SAMPLE_ENOUGH)
		{
			count_sample(sample, 64);
			return true;
		}
		if (sample->n <= FEW_IN_SAMPLE || (sample->around && about <= FEW_AROUND))
			return false;
		/* five standard errors above what is counted: no need to ask again */
		if (about > 2 * EXACT_MATCHES && about < 16 * SAMPLE_ENOUGH)
			return count_sample(sample, 4) > SURELY_MORE;
	}
	about = count_sample(sample, 16);
	if (sample->around && about <= FEW_AROUND)
		return false;
	if (sample->n >= SAMPLE_ENOUGH)
		return true;
	return about > EXACT_MATCHES && count_sample(sample, 4) > SURELY_MORE;
}

/* Whether the terms alone say what matches on a day that is wholly asked for. */
static bool
is_said_by_terms(const SearchFilter *filter)
{
	return filter->radius < 0 && !filter->has_price && !filter->available_only &&
		(filter->query == NULL || !filter->query->must_recheck);
}

/* Whether all that is still to come is asked for. */
static bool
is_all_to_come(const Sample *sample)
{
	const SearchFilter *filter = sample->filter;

	return filter->from <= filter->now &&
		(TIMESTAMP_IS_NOEND(filter->to) || sample->end_day < search_day(filter->to));
}

/* About how many match, by the terms of a sample. */
static int64
estimate_matches(const Sample *sample)
{
	int			rate = is_all_to_come(sample) ? sample_rates[0] : WEEKLY_RATE;

	return rate * count_entries(sample_query(sample->condition, rate, sample->first_day,
											 sample->last_day));
}

/* The segments of some days: of all events, or of a sample. */
static Datum
segments_of(const Sample *sample, int first, int last)
{
	return sample->rate > 1
		? sample_query(sample->condition, sample->rate, first, last)
		: segment_queries(sample->condition, first, last - first + 1);
}

/*
 * Count by lists what is on days (of a sample, in weeks) that are wholly asked
 * for. Of all that is to come it is quicker to look at all there is, and to leave
 * out the days before. Whether it could be done.
 */
static bool
divide_days(Sample *sample, int first, int last)
{
	Datum		segments;
	Datum		before = (Datum) 0;
	int			oldest = first_day(sample->filter->now);

	if (sample->rate == 1 && is_all_to_come(sample) && first - oldest <= FEW_DAYS)
	{
		segments = every_query(sample->condition);
		if (first > oldest)
			before = segment_queries(sample->condition, oldest, first - oldest);
	}
	else
		segments = segments_of(sample, first, last);
	sample->counts = counts_create(CurrentMemoryContext, 256, NULL);
	sample->n = divide_matches(segments, before, sample->rate, first, last, count_value,
							   sample->counts);
	return sample->n >= 0;
}

/* Count the rows of the days at an edge. */
static void
count_edge(Sample *sample, int first, int last)
{
	if (first <= last)
		sample->n += count_segments(sample->filter, segments_of(sample, first, last), sample->counts);
}

/* Count by lists, and the edges row by row. Whether it could be done. */
static bool
count_by_lists(Sample *sample, int64 about)
{
	const SearchFilter *filter = sample->filter;
	int			first = search_day(Max(filter->from, filter->now) - 1) + 1;
	int			last = sample->end_day;

	sample->rate = about <= MOST_DIVIDED ? 1 : about <= 5 * MOST_DIVIDED ? 4 : 16;
	if (sample->rate > 1)
		first = search_week_start(search_week(first + 6));
	/* unless nothing comes after what is asked for */
	if (!TIMESTAMP_IS_NOEND(filter->to) && last >= search_day(filter->to))
	{
		last = search_day(filter->to) - 1;
		if (sample->rate > 1)
			last = search_week_start(search_week(last + 1)) - 1;
	}
	if (last < first || !divide_days(sample, first, last))
		return false;
	count_edge(sample, sample->first_day, first - 1);
	count_edge(sample, last + 1, sample->last_day);
	return true;
}

/* Count one by one; false when that is too many. */
static bool
count_all(Sample *sample)
{
	const SearchFilter *filter = sample->filter;
	int			days = sample->last_day - sample->first_day + 1;

	sample->rate = 1;
	sample->counts = counts_create(CurrentMemoryContext, 256, NULL);
	if (sample->around)
	{
		sample->n = count_around(filter, sample->counts);
		return true;
	}
	if (days < (sample->end_day - search_day(filter->now)) / 2)
		sample->n = count_days(filter, sample->condition, sample->first_day, sample->last_day,
							   sample->counts);
	else
		sample->n = count_segments(filter, every_query(sample->condition), sample->counts);
	return sample->n >= 0 && sample->n <= EXACT_MATCHES;
}

/* Count; of the result, rate is 1, or that of the sample which was counted. */
static Sample
count_matches(const SearchFilter *filter)
{
	Sample		sample = {
		.filter = filter,
		.condition = filter_condition(filter, TERM_WORD),
		.first_day = first_day_of(filter),
		.last_day = last_day_of(filter),
		.end_day = last_day(),
		.around = filter->query == NULL && filter->radius >= 0 && !filter->has_price &&
		!filter->available_only
	};
	bool		few = false;

	if (is_said_by_terms(filter) && has_facet_lists())
	{
		int64		about = estimate_matches(&sample);

		few = about <= FEW_MATCHES;
		if (!few && count_by_lists(&sample, about))
			return sample;
	}
	if ((few || !count_by_sample(&sample)) && !count_all(&sample))
		count_sample(&sample, 4);
	return sample;
}

static int
compare_counts(const void *a, const void *b)
{
	const Count *left = *(Count *const *) a;
	const Count *right = *(Count *const *) b;

	if (left->key.facet != right->key.facet)
		return left->key.facet - right->key.facet;
	/* months in their order, all else the most frequent first */
	if (left->key.facet != FACET_MONTH && left->n != right->n)
		return left->n < right->n ? 1 : -1;
	return strcmp(left->key.value, right->key.value);
}

static void
put_row(ReturnSetInfo *rsinfo, const char *facet, const char *value, int64 n, int rate)
{
	Datum		values[4];
	bool		nulls[4] = {false, value == NULL, false, false};

	values[0] = CStringGetTextDatum(facet);
	values[1] = value ? CStringGetTextDatum(value) : (Datum) 0;
	values[2] = Int64GetDatum(n * rate);
	values[3] = BoolGetDatum(rate > 1);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_counts(ReturnSetInfo *rsinfo, counts_hash *counts, int64 total, int rate)
{
	Count	  **sorted = palloc(sizeof(Count *) * (counts->members + 1));
	int			n = 0;
	counts_iterator scan;
	Count	   *count;

	counts_start_iterate(counts, &scan);
	while ((count = counts_iterate(counts, &scan)) != NULL)
	{
		spell_value(count);
		sorted[n++] = count;
	}
	qsort(sorted, n, sizeof(Count *), compare_counts);
	put_row(rsinfo, "total", NULL, total, rate);
	for (int facet = 0, i = 0; facet < N_FACETS; facet++)
	{
		int64		rest = 0;

		for (; i < n && sorted[i]->key.facet == facet; i++)
		{
			/* of one in 4 a quarter is known and no error */
			if (rate == 1 || sorted[i]->n >= LISTED_ENOUGH - LISTED_ENOUGH / rate)
				put_row(rsinfo, facet_names[facet], sorted[i]->key.value, sorted[i]->n, rate);
			else
				rest += sorted[i]->n;
		}
		if (rest > 0)
			put_row(rsinfo, facet_names[facet], NULL, rest, rate);
	}
}

/* search_facets(query, categories, starts, near, radius_m, price, available_only) */
PG_FUNCTION_INFO_V1(ev_search_facets);
Datum
ev_search_facets(PG_FUNCTION_ARGS)
{
	SearchFilter filter = {0};
	Sample		found;

	filter.now = GetCurrentStatementStartTimestamp();
	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	read_filter(&filter, fcinfo);
	found = count_matches(&filter);
	if (found.n == 0 && filter.query != NULL)
	{
		SearchQuery *corrected = read_corrected_query(filter.text);

		if (corrected != NULL)
		{
			filter.query = corrected;
			found = count_matches(&filter);
		}
	}
	put_counts((ReturnSetInfo *) fcinfo->resultinfo, found.counts, found.n, found.rate);
	ev_finish((Datum) 0);
	return (Datum) 0;
}
