/*-------------------------------------------------------------------------
 *
 * tickets.h
 *	  Issuing tickets, and telling people about them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_TICKETS_H
#define EVENTLY_TICKETS_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"

#include "json_args.h"

extern Selection *read_items(int64 order_id, int *n);
extern Attendee *seat_attendees(const Selection *items, int nitems,
								const Attendee *attendees, int n, int *ntickets);
extern Datum issue_tickets(int64 order_id, int64 event_id, const Attendee *seats, int n,
						   TimestampTz now);
extern Datum order_tickets(int64 order_id, bool *isnull);
extern HeapTuple hide_secret(HeapTuple ticket, TupleDesc desc);
extern Datum ticket_for_session(Datum row);
extern void notify_buyer(const char *kind, int64 order_id, Datum amount, const char *reason,
						 TimestampTz now);

/* notify_buyer(): no amount */
#define NO_AMOUNT ((Datum) 0)

#endif							/* EVENTLY_TICKETS_H */
