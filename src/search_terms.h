/*-------------------------------------------------------------------------
 *
 * search_terms.h
 *	  The terms by which the search index knows an event (docs/search.md).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_TERMS_H
#define EVENTLY_SEARCH_TERMS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

/*
 * A term is a segment, a kind and a value. A segment is a day, written in five
 * digits, or every event, or one of the random samples of them.
 */
#define TERM_ANY		'a'		/* every event */
#define TERM_CATEGORY	'c'
#define TERM_CELL		'g'		/* place: a cell of a grid */
#define TERM_PRICE		'p'		/* price band of a tier */
#define TERM_TITLE		't'		/* word of the title */
#define TERM_WORD		'w'		/* word of title, venue, city or description */
#define TERM_CITY		'y'

#define SEGMENT_LEN		5		/* characters */
#define SEGMENT_EVERY	"every"
#define N_SAMPLES		4
#define WEEKLY_RATE		16		/* samples of one in so many, or finer, are divided */

#define MAX_CELLS		64		/* of a circle's cover */
#define FEW_CELLS		24		/* what a finer grid may take */
#define N_PRICE_BANDS	7

extern const int sample_rates[N_SAMPLES];

extern int	search_day(TimestampTz at);
extern TimestampTz search_day_start(int day);
extern void segment_of_day(char *segment, int day);
extern void segment_of_sample(char *segment, int rate);
extern void segment_of_week(char *segment, int rate, int week);
extern int	search_week(int day);
extern int	search_week_start(int week);
extern int	sample_class_of_rate(int rate);
extern int	price_band(Datum price);
extern double numeric_to_double(Datum value);
extern int	cells_of_circle(double latitude, double longitude, double radius_m,
							char cells[MAX_CELLS][16]);

#endif							/* EVENTLY_SEARCH_TERMS_H */
