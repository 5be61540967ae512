-- The pattern of pretix: an advisory lock on the quota for the length of the
-- transaction, then what is left is counted anew from paid and pending order
-- positions and live cart positions, and the cart's positions are written.
-- Source: github.com/pretix/pretix, src/pretix/base/services/locking.py
-- (lock_objects, pg_lock_key), quotas.py (_compute_orders, _compute_carts) and
-- cart.py. Own SQL; vouchers, the waiting list and variations are left out, and
-- it runs in one function where pretix needs several round trips.
CREATE SCHEMA pretix;
CREATE TABLE pretix.quota (quota_id bigint PRIMARY KEY, item_id bigint NOT NULL, size integer NOT NULL);
CREATE TABLE pretix.orders (
	order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	event_id bigint NOT NULL,
	status text NOT NULL
);
CREATE INDEX ON pretix.orders (event_id);
CREATE TABLE pretix.order_position (
	position_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES pretix.orders,
	item_id bigint NOT NULL,
	price numeric NOT NULL
);
CREATE INDEX ON pretix.order_position (order_id);
CREATE INDEX ON pretix.order_position (item_id);
CREATE TABLE pretix.cart_position (
	position_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	cart_id text NOT NULL,
	event_id bigint NOT NULL,
	item_id bigint NOT NULL,
	price numeric NOT NULL,
	expires timestamptz NOT NULL
);
CREATE INDEX ON pretix.cart_position (event_id);
CREATE INDEX ON pretix.cart_position (cart_id);
CREATE INDEX ON pretix.cart_position (expires);
CREATE FUNCTION pretix.reserve(buyer bigint, item bigint, amount integer) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	wanted pretix.quota;
	left_over bigint;
BEGIN
	SELECT * INTO wanted FROM pretix.quota q WHERE q.item_id = item;
	PERFORM pg_advisory_xact_lock(wanted.quota_id << 33 | 2);
	SELECT wanted.size - count(*) INTO left_over
	FROM pretix.order_position p JOIN pretix.orders o ON o.order_id = p.order_id
	WHERE o.event_id = 1 AND o.status IN ('p', 'n') AND p.item_id = item;
	SELECT left_over - count(*) INTO left_over FROM pretix.cart_position c
	WHERE c.event_id = 1 AND c.item_id = item AND c.expires >= now();
	IF left_over < amount THEN
		RETURN NULL;
	END IF;
	INSERT INTO pretix.cart_position (cart_id, event_id, item_id, price, expires)
	SELECT 'cart-' || buyer, 1, item, 10, now() + interval '30 minutes' FROM generate_series(1, amount);
	RETURN left_over - amount;
END $$;
INSERT INTO pretix.quota VALUES (1, 1, :stock);
-- sold
WITH o AS (INSERT INTO pretix.orders (event_id, status)
	SELECT 1, 'p' FROM generate_series(1, :sold) RETURNING order_id)
INSERT INTO pretix.order_position (order_id, item_id, price) SELECT order_id, 1, 10 FROM o;
-- client
SELECT pretix.reserve(:buyer, 1, :quantity);
-- verify
SELECT 'oversold' FROM pretix.quota
WHERE size < (SELECT count(*) FROM pretix.order_position) + (SELECT count(*) FROM pretix.cart_position)
