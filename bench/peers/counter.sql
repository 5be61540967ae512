-- One guarded counter row, in a function: the textbook's way to keep stock in one
-- row and never go below zero (PostgreSQL documentation, 13.2.1 "Read Committed
-- Isolation Level": an UPDATE waits for the row and checks its WHERE again).
-- The best case for it: one round trip, kept plans, and only what the order needs.
CREATE SCHEMA counter;
CREATE TABLE counter.tiers (
	tier_id bigint PRIMARY KEY,
	available integer NOT NULL CHECK (available >= 0)
) WITH (fillfactor = 10);
CREATE TABLE counter.orders (
	order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	buyer_id bigint NOT NULL,
	status text NOT NULL DEFAULT 'PENDING',
	total_amount numeric NOT NULL,
	expires_at timestamptz NOT NULL
);
CREATE INDEX ON counter.orders (expires_at) WHERE status = 'PENDING';
CREATE TABLE counter.order_items (
	item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES counter.orders,
	tier_id bigint NOT NULL,
	quantity integer NOT NULL,
	unit_price numeric NOT NULL
);
CREATE INDEX ON counter.order_items (order_id);
CREATE FUNCTION counter.reserve(buyer bigint, tier bigint, amount integer) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	UPDATE counter.tiers SET available = available - amount
	WHERE tier_id = tier AND available >= amount;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO counter.orders (buyer_id, total_amount, expires_at)
	VALUES (buyer, 10 * amount, now() + interval '15 minutes') RETURNING order_id INTO id;
	INSERT INTO counter.order_items (order_id, tier_id, quantity, unit_price)
	VALUES (id, tier, amount, 10);
	RETURN id;
END $$;
INSERT INTO counter.tiers VALUES (1, :stock);
-- sold
WITH o AS (INSERT INTO counter.orders (buyer_id, status, total_amount, expires_at)
	SELECT n, 'CONFIRMED', 10, now() + interval '1 year' FROM generate_series(1, :sold) n RETURNING order_id)
INSERT INTO counter.order_items (order_id, tier_id, quantity, unit_price) SELECT order_id, 1, 1, 10 FROM o;
UPDATE counter.tiers SET available = available - :sold;
-- client
SELECT counter.reserve(:buyer, 1, :quantity);
-- verify
SELECT 'counter and orders differ' FROM counter.tiers
WHERE available <> :stock - (SELECT coalesce(sum(quantity), 0) FROM counter.order_items)
