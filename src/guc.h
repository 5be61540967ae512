/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  evently's settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_GUC_H
#define EVENTLY_GUC_H

extern int	ev_order_ttl;		/* seconds */
extern int	ev_job_batch_size;
extern int	ev_batch_max_requests;
extern int	ev_waitlist_offer_ttl;	/* seconds */
extern int	ev_waitlist_gather_time;	/* seconds */
extern int	ev_notification_backoff;	/* seconds */
extern int	ev_notification_max_attempts;
extern int	ev_notification_keep;	/* seconds */
extern bool ev_require_booking;
extern int	ev_sync_max_scans;

extern void ev_define_settings(void);

#endif							/* EVENTLY_GUC_H */
