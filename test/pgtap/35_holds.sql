-- Holds: how long they last, how they end, who gets their tickets.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- How long.
SELECT event, tier FROM pg_temp.sale(20) \gset
SELECT is((SELECT expires_at - created_at FROM evently.reserve_tier(:event, 7, :tier, 1)), interval '15 minutes', 'a quarter of an hour');
SET LOCAL evently.order_ttl = '90 s';
SELECT is((SELECT expires_at - created_at FROM evently.reserve_tier(:event, 7, :tier, 1)), interval '90 seconds', 'or the setting order_ttl');
UPDATE evently.events SET hold_duration = interval '3 days' WHERE event_id = :event;
SELECT is((SELECT expires_at - created_at FROM evently.reserve_tier(:event, 7, :tier, 1)), interval '3 days', 'or the event''s own, which comes first');
RESET evently.order_ttl;

-- Swept.
SELECT event, tier FROM pg_temp.sale(20) \gset
SELECT evently.release_expired_orders() \g /dev/null
SELECT pg_temp.hold(:event, :tier, 3, 1) AS kept, pg_temp.hold(:event, :tier, 4, 2) AS lapsed, pg_temp.buy(:event, :tier, 5, 3) AS sold,
	pg_temp.hold(:event, :tier, 1, 4) AS cancelled \gset
SELECT evently.cancel_order(:cancelled, 'no') \g /dev/null
UPDATE evently.orders SET expires_at = now() - interval '1 day' WHERE order_id IN (:lapsed, :sold, :cancelled);
SELECT is(pg_temp.stock(:tier), '8/7/5/0', 'a lapsed hold is held until it is swept');
SELECT is(evently.release_expired_orders(), 1, 'one hold has lapsed');
SELECT results_eq(format('SELECT status FROM evently.orders WHERE order_id IN (%s, %s, %s, %s) ORDER BY order_id', :kept, :lapsed, :sold, :cancelled),
	ARRAY['PENDING', 'EXPIRED', 'CONFIRMED', 'CANCELLED'], 'only the lapsed hold has ended');
SELECT is(pg_temp.stock(:tier), '12/3/5/0', 'and its tickets are available');
SELECT is(evently.release_expired_orders(), 0, 'nothing is left to sweep');

-- In batches.
SELECT pg_temp.hold(:event, :tier, 1, buyer) FROM generate_series(11, 15) buyer \g /dev/null
UPDATE evently.orders SET expires_at = now() - interval '1 minute' WHERE event_id = :event AND status = 'PENDING' AND order_id <> :kept;
SELECT is(evently.release_expired_orders(2), 2, 'two of five');
SELECT is(evently.release_expired_orders(2), 2, 'two of three');
SELECT is(evently.release_expired_orders(2), 1, 'the last');
SELECT is(evently.release_expired_orders(batch_size => 1), 0, 'none');
SELECT is(pg_temp.stock(:tier), '12/3/5/0', 'all five are available again');
SELECT pg_temp.refused(format('SELECT evently.%s(%s)', function, batch_size), '22023', '%', format('%s: not a batch of %s', function, batch_size))
FROM unnest('{release_expired_orders,refresh_sold_out_labels}'::text[]) function,
	(VALUES ('0'), ('-1'), ('100001'), ('NULL')) wrong (batch_size);

-- Reclaimed on the spot, when they are needed, and only then.
SELECT event, tier FROM pg_temp.sale(10) \gset
SELECT pg_temp.hold(:event, :tier, 4, 1) AS first, pg_temp.hold(:event, :tier, 4, 2) AS second \gset
SELECT pg_temp.lapse(:first), pg_temp.lapse(:second) \g /dev/null
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 3, %s, 2)', :event, :tier), 'two are available');
SELECT is(pg_temp.stock(:tier), '0/10/0/0', 'no hold was ended for them');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 3, %s, 9)', :event, :tier), 'TK001', '%', 'not even the lapsed holds are enough for nine');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 4, %s, 7)', :event, :tier), 'seven come out of two lapsed holds');
SELECT results_eq(format('SELECT status FROM evently.orders WHERE order_id IN (%s, %s)', :first, :second), ARRAY['EXPIRED', 'EXPIRED'], 'which have ended');
SELECT is(pg_temp.stock(:tier), '1/9/0/0', 'and nothing is lost');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 5, %s, 1)', :event, :tier), 'the last ticket');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 6, %s, 1)', :event, :tier), 'TK001', '%', 'holds that have not lapsed are not touched');

-- A lapsed hold of several tiers gives back all of them.
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 2, name => 'a') AS a, pg_temp.tier(:event, 2, name => 'b') AS b \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS both FROM evently.reserve_tickets(:event, 1, format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 2}]', :a, :b)::jsonb) \gset
SELECT pg_temp.lapse(:both) \g /dev/null
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 2, %s, 1)', :event, :b), 'one tier of a lapsed hold is wanted');
SELECT is(pg_temp.stock(:a) || ' ' || pg_temp.stock(:b), '2/0/0/0 1/1/0/0', 'the other is available too');

-- Two lapsed holds, of which one is found for both tiers: it is counted once.
SELECT order_id AS both FROM evently.reserve_tickets(:event, 3, format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', :a, :b)::jsonb) \gset
UPDATE evently.orders SET expires_at = clock_timestamp() - interval '1 second' WHERE event_id = :event AND status = 'PENDING';
SELECT lives_ok(format($$SELECT evently.reserve_tickets(%s, 4, '[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 2}]')$$, :event, :a, :b),
	'two tiers out of two lapsed holds');
SELECT is(pg_temp.stock(:a) || ' ' || pg_temp.stock(:b), '1/1/0/0 0/2/0/0', 'and nothing is made up');

-- A hold may be paid until it lapses, and given up.
SELECT event, tier FROM pg_temp.sale(10) \gset
SELECT pg_temp.hold(:event, :tier, 2) AS held \gset
SELECT is((SELECT status || ' ' || cancel_reason FROM evently.cancel_order(:held, 'too dear')), 'CANCELLED too dear', 'a hold is given up');
SELECT is(cancelled_at IS NOT NULL AND confirmed_at IS NULL, true, 'with the time of it') FROM evently.orders WHERE order_id = :held;
SELECT is(pg_temp.stock(:tier), '10/0/0/0', 'its tickets are available at once');
SELECT pg_temp.refused(format('SELECT evently.cancel_order(%s, ''again'')', :held), 'TK006', '%', 'cancel_order: not a second time');
SELECT pg_temp.buy(:event, :tier) AS bought, pg_temp.hold(:event, :tier) AS swept \gset
SELECT pg_temp.refused(format('SELECT evently.cancel_order(%s, ''no'')', :bought), 'TK006', '%', 'cancel_order: not what is paid');
SELECT pg_temp.lapse(:swept) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.cancel_order(%s, ''no'')', :swept), 'TK006', '%', 'cancel_order: not what has expired');
SELECT pg_temp.hold(:event, :tier) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT is((evently.cancel_order(:lapsed, 'late')).status, 'CANCELLED', 'a lapsed hold that nobody has swept may be given up');
SELECT pg_temp.hold(:event, :tier) AS held \gset
SELECT pg_temp.refused(format('SELECT evently.cancel_order(%s)', arguments), code, '%', 'cancel_order: ' || reason)
FROM (VALUES (:'held' || ', NULL', '22023', 'no reason'), (:'held' || ', ''''', '22023', 'an empty reason'),
	(:'held' || ', ''  ''', '22023', 'a blank reason'), ('NULL, ''x''', '22023', 'no order'),
	('9999999, ''x''', 'P0002', 'an unknown order')) wrong (arguments, code, reason);
-- Pausing the sale leaves holds alone.
SELECT evently.pause_sale(:event) \g /dev/null
SELECT is((evently.confirm_order(:held, 'pay-paused-' || :held)).outcome, 'CONFIRMED', 'a hold may be paid while the sale is paused');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
