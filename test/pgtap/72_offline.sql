-- offline_manifest and sync_check_ins, one device at a time. What races is in
-- test/specs, the order of reports in 73_sync_order.
\ir include/fixtures.psql
\ir include/door.psql
SELECT * FROM no_plan();

SELECT event, tier, order_id FROM pg_temp.doors(9) \gset
SELECT pg_temp.ticket(:order_id) AS t1, pg_temp.ticket(:order_id, 2) AS t2, pg_temp.ticket(:order_id, 3) AS t3, pg_temp.ticket(:order_id, 4) AS t4 \gset
SELECT evently.assign_attendee(:t1, 'Zaphod Beeblebrox') \g /dev/null
SELECT pg_temp.scan(pg_temp.secret(:t1), :event, 'A', 'online') \g /dev/null
SELECT pg_temp.secret(:t2) AS s2, evently.secret_fingerprint(pg_temp.secret(:t2)::uuid) AS f2, evently.reissue_ticket(:t2, 'lost') \gset
SELECT evently.transfer_ticket(:t3, 'buyer@example.org', 'Bob', 'bob@example.org') \g /dev/null

-- The list.
SELECT evently.offline_manifest(:event) AS list \gset
SELECT is(:'list'::jsonb->'full', 'true', 'everything');
SELECT matches(:'list'::jsonb->>'version', '^[A-Za-z0-9_-]{12}\.[0-9]+$', 'has a version');
SELECT is(:'list'::jsonb->'keys', evently.event_jwks(:event), 'has the keys');
SELECT is(:'list'::jsonb->'tiers', format('[{"tier_id": %s, "name": "GENERAL"}]', :tier)::jsonb, 'has the tiers');
SELECT is((:'list'::jsonb->'event') - '{doors_open,doors_close}'::text[], format('{"event_id": %s, "title": "Tonight", "status": "ON_SALE", "gate_tiers": null}', :event)::jsonb, 'has the rules of the door');
SELECT results_eq(format('SELECT (t->>''ticket_id'')::bigint, t->>''fingerprint'', t->>''used_at'' IS NOT NULL FROM jsonb_array_elements(%L::jsonb->''tickets'') t ORDER BY 1', :'list'),
	format('SELECT ticket_id, evently.secret_fingerprint(qr_code), ticket_id = %s FROM evently.tickets WHERE event_id = %s AND status <> ''TRANSFERRED'' ORDER BY 1', :t1, :event),
	'has the fingerprint of every live ticket, and who is in');
SELECT is(:'list'::jsonb->'revocations'->0, format('{"fingerprint": %s, "ticket_id": %s, "reason": "REISSUED"}', to_jsonb(:'f2'::text), :t2)::jsonb, 'has the secrets that died');
SELECT is(jsonb_array_length(:'list'::jsonb->'revocations'), 2, 'all of them');
SELECT is((SELECT bool_or(:'list' LIKE '%' || qr_code || '%' OR :'list' LIKE '%' || replace(qr_code::text, '-', '') || '%') FROM evently.tickets), false, 'has no secrets');
SELECT is(:'list' ~* 'zaphod|example\.org|attendee', false, 'has no people');
SELECT is(:'list' LIKE '%' || evently.ticket_token(ticket_id) || '%', false, 'has no tokens') FROM evently.tickets WHERE ticket_id = :t1;
SELECT is(evently.secret_fingerprint('00112233-4455-6677-8899-aabbccddeeff'),
	rtrim(translate(encode(substr(sha256('\x00112233445566778899aabbccddeeff'), 1, 16), 'base64'), '+/', '-_'), '='), 'a fingerprint is what docs/offline.md says');
SELECT is(evently.offline_manifest(:event, :'list'::jsonb->>'version')->'full', 'false', 'with a version: changes only');
SELECT is(evently.offline_manifest(:event, 'AAAAAAAAAAAA.1')->'full', 'true', 'the version of another epoch: everything');
SELECT is(evently.offline_manifest(:event, split_part(:'list'::jsonb->>'version', '.', 1) || '.999999999999')->'full', 'true', 'a version from the future: everything');
SELECT pg_temp.refused(format('SELECT evently.offline_manifest(%s, %L)', :event, version), '22023', 'since_version is not a version', 'since ' || version)
FROM unnest(ARRAY['', '1', '.1', 'AAAAAAAAAAAA', 'AAAAAAAAAAAA.', 'AAAAAAAAAAAA.x', 'AAAAAAAAAAAA.-1', 'AAAAAAAAAAAA. 1', 'AAAAAAAAAAAAA.1',
	'AAAAAAAAAAAA.1.1', 'AAAAAAAAAAAA.99999999999999999999']) version;
SELECT pg_temp.refused('SELECT evently.offline_manifest(-1)', 'P0002', '%', 'no such event');
SELECT pg_temp.refused('SELECT evently.offline_manifest(NULL)', '22023', '%', 'no event');

-- Reports.
CREATE FUNCTION pg_temp.at(minutes numeric) RETURNS text
LANGUAGE sql AS $$ SELECT to_jsonb(now() + make_interval(secs => (minutes * 60)::float8))#>>'{}' $$;
CREATE FUNCTION pg_temp.report(event bigint, device text, scans text) RETURNS TABLE (said text)
LANGUAGE sql AS $$
	SELECT concat_ws(' ', scan_id, result, reason, CASE WHEN conflict THEN 'CONFLICT' END, 'entry ' || entry_device, entry_gate)
	FROM evently.sync_check_ins(event, device, scans::jsonb);
$$;
SELECT pg_temp.secret(:t4) AS s4, evently.ticket_token(:t4) AS token4 \gset
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-1'', %L)', :event, format('[{"scan_id": "a", "token": "%s", "scanned_at": "%s", "gate": "G1"}]', :'token4', pg_temp.at(-10))),
	$$VALUES ('a ADMIT entry dev-1 G1')$$, 'an offline entry, by token');
SELECT results_eq(format('SELECT status::text, check_in_time::timestamptz = now() - interval ''10 minutes'' FROM evently.tickets WHERE ticket_id = %s', :t4), $$VALUES ('USED', true)$$, 'the ticket is used since then');
SELECT pg_temp.fingerprint() AS before \gset
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-1'', %L)', :event, format('[{"scan_id": "a", "token": "%s", "scanned_at": "%s", "gate": "G2"}]', :'s2', pg_temp.at(-20))),
	$$VALUES ('a ADMIT entry dev-1 G1')$$, 'reported again, the first report counts');
SELECT is(pg_temp.fingerprint(), :'before', 'and nothing changes');
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-2'', %L)', :event, format('[{"scan_id": "a", "token": "%s", "scanned_at": "%s", "gate": "G2"}]', :'s4', pg_temp.at(-5))),
	$$VALUES ('a ALREADY_ADMITTED CONFLICT entry dev-1 G1')$$, 'another device, later: a conflict');
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-1'', ''[]'')', :event), $$VALUES ('a ADMIT CONFLICT entry dev-1 G1')$$, 'of which the first device hears too');
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-3'', %L)', :event, format('[{"scan_id": "z", "ticket_id": %s, "fingerprint": "%s", "scanned_at": "%s"}]', :t4, evently.secret_fingerprint(:'s4'), pg_temp.at(-15))),
	$$VALUES ('z ADMIT CONFLICT entry dev-3')$$, 'an earlier one, by ticket and fingerprint: takes the entry');
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, %L, ''[]'')', :event, device), format('VALUES (%L)', said), device || ' hears of it')
FROM (VALUES ('dev-1', 'a ALREADY_ADMITTED CONFLICT entry dev-3'), ('dev-2', 'a ALREADY_ADMITTED CONFLICT entry dev-3')) heard (device, said);
SELECT is((SELECT check_in_time = now() - interval '15 minutes' FROM evently.tickets WHERE ticket_id = :t4), true, 'the ticket is used since the earliest');
SELECT is_empty(format('SELECT * FROM pg_temp.report(%s, ''dev-4'', ''[]'')', :event), 'a device without conflicts hears nothing');

-- An entry online, and an earlier one offline.
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-1'', %L)', :event, format('[{"scan_id": "b", "token": "%s", "scanned_at": "%s"}]', pg_temp.secret(:t1), pg_temp.at(-1))),
	$$VALUES ('b ADMIT CONFLICT entry dev-1'), ('a ALREADY_ADMITTED CONFLICT entry dev-3')$$, 'earlier than the online entry: it holds the entry');
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''online'', ''[]'')', :event), $$VALUES ('ALREADY_ADMITTED CONFLICT entry dev-1')$$, 'the online gate can hear of it');
SELECT results_eq(format('SELECT result, first_device FROM evently.check_in(%L)', pg_temp.secret(:t1)), $$VALUES ('ALREADY_ADMITTED', 'dev-1')$$, 'and scans know the first entry');

-- Clocks.
SELECT pg_temp.ticket(:order_id, 5) AS t5, pg_temp.secret(pg_temp.ticket(:order_id, 5)) AS s5 \gset
SELECT results_eq(format('SELECT scan_id, result, scanned_at <= clock_timestamp() FROM evently.sync_check_ins(%s, ''fast'', %L)', :event, format('[{"scan_id": "1", "token": "%s", "scanned_at": "%s"}]', :'s5', pg_temp.at(600))),
	$$VALUES ('1', 'ADMIT', true)$$, 'a clock that is ahead is cut to the time of receipt');
SELECT results_eq(format('SELECT device_time = now() + interval ''10 hours'', scanned_at = received_at FROM evently.scans WHERE device = ''fast'''), 'VALUES (true, true)', 'and what it said is kept');
SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY';
CREATE TEMPORARY TABLE spellings AS
SELECT spelling FROM unnest(ARRAY['2026-05-01T18:03:11.25Z', '2026-05-01t18:03:11.250000z', '2026-05-01 18:03:11.25+00', '2026-05-01T20:33:11.25+02:30', '2026-05-01T16:03:11.250000999-02:00']) spelling;
SELECT evently.sync_check_ins(:event, 'times', jsonb_agg(jsonb_build_object('scan_id', spelling, 'token', 'x', 'scanned_at', spelling))) FROM spellings \g /dev/null
SELECT is((SELECT device_time FROM evently.scans WHERE device = 'times' AND device_scan_id = spelling), '2026-05-01 18:03:11.25+00'::timestamptz, 'time written as ' || spelling)
FROM spellings;
SELECT pg_temp.refused(format('SELECT evently.sync_check_ins(%s, ''times'', %L)', :event, jsonb_build_array(jsonb_build_object('scan_id', 'x', 'token', 'x', 'scanned_at', spelling))), '22023', '%', 'no time: ' || spelling)
FROM unnest(ARRAY['now', '', '2026-05-01', '2026-05-01T18:03:11', '2026-05-01T18:03Z', '2026-02-29T18:03:11Z', '2026-13-01T18:03:11Z', '2026-05-01T24:03:11Z', '2026-05-01T18:60:11Z', '2026-05-01T18:03:11.Z',
	'2026-05-01T18:03:11+24:00', '2026-05-01T18:03:11+02:30x', '0000-05-01T18:03:11Z', 'infinity', '2026-05-01T18:03:11Zulu', '01/05/2026 18:03:11Z']) spelling;
RESET timezone; RESET datestyle;

-- What is refused, by whom.
SELECT pg_temp.ticket(:order_id, 6) AS t6, pg_temp.secret(pg_temp.ticket(:order_id, 6)) AS s6, pg_temp.ticket(:order_id, 7) AS t7, pg_temp.secret(pg_temp.ticket(:order_id, 7)) AS s7,
	pg_temp.secret(:t3) AS s3 \gset
SELECT event AS other, order_id AS other_order FROM pg_temp.doors(1) \gset
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-5'', %L)', :event, jsonb_build_array(
		jsonb_build_object('scan_id', '1', 'token', 'x', 'scanned_at', pg_temp.at(-1)),
		jsonb_build_object('scan_id', '2', 'token', 'a.b.c', 'scanned_at', pg_temp.at(-1)),
		jsonb_build_object('scan_id', '3', 'token', pg_temp.secret(pg_temp.ticket(:other_order)), 'scanned_at', pg_temp.at(-1)),
		jsonb_build_object('scan_id', '4', 'token', :'s3', 'scanned_at', pg_temp.at(-9)),
		jsonb_build_object('scan_id', '5', 'token', :'s6', 'scanned_at', pg_temp.at(-1), 'result', 'INVALID'),
		jsonb_build_object('scan_id', '6', 'token', :'s6', 'scanned_at', pg_temp.at(-1), 'result', 'ALREADY_ADMITTED'),
		jsonb_build_object('scan_id', '7', 'ticket_id', :t6, 'fingerprint', :'f2', 'scanned_at', pg_temp.at(-1)),
		jsonb_build_object('scan_id', '8', 'ticket_id', -5, 'fingerprint', :'f2', 'scanned_at', pg_temp.at(-1)))),
	$$VALUES ('1 INVALID UNKNOWN CONFLICT'), ('2 INVALID BAD_SIGNATURE CONFLICT'), ('3 INVALID WRONG_EVENT CONFLICT'), ('4 INVALID TRANSFERRED CONFLICT'),
		('5 INVALID REFUSED_OFFLINE'), ('6 ALREADY_ADMITTED'), ('7 INVALID UNKNOWN CONFLICT'), ('8 INVALID UNKNOWN CONFLICT')$$, 'no entry, each for its reason; a conflict where somebody was let in');
SELECT is(pg_temp.ticket_status(:t6), 'VALID', 'what a device refused is no entry');

-- A ticket that ended meanwhile, or got a new secret.
SELECT evently.reissue_ticket(:t6, 'leaked') \g /dev/null
SELECT evently.refund_order(:order_id, 'back', ARRAY[:t7]) \g /dev/null
UPDATE evently.revocations SET revoked_at = now() - interval '10 minutes' WHERE ticket_id IN (:t6, :t7);
SELECT results_eq(format('SELECT scan_id, result, reason, conflict, ticket_status FROM evently.sync_check_ins(%s, ''dev-6'', %L) ORDER BY 1', :event, jsonb_build_array(
		jsonb_build_object('scan_id', '1', 'token', :'s7', 'scanned_at', pg_temp.at(-9)),
		jsonb_build_object('scan_id', '2', 'token', :'s7', 'scanned_at', pg_temp.at(-11)),
		jsonb_build_object('scan_id', '3', 'token', :'s6', 'scanned_at', pg_temp.at(-9)),
		jsonb_build_object('scan_id', '4', 'token', :'s6', 'scanned_at', pg_temp.at(-11)))),
	$$VALUES ('1', 'INVALID', 'REFUNDED', true, 'CANCELLED'), ('2', 'ADMIT', NULL, true, 'CANCELLED'),
		('3', 'INVALID', 'REISSUED', true, 'USED'), ('4', 'ADMIT', NULL, true, 'USED')$$, 'before the secret died: an entry, and the ticket''s state is told; after: none');
SELECT is(pg_temp.ticket_status(:t7), 'CANCELLED', 'a refunded ticket stays refunded');

-- Got a new secret, and was then handed over: the place is the new holder's.
SELECT pg_temp.ticket(:order_id, 9) AS t9, pg_temp.secret(pg_temp.ticket(:order_id, 9)) AS s9 \gset
SELECT evently.reissue_ticket(:t9, 'lost') \g /dev/null
SELECT evently.transfer_ticket(:t9, 'buyer@example.org', 'Bob', 'bob@example.org') \g /dev/null
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-8'', %L)', :event, format('[{"scan_id": "1", "token": "%s", "scanned_at": "%s"}]', :'s9', pg_temp.at(-1))),
	$$VALUES ('1 INVALID TRANSFERRED CONFLICT')$$, 'a scan of an older secret of a ticket that was transferred, from when it was alive');
SELECT is(pg_temp.ticket_status(:t9), 'TRANSFERRED', 'enters nobody');

-- Undone.
SELECT pg_temp.ticket(:order_id, 8) AS t8, pg_temp.secret(pg_temp.ticket(:order_id, 8)) AS s8 \gset
SELECT pg_temp.scan(:'s8', :event, 'A', 'online') \g /dev/null
SELECT evently.undo_check_in(:t8, 'wrong person') \g /dev/null
SELECT results_eq(format('SELECT * FROM pg_temp.report(%s, ''dev-7'', %L)', :event, format('[{"scan_id": "1", "token": "%s", "scanned_at": "%s"}]', :'s8', pg_temp.at(-1))),
	$$VALUES ('1 UNDONE')$$, 'a scan of before the undo is undone with it');
SELECT is(pg_temp.ticket_status(:t8), 'VALID', 'and does not enter the ticket again');

-- Arguments.
SELECT pg_temp.refused(format('SELECT evently.sync_check_ins(%s)', arguments), code, message, 'sync_check_ins(' || arguments || ')')
FROM (VALUES
	('-1, ''d'', ''[]''', 'P0002', '%'), ('NULL, ''d'', ''[]''', '22023', '%'), (:event || ', NULL, ''[]''', '22023', '%'), (:event || ', '' '', ''[]''', '22023', '%'),
	(:event || ', ''d'', NULL', '22023', '%'), (:event || ', ''d'', ''{}''', '22023', 'scans must be a jsonb array'), (:event || ', ''d'', ''[1]''', '22023', 'each scan must be an object'),
	(:event || ', ''d'', ''[{"token": "x", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "scan_id" is missing%'),
	(:event || ', ''d'', ''[{"scan_id": 1, "token": "x", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "scan_id" of a scan must be a string'),
	(:event || ', ''d'', ''[{"scan_id": "", "token": "x", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "scan_id" of a scan must not be empty'),
	(:event || ', ''d'', ''[{"scan_id": "1", "token": "x"}]''', '22023', 'member "scanned_at" is missing%'),
	(:event || ', ''d'', ''[{"scan_id": "1", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "fingerprint" is missing%'),
	(:event || ', ''d'', ''[{"scan_id": "1", "fingerprint": "x", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "ticket_id" is missing%'),
	(:event || ', ''d'', ''[{"scan_id": "1", "fingerprint": "x", "ticket_id": 1, "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "fingerprint" of a scan is not a fingerprint'),
	(:event || ', ''d'', ''[{"scan_id": "1", "token": "x", "ticket_id": 1, "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'a scan has either%'),
	(:event || ', ''d'', ''[{"scan_id": "1", "token": "x", "result": "admit", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'member "result" of a scan must be%'),
	(:event || ', ''d'', ''[{"scan_id": "1", "token": "x", "gat": "A", "scanned_at": "2026-05-01T18:03:11Z"}]''', '22023', 'unknown member "gat" in a scan'),
	(:event || ', ''d'', jsonb_build_array(jsonb_build_object(''scan_id'', repeat(''x'', 101), ''token'', ''x'', ''scanned_at'', ''2026-05-01T18:03:11Z''))', '22023', 'member "scan_id" of a scan must have 1 to 100 characters'))
	wrong (arguments, code, message);
SET evently.sync_max_scans = 1;
SELECT pg_temp.refused(format('SELECT evently.sync_check_ins(%s, ''d'', ''[{}, {}]'')', :event), '22023', 'scans has too many elements', 'more scans than evently.sync_max_scans');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
