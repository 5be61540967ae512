-- grant_role, revoke_role, reapply_grants; what a session is.
\ir include/fixtures.psql
\ir include/roles.psql
SELECT * FROM no_plan();

-- Every privilege in the schema that is somebody's by name.
CREATE FUNCTION pg_temp.privileges(of_role name DEFAULT NULL) RETURNS TABLE (privilege text)
LANGUAGE sql AS $$
	SELECT g.grantee::regrole || ': ' || g.privilege_type || CASE WHEN g.is_grantable THEN '*' ELSE '' END || ' on ' || g.object
	FROM (
		SELECT p.proname || '()' AS object, a.* FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace = 'evently'::regnamespace
		UNION ALL SELECT c.relname, a.* FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'evently'::regnamespace
		UNION ALL SELECT c.relname || '.' || t.attname, a.* FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid,
			aclexplode(t.attacl) a WHERE c.relnamespace = 'evently'::regnamespace
		UNION ALL SELECT 'schema', a.* FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'evently') g
	WHERE g.grantee <> 10 AND (of_role IS NULL OR g.grantee = of_role::regrole)
$$;
CREATE FUNCTION pg_temp.sees(login name) RETURNS text
LANGUAGE sql AS $$
	SELECT pg_temp.run_as(login, 'SELECT coalesce(evently.session_organizers()::text, ''all'') || '' '' || coalesce(evently.managed_organizers()::text, ''all'')')
$$;

-- Who may grant: the owner, whoever else may execute the functions.
SELECT is(pg_temp.run_as('evently_test_app', $$SELECT evently.grant_role('evently_test_app', 'organizer', 1)$$),
	'42501 permission denied for function grant_role', 'an application may not grant');
GRANT EXECUTE ON FUNCTION evently.grant_role, evently.revoke_role, evently.reapply_grants TO evently_test_app;
GRANT INSERT, DELETE, UPDATE, SELECT ON evently.role_grants TO evently_test_app;
SELECT is(pg_temp.run_as('evently_test_app', s), '42501 permission denied to grant roles of evently', s)
FROM unnest(ARRAY[$$SELECT evently.grant_role('evently_test_app', 'organizer', 1)$$,
	$$SELECT evently.revoke_role('evently_test_rival')$$, 'SELECT evently.reapply_grants()']) s;
REVOKE ALL ON FUNCTION evently.grant_role, evently.revoke_role, evently.reapply_grants FROM evently_test_app;
REVOKE ALL ON evently.role_grants FROM evently_test_app;

-- What is refused, and changes nothing.
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.privileges();
SELECT throws_ok($$SELECT evently.grant_role(NULL, 'app')$$, '22023', 'role must not be null');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_nobody', NULL)$$, '22023', 'kind must not be null');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_nobody', 'boss')$$, '22023', 'unknown kind of role "boss"');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_nobody', 'organizer')$$, '22023', 'organizer_id must not be null');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_nobody', 'app', 1)$$, '22023', 'a role of kind app is not tied to an organizer');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_nobody', 'reporter', 1)$$, '22023', 'a role of kind reporter is not tied to an organizer');
SELECT throws_ok($$SELECT evently.grant_role('evently_test_none', 'app')$$, '42704', 'role "evently_test_none" does not exist');
SELECT throws_ok($$SELECT evently.grant_role('public', 'app')$$, '42704', 'role "public" does not exist');
SELECT throws_ok(format('SELECT evently.grant_role(%L, ''organizer'', 1)', current_user), '22023', format('role "%s" may do everything', current_user));
SELECT throws_ok($$SELECT evently.revoke_role('evently_test_none')$$, '42704', 'role "evently_test_none" does not exist');
SELECT throws_ok($$SELECT evently.revoke_role('evently_test_app', 'boss')$$, '22023', 'unknown kind of role "boss"');
SELECT is_empty($$SELECT * FROM evently.revoke_role('evently_test_nobody')$$, 'a role without grants: nothing to revoke');
SELECT set_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM before', 'no privilege changed');

-- A grant is remembered, once.
SELECT results_eq($$SELECT role_name, kind::text, organizer_id, granted_by FROM evently.grant_role('evently_test_rival', 'organizer', 202)$$,
	format($$VALUES ('evently_test_rival'::name, 'organizer', 202::bigint, %L::name)$$, session_user), 'granted again: the same');
SELECT set_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM before', 'and no privilege more');
SELECT is((SELECT count(*)::integer FROM evently.role_grants WHERE role_name = 'evently_test_rival'), 1, 'one row');

-- Revoking takes back what was given and no more: not what was there before, not what another kind gives.
GRANT USAGE ON SCHEMA evently TO evently_test_nobody;
GRANT SELECT ON evently.venues, evently.event_keys TO evently_test_nobody;
GRANT SELECT (title), UPDATE (title) ON evently.events TO evently_test_nobody;
GRANT EXECUTE ON FUNCTION evently.check_in TO evently_test_nobody WITH GRANT OPTION;
CREATE TEMP TABLE by_hand AS SELECT * FROM pg_temp.privileges('evently_test_nobody');
SELECT evently.grant_role('evently_test_nobody', 'reporter') \g /dev/null
CREATE TEMP TABLE as_reporter AS SELECT * FROM pg_temp.privileges('evently_test_nobody');
SELECT evently.grant_role('evently_test_nobody', 'app') \g /dev/null
SELECT evently.grant_role('evently_test_nobody', 'organizer', 5) \g /dev/null
SELECT evently.grant_role('evently_test_nobody', 'organizer', 6) \g /dev/null
CREATE TEMP TABLE as_all AS SELECT * FROM pg_temp.privileges('evently_test_nobody');
SELECT evently.revoke_role('evently_test_nobody', 'organizer', 5) \g /dev/null
SELECT set_eq('SELECT * FROM pg_temp.privileges(''evently_test_nobody'')', 'SELECT * FROM as_all', 'one organizer of two: the privileges stay');
SELECT results_eq($$SELECT kind::text, organizer_id FROM evently.revoke_role('evently_test_nobody', 'organizer')$$,
	$$VALUES ('organizer', 6::bigint)$$, 'the grants that end are returned');
SELECT set_eq('SELECT * FROM pg_temp.privileges(''evently_test_nobody'')', 'SELECT * FROM as_all', 'an application has all of an organizer''s privileges');
SELECT evently.revoke_role('evently_test_nobody', 'app') \g /dev/null
SELECT set_eq('SELECT * FROM pg_temp.privileges(''evently_test_nobody'')', 'SELECT * FROM as_reporter', 'two kinds, one revoked: the other''s are whole');
SELECT is((SELECT count(*)::integer FROM evently.revoke_role('evently_test_nobody')), 1, 'all that is left is revoked');
SELECT set_eq('SELECT * FROM pg_temp.privileges(''evently_test_nobody'')', 'SELECT * FROM by_hand', 'what was granted by hand stays');
SELECT is_empty($$SELECT FROM evently.given_privileges WHERE role_name = 'evently_test_nobody'$$, 'and nothing is kept of it');
REVOKE ALL ON SCHEMA evently FROM evently_test_nobody;
REVOKE ALL ON ALL TABLES IN SCHEMA evently FROM evently_test_nobody;
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM evently_test_nobody;
SELECT set_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM before', 'all as before');

-- reapply_grants() brings back what was lost, and takes back what a kind gives no more.
SELECT is_empty('SELECT * FROM evently.reapply_grants()', 'nothing to do');
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM evently_test_app, evently_test_scanner;
REVOKE SELECT ON evently.trending FROM evently_test_reporter;
REVOKE UPDATE (price) ON evently.ticket_tiers FROM evently_test_rival;
GRANT SELECT ON evently.payments, evently.refunds TO evently_test_reporter;
INSERT INTO evently.given_privileges SELECT 'evently_test_reporter', 'SELECT ON TABLE evently.payments', 'evently_test_reporter'::regrole;
INSERT INTO evently.given_privileges SELECT 'evently_test_reporter', 'SELECT ON TABLE evently.dropped_long_ago', 'evently_test_reporter'::regrole;
CREATE TEMP TABLE done AS SELECT * FROM evently.reapply_grants();
SELECT results_eq($$SELECT role_name, action, privilege FROM done WHERE role_name ~ 'reporter|rival' ORDER BY role_name, action$$, $$VALUES
	('evently_test_reporter'::name, 'GRANTED', 'SELECT ON TABLE evently.trending'),
	('evently_test_reporter', 'REVOKED', 'SELECT ON TABLE evently.payments'),
	('evently_test_rival', 'GRANTED', 'UPDATE (price) ON TABLE evently.ticket_tiers')$$, 'it says what it did');
SELECT set_eq($$SELECT privilege FROM done WHERE role_name = 'evently_test_scanner'$$,
	$$SELECT grant_text FROM evently.role_privileges WHERE kind = 'scanner' AND object_type = 'ROUTINE'$$, 'a door''s functions');
SELECT set_eq('SELECT * FROM pg_temp.privileges()',
	$$SELECT * FROM before UNION SELECT 'evently_test_reporter: SELECT on refunds'$$, 'all as before, and what was granted by hand');
REVOKE SELECT ON evently.refunds FROM evently_test_reporter;

-- A role that runs the jobs gets what is new among them.
REVOKE ALL ON FUNCTION evently.settle_waitlists, evently.release_expired_orders FROM evently_test_jobs;
SELECT results_eq('SELECT * FROM evently.reapply_grants()', $$VALUES
	('evently_test_jobs'::name, 'GRANTED', 'EXECUTE ON ROUTINE evently.release_expired_orders'),
	('evently_test_jobs', 'GRANTED', 'EXECUTE ON ROUTINE evently.settle_waitlists')$$, 'the jobs'' role has all jobs again');

-- As after a restore into a cluster where the roles are others, without their privileges.
UPDATE evently.given_privileges SET role_oid = role_oid::bigint + 100000;
REVOKE ALL ON ALL TABLES IN SCHEMA evently FROM evently_test_app, evently_test_organizer, evently_test_rival, evently_test_reporter;
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM evently_test_app, evently_test_organizer, evently_test_rival, evently_test_reporter, evently_test_scanner;
REVOKE ALL ON SCHEMA evently FROM evently_test_app, evently_test_organizer, evently_test_rival, evently_test_reporter, evently_test_scanner;
SELECT isnt_empty('SELECT * FROM evently.reapply_grants()', 'all roles lost all');
SELECT set_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM before', 'and have it again');

-- Names are names.
CREATE ROLE "evently_Test ""Odd"" näme; DROP" LOGIN;
SELECT is((SELECT role_name FROM evently.grant_role('evently_Test "Odd" näme; DROP', 'scanner', 101)), 'evently_Test "Odd" näme; DROP', 'a role with capitals, quotes and spaces');
SELECT matches(pg_temp.run_as('evently_Test "Odd" näme; DROP', $$SELECT result || ' ' || reason FROM evently.check_in(gen_random_uuid()::text)$$), 'INVALID UNKNOWN', 'may scan');
SELECT evently.revoke_role('evently_Test "Odd" näme; DROP') \g /dev/null
SELECT is_empty($$SELECT * FROM pg_temp.privileges('"evently_Test ""Odd"" näme; DROP"')$$, 'and then no more');
CREATE ROLE "EVENTLY_TEST_ORGANIZER" LOGIN;
SELECT is(pg_temp.run_as('EVENTLY_TEST_ORGANIZER', 'SELECT evently.session_organizers()'), '42501 permission denied for schema evently', 'a name in other letters is another role');

-- What a session is: its login, whatever the login's roles; the roles it belongs to count.
SELECT is(pg_temp.sees('evently_test_app'), 'all all', 'an application sees and manages all');
SELECT is(pg_temp.sees('evently_test_organizer'), '{101} {101}', 'an organizer its own');
SELECT is(pg_temp.run_as('evently_test_reporter', 'SELECT coalesce(evently.session_organizers()::text, ''all'')'), 'all', 'a reporter sees all');
GRANT USAGE ON SCHEMA evently TO PUBLIC;
GRANT EXECUTE ON FUNCTION evently.session_organizers, evently.managed_organizers TO PUBLIC;
SELECT is(pg_temp.sees('evently_test_reporter'), 'all {}', 'and manages nothing');
SELECT is(pg_temp.sees('evently_test_scanner'), '{} {}', 'a door sees nothing');
SELECT is(pg_temp.sees('evently_test_nobody'), '{} {}', 'nor does who has no grant');
SELECT is(pg_temp.sees(session_user), 'all all', 'the owner sees and manages all');
SELECT evently.grant_role('evently_test_organizer', 'organizer', 55) \g /dev/null
SELECT is(pg_temp.sees('evently_test_organizer'), '{55,101} {55,101}', 'two organizers');
SELECT evently.grant_role('evently_test_organizer', 'reporter') \g /dev/null
SELECT is(pg_temp.sees('evently_test_organizer'), 'all {55,101}', 'an organizer who reports on all manages its own');
SELECT evently.revoke_role('evently_test_organizer', 'reporter') \g /dev/null
SELECT evently.revoke_role('evently_test_organizer', NULL, 55) \g /dev/null
SELECT is(pg_temp.sees('evently_test_organizer'), '{101} {101}', 'a grant that ends counts no more');
CREATE ROLE evently_test_member LOGIN IN ROLE evently_test_organizer, evently_test_rival;
CREATE ROLE evently_test_far LOGIN NOINHERIT IN ROLE evently_test_member;
SELECT is(pg_temp.sees('evently_test_member'), '{101,202} {101,202}', 'a member has what its roles have');
SELECT is(pg_temp.sees('evently_test_far'), '{101,202} {101,202}', 'at any distance, inherited or not');
REVOKE evently_test_rival FROM evently_test_member;
SELECT is(pg_temp.sees('evently_test_far'), '{101} {101}', 'a membership that ends counts no more');
SELECT is(pg_temp.run_as('evently_test_member', 'SET ROLE evently_test_organizer; SELECT evently.session_organizers()'), '{101}', 'SET ROLE to one of them changes nothing');
GRANT evently_test_app TO evently_test_member;
SELECT is(pg_temp.run_as('evently_test_member', 'SET ROLE evently_test_organizer; SELECT coalesce(evently.session_organizers()::text, ''all'')'), 'all', 'nor does it narrow');
REVOKE evently_test_app FROM evently_test_member;
CREATE ROLE evently_test_boss SUPERUSER;
GRANT evently_test_boss TO evently_test_member;
SELECT is(pg_temp.sees('evently_test_member'), '{101} {101}', 'that it could become a superuser does not make it one');
REVOKE evently_test_boss FROM evently_test_member;
ALTER ROLE evently_test_member SUPERUSER;
SELECT is(pg_temp.sees('evently_test_member'), 'all all', 'a superuser sees and manages all');
ALTER ROLE evently_test_member NOSUPERUSER;
SELECT is(pg_temp.sees('evently_test_member'), '{101} {101}', 'and no more when it is none');

-- A role that is renamed or dropped.
CREATE TEMP TABLE rivals AS SELECT regexp_replace(privilege, '^\w+', '') FROM pg_temp.privileges('evently_test_rival');
ALTER ROLE evently_test_rival RENAME TO evently_test_renamed;
SELECT is(pg_temp.sees('evently_test_renamed'), '{} {}', 'renamed: it is nothing any more');
SELECT is(pg_temp.run_as('evently_test_renamed', 'SELECT evently.publish_event(1)'), '42501 permission denied for this session', 'and may do nothing');
SELECT results_eq('SELECT * FROM evently.reapply_grants()', $$VALUES ('evently_test_rival'::name, 'ROLE MISSING', NULL::text)$$, 'which reapply_grants reports');
SELECT is((SELECT organizer_id FROM evently.revoke_role('evently_test_rival')), 202::bigint, 'the old name is forgotten');
SELECT is_empty('SELECT * FROM evently.reapply_grants()', 'nothing is missing then');
SELECT evently.grant_role('evently_test_renamed', 'organizer', 202) \g /dev/null
SELECT is(pg_temp.sees('evently_test_renamed'), '{202} {202}', 'the new name is granted');
SELECT set_eq($$SELECT regexp_replace(privilege, '^\w+', '') FROM pg_temp.privileges('evently_test_renamed')$$, 'SELECT * FROM rivals', 'with the same privileges');
ALTER ROLE evently_test_renamed RENAME TO evently_test_again;
SELECT evently.grant_role('evently_test_again', 'organizer', 202) \g /dev/null
SELECT evently.revoke_role('evently_test_again') \g /dev/null
SELECT is_empty($$SELECT * FROM pg_temp.privileges('evently_test_again')$$, 'renamed, granted, revoked: nothing is left of what the old name was given');
SELECT evently.revoke_role('evently_test_renamed') \g /dev/null
SELECT evently.grant_role('evently_test_again', 'scanner') \g /dev/null
DROP OWNED BY evently_test_again;
DROP ROLE evently_test_again;
SELECT results_eq('SELECT * FROM evently.reapply_grants()', $$VALUES ('evently_test_again'::name, 'ROLE MISSING', NULL::text)$$, 'dropped: reported');
SELECT is((SELECT kind::text FROM evently.revoke_role('evently_test_again')), 'scanner', 'and forgotten');
SELECT is_empty('SELECT * FROM evently.reapply_grants() UNION ALL SELECT role_name, NULL, grant_text FROM evently.given_privileges WHERE role_name = ''evently_test_again''', 'without a trace');

SELECT * FROM finish();
ROLLBACK;
