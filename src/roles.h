/*-------------------------------------------------------------------------
 *
 * roles.h
 *	  What the session's login is: an application, an organizer, a door, a
 *	  reporter.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_ROLES_H
#define EVENTLY_ROLES_H

#include "postgres.h"

/* Kinds of roles, to be combined. */
#define EV_ROLE_APP			0x01
#define EV_ROLE_ORGANIZER	0x02
#define EV_ROLE_SCANNER		0x04
#define EV_ROLE_REPORTER	0x08

/* Who may manage events, and who may stand at a door. */
#define EV_MANAGERS			(EV_ROLE_APP | EV_ROLE_ORGANIZER)
#define EV_DOORS			(EV_ROLE_APP | EV_ROLE_ORGANIZER | EV_ROLE_SCANNER)

extern bool session_is_unrestricted(int kinds);
extern bool session_has_organizer(int kinds, int64 organizer_id);

/*
 * For the functions that organizers and doors may call, at their beginning and
 * within SPI, before a lock is waited for. What is another organizer's is
 * P0002, just as if it did not exist.
 */
extern void require_role(int kinds);
extern void require_organizer(int kinds, int64 organizer_id);
extern void require_own_event(int kinds, int64 event_id);
extern void require_own_tier(int kinds, int64 tier_id);
extern void require_own_order(int kinds, int64 order_id);
extern void require_own_ticket(int kinds, int64 ticket_id);
extern void require_own_booking(int kinds, int64 booking_id);

#endif							/* EVENTLY_ROLES_H */
