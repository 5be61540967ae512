/*-------------------------------------------------------------------------
 *
 * role_grants.c
 *	  Granting roles: grant_role(), revoke_role(), reapply_grants().
 *
 * One thing is done by all three: a role is brought to what the kinds that it
 * was granted give (view role_privileges). What it lacks is granted and noted
 * in given_privileges; what was given and is wanted no more is revoked. A
 * privilege that the role had by hand is not noted, so it stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "jobs.h"
#include "refusal.h"
#include "spi_util.h"

/* What a role, an oid, holds by itself, as the objects' owners granted it. */
#define HELD(role) \
	"SELECT a.privilege_type || ' ON ROUTINE evently.' || quote_ident(p.proname) AS grant_text" \
	" FROM pg_proc p, aclexplode(p.proacl) a" \
	" WHERE p.pronamespace = 'evently'::regnamespace AND a.grantee = " role " AND a.grantor = p.proowner" \
	" UNION ALL" \
	" SELECT a.privilege_type || ' ON TABLE evently.' || quote_ident(c.relname)" \
	" FROM pg_class c, aclexplode(c.relacl) a" \
	" WHERE c.relnamespace = 'evently'::regnamespace AND a.grantee = " role " AND a.grantor = c.relowner" \
	" UNION ALL" \
	" SELECT a.privilege_type || ' (' || quote_ident(t.attname) || ') ON TABLE evently.' || quote_ident(c.relname)" \
	" FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a" \
	" WHERE c.relnamespace = 'evently'::regnamespace AND a.grantee = " role " AND a.grantor = c.relowner" \
	" UNION ALL" \
	" SELECT a.privilege_type || ' ON SCHEMA ' || quote_ident(n.nspname)" \
	" FROM pg_namespace n, aclexplode(n.nspacl) a" \
	" WHERE n.nspname = 'evently' AND a.grantee = " role " AND a.grantor = n.nspowner"

/* What the grants of a role give. */
#define WANTED(role) \
	"SELECT p.grant_text FROM evently.role_grants g" \
	" JOIN evently.role_privileges p ON p.kind = g.kind WHERE g.role_name = " role

/* Who owns the extension's objects. */
static Oid
extension_owner(void)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT c.relowner FROM pg_class c WHERE c.oid = 'evently.role_grants'::regclass");
	bool		isnull;

	(void) spi_run(&query, NULL, NULL);
	return DatumGetObjectId(spi_datum(0, 1, &isnull));
}

/* Only the owner; and one at a time. */
static void
begin_change(void)
{
	if (!has_privs_of_role(GetUserId(), extension_owner()))
		raise_error(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to grant roles of evently",
					"Only the extension's owner may.", NULL);
	if (SPI_execute("LOCK TABLE evently.role_grants IN SHARE ROW EXCLUSIVE MODE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not lock role_grants");
}

/* GRANT or REVOKE */
static void
change_privilege(bool grant, const char *privilege, const char *role)
{
	char	   *sql = grant ? psprintf("GRANT %s TO %s", privilege, quote_identifier(role))
		: psprintf("REVOKE %s FROM %s", privilege, quote_identifier(role));

	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not change privileges: %s", sql);
}

/* A line of reapply_grants()' result. */
static void
report(ReturnSetInfo *rsinfo, const char *role, const char *action, const char *privilege)
{
	NameData	name;
	Datum		values[3];
	bool		nulls[3] = {false, false, privilege == NULL};

	if (rsinfo == NULL)
		return;
	namestrcpy(&name, role);
	values[0] = NameGetDatum(&name);
	values[1] = CStringGetTextDatum(action);
	values[2] = privilege ? CStringGetTextDatum(privilege) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* What a role is called now: it may have been renamed since it was given something. */
static char *
present_name(const char *role, Oid *role_oid)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT r.rolname::text, r.oid FROM evently.given_privileges g JOIN pg_roles r ON r.oid = g.role_oid"
		" WHERE g.role_name = $1 LIMIT 1",
		NAMEOID);
	NameData	name;
	Datum		values[1] = {NameGetDatum(&name)};
	bool		isnull;

	*role_oid = get_role_oid(role, true);
	if (OidIsValid(*role_oid))
		return pstrdup(role);
	namestrcpy(&name, role);
	if (spi_run(&query, values, NULL) == 0)
		return NULL;
	*role_oid = DatumGetObjectId(spi_datum(0, 2, &isnull));
	return spi_text(0, 1);
}

/* Run a query for one column of texts. */
static char **
spi_strings(SpiQuery *query, Datum *values, int *n)
{
	char	  **strings;

	*n = (int) spi_run(query, values, NULL);
	strings = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		strings[i] = spi_text(i, 1);
	return strings;
}

static Datum
text_array(char **strings, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(strings[i]);
	return datum_array(elements, NULL, n, TEXTOID);
}

/*
 * REVOKE on a table takes what was granted on its columns too: grant again what
 * was held of them and not revoked itself.
 */
static void
give_back_columns(Datum held_before, Datum revoked, Oid role_oid, const char *role)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT b.grant_text FROM unnest($1) b (grant_text) WHERE b.grant_text LIKE '% (%'"
		" AND b.grant_text NOT IN (" HELD("$3") ") AND b.grant_text NOT IN (SELECT unnest($2))",
		TEXTARRAYOID, TEXTARRAYOID, OIDOID);
	Datum		values[3] = {held_before, revoked, ObjectIdGetDatum(role_oid)};
	int			n;
	char	  **lost = spi_strings(&query, values, &n);

	for (int i = 0; i < n; i++)
		change_privilege(true, lost[i], role);
}

/* Revoke from a role, by its present name, what it was given and is wanted no more. */
static void
take_back(Datum name, const char *role, Oid role_oid, ReturnSetInfo *rsinfo)
{
	static SpiQuery held = SPI_QUERY(HELD("$1"), OIDOID);
	static SpiQuery not_wanted = SPI_QUERY(
		"SELECT g.grant_text FROM evently.given_privileges g JOIN (" HELD("$2") ") h ON h.grant_text = g.grant_text"
		" WHERE g.role_name = $1 AND g.grant_text NOT IN (" WANTED("$1") " UNION ALL " WANTED("$3") ")"
		" ORDER BY g.grant_text COLLATE \"C\"",
		NAMEOID, OIDOID, NAMEOID);
	NameData	present;
	Datum		values[3] = {name, ObjectIdGetDatum(role_oid), NameGetDatum(&present)};
	int			nheld;
	int			n;
	char	  **before = spi_strings(&held, &values[1], &nheld);
	char	  **privileges;

	namestrcpy(&present, role);
	privileges = spi_strings(&not_wanted, values, &n);
	for (int i = 0; i < n; i++)
	{
		change_privilege(false, privileges[i], role);
		report(rsinfo, role, "REVOKED", privileges[i]);
	}
	if (n > 0)
		give_back_columns(text_array(before, nheld), text_array(privileges, n), role_oid, role);
}

/* Grant a role what it lacks, and note that. */
static void
give(Datum name, const char *role, Oid role_oid, ReturnSetInfo *rsinfo)
{
	static SpiQuery lacking = SPI_QUERY(
		"SELECT DISTINCT w.grant_text COLLATE \"C\" FROM (" WANTED("$1") ") w (grant_text)"
		" WHERE w.grant_text NOT IN (" HELD("$2") ") ORDER BY 1",
		NAMEOID, OIDOID);
	static SpiQuery note = SPI_QUERY(
		"INSERT INTO evently.given_privileges (role_name, grant_text, role_oid) VALUES ($1, $3, $2)"
		" ON CONFLICT (role_name, grant_text) DO UPDATE SET role_oid = EXCLUDED.role_oid",
		NAMEOID, OIDOID, TEXTOID);
	Datum		values[3] = {name, ObjectIdGetDatum(role_oid)};
	int			n;
	char	  **privileges = spi_strings(&lacking, values, &n);

	for (int i = 0; i < n; i++)
	{
		change_privilege(true, privileges[i], role);
		report(rsinfo, role, "GRANTED", privileges[i]);
		values[2] = CStringGetTextDatum(privileges[i]);
		(void) spi_run(&note, values, NULL);
	}
}

/*
 * Bring a role to what its grants give. rsinfo, if not NULL, is told what was
 * done. A role that was renamed loses what it was given under the old name and
 * is wanted no more, but gets nothing by that name.
 */
static void
bring_up_to_date(const char *role, ReturnSetInfo *rsinfo)
{
	/* What the role was given under a name that it has no more. */
	static SpiQuery follow = SPI_QUERY(
		"UPDATE evently.given_privileges g SET role_name = $1 WHERE g.role_oid = $2 AND g.role_name <> $1"
		" AND g.grant_text IN (" WANTED("$1") ")"
		" AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g.role_name)"
		" AND NOT EXISTS (SELECT FROM evently.given_privileges o"
		"  WHERE o.role_name = $1 AND o.grant_text = g.grant_text)",
		NAMEOID, OIDOID);
	static SpiQuery forget = SPI_QUERY(
		"DELETE FROM evently.given_privileges g WHERE g.role_name = $1"
		" AND g.grant_text NOT IN (" WANTED("$1") ")",
		NAMEOID);
	static SpiQuery granted = SPI_QUERY(
		"SELECT 1 FROM evently.role_grants g WHERE g.role_name = $1 LIMIT 1", NAMEOID);
	NameData	name;
	NameData	present;
	Datum		name_datum = NameGetDatum(&name);
	Oid			role_oid;
	char	   *now_called = present_name(role, &role_oid);

	namestrcpy(&name, role);
	if (now_called != NULL)
	{
		Datum		values[2] = {NameGetDatum(&present), ObjectIdGetDatum(role_oid)};

		namestrcpy(&present, now_called);
		(void) spi_run(&follow, values, NULL);
		take_back(name_datum, now_called, role_oid, rsinfo);
	}
	(void) spi_run(&forget, &name_datum, NULL);
	if (now_called != NULL && strcmp(now_called, role) == 0)
		give(name_datum, role, role_oid, rsinfo);
	else if (spi_run(&granted, &name_datum, NULL) > 0)
		report(rsinfo, role, "ROLE MISSING", NULL);
}

static char *
arg_role_name(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		raise_bad_argument("role must not be null", NULL, NULL);
	return pstrdup(NameStr(*PG_GETARG_NAME(n)));
}

static void
raise_no_role(const char *role)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("role \"%s\" does not exist", role)));
}

/* The kind, if given, must be one. */
static void
check_kind(const char *kind)
{
	if (kind != NULL && strcmp(kind, "app") != 0 && strcmp(kind, "organizer") != 0 &&
		strcmp(kind, "scanner") != 0 && strcmp(kind, "reporter") != 0)
		raise_bad_argument(psprintf("unknown kind of role \"%s\"", kind), NULL,
						   "It is one of app, organizer, scanner, reporter.");
}

/* A grant to who may do everything anyway would promise what it cannot keep. */
static void
check_role(const char *role)
{
	Oid			role_oid = get_role_oid(role, true);

	if (!OidIsValid(role_oid))
		raise_no_role(role);
	if (superuser_arg(role_oid) || is_member_of_role_nosuper(role_oid, extension_owner()))
		raise_bad_argument(psprintf("role \"%s\" may do everything", role),
						   "It is a superuser, or the extension's owner.",
						   "Grant to a role that can do no more than it should.");
}

/* grant_role(role, kind, organizer_id) */
PG_FUNCTION_INFO_V1(ev_grant_role);
Datum
ev_grant_role(PG_FUNCTION_ARGS)
{
	static SpiQuery insert = SPI_QUERY(
		"INSERT INTO evently.role_grants (role_name, kind, organizer_id, granted_at, granted_by)"
		" VALUES ($1, $2, $3, $4, session_user) ON CONFLICT ON CONSTRAINT role_grants_once DO NOTHING",
		NAMEOID, TEXTOID, INT8OID, TIMESTAMPTZOID);
	static SpiQuery read = SPI_QUERY(
		"SELECT g FROM evently.role_grants g"
		" WHERE g.role_name = $1 AND g.kind = $2 AND g.organizer_id IS NOT DISTINCT FROM $3",
		NAMEOID, TEXTOID, INT8OID);
	char	   *role = arg_role_name(fcinfo, 0);
	char	   *kind = arg_nonempty_string(fcinfo, 1, "kind");
	bool		tied = !PG_ARGISNULL(2);
	char		nulls[] = "    ";
	Datum		values[4] = {
		PG_GETARG_DATUM(0), CStringGetTextDatum(kind), PG_GETARG_DATUM(2),
		TimestampTzGetDatum(GetCurrentTimestamp())
	};

	check_kind(kind);
	if (strcmp(kind, "organizer") == 0 && !tied)
		raise_bad_argument("organizer_id must not be null", NULL,
						   "Say whose events the role may manage.");
	if (tied && (strcmp(kind, "app") == 0 || strcmp(kind, "reporter") == 0))
		raise_bad_argument(psprintf("a role of kind %s is not tied to an organizer", kind), NULL,
						   "Leave organizer_id out, or grant the kind organizer or scanner.");
	nulls[2] = tied ? ' ' : 'n';

	ev_connect();
	begin_change();
	check_role(role);
	(void) spi_run(&insert, values, nulls);
	bring_up_to_date(role, NULL);
	if (spi_read_fresh(&read, values, nulls) != 1)
		elog(ERROR, "a grant has vanished");
	return ev_finish(spi_result(0, 1));
}

/* revoke_role(role, kind, organizer_id) */
PG_FUNCTION_INFO_V1(ev_revoke_role);
Datum
ev_revoke_role(PG_FUNCTION_ARGS)
{
	static SpiQuery remove = SPI_QUERY(
		"DELETE FROM evently.role_grants g WHERE g.role_name = $1"
		" AND ($2 IS NULL OR g.kind = $2) AND ($3 IS NULL OR g.organizer_id = $3)"
		" RETURNING g.role_name, g.kind, g.organizer_id, g.granted_at, g.granted_by",
		NAMEOID, TEXTOID, INT8OID);
	char	   *role = arg_role_name(fcinfo, 0);
	char	   *kind = PG_ARGISNULL(1) ? NULL : arg_nonempty_string(fcinfo, 1, "kind");
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char		nulls[] = "   ";
	Datum		values[3] = {PG_GETARG_DATUM(0), 0, PG_GETARG_DATUM(2)};
	uint64		n;

	check_kind(kind);
	values[1] = string_datum_or_null(kind, &nulls[1]);
	nulls[2] = PG_ARGISNULL(2) ? 'n' : ' ';
	InitMaterializedSRF(fcinfo, 0);

	ev_connect();
	begin_change();
	n = spi_run(&remove, values, nulls);
	for (uint64 i = 0; i < n; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	if (n == 0 && !OidIsValid(get_role_oid(role, true)))
		raise_no_role(role);
	bring_up_to_date(role, NULL);
	return ev_finish((Datum) 0);
}

/* A role that runs the jobs (grant_jobs) needs those of a later version too. */
static void
give_new_jobs(ReturnSetInfo *rsinfo)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT r.rolname::text, j.grant_text FROM pg_proc p, aclexplode(p.proacl) a"
		" JOIN pg_roles r ON r.oid = a.grantee, unnest($1) j (grant_text)"
		" WHERE p.oid = 'evently.run_jobs()'::regprocedure AND a.grantee <> p.proowner"
		" AND j.grant_text NOT IN (" HELD("r.oid") ")"
		" ORDER BY r.rolname, j.grant_text COLLATE \"C\"",
		TEXTARRAYOID);
	Datum		values[1] = {job_privileges()};
	int			n = (int) spi_run(&query, values, NULL);
	char	  **roles = palloc(sizeof(char *) * Max(n, 1));
	char	  **privileges = palloc(sizeof(char *) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		roles[i] = spi_text(i, 1);
		privileges[i] = spi_text(i, 2);
	}
	for (int i = 0; i < n; i++)
	{
		change_privilege(true, privileges[i], roles[i]);
		report(rsinfo, roles[i], "GRANTED", privileges[i]);
	}
}

/* reapply_grants() */
PG_FUNCTION_INFO_V1(ev_reapply_grants);
Datum
ev_reapply_grants(PG_FUNCTION_ARGS)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT g.role_name::text COLLATE \"C\" FROM evently.role_grants g"
		" UNION SELECT g.role_name::text COLLATE \"C\" FROM evently.given_privileges g ORDER BY 1");
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	  **roles;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	begin_change();
	roles = spi_strings(&query, NULL, &n);
	for (int i = 0; i < n; i++)
		bring_up_to_date(roles[i], rsinfo);
	give_new_jobs(rsinfo);
	return ev_finish((Datum) 0);
}
