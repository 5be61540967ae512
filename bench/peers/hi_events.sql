-- The pattern of Hi.Events: an advisory lock on the event for the length of the
-- transaction, the quantities available of all its prices computed from what is
-- sold and what live reservations hold, then the order and its items.
-- Source: github.com/HiEventsDev/Hi.Events,
-- backend/app/Services/Application/Handlers/Order/CreateOrderHandler.php and
-- backend/app/Services/Domain/Product/AvailableProductQuantitiesFetchService.php.
-- Own SQL; promo codes, capacities and seats are left out, and it runs in one
-- function where Hi.Events needs several round trips.
CREATE SCHEMA hi_events;
CREATE TABLE hi_events.product_prices (
	price_id bigint PRIMARY KEY,
	event_id bigint NOT NULL,
	initial_quantity integer NOT NULL,
	quantity_sold integer NOT NULL DEFAULT 0
);
CREATE TABLE hi_events.orders (
	order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	event_id bigint NOT NULL,
	session_id text NOT NULL,
	status text NOT NULL,
	reserved_until timestamptz,
	total_gross numeric NOT NULL DEFAULT 0
);
CREATE INDEX ON hi_events.orders (event_id);
CREATE INDEX ON hi_events.orders (status);
CREATE INDEX ON hi_events.orders (session_id);
CREATE TABLE hi_events.order_items (
	item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id bigint NOT NULL REFERENCES hi_events.orders,
	price_id bigint NOT NULL,
	quantity integer NOT NULL,
	price numeric NOT NULL
);
CREATE INDEX ON hi_events.order_items (order_id);
CREATE INDEX ON hi_events.order_items (price_id);
CREATE FUNCTION hi_events.reserve(buyer bigint, price bigint, amount integer) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	available bigint;
	id bigint;
BEGIN
	PERFORM pg_advisory_xact_lock(1);
	SELECT p.initial_quantity - p.quantity_sold - coalesce(r.reserved, 0) INTO available
	FROM hi_events.product_prices p
	LEFT JOIN (SELECT i.price_id, sum(i.quantity) AS reserved
		FROM hi_events.order_items i JOIN hi_events.orders o ON o.order_id = i.order_id
		WHERE o.event_id = 1 AND o.status = 'RESERVED' AND o.reserved_until > now()
		GROUP BY i.price_id) r ON r.price_id = p.price_id
	WHERE p.event_id = 1 AND p.price_id = price;
	IF available < amount THEN
		RETURN NULL;
	END IF;
	INSERT INTO hi_events.orders (event_id, session_id, status, reserved_until)
	VALUES (1, 'session-' || buyer, 'RESERVED', now() + interval '15 minutes') RETURNING order_id INTO id;
	INSERT INTO hi_events.order_items (order_id, price_id, quantity, price) VALUES (id, price, amount, 10);
	UPDATE hi_events.orders SET total_gross = 10 * amount WHERE order_id = id;
	RETURN id;
END $$;
INSERT INTO hi_events.product_prices VALUES (1, 1, :stock);
-- sold
-- Half of what is gone is paid, half is held by those who are about to pay.
WITH o AS (INSERT INTO hi_events.orders (event_id, session_id, status, reserved_until)
	SELECT 1, 'sold-' || n, CASE WHEN n % 2 = 0 THEN 'COMPLETED' ELSE 'RESERVED' END, now() + interval '1 hour'
	FROM generate_series(1, :sold) n RETURNING order_id)
INSERT INTO hi_events.order_items (order_id, price_id, quantity, price) SELECT order_id, 1, 1, 10 FROM o;
UPDATE hi_events.product_prices SET quantity_sold = :sold / 2;
-- client
SELECT hi_events.reserve(:buyer, 1, :quantity);
-- verify
SELECT 'oversold' FROM hi_events.product_prices
WHERE initial_quantity < (SELECT sum(quantity) FROM hi_events.order_items)
