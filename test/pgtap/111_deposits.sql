-- Deposits: they add up, confirm, lapse and are returned; add-ons and the invoice.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground('Europe/London', 1.5, 0.25, 100) AS venue \gset
SELECT pg_temp.match('2031-06-01 15:00+01', :venue) AS event \gset
SELECT pg_temp.book(:venue, '2031-06-01 14:00+01', '2031-06-01 18:00+01', :event, 300, '2031-01-01') AS booking \gset

-- Payments add up.
CREATE FUNCTION pg_temp.paid(booking bigint) RETURNS text
LANGUAGE sql AS $$ SELECT concat_ws(' ', status, deposit_paid) FROM evently.venue_bookings WHERE booking_id = booking $$;
SELECT is(b.status || ' ' || b.deposit_paid, 'REQUESTED 100', 'a part does not confirm') FROM evently.pay_deposit(:booking, 100, 'a') b;
SELECT is(b.status || ' ' || b.deposit_paid, 'REQUESTED 100', 'a payment counts once') FROM evently.pay_deposit(:booking, 100.00, 'a') b;
SELECT pg_temp.refused(format('SELECT evently.pay_deposit(%s)', pg_temp.fill(arguments, 'B', :'booking')), code, message, 'pay_deposit: ' || reason)
FROM (VALUES
	($$B, 99, 'a'$$, '22023', 'payment_id was used with other content', 'a payment id with another amount'),
	($$B, 200.001, 'b'$$, '22023', 'payment is more than is due', 'more than is due'),
	($$B, 0, 'b'$$, '22023', 'amount %', 'nothing'),
	($$B, -1, 'b'$$, '22023', 'amount %', 'a negative amount'),
	($$B, 'NaN', 'b'$$, '22023', 'amount %', 'not a number'),
	($$B, NULL, 'b'$$, '22023', 'amount %', 'no amount'),
	($$B, 1, NULL$$, '22023', 'payment_id must not be null', 'no payment id'),
	($$B, 1, ' '$$, '22023', 'payment_id must not be empty', 'an empty payment id'),
	($$NULL, 1, 'b'$$, '22023', 'booking_id must not be null', 'no booking'),
	($$9999999, 1, 'b'$$, 'P0002', 'booking 9999999 does not exist', 'an unknown booking')) bad (arguments, code, message, reason);
SELECT is(b.status || ' ' || b.deposit_paid, 'CONFIRMED 300', 'the rest confirms') FROM evently.pay_deposit(:booking, 200, 'b') b;
SELECT is(b.status || ' ' || b.deposit_paid, 'CONFIRMED 300', 'a report may be repeated after that') FROM evently.pay_deposit(:booking, 200, 'b') b;
SELECT pg_temp.refused(format($$SELECT evently.pay_deposit(%s, 1, 'c')$$, :booking), '22023', 'payment is more than is due', 'pay_deposit: nothing is due any more');
SELECT pg_temp.book(:venue, '2031-07-01', '2031-07-02', NULL, 300) AS other \gset
SELECT pg_temp.refused(format($$SELECT evently.pay_deposit(%s, 100, 'a')$$, :other), '22023', 'payment_id was used with other content', 'pay_deposit: a payment of another booking');
SELECT pg_temp.book(:venue, '2031-07-10', '2031-07-11') AS free \gset
SELECT pg_temp.refused(format($$SELECT evently.pay_deposit(%s, 1, 'c')$$, :free), '22023', 'payment is more than is due', 'pay_deposit: no deposit was asked for');

-- Add-ons.
SELECT results_eq(format($$SELECT booking_id, type, description, cost::numeric FROM evently.add_booking_addon(%s, 'Catering', 'for 200', 1234.5)$$, :booking),
	format($$VALUES (%s::bigint, 'CATERING', 'for 200', 1234.5)$$, :booking), 'an add-on is stored, its type in capitals');
SELECT lives_ok(format($$SELECT evently.add_booking_addon(%s, 'AV', NULL, 0)$$, :booking), 'it may cost nothing and need no words');
SELECT lives_ok(format($$SELECT evently.add_booking_addon(%s, 'EXTRA_SECURITY', '12 stewards', 960)$$, :booking), 'the venue''s own word will do');
SELECT pg_temp.refused(format('SELECT evently.add_booking_addon(%s)', pg_temp.fill(arguments, 'B', :'booking')), code, '%', 'add_booking_addon: ' || reason)
FROM (VALUES
	($$B, NULL, 'x', 1$$, '22023', 'no type'),
	($$B, '', 'x', 1$$, '22023', 'an empty type'),
	($$B, 'fish and chips', 'x', 1$$, '22023', 'several words'),
	($$B, '1AV', 'x', 1$$, '22023', 'a digit first'),
	($$B, 'AV', ' ', 1$$, '22023', 'an empty description'),
	($$B, 'AV', 'x', -1$$, '22023', 'a negative cost'),
	($$B, 'AV', 'x', 'NaN'$$, '22023', 'a cost that is not a number'),
	($$B, 'AV', 'x', NULL$$, '22023', 'no cost'),
	($$9999999, 'AV', 'x', 1$$, 'P0002', 'an unknown booking')) bad (arguments, code, reason);

-- The invoice: 5.75 hours taken at 100.
UPDATE evently.venues SET hire_rate = 999 WHERE venue_id = :venue;
SELECT results_eq(format('SELECT line_no, type, description, quantity, unit_price, amount, currency FROM evently.venue_invoice_lines WHERE booking_id = %s ORDER BY line_no', :booking),
	$$VALUES (1::bigint, 'HIRE', 'Hire from 2031-06-01 12:30 to 2031-06-01 18:15', 5.75, 100::numeric, 575.00, 'GBP'),
		(2, 'CATERING', 'for 200', 1, 1234.5, 1234.5, 'GBP'), (3, 'AV', NULL, 1, 0, 0, 'GBP'),
		(4, 'EXTRA_SECURITY', '12 stewards', 1, 960, 960, 'GBP')$$,
	'the lines: hire for the time taken, at the rate of the day of booking, then the add-ons');
CREATE FUNCTION pg_temp.invoice(booking bigint) RETURNS text
LANGUAGE sql AS $$ SELECT concat_ws('|', event_title, organizer_id, status, hire, addons, total, deposit_required, deposit, deposit_due, deposit_to_return, deposit_returned, balance, currency)
	FROM evently.venue_invoices WHERE booking_id = booking $$;
SELECT is(pg_temp.invoice(:booking), 'Test Match|1|CONFIRMED|575.00|2194.5|2769.50|300|300|0|0|0|2469.50|GBP', 'the invoice: total, deposit, balance');
SELECT FROM evently.pay_deposit(:other, 120, 'd');
SELECT is(pg_temp.invoice(:other), 'REQUESTED|2575.00|0|2575.00|300|120|180|0|0|2455.00|GBP', 'an invoice with a deposit half paid');

-- Cancelled: the record stays, the money goes back.
SELECT results_eq(format($$SELECT booking_id, status, deposit_paid::numeric, cancel_reason FROM evently.cancel_booking(%s, 'rained off')$$, :booking),
	format($$VALUES (%s::bigint, 'CANCELLED', 300::numeric, 'rained off')$$, :booking), 'a cancelled booking is kept');
SELECT is(pg_temp.invoice(:booking), 'Test Match|1|CANCELLED|0|0|0|300|300|0|300|0|0|GBP', 'it costs nothing, and the deposit is to be returned');
SELECT pg_temp.refused(format('SELECT %s', call), 'TK006', 'booking % is cancelled%', 'of a cancelled booking: ' || call)
FROM (VALUES (format($$evently.pay_deposit(%s, 1, 'e')$$, :booking)), (format($$evently.add_booking_addon(%s, 'AV', NULL, 1)$$, :booking)),
	(format($$evently.cancel_booking(%s)$$, :booking)), (format($$evently.reschedule_booking(%s, '2033-01-01', '2033-01-02')$$, :booking))) refused (call);
SELECT is(pg_temp.paid(:booking), 'CANCELLED 300', 'a payment that was reported before may still be repeated')
FROM evently.pay_deposit(:booking, 200, 'b');
SELECT results_eq(format($$SELECT payment_id, status FROM evently.booking_payments WHERE booking_id = %s ORDER BY 1$$, :booking),
	$$VALUES ('a', 'RETURN_DUE'), ('b', 'RETURN_DUE')$$, 'every payment is marked');
SELECT is(p.status, 'RETURNED', 'a return is reported') FROM evently.settle_deposit_return('a') p;
SELECT returned_at AS returned_at FROM evently.booking_payments WHERE payment_id = 'a' \gset
SELECT is(p.returned_at, :'returned_at', 'a repeated report changes nothing') FROM evently.settle_deposit_return('a') p;
SELECT is(pg_temp.invoice(:booking), 'Test Match|1|CANCELLED|0|0|0|300|300|0|200|100|0|GBP', 'the invoice knows');
SELECT pg_temp.refused(format('SELECT evently.settle_deposit_return(%s)', argument), code, message, 'settle_deposit_return: ' || reason)
FROM (VALUES ('NULL', '22023', 'payment_id must not be null', 'no payment'), ('''?''', 'P0002', 'payment "?" does not exist', 'an unknown payment'),
	('''d''', 'TK006', 'payment "d" is not to be returned', 'of a booking that stands')) bad (argument, code, message, reason);
SELECT pg_temp.refused(format('SELECT evently.cancel_booking(%s)', arguments), code, '%', 'cancel_booking: ' || reason)
FROM (VALUES ('NULL', '22023', 'no booking'), ('9999999', 'P0002', 'an unknown booking'), (:'free' || ', '' ''', '22023', 'an empty reason')) bad (arguments, code, reason);

-- Overdue: no more payments, and the job ends it.
SELECT pg_temp.overdue(:other);
SELECT is((pg_temp.refusal(format($$SELECT evently.pay_deposit(%s, 180, 'f')$$, :other))).message, format('booking %s has lapsed', :other), 'a late payment is refused');
SELECT pg_temp.refused(format('SELECT %s', call), 'TK006', 'booking % has lapsed', 'of an overdue booking: ' || call)
FROM (VALUES (format($$evently.pay_deposit(%s, 180, 'f')$$, :other)), (format($$evently.add_booking_addon(%s, 'AV', NULL, 1)$$, :other)),
	(format($$evently.reschedule_booking(%s, '2033-01-01', '2033-01-02')$$, :other))) refused (call);
SELECT pg_temp.book(:venue, '2031-08-01', '2031-08-02', NULL, 10) AS undated \gset
SELECT pg_temp.book(:venue, '2031-08-11', '2031-08-12', NULL, 10, '2031-01-01') AS dated \gset
SELECT pg_temp.book(:venue, '2031-08-21', '2031-08-22', NULL, 10, '2031-01-01') AS second \gset
SELECT pg_temp.overdue(:second);
SELECT is(evently.release_lapsed_bookings(1), 1, 'the job takes as many as it is told');
SELECT is(evently.release_lapsed_bookings(), 1, 'and the rest next time');
SELECT is(evently.release_lapsed_bookings(), 0, 'until nothing is left');
SELECT results_eq(format('SELECT pg_temp.paid(id) FROM unnest(ARRAY[%s, %s, %s, %s]) id', :other, :second, :undated, :dated),
	$$VALUES ('CANCELLED 120'), ('CANCELLED 0'), ('REQUESTED 0'), ('REQUESTED 0')$$, 'overdue bookings have ended, others not');
SELECT is(status, 'RETURN_DUE', 'what was paid of one that lapsed goes back') FROM evently.booking_payments WHERE payment_id = 'd';
SELECT pg_temp.refused(format('SELECT evently.release_lapsed_bookings(%s)', size), '22023', 'batch_size %', 'release_lapsed_bookings: a batch of ' || size)
FROM (VALUES ('0'), ('100001'), ('NULL')) bad (size);

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
