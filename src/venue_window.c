/*-------------------------------------------------------------------------
 *
 * venue_window.c
 *	  The time that a booking takes from its venue, and what is in its way.
 *
 *-------------------------------------------------------------------------
 */
#include "venue_booking.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/datetime.h"

#include "money.h"
#include "refusal.h"

#define MAX_HOURS 720

/* Years 1 to 9999: no sum of such instants and 720 hours overflows. */
#define EARLIEST_INSTANT ((TimestampTz) (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY)
#define LATEST_INSTANT ((TimestampTz) (date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY)

void
require_instant(TimestampTz instant, const char *name)
{
	if (instant < EARLIEST_INSTANT || instant >= LATEST_INSTANT)
		raise_bad_argument(psprintf("%s must be in the years 1 to 9999", name), NULL, NULL);
}

/* An argument that names an instant. */
TimestampTz
arg_instant(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		raise_bad_argument(psprintf("%s must not be null", name), NULL, NULL);
	require_instant(PG_GETARG_TIMESTAMPTZ(n), name);
	return PG_GETARG_TIMESTAMPTZ(n);
}

void
require_order_of_times(TimestampTz start_time, TimestampTz end_time,
					   const char *start_name, const char *end_name)
{
	if (end_time <= start_time)
		raise_bad_argument(psprintf("%s must be after %s", end_name, start_name),
						   psprintf("They are %s and %s.", instant_at(end_time, NULL),
									instant_at(start_time, NULL)), NULL);
}

/* An argument in hours of setup or teardown: a numeric, or null. */
Datum
arg_hours(FunctionCallInfo fcinfo, int n, const char *name, char *null_flag)
{
	*null_flag = PG_ARGISNULL(n) ? 'n' : ' ';
	return PG_ARGISNULL(n) ? (Datum) 0 : arg_numeric_between(fcinfo, n, name, 0, MAX_HOURS);
}

/* An instant in the local time of a zone; the session's when NULL or unknown. */
char *
instant_at(TimestampTz instant, const char *timezone)
{
	pg_tz	   *zone = timezone ? pg_tzset(timezone) : NULL;
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	const char *abbreviation;
	char		buffer[MAXDATELEN + 1];

	if (timestamp2tm(instant, &offset, &tm, &fsec, &abbreviation, zone) != 0)
		return pstrdup("(out of range)");
	EncodeDateTime(&tm, fsec, true, offset, abbreviation, USE_ISO_DATES, buffer);
	return pstrdup(buffer);
}

/*
 * The venue as it is now, and the window with what the venue adds to it. Hours
 * that the flags call null are the venue's own. P0002 if unknown, TK006 if the
 * venue takes no more bookings. The caller holds the venue's lock.
 */
void
read_venue(VenueWindow *window, char setup_null, char teardown_null)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT v.is_active, v.hire_rate, v.timezone, h.setup, h.teardown,"
		" lower(w.occupied), upper(w.occupied)"
		" FROM evently.venues v"
		" CROSS JOIN LATERAL (SELECT coalesce($4, v.setup_hours), coalesce($5, v.teardown_hours))"
		" AS h (setup, teardown)"
		" CROSS JOIN LATERAL evently.occupied_window($2, $3, h.setup, h.teardown) AS w (occupied)"
		" WHERE v.venue_id = $1",
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID);
	Datum		values[5] = {
		Int64GetDatum(window->venue_id), TimestampTzGetDatum(window->start_time),
		TimestampTzGetDatum(window->end_time), window->setup_hours, window->teardown_hours
	};
	char		nulls[5] = {' ', ' ', ' ', setup_null, teardown_null};
	bool		isnull;

	if (spi_read_fresh(&query, values, nulls) == 0)
		raise_not_found("venue", window->venue_id);
	if (!DatumGetBool(spi_datum(0, 1, &isnull)))
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("venue " INT64_FORMAT " is not active", window->venue_id),
					"It takes no more events.", "Choose another venue: see find_venues.");
	window->hire_rate = spi_datum(0, 2, &isnull);
	window->timezone = spi_text(0, 3);
	window->setup_hours = spi_datum(0, 4, &isnull);
	window->teardown_hours = spi_datum(0, 5, &isnull);
	window->occupied_from = spi_timestamp(0, 6, DT_NOBEGIN);
	window->occupied_until = spi_timestamp(0, 7, DT_NOEND);
}

/* What is in the way of a window, apart from its own booking if it has one. */
void
find_conflicts(const VenueWindow *window, int64 own_booking_id, TimestampTz now,
			   Conflicts *conflicts)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b.booking_id, lower(b.occupied), upper(b.occupied), " BOOKING_HOLDS("b", "$4")
		" FROM evently.venue_bookings b"
		" WHERE b.venue_id = $1 AND b.occupied && tstzrange($2, $3)"
		" AND b.status <> 'CANCELLED' AND b.booking_id <> $5"
		" ORDER BY lower(b.occupied)",
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID);
	Datum		values[5] = {
		Int64GetDatum(window->venue_id), TimestampTzGetDatum(window->occupied_from),
		TimestampTzGetDatum(window->occupied_until), TimestampTzGetDatum(now),
		Int64GetDatum(own_booking_id)
	};
	uint64		rows = spi_read_fresh(&query, values, NULL);

	memset(conflicts, 0, sizeof(Conflicts));
	conflicts->lapsed = palloc(sizeof(int64) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		bool		isnull;

		if (!DatumGetBool(spi_datum(i, 4, &isnull)))
			conflicts->lapsed[conflicts->nlapsed++] = spi_int64(i, 1);
		else if (!conflicts->taken)
		{
			conflicts->taken = true;
			conflicts->taken_from = spi_timestamp(i, 2, DT_NOBEGIN);
			conflicts->taken_until = spi_timestamp(i, 3, DT_NOEND);
		}
	}
}

/*
 * The first instant, from the window's on, at which the venue is free for as
 * long as the window is. A slot that begins before the last booking in the way
 * ends cannot be free, so the search goes from there to the next one in the way.
 */
static TimestampTz
next_free(const VenueWindow *window, int64 own_booking_id, TimestampTz now)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT max(upper(b.occupied)) FROM evently.venue_bookings b"
		" WHERE b.venue_id = $1 AND b.occupied && tstzrange($2, $3)"
		" AND b.status <> 'CANCELLED' AND b.booking_id <> $5 AND " BOOKING_HOLDS("b", "$4"),
		INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID);
	TimestampTz length = window->occupied_until - window->occupied_from;
	TimestampTz from = window->occupied_from;
	Datum		values[5] = {
		Int64GetDatum(window->venue_id), 0, 0, TimestampTzGetDatum(now),
		Int64GetDatum(own_booking_id)
	};

	for (;;)
	{
		values[1] = TimestampTzGetDatum(from);
		values[2] = TimestampTzGetDatum(from + length);
		(void) spi_read_fresh(&query, values, NULL);
		if (spi_is_null(0, 1))
			return from;
		from = spi_timestamp(0, 1, DT_NOEND);
		SPI_freetuptable(SPI_tuptable);
	}
}

/* TK010, with what is in the way and where the way is free. */
void
refuse_if_taken(const VenueWindow *window, const Conflicts *conflicts,
				int64 own_booking_id, TimestampTz now)
{
	const char *zone = window->timezone;
	TimestampTz shift;

	if (!conflicts->taken)
		return;
	shift = next_free(window, own_booking_id, now) - window->occupied_from;
	raise_error(ERRCODE_EVENTLY_VENUE_TAKEN,
				psprintf("venue " INT64_FORMAT " is already booked", window->venue_id),
				psprintf("It is taken from %s to %s; with setup and teardown the booking would take it from %s to %s.",
						 instant_at(conflicts->taken_from, zone),
						 instant_at(conflicts->taken_until, zone),
						 instant_at(window->occupied_from, zone),
						 instant_at(window->occupied_until, zone)),
				psprintf("The next free slot of the same length is from %s to %s.",
						 instant_at(window->start_time + shift, zone),
						 instant_at(window->end_time + shift, zone)));
}

/*
 * Run a statement that takes time of a venue. Only a direct write that began
 * before the check and ended after it can still be in the way.
 */
void
spi_run_excluding(SpiQuery *query, Datum *values, const char *nulls, int64 venue_id)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		/* What the statement is about exists, if not for an old snapshot. */
		if (spi_run(query, values, nulls) != 1)
			raise_serialization_failure();
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_EXCLUSION_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		raise_error(ERRCODE_EVENTLY_VENUE_TAKEN,
					psprintf("venue " INT64_FORMAT " is already booked", venue_id),
					"The slot was taken at this moment.",
					"See venue_free_slots, and try again.");
	}
	PG_END_TRY();
}
