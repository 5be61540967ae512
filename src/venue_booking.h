/*-------------------------------------------------------------------------
 *
 * venue_booking.h
 *	  The time of venues: who has booked it, and when it is free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_VENUE_BOOKING_H
#define EVENTLY_VENUE_BOOKING_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "spi_util.h"

/*
 * Whether a booking that is not cancelled takes its time at an instant: one
 * whose deposit is overdue does not, even before somebody has cancelled it.
 */
#define BOOKING_HOLDS(booking, instant) \
	"(" booking ".status = 'CONFIRMED' OR " booking ".deposit_due_at IS NULL" \
	" OR " booking ".deposit_due_at > " instant ")"

/* The time that a booking takes, or is to take, from its venue. */
typedef struct VenueWindow
{
	int64		venue_id;
	TimestampTz start_time;
	TimestampTz end_time;
	Datum		setup_hours;	/* numeric */
	Datum		teardown_hours; /* numeric */
	TimestampTz occupied_from;
	TimestampTz occupied_until;
	char	   *timezone;
	Datum		hire_rate;		/* numeric: for an hour of it */
} VenueWindow;

/* A booking whose venue and row the transaction has locked. */
typedef struct Booking
{
	int64		booking_id;
	int64		event_id;		/* 0 for none */
	char	   *status;
	TimestampTz deposit_due_at; /* infinity when it does not lapse */
	Datum		deposit_required;	/* numeric */
	Datum		deposit_paid;	/* numeric */
	VenueWindow window;
} Booking;

typedef struct BookedEvent
{
	int64		event_id;
	char	   *status;
	int64		venue_id;		/* 0 for none */
	TimestampTz start_time;
	TimestampTz end_time;
} BookedEvent;

/* Bookings that are in the way of a window. */
typedef struct Conflicts
{
	bool		taken;			/* there is one, and it stays: */
	TimestampTz taken_from;
	TimestampTz taken_until;
	int64	   *lapsed;			/* those that may be cancelled on the spot */
	int			nlapsed;
} Conflicts;

/* venue_window.c */
extern void require_instant(TimestampTz instant, const char *name);
extern TimestampTz arg_instant(FunctionCallInfo fcinfo, int n, const char *name);
extern Datum arg_hours(FunctionCallInfo fcinfo, int n, const char *name, char *null_flag);
extern void require_order_of_times(TimestampTz start_time, TimestampTz end_time,
								   const char *start_name, const char *end_name);
extern char *instant_at(TimestampTz instant, const char *timezone);
extern void read_venue(VenueWindow *window, char setup_null, char teardown_null);
extern void find_conflicts(const VenueWindow *window, int64 own_booking_id, TimestampTz now,
						   Conflicts *conflicts);
extern void refuse_if_taken(const VenueWindow *window, const Conflicts *conflicts,
							int64 own_booking_id, TimestampTz now);
extern void spi_run_excluding(SpiQuery *query, Datum *values, const char *nulls,
							  int64 venue_id);

/* bookings.c */
extern Booking *lock_booking(int64 booking_id, bool with_event);
extern bool booking_is_live(const Booking *booking, TimestampTz now);
extern void require_live_booking(const Booking *booking, TimestampTz now);
extern Datum booking_row(int64 booking_id);
extern uint64 cancel_bookings(const int64 *booking_ids, int n, const char *reason,
							  TimestampTz now);
extern void cancel_lapsed_bookings(const int64 *booking_ids, int n, TimestampTz now);
extern BookedEvent *read_booked_event(int64 event_id);
extern bool event_is_over(const BookedEvent *event);
extern void require_event_inside(int64 event_id, TimestampTz start_time, TimestampTz end_time,
								 const VenueWindow *window);

/* For the event's functions; the caller holds the event's lock exclusively. */
extern void require_confirmed_booking(int64 event_id);
extern void cancel_event_bookings(int64 event_id, const char *reason, TimestampTz now);

#endif							/* EVENTLY_VENUE_BOOKING_H */
