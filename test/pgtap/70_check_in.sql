-- check_in, validate_ticket, undo_check_in: results, reasons, rules of the door.
\ir include/fixtures.psql
\ir include/door.psql
SELECT * FROM no_plan();

SELECT event, tier, order_id FROM pg_temp.doors(9) \gset
SELECT pg_temp.ticket(:order_id) AS t1, pg_temp.ticket(:order_id, 2) AS t2, pg_temp.ticket(:order_id, 3) AS t3,
	pg_temp.ticket(:order_id, 4) AS t4, pg_temp.ticket(:order_id, 5) AS t5 \gset
SELECT pg_temp.secret(:t1) AS s1, pg_temp.secret(:t2) AS s2, pg_temp.secret(:t3) AS s3,
	pg_temp.secret(:t4) AS s4, pg_temp.secret(:t5) AS s5, evently.ticket_token(:t1) AS token1,
	evently.ticket_token(:t2) AS token2 \gset
SELECT evently.assign_attendee(:t1, 'Ada') \g /dev/null

-- Once.
SELECT is(pg_temp.look(:'s1'), 'ADMIT', 'a look: the secret is good');
SELECT is(pg_temp.look(:'token1'), 'ADMIT', 'and the token');
SELECT is_empty('SELECT FROM evently.scans', 'looking records nothing');
SELECT results_eq(format('SELECT result, reason, ticket_id, event_id, tier_id, tier_name, attendee_name,
		first_scanned_at BETWEEN now() AND clock_timestamp(), first_gate, first_device
		FROM evently.check_in(%L, %s, ''North'', ''dev-1'')', :'token1', :event),
	format($$VALUES ('ADMIT', NULL::text, %s::bigint, %s::bigint, %s::bigint, 'GENERAL', 'Ada', true, 'North', 'dev-1')$$, :t1, :event, :tier),
	'admitted');
SELECT is(pg_temp.ticket_status(:t1), 'USED', 'the ticket is used');
SELECT results_eq(format('SELECT result, reason, ticket_id, tier_name, attendee_name, first_scanned_at = (SELECT check_in_time FROM evently.tickets WHERE ticket_id = %s), first_gate, first_device
		FROM evently.check_in(%L, %s, ''South'', ''dev-2'')', :t1, :'s1', :event),
	format($$VALUES ('ALREADY_ADMITTED', NULL::text, %s::bigint, 'GENERAL', 'Ada', true, 'North', 'dev-1')$$, :t1),
	'the second time, by the secret: already, with time and gate of the first');
SELECT is(pg_temp.scan(:'token1'), 'ALREADY_ADMITTED', 'and a third, by the token');
SELECT is(pg_temp.scan(upper(:'s2')), 'ADMIT', 'a secret in capitals is the same');
SELECT results_eq(format('SELECT result::text, told::text, reason, gate, device, event_id, device_scan_id, scanned_at = received_at FROM evently.scans WHERE ticket_id = %s ORDER BY scan_id', :t1),
	format($$VALUES ('ADMIT', 'ADMIT', NULL::text, 'North', 'dev-1', %s::bigint, NULL::text, true),
		('ALREADY_ADMITTED', 'ALREADY_ADMITTED', NULL, 'South', 'dev-2', %1$s, NULL, true),
		('ALREADY_ADMITTED', 'ALREADY_ADMITTED', NULL, NULL, NULL, %1$s, NULL, true)$$, :event),
	'each attempt is in scans');
SELECT throws_ok(format('INSERT INTO evently.scans (event_id, ticket_id, result, told, scanned_at, received_at, changed_xid)
		VALUES (%s, %s, ''ADMIT'', ''ADMIT'', now(), now(), ''1'')', :event, :t1),
	'23505', 'duplicate key value violates unique constraint "scans_entry"', 'a second entry cannot be written at all');

-- Nothing of ours.
SELECT is(pg_temp.scan(text), 'INVALID UNKNOWN', format('%L: unknown', left(text, 40)))
FROM unnest(ARRAY['', 'x', gen_random_uuid()::text, '{' || :'s3' || '}', :'s3' || ' ', replace(:'s3', '-', ''), left(:'s3', 35) || 'g',
	repeat('x', 100000)]) text;
SELECT is(pg_temp.scan('a.b.c'), 'INVALID BAD_SIGNATURE', 'three parts that mean nothing');
SELECT pg_temp.refused('SELECT evently.check_in(NULL)', '22023', 'token must not be null', 'no token at all');
SELECT pg_temp.refused('SELECT evently.validate_ticket(NULL)', '22023', 'token must not be null', 'nothing to look at');
SELECT is((SELECT count(*)::integer FROM evently.scans WHERE ticket_id IS NULL AND event_id IS NULL), 9, 'they are recorded too');

-- The event.
SELECT event AS other FROM pg_temp.doors(1) \gset
SELECT results_eq(format('SELECT result, reason, ticket_id, tier_name, attendee_name FROM evently.check_in(%L, %s)', :'s3', :other),
	format($$VALUES ('INVALID', 'WRONG_EVENT', %s::bigint, NULL::text, NULL::text)$$, :t3), 'a ticket of another event: refused, and its holder not told');
SELECT is(pg_temp.scan(:'s1', :other), 'INVALID WRONG_EVENT', 'also when it is used');
SELECT is(pg_temp.scan(:'s3', 0), 'INVALID WRONG_EVENT', 'event 0 is not any event');
SELECT is(pg_temp.look(:'s3', :event), 'ADMIT', 'still good at its own');

-- The doors.
UPDATE evently.events SET doors_open = now() + interval '1 minute' WHERE event_id = :event;
SELECT is(pg_temp.scan(:'s3'), 'INVALID NOT_YET_OPEN', 'before the doors open');
SELECT is(pg_temp.scan(:'s1'), 'ALREADY_ADMITTED', 'who is in, is in');
UPDATE evently.events SET doors_open = now() - interval '3 hours', start_time = now() - interval '2 hours' WHERE event_id = :event;
SELECT is(pg_temp.look(:'s3'), 'ADMIT', 'until its end, unless said otherwise');
UPDATE evently.events SET last_admission = interval '2 hours' WHERE event_id = :event;
SELECT is(pg_temp.scan(:'s3'), 'INVALID EVENT_OVER', 'after the last admission');
UPDATE evently.events SET last_admission = interval '121 minutes' WHERE event_id = :event;
SELECT is(pg_temp.look(:'s3'), 'ADMIT', 'before it');
UPDATE evently.events SET last_admission = NULL, end_time = now() WHERE event_id = :event;
SELECT is(pg_temp.scan(:'s3'), 'INVALID EVENT_OVER', 'after the end');
UPDATE evently.events SET start_time = now() + interval '1 hour', end_time = now() + interval '4 hours' WHERE event_id = :event;

-- The gates.
SELECT pg_temp.tier(:event, 10, 0, 'VIP') AS vip \gset
UPDATE evently.events SET gate_tiers = format('{"North": [%s], "VIP": [%s, %1$s], "Shut": []}', :tier, :vip)::jsonb WHERE event_id = :event;
SELECT is(pg_temp.look(:'s3', gate => 'North'), 'ADMIT', 'the gate of its tier');
SELECT is(pg_temp.look(:'s3', gate => 'VIP'), 'ADMIT', 'a gate of two tiers');
SELECT is(pg_temp.scan(:'s3', gate => gate), 'INVALID WRONG_GATE', 'gate ' || coalesce(gate, 'not named'))
FROM unnest(ARRAY['Shut', 'Nroth', 'north', '', NULL]) gate;
UPDATE evently.events SET gate_tiers = format('{"North": [%s]}', :vip)::jsonb WHERE event_id = :event;
SELECT is(pg_temp.scan(:'s3', gate => 'North'), 'INVALID WRONG_GATE', 'a gate of another tier');
SELECT throws_ok(format('UPDATE evently.events SET gate_tiers = %L WHERE event_id = %s', wrong, :event), '23514', NULL, 'gate_tiers cannot be ' || wrong)
FROM unnest(ARRAY['[]', '1', '{"A": 1}', '{"A": ["1"]}', '{"A": [[1]]}', '{"A": null}']) wrong;
SELECT throws_ok(format('UPDATE evently.events SET last_admission = %L WHERE event_id = %s', wrong, :event), '23514', NULL, 'last_admission cannot be ' || wrong)
FROM unnest(ARRAY['-1 second', '61 days']) wrong;
UPDATE evently.events SET gate_tiers = '{"A": [-1]}' WHERE event_id = :event;
SELECT results_eq('SELECT check_name, object, detail FROM evently.verify()',
	format($$VALUES ('gate', 'event %s', 'gate A names tier -1, which is not of the event')$$, :event), 'verify() knows a gate for a tier of no event');
UPDATE evently.events SET gate_tiers = NULL WHERE event_id = :event;

-- Secrets that died.
SELECT evently.refund_order(:order_id, 'back', ARRAY[:t2, :t3]) \g /dev/null
SELECT is(pg_temp.scan(pg_temp.secret(ticket)), 'INVALID REFUNDED', 'refunded, used or not') FROM unnest(ARRAY[:t2, :t3]) ticket;
SELECT is(pg_temp.scan(:'token2'), 'INVALID REFUNDED', 'and its token');
SELECT evently.transfer_ticket(:t4, 'buyer@example.org', 'Bob', 'bob@example.org') \g /dev/null
SELECT is(pg_temp.scan(:'s4'), 'INVALID TRANSFERRED', 'transferred');
SELECT evently.ticket_token(:t5) AS token5, evently.reissue_ticket(:t5, 'lost') \gset
SELECT is(pg_temp.scan(:'s5'), 'INVALID REISSUED', 'reissued');
SELECT is(pg_temp.scan(:'token5'), 'INVALID REISSUED', 'and its token');
SELECT is(pg_temp.scan(pg_temp.secret(:t5)), 'ADMIT', 'the new secret is good');

-- States of the event.
SELECT pg_temp.secret(pg_temp.ticket(:order_id, 6)) AS s6 \gset
SELECT evently.complete_event(:event) \g /dev/null
SELECT is(pg_temp.scan(:'s6'), 'INVALID EVENT_OVER', 'a completed event admits nobody');
SELECT event, order_id FROM pg_temp.doors(2) \gset
SELECT pg_temp.secret(pg_temp.ticket(:order_id)) AS s1, pg_temp.secret(pg_temp.ticket(:order_id, 2)) AS s2 \gset
SELECT is(pg_temp.scan(:'s1'), 'ADMIT', 'somebody enters');
SELECT evently.pause_sale(:event) \g /dev/null
SELECT is(pg_temp.look(:'s2'), 'ADMIT', 'a paused sale is not the door''s business');
SELECT evently.cancel_event(:event, 'storm') \g /dev/null
SELECT is(pg_temp.scan(secret), 'INVALID CANCELLED', 'cancelled, used or not') FROM unnest(ARRAY[:'s1', :'s2']) secret;
SELECT pg_temp.draft() AS event \gset
SELECT pg_temp.tier(:event, 10, 0, held_back => 5) AS tier \gset
UPDATE evently.events SET doors_open = now() - interval '1 hour' WHERE event_id = :event;
SELECT qr_code AS comp FROM evently.issue_comps(:tier, '[{"name": "Guest"}]') \gset
SELECT is(pg_temp.scan(:'comp'), 'INVALID NOT_YET_OPEN', 'a draft admits nobody');
SELECT pg_temp.open(:event);
SELECT is(pg_temp.scan(:'comp'), 'ADMIT', 'a guest, once it is published');

-- Undo.
SELECT event, order_id FROM pg_temp.doors(2) \gset
SELECT pg_temp.ticket(:order_id) AS t1 \gset
SELECT pg_temp.secret(:t1) AS s1 \gset
SELECT pg_temp.refused(format('SELECT evently.undo_check_in(%s, ''why'')', :t1), 'TK006', 'ticket % is not checked in', 'nothing to undo');
SELECT pg_temp.scan(:'s1', :event, 'A') \g /dev/null
SELECT pg_temp.refused('SELECT evently.undo_check_in(' || arguments || ')', code, '%', 'undo_check_in(' || arguments || ')')
FROM (VALUES (:t1 || ', NULL', '22023'), (:t1 || ', '' ''', '22023'), ('NULL, ''x''', '22023'), ('-1, ''x''', 'P0002')) wrong (arguments, code);
SELECT results_eq(format('SELECT ticket_id, status::text, check_in_time::timestamptz FROM evently.undo_check_in(%s, ''wrong person'')', :t1),
	format($$VALUES (%s::bigint, 'VALID', NULL::timestamptz)$$, :t1), 'undone: the ticket is valid again');
SELECT results_eq(format('SELECT result::text, told::text, undo_reason, undone_at BETWEEN now() AND clock_timestamp() FROM evently.scans WHERE ticket_id = %s', :t1),
	$$VALUES ('UNDONE', 'ADMIT', 'wrong person', true)$$, 'its scan stays, with the reason');
SELECT is(pg_temp.scan(:'s1', :event, 'B'), 'ADMIT', 'it may enter again');
SELECT is((SELECT first_gate FROM evently.check_in(:'s1')), 'B', 'and that is the entry now');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
