-- Rows are inserted without a statement, by what the backend knows of the table:
-- what a statement would do is done, also what the owner hung onto the table since.
\ir include/fixtures.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.reserve(buyer bigint, email text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM evently.reserve_tier(event, buyer, tier, 2, buyer_email => email) FROM sold;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT event, tier FROM pg_temp.sale(1000) \gset
CREATE TEMP TABLE sold AS SELECT :event::bigint AS event, :tier::bigint AS tier;
SELECT is(pg_temp.reserve(1, 'ada@example.org'), 'ok', 'as it was made');
SELECT r::text AS returned FROM sold, evently.reserve_tier(event, 2, tier, 2) r \gset
SELECT is(o::text, :'returned', 'the row that is returned is the row') FROM evently.orders o WHERE event_id = :event AND buyer_id = 2;
SELECT is(i.subtotal, 2 * i.unit_price::numeric, 'generated columns are') FROM evently.order_items i ORDER BY item_id DESC LIMIT 1;

-- All rows of a sale and of the door go so; the memory that is kept for a table says it.
SELECT order_id AS paid FROM evently.reserve_tier(:event, 11, :tier, 2) \gset
SELECT evently.confirm_order(:paid, 'p-39', 20), evently.check_in('no ticket', :event) \g /dev/null
SELECT is(string_agg(ident, ' ' ORDER BY ident COLLATE "C"), 'notifications order_items orders scans tickets', 'no row went by a statement')
FROM pg_backend_memory_contexts WHERE name = 'evently insert';

ALTER TABLE evently.orders ADD CONSTRAINT no_buyer_3 CHECK (buyer_id <> 3);
SELECT is(pg_temp.reserve(3), '23514 new row for relation "orders" violates check constraint "no_buyer_3"', 'a new CHECK');
SELECT is(pg_temp.reserve(4), 'ok', 'lets others pass');
ALTER TABLE evently.orders DROP CONSTRAINT no_buyer_3;
SELECT is(pg_temp.reserve(3), 'ok', 'gone again');

ALTER DOMAIN evently.amount ADD CONSTRAINT not_20 CHECK (VALUE <> 20) NOT VALID;
SELECT is(pg_temp.reserve(5), '23514 value for domain evently.amount violates check constraint "not_20"', 'a new condition of a domain');
ALTER DOMAIN evently.amount DROP CONSTRAINT not_20;

CREATE UNIQUE INDEX one_order ON evently.orders (buyer_id) WHERE buyer_id > 100;
SELECT is(pg_temp.reserve(101), 'ok', 'a new unique index');
SELECT is(pg_temp.reserve(101), '23505 duplicate key value violates unique constraint "one_order"', 'is kept');
DROP INDEX evently.one_order;
SELECT is(pg_temp.reserve(101), 'ok', 'and gone');
SELECT is(count(*), 2::bigint, 'each row is in the other indexes') FROM evently.orders WHERE event_id = :event AND buyer_id = 101;

ALTER TABLE evently.orders ADD COLUMN shop text DEFAULT 'main street';
SELECT is(pg_temp.reserve(6), 'ok', 'a column of the owner''s');
SELECT is(shop, 'main street', 'has its default') FROM evently.orders WHERE buyer_id = 6;
ALTER TABLE evently.orders DROP COLUMN shop;
SELECT is(pg_temp.reserve(7), 'ok', 'and is gone');

CREATE TABLE pg_temp.customers (customer_id bigint PRIMARY KEY);
INSERT INTO pg_temp.customers VALUES (8);
CREATE TABLE public.customers (customer_id bigint PRIMARY KEY);
INSERT INTO public.customers VALUES (8);
ALTER TABLE evently.orders ADD CONSTRAINT our_customers FOREIGN KEY (buyer_id) REFERENCES public.customers NOT VALID;
SELECT is(pg_temp.reserve(8), 'ok', 'a foreign key of the owner''s');
SELECT alike(pg_temp.reserve(9), '23503 %our_customers%', 'is kept');
ALTER TABLE evently.orders DROP CONSTRAINT our_customers;

CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.cancel_reason := 'noted';
	RETURN NEW;
END $$;
CREATE TRIGGER note BEFORE INSERT ON evently.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT results_eq('SELECT r.cancel_reason FROM sold, evently.reserve_tier(event, 10, tier, 2) r', ARRAY['noted'], 'a trigger of the owner''s fires');
SELECT is(string_agg(ident, ' ' ORDER BY ident COLLATE "C"), 'by statement notifications order_items scans tickets', 'by a statement')
FROM pg_backend_memory_contexts WHERE name = 'evently insert';
DROP TRIGGER note ON evently.orders;
SELECT results_eq('SELECT r.cancel_reason FROM sold, evently.reserve_tier(event, 10, tier, 2) r', ARRAY[NULL], 'or not');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
