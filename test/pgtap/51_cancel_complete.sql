-- cancel_event and complete_event: what becomes of holds, tickets, money, and who is told.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft(max_per_buyer => 10) AS event \gset
SELECT pg_temp.tier(:event, 50, 10, 'GENERAL', held_back => 5) AS tier, pg_temp.tier(:event, 50, 0, 'FREE') AS free \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS held FROM evently.reserve_tier(:event, 1, :tier, 2, buyer_email => 'held@example.org') \gset
SELECT order_id AS bought FROM evently.reserve_tier(:event, 2, :tier, 3, buyer_email => 'bought@example.org') \gset
SELECT evently.confirm_order(:bought, 'pay-' || :bought, attendees => '[{"name": "Ada", "email": "ada@example.org"}, {"name": "Myself", "email": "bought@example.org"}]') \g /dev/null
SELECT pg_temp.buy(:event, :tier, 2, 3) AS part \gset
SELECT evently.refund_order(:part, 'part-' || :part, (SELECT array_agg(ticket_id) FROM (SELECT min(ticket_id) AS ticket_id FROM evently.tickets WHERE order_id = :part) one)) \g /dev/null
SELECT pg_temp.buy(:event, :tier, 1, 4) AS refunded \gset
SELECT evently.refund_order(:refunded, 'whole-' || :refunded) \g /dev/null
SELECT pg_temp.hold(:event, :free, 1, 5) AS free_order \gset
SELECT evently.confirm_order(:free_order, NULL) \g /dev/null
SELECT pg_temp.hold(:event, :tier, 1, 6) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT order_id AS comp FROM evently.issue_comps(:tier, '[{"name": "Bob", "email": "bob@example.org"}]') \gset
SELECT pg_temp.hold(:event, :tier, 1, 9) AS cancelled \gset
SELECT evently.cancel_order(:cancelled, 'no') \g /dev/null
UPDATE evently.tickets SET status = 'USED', check_in_time = now() WHERE ticket_id = (SELECT min(ticket_id) FROM evently.tickets WHERE order_id = :bought);
SELECT coalesce(max(notification_id), 0) AS told FROM evently.notifications \gset
-- Another event is left alone.
SELECT event AS other_event, tier AS other_tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:other_event, :other_tier, 1, 1) AS other_held, pg_temp.buy(:other_event, :other_tier, 1, 2) AS other_bought \gset
SELECT coalesce(max(notification_id), 0) AS told FROM evently.notifications \gset

SELECT results_eq(format('SELECT status, cancel_reason FROM evently.cancel_event(%s, ''the band is ill'')', :event), $$VALUES ('CANCELLED', 'the band is ill')$$, 'the event is cancelled');
SELECT results_eq('SELECT order_id, status FROM evently.orders WHERE event_id = ' || :event || ' ORDER BY order_id',
	format($$VALUES (%s::bigint, 'CANCELLED'), (%s, 'REFUNDED'), (%s, 'REFUNDED'), (%s, 'REFUNDED'), (%s, 'REFUNDED'), (%s, %L), (%s, 'REFUNDED'), (%s, 'CANCELLED')$$,
		:held, :bought, :part, :refunded, :free_order, :lapsed, pg_temp.order_status(:lapsed), :comp, :cancelled), 'holds end, what was bought is refunded');
SELECT isnt(pg_temp.order_status(:lapsed), 'PENDING', 'a lapsed hold ends, one way or the other');
SELECT results_eq('SELECT DISTINCT status::text FROM evently.tickets WHERE event_id = ' || :event, ARRAY['CANCELLED'], 'no ticket admits any more');
SELECT results_eq(format('SELECT order_id, refund_id, payment_id, amount::numeric, status, cardinality(ticket_ids) FROM evently.refunds
		WHERE reason = ''EVENT_CANCELLED'' AND amount > 0 AND order_id IN (SELECT order_id FROM evently.orders WHERE event_id = %s) ORDER BY order_id', :event),
	format($$VALUES (%s::bigint, 'event-cancelled:%1$s', 'pay-%1$s', 30::numeric, 'DUE', 3), (%s, 'event-cancelled:%2$s', 'pay-%2$s', 10, 'DUE', 1)$$, :bought, :part),
	'what was paid, and not refunded before, is due');
SELECT is((SELECT sum(sold_quantity + held_quantity) FROM evently.tier_inventory WHERE event_id = :event), 0::numeric, 'nothing is held or sold');
SELECT set_has(format('SELECT recipient FROM evently.notifications WHERE notification_id > %s AND event_id = %s AND kind = ''EVENT_CANCELLED''', :told, :event),
	$$VALUES ('bought@example.org'), ('ada@example.org'), ('bob@example.org')$$, 'buyers and attendees are told');
SELECT set_has(format('SELECT user_id FROM evently.notifications WHERE notification_id > %s AND event_id = %s AND kind = ''EVENT_CANCELLED''', :told, :event),
	'VALUES (2::bigint), (3), (5)', 'also those whose address is not known');
SELECT set_hasnt(format('SELECT user_id FROM evently.notifications WHERE notification_id > %s AND event_id = %s', :told, :event),
	'VALUES (4::bigint), (9)', 'not who had nothing any more');
SELECT is_empty(format('SELECT coalesce(recipient, user_id::text), order_id FROM evently.notifications WHERE notification_id > %s AND event_id = %s GROUP BY 1, 2 HAVING count(*) > 1', :told, :event),
	'nobody is told twice of one order');
SELECT is_empty(format('SELECT * FROM evently.notifications WHERE order_id = %s AND user_id IS NOT NULL', :comp), 'the organizer is not told of gifts');
SELECT is(bool_and(payload::text LIKE '%the band is ill%' AND payload::text LIKE '%Test Match%'), true, 'what happened and why is in the message')
FROM evently.notifications WHERE notification_id > :told AND event_id = :event AND kind = 'EVENT_CANCELLED';
SELECT is(pg_temp.order_status(:other_held) || pg_temp.order_status(:other_bought), 'PENDINGCONFIRMED', 'other events are left alone');
SELECT is((SELECT sum(taken) FROM evently.buyer_limits WHERE event_id = :event), 0::bigint, 'nobody has anything any more');
SELECT pg_temp.verified();
-- Nothing more can happen to it.
SELECT pg_temp.refused(format('SELECT evently.%s', call), 'TK006', '%', 'after that: ' || call)
FROM (VALUES (format('refund_order(%s, ''again'')', :bought)), (format('cancel_order(%s, ''x'')', :held)),
	(format('set_tier_quantity(%s, 60)', :tier)), (format('set_held_back(%s, 1)', :tier)), (format('issue_comps(%s, ''[{}]'')', :tier)),
	(format('create_tier(%s, ''new'', 1, 1)', :event))) closed (call);

-- complete_event.
SELECT event, tier FROM pg_temp.sale(10, 10, held_back => 2) \gset
SELECT pg_temp.hold(:event, :tier, 2, 1) AS held, pg_temp.buy(:event, :tier, 3, 2) AS bought \gset
SELECT is((evently.complete_event(:event)).status, 'COMPLETED', 'an event is over');
SELECT is(pg_temp.order_status(:held) IN ('CANCELLED', 'EXPIRED'), true, 'holds end');
SELECT is(pg_temp.order_status(:bought), 'CONFIRMED', 'what was bought stays');
SELECT results_eq('SELECT DISTINCT status::text FROM evently.tickets WHERE event_id = ' || :event, ARRAY['VALID'], 'and its tickets');
SELECT is(pg_temp.stock(:tier), '5/0/3/2', 'stock is what was not sold');
SELECT is_empty('SELECT * FROM evently.refunds WHERE order_id IN (SELECT order_id FROM evently.orders WHERE event_id = ' || :event || ')', 'no money goes back');
SELECT pg_temp.refused(format('SELECT evently.%s', call), 'TK006', '%', 'after that: ' || call)
FROM (VALUES (format('set_tier_quantity(%s, 60)', :tier)), (format('set_held_back(%s, 1)', :tier)), (format('issue_comps(%s, ''[{}]'')', :tier)),
	(format('cancel_event(%s, ''x'')', :event))) closed (call);

-- A large event is cancelled as a whole.
SELECT event, tier FROM pg_temp.sale(1000, 1) \gset
SELECT evently.reserve_tickets_batch((SELECT jsonb_agg(jsonb_build_object('event_id', :event, 'buyer_id', n, 'selections', jsonb_build_array(jsonb_build_object('tier_id', :tier, 'quantity', 3))))
	FROM generate_series(1, 300) n)) \g /dev/null
SELECT evently.confirm_order(order_id, 'many-' || order_id) FROM evently.orders WHERE event_id = :event AND buyer_id % 2 = 0 \g /dev/null
SELECT evently.cancel_event(:event, 'rain') \g /dev/null
SELECT results_eq('SELECT status, count(*) FROM evently.orders WHERE event_id = ' || :event || ' GROUP BY status ORDER BY status COLLATE "C"',
	$$VALUES ('CANCELLED', 150::bigint), ('REFUNDED', 150)$$, '300 orders end');
SELECT is((SELECT available_quantity FROM evently.tier_inventory WHERE tier_id = :tier), 1000::bigint, 'all their tickets are back');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
