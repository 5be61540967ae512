-- What a sale costs does not grow with the versions of the shard that an old
-- snapshot keeps alive; and rows that have moved are found.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- Rows move: where the backend left its shard of a sale is another row, as pages
-- are filled to the brim now.
SELECT event, tier FROM pg_temp.sale(1000000) \gset
SELECT event AS event, tier AS tier FROM pg_temp.sale(1000000) \gset second_
SELECT FROM generate_series(1, 20) n, pg_temp.sale(999980 + n) \g /dev/null
CLUSTER evently.inventory_shards USING inventory_shards_pkey;
SELECT evently.reserve_tier(:second_event, 1, :second_tier, 1) \g /dev/null
SELECT ctid AS place FROM evently.inventory_shards WHERE tier_id = :second_tier AND available <> 15625 \gset
ALTER TABLE evently.inventory_shards SET (fillfactor = 100);
CLUSTER evently.inventory_shards;
SELECT isnt(available, 15624, 'another row stands in the place') FROM evently.inventory_shards WHERE ctid = :'place';
SELECT evently.reserve_tier(:second_event, 2, :second_tier, 1) \g /dev/null
SELECT is(pg_temp.stock(:second_tier), '999998/2/0/0', 'the row is found where it is now');
ALTER TABLE evently.inventory_shards SET (fillfactor = 10);
CLUSTER evently.inventory_shards;

-- Within a transaction none of its own versions can go, as if a snapshot were open.
SELECT evently.reserve_tier(:event, n, :tier, 1) FROM generate_series(1, 10) n \g /dev/null
SELECT pg_temp.pages(format('SELECT evently.reserve_tier(%s, 1, %s, 1)', :event, :tier), warm => false) AS before \gset
SELECT evently.reserve_tier(:event, n, :tier, 1) FROM generate_series(1, 3000) n \g /dev/null
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.reserve_tier(%s, 1, %s, 1)', :event, :tier), warm => false), '<=', :before + 12,
	'after 3,000 sales a reservation reads no more pages');
SELECT is(pg_temp.stock(:tier), '996988/3012/0/0', 'all are counted');

-- A place that a rollback has taken back.
SAVEPOINT before;
SELECT evently.reserve_tier(:second_event, n, :second_tier, 1) FROM generate_series(1, 30) n \g /dev/null
ROLLBACK TO before;
SELECT evently.reserve_tier(:second_event, 1, :second_tier, 1) \g /dev/null
SELECT is(pg_temp.stock(:second_tier), '999997/3/0/0', 'after a rollback the row is found');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
