/*-------------------------------------------------------------------------
 *
 * guards.h
 *	  What triggers share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_GUARDS_H
#define EVENTLY_GUARDS_H

#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

extern TriggerData *trigger_data(FunctionCallInfo fcinfo);
extern void check_transition(TriggerData *trigger);

#endif							/* EVENTLY_GUARDS_H */
