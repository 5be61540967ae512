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
int			ev_waitlist_offer_ttl;
int			ev_waitlist_gather_time;
int			ev_notification_backoff;
int			ev_notification_max_attempts;
int			ev_notification_keep;
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
	DefineCustomIntVariable("evently.waitlist_offer_ttl",
							"How long an offer to one in line keeps its tickets.",
							"Never past the end of the sale or the start of the event.",
							&ev_waitlist_offer_ttl, 30 * 60, 10, 30 * 24 * 60 * 60,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.waitlist_gather_time",
							"How long stock gathers for a group before those behind it pass.",
							"They pass for as long again. 0 never gathers.",
							&ev_waitlist_gather_time, 15 * 60, 0, 30 * 24 * 60 * 60,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.notification_backoff",
							"How long a message waits after its first failure.",
							"Doubled with each further failure, up to 6 hours.",
							&ev_notification_backoff, 30, 1, 6 * 60 * 60,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.notification_max_attempts",
							"How often a message is tried before it is given up.",
							NULL,
							&ev_notification_max_attempts, 10, 1, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("evently.notification_keep",
							"How long messages are kept after they were sent.",
							NULL,
							&ev_notification_keep, 30 * 24 * 60 * 60, 0, PG_INT32_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
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
