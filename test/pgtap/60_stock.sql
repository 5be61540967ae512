-- set_tier_quantity, set_held_back, issue_comps.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- 3 held, 4 sold, 2 held back: 91 free.
SELECT event, tier FROM pg_temp.sale(100, held_back => 2) \gset
SELECT pg_temp.hold(:event, :tier, 3) AS held, pg_temp.buy(:event, :tier, 4) \gset
SELECT is(pg_temp.stock(:tier), '91/3/4/2', 'free, held, sold, held back');
SELECT is((evently.set_tier_quantity(:tier, 110)).total_quantity, 110, 'ten more');
SELECT is(pg_temp.stock(:tier), '101/3/4/2', 'are free');
SELECT is((evently.set_tier_quantity(:tier, 50)).total_quantity, 50, 'half of it');
SELECT is(pg_temp.stock(:tier), '41/3/4/2', 'comes out of what is free');
SELECT pg_temp.refused(format('SELECT evently.set_tier_quantity(%s, 8)', :tier), 'TK001', '%', 'set_tier_quantity: below what is held, sold and held back');
SELECT is((evently.set_tier_quantity(:tier, 9)).total_quantity, 9, 'down to it');
SELECT is(pg_temp.stock(:tier), '0/3/4/2', 'nothing is free');
SELECT is((evently.set_tier_quantity(:tier, 9)).total_quantity, 9, 'the same number changes nothing');
SELECT pg_temp.lapse(:held) \g /dev/null
SELECT is((evently.set_tier_quantity(:tier, 6)).total_quantity, 6, 'a lapsed hold is not in the way');
SELECT is(pg_temp.stock(:tier) || ' ' || pg_temp.order_status(:held), '0/0/4/2 EXPIRED', 'it has ended');
SELECT is((evently.set_tier_quantity(:tier, 200)).total_quantity, 200, 'and up again');
SELECT is(pg_temp.stock(:tier), '194/0/4/2', 'all new ones are free');
SELECT pg_temp.refused(format('SELECT evently.%s', call), code, '%', call)
FROM (VALUES (format('set_tier_quantity(%s, NULL)', :tier), '22023'), (format('set_tier_quantity(%s, -1)', :tier), '22023'),
	(format('set_tier_quantity(%s, 10000001)', :tier), '22023'), ('set_tier_quantity(NULL, 1)', '22023'), ('set_tier_quantity(9999999, 1)', 'P0002'),
	(format('set_held_back(%s, NULL)', :tier), '22023'), (format('set_held_back(%s, -1)', :tier), '22023'),
	(format('set_held_back(%s, 10000001)', :tier), '22023'), ('set_held_back(NULL, 1)', '22023'), ('set_held_back(9999999, 1)', 'P0002'),
	(format('set_held_back(%s, 197)', :tier), 'TK001')) wrong (call, code);

SELECT is((evently.set_held_back(:tier, 100)).held_back, 100, 'a hundred held back');
SELECT is(pg_temp.stock(:tier), '96/0/4/100', 'come out of what is free');
SELECT is((evently.set_held_back(:tier, 196)).held_back, 196, 'all that is free');
SELECT is(pg_temp.stock(:tier), '0/0/4/196', 'nothing is left');
SELECT is((evently.set_held_back(:tier, 5)).held_back, 5, 'only five');
SELECT is(pg_temp.stock(:tier), '191/0/4/5', 'the others are for sale');
SELECT order_id AS held FROM evently.reserve_tier(:event, 7, :tier, 10) \gset
SELECT pg_temp.lapse(:held) \g /dev/null
SELECT is((evently.set_held_back(:tier, 190)).held_back, 190, 'what a lapsed hold has may be held back');
SELECT is((evently.set_held_back(:tier, 5)).held_back, 5, 'or not');
SELECT is(pg_temp.stock(:tier) || ' ' || pg_temp.order_status(:held), '191/0/4/5 EXPIRED', 'nothing was lost');

-- An event that is a draft has stock as well.
SELECT pg_temp.tier(pg_temp.draft(), 10) AS draft_tier \gset
SELECT is((evently.set_tier_quantity(:draft_tier, 20)).total_quantity, 20, 'a draft''s quantity');

-- Comps.
SELECT evently.issue_comps(:tier, '[{"name": "Ada", "email": "ada@example.org"}, {"name": "Bob"}, {}]') AS comp \g /dev/null
SELECT results_eq('SELECT attendee_name::text, attendee_email::text, status::text, event_id FROM evently.tickets WHERE tier_id = ' || :tier ||
		' AND order_id IN (SELECT order_id FROM evently.orders WHERE channel = ''COMP'') ORDER BY ticket_id',
	format($$VALUES ('Ada', 'ada@example.org', 'VALID', %s::bigint), ('Bob', NULL, 'VALID', %1$s), (NULL, NULL, 'VALID', %1$s)$$, :event), 'a ticket for each, valid');
SELECT is(held_back, 2, 'out of what is held back') FROM evently.ticket_tiers WHERE tier_id = :tier;
SELECT is(sold_quantity, 7::bigint, 'and they count as sold') FROM evently.tier_inventory WHERE tier_id = :tier;
SELECT results_eq(format('SELECT channel, status, total_amount::numeric, payment_id FROM evently.orders WHERE event_id = %s AND channel = ''COMP''', :event),
	$$VALUES ('COMP', 'CONFIRMED', 0::numeric, NULL::text)$$, 'their order costs nothing');
SELECT is(count(*) > 0, true, 'Ada is told') FROM evently.notifications WHERE event_id = :event AND kind = 'TICKETS_ISSUED' AND recipient = 'ada@example.org';
SELECT results_eq(format('SELECT attendee_name::text FROM evently.issue_comps(%s, ''[{"name": "Zoe"}, {"name": "Amy"}]'')', :tier), ARRAY['Zoe', 'Amy'], 'in the order given');
SELECT pg_temp.refused(format('SELECT evently.issue_comps(%s, ''[{}]'')', :tier), 'TK001', '%', 'issue_comps: nothing is held back');
SELECT evently.set_held_back(:tier, 3) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.issue_comps(%s, ''[{}, {}, {}, {}]'')', :tier), 'TK001', '%', 'issue_comps: four out of three');
SELECT pg_temp.refused(format('SELECT evently.issue_comps(%s, %L)', :tier, shape), '22023', '%', 'issue_comps: ' || coalesce(shape, 'NULL'))
FROM (VALUES (NULL), ('null'), ('1'), ('{}'), ('"x"'), ('[]'), ('[null]'), ('[1]'), ('[[]]'), ('[{"name": 1}]'), ('[{"name": ""}]'), ('[{"name": " "}]'),
	('[{"email": ["x"]}]'), ('[{"email": ""}]'), ('[{}, null]')) wrong (shape);
SELECT pg_temp.refused('SELECT evently.issue_comps(9999999, ''[{}]'')', 'P0002', '%', 'issue_comps: an unknown tier');
SELECT pg_temp.refused('SELECT evently.issue_comps(NULL, ''[{}]'')', '22023', '%', 'issue_comps: no tier');
-- A draft may give comps away; the sale need not be open.
SELECT pg_temp.tier(pg_temp.draft(), 10, held_back => 2) AS draft_tier \gset
SELECT lives_ok(format('SELECT evently.issue_comps(%s, ''[{}]'')', :draft_tier), 'comps of a draft');

-- A row that is changed more often than its page has room for, within one transaction.
SELECT event, tier FROM pg_temp.sale(1000) \gset
SELECT evently.set_tier_quantity(:tier, 1000 + n) FROM generate_series(1, 600) n \g /dev/null
SELECT evently.reserve_tier(:event, n, :tier, 1) FROM generate_series(1, 600) n \g /dev/null
SELECT is(pg_temp.stock(:tier), '1000/600/0/0', 'changed 1,200 times');
SET LOCAL enable_seqscan = off;
SELECT is(sum(available), 1000::bigint, 'and found through the index') FROM evently.inventory_shards WHERE tier_id = :tier;
SELECT is((SELECT sum((SELECT available FROM evently.inventory_shards s WHERE s.tier_id = :tier AND s.shard = n)) FROM generate_series(0, 63) n), 1000::bigint, 'by its whole key too');
RESET enable_seqscan;

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
