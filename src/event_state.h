/*-------------------------------------------------------------------------
 *
 * event_state.h
 *	  The states of an event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_EVENT_STATE_H
#define EVENTLY_EVENT_STATE_H

#include "postgres.h"

extern void lock_event_and_row(int64 event_id);
extern void require_open_event(int64 event_id, const char *status);

#endif							/* EVENTLY_EVENT_STATE_H */
