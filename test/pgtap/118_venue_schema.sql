-- The shape of venue bookings that applications rely on.
\ir include/bookings.psql
SELECT * FROM no_plan();

SELECT results_eq($$
	SELECT proname::text COLLATE "default", replace(pg_get_function_arguments(oid), 'timestamp with time zone', 'timestamptz'), pg_get_function_result(oid)
	FROM pg_proc WHERE pronamespace = 'evently'::regnamespace AND proname ~ 'book|deposit|slot|find_venues|cancel_event$' AND prorettype <> 'trigger'::regtype
		AND proname !~ '^verify'
	ORDER BY proname$$,
	$$VALUES
	('add_booking_addon', 'booking_id bigint, type text, description text, cost numeric', 'evently.venue_booking_addons'),
	('assign_booking', 'booking_id bigint, event_id bigint', 'evently.venue_bookings'),
	('book_venue', 'venue_id bigint, event_id bigint, start_time timestamptz, end_time timestamptz, setup_hours_before numeric DEFAULT NULL::numeric, '
		'teardown_hours_after numeric DEFAULT NULL::numeric, deposit_required numeric DEFAULT 0, deposit_due_at timestamptz DEFAULT NULL::timestamptz', 'evently.venue_bookings'),
	('cancel_booking', 'booking_id bigint, reason text DEFAULT NULL::text', 'evently.venue_bookings'),
	('cancel_event', 'event_id bigint, reason text, keep_booking boolean DEFAULT false', 'evently.events'),
	('find_venues', 'within tstzrange, capacity integer DEFAULT NULL::integer, type text DEFAULT NULL::text, facilities jsonb DEFAULT NULL::jsonb, '
		'near geography DEFAULT NULL::geography, radius_m double precision DEFAULT NULL::double precision', 'SETOF evently.venue_match'),
	('pay_deposit', 'booking_id bigint, amount numeric, payment_id text', 'evently.venue_bookings'),
	('release_lapsed_bookings', 'batch_size integer DEFAULT 1000', 'integer'),
	('reschedule_booking', 'booking_id bigint, start_time timestamptz, end_time timestamptz, event_start timestamptz DEFAULT NULL::timestamptz, '
		'event_end timestamptz DEFAULT NULL::timestamptz', 'evently.venue_bookings'),
	('settle_deposit_return', 'payment_id text', 'evently.booking_payments'),
	('venue_free_slots', 'venue_id bigint, within tstzrange, at_least interval DEFAULT NULL::interval', 'SETOF tstzrange')$$,
	'functions, their arguments and results');

SELECT set_has(format($$
	SELECT attname || ' ' || replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz') || CASE WHEN attnotnull THEN '!' ELSE '' END
	FROM pg_attribute WHERE attrelid = 'evently.%I'::regclass AND attnum > 0$$, relation), format('SELECT unnest(%L::text[])', columns), 'columns of ' || relation)
FROM (VALUES
	('venue_bookings', ARRAY['booking_id bigint!', 'venue_id bigint!', 'event_id bigint', 'start_time timestamptz!', 'end_time timestamptz!',
		'setup_hours_before numeric!', 'teardown_hours_after numeric!', 'occupied tstzrange!', 'status text!', 'hire_rate evently.amount!',
		'deposit_required evently.amount!', 'deposit_paid evently.amount!', 'deposit_due_at timestamptz', 'created_at timestamptz!',
		'cancelled_at timestamptz', 'cancel_reason text']),
	('venue_booking_addons', ARRAY['addon_id bigint!', 'booking_id bigint!', 'type text!', 'description text', 'cost evently.amount!']),
	('booking_payments', ARRAY['payment_id text!', 'booking_id bigint!', 'amount evently.amount!', 'status text!', 'received_at timestamptz!', 'returned_at timestamptz']),
	('venue_match', ARRAY['venue_id bigint', 'name text', 'capacity integer', 'type text', 'facilities jsonb', 'timezone text', 'occupied tstzrange', 'hire numeric',
		'currency text', 'distance_m double precision']),
	('venue_calendar', ARRAY['venue_id bigint', 'venue_name text', 'timezone text', 'booking_id bigint', 'status text', 'event_id bigint', 'event_title text',
		'start_time timestamptz', 'end_time timestamptz', 'occupied_from timestamptz', 'occupied_until timestamptz',
		'start_time_local timestamp without time zone', 'end_time_local timestamp without time zone']),
	('venue_utilisation', ARRAY['venue_id bigint', 'month date', 'bookings bigint', 'occupied_hours numeric', 'month_hours numeric', 'percent_occupied numeric']),
	('venue_invoices', ARRAY['booking_id bigint', 'venue_id bigint', 'event_id bigint', 'organizer_id bigint', 'status text', 'hire numeric', 'addons numeric',
		'total numeric', 'deposit_required numeric', 'deposit numeric', 'deposit_due numeric', 'deposit_to_return numeric', 'deposit_returned numeric',
		'balance numeric', 'currency text']),
	('venue_invoice_lines', ARRAY['booking_id bigint', 'line_no bigint', 'type text', 'description text', 'quantity numeric', 'unit_price numeric', 'amount numeric',
		'currency text'])) wanted (relation, columns);

SELECT is(pg_get_constraintdef(oid), $$EXCLUDE USING gist (venue_id WITH =, occupied WITH &&) WHERE ((status <> 'CANCELLED'::text))$$, 'the guarantee that bookings never overlap')
FROM pg_constraint WHERE conname = 'venue_bookings_no_overlap';
SELECT volatility_is('evently', 'occupied_window', '{"timestamp with time zone","timestamp with time zone",numeric,numeric}', 'immutable', 'the time taken may be indexed');

-- What a row can show is checked for everyone.
SELECT pg_temp.ground() AS venue \gset
SELECT pg_temp.book(:venue, '2031-01-01', '2031-01-02', NULL, 100) AS booking \gset
SELECT FROM evently.pay_deposit(:booking, 10, 'p');
SELECT evently.add_booking_addon(:booking, 'AV', 'x', 1) \g /dev/null
SELECT throws_ok(format('UPDATE evently.%s', change), '23514', NULL, 'refused: ' || change)
FROM (VALUES
	($$venue_bookings SET status = 'LOST'$$), ($$venue_bookings SET status = 'CONFIRMED'$$), ($$venue_bookings SET deposit_paid = 100.001$$),
	($$venue_bookings SET deposit_paid = -1$$), ($$venue_bookings SET deposit_required = 'NaN'$$), ($$venue_bookings SET hire_rate = -1$$),
	($$venue_bookings SET deposit_due_at = 'infinity'$$), ($$venue_bookings SET created_at = 'infinity'$$), ($$venue_bookings SET cancelled_at = now()$$),
	($$venue_bookings SET cancel_reason = 'x'$$), ($$venue_booking_addons SET type = ''$$), ($$venue_booking_addons SET type = 'catering'$$),
	($$venue_booking_addons SET description = ' '$$), ($$venue_booking_addons SET cost = -1$$), ($$booking_payments SET amount = 0$$),
	($$booking_payments SET amount = 'NaN'$$), ($$booking_payments SET payment_id = ' '$$), ($$booking_payments SET status = 'LOST'$$),
	($$booking_payments SET returned_at = now()$$), ($$booking_payments SET received_at = '-infinity'$$)) bad (change);
SELECT throws_ok($$UPDATE evently.booking_payments SET status = 'RETURNED', returned_at = now()$$, 'TK006', NULL, 'what is received is not returned before it is due');

SELECT * FROM finish();
ROLLBACK;
