/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  evently's settings. They change how business is done, so only a
 *	  superuser may set them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "guc.h"

int			ev_order_ttl;
int			ev_job_batch_size;
int			ev_batch_max_requests;
bool		ev_require_booking;
int			ev_sync_max_scans;
static bool dump_private_keys;

void
ev_define_settings(void)
{
	DefineCustomIntVariable("evently.order_ttl",
							"How long an unpaid order holds its tickets.",
							"An event's hold_duration comes first.",
							&ev_order_ttl, 15 * 60, 10, 60 * 24 * 60 * 60,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.job_batch_size",
							"How many rows run_jobs() changes before it commits.",
							NULL,
							&ev_job_batch_size, 1000, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.batch_max_requests",
							"Most requests in one call of reserve_tickets_batch().",
							NULL,
							&ev_batch_max_requests, 1000, 1, 10000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("evently.require_booking",
							 "Refuses to publish an event at a venue without a confirmed booking that holds its times.",
							 NULL,
							 &ev_require_booking, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.sync_max_scans",
							"Most scans in one call of sync_check_ins().",
							NULL,
							&ev_sync_max_scans, 10000, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("evently.dump_private_keys",
							 "Whether pg_dump carries the private keys that sign tickets.",
							 "It is read by the condition that the table is registered with for dumps.",
							 &dump_private_keys, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("evently");
}
