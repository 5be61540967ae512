/*-------------------------------------------------------------------------
 *
 * door.h
 *	  What a scanned text stands for, and whether it may enter.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_DOOR_H
#define EVENTLY_DOOR_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "token.h"

/* What was held out at the door. */
typedef struct Presented
{
	enum
	{
		PRESENTED_NOTHING,		/* why not: reason */
		PRESENTED_SECRET,		/* the UUID */
		PRESENTED_TICKET		/* a ticket and a fingerprint, by a signed token */
	}			kind;
	const char *reason;
	pg_uuid_t	secret;
	int64		ticket_id;
	char		fingerprint[EV_FINGERPRINT_LENGTH + 1];
} Presented;

/* The ticket that it is of, and all that the door asks. */
typedef struct DoorTicket
{
	bool		found;
	int64		ticket_id;
	int64		event_id;
	int64		organizer_id;
	int64		tier_id;
	char	   *tier_name;
	char	   *attendee_name;
	char	   *status;
	pg_uuid_t	secret;
	const char *dead;			/* why what was presented is no good any more; NULL: it is */
	TimestampTz dead_since;
	char	   *event_status;
	TimestampTz doors_open;
	TimestampTz doors_close;
	bool		gate_admits;
	bool		has_entry;		/* the scan that holds the entry: */
	TimestampTz entry_at;
	char	   *entry_gate;
	char	   *entry_device;
} DoorTicket;

extern void identify(const char *text, int len, TimestampTz now, Presented *presented);
extern void look_up(const Presented *presented, const char *gate, DoorTicket *ticket);
extern const char *judge(const Presented *presented, const DoorTicket *ticket,
						 int64 event_id, TimestampTz now, const char **reason);
pg_noreturn extern void raise_no_ticket(int64 ticket_id);

#endif							/* EVENTLY_DOOR_H */
