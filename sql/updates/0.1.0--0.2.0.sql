/*
 * From evently 0.1.0 to 0.2.0. Changes come first, by part of the business, then
 * new modules, in the order of the install script.
 */
\echo Use "ALTER EXTENSION evently UPDATE" to load this file. \quit

/* --- Copies: keys that replication changes are forgotten too --- */

DROP TRIGGER forget_keys ON evently.event_keys;
DROP TRIGGER forget_keys ON evently.event_private_keys;
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_private_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
ALTER TABLE evently.event_keys ENABLE ALWAYS TRIGGER forget_keys;
ALTER TABLE evently.event_private_keys ENABLE ALWAYS TRIGGER forget_keys;
COMMENT ON TRIGGER forget_keys ON evently.event_keys IS 'No backend goes on with a key that was changed or removed';
COMMENT ON TRIGGER forget_keys ON evently.event_private_keys IS 'No backend keeps a private key that was rotated out';

/* --- Jobs: a roll-up of nothing took half a second of JIT --- */

ALTER FUNCTION evently.roll_up_sales SET jit = off;

@include sql/79_id_functions.sql
@include sql/90_dump_and_privileges.sql
