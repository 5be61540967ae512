-- Who may do what: every function, relation and sequence, each kind of role.
\ir include/fixtures.psql
\ir include/roles.psql
\ir include/role_matrix.psql
SELECT * FROM no_plan();

CREATE TEMP TABLE kind_role (kind text, role name);
INSERT INTO kind_role VALUES ('app', 'evently_test_app'), ('organizer', 'evently_test_organizer'),
	('scanner', 'evently_test_scanner'), ('reporter', 'evently_test_reporter'), ('jobs', 'evently_test_jobs'),
	('nobody', 'evently_test_nobody');

-- What each may do with each object, in letters; "-" for nothing. Columns are
-- listed where somebody may do with them what he may not with the table.
CREATE TEMP VIEW actual AS
SELECT p.proname || '()' AS object, k.kind, CASE WHEN has_function_privilege(k.role, p.oid, 'EXECUTE') THEN 'x' ELSE '-' END AS may
FROM pg_proc p, kind_role k WHERE p.pronamespace = 'evently'::regnamespace
UNION ALL
SELECT c.relname, k.kind, coalesce(string_agg(v.letter, '' ORDER BY v.n) FILTER (WHERE has_table_privilege(k.role, c.oid, v.privilege)), '-')
FROM pg_class c, kind_role k, (VALUES (1, 'r', 'SELECT'), (2, 'a', 'INSERT'), (3, 'w', 'UPDATE'), (4, 'd', 'DELETE'),
	(5, 'D', 'TRUNCATE'), (6, 'x', 'REFERENCES'), (7, 't', 'TRIGGER')) v (n, letter, privilege)
WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f') GROUP BY c.relname, k.kind
UNION ALL
SELECT c.relname, k.kind, coalesce(string_agg(v.letter, '' ORDER BY v.n) FILTER (WHERE has_sequence_privilege(k.role, c.oid, v.privilege)), '-')
FROM pg_class c, kind_role k, (VALUES (1, 'r', 'SELECT'), (2, 'w', 'UPDATE'), (3, 'U', 'USAGE')) v (n, letter, privilege)
WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'S' GROUP BY c.relname, k.kind
UNION ALL
SELECT object, kind, may FROM (
	SELECT c.relname || '.' || a.attname AS object, k.kind, coalesce(string_agg(v.letter, '' ORDER BY v.n)
		FILTER (WHERE has_column_privilege(k.role, c.oid, a.attnum, v.privilege)
			AND NOT has_table_privilege(k.role, c.oid, v.privilege)), '-') AS may,
		bool_or(bool_or(has_column_privilege(k.role, c.oid, a.attnum, v.privilege)
			AND NOT has_table_privilege(k.role, c.oid, v.privilege))) OVER (PARTITION BY c.oid, a.attnum) AS listed
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped, kind_role k,
		(VALUES (1, 'r', 'SELECT'), (2, 'a', 'INSERT'), (3, 'w', 'UPDATE'), (4, 'x', 'REFERENCES')) v (n, letter, privilege)
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
	GROUP BY c.oid, a.attnum, a.attname, k.kind) o
WHERE listed
UNION ALL
SELECT 'schema', k.kind, CASE WHEN has_schema_privilege(k.role, 'evently', 'USAGE') THEN 'U' ELSE '' END
	|| CASE WHEN has_schema_privilege(k.role, 'evently', 'CREATE') THEN 'C' ELSE '' END
	|| CASE WHEN NOT has_schema_privilege(k.role, 'evently', 'USAGE, CREATE') THEN '-' ELSE '' END
FROM kind_role k;

SELECT is_empty($$
	SELECT object, kind, a.may AS is, coalesce(e.may, 'not decided') AS should_be
	FROM actual a FULL JOIN expected e USING (object, kind)
	WHERE a.may IS DISTINCT FROM e.may ORDER BY object, kind$$,
	'privileges are those of include/role_matrix.psql; a new object is decided upon there');

-- The facts that grants are made from name nothing that is not there, and nothing twice.
SELECT is_empty($$
	SELECT object_type, object_name, column_name FROM evently.role_privileges p
	WHERE NOT CASE object_type
		WHEN 'SCHEMA' THEN object_name = 'evently'
		WHEN 'ROUTINE' THEN EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'evently'::regnamespace AND proname = object_name)
		ELSE EXISTS (SELECT FROM pg_class c WHERE relnamespace = 'evently'::regnamespace AND relname = object_name
			AND (column_name IS NULL OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = column_name)))
	END$$, 'role_privileges names what there is');
SELECT is_empty('SELECT kind, grant_text FROM evently.role_privileges GROUP BY 1, 2 HAVING count(*) > 1', 'and each once');

-- Has a privilege the meaning that it should? Each function is called, with no
-- argument known (but not by a constant, which would never be called); each
-- relation is read.
SELECT is_empty($$
	SELECT object, kind, outcome FROM (
		SELECT p.proname || '()' AS object, k.kind, e.may, pg_temp.run_as(k.role, CASE
			WHEN p.prokind = 'p' THEN format('CALL evently.%I()', p.proname)
			ELSE format('SELECT evently.%I(%s) FROM (SELECT %s OFFSET 0) x', p.proname, a.names, a.nulls) END) AS outcome
		FROM pg_proc p
		CROSS JOIN LATERAL (SELECT string_agg('x.a' || n, ', ' ORDER BY n) AS names,
			string_agg(format('NULL::%s AS a%s', t::regtype, n), ', ' ORDER BY n) AS nulls
			FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (t, n)) a
		CROSS JOIN kind_role k JOIN expected e USING (kind)
		WHERE p.pronamespace = 'evently'::regnamespace AND e.object = p.proname || '()') c
	WHERE (outcome ~ '^42501 permission denied for (function|procedure|schema)') = (may = 'x') OR outcome ~ '^42(601|883|P01|704)'$$,
	'every function: called by every kind, let through or not as expected');
SELECT is_empty($$
	SELECT object, kind, outcome FROM (
		SELECT c.relname AS object, k.kind, e.may, pg_temp.run_as(k.role, format('SELECT count(*) FROM evently.%I', c.relname)) AS outcome
		FROM pg_class c, kind_role k JOIN expected e USING (kind)
		WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S') AND e.object = c.relname) r
	WHERE CASE WHEN may ~ 'r' THEN outcome !~ '^\d+$' ELSE outcome !~ '^42501 permission denied' END$$,
	'every relation: read by every kind, let through or not as expected');
SELECT is_empty($$
	SELECT object, kind, outcome FROM (
		SELECT object, kind, may, pg_temp.run_as(k.role, format('UPDATE evently.%I SET %I = %2$I WHERE false',
			split_part(object, '.', 1), split_part(object, '.', 2))) AS outcome
		FROM expected JOIN kind_role k USING (kind) WHERE object ~ '\.') r
	WHERE CASE WHEN may ~ 'w' THEN outcome <> 'ok' ELSE outcome !~ '^42501 permission denied' END$$,
	'every column: updated by every kind, let through or not as expected');
SELECT is_empty($$
	SELECT c.relname, k.kind, s.statement, o.outcome
	FROM pg_class c, kind_role k, unnest(ARRAY['INSERT INTO evently.%I DEFAULT VALUES', 'DELETE FROM evently.%I', 'TRUNCATE evently.%I',
		'LOCK evently.%I IN ROW EXCLUSIVE MODE', 'ALTER TABLE evently.%I ADD x integer', 'CREATE RULE r AS ON UPDATE TO evently.%I DO NOTHING']) s (statement),
		LATERAL (SELECT pg_temp.run_as(k.role, format(s.statement, c.relname)) AS outcome) o
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'r' AND o.outcome !~ '^42501 '
		-- A lock is anybody's who may update a column.
		AND NOT (s.statement ~ '^LOCK' AND has_any_column_privilege(k.role, c.oid, 'UPDATE'))$$,
	'no kind inserts, deletes, empties or alters anything');

-- A function in the reader's query must not see the rows that a view leaves out.
SELECT is_empty($$
	SELECT c.relname FROM pg_class c JOIN evently.role_privileges p ON p.object_name = c.relname AND p.kind IN ('organizer', 'reporter')
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') @> '{security_barrier=true}'$$,
	'the views of organizers and reporters are barriers');

-- What never leaves: not by a view, not by a column.
SELECT is_empty($$
	SELECT k.kind, c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0, kind_role k
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm')
		AND (a.attname IN ('private_key', 'qr_code', 'token', 'payload', 'fingerprint', 'idempotency_key')
			OR k.kind <> 'organizer' AND a.attname ~ '(email|attendee|recipient|buyer_name)')
		AND (k.kind <> 'app' OR a.attname = 'private_key')
		AND has_column_privilege(k.role, c.oid, a.attnum, 'SELECT')$$,
	'secrets are the application''s, e-mail addresses and names the organizer''s too');

SELECT * FROM finish();
ROLLBACK;
