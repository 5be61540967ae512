/*-------------------------------------------------------------------------
 *
 * orders.h
 *	  Orders: reading, locking and ending them, and the limit per buyer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_ORDERS_H
#define EVENTLY_ORDERS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "compat.h"
#include "inventory.h"

typedef struct Order
{
	int64		order_id;
	int64		event_id;
	int64		buyer_id;
	char	   *channel;
	char	   *status;
	Datum		total;			/* numeric */
	char	   *currency;
	char	   *payment_id;		/* or NULL */
	TimestampTz expires_at;
} Order;

/* Tickets more or fewer of a buyer, at an event with a limit per buyer. */
typedef struct BuyerChange
{
	int64		event_id;
	int64		buyer_id;
	int32		delta;
	int32		limit;			/* when delta is positive */
} BuyerChange;

typedef struct BuyerChanges
{
	BuyerChange *changes;		/* sorted by event and buyer */
	int			n;
} BuyerChanges;

extern Order *read_order(int64 order_id);
extern Order *lock_order(int64 order_id);
extern bool order_has_status(const Order *order, const char *status);
pg_noreturn extern void raise_wrong_order_state(const Order *order, const char *what,
									const char *hint);
extern Datum order_row(int64 order_id);

extern int64 *lock_lapsed_orders(int64 event_id, int64 tier_id, TimestampTz now, int limit,
								 bool wait, int *n);
extern bool has_lapsed_orders(int64 event_id, int64 buyer_id, TimestampTz now);
extern int64 *lock_lapsed_orders_of_buyer(int64 event_id, int64 buyer_id, TimestampTz now,
										  bool wait, int *n);
extern int64 ordered_quantity(const int64 *order_ids, int n);
extern void add_ordered_stock(const int64 *order_ids, int n, int sign,
							  StockChange **changes, int *nchanges);
extern void end_orders(const int64 *order_ids, int n, const char *status, const char *reason,
					   TimestampTz now, BuyerChanges *buyers);
extern void end_holds(const int64 *order_ids, int n, const char *status, const char *reason,
					  TimestampTz now);

extern int64 buyer_taken(int64 event_id, int64 buyer_id);
extern void add_buyer_change(BuyerChanges *buyers, int64 event_id, int64 buyer_id, int32 delta,
							 int32 limit);
extern void apply_buyer_changes(const BuyerChanges *buyers);
extern void give_back_buyer_taken(int64 event_id, int64 buyer_id, int32 quantity);

#endif							/* EVENTLY_ORDERS_H */
