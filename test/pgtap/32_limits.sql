-- Limits per order and per buyer.
\ir include/fixtures.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.taken(event bigint, buyer bigint) RETURNS integer
LANGUAGE sql AS $$ SELECT taken FROM evently.buyer_limits WHERE event_id = event AND buyer_id = buyer $$;

-- Per order: the tier's own limit, whatever else is in the order.
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, name => 'four', max_per_order => 4) AS four, pg_temp.tier(:event, name => 'two', max_per_order => 2) AS two \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 5)', :event, :four), 'TK002', '%', 'five where four are allowed');
SELECT pg_temp.refused(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 3}]')$$,
	:event, :four, :two), 'TK002', '%', 'three where two are allowed, beside one of another tier');
SELECT lives_ok(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 4}, {"tier_id": %s, "quantity": 2}]')$$,
	:event, :four, :two), 'the limit itself, of two tiers');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 4)', :event, :four), 'the same buyer may order again');
SELECT is_empty('SELECT * FROM evently.buyer_limits WHERE event_id = ' || :event, 'buyers are not counted where there is no limit');

-- Per buyer: what is held and what is owned, over all orders and tiers.
SELECT pg_temp.draft(max_per_buyer => 5) AS event \gset
SELECT pg_temp.tier(:event, name => 'GENERAL') AS general, pg_temp.tier(:event, name => 'VIP') AS vip \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 6)', :event, :general), 'TK005', '%', 'six where five are allowed');
SELECT pg_temp.refused(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 3}, {"tier_id": %s, "quantity": 3}]')$$,
	:event, :general, :vip), 'TK005', '%', 'three and three');
SELECT pg_temp.hold(:event, :general, 2) AS first \gset
SELECT pg_temp.buy(:event, :vip, 2) AS second \gset
SELECT is(pg_temp.taken(:event, 7), 4, 'two held and two owned');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 2)', :event, :vip), 'TK005', '%', 'holds count as well as sales');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 8, %s, 5)', :event, :general), 'another buyer has a limit of his own');
SELECT evently.cancel_order(:first, 'changed my mind') \g /dev/null
SELECT is(pg_temp.taken(:event, 7), 2, 'a cancelled hold does not count');
SELECT pg_temp.hold(:event, :general, 3) AS third \gset
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :vip), 'TK005', '%', 'five are taken');
SELECT pg_temp.lapse(:third) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT is(pg_temp.taken(:event, 7), 2, 'a lapsed hold does not count when it is swept');
SELECT evently.refund_order(:second, 'r-limit', (SELECT array_agg(ticket_id) FROM (
	SELECT ticket_id FROM evently.tickets WHERE order_id = :second ORDER BY ticket_id LIMIT 1) one)) \g /dev/null
SELECT is(pg_temp.taken(:event, 7), 1, 'a ticket given back does not count');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 4)', :event, :general), 'four more make five');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :vip), 'TK005', '%', 'and no sixth');

-- The buyer's own lapsed hold gives way at once, before the job comes.
SELECT pg_temp.hold(:event, :general, 5, 9) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 9, %s, 5)', :event, :general), 'a lapsed hold of the buyer''s own is not in the way');
SELECT is(pg_temp.order_status(:lapsed), 'EXPIRED', 'it has ended');
SELECT is(pg_temp.taken(:event, 9), 5, 'and no longer counts');
SELECT pg_temp.lapse(order_id) FROM evently.orders WHERE event_id = :event AND buyer_id = 9 AND status = 'PENDING' \g /dev/null
SELECT pg_temp.hold(:event, :general, 1, 9) AS one \gset
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 9, %s, 6)', :event, :general), 'TK005', '%', 'a hold that has not lapsed is');
SELECT pg_temp.lapse(:one) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 9, %s, 6)', :event, :general), 'TK005', '%', 'a lapsed one does not end for a call that asks for too many');
SELECT is(pg_temp.order_status(:one), 'PENDING', 'it is left as it was');
-- A late payment finds it out of the way, too.
SELECT evently.confirm_order(:lapsed, 'pay-' || :lapsed) \g /dev/null
SELECT is(pg_temp.order_status(:lapsed) || ' ' || pg_temp.order_status(:one) || ' ' || pg_temp.taken(:event, 9), 'CONFIRMED EXPIRED 5', 'a late payment takes the limit''s room of a lapsed hold');

-- Comps are gifts.
SELECT evently.set_held_back(:vip, 10) \g /dev/null
SELECT evently.issue_comps(:vip, '[{}, {}, {}, {}, {}, {}]') \g /dev/null
SELECT is_empty(format('SELECT * FROM evently.buyer_limits WHERE event_id = %s AND buyer_id NOT IN (7, 8, 9)', :event), 'comps count for nobody');

-- A limit may be raised, lowered, lifted and begun in mid-sale.
UPDATE evently.events SET max_tickets_per_buyer = 7 WHERE event_id = :event;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 8, %s, 2)', :event, :general), 'raised: two more');
UPDATE evently.events SET max_tickets_per_buyer = 2 WHERE event_id = :event;
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 8, %s, 1)', :event, :general), 'TK005', '%', 'lowered below what is taken: no more');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 10, %s, 2)', :event, :general), 'lowered: others have the new limit');
UPDATE evently.events SET max_tickets_per_buyer = NULL WHERE event_id = :event;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 8, %s, 10)', :event, :general), 'lifted');
UPDATE evently.events SET max_tickets_per_buyer = 18 WHERE event_id = :event;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 8, %s, 1)', :event, :general), 'begun again: 17 were taken in all');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 8, %s, 1)', :event, :general), 'TK005', '%', 'and no nineteenth');
SELECT pg_temp.verified();

SELECT event, tier FROM pg_temp.sale() \gset
SELECT pg_temp.buy(:event, :tier, 3, 21), pg_temp.hold(:event, :tier, 2, 21) AS held, pg_temp.hold(:event, :tier, 1, 21) AS gone \gset
SELECT evently.cancel_order(:gone, 'no') \g /dev/null
UPDATE evently.events SET max_tickets_per_buyer = 6 WHERE event_id = :event;
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 21, %s, 2)', :event, :tier), 'TK005', '%', 'a limit that begins in mid-sale counts what was bought before');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 21, %s, 1)', :event, :tier), 'up to the limit');
SELECT is(pg_temp.taken(:event, 21), 6, 'three owned, two held, one more');
SELECT evently.cancel_order(:held, 'no') \g /dev/null
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 21, %s, 2)', :event, :tier), 'what was held before the limit comes back too');

-- A hold from before the limit that is cancelled before its buyer is counted.
SELECT event, tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:event, :tier, 4, 22) AS early, pg_temp.hold(:event, :tier, 1, 22) \gset
UPDATE evently.events SET max_tickets_per_buyer = 4 WHERE event_id = :event;
SELECT evently.cancel_order(:early, 'no') \g /dev/null
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 22, %s, 3)', :event, :tier), 'one held, three more');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 22, %s, 1)', :event, :tier), 'TK005', '%', 'and no fifth');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
