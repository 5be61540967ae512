-- Who comes with which ticket, and orders that cost nothing.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 50, 10, 'GENERAL') AS tier, pg_temp.tier(:event, 50, 25, 'VIP') AS vip, pg_temp.tier(:event, 4, 0, 'FREE') AS free \gset
SELECT pg_temp.open(:event) \g /dev/null

SELECT order_id AS held FROM evently.reserve_tickets(:event, 7,
	format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', :tier, :vip)::jsonb) \gset
SELECT pg_temp.refused(format('SELECT evently.confirm_order(%s, ''p-%1$s'', attendees => %L)', :held, pg_temp.fill(shape, 'TIER', :'tier', 'VIP', :'vip', 'FREE', :'free')),
	'22023', '%', 'attendees: ' || left(shape, 60))
FROM (VALUES ('null'), ('1'), ('"x"'), ('{}'), ('{"tier_id": TIER, "name": "Ada"}'), ('[null]'), ('["Ada"]'), ('[[]]'),
	('[{"tier_id": "TIER"}]'), ('[{"tier_id": 1.5}]'), ('[{"tier_id": 1e30}]'), ('[{"tier_id": []}]'),
	('[{"tier_id": TIER, "name": 1}]'), ('[{"tier_id": TIER, "name": {}}]'), ('[{"tier_id": TIER, "name": ""}]'),
	('[{"tier_id": TIER, "name": "  "}]'), ('[{"tier_id": TIER, "email": ["a@b"]}]'), ('[{"tier_id": TIER, "email": ""}]'),
	('[{"tier_id": FREE, "name": "Ada"}]'), ('[{"tier_id": 9999999}]'),
	('[{"tier_id": VIP, "name": "Ada"}, {"tier_id": VIP, "name": "Bob"}]'),
	('[{}, {}, {}, {}]')) wrong (shape);
SELECT is(pg_temp.order_status(:held) || (SELECT count(*) FROM evently.payments WHERE order_id = :held), 'PENDING0', 'the hold is as it was');

SELECT evently.confirm_order(:held, 'p-' || :held, attendees => pg_temp.fill(
	'[{"tier_id": VIP, "name": "Ada", "email": "ada@example.org"}, {"tier_id": TIER, "name": "Bob"}]', 'TIER', :'tier', 'VIP', :'vip')::jsonb) \g /dev/null
SELECT results_eq('SELECT tier_id, attendee_name::text, attendee_email::text FROM evently.tickets WHERE order_id = ' || :held || ' ORDER BY tier_id, attendee_name NULLS LAST',
	format($$VALUES (%s::bigint, 'Bob', NULL), (%1$s, NULL, NULL), (%s, 'Ada', 'ada@example.org')$$, :tier, :vip), 'attendees have tickets of their tiers');
SELECT pg_temp.hold(:event, :tier, 2) AS held \gset
SELECT evently.confirm_order(:held, 'p-' || :held, attendees => '[{"name": "Cyd"}, {"email": "dan@example.org"}]') \g /dev/null
SELECT results_eq('SELECT attendee_name::text, attendee_email::text FROM evently.tickets WHERE order_id = ' || :held || ' ORDER BY ticket_id',
	$$VALUES ('Cyd', NULL), (NULL, 'dan@example.org')$$, 'the tier need not be said');
SELECT pg_temp.hold(:event, :tier, 2) AS held \gset
SELECT evently.confirm_order(:held, 'p-' || :held, attendees => '[]') \g /dev/null
SELECT is(count(*), 2::bigint, 'nobody need be named') FROM evently.tickets WHERE order_id = :held AND attendee_name IS NULL;
SELECT pg_temp.hold(:event, :tier, 1) AS late \gset
SELECT pg_temp.lapse(:late) \g /dev/null
SELECT evently.confirm_order(:late, 'p-' || :late, attendees => '[{"name": "Eve"}]') \g /dev/null
SELECT is(attendee_name, 'Eve', 'also when it is paid late') FROM evently.tickets WHERE order_id = :late;

-- Orders that cost nothing: no payment, and no money to return.
SELECT pg_temp.hold(:event, :free, 2) AS gift \gset
SELECT results_eq(format('SELECT outcome, (reservation).status, cardinality(tickets), (refund).refund_id FROM evently.confirm_order(%s, NULL)', :gift),
	$$VALUES ('CONFIRMED', 'CONFIRMED', 2, NULL::text)$$, 'a free order is confirmed without a payment');
SELECT is_empty('SELECT * FROM evently.payments WHERE order_id = ' || :gift, 'none is recorded');
SELECT results_eq(format('SELECT outcome, cardinality(tickets) FROM evently.confirm_order(%s, NULL)', :gift), $$VALUES ('ALREADY_CONFIRMED', 2)$$, 'confirmed again');
SELECT pg_temp.hold(:event, :free, 1) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT is((evently.confirm_order(:lapsed, NULL)).outcome, 'RECOVERED', 'confirmed late, while there are tickets');
SELECT pg_temp.hold(:event, :free, 1, 1) AS lapsed \gset
SELECT pg_temp.lapse(:lapsed) \g /dev/null
SELECT pg_temp.hold(:event, :free, 1, 2) AS winner \gset
SELECT pg_temp.refused(format('SELECT evently.confirm_order(%s, NULL)', :lapsed), 'TK009', '%', 'confirmed late, and the tickets are gone');
SELECT evently.cancel_order(:winner, 'no') \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.confirm_order(%s, NULL)', :winner), 'TK006', '%', 'a free order that was cancelled');
-- A free order may come with a payment's id, of nothing.
SELECT pg_temp.hold(:event, :free, 1, 3) AS named \gset
SELECT is((evently.confirm_order(:named, 'p-' || :named, 0)).outcome, 'CONFIRMED', 'a payment of nothing');
SELECT is((evently.confirm_order(:named, 'p-' || :named, 0)).outcome, 'ALREADY_CONFIRMED', 'again');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
