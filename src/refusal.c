/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Raising evently's errors.
 *
 *-------------------------------------------------------------------------
 */
#include "refusal.h"

/* Where each error's rule is kept: for the error's table and column fields. */
static const struct
{
	int			sqlerrcode;
	const char *table;
	const char *column;
}			rules[] =
{
	{ERRCODE_EVENTLY_NOT_ENOUGH_TICKETS, "inventory_shards", "available"},
	{ERRCODE_EVENTLY_ORDER_LIMIT, "ticket_tiers", "max_per_order"},
	{ERRCODE_EVENTLY_SALE_NOT_OPEN, "ticket_tiers", "sale_start"},
	{ERRCODE_EVENTLY_NOT_ON_SALE, "events", "status"},
	{ERRCODE_EVENTLY_BUYER_LIMIT, "events", "max_tickets_per_buyer"},
	{ERRCODE_EVENTLY_HOLD_EXPIRED, "orders", "expires_at"},
	{ERRCODE_EVENTLY_VENUE_TAKEN, "venue_bookings", "occupied"},
	{ERRCODE_EVENTLY_OVER_CAPACITY, "venues", "capacity"},
	{ERRCODE_EVENTLY_TRANSFERRED_ONCE, "tickets", "transferred_from"},
	{ERRCODE_EVENTLY_NOT_TRANSFERABLE, "tickets", "status"},
	{ERRCODE_EVENTLY_NOT_THE_HOLDER, "tickets", "attendee_email"},
	{ERRCODE_EVENTLY_BAD_TOKEN_KEY, "event_private_keys", "private_key"},
	{ERRCODE_EVENTLY_TIER_CAN_SERVE, "inventory_shards", "available"},
	{ERRCODE_EVENTLY_OFFER_LAPSED, "waitlist_offers", "expires_at"},
};

/* Note why a call is refused. Always false, for "return refuse(...)". */
bool
refuse(Refusal *refusal, int sqlerrcode, const char *message,
	   const char *detail, const char *hint)
{
	refusal->sqlerrcode = sqlerrcode;
	refusal->message = message;
	refusal->detail = detail;
	refusal->hint = hint;
	return false;
}

void
raise_refusal(const Refusal *refusal)
{
	const char *table = NULL;
	const char *column = NULL;

	for (size_t i = 0; i < lengthof(rules); i++)
	{
		if (rules[i].sqlerrcode == refusal->sqlerrcode)
		{
			table = rules[i].table;
			column = rules[i].column;
		}
	}
	ereport(ERROR,
			(errcode(refusal->sqlerrcode),
			 errmsg_internal("%s", refusal->message),
			 refusal->detail ? errdetail_internal("%s", refusal->detail) : 0,
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 table ? err_generic_string(PG_DIAG_SCHEMA_NAME, "evently") : 0,
			 table ? err_generic_string(PG_DIAG_TABLE_NAME, table) : 0,
			 column ? err_generic_string(PG_DIAG_COLUMN_NAME, column) : 0));
}

void
raise_error(int sqlerrcode, const char *message, const char *detail, const char *hint)
{
	Refusal		refusal;

	refuse(&refusal, sqlerrcode, message, detail, hint);
	raise_refusal(&refusal);
}

void
raise_not_found(const char *what, int64 id)
{
	raise_error(ERRCODE_EVENTLY_NOT_FOUND,
				psprintf("%s " INT64_FORMAT " does not exist", what, id), NULL, NULL);
}

void
raise_bad_argument(const char *message, const char *detail, const char *hint)
{
	raise_error(ERRCODE_INVALID_PARAMETER_VALUE, message, detail, hint);
}

/*
 * The transaction's snapshot is too old to decide by: the same error, and the
 * same way out, as when PostgreSQL itself finds a row changed since.
 */
void
raise_serialization_failure(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errhint("The transaction might succeed if retried.")));
}
