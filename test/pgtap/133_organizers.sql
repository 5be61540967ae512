-- An organizer sees and changes its own, and of another's not even that it is there.
\ir include/fixtures.psql
\ir include/door.psql
\ir include/roles.psql
SELECT * FROM no_plan();

-- Two organizers with the same of everything: an event on sale whose doors are
-- open, another that is a draft, tiers, a line, orders paid, held and refunded,
-- tickets scanned and not, a booking.
CREATE FUNCTION pg_temp.business(organizer bigint, OUT event bigint, OUT draft bigint, OUT tier bigint, OUT paid bigint,
	OUT held bigint, OUT ticket bigint, OUT used bigint, OUT booking bigint, OUT slot bigint, OUT refund text, OUT secret text, OUT token text)
LANGUAGE plpgsql AS $$
DECLARE
	venue bigint := pg_temp.venue();
BEGIN
	SELECT e.event_id INTO event FROM evently.create_event(organizer, 'Event of ' || organizer, 'CONCERT',
		now() + interval '1 hour', now() + interval '4 hours', venue, doors_open => now() - interval '1 hour') e;
	tier := pg_temp.tier(event, 10, 10, held_back => 3);
	SELECT b.booking_id INTO booking FROM evently.book_venue(venue, event, now(), now() + interval '5 hours') b;
	PERFORM pg_temp.open(event);
	SELECT o.order_id INTO paid FROM evently.reserve_tier(event, organizer + 7, tier, 4, buyer_email => organizer || '@example.org') o;
	PERFORM evently.confirm_order(paid, 'pay-' || organizer, attendees => '[{"name": "Ada", "email": "ada@example.org"}]');
	SELECT max(t.ticket_id), min(t.ticket_id) INTO ticket, used FROM evently.tickets t WHERE t.order_id = paid;
	PERFORM evently.check_in(pg_temp.secret(used), event, 'North', 'dev-' || organizer);
	refund := 'refund-' || organizer;
	PERFORM evently.refund_order(paid, refund, ARRAY[used + 1]);
	SELECT o.order_id INTO held FROM evently.reserve_tier(event, organizer + 8, tier, 4) o;
	PERFORM evently.join_waitlist(tier, organizer + 9, 2, 'line@example.org');
	SELECT e.event_id INTO draft FROM evently.create_event(organizer, 'Draft of ' || organizer, 'SPORTS',
		now() + interval '40 days', now() + interval '41 days') e;
	SELECT b.booking_id INTO slot FROM evently.book_venue(venue, NULL, now() + interval '60 days', now() + interval '61 days') b;
	secret := pg_temp.secret(ticket);
	token := evently.ticket_token(ticket);
END
$$;
CREATE TEMP TABLE mine AS SELECT * FROM pg_temp.business(101);
CREATE TEMP TABLE theirs AS SELECT * FROM pg_temp.business(202);
SELECT evently.grant_role('evently_test_nobody', 'scanner', 101) \g /dev/null
SELECT is_empty('SELECT * FROM evently.verify()', 'the stage is set');

-- Each function that an organizer or a door may call and that is about something
-- that has an organizer: %s is its id.
CREATE TEMP TABLE call (function text, what text, statement text);
INSERT INTO call VALUES
	('create_tier', 'event', $$evently.create_tier(%s, 'VIP', 20, 1)$$),
	('publish_event', 'draft', 'evently.publish_event(%s)'),
	('open_sale', 'event', 'evently.open_sale(%s)'),
	('pause_sale', 'event', 'evently.pause_sale(%s)'),
	('resume_sale', 'event', 'evently.resume_sale(%s)'),
	('complete_event', 'event', 'evently.complete_event(%s)'),
	('cancel_event', 'event', $$evently.cancel_event(%s, 'spite')$$),
	('set_tier_quantity', 'tier', 'evently.set_tier_quantity(%s, 12)'),
	('set_held_back', 'tier', 'evently.set_held_back(%s, 2)'),
	('issue_comps', 'tier', $$evently.issue_comps(%s, '[{"name": "Bo"}]')$$),
	('refund_order', 'paid', $$evently.refund_order(%s, 'refund-x')$$),
	('book_venue', 'draft', $$evently.book_venue((SELECT venue_id FROM evently.venues LIMIT 1), %s, now() + interval '39 days', now() + interval '42 days')$$),
	('reschedule_booking', 'booking', $$evently.reschedule_booking(%s, now() + interval '1 day', now() + interval '2 days')$$),
	('cancel_booking', 'booking', 'evently.cancel_booking(%s)'),
	('assign_booking', 'booking', 'evently.assign_booking(%s, (SELECT min(event_id) FROM evently.events))'),
	('assign_booking', 'draft', 'evently.assign_booking((SELECT min(booking_id) FROM evently.venue_calendar), %s)'),
	('add_booking_addon', 'booking', $$evently.add_booking_addon(%s, 'AV', NULL, 5)$$),
	('undo_check_in', 'used', $$evently.undo_check_in(%s, 'oops')$$),
	('check_in', 'event', $$evently.check_in('00000000-0000-4000-8000-000000000000', %s)$$),
	('validate_ticket', 'event', $$evently.validate_ticket('00000000-0000-4000-8000-000000000000', %s)$$),
	('event_jwks', 'event', 'evently.event_jwks(%s)'),
	('offline_manifest', 'event', 'evently.offline_manifest(%s)'),
	('sync_check_ins', 'event', $$evently.sync_check_ins(%s, 'dev', '[]')$$);
SELECT set_eq('SELECT DISTINCT function FROM call', $$
	SELECT DISTINCT object_name FROM evently.role_privileges WHERE kind IN ('organizer', 'scanner') AND object_type = 'ROUTINE'
	EXCEPT VALUES ('session_organizers'), ('managed_organizers'), ('venue_free_slots'), ('find_venues'), ('create_event')$$,
	'no function of an organizer''s is forgotten here; the others have tests of their own or are about venues');

CREATE TEMP VIEW outcome AS
SELECT c.function, c.what, l.login, v.whose,
	regexp_replace(pg_temp.run_as(l.login, 'SELECT ' || format(c.statement, v.id)), '\y' || v.id || '\y', 'N', 'g') AS outcome
FROM call c, (VALUES ('evently_test_organizer'), ('evently_test_nobody')) l (login),
	LATERAL (SELECT 'own', to_jsonb(m) ->> c.what FROM mine m
		UNION ALL SELECT 'foreign', to_jsonb(t) ->> c.what FROM theirs t
		UNION ALL SELECT 'unknown', '777777') v (whose, id);
CREATE TEMP TABLE outcomes AS SELECT * FROM outcome;
SELECT is_empty($$SELECT * FROM outcomes WHERE login = 'evently_test_organizer' AND whose = 'own' AND outcome ~ '^(42501|P0002)'$$,
	'its own, an organizer finds');
SELECT is_empty($$SELECT * FROM outcomes WHERE whose <> 'own' AND outcome !~ '^(42501 permission denied for (function|table|view) |P0002 (event|tier|order|ticket|booking) N does not exist$)'$$,
	'another''s, nobody finds');
SELECT is_empty($$SELECT function, what, login FROM outcomes WHERE whose <> 'own' GROUP BY 1, 2, 3 HAVING count(DISTINCT outcome) <> 1$$,
	'and it is told in the same words as what does not exist');
SELECT set_eq($$SELECT DISTINCT function FROM outcomes WHERE login = 'evently_test_nobody' AND outcome !~ '^42501'$$,
	$$SELECT object_name FROM evently.role_privileges WHERE kind = 'scanner' AND object_type = 'ROUTINE'$$,
	'a door that is tied to an organizer: so much for the door''s functions');
SELECT is_empty($$SELECT * FROM outcomes WHERE login = 'evently_test_nobody' AND whose = 'own' AND outcome ~ '^P0002'$$, 'its own, it finds');
SELECT is(pg_temp.run_as('evently_test_app', format('SELECT (evently.publish_event(%s)).status', draft)), 'PUBLISHED', 'an application acts for all') FROM theirs;

-- What has no id to hide.
SELECT is(pg_temp.run_as('evently_test_organizer', $$SELECT (evently.create_event(202, 'x', 'SPORTS', now(), now() + interval '1 day')).title$$),
	'42501 permission denied for organizer 202', 'no event in another''s name');
SELECT is(pg_temp.run_as('evently_test_organizer', $$SELECT (evently.create_event(101, 'x', 'SPORTS', now(), now() + interval '1 day')).title$$),
	'x', 'in its own name, yes');
SELECT is(pg_temp.run_as('evently_test_organizer', $$SELECT evently.book_venue((SELECT min(venue_id) FROM evently.venues), NULL, now() + interval '80 days', now() + interval '81 days')$$),
	'42501 permission denied to book without an event', 'no booking without an event');
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT evently.%s', s)), 'P0002 booking ' || slot || ' does not exist', 'a booking without an event is no organizer''s: ' || s)
FROM mine, LATERAL unnest(ARRAY[format('cancel_booking(%s)', slot), format('assign_booking(%s, %s)', slot, draft), format('add_booking_addon(%s, ''AV'', NULL, 1)', slot)]) s;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT evently.refund_order(%s, %L)', m.paid, t.refund)),
	format('22023 refund "%s" was made with other content', t.refund), 'a refund''s id that another has used') FROM mine m, theirs t;
SELECT is((SELECT 1 FROM pg_temp.mine m, pg_temp.theirs t WHERE pg_temp.detail_as('evently_test_organizer',
	format('SELECT evently.refund_order(%s, %L)', m.paid, t.refund)) LIKE '%' || t.paid || '%'), NULL, 'and no word of whose order that was');

-- The door: a foreign ticket is no ticket.
SELECT is(pg_temp.run_as(l, format('SELECT evently.%s', s)), '(INVALID,UNKNOWN,,,,,,,,,)', l || ': ' || left(s, 30))
FROM theirs t, mine m, unnest(ARRAY['evently_test_organizer', 'evently_test_nobody']) l, LATERAL unnest(ARRAY[
	format('validate_ticket(%L)', t.secret), format('validate_ticket(%L, %s)', t.secret, m.event), format('validate_ticket(%L)', t.token),
	format('validate_ticket(%L)', gen_random_uuid())]) s;
SELECT is(pg_temp.run_as(l, format('SELECT concat_ws('' '', result, reason, ticket_id, event_id, attendee_name) FROM evently.check_in(%L%s)', s, e)),
	'INVALID UNKNOWN', format('%s: check_in(%s%s)', l, left(s, 9), e))
FROM theirs t, mine m, unnest(ARRAY['evently_test_organizer', 'evently_test_nobody']) l, LATERAL unnest(ARRAY[t.secret, t.token]) s,
	LATERAL unnest(ARRAY['', ', ' || m.event]) e;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT concat_ws('' '', result, reason, ticket_id, ticket_status) FROM evently.sync_check_ins(%s, ''dev'', %L)',
	m.event, jsonb_build_array(jsonb_build_object('scan_id', '1', 'token', s, 'scanned_at', now())))), 'INVALID UNKNOWN', 'sync_check_ins')
FROM theirs t, mine m, LATERAL unnest(ARRAY[t.secret, t.token]) s;
SELECT is(pg_temp.run_as(l, format('SELECT result FROM evently.check_in(%L)', m.secret)), 'ADMIT', l || ': its own ticket is admitted')
FROM mine m, unnest(ARRAY['evently_test_organizer', 'evently_test_nobody', 'evently_test_scanner', 'evently_test_app']) l;
SELECT is(pg_temp.run_as('evently_test_scanner', format('SELECT result FROM evently.check_in(%L, %s)', secret, event)), 'ADMIT', 'a door that is tied to nobody admits everywhere') FROM theirs;
SELECT is(pg_temp.run_as('evently_test_scanner', format('SELECT evently.undo_check_in(%s, ''x'')', used)), '42501 permission denied for function undo_check_in', 'but undoes nothing') FROM mine;

-- Rows with a ticket's secret in them come without it.
SELECT is(pg_temp.run_as(l, format('SELECT coalesce(qr_code::text, ''none'') FROM evently.%s', s)) ~ '^[0-9a-f-]{36}$', l = 'evently_test_app', format('%s: secret from %s', l, s))
FROM mine m, unnest(ARRAY['evently_test_organizer', 'evently_test_app']) l,
	LATERAL unnest(ARRAY[format('issue_comps(%s, ''[{"name": "Cy"}]'')', tier), format('undo_check_in(%s, ''x'')', used)]) s;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT t.ticket_id || t.status FROM evently.undo_check_in(%s, ''x'') t', used)), used || 'VALID', 'the rest of the row is whole') FROM mine;

-- Every relation that an organizer may read: whatever id is in it, it is its own.
CREATE TEMP TABLE seen AS
SELECT p.object_name AS relation, pg_temp.run_as('evently_test_organizer', format('SELECT jsonb_agg(to_jsonb(x)) FROM evently.%I x', p.object_name)) AS found
FROM evently.role_privileges p WHERE p.kind = 'organizer' AND p.object_type = 'TABLE' AND p.privilege = 'SELECT';
CREATE TEMP TABLE seen_id AS
SELECT s.relation, k.key, k.value::bigint AS id FROM (SELECT relation, jsonb_array_elements(found::jsonb) AS seen_row FROM seen WHERE found ~ '^\[') s,
	jsonb_each_text(s.seen_row) k WHERE k.key IN ('organizer_id', 'event_id', 'tier_id', 'order_id', 'ticket_id', 'booking_id') AND k.value IS NOT NULL;
CREATE TEMP VIEW owner_of AS
SELECT 'organizer_id' AS key, organizer_id AS id, organizer_id FROM evently.events
UNION SELECT 'event_id', event_id, organizer_id FROM evently.events
UNION SELECT 'tier_id', tier_id, organizer_id FROM evently.ticket_tiers JOIN evently.events USING (event_id)
UNION SELECT 'order_id', order_id, organizer_id FROM evently.orders JOIN evently.events USING (event_id)
UNION SELECT 'ticket_id', ticket_id, organizer_id FROM evently.tickets JOIN evently.events USING (event_id)
UNION SELECT 'booking_id', booking_id, organizer_id FROM evently.venue_bookings LEFT JOIN evently.events USING (event_id);
SELECT is_empty($$SELECT relation, found FROM seen WHERE found !~ '^\['$$, 'each can be read, and has something to show');
SELECT is_empty($$SELECT DISTINCT relation, key FROM seen_id LEFT JOIN owner_of USING (key, id) WHERE organizer_id IS DISTINCT FROM 101 ORDER BY 1, 2$$,
	'no relation shows what is another organizer''s');
SELECT is_empty($$SELECT relation FROM seen WHERE relation NOT IN (SELECT relation FROM seen_id) AND relation <> 'venues' AND relation <> 'venue_utilisation'$$, 'and each was told apart by an id');
SELECT is_empty($$SELECT relation FROM seen WHERE found ~ '(of 202|202@example|refund-202|pay-202)'$$, 'nor its words');
SELECT is_empty(format($$SELECT relation FROM seen WHERE found ~ '%s|%s'$$, (SELECT secret FROM mine), (SELECT split_part(token, '.', 3) FROM mine)), 'no secret, not even of its own');
SELECT is(pg_temp.run_as('evently_test_organizer', 'SELECT count(*) FROM evently.events'), '2', 'two events') ;
SELECT is(pg_temp.run_as('evently_test_app', 'SELECT count(*) FROM evently.events'), (SELECT count(*)::text FROM evently.events), 'an application sees all');

-- Direct changes: its own rows, the columns that it has.
SELECT is(pg_temp.run_as('evently_test_organizer', $$WITH u AS (UPDATE evently.events SET title = 'Mine', gate_tiers = NULL RETURNING event_id) SELECT array_agg(event_id ORDER BY event_id) FROM u$$),
	format('{%s,%s}', event, draft), 'an update of all events changes its own') FROM mine;
SELECT is(pg_temp.run_as('evently_test_organizer', $$WITH u AS (UPDATE evently.ticket_tiers SET price = 1, sale_end = NULL, max_per_order = 2 RETURNING tier_id) SELECT array_agg(tier_id) FROM u$$),
	format('{%s}', tier), 'and of all tiers') FROM mine;
SELECT is(pg_temp.run_as('evently_test_organizer', format($$WITH u AS (UPDATE evently.events SET title = 'x' WHERE event_id = %s RETURNING 1) SELECT count(*) FROM u$$, event)), '0', 'another''s is not there') FROM theirs;
SELECT is(pg_temp.run_as('evently_test_organizer', format('UPDATE evently.%s', s)), '42501 permission denied for table ' || regexp_replace(s, ' .*', ''), s)
FROM unnest(ARRAY['events SET organizer_id = 202', 'events SET status = ''ON_SALE''', 'events SET start_time = now()', 'events SET venue_id = 1', 'events SET currency = ''USD''',
	'ticket_tiers SET total_quantity = 1000', 'ticket_tiers SET held_back = 0', 'ticket_tiers SET event_id = 1', 'venues SET hire_rate = 0', 'tickets SET status = ''VALID''']) s;
SELECT is(pg_temp.run_as('evently_test_organizer', 'UPDATE evently.ticket_tiers SET price = -1'), '23514 value for domain evently.amount violates check constraint "amount_is_money"', 'the rules hold for it');
SELECT is(pg_temp.run_as('evently_test_organizer', 'SELECT count(*) FROM evently.organizer_tickets t JOIN evently.organizer_orders o USING (order_id)'), '4', 'its guest list');
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT buyer_email FROM evently.organizer_orders WHERE order_id = %s', paid)), '101@example.org', 'and who bought') FROM mine;

-- Being a reporter as well shows all, and changes nothing of what it may do.
SELECT evently.grant_role('evently_test_organizer', 'reporter') \g /dev/null
SELECT isnt(pg_temp.run_as('evently_test_organizer', 'SELECT count(*) FROM evently.tier_inventory'), '1', 'reports show all');
SELECT is(pg_temp.run_as('evently_test_organizer', $$WITH u AS (UPDATE evently.events SET title = 'Mine' RETURNING event_id) SELECT count(*) FROM u$$), '2', 'its events are still two');
SELECT is(pg_temp.run_as('evently_test_organizer', 'SELECT count(*) FROM evently.organizer_tickets'), '4', 'and its guests four');
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT evently.publish_event(%s)', draft)), format('P0002 event %s does not exist', draft), 'functions refuse as before') FROM theirs;
SELECT evently.revoke_role('evently_test_organizer', 'reporter') \g /dev/null
SELECT evently.grant_role('evently_test_organizer', 'scanner', 202) \g /dev/null
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT result FROM evently.check_in(%L, %s)', secret, event)), 'ADMIT', 'a door of another organizer, it admits there') FROM theirs;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT evently.pause_sale(%s)', event)), format('P0002 event %s does not exist', event), 'and manages nothing there') FROM theirs;
SELECT is(pg_temp.run_as('evently_test_organizer', 'SELECT count(*) FROM evently.events'), '2', 'nor sees anything') FROM theirs;
SELECT evently.grant_role('evently_test_organizer', 'scanner') \g /dev/null
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT result FROM evently.check_in(%L, %s)', secret, event)), 'ADMIT', 'being a door as well, it admits everywhere') FROM theirs;
SELECT is(pg_temp.run_as('evently_test_organizer', format('SELECT evently.undo_check_in(%s, ''x'')', used)), format('P0002 ticket %s does not exist', used), 'and manages its own') FROM theirs;

-- A right to execute, without a grant, is no right to act.
GRANT USAGE ON SCHEMA evently TO evently_test_jobs;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA evently TO evently_test_jobs;
SELECT is(pg_temp.run_as('evently_test_jobs', 'SELECT ' || format(statement, (SELECT to_jsonb(m) ->> what FROM mine m))), '42501 permission denied for this session', function || ' without a role')
FROM call WHERE statement !~ 'SELECT';
SELECT is(pg_temp.run_as('evently_test_jobs', format('SELECT evently.%s(%L)', f, m.secret)), '42501 permission denied for this session', f || ' at any door, without a role')
FROM mine m, unnest(ARRAY['check_in', 'validate_ticket']) f;

SELECT * FROM finish();
ROLLBACK;
