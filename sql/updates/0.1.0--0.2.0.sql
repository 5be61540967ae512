/*
 * From evently 0.1.0 to 0.2.0. Changes come first, by part of the business, then
 * new modules, in the order of the install script.
 */
\echo Use "ALTER EXTENSION evently UPDATE" to load this file. \quit

/* Sales: an order without a key needs no entry in the keys' index. */
ALTER TABLE evently.orders DROP CONSTRAINT orders_idempotency_key;
CREATE UNIQUE INDEX orders_idempotency_key ON evently.orders (event_id, buyer_id, idempotency_key)
	WHERE idempotency_key IS NOT NULL;
COMMENT ON INDEX evently.orders_idempotency_key IS 'One order for each key of a buyer at an event';
DROP INDEX evently.orders_pending;
CREATE INDEX orders_pending ON evently.orders (event_id, expires_at, buyer_id) WHERE status = 'PENDING';
COMMENT ON INDEX evently.orders_pending IS 'The holds of an event by the time of their lapse, and whose they are';

@include sql/90_dump_and_privileges.sql
