-- The first design of this extension, as an application would write it: the
-- client locks the tier's row, looks, writes; five round trips and the lock is
-- held over four of them (PostgreSQL documentation, 13.3.2 "Row-Level Locks").
CREATE SCHEMA for_update;
CREATE TABLE for_update.tiers (
	tier_id bigint PRIMARY KEY,
	available integer NOT NULL CHECK (available >= 0)
) WITH (fillfactor = 10);
CREATE TABLE for_update.orders (
	order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	buyer_id bigint NOT NULL,
	status text NOT NULL DEFAULT 'PENDING',
	total_amount numeric NOT NULL,
	expires_at timestamptz NOT NULL
);
CREATE INDEX ON for_update.orders (expires_at) WHERE status = 'PENDING';
CREATE TABLE for_update.order_items (
	item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES for_update.orders,
	tier_id bigint NOT NULL REFERENCES for_update.tiers,
	quantity integer NOT NULL,
	unit_price numeric NOT NULL
);
CREATE INDEX ON for_update.order_items (order_id);
INSERT INTO for_update.tiers VALUES (1, :stock);
-- sold
WITH o AS (INSERT INTO for_update.orders (buyer_id, status, total_amount, expires_at)
	SELECT n, 'CONFIRMED', 10, now() + interval '1 year' FROM generate_series(1, :sold) n RETURNING order_id)
INSERT INTO for_update.order_items (order_id, tier_id, quantity, unit_price) SELECT order_id, 1, 1, 10 FROM o;
UPDATE for_update.tiers SET available = available - :sold;
-- client
BEGIN;
SELECT available FROM for_update.tiers WHERE tier_id = 1 FOR UPDATE \gset
\if :available >= :quantity
UPDATE for_update.tiers SET available = available - :quantity WHERE tier_id = 1;
WITH o AS (
	INSERT INTO for_update.orders (buyer_id, total_amount, expires_at)
	VALUES (:buyer, 10 * :quantity, now() + interval '15 minutes') RETURNING order_id)
INSERT INTO for_update.order_items (order_id, tier_id, quantity, unit_price)
SELECT order_id, 1, :quantity, 10 FROM o;
\endif
COMMIT;
-- verify
SELECT 'counter and orders differ' FROM for_update.tiers
WHERE available <> :stock - (SELECT coalesce(sum(quantity), 0) FROM for_update.order_items)
