-- Callers who try: paths, shadows, leaky functions, cached plans, a pool's session.
\ir include/fixtures.psql
\ir include/door.psql
\ir include/roles.psql
SELECT * FROM no_plan();

CREATE TEMP TABLE stage AS SELECT o AS organizer, e.event_id, t.tier_id
FROM (VALUES (101), (202)) v (o), LATERAL evently.create_event(o, 'Event of ' || o, 'SPORTS', now() + interval '1 day', now() + interval '2 days') e,
	LATERAL evently.create_tier(e.event_id, 'GENERAL', 0, 5) t;
SELECT pg_temp.open(event_id) FROM stage \g /dev/null
SELECT evently.confirm_order(o.order_id, NULL) FROM stage, LATERAL (SELECT pg_temp.hold(event_id, tier_id, 2) AS order_id) o \g /dev/null
SELECT evently.check_in(pg_temp.secret(min(ticket_id))) FROM evently.tickets GROUP BY event_id \g /dev/null
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
GRANT SELECT ON stage TO PUBLIC;
SELECT nspname AS temp_schema FROM pg_namespace WHERE oid = pg_my_temp_schema() \gset
GRANT ALL ON SCHEMA :"temp_schema" TO PUBLIC;

-- Shadows of what the checks are made of.
SELECT is(pg_temp.run_as('evently_test_organizer', format($$
	CREATE FUNCTION evil.session_organizers() RETURNS bigint[] LANGUAGE sql AS 'SELECT NULL::bigint[]';
	CREATE FUNCTION evil.managed_organizers() RETURNS bigint[] LANGUAGE sql AS 'SELECT NULL::bigint[]';
	CREATE FUNCTION evil.yes(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE OPERATOR evil.= (FUNCTION = evil.yes, LEFTARG = bigint, RIGHTARG = bigint);
	CREATE FUNCTION evil.yes(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE OPERATOR evil.= (FUNCTION = evil.yes, LEFTARG = name, RIGHTARG = name);
	CREATE TEMP TABLE role_grants (role_name name, kind text, organizer_id bigint, granted_at timestamptz, granted_by name);
	INSERT INTO role_grants VALUES ('evently_test_organizer', 'app', NULL, now(), 'me');
	CREATE TEMP TABLE events (event_id bigint, organizer_id bigint);
	INSERT INTO events SELECT event_id, 101 FROM stage;
	CREATE TEMP TABLE pg_roles (rolname name, oid oid);
	SET LOCAL search_path = pg_temp, evil, pg_catalog, evently;
	%s$$, s.statement)), s.outcome, s.statement)
FROM stage t, LATERAL (VALUES
	('SELECT count(*) FROM evently.events', '1'),
	('SELECT count(*) FROM evently.ticket_tiers', '1'),
	('SELECT count(*) FROM evently.tier_inventory', '1'),
	('SELECT count(*) FROM evently.organizer_orders', '1'),
	('SELECT evently.session_organizers()', '{101}'),
	('SELECT evently.managed_organizers()', '{101}'),
	(format('SELECT (evently.pause_sale(%s)).status', t.event_id), format('P0002 event %s does not exist', t.event_id)),
	(format('SELECT (evently.set_held_back(%s, 1)).held_back', t.tier_id), format('P0002 tier %s does not exist', t.tier_id))) s (statement, outcome)
WHERE t.organizer = 202;

-- A function of the caller's in its own query sees its own rows only, however cheap it claims to be.
CREATE FUNCTION evil.look(label text, event_id bigint) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$
BEGIN
	IF (SELECT coalesce(label, '') ~ ('of 202|"event_id": ' || s.event_id || '\y') OR look.event_id = s.event_id FROM stage s WHERE s.organizer = 202) THEN
		RAISE 'seen: %', label;
	END IF;
	RETURN true;
END $$;
GRANT EXECUTE ON FUNCTION evil.look TO PUBLIC;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT count(*) FROM evently.%I x WHERE evil.look(to_jsonb(x)::text, NULL)', object_name)) ~ '^\d+$', true,
	'a leaky function on ' || object_name)
FROM evently.role_privileges WHERE kind = 'organizer' AND object_type = 'TABLE' AND privilege = 'SELECT';
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT count(*) FROM evently.%I WHERE evil.look(NULL, event_id)', object_name)) ~ '^\d+$', true,
	'or on one column of ' || object_name)
FROM evently.role_privileges p WHERE kind = 'organizer' AND object_type = 'TABLE' AND privilege = 'SELECT'
	AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = format('evently.%I', object_name)::regclass AND attname = 'event_id');
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT count(*) FROM evently.events WHERE 1 / (event_id - %s) < 2', event_id)), '1', 'an error cannot tell either') FROM stage WHERE organizer = 202;
SELECT is(pg_temp.run_as('evently_test_organizer', 'UPDATE evently.events SET title = title WHERE evil.look(title, event_id)'), 'ok', 'nor an update');

-- Settings are nobody's way in.
SELECT is(pg_temp.run_as('evently_test_organizer', 'SET LOCAL row_security = off; SELECT count(*) FROM evently.events'),
	'42501 query would be affected by row-level security policy for table "events"', 'row security cannot be put off');
SELECT matches(pg_temp.run_as('evently_test_organizer', s), '^42501 ', s)
FROM unnest(ARRAY['SET ROLE evently_test_app', 'SET evently.require_booking = off', 'SET session_replication_role = replica',
	'INSERT INTO evently.role_grants VALUES (session_user, ''app'', NULL, now(), session_user)', 'ALTER TABLE evently.events DISABLE ROW LEVEL SECURITY',
	'CREATE POLICY p ON evently.events USING (true)', 'ALTER FUNCTION evently.session_organizers() RENAME TO x', 'CREATE FUNCTION evently.x() RETURNS integer LANGUAGE sql AS ''SELECT 1''']) s;
SELECT is(pg_temp.run_as('evently_test_organizer', $$SET LOCAL "evently.organizer" = '202'; SELECT count(*) FROM evently.events$$) ~ '^(1|42602 .*)$', true, 'no made-up setting is trusted');

-- Plans kept from another login: each is judged anew.
SET plan_cache_mode = force_generic_plan;
PREPARE all_events AS SELECT count(*) FROM evently.events;
PREPARE all_tiers AS SELECT count(*) FROM evently.ticket_tiers;
PREPARE a_view AS SELECT count(*) FROM evently.tier_inventory;
PREPARE a_row (bigint) AS SELECT (evently.set_held_back($1, 1)).held_back;
CREATE FUNCTION pg_temp.counts(login name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	n bigint;
	plan text;
BEGIN
	PERFORM set_config('session_authorization', login, true);
	FOREACH plan IN ARRAY ARRAY['all_events', 'all_tiers', 'a_view'] LOOP
		EXECUTE 'EXECUTE ' || plan INTO n;
		result := result || CASE WHEN n = 0 THEN ' none' WHEN n = 1 THEN ' own' ELSE ' all' END;
	END LOOP;
	RAISE SQLSTATE 'OK000';
EXCEPTION
	WHEN SQLSTATE 'OK000' THEN
		RETURN btrim(result);
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END $$;
SELECT is(pg_temp.counts(l), c, format('plans of a kept session, step %s: %s', n, l))
FROM (VALUES (1, 'evently_test_app', 'all all all'), (2, 'evently_test_organizer', 'own own own'), (3, 'evently_test_rival', 'own own own'),
	(4, 'evently_test_app', 'all all all'), (5, 'evently_test_nobody', '42501'), (6, 'evently_test_organizer', 'own own own'), (7, 'evently_test_scanner', '42501')) v (n, l, c);
SELECT is(pg_temp.run_as('evently_test_rival', format('EXECUTE a_row(%s)', tier_id)), CASE organizer WHEN 202 THEN 'ok' ELSE format('P0002 tier %s does not exist', tier_id) END, 'a function''s plan: ' || organizer) FROM stage;

-- SET ROLE changes what may be executed and read, not whose events: a login that is both sees both.
CREATE ROLE evently_test_pool LOGIN NOINHERIT IN ROLE evently_test_organizer, evently_test_rival;
SELECT is(pg_temp.run_as('evently_test_pool', 'SELECT count(*) FROM evently.events'), '42501 permission denied for schema evently', 'a pool''s login by itself');
SELECT is(pg_temp.run_as('evently_test_pool', 'SET LOCAL ROLE evently_test_rival; EXECUTE all_events'), 'ok', 'a kept plan after SET ROLE');
SELECT is(pg_temp.run_as('evently_test_pool', format('SET LOCAL ROLE %I; SELECT count(*) FROM evently.events', r)), '2', 'after SET ROLE ' || r || ': those of its login')
FROM unnest(ARRAY['evently_test_rival', 'evently_test_organizer']) r;
GRANT evently_test_reporter TO evently_test_organizer;
SELECT is(pg_temp.run_as('evently_test_organizer', 'SET LOCAL ROLE evently_test_reporter; SELECT count(*) FROM evently.events'), '42501 permission denied for table events', 'SET ROLE to a reporter reads no table');
REVOKE evently_test_reporter FROM evently_test_organizer;
GRANT evently_test_nobody TO evently_test_organizer;
SELECT is(pg_temp.run_as('evently_test_organizer', 'SET LOCAL ROLE evently_test_nobody; SELECT count(*) FROM evently.events'), '42501 permission denied for schema evently', 'SET ROLE to one with less has less');

-- A definer of another's changes current_user, not the session.
CREATE FUNCTION evil.as_app() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM evently.events';
ALTER FUNCTION evil.as_app() OWNER TO evently_test_app;
SELECT is(pg_temp.run_as('evently_test_organizer', 'SELECT evil.as_app()'), '1', 'an application''s definer, called by an organizer, sees the organizer''s');

SELECT * FROM finish();
ROLLBACK;
