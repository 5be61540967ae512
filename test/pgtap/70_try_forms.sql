-- try_reserve_tickets and try_reserve_tier say in a row what the others raise, and leave nothing behind.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- Every refusal, in both forms: the same SQLSTATE, message, detail and hint.
CREATE FUNCTION pg_temp.same_refusal(function text, arguments text, code text, description text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	raised text[];
	returned text[];
	reserved boolean;
	before text := pg_temp.fingerprint();
	detail text;
	hint text;
BEGIN
	BEGIN
		EXECUTE format('SELECT evently.%I(%s)', function, arguments);
		RETURN NEXT fail(format('%s: %s is refused', function, description));
		RETURN;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		raised := ARRAY[SQLSTATE, SQLERRM, detail, hint];
	END;
	-- Twice: the first call may learn something about the tier.
	FOR attempt IN 1..2 LOOP
		EXECUTE format('SELECT ARRAY[sqlstate, message, coalesce(detail, ''''), coalesce(hint, '''')], reservation IS NOT NULL FROM evently.try_%s(%s)', function, arguments)
			INTO returned, reserved;
		RETURN NEXT is(returned, raised, format('try_%s: %s', function, description));
		RETURN NEXT is(returned[1], code, 'which is ' || code);
		RETURN NEXT is(reserved, false, 'there is no order');
		RETURN NEXT is(pg_temp.fingerprint(), before, 'and nothing has changed');
	END LOOP;
END
$$;

SELECT pg_temp.draft(max_per_buyer => 6) AS event \gset
SELECT pg_temp.tier(:event, 20, 10, 'GENERAL') AS tier, pg_temp.tier(:event, 5, 10, 'VIP', max_per_order => 4) AS vip,
	pg_temp.tier(:event, 5, 10, 'LATE') AS late, pg_temp.tier(:event, 2, 10, 'GONE') AS gone \gset
UPDATE evently.ticket_tiers SET sale_start = now() + interval '1 day' WHERE tier_id = :late;
SELECT pg_temp.open(:event) \g /dev/null
SELECT event AS dear_event, tier AS dear_tier FROM pg_temp.sale(10, 999999999999) \gset
SELECT pg_temp.draft() AS draft \gset
SELECT pg_temp.tier(:draft) AS draft_tier \gset
SELECT pg_temp.hold(:event, :gone, 2, 1), pg_temp.hold(:event, :tier, 5, 2) \g /dev/null
SELECT order_id AS keyed FROM evently.reserve_tier(:event, 3, :tier, 1, 'k') \gset
SELECT pg_temp.hold(:event, :vip, 3, 4) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null

SELECT pg_temp.same_refusal('reserve_tier', arguments, code, description)
FROM (VALUES
	(format('%s, 7, %s, 1', :event, :gone), 'TK001', 'nothing is left'),
	(format('%s, 7, %s, 5', :event, :vip), 'TK002', 'over the limit per order'),
	(format('%s, 7, %s, 1', :event, :late), 'TK003', 'before the sale'),
	(format('%s, 7, %s, 1', :draft, :draft_tier), 'TK004', 'not on sale'),
	(format('%s, 2, %s, 2', :event, :tier), 'TK005', 'over the limit per buyer'),
	(format('9999999, 7, %s, 1', :tier), 'P0002', 'unknown event'),
	(format('%s, 7, 9999999, 1', :event), 'P0002', 'unknown tier'),
	(format('%s, 7, %s, 1', :event, :draft_tier), '22023', 'tier of another event'),
	(format('%s, 7, %s, 0', :event, :tier), '22023', 'quantity of 0'),
	(format('%s, 7, %s, -5', :event, :tier), '22023', 'negative quantity'),
	(format('%s, 7, %s, NULL', :event, :tier), '22023', 'no quantity'),
	(format('%s, 7, NULL, 1', :event), '22023', 'no tier'),
	(format('%s, NULL, %s, 1', :event, :tier), '22023', 'no buyer'),
	(format('NULL, 7, %s, 1', :tier), '22023', 'no event'),
	(format('%s, 7, %s, 1, ''''', :event, :tier), '22023', 'an empty key'),
	(format('%s, 7, %s, 1, NULL, ''''', :event, :tier), '22023', 'an empty address'),
	(format('%s, 7, %s, 2', :dear_event, :dear_tier), '22023', 'a total that is no amount'),
	(format('%s, 3, %s, 2, ''k''', :event, :tier), '22023', 'a key with other content')) wrong (arguments, code, description);
SELECT pg_temp.same_refusal('reserve_tickets', format('%s, 7, %L', :event, pg_temp.fill(selections, 'VIP', :'vip', 'TIER', :'tier')), code, left(selections, 50))
FROM (VALUES
	('[{"tier_id": TIER, "quantity": 1}, {"tier_id": VIP, "quantity": 3}, {"tier_id": TIER, "quantity": 3}]', 'TK005'),
	('[{"tier_id": TIER, "quantity": 1}, {"tier_id": 9999999, "quantity": 1}]', 'P0002'),
	('{}', '22023'), ('[]', '22023'), ('[1]', '22023'), ('[{"tier_id": TIER}]', '22023'), ('[{"tier_id": TIER, "quantity": 1.5}]', '22023'),
	('[{"tier_id": TIER, "quantity": 1e30}]', '22023'), ('[{"tier_id": TIER, "quantity": "1"}]', '22023')) wrong (selections, code);
SELECT pg_temp.same_refusal('reserve_tickets', :'event' || ', 7, NULL', '22023', 'no selections');

-- A lapsed hold that would not be enough is left as it is, also beside a tier that would do.
SELECT pg_temp.tier(:event, 3, 10, 'FEW') AS few \gset
SELECT pg_temp.hold(:event, :few, 1, 5) AS taken, pg_temp.hold(:event, :few, 2, 6) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT pg_temp.same_refusal('reserve_tier', format('%s, 7, %s, 3', :event, :few), 'TK001', 'a lapsed hold that is not enough');
SELECT pg_temp.same_refusal('reserve_tickets', format($$%s, 7, '[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 2}]'$$, :event, :few, :gone), 'TK001',
	'a lapsed hold that is enough, beside a tier where nothing is left');
SELECT is(pg_temp.order_status(:lapsed), 'PENDING', 'it was not ended for a call that got nothing');

-- What succeeds.
SELECT results_eq(format('SELECT (reservation).status, (reservation).buyer_email, (reservation).idempotency_key, sqlstate, message, detail, hint
		FROM evently.try_reserve_tier(%s, 8, %s, 2, ''try'', ''a@example.org'')', :event, :tier),
	$$VALUES ('PENDING', 'a@example.org', 'try', NULL::text, NULL::text, NULL::text, NULL::text)$$, 'try_reserve_tier gives the order');
SELECT is((SELECT (reservation).order_id FROM evently.try_reserve_tickets(:event, 8, format('[{"tier_id": %s, "quantity": 2}]', :tier)::jsonb, 'try')),
	(SELECT order_id FROM evently.orders WHERE event_id = :event AND buyer_id = 8), 'try_reserve_tickets gives it again for the same key');
SELECT is((SELECT (reservation).total_amount::numeric FROM evently.try_reserve_tickets(:event, 9,
	format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 2}]', :vip, :tier)::jsonb)), 40::numeric, 'try_reserve_tickets gives a new one');
SELECT r.reservation::text AS reserved FROM evently.try_reserve_tier(:event, 10, :tier, 1) r \gset
SELECT is(:'reserved', (SELECT o::text FROM evently.orders o WHERE event_id = :event AND buyer_id = 10), 'it is the order''s row');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
