--
-- sync_ids(): sequences go past the ids that are in their tables, and never back.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;

-- Each sequence is the default of a column, which is how its table is found.
SELECT s.oid::regclass AS of_no_column FROM pg_class s
WHERE s.relnamespace = 'evently'::regnamespace AND s.relkind = 'S'
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_attrdef'::regclass
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid);

SELECT evently.set_node(2);
-- Nothing is used yet.
SELECT * FROM evently.sync_ids();
SELECT event_id - (2::bigint << 42) AS nth FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
SELECT event_id - (2::bigint << 42) AS nth FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
-- Nor is anything behind.
SELECT * FROM evently.sync_ids();

-- A row that came with its id, as by replication.
INSERT INTO evently.events SELECT (e).* FROM (
	SELECT jsonb_populate_record(e, jsonb_build_object('event_id', (2::bigint << 42) + 40)) AS e
	FROM evently.events e WHERE event_id = (2::bigint << 42) + 1) x;
SELECT sequence_name, next_id - (2::bigint << 42) AS nth FROM evently.sync_ids();
SELECT * FROM evently.sync_ids();
SELECT event_id - (2::bigint << 42) AS nth FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');

-- Ahead of its table: not back.
SELECT setval('evently.venue_ids', (2::bigint << 42) + 500) - (2::bigint << 42) AS last;
SELECT * FROM evently.sync_ids();
SELECT venue_id - (2::bigint << 42) AS nth FROM evently.create_venue('Hall', 10, 'THEATER', 'UTC');

-- A gap: every sequence leaves out so many ids.
SELECT count(*) = (SELECT count(*) FROM pg_sequences WHERE schemaname = 'evently') AS every,
	max(next_id) FILTER (WHERE sequence_name = 'evently.event_ids') - (2::bigint << 42) AS event,
	max(next_id) FILTER (WHERE sequence_name = 'evently.order_ids') - (2::bigint << 42) AS first_order
FROM evently.sync_ids(gap => 1000);
SELECT event_id - (2::bigint << 42) AS nth FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');

-- Ids of another node, of one that is ahead of ours and of one behind, are none
-- of ours.
INSERT INTO evently.events SELECT (e).* FROM (
	SELECT jsonb_populate_record(e, jsonb_build_object('event_id', n)) AS e
	FROM evently.events e, unnest(ARRAY[7, (3::bigint << 42) + 70]) n WHERE event_id = (2::bigint << 42) + 1) x;
SELECT * FROM evently.sync_ids();
-- In the place of that one.
SELECT sequence_name, next_id - (3::bigint << 42) AS nth FROM evently.sync_ids(3) WHERE sequence_name ~ 'event_ids|order_ids';
SELECT evently.node_of(event_id) AS node, event_id - (3::bigint << 42) AS nth
FROM evently.create_event(1, 'Match', 'SPORTS', '2099-07-01 20:00+00', '2099-07-01 23:00+00');
-- And back: past the last one given out here.
SELECT sequence_name, next_id - (2::bigint << 42) AS nth FROM evently.sync_ids(2) WHERE sequence_name ~ 'event_ids|order_ids';

-- A block in which a table has nothing of one's own, but of others.
\set VERBOSITY terse
DO $$ BEGIN PERFORM setval(format('evently.%I', sequencename), (5::bigint << 42) + 1, false) FROM pg_sequences WHERE schemaname = 'evently'; END $$;
SELECT * FROM evently.sync_ids();
\set VERBOSITY default
SELECT evently.node_of(next_id) AS node FROM evently.sync_ids(5);
SELECT count(*) = (SELECT count(*) FROM pg_sequences WHERE schemaname = 'evently') AS every, min(evently.node_of(next_id)) AS node FROM evently.sync_ids(2);

-- Bounds.
SELECT evently.sync_ids(1024);
SELECT evently.sync_ids(-1);
SELECT evently.sync_ids(gap => -1);
SELECT evently.sync_ids(gap => 1000000001);
SELECT evently.sync_ids(gap => NULL);
-- The last ids of a block: refused as a whole.
SELECT setval('evently.scan_ids', (3::bigint << 42) - 10) - (3::bigint << 42) AS last;
SELECT evently.sync_ids(gap => 100);
SELECT * FROM evently.sync_ids();
SELECT sequence_name, next_id - (3::bigint << 42) AS nth FROM evently.sync_ids(gap => 5) WHERE sequence_name ~ 'scan_ids';
SELECT evently.sync_ids(gap => 5);
SELECT setval('evently.scan_ids', (2::bigint << 42) + 1, false) IS NOT NULL AS back;
SELECT * FROM evently.verify();

-- For the owner.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_evently_ids;
RESET client_min_messages;
CREATE ROLE regress_evently_ids;
GRANT USAGE ON SCHEMA evently TO regress_evently_ids;
SET ROLE regress_evently_ids;
SELECT evently.sync_ids();
RESET ROLE;
REVOKE USAGE ON SCHEMA evently FROM regress_evently_ids;
DROP ROLE regress_evently_ids;
