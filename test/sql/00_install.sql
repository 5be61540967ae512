--
-- CREATE EXTENSION and DROP EXTENSION in a database with nothing in it.
--
CREATE EXTENSION evently CASCADE;

SELECT e.extname, n.nspname AS schema, e.extrelocatable AS relocatable
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname IN ('evently', 'postgis', 'btree_gist', 'pg_trgm')
ORDER BY e.extname COLLATE "C";

-- Everything in the schema belongs to the extension, and the schema too.
CREATE TEMP VIEW objects AS
SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid,
	CASE c.relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence '
		WHEN 'i' THEN 'index ' ELSE c.relkind::text || ' ' END || c.relname AS object
FROM pg_class c WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind <> 'c'
UNION ALL
SELECT 'pg_proc'::regclass, p.oid, 'function ' || p.proname
FROM pg_proc p WHERE p.pronamespace = 'evently'::regnamespace
UNION ALL
SELECT 'pg_type'::regclass, t.oid, 'type ' || t.typname
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'evently'::regnamespace AND coalesce(c.relkind, 'c') = 'c' AND t.typelem = 0
UNION ALL
SELECT 'pg_trigger'::regclass, g.oid, format('trigger %s on %s', g.tgname, c.relname)
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
WHERE c.relnamespace = 'evently'::regnamespace AND NOT g.tgisinternal
UNION ALL
SELECT 'pg_namespace'::regclass, n.oid, 'schema ' || n.nspname
FROM pg_namespace n WHERE n.nspname = 'evently';

SELECT split_part(object, ' ', 1) AS kind, count(*) > 0 AS there FROM objects GROUP BY split_part(object, ' ', 1) ORDER BY split_part(object, ' ', 1) COLLATE "C";
SELECT o.object AS belongs_to_nobody
FROM objects o
WHERE o.object !~ '^(index|trigger) ' AND NOT EXISTS (
	SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'evently'
	WHERE d.classid = o.classid AND d.objid = o.objid AND d.objsubid = 0
		AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e');

-- Every object has a comment, an index that only serves a constraint excepted; every column has one.
SELECT o.object AS without_comment
FROM objects o
WHERE obj_description(o.objid, o.classid::regclass::name) IS NULL
	AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = o.objid AND o.classid = 'pg_class'::regclass)
ORDER BY 1;
SELECT c.relname, a.attname AS without_comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'c') AND a.attnum > 0 AND NOT a.attisdropped
	AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1, 2;

-- Every function has a pinned path, or a body whose names were resolved when it was made. run_jobs() has neither
-- (it commits, so it cannot): it qualifies every name.
SELECT p.proname AS path_not_pinned
FROM pg_proc p
WHERE p.pronamespace = 'evently'::regnamespace
	AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) AND p.prosqlbody IS NULL
ORDER BY 1;
-- A function that runs as its owner always has one.
SELECT p.proname AS definer_without_path
FROM pg_proc p
WHERE p.pronamespace = 'evently'::regnamespace AND p.prosecdef
	AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);

-- Every table and sequence goes into dumps.
SELECT c.relname AS not_dumped
FROM pg_class c
WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'S', 'p')
	AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'evently' AND c.oid = ANY (e.extconfig));

-- Nothing is there yet, and nothing is wrong with it.
SELECT * FROM evently.verify();

-- Dropped, it leaves nothing behind: as many rows in the catalogs as before it came.
CREATE FUNCTION pg_temp.catalog_rows() RETURNS TABLE (catalog text, n bigint)
LANGUAGE plpgsql AS $$
BEGIN
	FOREACH catalog IN ARRAY ARRAY['pg_namespace', 'pg_class', 'pg_attribute', 'pg_attrdef', 'pg_proc', 'pg_type', 'pg_constraint',
		'pg_trigger', 'pg_rewrite', 'pg_sequence', 'pg_operator', 'pg_opclass', 'pg_cast', 'pg_event_trigger', 'pg_depend', 'pg_description',
		'pg_init_privs', 'pg_extension', 'pg_policy', 'pg_foreign_server'] LOOP
		EXECUTE format('SELECT count(*) FROM pg_catalog.%I', catalog) INTO n;
		RETURN NEXT;
	END LOOP;
END
$$;
DROP VIEW objects;
DROP EXTENSION evently;
CREATE TEMP TABLE before (catalog text, n bigint);
INSERT INTO before SELECT * FROM pg_temp.catalog_rows();
CREATE EXTENSION evently;
DROP EXTENSION evently;
SELECT catalog, b.n AS before, a.n AS after FROM before b JOIN pg_temp.catalog_rows() a USING (catalog) WHERE a.n <> b.n;

-- A schema that somebody made beforehand is not taken over.
-- (18 tells the statement and its line besides.)
\set SHOW_CONTEXT never
CREATE SCHEMA evently;
CREATE EXTENSION evently;
\unset SHOW_CONTEXT
DROP SCHEMA evently;

-- It needs the others.
DROP EXTENSION pg_trgm;
CREATE EXTENSION evently;
CREATE EXTENSION evently CASCADE;
DROP EXTENSION btree_gist;
DROP EXTENSION evently;
