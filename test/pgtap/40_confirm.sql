-- confirm_order: each outcome, its records, and what a repetition says.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- What a report of a payment comes to: outcome, order's status, tickets returned, refund returned.
CREATE FUNCTION pg_temp.report(id bigint, payment text, amount numeric DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
	SELECT concat_ws(' ', c.outcome, (c.reservation).status, coalesce(cardinality(c.tickets), 0) || ' tickets',
		(c.refund).reason, (c.refund).status, (c.refund).amount)
	FROM evently.confirm_order(id, payment, amount) c;
$$;
-- All payments of an order, with what became of them, in the order of their report.
CREATE FUNCTION pg_temp.payments(id bigint) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', amount, outcome), ', ' ORDER BY reported_at, payment_id COLLATE "C")
	FROM evently.payments WHERE order_id = id;
$$;
CREATE FUNCTION pg_temp.refunds(id bigint) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', amount, reason, status), ', ' ORDER BY created_at, refund_id COLLATE "C")
	FROM evently.refunds WHERE order_id = id;
$$;

-- CONFIRMED.
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 50, 10, 'GENERAL') AS tier, pg_temp.tier(:event, 50, 25, 'VIP') AS vip \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT order_id AS bought FROM evently.reserve_tickets(:event, 7, format('[{"tier_id": %s, "quantity": 2}, {"tier_id": %s, "quantity": 1}]', :tier, :vip)::jsonb,
	buyer_email => 'ada@example.org') \gset
SELECT results_eq(format('SELECT outcome, (reservation).status, (reservation).payment_id, (refund).refund_id, cardinality(tickets),
		(reservation).confirmed_at BETWEEN now() AND clock_timestamp() FROM evently.confirm_order(%s, ''p-%1$s'', 45)', :bought),
	format($$VALUES ('CONFIRMED', 'CONFIRMED', 'p-%s', NULL::text, 3, true)$$, :bought), 'a good payment confirms the order');
SELECT results_eq('SELECT tier_id, count(*) FROM evently.tickets WHERE order_id = ' || :bought || ' GROUP BY tier_id ORDER BY tier_id',
	format('VALUES (%s::bigint, 2::bigint), (%s, 1)', :tier, :vip), 'one ticket for each place');
SELECT results_eq('SELECT DISTINCT event_id, status::text, attendee_name::text, attendee_email::text, check_in_time::timestamptz, transferred_from FROM evently.tickets WHERE order_id = ' || :bought,
	format('VALUES (%s::bigint, ''VALID'', NULL::text, NULL::text, NULL::timestamptz, NULL::bigint)', :event), 'valid, of nobody yet');
SELECT is(count(DISTINCT qr_code), 3::bigint, 'each with a secret of its own') FROM evently.tickets WHERE order_id = :bought;
SELECT is(bool_and(substr(qr_code::text, 15, 1) = '4' AND substr(qr_code::text, 20, 1) IN ('8', '9', 'a', 'b')), true, 'which is random (UUID version 4)')
FROM evently.tickets WHERE order_id = :bought;
SELECT is(pg_temp.payments(:bought), '45 CONFIRMED', 'the payment is recorded');
SELECT is(pg_temp.stock(:tier) || ' ' || pg_temp.stock(:vip), '48/0/2/0 49/0/1/0', 'held is sold');

-- ALREADY_CONFIRMED: the same payment once more, with or without its amount.
SELECT pg_temp.fingerprint() AS before \gset
SELECT is(pg_temp.report(:bought, 'p-' || :bought, 45), 'ALREADY_CONFIRMED CONFIRMED 3 tickets', 'the same payment again');
SELECT is(pg_temp.report(:bought, 'p-' || :bought), 'ALREADY_CONFIRMED CONFIRMED 3 tickets', 'and without its amount');
SELECT is((SELECT array_agg(t.ticket_id ORDER BY t.ticket_id) FROM evently.confirm_order(:bought, 'p-' || :bought) c, unnest(c.tickets) t),
	(SELECT array_agg(ticket_id ORDER BY ticket_id) FROM evently.tickets WHERE order_id = :bought), 'it gives the same tickets');
SELECT is(pg_temp.fingerprint(), :'before', 'and changes nothing');

-- DUPLICATE_PAYMENT.
SELECT is(pg_temp.report(:bought, 'q-' || :bought, 45), 'DUPLICATE_PAYMENT CONFIRMED 3 tickets DUPLICATE_PAYMENT DUE 45', 'another payment goes back');
SELECT is(pg_temp.report(:bought, 'r-' || :bought), 'DUPLICATE_PAYMENT CONFIRMED 3 tickets DUPLICATE_PAYMENT DUE 45', 'one without an amount is of the total');
SELECT is(pg_temp.report(:bought, 's-' || :bought, 1.5), 'DUPLICATE_PAYMENT CONFIRMED 3 tickets DUPLICATE_PAYMENT DUE 1.5', 'one of any amount, in that amount');
SELECT is(pg_temp.payments(:bought), '45 CONFIRMED, 45 DUPLICATE_PAYMENT, 45 DUPLICATE_PAYMENT, 1.5 DUPLICATE_PAYMENT', 'every payment is recorded');
SELECT results_eq(format('SELECT refund_id, payment_id, ticket_ids FROM evently.refunds WHERE order_id = %s ORDER BY 1', :bought),
	format($$VALUES ('payment:q-%s', 'q-%1$s', NULL::bigint[]), ('payment:r-%1$s', 'r-%1$s', NULL), ('payment:s-%1$s', 's-%1$s', NULL)$$, :bought),
	'each is due under a name of its own');
SELECT pg_temp.fingerprint() AS before \gset
SELECT is(pg_temp.report(:bought, 'q-' || :bought, 45), 'DUPLICATE_PAYMENT CONFIRMED 3 tickets DUPLICATE_PAYMENT DUE 45',
	'a duplicate reported again: the same refund');
SELECT is(pg_temp.fingerprint(), :'before', 'and it changes nothing');

-- AMOUNT_MISMATCH.
SELECT pg_temp.hold(:event, :tier, 2) AS short \gset
SELECT is(pg_temp.report(:short, 'p-' || :short, 19.99), 'AMOUNT_MISMATCH PENDING 0 tickets AMOUNT_MISMATCH DUE 19.99', 'too little goes back');
SELECT is(pg_temp.report(:short, 'q-' || :short, 20.01), 'AMOUNT_MISMATCH PENDING 0 tickets AMOUNT_MISMATCH DUE 20.01', 'too much too');
SELECT is(pg_temp.stock(:tier), '46/2/2/0', 'the hold stays as it is');
SELECT pg_temp.fingerprint() AS before \gset
SELECT is(pg_temp.report(:short, 'p-' || :short, 19.99), 'AMOUNT_MISMATCH PENDING 0 tickets AMOUNT_MISMATCH DUE 19.99', 'reported again: the same refund');
SELECT is(pg_temp.fingerprint(), :'before', 'and it changes nothing');
SELECT is(pg_temp.report(:short, 's-' || :short, 20.000), 'CONFIRMED CONFIRMED 2 tickets', 'the right amount then confirms the order');
SELECT is(pg_temp.payments(:short), '19.99 AMOUNT_MISMATCH, 20.01 AMOUNT_MISMATCH, 20.000 CONFIRMED', 'all three payments are recorded');

-- RECOVERED: paid after the hold lapsed, swept or not; the sale window, the limit per order and a pause do not matter then.
SELECT pg_temp.hold(:event, :tier, 2) AS late \gset
SELECT pg_temp.lapse(:late) \g /dev/null
SELECT is(pg_temp.report(:late, 'p-' || :late), 'RECOVERED CONFIRMED 2 tickets', 'paid late, not swept yet');
SELECT pg_temp.hold(:event, :tier, 2) AS swept \gset
SELECT pg_temp.lapse(:swept) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
UPDATE evently.ticket_tiers SET sale_end = now() - interval '1 hour', max_per_order = 1, price = 77 WHERE tier_id = :tier;
SELECT evently.pause_sale(:event) \g /dev/null
SELECT is(pg_temp.report(:swept, 'p-' || :swept, 20), 'RECOVERED CONFIRMED 2 tickets', 'paid late, taken again');
SELECT evently.resume_sale(:event) \g /dev/null
UPDATE evently.ticket_tiers SET sale_end = NULL, max_per_order = 10, price = 10 WHERE tier_id = :tier;
SELECT is(pg_temp.payments(:late) || ', ' || pg_temp.payments(:swept), '20 RECOVERED, 20 RECOVERED', 'as what it was');
SELECT is(pg_temp.report(:swept, 'p-' || :swept), 'ALREADY_CONFIRMED CONFIRMED 2 tickets', 'reported again');
SELECT is(pg_temp.report(:swept, 'q-' || :swept), 'DUPLICATE_PAYMENT CONFIRMED 2 tickets DUPLICATE_PAYMENT DUE 20', 'another payment of it');
SELECT is(pg_temp.stock(:tier), '42/0/8/0', 'stock is taken once');

-- A late payment of the wrong amount.
SELECT pg_temp.hold(:event, :tier, 1) AS wrong \gset
SELECT pg_temp.lapse(:wrong) \g /dev/null
SELECT is(pg_temp.report(:wrong, 'p-' || :wrong, 9) LIKE 'AMOUNT_MISMATCH % 0 tickets AMOUNT_MISMATCH DUE 9', true, 'late and wrong: goes back');
SELECT evently.release_expired_orders() \g /dev/null
SELECT is(pg_temp.report(:wrong, 'q-' || :wrong, 9), 'AMOUNT_MISMATCH EXPIRED 0 tickets AMOUNT_MISMATCH DUE 9', 'swept and wrong: too');

-- REFUND_DUE: paid late and gone.
SELECT event AS gone_event, tier AS gone_tier FROM pg_temp.sale(2, 30) \gset
SELECT pg_temp.hold(:gone_event, :gone_tier, 2, 1) AS gone \gset
SELECT pg_temp.lapse(:gone) \g /dev/null
SELECT pg_temp.hold(:gone_event, :gone_tier, 1, 2) AS winner \gset
SELECT is(pg_temp.report(:gone, 'p-' || :gone, 60), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 60', 'paid late, and one of the two is gone');
SELECT is(pg_temp.payments(:gone) || ' / ' || pg_temp.refunds(:gone), '60 REFUND_DUE / 60 REFUND_DUE DUE', 'the money is recorded and goes back');
SELECT pg_temp.fingerprint() AS before \gset
SELECT is(pg_temp.report(:gone, 'p-' || :gone), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 60', 'reported again: the same refund');
SELECT is(pg_temp.fingerprint(), :'before', 'and it changes nothing');
SELECT is(pg_temp.report(:gone, 'q-' || :gone), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 60', 'a second payment goes back as well');
SELECT evently.cancel_order(:winner, 'no') \g /dev/null
SELECT is(pg_temp.report(:gone, 'p-' || :gone), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 60', 'a payment that goes back is not taken when tickets return');
SELECT is(pg_temp.report(:gone, 'r-' || :gone), 'RECOVERED CONFIRMED 2 tickets', 'a new payment is');
-- A late payment reclaims the lapsed holds of others.
SELECT event AS gone_event, tier AS gone_tier FROM pg_temp.sale(2, 30) \gset
SELECT pg_temp.hold(:gone_event, :gone_tier, 2, 1) AS early \gset
SELECT pg_temp.lapse(:early) \g /dev/null
SELECT pg_temp.hold(:gone_event, :gone_tier, 2, 2) AS later \gset
SELECT pg_temp.lapse(:later) \g /dev/null
SELECT is(pg_temp.report(:early, 'p-' || :early), 'RECOVERED CONFIRMED 2 tickets', 'the first to pay has the tickets of two lapsed holds');
SELECT is(pg_temp.report(:later, 'p-' || :later), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 60', 'the other has his money back');

-- REFUND_DUE: cancelled by the buyer, or with its event; completed before it was paid.
SELECT pg_temp.hold(:event, :tier, 1) AS cancelled \gset
SELECT evently.cancel_order(:cancelled, 'no') \g /dev/null
SELECT is(pg_temp.report(:cancelled, 'p-' || :cancelled), 'REFUND_DUE CANCELLED 0 tickets REFUND_DUE DUE 10', 'a cancelled order is not revived');
SELECT event AS off_event, tier AS off_tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:off_event, :off_tier, 1) AS off, pg_temp.buy(:off_event, :off_tier, 1) AS off_bought \gset
SELECT pg_temp.hold(:off_event, :off_tier, 1) AS off_expired \gset
SELECT pg_temp.lapse(:off_expired) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT evently.cancel_event(:off_event, 'rain') \g /dev/null
SELECT is(pg_temp.report(:off, 'p-' || :off) LIKE 'REFUND_DUE % 0 tickets REFUND_DUE DUE 10', true, 'its event is cancelled');
SELECT is(pg_temp.report(:off_expired, 'p-' || :off_expired), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 10', 'its event is cancelled, after its hold lapsed');
SELECT is(pg_temp.report(:off_bought, 'q-' || :off_bought) LIKE 'DUPLICATE_PAYMENT REFUNDED % DUPLICATE_PAYMENT DUE 10', true, 'a second payment of what was refunded');
SELECT event AS past_event, tier AS past_tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:past_event, :past_tier, 1) AS past \gset
SELECT evently.complete_event(:past_event) \g /dev/null
SELECT is(pg_temp.report(:past, 'p-' || :past) LIKE 'REFUND_DUE % 0 tickets REFUND_DUE DUE 10', true, 'its event is over');

SELECT event AS past_event, tier AS past_tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:past_event, :past_tier, 1) AS past, pg_temp.hold(:past_event, :past_tier, 1) AS in_time \gset
UPDATE evently.events SET doors_open = start_time - interval '40 days', start_time = now() - interval '2 hours', end_time = now() - interval '1 second'
WHERE event_id = :past_event;
SELECT pg_temp.lapse(:past) \g /dev/null
SELECT is(pg_temp.report(:past, 'p-' || :past), 'REFUND_DUE EXPIRED 0 tickets REFUND_DUE DUE 10', 'its event has ended, though nobody has said so: the hold ends');
SELECT is(pg_temp.report(:in_time, 'p-' || :in_time), 'CONFIRMED CONFIRMED 1 tickets', 'a hold that has not lapsed may still be paid');

-- Arguments; a refused report leaves no record.
SELECT pg_temp.hold(:event, :tier, 1) AS open \gset
SELECT pg_temp.refused(format('SELECT evently.confirm_order(%s)', arguments), code, '%', 'confirm_order: ' || reason)
FROM (VALUES
	('NULL, ''p''', '22023', 'no order'),
	('9999999, ''p''', 'P0002', 'an unknown order'),
	(:'open' || ', NULL', '22023', 'no payment for what is not free'),
	(:'open' || ', ''''', '22023', 'an empty payment'),
	(:'open' || ', ''  ''', '22023', 'a blank payment'),
	(:'open' || ', ''new'', -1', '22023', 'a negative amount'),
	(:'open' || ', ''new'', ''NaN''', '22023', 'an amount that is no number'),
	(:'open' || ', ''new'', ''Infinity''', '22023', 'an amount without end'),
	(:'open' || ', ''new'', 1e12', '22023', 'an amount of a million millions'),
	(:'open' || ', ''new'', 10.0001', '22023', 'an amount of four decimals'),
	(:'open' || ', ''p-' || :'bought' || '''', '22023', 'a payment of another order'),
	(:'bought' || ', ''p-' || :'bought' || ''', 44', '22023', 'a payment reported before with another amount')) wrong (arguments, code, reason);
SELECT is_empty('SELECT * FROM evently.payments WHERE order_id = ' || :open, 'nothing is recorded for it');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
