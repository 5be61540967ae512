-- reserve_tickets_batch: each request for itself, earlier ones first.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft(max_per_buyer => 6) AS event \gset
SELECT pg_temp.tier(:event, 10, 10, 'GENERAL') AS tier, pg_temp.tier(:event, 5, 20, 'VIP', max_per_order => 4) AS vip,
	pg_temp.tier(:event, 5, 10, 'LATE') AS late \gset
UPDATE evently.ticket_tiers SET sale_start = now() + interval '1 day' WHERE tier_id = :late;
SELECT pg_temp.open(:event) \g /dev/null
SELECT event AS event2, tier AS tier2 FROM pg_temp.sale(3) \gset
SELECT event AS dear_event, tier AS dear_tier FROM pg_temp.sale(10, 999999999999) \gset
SELECT pg_temp.draft() AS draft \gset
SELECT pg_temp.tier(:draft) AS draft_tier \gset

CREATE FUNCTION pg_temp.request(event bigint, buyer bigint, tier bigint, quantity integer, key text DEFAULT NULL, email text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('event_id', event, 'buyer_id', buyer,
		'selections', jsonb_build_array(jsonb_build_object('tier_id', tier, 'quantity', quantity)),
		'idempotency_key', key, 'buyer_email', email));
$$;
-- What the rows of a batch say: "1 order", "2 TK001", in the order they come in.
CREATE FUNCTION pg_temp.batch(requests jsonb) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	r evently.batch_result;
BEGIN
	FOR r IN SELECT * FROM evently.reserve_tickets_batch(requests) LOOP
		RETURN NEXT CASE
			WHEN r.order_id IS NOT NULL AND r.sqlstate IS NULL AND r.message IS NULL THEN r.request_no || ' order'
			WHEN r.order_id IS NULL AND r.sqlstate IS NOT NULL AND r.message <> '' THEN r.request_no || ' ' || r.sqlstate
			ELSE 'neither nor: ' || r END;
	END LOOP;
END
$$;

-- Refusals of every kind, among what succeeds.
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(
		pg_temp.request(:event, 1, :tier, 2), pg_temp.request(9999999, 1, :tier, 2), pg_temp.request(:event, 1, 9999999, 1),
		pg_temp.request(:event, 1, :tier2, 1), pg_temp.request(:draft, 1, :draft_tier, 1), pg_temp.request(:event, 1, :late, 1),
		pg_temp.request(:event, 1, :vip, 5), pg_temp.request(:event, 1, :tier, 5), pg_temp.request(:event, 1, :tier, 4),
		pg_temp.request(:event, 1, :tier, 1), pg_temp.request(:event2, 1, :tier2, 2), pg_temp.request(:event2, 2, :tier2, 2),
		pg_temp.request(:event2, 3, :tier2, 1), pg_temp.request(:event, 2, :tier, 0), '{}'::jsonb, 'null'::jsonb, '[]'::jsonb, '7'::jsonb)),
	ARRAY['1 order', '2 P0002', '3 P0002', '4 22023', '5 TK004', '6 TK003', '7 TK002', '8 TK005', '9 order', '10 TK005',
		'11 order', '12 TK001', '13 order', '14 22023', '15 22023', '16 22023', '17 22023', '18 22023'],
	'each request for itself, in order: stock and limits count what came before');
SELECT is(pg_temp.stock(:tier) || ' ' || pg_temp.stock(:tier2), '4/6/0/0 0/3/0/0', 'what was promised is held');
SELECT is(pg_temp.event_status(:event2), 'SOLD_OUT', 'the last ticket sets the label');
SELECT results_eq(format('SELECT buyer_id, status, total_amount::numeric, expires_at - created_at FROM evently.orders WHERE event_id IN (%s, %s) ORDER BY order_id', :event, :event2),
	$$VALUES (1::bigint, 'PENDING', 20::numeric, interval '15 minutes'), (1, 'PENDING', 40, '15 minutes'),
		(1, 'PENDING', 20, '15 minutes'), (3, 'PENDING', 10, '15 minutes')$$, 'orders are as of single calls, their ids in the order of the requests');
SELECT is(taken, 6, 'limits too') FROM evently.buyer_limits WHERE event_id = :event AND buyer_id = 1;

-- The same codes and messages as single calls.
SELECT is((SELECT sqlstate || message FROM evently.reserve_tickets_batch(jsonb_build_array(pg_temp.request(event, 1, tier, quantity)))),
	(SELECT sqlstate || message FROM evently.try_reserve_tier(event, 1, tier, quantity)), 'as a single call: ' || description)
FROM (VALUES (:event, :tier, 5, 'too few'), (:event, :vip, 5, 'limit per order'), (:event, :tier, 1, 'limit per buyer'),
	(:event2, :tier2, 1, 'sold out'), (:dear_event, :dear_tier, 2, 'a total that is no amount'), (9999999, :tier, 1, 'no event'), (:draft, :draft_tier, 1, 'a draft'),
	(:event, :late, 1, 'too early'), (:event, :tier, 0, 'nothing wanted'), (:event, :tier2, 1, 'tier of another event')) wrong (event, tier, quantity, description);

-- Several tiers in one request, and one tier in several requests.
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(
		jsonb_build_object('event_id', :event, 'buyer_id', 5, 'buyer_email', 'e@example.org', 'selections', format('[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 2}, {"tier_id": %1$s, "quantity": 1}]', :vip, :tier)::jsonb),
		jsonb_build_object('event_id', :event, 'buyer_id', 6, 'selections', format('[{"tier_id": %s, "quantity": 4}, {"tier_id": %s, "quantity": 1}]', :vip, :tier)::jsonb),
		jsonb_build_object('event_id', :event, 'buyer_id', 7, 'selections', format('[{"tier_id": %s, "quantity": 3}, {"tier_id": %s, "quantity": 2}]', :vip, :tier)::jsonb))),
	ARRAY['1 order', '2 TK001', '3 order'], 'all or nothing for each request');
SELECT is(pg_temp.stock(:tier) || ' ' || pg_temp.stock(:vip), '0/10/0/0 0/5/0/0', 'what is refused is left for the next');
SELECT results_eq(format('SELECT i.tier_id, i.quantity FROM evently.orders o JOIN evently.order_items i USING (order_id) WHERE o.event_id = %s AND buyer_email = ''e@example.org'' ORDER BY 1', :event),
	format('VALUES (%s::bigint, 2), (%s, 2)', :tier, :vip), 'a tier named twice is added up');

-- Keys.
SELECT event, tier FROM pg_temp.sale(20) \gset
SELECT order_id AS known FROM evently.reserve_tier(:event, 1, :tier, 1, 'before') \gset
CREATE TEMP TABLE keyed AS SELECT * FROM evently.reserve_tickets_batch(jsonb_build_array(
	pg_temp.request(:event, 1, :tier, 1, 'before'), pg_temp.request(:event, 1, :tier, 2, 'before'),
	pg_temp.request(:event, 2, :tier, 3, 'k'), pg_temp.request(:event, 2, :tier, 3, 'k'), pg_temp.request(:event, 2, :tier, 4, 'k'),
	pg_temp.request(:event, 3, :tier, 3, 'k'), pg_temp.request(:event, 4, :tier, 1, ''), pg_temp.request(:event, 4, :tier, 1, repeat('k', 201)),
	pg_temp.request(:event, 4, :tier, 1, NULL, ' ')));
SELECT is((SELECT array_agg(coalesce(sqlstate, '-') ORDER BY request_no) FROM keyed),
	ARRAY['-', '22023', '-', '-', '22023', '-', '22023', '22023', '22023'], 'a key repeated, before or within the batch');
SELECT is((SELECT order_id FROM keyed WHERE request_no = 1), :known::bigint, 'it gives the order that was there');
SELECT is((SELECT count(DISTINCT order_id) FROM keyed WHERE request_no IN (3, 4)), 1::bigint, 'one order for the same request twice');
SELECT isnt((SELECT order_id FROM keyed WHERE request_no = 6), (SELECT order_id FROM keyed WHERE request_no = 3), 'another buyer''s key is his own');
SELECT is(pg_temp.stock(:tier), '13/7/0/0', 'and each takes stock once');

-- A key whose first use in the batch is refused is free for the next.
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(pg_temp.request(:event, 9, :tier, 11, 'f'), pg_temp.request(:event, 9, :tier, 2, 'f'))),
	ARRAY['1 TK002', '2 order'], 'a refused request has not used its key');

-- Lapsed holds are reclaimed.
SELECT event, tier FROM pg_temp.sale(4) \gset
SELECT pg_temp.hold(:event, :tier, 4, 1) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(pg_temp.request(:event, 2, :tier, 3), pg_temp.request(:event, 3, :tier, 2), pg_temp.request(:event, 4, :tier, 1))),
	ARRAY['1 order', '2 TK001', '3 order'], 'a batch takes what a lapsed hold had');
SELECT is(pg_temp.order_status(:lapsed) || ' ' || pg_temp.stock(:tier), 'EXPIRED 0/4/0/0', 'which has ended');

-- Of what was reclaimed for a request that then got nothing of its own, the rest is for sale.
SELECT event, tier FROM pg_temp.sale(4) \gset
SELECT pg_temp.hold(:event, :tier, 4, 1) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(pg_temp.request(:event, 2, :tier, 2, 'k'), pg_temp.request(:event, 2, :tier, 2, 'k'))),
	ARRAY['1 order', '2 order'], 'the same request twice, of a lapsed hold that both together would need');
SELECT is(pg_temp.stock(:tier), '2/2/0/0', 'what is not needed is available');

-- So are those of a buyer who has reached the limit with them.
SELECT pg_temp.draft(max_per_buyer => 3) AS event \gset
SELECT pg_temp.tier(:event, 10, name => 'a') AS a, pg_temp.tier(:event, 10, name => 'b') AS b \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS lapsed FROM evently.reserve_tickets(:event, 1, format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', :a, :b)::jsonb) \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT pg_temp.hold(:event, :a, 3, 2) \g /dev/null
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(pg_temp.request(:event, 1, :a, 2), pg_temp.request(:event, 2, :a, 1),
		pg_temp.request(:event, 1, :a, 2), pg_temp.request(:event, 1, :a, 1))),
	ARRAY['1 order', '2 TK005', '3 TK005', '4 order'], 'a buyer''s own lapsed hold is not in the way');
SELECT is(pg_temp.order_status(:lapsed) || ' ' || pg_temp.stock(:a) || ' ' || pg_temp.stock(:b), 'EXPIRED 4/6/0/0 10/0/0/0', 'it has ended, in all its tiers');

-- Malformed requests are answered, a malformed batch is refused.
SELECT event, tier FROM pg_temp.sale() \gset
SELECT results_eq(format('SELECT pg_temp.batch(%L)', jsonb_build_array(
		pg_temp.fill(request, 'EVENT', :'event', 'TIER', :'tier')::jsonb, pg_temp.request(:event, 1, :tier, 1))),
	ARRAY['1 22023', '2 order'], 'a request that is ' || request)
FROM (VALUES ('"x"'), ('{"event_id": EVENT}'), ('{"event_id": EVENT, "buyer_id": 1}'), ('{"event_id": EVENT, "buyer_id": 1, "selections": null}'),
	('{"event_id": EVENT, "buyer_id": 1, "selections": []}'), ('{"event_id": EVENT, "buyer_id": 1, "selections": {}}'), ('{"event_id": EVENT, "buyer_id": 1, "selections": 1}'),
	('{"event_id": EVENT, "buyer_id": 1, "selections": [{"tier_id": TIER, "quantity": 1.5}]}'),
	('{"event_id": "EVENT", "buyer_id": 1, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": null, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": 1.5, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": 1e30, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": 1, "idempotency_key": 5, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": 1, "buyer_email": {}, "selections": [{"tier_id": TIER, "quantity": 1}]}'),
	('{"event_id": EVENT, "buyer_id": 1, "idempotencykey": "k", "selections": [{"tier_id": TIER, "quantity": 1}]}')) malformed (request);
SELECT pg_temp.refused(format('SELECT evently.reserve_tickets_batch(%s)', requests), '22023', '%', 'a batch that is ' || requests)
FROM (VALUES ('NULL'), ('''null'''), ('''1'''), ('''{}'''), ('''"x"''')) wrong (requests);
SELECT is_empty('SELECT * FROM evently.reserve_tickets_batch(''[]'')', 'no requests, no rows');
SET LOCAL evently.batch_max_requests = 2;
SELECT pg_temp.refused(format('SELECT evently.reserve_tickets_batch(%L)', jsonb_build_array('{}'::jsonb, '{}'::jsonb, '{}'::jsonb)), '22023', '%', 'more requests than the setting batch_max_requests');
SELECT is(count(*), 2::bigint, 'as many as it allows') FROM evently.reserve_tickets_batch('[{}, {}]');
RESET evently.batch_max_requests;

-- A large batch on a small stock of many shards sells exactly what there is.
SELECT pg_temp.draft() AS event \gset
SELECT tier_id AS tier FROM evently.create_tier(:event, 'many', 1, 300, shards => 16) \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT is(count(order_id), 300::bigint, 'a thousand requests for 300 tickets: 300 orders') FROM evently.reserve_tickets_batch(
	(SELECT jsonb_agg(pg_temp.request(:event, n, :tier, 1)) FROM generate_series(1, 1000) n));
SELECT results_eq(format('SELECT min(buyer_id), max(buyer_id), count(*) FROM evently.orders WHERE event_id = %s', :event), 'VALUES (1::bigint, 300::bigint, 300::bigint)', 'of the first 300');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
