/*-------------------------------------------------------------------------
 *
 * jobs.h
 *	  Maintenance: what a role needs that runs it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_JOBS_H
#define EVENTLY_JOBS_H

#include "postgres.h"

extern Datum job_privileges(void);

#endif							/* EVENTLY_JOBS_H */
