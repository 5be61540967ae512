-- reserve_tickets and reserve_tier: what an order is, and what is refused.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 50, 20.5, 'GENERAL') AS general,
	pg_temp.tier(:event, 20, 99.99, 'VIP') AS vip \gset
SELECT pg_temp.open(:event) \g /dev/null

-- One tier.
SELECT * FROM evently.reserve_tier(:event, 7, :general, 3, 'attempt-1', 'ada@example.org') \gset order_
SELECT results_eq('SELECT event_id, buyer_id, buyer_email, channel, status, total_amount::numeric, currency::text, payment_id,
		idempotency_key, expires_at - created_at, confirmed_at, cancelled_at FROM evently.orders WHERE order_id = ' || :order_order_id,
	format($$VALUES (%s::bigint, 7::bigint, 'ada@example.org', 'SALE', 'PENDING', 61.5, 'EUR', NULL::text,
		'attempt-1', interval '15 minutes', NULL::timestamptz, NULL::timestamptz)$$, :event),
	'an order holds tickets for 15 minutes');
SELECT is((SELECT o FROM evently.orders o WHERE order_id = :order_order_id)::text,
	(SELECT r FROM evently.reserve_tier(:event, 7, :general, 3, 'attempt-1', 'ada@example.org') r)::text,
	'what is returned is the order''s row');
SELECT results_eq('SELECT tier_id, quantity, unit_price::numeric, subtotal FROM evently.order_items WHERE order_id = ' || :order_order_id,
	format('VALUES (%s::bigint, 3, 20.5, 61.5)', :general), 'its item has the price of the day');
SELECT is(pg_temp.stock(:general), '47/3/0/0', 'what is held is not available');
SELECT is(:'order_created_at'::timestamptz BETWEEN now() AND clock_timestamp(), true, 'the hold starts when it is made');

-- Several tiers, one of them twice.
SELECT order_id AS mixed, total_amount AS mixed_total FROM evently.reserve_tickets(:event, 8, format(
	'[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}, {"quantity": 4, "tier_id": %1$s}]', :general, :vip)::jsonb) \gset
SELECT results_eq('SELECT tier_id, quantity FROM evently.order_items WHERE order_id = ' || :mixed || ' ORDER BY tier_id',
	format('VALUES (%s::bigint, 6), (%s, 1)', :general, :vip), 'a tier named twice is added up');
SELECT is(:mixed_total, 222.99, 'the total is the sum of the items');
SELECT is(pg_temp.stock(:general) || ' ' || pg_temp.stock(:vip), '41/9/0/0 19/1/0/0', 'each tier holds its own');

-- A price that changes later is for later orders.
UPDATE evently.ticket_tiers SET price = 30 WHERE tier_id = :general;
SELECT is((evently.reserve_tier(:event, 9, :general, 1)).total_amount::numeric, 30::numeric, 'a new order costs the new price');
SELECT is(total_amount::numeric, 61.5, 'an old order the old one') FROM evently.orders WHERE order_id = :order_order_id;

-- Arguments. Both functions say the same.
CREATE FUNCTION pg_temp.reserve_calls(event text, buyer text, tier text, quantity text, key text DEFAULT 'NULL', email text DEFAULT 'NULL')
RETURNS SETOF text
LANGUAGE sql AS $$
	VALUES (format('SELECT evently.reserve_tier(%s, %s, %s, %s, %s, %s)', event, buyer, tier, quantity, key, email)),
		(format('SELECT evently.reserve_tickets(%s, %s, jsonb_build_array(jsonb_build_object(''tier_id'', %s, ''quantity'', %s)), %s, %s)',
			event, buyer, tier, quantity, key, email));
$$;
SELECT pg_temp.refused(call, code, message, substring(call, 'reserve_\w+') || ': ' || reason)
FROM (VALUES
	('NULL', '7', :'general', '1', 'NULL', 'NULL', '22023', '%', 'no event'),
	(:'event', 'NULL', :'general', '1', 'NULL', 'NULL', '22023', '%', 'no buyer'),
	(:'event', '7', 'NULL', '1', 'NULL', 'NULL', '22023', '%', 'no tier'),
	(:'event', '7', :'general', 'NULL', 'NULL', 'NULL', '22023', '%', 'no quantity'),
	(:'event', '7', :'general', '0', 'NULL', 'NULL', '22023', '%', 'a quantity of 0'),
	(:'event', '7', :'general', '-1', 'NULL', 'NULL', '22023', '%', 'a negative quantity'),
	(:'event', '7', :'general', '(-2147483648)', 'NULL', 'NULL', '22023', '%', 'the least quantity there is'),
	(:'event', '7', :'general', '2147483647', 'NULL', 'NULL', 'TK002', '%', 'a huge quantity'),
	(:'event', '7', :'general', '1', '''''', 'NULL', '22023', '%', 'an empty key'),
	(:'event', '7', :'general', '1', 'repeat(''k'', 201)', 'NULL', '22023', '%', 'a key of 201 characters'),
	(:'event', '7', :'general', '1', 'NULL', '''''', '22023', '%', 'an empty address'),
	(:'event', '7', :'general', '1', 'NULL', '''  ''', '22023', '%', 'a blank address'),
	('9999999', '7', :'general', '1', 'NULL', 'NULL', 'P0002', 'event 9999999 does not exist', 'an unknown event'),
	('-1', '7', :'general', '1', 'NULL', 'NULL', 'P0002', 'event -1 does not exist', 'an event below 0'),
	(:'event', '7', '9999999', '1', 'NULL', 'NULL', 'P0002', '%', 'an unknown tier'),
	(:'event', '7', '-1', '1', 'NULL', 'NULL', 'P0002', '%', 'a tier below 0')
	) wrong (event, buyer, tier, quantity, key, email, code, message, reason),
	pg_temp.reserve_calls(event, buyer, tier, quantity, key, email) call;
SELECT lives_ok(call, substring(call, 'reserve_\w+') || ': a key of 200 characters')
FROM pg_temp.reserve_calls(:'event', '10', :'general', '1', 'repeat(''é'', 200)') call;

-- A tier of another event.
SELECT event AS other_event, tier AS other_tier FROM pg_temp.sale() \gset
SELECT pg_temp.refused(call, '22023', 'tier % is not a tier of event %', substring(call, 'reserve_\w+') || ': a tier of another event')
FROM pg_temp.reserve_calls(:'event', '7', :'other_tier', '1') call;

-- All or nothing.
SELECT pg_temp.refused(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 1}]')$$,
	:event, :general, :other_tier), '22023', '%', 'not one tier when the other is wrong');
SELECT pg_temp.hold(:event, :vip, 10, buyer) FROM generate_series(11, 11) buyer \g /dev/null
SELECT pg_temp.refused(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 10}]')$$,
	:event, :general, :vip), 'TK001', '%', 'not one tier when the other lacks tickets');

-- Only an event on sale sells: by stock when it is called sold out.
SELECT pg_temp.draft() AS closed \gset
SELECT pg_temp.tier(:closed) AS closed_tier \gset
SELECT pg_temp.refused(call, 'TK004', '%', substring(call, 'reserve_\w+') || ': a draft')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.publish_event(:closed) \g /dev/null
SELECT pg_temp.refused(call, 'TK004', '%', substring(call, 'reserve_\w+') || ': before the sale')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.open_sale(:closed) \g /dev/null
SELECT lives_ok(call, substring(call, 'reserve_\w+') || ': on sale')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.pause_sale(:closed) \g /dev/null
SELECT pg_temp.refused(call, 'TK004', '%', substring(call, 'reserve_\w+') || ': paused')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.resume_sale(:closed) \g /dev/null
SELECT lives_ok(call, substring(call, 'reserve_\w+') || ': resumed')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.complete_event(:closed) \g /dev/null
SELECT pg_temp.refused(call, 'TK004', '%', substring(call, 'reserve_\w+') || ': completed')
FROM pg_temp.reserve_calls(:'closed', '7', :'closed_tier', '1') call;
SELECT evently.cancel_event(:other_event, 'rain') \g /dev/null
SELECT pg_temp.refused(call, 'TK004', '%', substring(call, 'reserve_\w+') || ': cancelled')
FROM pg_temp.reserve_calls(:'other_event', '7', :'other_tier', '1') call;

-- Stock: the last ticket is sold, and no more, also when no shard has enough by itself.
SELECT pg_temp.draft() AS spread \gset
SELECT tier_id AS spread_tier FROM evently.create_tier(:spread, 'thin', 1, 8, shards => 8) \gset
SELECT pg_temp.open(:spread) \g /dev/null
SELECT pg_temp.refused(call, 'TK001', '%', substring(call, 'reserve_\w+') || ': one more than there are')
FROM pg_temp.reserve_calls(:'spread', '7', :'spread_tier', '9') call;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 5)', :spread, :spread_tier), 'five of eight shards with one each');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 3)', :spread, :spread_tier), 'the other three');
SELECT is(pg_temp.stock(:spread_tier), '0/8/0/0', 'all eight are held');
SELECT pg_temp.refused(call, 'TK001', '%', substring(call, 'reserve_\w+') || ': nothing left')
FROM pg_temp.reserve_calls(:'spread', '7', :'spread_tier', '1') call;

-- Held-back tickets are not for sale.
SELECT event, tier FROM pg_temp.sale(5, held_back => 4) \gset kept_
SELECT pg_temp.refused(call, 'TK001', '%', substring(call, 'reserve_\w+') || ': what is held back')
FROM pg_temp.reserve_calls(:'kept_event', '7', :'kept_tier', '2') call;

-- An order's total is an amount.
SELECT event, tier FROM pg_temp.sale(10, 999999999999) \gset dear_
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :dear_event, :dear_tier), 'the dearest ticket');
SELECT pg_temp.refused(call, '22023', '%', substring(call, 'reserve_\w+') || ': a total of more than a million millions')
FROM pg_temp.reserve_calls(:'dear_event', '7', :'dear_tier', '2') call;

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
