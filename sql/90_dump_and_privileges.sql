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

/*
 * What an update finds has its privileges already, the DBA's among them: a
 * REVOKE there, even one that changes nothing, would have pg_dump take them for
 * the extension's own and leave them out.
 */
DO $$
DECLARE
	object text;
BEGIN
	FOR object IN
		SELECT format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
		FROM pg_class c
		WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S')
			AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid)
		UNION ALL
		SELECT format('ROUTINE %s', p.oid::regprocedure)
		FROM pg_proc p
		WHERE p.pronamespace = 'evently'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid)
	LOOP
		EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', object);
	END LOOP;
END $$;
