-- A key names a buyer's attempt: repeated it gives the same order, whatever has become of it.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 10) AS tier, pg_temp.tier(:event, 10, name => 'VIP') AS vip \gset
SELECT pg_temp.open(:event) \g /dev/null
-- The call gives the order of this id and changes nothing.
CREATE FUNCTION pg_temp.repeats(call text, id bigint, description text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	before text := pg_temp.fingerprint();
BEGIN
	RETURN NEXT results_eq('SELECT order_id FROM ' || call, ARRAY[id], description);
	RETURN NEXT is(pg_temp.fingerprint(), before, 'and it changes nothing');
END
$$;

SELECT order_id AS one FROM evently.reserve_tier(:event, 7, :tier, 2, 'k', 'a@example.org') \gset
SELECT pg_temp.repeats(format('evently.reserve_tier(%s, 7, %s, 2, ''k'', ''a@example.org'')', :event, :tier), :one, 'the same call again');
SELECT pg_temp.repeats(format($$evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 2}]', 'k', 'a@example.org')$$, :event, :tier),
	:one, 'the same in the other form');
SELECT pg_temp.repeats(format($$evently.reserve_tickets(%s, 7, '[{"quantity": 1, "tier_id": %s}, {"tier_id": %2$s, "quantity": 1}]', 'k', 'a@example.org')$$, :event, :tier),
	:one, 'the same added up');
SELECT order_id AS two FROM evently.reserve_tickets(:event, 7, format('[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 2}]', :tier, :vip)::jsonb, 'both') \gset
SELECT pg_temp.repeats(format($$evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', 'both')$$, :event, :vip, :tier),
	:two, 'the same in another order');

SELECT pg_temp.refused(format('SELECT evently.%s', call), '22023', '%', 'the key with ' || reason)
FROM (VALUES
	(format('reserve_tier(%s, 7, %s, 3, ''k'')', :event, :tier), 'another quantity'),
	(format('reserve_tier(%s, 7, %s, 2, ''k'')', :event, :vip), 'another tier'),
	(format($$reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', 'k')$$, :event, :tier, :vip), 'one tier more'),
	(format('reserve_tier(%s, 7, %s, 1, ''both'')', :event, :tier), 'one tier less')) other (call, reason);

-- It belongs to the buyer and the event.
SELECT isnt((evently.reserve_tier(:event, 8, :tier, 2, 'k')).order_id, :one::bigint, 'another buyer''s key of that name is his own');
SELECT event, tier FROM pg_temp.sale() \gset other_
SELECT isnt((evently.reserve_tier(:other_event, 7, :other_tier, 2, 'k')).order_id, :one::bigint, 'another event''s too');
SELECT isnt((evently.reserve_tier(:event, 9, :tier, 1)).order_id, (evently.reserve_tier(:event, 9, :tier, 1)).order_id,
	'without a key, each call is an order');

-- Whatever has become of the order, of its price, of the sale.
UPDATE evently.ticket_tiers SET price = 99, max_per_order = 1, sale_end = now() WHERE tier_id = :tier;
SELECT pg_temp.repeats(format('evently.reserve_tier(%s, 7, %s, 2, ''k'', ''a@example.org'')', :event, :tier), :one, 'after a change of price, limit and window');
SELECT evently.confirm_order(:one, 'pay-key-' || :one) \g /dev/null
SELECT pg_temp.repeats(format('evently.reserve_tier(%s, 7, %s, 2, ''k'', ''a@example.org'')', :event, :tier), :one, 'after its payment');
SELECT pg_temp.lapse(:two) \g /dev/null
SELECT pg_temp.repeats(format($$evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', 'both')$$, :event, :vip, :tier),
	:two, 'after its hold lapsed');
SELECT evently.release_expired_orders() \g /dev/null
SELECT pg_temp.repeats(format($$evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', 'both')$$, :event, :vip, :tier),
	:two, 'after it was swept');
SELECT is(pg_temp.order_status(:two), 'EXPIRED', 'a repetition does not revive it');
SELECT evently.pause_sale(:event) \g /dev/null
SELECT pg_temp.repeats(format('evently.reserve_tier(%s, 7, %s, 2, ''k'', ''a@example.org'')', :event, :tier), :one, 'while the sale is paused');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1, ''k'')', :event, :tier), '22023', '%', 'other content then, too');

-- A refused attempt has not used its key.
SELECT evently.resume_sale(:event) \g /dev/null
SELECT pg_temp.hold(:event, :vip, 5, 20) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 9, ''later'')', :event, :vip), 'TK001', '%', 'an attempt that finds too few');
SELECT is((evently.reserve_tier(:event, 7, :vip, 3, 'later')).status, 'PENDING', 'its key may be used for another');

-- A repetition does not count twice against the limit per buyer.
SELECT event, tier FROM pg_temp.sale(max_per_buyer => 2) \gset lim_
SELECT order_id AS limited FROM evently.reserve_tier(:lim_event, 7, :lim_tier, 2, 'k') \gset
SELECT pg_temp.repeats(format('evently.reserve_tier(%s, 7, %s, 2, ''k'')', :lim_event, :lim_tier), :limited, 'at the limit per buyer');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
