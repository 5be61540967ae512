/*-------------------------------------------------------------------------
 *
 * search_terms.c
 *	  The terms by which the search index knows an event.
 *
 * The index (sql/22_search.sql) is a GIN index over these terms. Every term
 * begins with the day of the event, so that each day is an inverted index of
 * its own: what is frequent is read day by day, soonest first, and only as far as
 * needed. For what is rare, all events are indexed once more, without the day;
 * and some in samples, one in 4, 16, 64 and 256, which tell what is rare, and
 * from which facets are estimated. The two larger samples are divided by week.
 *
 *-------------------------------------------------------------------------
 */
#include "search_terms.h"

#include <math.h>

#include "fmgr.h"
#include "tsearch/ts_type.h"
#include "tsearch/ts_utils.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(ev_price_band);
PG_FUNCTION_INFO_V1(ev_sample_class);
PG_FUNCTION_INFO_V1(ev_search_terms);
PG_FUNCTION_INFO_V1(ev_search_terms_by_week);

const int	sample_rates[N_SAMPLES] = {256, 64, 16, 4};

/* Upper bounds of the price bands; a free ticket is a band of its own. */
static const int band_limits[N_PRICE_BANDS - 1] = {0, 10, 25, 50, 100, 250};

/* Sizes of the grids' cells in degrees. */
static const double cell_sizes[] = {0.25, 1, 5};

typedef struct Term
{
	char	   *text;
	int			len;
} Term;

typedef struct TermList
{
	Term	   *terms;
	int			n;
	int			size;
} TermList;

/* Days since 2000-01-01 in UTC. */
int
search_day(TimestampTz at)
{
	return (int) (at >= 0 ? at / USECS_PER_DAY : -((USECS_PER_DAY - 1 - at) / USECS_PER_DAY));
}

TimestampTz
search_day_start(int day)
{
	return (TimestampTz) day * USECS_PER_DAY;
}

/* Five digits in the order of the days; years 1863 to 2136 are told apart. */
void
segment_of_day(char *segment, int day)
{
	int			n = Max(0, Min(day + 50000, 99999));

	for (int i = SEGMENT_LEN - 1; i >= 0; i--, n /= 10)
		segment[i] = '0' + n % 10;
}

void
segment_of_sample(char *segment, int rate)
{
	char		text[SEGMENT_LEN + 1];

	snprintf(text, sizeof(text), "s%04d", rate);
	memcpy(segment, text, SEGMENT_LEN);
}

/* The sample's part for one week; its name sorts behind all other segments. */
void
segment_of_week(char *segment, int rate, int week)
{
	char		text[SEGMENT_LEN + 1];

	snprintf(text, sizeof(text), "%c%04x", rate == 16 ? 'u' : 'v', (unsigned) week & 0xffff);
	memcpy(segment, text, SEGMENT_LEN);
}

/* Weeks, counted from long ago so that none is negative. */
int
search_week(int day)
{
	return Max(0, Min(day + 50000, 99999)) / 7;
}

/* The first day of a week. */
int
search_week_start(int week)
{
	return 7 * week - 50000;
}

/* The band of a price, a numeric: compared as such, which is quicker than a cast. */
int
price_band(Datum price)
{
	static Datum limits[N_PRICE_BANDS - 1];
	int			band = 0;
	int			above = N_PRICE_BANDS - 1;

	if (limits[0] == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		/* the first last: it says that all are there */
		for (int i = N_PRICE_BANDS - 2; i >= 0; i--)
			limits[i] = DirectFunctionCall1(int4_numeric, Int32GetDatum(band_limits[i]));
		MemoryContextSwitchTo(old);
	}
	while (band < above)
	{
		int			middle = (band + above) / 2;

		if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, price, limits[middle])) > 0)
			band = middle + 1;
		else
			above = middle;
	}
	return band;
}

double
numeric_to_double(Datum value)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
}

/*
 * The cells of the finest grid that covers a circle with a few of them; none
 * when the circle is too large or too near a pole to be worth it.
 */
int
cells_of_circle(double latitude, double longitude, double radius_m,
				char cells[MAX_CELLS][16])
{
	/* a degree of latitude is never below 110.5 km; a little for rounding */
	double		dlat = radius_m / 110500.0 + 1e-6;
	double		widest = Min(fabs(latitude) + dlat, 89.9);
	double		dlon = dlat / cos(widest * M_PI / 180.0) * 1.01;

	if (fabs(latitude) + dlat > 85 || dlon > 90)
		return 0;
	for (size_t level = 0; level < lengthof(cell_sizes); level++)
	{
		double		size = cell_sizes[level];
		int			around = (int) (360 / size);
		int			bottom = (int) floor((latitude - dlat + 90) / size);
		int			top = (int) floor((latitude + dlat + 90) / size);
		int			left = (int) floor((longitude - dlon + 180) / size);
		int			right = (int) floor((longitude + dlon + 180) / size);
		int			n = 0;

		if ((top - bottom + 1) * (right - left + 1) >
			(level + 1 < lengthof(cell_sizes) ? FEW_CELLS : MAX_CELLS))
			continue;
		for (int y = bottom; y <= top; y++)
			for (int x = left; x <= right; x++)
				snprintf(cells[n++], 16, "%d:%d:%d", (int) level, y,
						 ((x % around) + around) % around);
		return n;
	}
	return 0;
}

static void
add_term(TermList *list, char kind, const char *value, int len)
{
	Term	   *term;

	if (len + SEGMENT_LEN + 1 > MAXSTRLEN)
		return;
	if (list->n == list->size)
	{
		list->size = list->size ? 2 * list->size : 64;
		list->terms = list->terms
			? repalloc(list->terms, list->size * sizeof(Term))
			: palloc(list->size * sizeof(Term));
	}
	term = &list->terms[list->n++];
	term->len = len + 1;
	term->text = palloc(term->len);
	term->text[0] = kind;
	memcpy(term->text + 1, value, len);
}

static void
add_string(TermList *list, char kind, const char *value)
{
	add_term(list, kind, value, strlen(value));
}

/* The lexemes of a vector; only_titles: those of weight A, as title words. */
static void
add_lexemes(TermList *list, TSVector vector, char kind, bool only_titles)
{
	WordEntry  *entry = ARRPTR(vector);
	char	   *text = STRPTR(vector);

	for (int i = 0; i < vector->size; i++)
	{
		bool		wanted = !only_titles;

		if (only_titles && entry[i].haspos)
		{
			WordEntryPos *pos = POSDATAPTR(vector, &entry[i]);

			for (int j = 0; j < POSDATALEN(vector, &entry[i]) && !wanted; j++)
				wanted = WEP_GETWEIGHT(pos[j]) == 3;
		}
		if (wanted)
			add_term(list, kind, text + entry[i].pos, entry[i].len);
	}
}

static int
compare_terms(const void *a, const void *b)
{
	const Term *left = a;
	const Term *right = b;

	return tsCompareString(left->text, left->len, right->text, right->len, false);
}

/* Once for each segment, as a vector without positions. */
static TSVector
make_vector(TermList *list, char segments[][SEGMENT_LEN], int n_segments)
{
	int			n = 0;
	int			text_len = 0;
	int			size;
	TSVector	vector;
	char	   *text;
	int			at = 0;

	qsort(list->terms, list->n, sizeof(Term), compare_terms);
	for (int i = 0; i < list->n; i++)
	{
		if (n > 0 && compare_terms(&list->terms[n - 1], &list->terms[i]) == 0)
			continue;
		list->terms[n++] = list->terms[i];
		text_len += list->terms[i].len;
	}
	text_len = (text_len + n * SEGMENT_LEN) * n_segments;
	if (text_len > MAXSTRPOS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the event's texts are too long to be searched")));
	size = CALCDATASIZE(n * n_segments, text_len);
	vector = palloc0(size);
	SET_VARSIZE(vector, size);
	vector->size = n * n_segments;
	text = STRPTR(vector);
	for (int s = 0; s < n_segments; s++)
	{
		for (int i = 0; i < n; i++)
		{
			WordEntry  *entry = &ARRPTR(vector)[s * n + i];

			entry->haspos = 0;
			entry->len = SEGMENT_LEN + list->terms[i].len;
			entry->pos = at;
			memcpy(text + at, segments[s], SEGMENT_LEN);
			memcpy(text + at + SEGMENT_LEN, list->terms[i].text, list->terms[i].len);
			at += entry->len;
		}
	}
	return vector;
}

/* Whether an event is in the sample: by its id, mixed (splitmix64). */
static bool
in_sample(int64 event_id, int rate)
{
	uint64		x = (uint64) event_id + UINT64CONST(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94d049bb133111eb);
	x ^= x >> 31;
	return x % rate == 0;
}

/*
 * search_terms(event_id, start_time, doc, category, city, latitude, longitude,
 * price_from, price_to) returns tsvector. The segments are in order and so are the
 * terms within each: the vector is sorted.
 */
static Datum
search_terms(FunctionCallInfo fcinfo, bool by_week)
{
	TermList	list = {0};
	char		segments[2 + N_SAMPLES][SEGMENT_LEN];
	int			n_segments = 0;
	int64		event_id = PG_GETARG_INT64(0);
	int			day = search_day(PG_GETARG_TIMESTAMPTZ(1));

	segment_of_day(segments[n_segments++], day);
	memcpy(segments[n_segments++], SEGMENT_EVERY, SEGMENT_LEN);
	for (int i = N_SAMPLES - 1; i >= 0; i--)
		if (in_sample(event_id, sample_rates[i]) && !(by_week && sample_rates[i] <= WEEKLY_RATE))
			segment_of_sample(segments[n_segments++], sample_rates[i]);
	for (int i = 0; i < N_SAMPLES; i++)
		if (in_sample(event_id, sample_rates[i]) && by_week && sample_rates[i] <= WEEKLY_RATE)
			segment_of_week(segments[n_segments++], sample_rates[i], search_week(day));

	add_string(&list, TERM_ANY, "");
	add_lexemes(&list, DatumGetTSVector(PG_GETARG_DATUM(2)), TERM_WORD, false);
	add_lexemes(&list, DatumGetTSVector(PG_GETARG_DATUM(2)), TERM_TITLE, true);
	add_string(&list, TERM_CATEGORY, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	if (!PG_ARGISNULL(4))
		add_string(&list, TERM_CITY, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	if (!PG_ARGISNULL(5) && !PG_ARGISNULL(6))
	{
		for (size_t level = 0; level < lengthof(cell_sizes); level++)
		{
			double		size = cell_sizes[level];
			char		cell[32];

			snprintf(cell, sizeof(cell), "%d:%d:%d", (int) level,
					 (int) floor((PG_GETARG_FLOAT8(5) + 90) / size),
					 (int) floor((PG_GETARG_FLOAT8(6) + 180) / size) % (int) (360 / size));
			add_string(&list, TERM_CELL, cell);
		}
	}
	if (!PG_ARGISNULL(7) && !PG_ARGISNULL(8))
	{
		int			first = price_band(PG_GETARG_DATUM(7));
		int			last = price_band(PG_GETARG_DATUM(8));

		for (int band = first; band <= last; band++)
		{
			char		digit = '0' + band;

			add_term(&list, TERM_PRICE, &digit, 1);
		}
	}
	PG_RETURN_TSVECTOR(make_vector(&list, segments, n_segments));
}

Datum
ev_search_terms_by_week(PG_FUNCTION_ARGS)
{
	return search_terms(fcinfo, true);
}

/* Version 0.1.0's: no sample is divided. */
Datum
ev_search_terms(PG_FUNCTION_ARGS)
{
	return search_terms(fcinfo, false);
}

/* The classes of the events in a sample that is divided by week: 0 up to this one. */
int
sample_class_of_rate(int rate)
{
	return rate == 16 ? 0 : rate == 4 ? 1 : 2;
}

/* sample_class(event_id bigint) returns integer */
Datum
ev_sample_class(PG_FUNCTION_ARGS)
{
	int64		event_id = PG_GETARG_INT64(0);

	PG_RETURN_INT32(sample_class_of_rate(in_sample(event_id, 16) ? 16 :
										 in_sample(event_id, 4) ? 4 : 1));
}

/* price_band(price numeric) returns integer */
Datum
ev_price_band(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(price_band(PG_GETARG_DATUM(0)));
}
