/*-------------------------------------------------------------------------
 *
 * guards.c
 *	  Triggers: state machines, and what stands in for foreign keys. They hold
 *	  for direct changes too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/rel.h"

#include "guards.h"
#include "locks.h"
#include "refusal.h"
#include "spi_util.h"

TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %u was not called by a trigger", fcinfo->flinfo->fn_oid)));
	return (TriggerData *) fcinfo->context;
}

static int64
bigint_column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(tuple, desc, SPI_fnumber(desc, name), &isnull));
}

/* Refuse a change of status that the trigger's arguments do not list. */
void
check_transition(TriggerData *trigger)
{
	TupleDesc	desc = trigger->tg_relation->rd_att;
	int			column = SPI_fnumber(desc, "status");
	char	   *from = SPI_getvalue(trigger->tg_trigtuple, desc, column);
	char	   *to = SPI_getvalue(trigger->tg_newtuple, desc, column);
	char	   *wanted;

	if (strcmp(from, to) == 0)
		return;
	wanted = psprintf("%s>%s", from, to);
	for (int i = 0; i < trigger->tg_trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tg_trigger->tgargs[i], wanted) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_EVENTLY_WRONG_STATE),
			 errmsg("status of %s cannot change from %s to %s",
					RelationGetRelationName(trigger->tg_relation), from, to),
			 errdetail("The changes of status are those of the table's trigger %s.",
					   trigger->tg_trigger->tgname),
			 errhint("Use evently's functions to change a status."),
			 errtable(trigger->tg_relation)));
}

/* check_transition('FROM>TO', ...): the state machine of a table's status. */
PG_FUNCTION_INFO_V1(ev_check_transition);
Datum
ev_check_transition(PG_FUNCTION_ARGS)
{
	check_transition(trigger_data(fcinfo));
	return PointerGetDatum(NULL);
}

/* guard_parent(): an event or tier that orders refer to stays. */
PG_FUNCTION_INFO_V1(ev_guard_parent);
Datum
ev_guard_parent(PG_FUNCTION_ARGS)
{
	static SpiQuery of_event = SPI_QUERY(
		"SELECT 1 FROM evently.orders WHERE event_id = $1 LIMIT 1", INT8OID);
	static SpiQuery of_tier = SPI_QUERY(
		"SELECT 1 FROM evently.orders o JOIN evently.order_items i ON i.order_id = o.order_id"
		" WHERE o.event_id = $1 AND i.tier_id = $2 LIMIT 1",
		INT8OID, INT8OID);
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc	desc = trigger->tg_relation->rd_att;
	HeapTuple	old = trigger->tg_trigtuple;
	bool		is_tier = strcmp(RelationGetRelationName(trigger->tg_relation), "ticket_tiers") == 0;
	Datum		values[2];
	int64		event_id = bigint_column(old, desc, "event_id");

	values[0] = Int64GetDatum(event_id);
	if (is_tier)
		values[1] = Int64GetDatum(bigint_column(old, desc, "tier_id"));

	ev_connect();
	lock_event_exclusive(event_id);
	if (spi_read_fresh(is_tier ? &of_tier : &of_event, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s " INT64_FORMAT " has orders", is_tier ? "tier" : "event",
						is_tier ? DatumGetInt64(values[1]) : event_id),
				 errhint("Cancel or complete the event instead."),
				 errtable(trigger->tg_relation)));
	ev_finish((Datum) 0);
	return PointerGetDatum(old);
}

/*
 * start_buyer_limit(): an event that gets a limit counts what its buyers have.
 * The lock waits for the sales under way, the row locks for sweeps of holds.
 */
PG_FUNCTION_INFO_V1(ev_start_buyer_limit);
Datum
ev_start_buyer_limit(PG_FUNCTION_ARGS)
{
	static SpiQuery lock_holds = SPI_QUERY(
		"SELECT 1 FROM evently.orders WHERE event_id = $1 AND status = 'PENDING'"
		" ORDER BY order_id FOR NO KEY UPDATE",
		INT8OID);
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.buyer_limits WHERE event_id = $1", INT8OID);
	static SpiQuery count = SPI_QUERY(
		"INSERT INTO evently.buyer_limits (event_id, buyer_id, taken)"
		" SELECT o.event_id, o.buyer_id, pg_catalog.sum(CASE WHEN o.status = 'PENDING' THEN"
		"  (SELECT pg_catalog.sum(i.quantity) FROM evently.order_items i"
		"   WHERE i.order_id = o.order_id)"
		"  ELSE (SELECT pg_catalog.count(*) FROM evently.tickets k"
		"   WHERE k.order_id = o.order_id AND k.status IN ('VALID', 'USED')) END)"
		" FROM evently.orders o WHERE o.event_id = $1 AND o.channel = 'SALE'"
		" GROUP BY o.event_id, o.buyer_id",
		INT8OID);
	TriggerData *trigger = trigger_data(fcinfo);
	int64		event_id = bigint_column(trigger->tg_newtuple, trigger->tg_relation->rd_att, "event_id");
	Datum		values[1] = {Int64GetDatum(event_id)};

	ev_connect();
	lock_event_exclusive(event_id);
	(void) spi_write_fresh(&lock_holds, values, NULL);
	(void) spi_write_fresh(&forget, values, NULL);
	(void) spi_write_fresh(&count, values, NULL);
	ev_finish((Datum) 0);
	return PointerGetDatum(NULL);
}
