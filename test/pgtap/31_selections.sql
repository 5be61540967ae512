-- selections in every wrong shape: 22023, with a message that names the place.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT event, tier FROM pg_temp.sale() \gset
-- TIER stands for the tier's id.
SELECT pg_temp.refused(
	format('SELECT evently.reserve_tickets(%s, 7, %L)', :event, pg_temp.fill(selections, 'TIER', :'tier')),
	code, '%', 'selections: ' || coalesce(reason, left(selections, 60)))
FROM (VALUES
	-- not an array
	('null', '22023', NULL), ('1', '22023', NULL), ('"x"', '22023', NULL), ('true', '22023', NULL), ('{}', '22023', NULL),
	('{"tier_id": TIER, "quantity": 1}', '22023', NULL),
	-- an array of nothing, or of what is no object
	('[]', '22023', NULL), ('[null]', '22023', NULL), ('[1]', '22023', NULL), ('["x"]', '22023', NULL), ('[[]]', '22023', NULL),
	('[[{"tier_id": TIER, "quantity": 1}]]', '22023', NULL), ('[{"tier_id": TIER, "quantity": 1}, null]', '22023', NULL),
	-- missing members
	('[{}]', '22023', NULL), ('[{"tier_id": TIER}]', '22023', NULL), ('[{"quantity": 1}]', '22023', NULL),
	('[{"Tier_Id": TIER, "quantity": 1}]', '22023', NULL),
	-- wrong types
	('[{"tier_id": null, "quantity": 1}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": null}]', '22023', NULL),
	('[{"tier_id": "TIER", "quantity": 1}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": "1"}]', '22023', NULL),
	('[{"tier_id": [TIER], "quantity": 1}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": {}}]', '22023', NULL),
	('[{"tier_id": true, "quantity": 1}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": false}]', '22023', NULL),
	-- numbers that are no counts
	('[{"tier_id": TIER, "quantity": 0}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": -0}]', '22023', NULL),
	('[{"tier_id": TIER, "quantity": -3}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": 1.5}]', '22023', NULL),
	('[{"tier_id": TIER, "quantity": 0.9999999999999999999}]', '22023', NULL),
	('[{"tier_id": TIER, "quantity": 1e-3}]', '22023', NULL),
	('[{"tier_id": TIER.5, "quantity": 1}]', '22023', NULL),
	('[{"tier_id": TIER, "quantity": 1e30}]', '22023', NULL),
	('[{"tier_id": TIER, "quantity": -1e30}]', '22023', NULL),
	('[{"tier_id": 1e30, "quantity": 1}]', '22023', NULL), ('[{"tier_id": 9223372036854775808, "quantity": 1}]', '22023', NULL),
	('[{"tier_id": 1e100000, "quantity": 1}]', '22023', NULL),
	-- one wrong among good ones
	('[{"tier_id": TIER, "quantity": 1}, {"tier_id": TIER, "quantity": 0}]', '22023', NULL),
	-- members that are not known are typing errors
	('[{"tier_id": TIER, "quantity": 1, "price": 5}]', '22023', NULL), ('[{"tier_id": TIER, "quantity": 1, "": 1}]', '22023', NULL),
	-- more than an integer holds is over every limit
	('[{"tier_id": TIER, "quantity": 2147483648}]', 'TK002', NULL), ('[{"tier_id": TIER, "quantity": 9223372036854775807}]', 'TK002', NULL),
	-- twice the greatest integer is no integer, and over the limit
	('[{"tier_id": TIER, "quantity": 2147483647}, {"tier_id": TIER, "quantity": 2147483647}]', 'TK002', 'a sum beyond integer'),
	('[{"tier_id": TIER, "quantity": 6}, {"tier_id": TIER, "quantity": 5}]', 'TK002', 'a sum over the limit per order')
	) wrong (selections, code, reason);
SELECT pg_temp.refused(format('SELECT evently.reserve_tickets(%s, 7, NULL)', :event), '22023', '%', 'selections: SQL''s null');
SELECT pg_temp.refused(format('SELECT evently.reserve_tickets(%s, 7, %L)', :event,
	(SELECT jsonb_agg(jsonb_build_object('tier_id', :tier, 'quantity', 1)) FROM generate_series(1, 101))),
	'22023', '%', 'selections: 101 of them');
SELECT pg_temp.refused(format('SELECT evently.reserve_tickets(%s, 7, %L)', :event,
	(SELECT jsonb_agg(jsonb_build_object('tier_id', :tier, 'quantity', 1)) FROM generate_series(1, 100))),
	'TK002', '%', 'selections: 100 of them are well formed');

-- What is well formed.
CREATE FUNCTION pg_temp.reserves(selections text, quantity integer, description text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	reserved bigint;
BEGIN
	SELECT order_id INTO reserved FROM evently.reserve_tickets(
		(SELECT event_id FROM evently.ticket_tiers WHERE tier_id = current_setting('test.tier')::bigint), 7,
		pg_temp.fill(selections, 'TIER', current_setting('test.tier'))::jsonb);
	RETURN NEXT results_eq('SELECT quantity FROM evently.order_items WHERE order_id = ' || reserved, ARRAY[quantity], description);
END
$$;
SET test.tier = :'tier';
SELECT pg_temp.reserves('[{"tier_id": TIER, "quantity": 2, "quantity": 3}]', 3, 'a member given twice: the last counts, as jsonb keeps it');
SELECT pg_temp.reserves('[{"tier_id": TIER, "quantity": 2.0}]', 2, '2.0 is 2');
SELECT pg_temp.reserves('[{"tier_id": TIER, "quantity": 0.2e1}]', 2, '0.2e1 is 2');
-- A hundred selections, of a hundred tiers, one order.
SELECT jsonb_agg(jsonb_build_object('tier_id', pg_temp.tier(:event, 1, name => 'Block ' || n), 'quantity', 1)) AS hundred
FROM generate_series(1, 100) n \gset
SELECT is((SELECT total_amount::numeric FROM evently.reserve_tickets(:event, 7, :'hundred')), 1000::numeric, 'a hundred tiers at once');
SELECT results_eq(format('SELECT sum(available_quantity), sum(held_quantity) FROM evently.tier_inventory WHERE event_id = %s AND tier_id <> %s', :event, :tier),
	'VALUES (0::numeric, 100::numeric)', 'and each is held');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
