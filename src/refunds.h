/*-------------------------------------------------------------------------
 *
 * refunds.h
 *	  Money to be returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_REFUNDS_H
#define EVENTLY_REFUNDS_H

#include "postgres.h"

#include "orders.h"

/* What the extension names its own refunds by; callers' ids may not begin so. */
#define PAYMENT_REFUND_PREFIX	"payment:"
#define CANCELLED_REFUND_PREFIX	"event-cancelled:"

extern Datum insert_payment_refund(const Order *order, const char *payment_id, Datum amount,
								   const char *reason, TimestampTz now);
extern Datum payment_refund(const char *payment_id, bool *isnull);

#endif							/* EVENTLY_REFUNDS_H */
