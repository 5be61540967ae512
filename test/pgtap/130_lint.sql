-- What every object of the extension must be: pinned, closed, dumped, explained.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- Each breach of a rule, by the name of the rule. Objects are those of the
-- schema: nobody else creates anything there.
CREATE FUNCTION pg_temp.lint() RETURNS TABLE (rule text, object text)
LANGUAGE sql AS $$
WITH routine AS (
	SELECT p.oid, p.oid::regprocedure::text AS object, p.prokind, p.prosecdef, p.pronargs, p.proargnames, p.proargmodes,
		p.prosqlbody IS NOT NULL AS atomic, l.lanname, p.proacl, p.proowner,
		coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}' AS pinned
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace = 'evently'::regnamespace
), relation AS (
	SELECT c.oid, c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'evently'::regnamespace
)
-- It commits, so it can have no SET clause; src/jobs.c qualifies every name.
SELECT 'path not pinned', object FROM routine
WHERE NOT pinned AND (NOT atomic OR prosecdef) AND object <> 'evently.run_jobs()'
UNION ALL
SELECT 'language', object FROM routine WHERE lanname NOT IN ('c', 'sql')
UNION ALL
SELECT 'SQL function whose body is text', object FROM routine WHERE lanname = 'sql' AND NOT atomic
UNION ALL
SELECT 'definer for everybody', object FROM routine, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
WHERE prosecdef AND a.grantee = 0
UNION ALL
SELECT 'argument without a name', object FROM routine
WHERE pronargs > 0 AND (proargnames IS NULL OR '' = ANY (proargnames))
UNION ALL
SELECT 'overloaded', min(p.proname) FROM pg_proc p
WHERE p.pronamespace = 'evently'::regnamespace GROUP BY p.proname HAVING count(*) > 1
UNION ALL
SELECT 'not dumped', relname FROM relation
WHERE relkind IN ('r', 'p', 'S')
	AND oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'evently')
UNION ALL
SELECT 'not the extension''s', pg_describe_object(o.classid, o.oid, 0)
FROM (SELECT 'pg_proc'::regclass AS classid, oid FROM routine
	UNION ALL SELECT 'pg_class'::regclass, oid FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
	UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type
		WHERE typnamespace = 'evently'::regnamespace AND typtype IN ('d', 'e')) o
WHERE NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e'
		AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'evently')
UNION ALL
SELECT 'no comment', pg_describe_object(o.classid, o.oid, o.part)
FROM (
	SELECT 'pg_namespace'::regclass AS classid, n.oid, 0 AS part FROM pg_namespace n WHERE n.nspname = 'evently'
	UNION ALL SELECT 'pg_extension'::regclass, e.oid, 0 FROM pg_extension e WHERE e.extname = 'evently'
	UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM routine
	-- A composite type's comment is its type's.
	UNION ALL SELECT 'pg_class'::regclass, oid, 0 FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
	UNION ALL SELECT 'pg_class'::regclass, r.oid, 0 FROM relation r
		WHERE r.relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = r.oid)
	UNION ALL SELECT 'pg_class'::regclass, r.oid, a.attnum FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
		WHERE r.relkind IN ('r', 'p', 'v', 'm', 'c', 'f') AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT 'pg_type'::regclass, t.oid, 0 FROM pg_type t LEFT JOIN relation r ON r.oid = t.typrelid
		WHERE t.typnamespace = 'evently'::regnamespace AND (t.typtype IN ('d', 'e', 'r', 'm') OR r.relkind = 'c')
	UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0 FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
		WHERE NOT t.tgisinternal
	UNION ALL SELECT 'pg_policy'::regclass, p.oid, 0 FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
	-- Keys, references and the CHECKs of one column explain themselves.
	UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 0 FROM pg_constraint k
		WHERE k.connamespace = 'evently'::regnamespace AND (k.contype IN ('u', 'x') OR k.contypid <> 0)
	UNION ALL SELECT 'pg_operator'::regclass, oid, 0 FROM pg_operator WHERE oprnamespace = 'evently'::regnamespace
	UNION ALL SELECT 'pg_collation'::regclass, oid, 0 FROM pg_collation WHERE collnamespace = 'evently'::regnamespace) o
WHERE NOT EXISTS (SELECT FROM pg_description d
	WHERE d.classoid = o.classid AND d.objoid = o.oid AND d.objsubid = o.part AND btrim(d.description) <> '')
$$;

SELECT is_empty('SELECT * FROM pg_temp.lint() ORDER BY 1, 2', 'every object follows the rules');

-- And it would see each breach.
CREATE FUNCTION evently.bad_path(a integer) RETURNS integer LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT a; END;
CREATE FUNCTION evently.bad_path(a bigint) RETURNS integer LANGUAGE sql SET search_path = public RETURN 1;
CREATE FUNCTION evently.bad_body(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION evently.bad_language(a integer) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN a; END';
CREATE FUNCTION evently.bad_secret() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp RETURN 1;
REVOKE ALL ON FUNCTION evently.bad_path(integer), evently.bad_path(bigint), evently.bad_body(integer) FROM PUBLIC;
CREATE TABLE evently.bad_table (a integer UNIQUE, b integer);
CREATE INDEX bad_index ON evently.bad_table (b);
CREATE SEQUENCE evently.bad_sequence;
CREATE VIEW evently.bad_view AS SELECT 1 AS one;
CREATE TYPE evently.bad_type AS (one integer);
CREATE DOMAIN evently.bad_domain AS integer CONSTRAINT bad_check CHECK (VALUE > 0);
CREATE TRIGGER bad_trigger AFTER DELETE ON evently.events EXECUTE FUNCTION evently.forget_keys();
CREATE POLICY bad_policy ON evently.events USING (true);
COMMENT ON COLUMN evently.events.title IS NULL;
COMMENT ON FUNCTION evently.check_in IS '';
SELECT results_eq('SELECT rule, object COLLATE "C" FROM pg_temp.lint() WHERE rule <> ''not the extension''''s'' ORDER BY rule COLLATE "C", object COLLATE "C"', $$
	VALUES
	('SQL function whose body is text', 'evently.bad_body(integer)' COLLATE "C"),
	('argument without a name', 'evently.bad_body(integer)'),
	('definer for everybody', 'evently.bad_secret()'),
	('language', 'evently.bad_language(integer)'),
	('no comment', 'column a of table evently.bad_table'),
	('no comment', 'column b of table evently.bad_table'),
	('no comment', 'column one of composite type evently.bad_type'),
	('no comment', 'column one of view evently.bad_view'),
	('no comment', 'column title of table evently.events'),
	('no comment', 'constraint bad_check'),
	('no comment', 'constraint bad_table_a_key on table evently.bad_table'),
	('no comment', 'function evently.bad_body(integer)'),
	('no comment', 'function evently.bad_language(integer)'),
	('no comment', 'function evently.bad_path(bigint)'),
	('no comment', 'function evently.bad_path(integer)'),
	('no comment', 'function evently.bad_secret()'),
	('no comment', 'function evently.check_in(text,bigint,text,text)'),
	('no comment', 'index evently.bad_index'),
	('no comment', 'policy bad_policy on table evently.events'),
	('no comment', 'sequence evently.bad_sequence'),
	('no comment', 'table evently.bad_table'),
	('no comment', 'trigger bad_trigger on table evently.events'),
	('no comment', 'type evently.bad_domain'),
	('no comment', 'type evently.bad_type'),
	('no comment', 'view evently.bad_view'),
	('not dumped', 'bad_sequence'),
	('not dumped', 'bad_table'),
	('overloaded', 'bad_path'),
	('path not pinned', 'evently.bad_body(integer)'),
	('path not pinned', 'evently.bad_path(integer)')$$,
	'the lint sees every breach');
SELECT is((SELECT count(*)::integer FROM pg_temp.lint() WHERE rule = 'not the extension''s'), 9, 'and what somebody else put into the schema');

SELECT * FROM finish();
ROLLBACK;
