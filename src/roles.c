/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  What the session's login is: an application, an organizer, a door, a
 *	  reporter.
 *
 * It goes by session_user alone, which nobody but a superuser can change: inside
 * a definer current_user is the extension's owner, after SET ROLE it is whatever
 * the session chose among its roles, and a setting is anybody's. Grants to a
 * role count for its members.
 *
 * What was found is kept until the grants, a role or a membership change, so
 * asking costs next to nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "roles.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "guards.h"
#include "ids.h"
#include "refusal.h"
#include "spi_util.h"

/* A grant to the login, or to a role that it is a member of. */
typedef struct Grant
{
	int			kind;
	bool		tied;			/* to one organizer: */
	int64		organizer_id;
} Grant;

static struct
{
	bool		valid;
	Oid			login;
	Oid			table;			/* anew each time the extension is created */
	bool		owner;			/* or superuser */
	Grant	   *grants;			/* in TopMemoryContext */
	int			ngrants;
}			session;

/* How often something changed that the session's grants depend on. */
static uint64 changes = 0;

static void
forget_session(void)
{
	session.valid = false;
	changes++;
}

static void
on_relation_change(Datum arg, Oid relid)
{
	(void) arg;
	if (relid == InvalidOid || relid == session.table)
		forget_session();
}

static void
on_role_change(Datum arg, int cacheid, uint32 hashvalue)
{
	(void) arg;
	(void) cacheid;
	(void) hashvalue;
	forget_session();
}

static int
kind_of(const char *kind)
{
	if (strcmp(kind, "app") == 0)
		return EV_ROLE_APP;
	if (strcmp(kind, "organizer") == 0)
		return EV_ROLE_ORGANIZER;
	if (strcmp(kind, "scanner") == 0)
		return EV_ROLE_SCANNER;
	if (strcmp(kind, "reporter") == 0)
		return EV_ROLE_REPORTER;
	return 0;
}

static Datum
column_of(Relation table, HeapTuple tuple, const char *column, bool *isnull)
{
	int			number = SPI_fnumber(RelationGetDescr(table), column);

	if (number <= 0)
		elog(ERROR, "table \"%s\" has no column \"%s\"", RelationGetRelationName(table), column);
	return heap_getattr(tuple, number, RelationGetDescr(table), isnull);
}

/* Add the grant in a row if it is to the login or to a role that it belongs to. */
static void
add_grant(Relation table, HeapTuple tuple)
{
	bool		isnull;
	Oid			role = get_role_oid(NameStr(*DatumGetName(column_of(table, tuple, "role_name",
																	&isnull))), true);
	Grant		grant;

	if (!OidIsValid(role) || !is_member_of_role_nosuper(session.login, role))
		return;
	grant.kind = kind_of(TextDatumGetCString(column_of(table, tuple, "kind", &isnull)));
	grant.organizer_id = DatumGetInt64(column_of(table, tuple, "organizer_id", &isnull));
	grant.tied = !isnull;

	if (session.grants == NULL)
		session.grants = MemoryContextAlloc(TopMemoryContext, sizeof(Grant));
	else
		session.grants = repalloc(session.grants, sizeof(Grant) * (session.ngrants + 1));
	session.grants[session.ngrants++] = grant;
}

/*
 * Read the grants as they are now, with what this transaction changed. Like the
 * catalogue, and with no right on the table: they are the checks, not data.
 */
static void
read_session(Oid table_oid)
{
	static bool listening = false;
	uint64		changes_before;
	Relation	table;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!listening)
	{
		CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, on_role_change, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_role_change, (Datum) 0);
		listening = true;
	}
	if (session.grants != NULL)
		pfree(session.grants);
	session.valid = false;
	session.grants = NULL;
	session.ngrants = 0;
	session.login = GetSessionUserId();
	session.table = table_oid;

	table = table_open(table_oid, AccessShareLock);
	changes_before = changes;
	session.owner = superuser_arg(session.login) ||
		is_member_of_role_nosuper(session.login, table->rd_rel->relowner);
	scan = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_grant(table, tuple);
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	session.valid = changes == changes_before;
}

/* Know the session's grants; false where there are none to know: evently 0.1.0. */
static bool
know_session(void)
{
	Oid			schema;
	Oid			table;

	if (session.valid && session.login == GetSessionUserId())
		return true;
	schema = get_namespace_oid("evently", true);
	table = OidIsValid(schema) ? get_relname_relid("role_grants", schema) : InvalidOid;
	if (!OidIsValid(table))
		return false;
	read_session(table);
	return true;
}

/* Whether the session may act for every organizer, by one of these kinds. */
bool
session_is_unrestricted(int kinds)
{
	if (!know_session() || session.owner)
		return true;
	for (int i = 0; i < session.ngrants; i++)
	{
		if ((session.grants[i].kind & kinds) && !session.grants[i].tied)
			return true;
	}
	return false;
}

/* Whether the session may act for an organizer, by one of these kinds. */
bool
session_has_organizer(int kinds, int64 organizer_id)
{
	if (session_is_unrestricted(kinds))
		return true;
	for (int i = 0; i < session.ngrants; i++)
	{
		if ((session.grants[i].kind & kinds) && session.grants[i].organizer_id == organizer_id)
			return true;
	}
	return false;
}

/*
 * The session must have a grant of one of these kinds: a right to execute the
 * function, got in another way, does not say for which organizer.
 */
void
require_role(int kinds)
{
	if (session_is_unrestricted(kinds))
		return;
	for (int i = 0; i < session.ngrants; i++)
	{
		if (session.grants[i].kind & kinds)
			return;
	}
	raise_error(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for this session",
				psprintf("Login \"%s\" has no role in evently that may do this.",
						 GetUserNameFromId(session.login, false)),
				"Have it granted one with evently.grant_role(); a role that was renamed needs it again.");
}

/* The session must be able to act for this organizer; 42501, as it knows the id. */
void
require_organizer(int kinds, int64 organizer_id)
{
	require_role(kinds);
	if (!session_has_organizer(kinds, organizer_id))
		raise_error(ERRCODE_INSUFFICIENT_PRIVILEGE,
					psprintf("permission denied for organizer " INT64_FORMAT, organizer_id),
					psprintf("Login \"%s\" is tied to other organizers.",
							 GetUserNameFromId(session.login, false)),
					"Act for one of those that evently.session_organizers() lists.");
}

/*
 * The session must be able to act for the organizer of an object. What is not
 * its own gets the same answer as what is not there, after the same work, and
 * before anything is locked: ids cannot be probed.
 */
static void
require_own(int kinds, SpiQuery *organizer_of, const char *what, int64 id)
{
	Datum		values[1] = {Int64GetDatum(id)};

	if (session_is_unrestricted(kinds))
		return;
	require_role(kinds);
	if (spi_read_fresh(organizer_of, values, NULL) == 0 || spi_is_null(0, 1) ||
		!session_has_organizer(kinds, spi_int64(0, 1)))
		raise_not_found(what, id);
}

void
require_own_event(int kinds, int64 event_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.organizer_id FROM evently.events e WHERE e.event_id = $1", INT8OID);

	require_own(kinds, &query, "event", event_id);
}

void
require_own_tier(int kinds, int64 tier_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.organizer_id FROM evently.ticket_tiers t"
		" JOIN evently.events e ON e.event_id = t.event_id WHERE t.tier_id = $1", INT8OID);

	require_own(kinds, &query, "tier", tier_id);
}

void
require_own_order(int kinds, int64 order_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.organizer_id FROM evently.orders o"
		" JOIN evently.events e ON e.event_id = o.event_id WHERE o.order_id = $1", INT8OID);

	require_own(kinds, &query, "order", order_id);
}

void
require_own_ticket(int kinds, int64 ticket_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.organizer_id FROM evently.tickets t"
		" JOIN evently.events e ON e.event_id = t.event_id WHERE t.ticket_id = $1", INT8OID);

	require_own(kinds, &query, "ticket", ticket_id);
}

/* A booking without an event is no organizer's. */
void
require_own_booking(int kinds, int64 booking_id)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT e.organizer_id FROM evently.venue_bookings b"
		" JOIN evently.events e ON e.event_id = b.event_id WHERE b.booking_id = $1", INT8OID);

	require_own(kinds, &query, "booking", booking_id);
}

/* The organizers that the session is tied to; null for all, by one of these kinds. */
static Datum
organizers_of_session(FunctionCallInfo fcinfo, int kinds)
{
	int64	   *ids;
	int			n = 0;

	if (session_is_unrestricted(kinds))
		PG_RETURN_NULL();
	ids = palloc(sizeof(int64) * Max(session.ngrants, 1));
	for (int i = 0; i < session.ngrants; i++)
	{
		if (session.grants[i].kind == EV_ROLE_ORGANIZER)
			ids[n++] = session.grants[i].organizer_id;
	}
	PG_RETURN_DATUM(int64_array(ids, distinct_ids(ids, n)));
}

/* session_organizers(): what it may see */
PG_FUNCTION_INFO_V1(ev_session_organizers);
Datum
ev_session_organizers(PG_FUNCTION_ARGS)
{
	return organizers_of_session(fcinfo, EV_ROLE_APP | EV_ROLE_REPORTER);
}

/* managed_organizers(): what it may change */
PG_FUNCTION_INFO_V1(ev_managed_organizers);
Datum
ev_managed_organizers(PG_FUNCTION_ARGS)
{
	return organizers_of_session(fcinfo, EV_ROLE_APP);
}

/* Trigger: the grants have changed. */
PG_FUNCTION_INFO_V1(ev_forget_roles);
Datum
ev_forget_roles(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(trigger_data(fcinfo)->tg_relation);
	return PointerGetDatum(NULL);
}
