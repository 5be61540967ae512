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

extern bool session_is_unrestricted(int kinds);
extern bool session_has_organizer(int kinds, int64 organizer_id);

#endif							/* EVENTLY_ROLES_H */
