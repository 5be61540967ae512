/*
 * What pg_dump carries: every table and every sequence. Then: nothing for PUBLIC.
 */
DO $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN
		SELECT c.oid FROM pg_class c
		WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'S')
		ORDER BY c.relname
	LOOP
		PERFORM pg_extension_config_dump(relation, '');
	END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM PUBLIC;
