/*
 * Who may do what (src/roles.c): the grants, by role name, and what a session
 * may see. What each kind may execute and read is in 79_.
 */
CREATE DOMAIN evently.role_kind AS text
	CONSTRAINT role_kind_is_known CHECK (VALUE IN ('app', 'organizer', 'scanner', 'reporter'));
COMMENT ON DOMAIN evently.role_kind IS 'app, organizer, scanner or reporter';
COMMENT ON CONSTRAINT role_kind_is_known ON DOMAIN evently.role_kind IS 'The kinds of roles';

/*
 * By name, not by oid: names outlive a dump and restore. No primary key, as
 * organizer_id may be null: logical replication goes by the whole row.
 */
CREATE TABLE evently.role_grants (
	role_name    name NOT NULL CHECK (role_name <> ''),
	kind         evently.role_kind NOT NULL,
	organizer_id bigint,
	granted_at   timestamptz NOT NULL CHECK (isfinite(granted_at)),
	granted_by   name NOT NULL,
	CONSTRAINT role_grants_once UNIQUE NULLS NOT DISTINCT (role_name, kind, organizer_id),
	CONSTRAINT role_grants_organizer CHECK (CASE kind
		WHEN 'organizer' THEN organizer_id IS NOT NULL
		WHEN 'scanner' THEN true
		ELSE organizer_id IS NULL END)
);
ALTER TABLE evently.role_grants REPLICA IDENTITY FULL;
COMMENT ON TABLE evently.role_grants IS 'Which roles are what: changed by grant_role and revoke_role';
COMMENT ON COLUMN evently.role_grants.role_name IS 'Name of the role; reapply_grants finds it again by this name';
COMMENT ON COLUMN evently.role_grants.kind IS 'app, organizer, scanner or reporter';
COMMENT ON COLUMN evently.role_grants.organizer_id IS 'The organizer that an organizer''s role, or a door''s, is tied to; null: tied to none';
COMMENT ON COLUMN evently.role_grants.granted_at IS 'When it was granted';
COMMENT ON COLUMN evently.role_grants.granted_by IS 'Login that granted it';
COMMENT ON CONSTRAINT role_grants_once ON evently.role_grants IS 'A role is granted each thing once';
COMMENT ON CONSTRAINT role_grants_organizer ON evently.role_grants IS 'An organizer''s role names its organizer, a door''s may';

/*
 * What grant_role gave, so that revoke_role takes back just that, and reapply_grants
 * what a kind of a later version gives no more.
 */
CREATE TABLE evently.given_privileges (
	role_name  name NOT NULL,
	grant_text text NOT NULL,
	role_oid   oid NOT NULL,
	PRIMARY KEY (role_name, grant_text)
);
COMMENT ON TABLE evently.given_privileges IS 'Privileges that grant_role and reapply_grants gave';
COMMENT ON COLUMN evently.given_privileges.role_name IS 'Name of the role';
COMMENT ON COLUMN evently.given_privileges.grant_text IS 'The privilege as in role_privileges';
COMMENT ON COLUMN evently.given_privileges.role_oid IS 'The role when it was given: finds a role that was renamed since';

/* Always: also where a subscription changes the table. */
CREATE FUNCTION evently.forget_roles() RETURNS trigger
	LANGUAGE C SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_forget_roles';
COMMENT ON FUNCTION evently.forget_roles() IS
'Trigger: has every backend read the grants again';
/* For each row: what a subscription applies fires no statement's trigger. */
CREATE TRIGGER forget_roles AFTER INSERT OR UPDATE OR DELETE ON evently.role_grants
	FOR EACH ROW EXECUTE FUNCTION evently.forget_roles();
CREATE TRIGGER forget_all_roles AFTER TRUNCATE ON evently.role_grants
	FOR EACH STATEMENT EXECUTE FUNCTION evently.forget_roles();
ALTER TABLE evently.role_grants ENABLE ALWAYS TRIGGER forget_roles;
ALTER TABLE evently.role_grants ENABLE ALWAYS TRIGGER forget_all_roles;
COMMENT ON TRIGGER forget_all_roles ON evently.role_grants IS 'A grant or its end counts at once';
COMMENT ON TRIGGER forget_roles ON evently.role_grants IS 'A grant or its end counts at once';

/*
 * Not a definer: it reads the grants without asking for a right on them, tells
 * a session only about itself, and is called by whoever queries a view. Views
 * write it as (SELECT evently.session_organizers()), which is evaluated once for
 * a query.
 */
CREATE FUNCTION evently.session_organizers() RETURNS bigint[]
	LANGUAGE C STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_session_organizers';
COMMENT ON FUNCTION evently.session_organizers() IS
'The organizers whose events this session''s login may see. It goes by session_user and the roles that it is a member of; SET ROLE and settings change nothing.
Result: null when it may see all (a superuser, the extension''s owner, kind app or reporter); else the organizers that it is tied to, in order; none for a login without a grant.';

/* A reporter sees all, but manages nothing: so the two are apart. */
CREATE FUNCTION evently.managed_organizers() RETURNS bigint[]
	LANGUAGE C STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_managed_organizers';
COMMENT ON FUNCTION evently.managed_organizers() IS
'The organizers whose events this session''s login may manage, and whose buyers it may know. As session_organizers, but being a reporter counts for nothing.
Result: null for all (a superuser, the extension''s owner, kind app); else the organizers that it is tied to, in order; none for a login without such a grant.';
