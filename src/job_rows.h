/*-------------------------------------------------------------------------
 *
 * job_rows.h
 *	  Rows that a job handles in batches: a bad one does not stop the rest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_JOB_ROWS_H
#define EVENTLY_JOB_ROWS_H

#include "postgres.h"

/* Handles some of a job's rows, which are locked; how much was done. */
typedef int (*JobWork) (const int64 *ids, int n, void *arg);

extern int	do_rows(const char *job, const int64 *ids, int n, JobWork work, void *arg);

/* A condition that leaves out what failed lately; now is a timestamptz. */
#define NOT_FAILING(job, id, now) \
	"NOT EXISTS (SELECT FROM evently.job_failures f WHERE f.job = '" job "'" \
	" AND f.object_id = " id " AND f.retry_at > " now " OFFSET 0)"

#endif							/* EVENTLY_JOB_ROWS_H */
