-- What a row alone can show is refused by the table itself, whoever writes it:
-- this file is a superuser who writes directly.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- A row of each table that is right, to be spoiled one column at a time.
INSERT INTO evently.venues (venue_id, name, capacity, type, timezone, currency)
VALUES (9001, 'v', 10, 'ARENA', 'UTC', 'EUR');
INSERT INTO evently.events (event_id, organizer_id, venue_id, title, category, start_time, end_time, doors_open, currency)
VALUES (9002, 1, 9001, 't', 'CONCERT', '2030-01-01 20:00+00', '2030-01-01 23:00+00', '2030-01-01 19:00+00', 'EUR');
INSERT INTO evently.ticket_tiers (tier_id, event_id, name, price, total_quantity, shards)
VALUES (9003, 9002, 'n', 5, 10, 1);
INSERT INTO evently.inventory_shards (tier_id, shard, available) VALUES (9003, 0, 10);
INSERT INTO evently.orders (order_id, event_id, buyer_id, status, total_amount, currency, expires_at)
VALUES (9004, 9002, 1, 'PENDING', 5, 'EUR', now());
INSERT INTO evently.order_items (item_id, order_id, tier_id, quantity, unit_price) VALUES (9005, 9004, 9003, 1, 5);
INSERT INTO evently.payments (payment_id, order_id, amount, currency, outcome, reported_at)
VALUES ('9006', 9004, 5, 'EUR', 'REFUND_DUE', now());
INSERT INTO evently.refunds (refund_id, order_id, payment_id, amount, currency, reason, created_at)
VALUES ('9007', 9004, '9006', 5, 'EUR', 'REFUND_DUE', now());
INSERT INTO evently.buyer_limits VALUES (9002, 1, 1);
INSERT INTO evently.tickets (ticket_id, order_id, tier_id, event_id) VALUES (9008, 9004, 9003, 9002);
INSERT INTO evently.notifications (notification_id, kind, user_id, event_id, payload)
VALUES (9009, 'REFUND_DUE', 1, 9002, '{}');

-- UPDATE relation SET assignments: not with this error, with none, or with another?
CREATE FUNCTION pg_temp.bad(relation text, assignments text, code text DEFAULT '23514') RETURNS text
LANGUAGE sql AS $$
	SELECT throws_ok(format('UPDATE evently.%I SET %s', relation, assignments), code::character(5), NULL,
		format('%s: not %s', relation, assignments));
$$;
CREATE FUNCTION pg_temp.good(relation text, assignments text) RETURNS text
LANGUAGE sql AS $$
	SELECT lives_ok(format('UPDATE evently.%I SET %s', relation, assignments),
		format('%s: %s', relation, assignments));
$$;

-- NULL where a value must be; the columns are listed in 10_schema.
SELECT pg_temp.bad(c.relname, a.attname || ' = NULL', '23502')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = ANY ('{evently.venues, evently.events, evently.ticket_tiers, evently.inventory_shards, evently.orders,
		evently.order_items, evently.payments, evently.refunds, evently.buyer_limits, evently.tickets,
		evently.notifications}'::regclass[])
	AND a.attnum > 0 AND a.attnotnull AND a.attgenerated = ''
ORDER BY c.relname COLLATE "C", a.attnum;

-- Texts that must say something.
SELECT pg_temp.bad(relation, format('%I = %L', attribute, value))
FROM (VALUES ('venues', 'name'), ('venues', 'city'), ('venues', 'timezone'), ('events', 'title'),
		('events', 'language'), ('events', 'cover_image_url'), ('ticket_tiers', 'name'), ('orders', 'buyer_email'),
		('orders', 'payment_id'), ('payments', 'payment_id'), ('refunds', 'refund_id'), ('tickets', 'attendee_name'),
		('tickets', 'attendee_email'), ('notifications', 'recipient')) texts (relation, attribute),
	(VALUES (''), ('   ')) blanks (value);

-- Money: NaN and infinity are above every number.
SELECT pg_temp.bad(relation, format('%I = %L', attribute, value))
FROM (VALUES ('venues', 'hire_rate'), ('ticket_tiers', 'price'), ('orders', 'total_amount'),
		('order_items', 'unit_price'), ('payments', 'amount'), ('refunds', 'amount')) amounts (relation, attribute),
	(VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('-0.01'), ('1e12'), ('0.0001')) wrong (value);
SELECT pg_temp.good('ticket_tiers', 'price = ' || value)
FROM (VALUES ('0'), ('0.001'), ('999999999999.999'), ('9.990')) fine (value);
SELECT pg_temp.bad(relation, format('currency = %L', value))
FROM unnest('{venues,events,orders,payments,refunds}'::text[]) relation,
	(VALUES ('eur'), ('EU'), ('EURO'), (''), ('€€€')) wrong (value);

-- Instants that a calendar can show.
SELECT pg_temp.bad(relation, format('%I = %L', attribute, value))
FROM (VALUES ('events', 'start_time'), ('events', 'end_time'), ('events', 'doors_open'),
		('events', 'transfer_deadline'), ('ticket_tiers', 'sale_start'), ('ticket_tiers', 'sale_end'),
		('orders', 'created_at'), ('orders', 'expires_at'), ('payments', 'reported_at'),
		('refunds', 'created_at'), ('tickets', 'issued_at'), ('tickets', 'check_in_time'))
		instants (relation, attribute),
	(VALUES ('infinity'), ('-infinity')) wrong (value);

-- Lists of words.
SELECT pg_temp.bad(relation, format('%I = %L', attribute, value))
FROM (VALUES ('venues', 'type'), ('events', 'category'), ('events', 'status'), ('orders', 'status'),
		('orders', 'channel'), ('payments', 'outcome'), ('refunds', 'status'), ('refunds', 'reason'),
		('tickets', 'status'), ('notifications', 'kind')) words (relation, attribute),
	(VALUES ('NONSENSE'), ('')) wrong (value);
-- The states have a guard as well (a trigger), so the lists are also read as they stand.
SELECT pg_temp.good('venues', format('type = %L', value))
FROM unnest('{ARENA,CONFERENCE_CENTER,THEATER,OUTDOOR}'::text[]) value;
SELECT pg_temp.good('events', format('category = %L', value))
FROM unnest('{CONCERT,CONFERENCE,SPORTS,FESTIVAL}'::text[]) value;
SELECT pg_temp.good('payments', format('outcome = %L', value))
FROM unnest('{CONFIRMED,RECOVERED,REFUND_DUE,AMOUNT_MISMATCH,DUPLICATE_PAYMENT}'::text[]) value;
SELECT pg_temp.good('refunds', format('reason = %L', value))
FROM unnest('{REQUESTED,EVENT_CANCELLED,REFUND_DUE,AMOUNT_MISMATCH,DUPLICATE_PAYMENT}'::text[]) value;
SELECT pg_temp.good('notifications', format('kind = %L', value))
FROM unnest('{TICKETS_ISSUED,TICKETS_REFUNDED,REFUND_DUE,EVENT_CANCELLED}'::text[]) value;

-- Venues.
SELECT pg_temp.bad('venues', 'capacity = ' || value) FROM (VALUES ('0'), ('-1')) wrong (value);
SELECT pg_temp.bad('venues', format('country_code = %L', value)) FROM (VALUES ('gb'), ('GBR'), ('G'), ('')) wrong (value);
SELECT pg_temp.good('venues', 'country_code = ''GB''');
SELECT pg_temp.bad('venues', format('facilities = %L', value)) FROM (VALUES ('[]'), ('null'), ('"parking"'), ('1')) wrong (value);
SELECT pg_temp.good('venues', 'facilities = ''{"parking": 400, "catering": true}''');
SELECT pg_temp.bad('venues', format('%I = %L', attribute, value))
FROM unnest('{setup_hours,teardown_hours}'::text[]) attribute,
	(VALUES ('-0.5'), ('720.01'), ('NaN'), ('Infinity')) wrong (value);
SELECT pg_temp.good('venues', 'setup_hours = 720, teardown_hours = 0.25');

-- Events.
SELECT pg_temp.bad('events', 'end_time = start_time');
SELECT pg_temp.bad('events', 'end_time = start_time - interval ''1 second''');
SELECT pg_temp.bad('events', 'doors_open = start_time + interval ''1 second''');
SELECT pg_temp.good('events', 'doors_open = start_time');
SELECT pg_temp.bad('events', 'age_restriction = ' || value) FROM (VALUES ('-1'), ('121')) wrong (value);
SELECT pg_temp.good('events', 'age_restriction = ' || value) FROM (VALUES ('0'), ('120'), ('NULL')) fine (value);
SELECT pg_temp.bad('events', format('hold_duration = %L', value)) FROM (VALUES ('9 seconds'), ('-1 day'), ('61 days')) wrong (value);
SELECT pg_temp.good('events', format('hold_duration = %L', value)) FROM (VALUES ('10 seconds'), ('60 days')) fine (value);
SELECT pg_temp.bad('events', 'max_tickets_per_buyer = ' || value) FROM (VALUES ('0'), ('-1')) wrong (value);
SELECT pg_temp.bad('events', 'venue_id = 9999999', '23503');

-- Tiers and their stock.
SELECT pg_temp.bad('ticket_tiers', 'total_quantity = ' || value) FROM (VALUES ('-1'), ('10000001')) wrong (value);
SELECT pg_temp.bad('ticket_tiers', 'held_back = ' || value) FROM (VALUES ('-1'), ('11')) wrong (value);
SELECT pg_temp.good('ticket_tiers', 'held_back = 10');
SELECT pg_temp.bad('ticket_tiers', 'shards = ' || value) FROM (VALUES ('0'), ('65')) wrong (value);
SELECT pg_temp.bad('ticket_tiers', 'max_per_order = ' || value) FROM (VALUES ('0'), ('-1'), ('10001')) wrong (value);
SELECT pg_temp.bad('ticket_tiers', 'sale_start = ''2030-01-01'', sale_end = ''2030-01-01''');
SELECT pg_temp.bad('ticket_tiers', 'event_id = 9999999', '23503');
SELECT throws_ok($$INSERT INTO evently.ticket_tiers (event_id, name, price, total_quantity, shards) VALUES (9002, 'n', 5, 10, 1)$$,
	'23505', NULL, 'ticket_tiers: one tier of a name for each event');
SELECT pg_temp.bad('inventory_shards', 'available = -1');
SELECT pg_temp.bad('inventory_shards', 'shard = ' || value) FROM (VALUES ('-1'), ('64')) wrong (value);
SELECT throws_ok('INSERT INTO evently.inventory_shards VALUES (9003, 0, 1)', '23505', NULL, 'inventory_shards: each shard once');

-- Orders, money, tickets.
SELECT pg_temp.bad('orders', format('idempotency_key = %L', value)) FROM (VALUES (''), (repeat('k', 201))) wrong (value);
SELECT pg_temp.good('orders', format('idempotency_key = %L', repeat('k', 200)));
SELECT throws_ok(format('INSERT INTO evently.orders (event_id, buyer_id, total_amount, currency, expires_at, idempotency_key)
	VALUES (9002, 1, 5, ''EUR'', now(), %L)', repeat('k', 200)), '23505', NULL, 'orders: a key once for each event and buyer');
SELECT pg_temp.bad('orders', 'status = ''CONFIRMED''');
SELECT pg_temp.bad('orders', 'confirmed_at = now()');
SELECT pg_temp.bad('orders', 'status = ''CONFIRMED'', confirmed_at = now()');
SELECT pg_temp.bad('orders', 'status = ''CANCELLED''');
SELECT pg_temp.bad('orders', 'cancelled_at = now()');
SELECT pg_temp.bad('order_items', 'quantity = ' || value) FROM (VALUES ('0'), ('-1')) wrong (value);
SELECT pg_temp.good('order_items', 'quantity = 3, unit_price = 1.25');
SELECT is(subtotal, 3.75, 'order_items: the subtotal is quantity times price') FROM evently.order_items WHERE item_id = 9005;
SELECT throws_ok('INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price) VALUES (9004, 9003, 1, 5)',
	'23505', NULL, 'order_items: a tier once for each order');
SELECT pg_temp.bad(relation, 'order_id = 9999999', '23503') FROM unnest('{order_items,payments,refunds,tickets}'::text[]) relation;
SELECT throws_ok('INSERT INTO evently.payments SELECT * FROM evently.payments WHERE payment_id = ''9006''',
	'23505', NULL, 'payments: a payment counts once');
SELECT pg_temp.bad('refunds', 'status = ''DONE''');
SELECT pg_temp.bad('refunds', 'settled_at = now()');
SELECT pg_temp.bad('refunds', 'payment_id = ''unknown''', '23503');
SELECT throws_ok('INSERT INTO evently.refunds SELECT * FROM evently.refunds WHERE refund_id = ''9007''',
	'23505', NULL, 'refunds: a refund has its id alone');
SELECT pg_temp.bad('buyer_limits', 'taken = -1');
SELECT pg_temp.bad('tickets', 'status = ''USED''');
SELECT pg_temp.bad('tickets', 'transferred_from = ticket_id');
SELECT throws_ok('INSERT INTO evently.tickets (order_id, tier_id, event_id, qr_code)
	SELECT order_id, tier_id, event_id, qr_code FROM evently.tickets WHERE ticket_id = 9008',
	'23505', NULL, 'tickets: no two have the same secret');
SELECT pg_temp.bad('notifications', 'user_id = NULL');
SELECT pg_temp.good('notifications', 'user_id = NULL, recipient = ''a@example.org''');
SELECT pg_temp.bad('notifications', format('payload = %L', value)) FROM (VALUES ('[]'), ('null'), ('"x"')) wrong (value);

SELECT * FROM finish();
ROLLBACK;
