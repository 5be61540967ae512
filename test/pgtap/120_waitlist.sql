-- The waitlist: who may join, who is served, what offers are worth, how lines end.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- 'waiting and offered users in order | available/offered/gathering' of a tier.
CREATE FUNCTION pg_temp.line(tier bigint) RETURNS text
LANGUAGE sql AS $$
	SELECT format('%s | %s/%s/%s', (SELECT string_agg(user_id || CASE status WHEN 'OFFERED' THEN '!' ELSE '' END, ' ' ORDER BY position)
			FROM evently.waitlist_entries w WHERE w.tier_id = i.tier_id AND status IN ('WAITING', 'OFFERED')),
		available_quantity, offered, gathering)
	FROM evently.tier_inventory i WHERE tier_id = tier;
$$;
CREATE FUNCTION pg_temp.offer(tier bigint, of_user bigint) RETURNS bigint
LANGUAGE sql AS $$
	SELECT offer_id FROM evently.waitlist_offers WHERE tier_id = tier AND user_id = of_user ORDER BY offer_id DESC LIMIT 1;
$$;
CREATE FUNCTION pg_temp.lapse_offer(lapsed bigint) RETURNS void
LANGUAGE sql AS $$
	UPDATE evently.waitlist_offers SET expires_at = clock_timestamp() - interval '1 second' WHERE offer_id = lapsed;
$$;
CREATE FUNCTION pg_temp.gathered(tier bigint, ago interval) RETURNS void
LANGUAGE sql AS $$
	UPDATE evently.waitlist_lines SET gather_until = clock_timestamp() - ago WHERE tier_id = tier;
$$;

-- Joining.
SELECT event, tier FROM pg_temp.sale(3) \gset
SELECT pg_temp.buy(:event, :tier, 1, 11) AS a, pg_temp.buy(:event, :tier, 1, 12) AS b \gset
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 1)', :tier), 'TK030', '%can serve you now', 'a tier with enough');
SELECT row_eq(format('SELECT quantity, status, position FROM evently.join_waitlist(%s, 1, 2)', :tier), ROW(2, 'WAITING'::text, 1::bigint), 'a tier with too little');
SELECT pg_temp.buy(:event, :tier, 1, 13) AS c \gset
SELECT row_eq(format('SELECT quantity, status, position FROM evently.join_waitlist(%s, 2)', :tier), ROW(1, 'WAITING'::text, 2::bigint), 'the next');
SELECT row_eq(format('SELECT position FROM evently.join_waitlist(%s, 2)', :tier), ROW(2::bigint), 'repeated, the same entry');
SELECT is(evently.waitlist_position(:tier, 2), 2, 'has a place');
SELECT is(evently.waitlist_position(:tier, 3), NULL, 'who does not wait has none');
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 2, 2)', :tier), 'TK006', 'user 2 already stands in the line%', 'another quantity');
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 3, 11)', :tier), 'TK002', '%', 'more than one order may have');
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 3, %s)', :tier, q), '22023', 'quantity must%', format('quantity %s', q)) FROM (VALUES ('0'), ('-1'), ('NULL')) x (q);
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, NULL)', :tier), '22023', 'user_id must not be null', 'no user');
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 3, 1, %L)', :tier, ' '), '22023', 'email must not be empty', 'an empty address');
SELECT pg_temp.refused('SELECT evently.join_waitlist(-1, 3)', 'P0002', 'tier -1 does not exist', 'an unknown tier');

-- A group gathers, and is served; nobody else gets what gathers.
SELECT evently.refund_order(:a, 'w-a-' || :a) \g /dev/null
SELECT is(pg_temp.line(:tier), '1 2 | 0/0/1', 'one of the two that the group wants gathers; the one behind waits');
SELECT is((SELECT sqlstate FROM evently.try_reserve_tier(:event, 99, :tier, 1)), 'TK001', 'the public does not see it');
SELECT evently.refund_order(:b, 'w-b-' || :b) \g /dev/null
SELECT is(pg_temp.line(:tier), '1! 2 | 0/2/0', 'together they are offered');
SELECT evently.refund_order(:c, 'w-c-' || :c) \g /dev/null
SELECT is(pg_temp.line(:tier), '1! 2! | 0/3/0', 'and the next is for the next');
SELECT results_eq(format('SELECT recipient IS NULL, user_id, payload ->> ''quantity'', (payload ->> ''offer_id'')::bigint = pg_temp.offer(%1$s, user_id)
	FROM evently.notifications WHERE kind = ''WAITLIST_OFFER'' AND (payload ->> ''tier_id'')::bigint = %1$s ORDER BY notification_id', :tier),
	$$VALUES (true, 1::bigint, '2', true), (true, 2::bigint, '1', true)$$, 'both are told');
SELECT is((SELECT expires_at - offered_at FROM evently.waitlist_offers WHERE offer_id = pg_temp.offer(:tier, 1)), interval '30 minutes', 'half an hour to claim');
SELECT pg_temp.verified();

-- Claiming.
SELECT pg_temp.offer(:tier, 1) AS first, pg_temp.offer(:tier, 2) AS second \gset
SELECT pg_temp.refused(format('SELECT evently.claim_offer(%s, 2)', :first), 'TK022', '%another user''s', 'another user''s offer');
SELECT pg_temp.refused(format('SELECT evently.decline_offer(%s, 2)', :first), 'TK022', '%another user''s', 'another user''s offer');
SELECT pg_temp.refused('SELECT evently.claim_offer(-1, 2)', 'P0002', 'offer -1 does not exist', 'an unknown offer');
SELECT order_id AS claimed FROM evently.claim_offer(:first, 1) \gset
SELECT row_eq(format('SELECT buyer_id, status, total_amount::numeric, expires_at - created_at FROM evently.orders WHERE order_id = %s', :claimed),
	ROW(1::bigint, 'PENDING'::text, 20::numeric, interval '15 minutes'), 'an order with the usual hold');
SELECT is((SELECT order_id FROM evently.claim_offer(:first, 1)), :claimed::bigint, 'repeated, the same order');
SELECT is(pg_temp.line(:tier), '2! | 0/1/0', 'its tickets are the order''s');
SELECT pg_temp.lapse_offer(:second);
SELECT pg_temp.refused(format('SELECT evently.claim_offer(%s, 2)', :second), 'TK031', '%has lapsed', 'an offer that has lapsed');
SELECT is(evently.release_expired_offers(), 1, 'is swept');
SELECT pg_temp.refused(format('SELECT evently.claim_offer(%s, 2)', :second), 'TK031', '%has lapsed', 'is refused as before');
SELECT is(pg_temp.line(:tier), ' | 1/0/0', 'and its ticket, for which nobody waits, is on sale');
SELECT is((SELECT count(*) FROM evently.notifications WHERE kind = 'WAITLIST_LAPSED' AND (payload ->> 'offer_id')::bigint = :second), 1::bigint, 'who missed it is told');
SELECT pg_temp.hold(:event, :tier, 1, 50) \g /dev/null
SELECT row_eq(format('SELECT position FROM evently.join_waitlist(%s, 2)', :tier), ROW(3::bigint), 'and may join again, at the end');
SELECT pg_temp.verified();

-- Holds that lapse belong to the line: buyers and late payers do not get them.
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.hold(:event, :tier, 1, 1) AS held, pg_temp.hold(:event, :tier, 1, 2) AS late \gset
SELECT evently.join_waitlist(:tier, 3) \g /dev/null
SELECT pg_temp.lapse(:held), pg_temp.lapse(:late);
SELECT is((SELECT sqlstate FROM evently.try_reserve_tier(:event, 4, :tier, 1)), 'TK001', 'a buyer does not get what lapsed');
SELECT is((evently.confirm_order(:late, 'late-' || :late)).outcome, 'REFUND_DUE', 'nor does who pays late');
SELECT is(pg_temp.line(:tier), '3! | 0/1/0', 'it goes to the line');
SELECT is((SELECT sqlstate FROM evently.try_reserve_tier(:event, 4, :tier, 1)), NULL, 'when nobody waits any more, buyers get what lapsed on the spot');
SELECT pg_temp.verified();

-- Declining and leaving.
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.buy(:event, :tier, 2, 1) AS sold \gset
SELECT evently.join_waitlist(:tier, u, q) FROM (VALUES (11, 2), (12, 1), (13, 1), (14, 1)) x (u, q) \g /dev/null
SELECT evently.refund_order(:sold, 'w-' || :sold) \g /dev/null
SELECT is((SELECT status FROM evently.decline_offer(pg_temp.offer(:tier, 11), 11)), 'DECLINED', 'declined');
SELECT is((SELECT status FROM evently.decline_offer(pg_temp.offer(:tier, 11), 11)), 'DECLINED', 'repeated, it is the same');
SELECT is(pg_temp.line(:tier), '12! 13! 14 | 0/2/0', 'its two tickets go to the next two');
SELECT is((SELECT status FROM evently.leave_waitlist(:tier, 12)), 'LEFT', 'leaving declines the offer');
SELECT is(pg_temp.line(:tier), '13! 14! | 0/2/0', 'which goes to the next');
SELECT pg_temp.refused(format('SELECT evently.leave_waitlist(%s, 12)', :tier), 'P0002', 'user 12 does not stand%', 'who left cannot leave');
SELECT pg_temp.refused(format('SELECT evently.claim_offer(pg_temp.offer(%s, 12), 12)', :tier), 'TK031', '%is DECLINED', 'nor claim');
SELECT pg_temp.verified();

-- A group's time to gather ends: those behind pass, the rest goes on sale, the group keeps its place.
SELECT event, tier FROM pg_temp.sale(4) \gset
SELECT pg_temp.buy(:event, :tier, 1, 1) AS a, pg_temp.buy(:event, :tier, 1, 1) AS b, pg_temp.buy(:event, :tier, 1, 1) AS c, pg_temp.buy(:event, :tier, 1, 1) AS d \gset
SELECT evently.join_waitlist(:tier, u, q) FROM (VALUES (21, 3), (22, 1), (23, 2)) x (u, q) \g /dev/null
SELECT evently.refund_order(:a, 'w-a-' || :a), evently.refund_order(:b, 'w-b-' || :b) \g /dev/null
SELECT is(evently.settle_waitlists(), 0, 'its time is not over');
SELECT is(pg_temp.line(:tier), '21 22 23 | 0/0/2', 'two of three gather');
SELECT pg_temp.gathered(:tier, '1 second');
SELECT is(evently.settle_waitlists(), 1, 'its time is over');
SELECT is(pg_temp.line(:tier), '21 22! 23 | 1/1/0', 'one is offered to the one whom it suffices, one goes on sale');
SELECT evently.refund_order(:c, 'w-c-' || :c) \g /dev/null
SELECT is(pg_temp.line(:tier), '21 22! 23! | 0/3/0', 'those behind are served from both');
SELECT evently.join_waitlist(:tier, 24, 1) \g /dev/null
SELECT pg_temp.gathered(:tier, '16 minutes');
SELECT evently.refund_order(:d, 'w-d-' || :d) \g /dev/null
SELECT is(pg_temp.line(:tier), '21 22! 23! 24 | 0/3/1', 'after the pause stock gathers for the group again');
SELECT evently.leave_waitlist(:tier, 21) \g /dev/null
SELECT is(pg_temp.line(:tier), '22! 23! 24! | 0/4/0', 'when it leaves, the next is served');
SELECT pg_temp.verified();
SET LOCAL evently.waitlist_gather_time = 0;
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.buy(:event, :tier, 1, 1) AS a, pg_temp.buy(:event, :tier, 1, 1) AS b \gset
SELECT evently.join_waitlist(:tier, u, q) FROM (VALUES (21, 2), (22, 1)) x (u, q) \g /dev/null
SELECT evently.refund_order(:a, 'w-a-' || :a) \g /dev/null
SELECT is(pg_temp.line(:tier), '21 22! | 0/1/0', 'with a time of 0 nothing gathers');
RESET evently.waitlist_gather_time;

-- Whatever releases stock.
SELECT event, tier FROM pg_temp.sale(4, held_back => 2) \gset
SELECT pg_temp.buy(:event, :tier, 1, 1) AS bought, pg_temp.hold(:event, :tier, 1, 2) AS held \gset
SELECT evently.join_waitlist(:tier, u) FROM generate_series(31, 38) u \g /dev/null
SELECT evently.cancel_order(:held, 'no') \g /dev/null
SELECT is(pg_temp.line(:tier), '31! 32 33 34 35 36 37 38 | 0/1/0', 'a cancelled hold');
SELECT evently.set_held_back(:tier, 1) \g /dev/null
SELECT is(pg_temp.line(:tier), '31! 32! 33 34 35 36 37 38 | 0/2/0', 'a smaller hold-back');
SELECT evently.set_tier_quantity(:tier, 6) \g /dev/null
SELECT is(pg_temp.line(:tier), '31! 32! 33! 34! 35 36 37 38 | 0/4/0', 'a larger total');
SELECT ticket_id AS comp, order_id AS comps FROM evently.issue_comps(:tier, '[{}]') \gset
SELECT evently.refund_order(:comps, 'w-comp-' || :comps, restock => true) \g /dev/null
SELECT is(pg_temp.line(:tier), '31! 32! 33! 34! 35! 36 37 38 | 0/5/0', 'a guest''s ticket that is returned');
SELECT evently.set_tier_quantity(:tier, 10) \g /dev/null
SELECT is(pg_temp.line(:tier), '31! 32! 33! 34! 35! 36! 37! 38! | 1/8/0', 'what nobody waits for goes on sale');
SELECT pg_temp.verified();

-- A paused sale makes no offers and takes no claims; resumed, it makes up for it.
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.buy(:event, :tier, 1, 1) AS a, pg_temp.buy(:event, :tier, 1, 1) AS b \gset
SELECT evently.join_waitlist(:tier, u) FROM generate_series(41, 42) u \g /dev/null
SELECT evently.refund_order(:a, 'w-a-' || :a) \g /dev/null
SELECT evently.pause_sale(:event) \g /dev/null
SELECT evently.refund_order(:b, 'w-b-' || :b) \g /dev/null
SELECT is(pg_temp.line(:tier), '41! 42 | 0/1/1', 'no offer while the sale is paused');
SELECT pg_temp.refused(format('SELECT evently.claim_offer(pg_temp.offer(%s, 41), 41)', :tier), 'TK004', '%is not on sale', 'nor a claim');
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 43)', :tier), 'TK004', '%is not on sale', 'nor a join');
SELECT is(evently.settle_waitlists(), 0, 'the job leaves it alone');
SELECT evently.resume_sale(:event) \g /dev/null
SELECT is(pg_temp.line(:tier), '41! 42! | 0/2/0', 'resumed, the offer is made');
SELECT pg_temp.verified();

-- Limits per buyer count at the claim.
SELECT event, tier FROM pg_temp.sale(4, max_per_buyer => 2) \gset
SELECT pg_temp.buy(:event, :tier, 1, 51) AS own, pg_temp.buy(:event, :tier, 2, 1) AS other, pg_temp.buy(:event, :tier, 1, 2) \gset
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 51, 2)', :tier), 'TK005', '%', 'more than the limit leaves');
SELECT evently.join_waitlist(:tier, 51, 1) \g /dev/null
SELECT evently.refund_order(:other, 'w-' || :other) \g /dev/null
SELECT pg_temp.hold(:event, :tier, 1, 51) AS held \gset
SELECT pg_temp.refused(format('SELECT evently.claim_offer(pg_temp.offer(%s, 51), 51)', :tier), 'TK005', '%', 'the limit is reached: the offer stays');
SELECT pg_temp.lapse(:held);
SELECT is((SELECT status FROM evently.claim_offer(pg_temp.offer(:tier, 51), 51)), 'PENDING', 'a hold that lapsed is not in the way');
SELECT is(pg_temp.order_status(:held), 'EXPIRED', 'it has ended');
SELECT pg_temp.verified();

-- The end of the sale, of the event.
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.buy(:event, :tier, 1, 1) AS a, pg_temp.buy(:event, :tier, 1, 1) AS b \gset
SELECT evently.join_waitlist(:tier, u, q) FROM (VALUES (61, 2), (62, 1)) x (u, q) \g /dev/null
UPDATE evently.ticket_tiers SET sale_end = clock_timestamp() + interval '10 minutes' WHERE tier_id = :tier;
SELECT evently.refund_order(:a, 'w-a-' || :a), evently.leave_waitlist(:tier, 61) \g /dev/null
SELECT is((SELECT expires_at FROM evently.waitlist_offers WHERE offer_id = pg_temp.offer(:tier, 62)), (SELECT sale_end FROM evently.ticket_tiers WHERE tier_id = :tier), 'no offer lasts longer than the sale');
SELECT evently.join_waitlist(:tier, 63, 2, 'c@example.org') \g /dev/null
SELECT evently.refund_order(:b, 'w-b-' || :b) \g /dev/null
SELECT is(pg_temp.line(:tier), '62! 63 | 0/1/1', 'one is offered, one gathers');
UPDATE evently.ticket_tiers SET sale_end = clock_timestamp() WHERE tier_id = :tier;
SELECT pg_temp.refused(format('SELECT evently.join_waitlist(%s, 64)', :tier), 'TK003', '%has ended', 'nobody joins after the sale');
SELECT is(evently.settle_waitlists(), 2, 'the line is closed: itself and one entry');
SELECT is(pg_temp.line(:tier), '62! | 1/1/0', 'what gathered is free');
SELECT is((SELECT recipient FROM evently.notifications WHERE kind = 'WAITLIST_CLOSED' AND (payload ->> 'tier_id')::bigint = :tier), 'c@example.org', 'who waited is told');
SELECT evently.cancel_event(:event, 'rain') \g /dev/null
SELECT is(pg_temp.line(:tier), ' | 2/0/0', 'cancelling the event ends offers too');
SELECT results_eq(format('SELECT status FROM evently.waitlist_entries WHERE tier_id = %s ORDER BY position', :tier), ARRAY['LEFT', 'CLOSED', 'CLOSED'], 'and all entries');
SELECT pg_temp.refused(format('SELECT evently.claim_offer(pg_temp.offer(%s, 62), 62)', :tier), 'TK031', '%is CANCELLED', 'an offer of an event that was cancelled');
SELECT row_eq(format('SELECT waiting, offers_open, gathering, joined, claimed, lapsed, gone FROM evently.waitlist_status WHERE tier_id = %s', :tier),
	ROW(0::bigint, 0::bigint, 0, 3::bigint, 0::bigint, 0::bigint, 3::bigint), 'waitlist_status counts them');
SELECT pg_temp.verified();

-- Batches leave the line alone, too.
SELECT event, tier FROM pg_temp.sale(2) \gset
SELECT pg_temp.hold(:event, :tier, 2, 1) AS held \gset
SELECT evently.join_waitlist(:tier, 71, 1) \g /dev/null
SELECT pg_temp.lapse(:held);
SELECT is((SELECT string_agg(coalesce(sqlstate, 'ok'), ' ') FROM evently.reserve_tickets_batch(
	jsonb_build_array(jsonb_build_object('event_id', :event, 'buyer_id', 5, 'selections', jsonb_build_array(jsonb_build_object('tier_id', :tier, 'quantity', 1)))))),
	'TK001', 'a batch does not get what lapsed');
SELECT is(evently.release_expired_orders(), 1, 'the sweep hands it out');
SELECT is(pg_temp.line(:tier), '71! | 1/1/0', 'to the line, and the rest to the public');
SELECT pg_temp.verified();

SELECT * FROM finish();
ROLLBACK;
