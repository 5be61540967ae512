-- refund_order and settle_refund.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- The ids of an order's tickets, as an array's text.
CREATE FUNCTION pg_temp.tickets(id bigint, first integer DEFAULT 1, last integer DEFAULT 1000) RETURNS bigint[]
LANGUAGE sql AS $$
	SELECT (array_agg(ticket_id ORDER BY ticket_id))[first:last] FROM evently.tickets WHERE order_id = id;
$$;
CREATE FUNCTION pg_temp.told(event bigint) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(kind, ', ' ORDER BY notification_id) FROM evently.notifications WHERE event_id = event;
$$;

-- Whole.
SELECT event, tier FROM pg_temp.sale(10, 12.5) \gset
SELECT pg_temp.buy(:event, :tier, 3) AS whole \gset
SELECT results_eq(format('SELECT refund_id, order_id, payment_id, amount::numeric, currency::text, status, reason, ticket_ids, settled_at, created_at BETWEEN now() AND clock_timestamp()
		FROM evently.refund_order(%s, ''whole-%1$s'')', :whole),
	format($$VALUES ('whole-%s', %1$s::bigint, 'pay-%1$s', 37.5, 'EUR', 'DUE', 'REQUESTED', %L::bigint[], NULL::timestamptz, true)$$, :whole, pg_temp.tickets(:whole)),
	'all tickets back, their price due');
SELECT is(pg_temp.order_status(:whole), 'REFUNDED', 'the order is refunded');
SELECT results_eq('SELECT DISTINCT status::text FROM evently.tickets WHERE order_id = ' || :whole, ARRAY['CANCELLED'], 'its tickets have ended');
SELECT is(pg_temp.stock(:tier), '10/0/0/0', 'and are for sale again');
SELECT pg_temp.fingerprint() AS before \gset
SELECT results_eq(format('SELECT refund_id, amount::numeric, status FROM evently.refund_order(%s, ''whole-%1$s'')', :whole),
	format($$VALUES ('whole-%s', 37.5, 'DUE')$$, :whole), 'asked for again: the same refund');
SELECT is(pg_temp.fingerprint(), :'before', 'and nothing changes');
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, ''more-%1$s'')', :whole), 'TK006', '%', 'another refund: no tickets are left');
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, ''more-%1$s'', %L)', :whole, pg_temp.tickets(:whole, 1, 1)), 'TK006', '%', 'a ticket that was given back before');

-- Some tickets, at the price they were sold for.
SELECT pg_temp.buy(:event, :tier, 3) AS part, pg_temp.buy(:event, :tier, 1, 8) AS other \gset
UPDATE evently.ticket_tiers SET price = 99 WHERE tier_id = :tier;
SELECT results_eq(format('SELECT amount::numeric, ticket_ids FROM evently.refund_order(%s, ''one-%1$s'', %L)', :part, pg_temp.tickets(:part, 2, 2)),
	format($$VALUES (12.5, %L::bigint[])$$, pg_temp.tickets(:part, 2, 2)), 'one ticket of three');
SELECT is(pg_temp.order_status(:part), 'PARTIALLY_REFUNDED', 'the order is refunded in part');
SELECT results_eq('SELECT status::text FROM evently.tickets WHERE order_id = ' || :part || ' ORDER BY ticket_id', ARRAY['VALID', 'CANCELLED', 'VALID'], 'the ticket named has ended');
SELECT is(pg_temp.stock(:tier), '7/0/3/0', 'and is for sale again');
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, %s)', :part, arguments), code, '%', 'refund_order: ' || reason)
FROM (VALUES
	(format('''one-%s''', :part), '22023', 'the id with other tickets (all)'),
	(format('''one-%s'', %L', :part, pg_temp.tickets(:part, 1, 1)), '22023', 'the id with another ticket'),
	(format('''new'', %L', pg_temp.tickets(:part, 2, 2)), 'TK006', 'a ticket given back before'),
	(format('''new'', %L', pg_temp.tickets(:part, 1, 2)), 'TK006', 'a ticket given back before, with another'),
	(format('''new'', %L', pg_temp.tickets(:other)), 'P0002', 'a ticket of another order'),
	('''new'', ''{9999999}''', 'P0002', 'an unknown ticket'),
	('''new'', ''{}''', '22023', 'no ticket at all'),
	('''new'', ''{NULL}''', '22023', 'a ticket that is null'),
	(format('''new'', ARRAY[%s, NULL]', (pg_temp.tickets(:part))[1]), '22023', 'a null among the tickets'),
	('''payment:x''', '22023', 'a name that is evently''s own'),
	('''event-cancelled:x''', '22023', 'another'),
	('NULL', '22023', 'no id'),
	('''''', '22023', 'an empty id'),
	('''  ''', '22023', 'a blank id'),
	('''new'', restock => NULL', '22023', 'restock null')) wrong (arguments, code, reason);
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, ''one-%s'', %L)', :other, :part, pg_temp.tickets(:other)), '22023', '%', 'refund_order: an id of another order''s refund');
SELECT pg_temp.refused('SELECT evently.refund_order(NULL, ''new'')', '22023', '%', 'refund_order: no order');
SELECT pg_temp.refused('SELECT evently.refund_order(9999999, ''new'')', 'P0002', '%', 'refund_order: an unknown order');
SELECT is((evently.refund_order(:part, 'one-' || :part, pg_temp.tickets(:part, 2, 2))).amount::numeric, 12.5, 'the same content again is the same refund');
SELECT is((evently.refund_order(:part, 'rest-' || :part)).amount::numeric, 25::numeric, 'the rest');
SELECT is(pg_temp.order_status(:part), 'REFUNDED', 'makes it whole');
SELECT is((evently.refund_order(:part, 'rest-' || :part)).amount::numeric, 25::numeric, 'all that were left, asked for again');
SELECT is((evently.refund_order(:part, 'one-' || :part, pg_temp.tickets(:part, 2, 2))).amount::numeric, 12.5, 'a part, asked for again after the whole');

-- Neither the order of the ids nor a repetition matters to the content.
SELECT pg_temp.buy(:event, :tier, 3) AS pair \gset
SELECT is((evently.refund_order(:pair, 'pair-' || :pair, pg_temp.tickets(:pair, 1, 2) || pg_temp.tickets(:pair, 1, 1))).amount::numeric, 198::numeric, 'a ticket named twice is given back once');
SELECT is((evently.refund_order(:pair, 'pair-' || :pair, ARRAY[(pg_temp.tickets(:pair))[2], (pg_temp.tickets(:pair))[1]])).amount::numeric, 198::numeric, 'the same tickets in another order are the same content');

-- Without restocking.
SELECT event, tier FROM pg_temp.sale(10, 5) \gset
SELECT pg_temp.buy(:event, :tier, 4) AS kept \gset
SELECT evently.refund_order(:kept, 'kept-' || :kept, pg_temp.tickets(:kept, 1, 3), restock => false) \g /dev/null
SELECT is(pg_temp.stock(:tier), '6/0/1/3', 'without restocking, tickets are held back');
SELECT is(held_back, 3, 'by the tier') FROM evently.ticket_tiers WHERE tier_id = :tier;

-- Several tiers: each ticket at its own price.
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 10, 10, 'a') AS a, pg_temp.tier(:event, 10, 70.25, 'b') AS b, pg_temp.tier(:event, 10, 0, 'c') AS c \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS mixed FROM evently.reserve_tickets(:event, 7, format(
	'[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 1}]', :a, :b, :c)::jsonb) \gset
SELECT evently.confirm_order(:mixed, 'pay-' || :mixed) \g /dev/null
SELECT is((SELECT amount::numeric FROM evently.refund_order(:mixed, 'ab-' || :mixed, (SELECT array_agg(ticket_id) FROM (
	SELECT min(ticket_id) AS ticket_id FROM evently.tickets WHERE order_id = :mixed AND tier_id IN (:a, :b) GROUP BY tier_id) t))), 80.25, 'one of each of two tiers');
SELECT is(pg_temp.stock(:a) || ' ' || pg_temp.stock(:b), '9/0/1/0 10/0/0/0', 'each to its own stock');
SELECT is((SELECT amount::numeric FROM evently.refund_order(:mixed, 'c-' || :mixed, (SELECT array_agg(ticket_id) FROM evently.tickets WHERE order_id = :mixed AND tier_id = :c))), 0::numeric, 'a free ticket is given back for nothing');

-- What has no tickets cannot be refunded; a ticket that was used can.
SELECT event, tier FROM pg_temp.sale(10, 5) \gset
SELECT pg_temp.hold(:event, :tier) AS held, pg_temp.hold(:event, :tier) AS lapsed, pg_temp.hold(:event, :tier) AS cancelled, pg_temp.buy(:event, :tier, 2) AS used \gset
SELECT pg_temp.lapse(:lapsed), evently.cancel_order(:cancelled, 'no') \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, ''new'')', id), 'TK006', '%', 'refund_order: ' || pg_temp.order_status(id))
FROM unnest(ARRAY[:held, :lapsed, :cancelled]) id;
UPDATE evently.tickets SET status = 'USED', check_in_time = now() WHERE ticket_id = (pg_temp.tickets(:used))[1];
UPDATE evently.tickets SET status = 'TRANSFERRED' WHERE ticket_id = (pg_temp.tickets(:used))[2];
SELECT pg_temp.refused(format('SELECT evently.refund_order(%s, ''new'', %L)', :used, pg_temp.tickets(:used, 2, 2)), 'TK006', '%', 'refund_order: a ticket that was transferred');
SELECT is((evently.refund_order(:used, 'used-' || :used, pg_temp.tickets(:used, 1, 1))).amount::numeric, 5::numeric, 'a ticket that was used may be given back');
SELECT is(held_back, 1, 'but the place of who has entered is not sold again') FROM evently.ticket_tiers WHERE tier_id = :tier;

-- After the event, too.
SELECT event, tier FROM pg_temp.sale(10, 5) \gset
SELECT pg_temp.buy(:event, :tier, 2) AS past \gset
SELECT evently.complete_event(:event) \g /dev/null
SELECT is((evently.refund_order(:past, 'past-' || :past)).amount::numeric, 10::numeric, 'a refund after the event');

-- The buyer is told.
SELECT event, tier FROM pg_temp.sale(10, 5) \gset
SELECT pg_temp.buy(:event, :tier, 2) AS told \gset
SELECT evently.refund_order(:told, 'told-' || :told) \g /dev/null
SELECT evently.refund_order(:told, 'told-' || :told) \g /dev/null
SELECT is(pg_temp.told(:event), 'TICKETS_ISSUED, TICKETS_REFUNDED', 'the buyer is told, once');

-- Comps have no money to return.
SELECT event, tier FROM pg_temp.sale(10, 5, held_back => 4) \gset
SELECT order_id AS comp, ticket_id AS comp_ticket FROM evently.issue_comps(:tier, '[{"name": "Ada", "email": "ada@example.org"}]') \gset
SELECT results_eq(format('SELECT amount::numeric, payment_id FROM evently.refund_order(%s, ''comp-%1$s'')', :comp), 'VALUES (0::numeric, NULL::text)', 'a comp is taken back for nothing');
SELECT is(status, 'CANCELLED', 'and admits no more') FROM evently.tickets WHERE ticket_id = :comp_ticket;

SELECT pg_temp.buy(:event, :tier, 2) AS money \gset
SELECT evently.refund_order(:money, 'money') \g /dev/null
SELECT results_eq($$SELECT order_id, event_id, event_title, payment_id, amount, currency, reason, status
		FROM evently.refunds_due WHERE refund_id = 'money'$$,
	format($$VALUES (%s::bigint, %s::bigint, 'Test Match', 'pay-%1$s', 10::numeric, 'EUR', 'REQUESTED', 'DUE')$$, :money, :event), 'refunds_due has what is due');

-- settle_refund.
SELECT pg_temp.refused(format('SELECT evently.settle_refund(%s)', arguments), code, '%', 'settle_refund: ' || reason)
FROM (VALUES ('''money'', NULL', '22023', 'no outcome'), ('''money'', ''DUE''', '22023', 'back to DUE'), ('''money'', ''done''', '22023', 'small letters'),
	('''money'', ''''', '22023', 'an empty outcome'), ('NULL, ''DONE''', '22023', 'no refund'),
	('''nobody''''s'', ''DONE''', 'P0002', 'an unknown refund')) wrong (arguments, code, reason);
SELECT results_eq($$SELECT status, settled_at BETWEEN now() AND clock_timestamp() FROM evently.settle_refund('money', 'FAILED')$$,
	$$VALUES ('FAILED', true)$$, 'an attempt failed');
SELECT results_eq($$SELECT status FROM evently.refunds_due WHERE refund_id = 'money'$$, ARRAY['FAILED'], 'it is still to be made');
SELECT pg_temp.fingerprint() AS before \gset
SELECT is((evently.settle_refund('money', 'FAILED')).status, 'FAILED', 'reported again');
SELECT is(pg_temp.fingerprint(), :'before', 'nothing changes');
SELECT is((evently.settle_refund('money', 'DONE')).status, 'DONE', 'a later attempt went well');
SELECT is_empty($$SELECT * FROM evently.refunds_due WHERE refund_id = 'money'$$, 'it is no longer due');
SELECT pg_temp.fingerprint() AS before \gset
SELECT is((evently.settle_refund('money', 'DONE')).status, 'DONE', 'reported again');
SELECT is(pg_temp.fingerprint(), :'before', 'nothing changes');
SELECT pg_temp.refused($$SELECT evently.settle_refund('money', 'FAILED')$$, 'TK006', '%', 'settle_refund: what is done cannot fail');
-- A refund that the extension marked itself is settled the same way.
SELECT pg_temp.hold(:event, :tier, 1) AS wrong \gset
SELECT evently.confirm_order(:wrong, 'p-' || :wrong, 1) \g /dev/null
SELECT is((evently.settle_refund('payment:p-' || :wrong, 'DONE')).status, 'DONE', 'a payment that goes back is settled by its name');
-- Settling an order's refund leaves the order.
SELECT is(pg_temp.order_status(:money), 'REFUNDED', 'the order stays refunded');

SELECT is_empty('SELECT * FROM evently.verify() WHERE check_name <> ''transfer'' AND NOT (check_name IN (''tickets'', ''stock'', ''refund'') AND object IN
	(''order ' || :used || ''', ''tier '' || (SELECT tier_id FROM evently.order_items WHERE order_id = ' || :used || ')))', 'verify() finds nothing wrong but the transfer made by hand');
SELECT * FROM finish();
ROLLBACK;
