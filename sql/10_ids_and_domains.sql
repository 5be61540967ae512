/*
 * Ids are bigint from sequences that stay below 2^53, so that JavaScript can
 * hold them. set_node() moves the sequences into the block of a node.
 */
CREATE SEQUENCE evently.venue_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.event_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.tier_ids         MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.order_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.order_item_ids   MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.ticket_ids       MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.notification_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.sold_out_check_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.refund_nos       MAXVALUE 9007199254740991;

COMMENT ON SEQUENCE evently.venue_ids IS 'Ids of venues';
COMMENT ON SEQUENCE evently.event_ids IS 'Ids of events';
COMMENT ON SEQUENCE evently.tier_ids IS 'Ids of ticket tiers';
COMMENT ON SEQUENCE evently.order_ids IS 'Ids of orders';
COMMENT ON SEQUENCE evently.order_item_ids IS 'Ids of order items';
COMMENT ON SEQUENCE evently.ticket_ids IS 'Ids of tickets';
COMMENT ON SEQUENCE evently.notification_ids IS 'Ids of notifications';
COMMENT ON SEQUENCE evently.sold_out_check_ids IS 'Ids of sold-out checks';
COMMENT ON SEQUENCE evently.refund_nos IS 'Numbers of refunds';

/* NaN and infinity are above every number, so the upper bound shuts them out. */
CREATE DOMAIN evently.amount AS numeric
	CONSTRAINT amount_is_money CHECK (VALUE >= 0 AND VALUE < 1e12 AND VALUE = round(VALUE, 3));
COMMENT ON DOMAIN evently.amount IS 'An amount of money in the currency named beside it: 0 or more, below 10^12, at most 3 decimals';
COMMENT ON CONSTRAINT amount_is_money ON DOMAIN evently.amount IS 'No NaN, no infinity, no fraction of a thousandth';

CREATE DOMAIN evently.currency_code AS text
	CONSTRAINT currency_code_is_iso_4217 CHECK (VALUE ~ '^[A-Z]{3}$');
COMMENT ON DOMAIN evently.currency_code IS 'ISO 4217 currency code, such as EUR';
COMMENT ON CONSTRAINT currency_code_is_iso_4217 ON DOMAIN evently.currency_code IS 'Three capital letters';

CREATE DOMAIN evently.label AS text
	CONSTRAINT label_is_not_blank CHECK (btrim(VALUE) <> '');
COMMENT ON DOMAIN evently.label IS 'A text that is not blank';
COMMENT ON CONSTRAINT label_is_not_blank ON DOMAIN evently.label IS 'More than spaces';

CREATE DOMAIN evently.instant AS timestamptz
	CONSTRAINT instant_is_finite CHECK (isfinite(VALUE));
COMMENT ON DOMAIN evently.instant IS 'A time that is not infinite';
COMMENT ON CONSTRAINT instant_is_finite ON DOMAIN evently.instant IS 'Neither infinity';

CREATE FUNCTION evently.set_node(node integer) RETURNS void
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_set_node';
COMMENT ON FUNCTION evently.set_node(integer) IS
'Make this database take its ids from block node << 42, so that the ids of several databases never collide.
node: 0 to 1023 (a new database is node 0).
Errors: 22023 node out of range, TK006 ids have already been taken.';

CREATE FUNCTION evently.node_of(id bigint) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (id >> 42)::integer;
COMMENT ON FUNCTION evently.node_of(bigint) IS
'The node whose database gave out this id (see set_node). id: any id of evently.';
