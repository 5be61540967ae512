/*
 * What pg_dump carries: every table and every sequence, private keys only where
 * evently.dump_private_keys is on. Then: nothing for PUBLIC.
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
		PERFORM pg_extension_config_dump(relation,
			CASE relation WHEN 'evently.event_private_keys'::regclass
				THEN $w$WHERE nullif(current_setting('evently.dump_private_keys', true), '')::boolean$w$
				ELSE '' END);
	END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM PUBLIC;
