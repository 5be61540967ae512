/*
 * Stock. A tier's free tickets are spread over its shard rows; whoever changes
 * a row holds the shard's lock (src/locks.c), so that buyers do not wait for
 * each other. A page is filled to a tenth, so that updates find room beside the
 * old row and need no new index entry.
 */
CREATE TABLE evently.inventory_shards (
	tier_id    bigint NOT NULL REFERENCES evently.ticket_tiers ON DELETE CASCADE,
	shard      smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
	available  integer NOT NULL CHECK (available >= 0),
	PRIMARY KEY (tier_id, shard)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE evently.inventory_shards IS 'Tickets free for sale, spread over several rows for each tier';
COMMENT ON COLUMN evently.inventory_shards.tier_id IS 'Tier whose tickets these are';
COMMENT ON COLUMN evently.inventory_shards.shard IS 'Number of the shard, from 0';
COMMENT ON COLUMN evently.inventory_shards.available IS 'Tickets that may be sold from this shard';

/*
 * Events whose label may have to become SOLD_OUT: a sale that empties a shard
 * leaves a row here unless it saw the whole event empty. The job looks again
 * when all of them have committed.
 */
CREATE TABLE evently.sold_out_checks (
	check_id   bigint PRIMARY KEY DEFAULT nextval('evently.sold_out_check_ids'),
	event_id   bigint NOT NULL
);
COMMENT ON TABLE evently.sold_out_checks IS 'Events that the next job run examines for being sold out';
COMMENT ON COLUMN evently.sold_out_checks.check_id IS 'Id of the row';
COMMENT ON COLUMN evently.sold_out_checks.event_id IS 'Event to examine';
