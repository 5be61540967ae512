-- The views for reports: their columns, what they do not show, who sees which
-- rows, and what those of the door and of the state of things say.
\ir include/fixtures.psql
\ir include/door.psql
SET LOCAL timezone = 'America/New_York';
SELECT * FROM no_plan();

-- Names and types that reports rely on.
CREATE TEMP TABLE shape (view, columns) AS VALUES
	('check_in_progress', 'event_id bigint, event_title text, organizer_id bigint, tier_id bigint, tier_name text, timezone text, doors_open timestamptz, doors_open_local timestamp, start_time timestamptz, start_time_local timestamp, tickets bigint, admitted bigint, still_to_come bigint, percent_admitted numeric, admitted_last_15_min bigint, first_entry timestamptz, first_entry_local timestamp, last_entry timestamptz, last_entry_local timestamp'),
	('event_sales', 'event_id bigint, event_title text, organizer_id bigint, category text, status text, venue_id bigint, venue_name text, city text, country_code text, timezone text, start_time timestamptz, start_time_local timestamp, currency text, total_quantity bigint, orders bigint, tickets_sold bigint, tickets_returned bigint, comps bigint, comps_returned bigint, tickets_out bigint, percent_sold numeric, gross numeric, refunds numeric, net numeric, average_price numeric, first_sale_day date, last_sale_day date'),
	('hold_expiry_lag', 'event_id bigint, event_title text, organizer_id bigint, holds bigint, held_tickets bigint, held_amount numeric, currency text, lapsed_holds bigint, lapsed_tickets bigint, oldest_lapse timestamptz, lag_seconds numeric, next_lapse timestamptz'),
	('job_status', 'job text, last_run timestamptz, rows bigint, duration interval, error text, last_success timestamptz, lag interval, failing bigint, runs bigint, total_rows bigint, oldest_snapshot interval, duration_seconds numeric, lag_seconds numeric, oldest_snapshot_seconds numeric'),
	('order_facts', 'order_id bigint, event_id bigint, event_title text, organizer_id bigint, venue_id bigint, channel text, status text, currency text, tickets bigint, amount numeric, gross numeric, tickets_returned bigint, refunds numeric, net numeric, timezone text, created_at timestamptz, created_at_local timestamp, expires_at timestamptz, confirmed_at timestamptz, confirmed_at_local timestamp, sale_day date, cancelled_at timestamptz, seconds_to_confirm numeric, days_ahead integer'),
	('order_item_facts', 'order_id bigint, tier_id bigint, tier_name text, event_id bigint, event_title text, organizer_id bigint, channel text, status text, currency text, tickets bigint, unit_price numeric, amount numeric, gross numeric, tickets_returned bigint, refunds numeric, net numeric, timezone text, confirmed_at timestamptz, confirmed_at_local timestamp, sale_day date'),
	('outbox_status', 'kind text, pending bigint, retrying bigint, dead bigint, oldest_pending timestamptz'),
	('refunds_due', 'refund_id text, order_id bigint, event_id bigint, event_title text, organizer_id bigint, payment_id text, amount numeric, currency text, reason text, status text, timezone text, created_at timestamptz, created_at_local timestamp, settled_at timestamptz'),
	('sales_by_day', 'day date, event_id bigint, event_title text, organizer_id bigint, timezone text, currency text, orders bigint, tickets_sold bigint, gross numeric, tickets_returned bigint, refunds numeric, net numeric, comps bigint, comps_returned bigint, returned_of_sold bigint, refunds_of_sold numeric, net_of_sold numeric'),
	('scan_log', 'scan_id bigint, event_id bigint, event_title text, organizer_id bigint, ticket_id bigint, tier_id bigint, tier_name text, result text, reason text, told text, gate text, device text, mode text, timezone text, scanned_at timestamptz, scanned_at_local timestamp, device_time timestamptz, received_at timestamptz, seconds_to_receipt numeric, undone_at timestamptz'),
	('tier_inventory', 'tier_id bigint, event_id bigint, name text, total_quantity integer, available_quantity bigint, held_quantity bigint, sold_quantity bigint, offered bigint, gathering bigint, held_back integer, event_title text, organizer_id bigint, price numeric, currency text'),
	('trending', 'event_id bigint, title text, start_time timestamptz, tickets bigint, start_time_local timestamp, timezone text, organizer_id bigint'),
	('venue_calendar', 'venue_id bigint, venue_name text, timezone text, booking_id bigint, status text, event_id bigint, event_title text, event_status text, start_time timestamptz, end_time timestamptz, occupied_from timestamptz, occupied_until timestamptz, event_start timestamptz, event_end timestamptz, start_time_local timestamp, end_time_local timestamp, occupied_from_local timestamp, occupied_until_local timestamp, event_start_local timestamp, event_end_local timestamp, organizer_id bigint'),
	('venue_invoice_lines', 'booking_id bigint, line_no bigint, type text, description text, quantity numeric, unit_price numeric, amount numeric, currency text, event_id bigint, organizer_id bigint'),
	('venue_invoices', 'booking_id bigint, venue_id bigint, venue_name text, event_id bigint, event_title text, organizer_id bigint, status text, start_time timestamptz, end_time timestamptz, hire numeric, addons numeric, total numeric, deposit_required numeric, deposit numeric, deposit_due numeric, deposit_due_at timestamptz, deposit_to_return numeric, deposit_returned numeric, balance numeric, currency text, timezone text, start_time_local timestamp, end_time_local timestamp'),
	('venue_utilisation', 'venue_id bigint, venue_name text, month date, events bigint, bookings bigint, booked_hours numeric, occupied_hours numeric, requested_hours numeric, month_hours numeric, percent_occupied numeric'),
	('waitlist_status', 'tier_id bigint, event_id bigint, name text, waiting bigint, waiting_tickets bigint, waiting_since timestamptz, offers_open bigint, tickets_offered bigint, next_lapse timestamptz, gathering integer, gathering_until timestamptz, joined bigint, claimed bigint, lapsed bigint, gone bigint, event_title text, organizer_id bigint');
SELECT is((SELECT string_agg(a.attname || ' ' || replace(replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'), 'timestamp without time zone', 'timestamp'), ', ' ORDER BY a.attnum)
	FROM pg_attribute a WHERE a.attrelid = ('evently.' || s.view)::regclass AND a.attnum > 0), s.columns, 'columns of ' || s.view) FROM shape s ORDER BY s.view;
SELECT set_eq($$SELECT relname::text COLLATE "default" FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'v'$$,
	$$SELECT view FROM shape UNION ALL SELECT unnest('{sale_entries,refund_entries,sales_tail,role_privileges,organizer_orders,organizer_tickets}'::text[])$$, 'all views for reports; the others are not for reporters');
SELECT is_empty($$SELECT a.attrelid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'v' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)$$, 'each view and column has a comment');
SELECT is_empty($$SELECT relname, reloptions FROM pg_class JOIN shape ON view = relname WHERE relnamespace = 'evently'::regnamespace
	AND reloptions IS DISTINCT FROM '{security_barrier=true}'$$, 'each is a security barrier, with the rights of its owner');
SELECT is_empty($$SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'v'
	AND a.attname ~ '_local$' AND NOT EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = c.oid AND i.attname || '_local' = a.attname AND i.atttypid = 'timestamptz'::regtype)$$, 'beside each local time is its instant');

-- A busy evening: one event of organizer 1 with its doors open, one of organizer
-- 2, marked by what no report may show.
SELECT event AS a, tier AS at, order_id AS ao FROM pg_temp.doors(4) \gset
UPDATE evently.events SET venue_id = (SELECT venue_id FROM evently.create_venue('Room', 2000, 'THEATER', 'Asia/Tokyo')) WHERE event_id = :a;
SELECT evently.set_held_back(:at, 2) \g /dev/null
SELECT event_id AS b FROM evently.create_event(2, 'Elsewhere', 'SPORTS', now() + interval '30 days', now() + interval '31 days', currency => 'USD') \gset
SELECT pg_temp.tier(:b, 3, 7.5) AS bt \gset
SELECT pg_temp.open(:b);
SELECT order_id AS bo FROM evently.reserve_tier(:b, 987654321, :bt, 3, 'zzmark-key', 'zzmark@example.org') \gset
SELECT FROM evently.confirm_order(:bo, 'pay-b', 22.5, '[{"name": "zzmark", "email": "zzmark@example.org"}]');
SELECT FROM evently.transfer_ticket(pg_temp.ticket(:bo), 'zzmark@example.org', 'zzmark 2', 'zzmark2@example.org');
SELECT FROM evently.join_waitlist(:bt, 987654321, 1, 'zzmark@example.org');
SELECT FROM evently.assign_attendee(pg_temp.ticket(:ao), 'zzmark', 'zzmark@example.org');
SELECT order_id AS bh FROM evently.reserve_tier(:a, 987654321, :at, 5, 'zzmark-key', 'zzmark@example.org') \gset
SELECT FROM evently.cancel_order(:bh, 'zzmark');
SELECT FROM evently.book_venue((SELECT venue_id FROM evently.venues WHERE name = 'Room'), NULL, '2031-01-01', '2031-01-02');
-- The door: one enters by each gate, one twice, one whose entry is undone, and a text that is no ticket.
SELECT pg_temp.scan(pg_temp.secret(pg_temp.ticket(:ao, 1)), :a, 'North', 'n-1');
SELECT pg_temp.scan(pg_temp.secret(pg_temp.ticket(:ao, 1)), :a, 'South', 's-1');
SELECT pg_temp.scan(pg_temp.secret(pg_temp.ticket(:ao, 2)), :a, 'South', 's-1');
SELECT pg_temp.scan(pg_temp.secret(pg_temp.ticket(:ao, 3)), :a, 'South', 's-1');
SELECT FROM evently.undo_check_in(pg_temp.ticket(:ao, 3), 'zzmark');
SELECT pg_temp.scan('zzmark', :a, 'South', 's-1');
SELECT pg_temp.scan('zzmark');
SELECT count(*) FROM evently.sync_check_ins(:a, 'tablet', jsonb_build_array(jsonb_build_object('scan_id', 'zzmark',
	'token', pg_temp.secret(pg_temp.ticket(:ao, 4)), 'scanned_at', now() - interval '10 minutes', 'gate', 'North'))) \g /dev/null

SELECT results_eq(format('SELECT organizer_id, tier_name, tickets, admitted, still_to_come, percent_admitted, admitted_last_15_min, first_entry < last_entry,
		first_entry_local = first_entry AT TIME ZONE ''Asia/Tokyo'', last_entry_local = last_entry AT TIME ZONE ''Asia/Tokyo'', doors_open_local = doors_open AT TIME ZONE ''Asia/Tokyo''
	FROM evently.check_in_progress WHERE event_id = %s', :a),
	$$VALUES (1::bigint, 'GENERAL', 4::bigint, 3::bigint, 1::bigint, 75.0, 3::bigint, true, true, true, true)$$, 'progress at the door');
UPDATE evently.tickets SET check_in_time = check_in_time - interval '20 minutes' WHERE ticket_id = pg_temp.ticket(:ao, 1);
UPDATE evently.scans SET scanned_at = scanned_at - interval '20 minutes' WHERE ticket_id = pg_temp.ticket(:ao, 1) AND result = 'ADMIT';
SELECT results_eq(format('SELECT admitted, admitted_last_15_min FROM evently.check_in_progress WHERE event_id = %s', :a), 'VALUES (3::bigint, 2::bigint)', 'who entered long ago');
SELECT results_eq(format('SELECT result, reason, told, gate, device, mode, tier_name, undone_at IS NOT NULL, seconds_to_receipt >= 600, scanned_at_local = scanned_at AT TIME ZONE ''Asia/Tokyo''
	FROM evently.scan_log WHERE event_id = %s ORDER BY scan_id', :a), $$VALUES
	('ADMIT', NULL, 'ADMIT', 'North', 'n-1', 'ONLINE', 'GENERAL', false, true, true),
	('ALREADY_ADMITTED', NULL, 'ALREADY_ADMITTED', 'South', 's-1', 'ONLINE', 'GENERAL', false, false, true),
	('ADMIT', NULL, 'ADMIT', 'South', 's-1', 'ONLINE', 'GENERAL', false, false, true),
	('UNDONE', NULL, 'ADMIT', 'South', 's-1', 'ONLINE', 'GENERAL', true, false, true),
	('INVALID', 'UNKNOWN', 'INVALID', 'South', 's-1', 'ONLINE', NULL, false, false, true),
	('ADMIT', NULL, 'ADMIT', 'North', 'tablet', 'OFFLINE', 'GENERAL', false, true, true)$$, 'the log of scans');
SELECT set_eq('SELECT scan_id FROM evently.scan_log', 'SELECT scan_id FROM evently.scans', 'every scan is in it, that of no event too');

-- Holds: two, one of them lapsed an hour ago.
SELECT pg_temp.hold(:a, :at, 2) AS live \gset
SELECT pg_temp.hold(:a, :at, 3) AS dead \gset
UPDATE evently.orders SET expires_at = now() - interval '1 hour' WHERE order_id = :dead;
SELECT results_eq(format('SELECT holds, held_tickets, held_amount, currency, lapsed_holds, lapsed_tickets, oldest_lapse, lag_seconds >= 3600, lag_seconds < 7200,
		next_lapse = (SELECT expires_at FROM evently.orders WHERE order_id = %s) FROM evently.hold_expiry_lag', :live),
	$$VALUES (2::bigint, 5::bigint, 0::numeric, 'EUR', 1::bigint, 3::bigint, now() - interval '1 hour', true, true, true)$$, 'holds, and how long a lapsed one has waited');
UPDATE evently.orders SET expires_at = now() + interval '1 hour' WHERE order_id = :dead;
SELECT results_eq('SELECT lapsed_holds, oldest_lapse, lag_seconds FROM evently.hold_expiry_lag', 'VALUES (0::bigint, NULL::timestamptz, 0::numeric)', 'none has lapsed');

SELECT results_eq('SELECT event_title, waiting, waiting_tickets, organizer_id FROM evently.waitlist_status', $$VALUES ('Elsewhere', 1::bigint, 1::bigint, 2::bigint)$$, 'the line');
SELECT results_eq(format('SELECT name, total_quantity, sold_quantity, held_quantity, price, currency, event_title, organizer_id FROM evently.tier_inventory WHERE event_id = %s', :b),
	$$VALUES ('GENERAL', 3, 3::bigint, 0::bigint, 7.5, 'USD', 'Elsewhere', 2::bigint)$$, 'stock with its price');
SELECT results_eq('SELECT title, tickets, organizer_id FROM evently.trending ORDER BY 2', $$VALUES ('Elsewhere', 3::bigint, 2::bigint), ('Tonight', 4, 1)$$, 'what sells');
SELECT is((SELECT lag_seconds >= 0 FROM evently.job_status WHERE job = 'roll_up_daily_sales'), true, 'how old the oldest sale is that a report must count itself');
SELECT is_empty($$SELECT FROM evently.job_status WHERE abs(extract(epoch FROM lag) - lag_seconds) > 0.001
	OR (last_run IS NULL) <> (duration_seconds IS NULL)$$, 'spans of time in seconds too');

-- Nothing that names anybody, nothing that opens a door.
CREATE FUNCTION pg_temp.tells(view text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT v::text FROM evently.%I v) r (line) WHERE line ~ ''zzmark|987654321''
		OR EXISTS (SELECT FROM evently.tickets k WHERE strpos(line, k.qr_code::text) > 0 OR strpos(line, evently.secret_fingerprint(k.qr_code)) > 0)', view) INTO n;
	RETURN n;
END
$$;
SELECT is(pg_temp.tells(view), 0::bigint, view || ' names nobody') FROM shape ORDER BY view;

-- A reporter needs SELECT on the views, and EXECUTE on the two functions in them. Reading is all that is done.
CREATE ROLE evently_test_reporter;
CREATE ROLE evently_test_organizer;
CREATE ROLE evently_test_nobody;
GRANT USAGE ON SCHEMA evently TO evently_test_reporter, evently_test_organizer, evently_test_nobody;
GRANT EXECUTE ON FUNCTION evently.session_organizers(), evently.oldest_snapshot_age() TO evently_test_reporter, evently_test_organizer, evently_test_nobody;
SELECT format('GRANT SELECT ON evently.%I TO evently_test_reporter, evently_test_organizer, evently_test_nobody', view) FROM shape \gexec
GRANT SELECT ON pg_temp.shape TO PUBLIC;
INSERT INTO evently.role_grants (role_name, kind, organizer_id, granted_at, granted_by) VALUES
	('evently_test_reporter', 'reporter', NULL, now(), 'postgres'), ('evently_test_organizer', 'organizer', 2, now(), 'postgres');
CREATE FUNCTION pg_temp.rows_of(view text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM evently.%I', view) INTO n;
	RETURN n;
END
$$;
CREATE TEMP TABLE seen AS SELECT view, pg_temp.rows_of(view) AS owner, 0::bigint AS reporter, 0::bigint AS organizer, 0::bigint AS nobody FROM shape;
GRANT ALL ON seen TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION evently_test_reporter;
UPDATE seen SET reporter = pg_temp.rows_of(view);
SELECT throws_ok('SELECT FROM evently.' || t, '42501', NULL, 'a reporter cannot read ' || t) FROM unnest('{orders,tickets,scans,notifications,sales_daily,sales_tail,sale_entries}'::text[]) t;
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION evently_test_organizer;
UPDATE seen SET organizer = pg_temp.rows_of(view);
-- A condition that tells what it is shown sees nothing of others.
CREATE FUNCTION pg_temp.leak(title text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', title; IF title = 'Tonight' THEN RAISE 'leaked'; END IF; RETURN true; END $$;
SELECT lives_ok(format('SELECT * FROM evently.%I WHERE pg_temp.leak(event_title)', view), view || ' is no leak')
FROM unnest('{event_sales,sales_by_day,order_facts,check_in_progress,scan_log,tier_inventory,hold_expiry_lag}'::text[]) view;
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION evently_test_nobody;
UPDATE seen SET nobody = pg_temp.rows_of(view);
RESET SESSION AUTHORIZATION;
SELECT is_empty('SELECT * FROM seen WHERE reporter <> owner', 'a reporter sees all rows');
SELECT results_eq($$SELECT view, organizer FROM seen WHERE view NOT IN ('job_status', 'outbox_status') AND organizer > 0 ORDER BY view COLLATE "C"$$,
	$$VALUES ('event_sales', 1::bigint), ('order_facts', 1), ('order_item_facts', 1), ('check_in_progress', 1), ('sales_by_day', 1), ('tier_inventory', 1), ('trending', 1), ('waitlist_status', 1) ORDER BY 1$$,
	'an organizer sees the rows of its event');
SELECT is_empty($$SELECT * FROM seen WHERE view NOT IN ('job_status', 'outbox_status') AND nobody > 0$$, 'a login without a grant sees nothing');
SELECT is_empty($$SELECT * FROM seen WHERE owner = 0 AND view NOT IN ('refunds_due')$$, 'there was something to see');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
