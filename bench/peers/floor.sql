-- The floor: the rows that evently writes, into copies of its tables (columns,
-- defaults, checks, indexes, foreign keys; no triggers), by functions of the same
-- kind: C, kept plans, the same attributes (bench/floor.c). No stock.
CREATE SCHEMA floor;
CREATE TABLE floor.orders (LIKE evently.orders INCLUDING ALL);
CREATE TABLE floor.order_items (LIKE evently.order_items INCLUDING ALL,
	FOREIGN KEY (order_id) REFERENCES floor.orders);
CREATE TABLE floor.payments (LIKE evently.payments INCLUDING ALL,
	FOREIGN KEY (order_id) REFERENCES floor.orders);
CREATE TABLE floor.tickets (LIKE evently.tickets INCLUDING ALL,
	FOREIGN KEY (order_id) REFERENCES floor.orders) WITH (fillfactor = 90);
CREATE TABLE floor.notifications (LIKE evently.notifications INCLUDING ALL);
CREATE TABLE floor.scans (LIKE evently.scans INCLUDING ALL);

CREATE FUNCTION floor.reserve(event_id bigint, buyer_id bigint, tier_id bigint, quantity integer)
	RETURNS floor.orders
	LANGUAGE C VOLATILE STRICT SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
	AS :'floor', 'floor_reserve';
CREATE FUNCTION floor.confirm(order_id bigint, payment_id text, quantity integer)
	RETURNS floor.tickets[]
	LANGUAGE C VOLATILE STRICT SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
	AS :'floor', 'floor_confirm';
CREATE FUNCTION floor.check_in(secret uuid) RETURNS bigint
	LANGUAGE C VOLATILE STRICT SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
	AS :'floor', 'floor_check_in';
-- client
SELECT (floor.reserve(1, :buyer, 1, :quantity)).order_id;
-- verify
SELECT count(*) || ' orders without an item' FROM floor.orders o
WHERE NOT EXISTS (SELECT FROM floor.order_items i WHERE i.order_id = o.order_id) HAVING count(*) > 0
