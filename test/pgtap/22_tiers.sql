-- create_tier: stock and its shards, the venue's capacity, what is refused.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft(venue => pg_temp.venue(1000)) AS event \gset
SELECT pg_temp.draft() AS elsewhere \gset

SELECT tier_id AS tier FROM evently.create_tier(:event, 'VIP', 99.5, 100,
	now() + interval '1 day', now() + interval '2 days', 4, 3, 10) \gset
SELECT results_eq($$
	SELECT event_id, name, price::numeric, total_quantity, held_back, shards::integer, sale_start, sale_end, max_per_order
	FROM evently.ticket_tiers WHERE tier_id = $$ || :tier,
	format($$VALUES (%s::bigint, 'VIP', 99.5, 100, 10, 3, now() + interval '1 day', now() + interval '2 days', 4)$$, :event),
	'a tier is stored as given');
SELECT results_eq($$SELECT shard::integer FROM evently.inventory_shards WHERE tier_id = $$ || :tier || ' ORDER BY shard',
	ARRAY[0, 1, 2], 'its stock is in as many shards');
SELECT is(pg_temp.stock(:tier), '90/0/0/10', 'what is not held back is available');
SELECT results_eq(format($$SELECT total_quantity, held_back, sale_start, sale_end, max_per_order
	FROM evently.create_tier(%s, 'GENERAL', 0, 0)$$, :event),
	$$VALUES (0, 0, NULL::timestamptz, NULL::timestamptz, 10)$$, 'what a tier has when nothing is said');

-- Shards when not given: one for 50 tickets, at least 1, at most 64.
CREATE TEMP TABLE sized AS
SELECT quantity, shards, pg_temp.tier(:elsewhere, quantity, name => 'of ' || quantity) AS tier_id
FROM (VALUES (0, 1), (49, 1), (50, 1), (100, 2), (1000, 20), (3200, 64), (10000000, 64)) sizes (quantity, shards);
SELECT results_eq(
	format('SELECT count(*), sum(available), max(available) - min(available) <= 1 FROM evently.inventory_shards WHERE tier_id = %s', tier_id),
	format('VALUES (%s::bigint, %s::bigint, true)', shards, quantity),
	format('%s tickets lie evenly in %s shards', quantity, shards))
FROM sized;

-- The same name may be used for another event, not twice for one.
SELECT pg_temp.tier(:elsewhere, name => 'VIP') AS other_vip \gset
SELECT throws_ok(format($$SELECT evently.create_tier(%s, 'VIP', 1, 1)$$, :event), '23505', NULL, 'a name is taken once for an event');

SELECT pg_temp.refused(format('SELECT evently.create_tier(%s)', pg_temp.fill(arguments, 'EVENT', :'event')), '22023', '%', 'create_tier: ' || reason)
FROM (VALUES
	($$NULL, 'n', 1, 1$$, 'no event'),
	($$EVENT, NULL, 1, 1$$, 'no name'),
	($$EVENT, '', 1, 1$$, 'an empty name'),
	($$EVENT, 'n', NULL, 1$$, 'no price'),
	($$EVENT, 'n', -1, 1$$, 'a negative price'),
	($$EVENT, 'n', 'NaN', 1$$, 'a price that is no number'),
	($$EVENT, 'n', 'Infinity', 1$$, 'a price without end'),
	($$EVENT, 'n', 1e12, 1$$, 'a price of a million millions'),
	($$EVENT, 'n', 0.0001, 1$$, 'a price of four decimals'),
	($$EVENT, 'n', 1, NULL$$, 'no quantity'),
	($$EVENT, 'n', 1, -1$$, 'a negative quantity'),
	($$EVENT, 'n', 1, 10000001$$, 'more than ten million'),
	($$EVENT, 'n', 1, 1, '2031-01-01', '2031-01-01'$$, 'a sale that ends as it starts'),
	($$EVENT, 'n', 1, 1, '2031-01-02', '2031-01-01'$$, 'a sale that ends before it starts'),
	($$EVENT, 'n', 1, 1, '-infinity'$$, 'a sale that always was'),
	($$EVENT, 'n', 1, 1, NULL, 'infinity'$$, 'a sale that never ends'),
	($$EVENT, 'n', 1, 1, max_per_order => 0$$, 'a limit of 0'),
	($$EVENT, 'n', 1, 1, max_per_order => 10001$$, 'a limit of 10001'),
	($$EVENT, 'n', 1, 1, max_per_order => NULL$$, 'a limit that is null'),
	($$EVENT, 'n', 1, 1, shards => 0$$, 'no shards'),
	($$EVENT, 'n', 1, 1, shards => 65$$, '65 shards'),
	($$EVENT, 'n', 1, 1, shards => 65537$$, 'shards that wrap around a smallint'),
	($$EVENT, 'n', 1, 1, held_back => -1$$, 'a negative hold-back'),
	($$EVENT, 'n', 1, 1, held_back => 2$$, 'more held back than there are'),
	($$EVENT, 'n', 1, 1, held_back => NULL$$, 'a hold-back that is null')) wrong (arguments, reason);
SELECT pg_temp.refused($$SELECT evently.create_tier(9999999, 'n', 1, 1)$$, 'P0002', 'event 9999999 does not exist',
	'create_tier: an unknown event');

-- The tiers of an event at a venue may not add up to more than it admits: 100 are there.
SELECT pg_temp.refused(format($$SELECT evently.create_tier(%s, 'n', 1, 901)$$, :event), 'TK011', '%',
	'create_tier: one more than the venue admits');
SELECT lives_ok(format($$SELECT evently.create_tier(%s, 'n', 1, 900)$$, :event), 'as many as the venue admits');
SELECT pg_temp.refused(format('SELECT evently.set_tier_quantity(%s, 101)', :tier), 'TK011', '%',
	'set_tier_quantity: one more than the venue admits');
SELECT lives_ok(format('SELECT evently.set_tier_quantity(%s, 100)', :tier), 'the same number again');
SELECT evently.cancel_event(:elsewhere, 'rain') \g /dev/null
SELECT pg_temp.refused(format($$SELECT evently.create_tier(%s, 'late', 1, 1)$$, :elsewhere), 'TK006', '%',
	'create_tier: a cancelled event');
SELECT pg_temp.open(:event) \g /dev/null
SELECT evently.complete_event(:event) \g /dev/null
SELECT pg_temp.refused(format($$SELECT evently.create_tier(%s, 'late', 1, 0)$$, :event), 'TK006', '%',
	'create_tier: a completed event');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
