-- SOLD_OUT: set by the last ticket, cleared by the first that comes back, at once.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 3, name => 'a') AS a, pg_temp.tier(:event, 2, name => 'b', held_back => 1) AS b \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'tickets are left');
SELECT pg_temp.hold(:event, :a, 2, 1) AS first, pg_temp.hold(:event, :b, 1, 1) AS second \gset
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'one tier has none left, the other one');
SELECT pg_temp.hold(:event, :a, 1, 2) AS third \gset
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'the last ticket is held; what is held back does not count');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 9, %s, 1)', :event, :a), 'TK001', '%', 'who comes then is told that there are not enough tickets');

SELECT evently.cancel_order(:third, 'no') \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a cancelled hold clears it');
SELECT pg_temp.buy(:event, :a, 1, 3) AS bought \gset
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'sold out again');
SELECT evently.confirm_order(:first, 'pay-so-' || :first) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'paying for a hold leaves it');
SELECT evently.refund_order(:bought, 'refund-so-' || :bought) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a refund clears it');
SELECT pg_temp.buy(:event, :a, 1, 4) AS bought \gset
SELECT evently.refund_order(:bought, 'refund-so-' || :bought, restock => false) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'a refund that is not restocked leaves it');
SELECT pg_temp.lapse(:second) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'an expired hold clears it');
SELECT order_id AS late FROM evently.reserve_tier(:event, 5, :b, 1) \gset
SELECT pg_temp.lapse(:late) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'the last again');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 6, %s, 1)', :event, :b), 'an event that is called sold out sells what a lapsed hold has');
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'and is sold out again');

-- The organizer's changes of quantity.
SELECT evently.set_held_back(:b, 0) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'what is no longer held back clears it');
SELECT evently.set_held_back(:b, 1) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'holding back the last ticket sets it');
SELECT evently.set_tier_quantity(:a, 4) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a greater quantity clears it');
SELECT evently.set_tier_quantity(:a, 3) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'a smaller one sets it');
SELECT pg_temp.tier(:event, 0, name => 'none') \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'a new tier of nothing leaves it');
SELECT pg_temp.tier(:event, 1, name => 'c') AS c \gset
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a new tier clears it');
-- Pause and resume.
SELECT pg_temp.hold(:event, :c, 1, 8) AS last \gset
SELECT evently.pause_sale(:event) \g /dev/null
SELECT is((evently.resume_sale(:event)).status, 'SOLD_OUT', 'a paused sale with nothing left is resumed as sold out');
SELECT evently.pause_sale(:event) \g /dev/null
SELECT evently.cancel_order(:last, 'no') \g /dev/null
SELECT is(pg_temp.event_status(:event), 'PUBLISHED', 'what comes back while the sale is paused does not resume it');
SELECT is((evently.resume_sale(:event)).status, 'ON_SALE', 'but is on sale afterwards');
SELECT pg_temp.hold(:event, :c, 1, 8) AS last \gset
SELECT evently.pause_sale(:event) \g /dev/null
SELECT pg_temp.lapse(:last) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT is(pg_temp.event_status(:event), 'PUBLISHED', 'nor does a sweep');
-- All in one order, over all tiers, and in one batch.
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 2, name => 'a') AS a, pg_temp.tier(:event, 2, name => 'b') AS b \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS both FROM evently.reserve_tickets(:event, 1, format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 2}]', :a, :b)::jsonb) \gset
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'one order takes all tickets of all tiers');
SELECT evently.cancel_order(:both, 'no') \g /dev/null
SELECT * FROM evently.reserve_tickets_batch((
	SELECT jsonb_agg(jsonb_build_object('event_id', :event, 'buyer_id', buyer, 'selections',
		jsonb_build_array(jsonb_build_object('tier_id', tier, 'quantity', 1))))
	FROM unnest(ARRAY[:a, :b]) tier, generate_series(1, 3) buyer)) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'a batch takes all');
-- A lapsed hold that has more than is wanted: the rest is for sale again.
SELECT event, tier FROM pg_temp.sale(4) \gset
SELECT pg_temp.hold(:event, :tier, 4, 1) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT pg_temp.hold(:event, :tier, 3, 2) AS lapsed \gset
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a reservation takes a part of a lapsed hold');
SELECT pg_temp.hold(:event, :tier, 1, 3) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'and the last ticket goes');
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT * FROM evently.reserve_tickets_batch(jsonb_build_array(jsonb_build_object('event_id', :event, 'buyer_id', 4, 'selections',
	jsonb_build_array(jsonb_build_object('tier_id', :tier, 'quantity', 2))))) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a batch takes a part of a lapsed hold');
SELECT pg_temp.hold(:event, :tier, 1, 5) AS lapsed \gset
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'and the last ticket goes');
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 1, name => 'a') AS a, pg_temp.tier(:event, 1, name => 'b') AS b \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS both FROM evently.reserve_tickets(:event, 1, format('[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 1}]', :a, :b)::jsonb) \gset
SELECT pg_temp.lapse(:both) \g /dev/null
SELECT pg_temp.hold(:event, :a, 1, 2) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'ON_SALE', 'a lapsed hold of another tier too');
-- A late payment takes the last again.
SELECT event, tier FROM pg_temp.sale(1) \gset
SELECT pg_temp.hold(:event, :tier) AS late \gset
SELECT pg_temp.lapse(:late) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT evently.confirm_order(:late, 'pay-late-' || :late) \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'a late payment takes the last ticket');

-- Nothing is left for the job to do, and it changes nothing.
SELECT array_agg(event_id || status ORDER BY event_id) AS before FROM evently.events \gset
SELECT evently.refresh_sold_out_labels() \g /dev/null
SELECT is((SELECT array_agg(event_id || status ORDER BY event_id) FROM evently.events), :'before', 'the job finds every label right');
SELECT is(evently.refresh_sold_out_labels(), 0, 'and every note is dealt with');
-- It mends what a race would have left.
UPDATE evently.events SET status = 'ON_SALE' WHERE event_id = :event;
INSERT INTO evently.sold_out_checks (event_id) VALUES (:event);
SELECT pg_temp.tier(:event, 1, name => 'new') AS new_tier \gset
SELECT pg_temp.draft() AS other \gset
SELECT pg_temp.tier(:other, 1) AS other_tier \gset
SELECT pg_temp.open(:other) \g /dev/null
UPDATE evently.events SET status = 'SOLD_OUT' WHERE event_id = :other;
SELECT evently.set_held_back(:new_tier, 1) \g /dev/null
UPDATE evently.events SET status = 'ON_SALE' WHERE event_id = :event;
INSERT INTO evently.sold_out_checks (event_id) VALUES (:event);
SELECT evently.refresh_sold_out_labels() \g /dev/null
SELECT is(pg_temp.event_status(:event), 'SOLD_OUT', 'the job sets a label that a race left out');
SELECT is(pg_temp.event_status(:other), 'ON_SALE', 'the job clears a label that a race left on');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
