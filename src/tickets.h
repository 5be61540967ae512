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

#include "datatype/timestamp.h"

#include "json_args.h"

extern bool assign_attendees(int64 order_id, Attendee *attendees, int n, Refusal *refusal);
extern void issue_tickets(int64 order_id, const Attendee *attendees, int n, TimestampTz now);
extern Datum order_tickets(int64 order_id, bool *isnull);
extern void notify_buyer(const char *kind, int64 order_id, const char *facts_sql_name,
						 Datum facts, TimestampTz now);

#endif							/* EVENTLY_TICKETS_H */
