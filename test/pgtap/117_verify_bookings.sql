-- verify() sees each kind of breach of what bookings promise.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT pg_temp.ground() AS venue \gset
SELECT pg_temp.match('2031-03-22 15:00+00', :venue) AS event \gset
SELECT pg_temp.book(:venue, '2031-03-22 14:00+00', '2031-03-22 18:00+00', :event, 100) AS booking \gset
SELECT FROM evently.pay_deposit(:booking, 60, 'p60');
SELECT pg_temp.book(:venue, '2031-03-23 14:00+00', '2031-03-23 18:00+00', NULL, 100) AS gone \gset
SELECT FROM evently.pay_deposit(:gone, 50, 'p50');
SELECT FROM evently.cancel_booking(:gone);
SELECT pg_temp.verified();

-- Break one thing, look, take it back.
CREATE FUNCTION pg_temp.sees(damage text, check_name text, object text, detail text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	seen text;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;	-- no triggers
		EXECUTE damage;
		SELECT string_agg(concat_ws('|', v.check_name, v.object, v.detail), E'\n' ORDER BY v.detail) INTO seen FROM evently.verify() v;
		RAISE 'undo';
	EXCEPTION WHEN raise_exception THEN
		NULL;
	END;
	RETURN is(seen, concat_ws('|', check_name, object, detail), 'verify() sees: ' || damage);
END
$$;
SELECT pg_temp.sees(pg_temp.fill(damage, 'B', :'booking', 'E', :'event', 'G', :'gone'), name, pg_temp.fill(object, 'B', :'booking', 'E', :'event', 'V', :'venue'),
	pg_temp.fill(detail, 'B', :'booking', 'G', :'gone', 'V', :'venue'))
FROM (VALUES
	('UPDATE evently.venue_bookings SET deposit_paid = 61 WHERE booking_id = B', 'deposit', 'booking B', 'deposit_paid is 61, its payments add up to 60'),
	('UPDATE evently.venue_bookings SET deposit_required = 60 WHERE booking_id = B', 'deposit', 'booking B', 'REQUESTED, but 60 of 60 were paid'),
	($$UPDATE evently.booking_payments SET status = 'RETURN_DUE' WHERE payment_id = 'p60'$$, 'deposit return', 'payment p60', 'RETURN_DUE, but booking B is REQUESTED'),
	($$UPDATE evently.booking_payments SET status = 'RECEIVED' WHERE payment_id = 'p50'$$, 'deposit return', 'payment p50', 'RECEIVED, but booking G is CANCELLED'),
	($$SET LOCAL timezone = 'UTC'; UPDATE evently.events SET end_time = end_time + interval '61 minutes' WHERE event_id = E$$, 'event times', 'event E',
		'is from 2031-03-22 15:00:00+00 to 2031-03-22 18:01:00+00, booking B from 2031-03-22 14:00:00+00 to 2031-03-22 18:00:00+00'),
	('UPDATE evently.events SET venue_id = NULL WHERE event_id = E', 'event times', 'event E', 'is at venue none, booking B at venue V'),
	($$ALTER TABLE evently.venue_bookings DROP CONSTRAINT venue_bookings_no_overlap;
		INSERT INTO evently.venue_bookings (booking_id, venue_id, start_time, end_time, status) VALUES (9000001, $$ || :'venue' || $$, '2031-03-22 17:59+00', '2031-03-22 19:00+00', 'CONFIRMED')$$,
		'overlap', 'venue V', 'bookings B and 9000001 overlap')) breach (damage, name, object, detail);

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
