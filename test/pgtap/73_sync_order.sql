-- A property: however devices' reports are cut, shuffled and repeated, the state
-- at the end is the one that the rule of docs/offline.md gives.
\ir include/fixtures.psql
\ir include/door.psql
SELECT plan(6);
SELECT setseed(0.4711) \g /dev/null

-- What happened, by ticket 1 to 12 and minutes before now. A scan presents the
-- ticket's first secret or, if there was another since, its last.
CREATE TEMPORARY TABLE scan AS
SELECT 'dev-' || (1 + floor(random() * 4)) AS device, n::text AS scan_id,
	1 + floor(random() * 12)::integer AS ticket, 1 + floor(random() * 60)::integer AS minute,
	random() < 0.5 AS last_secret,
	(ARRAY['ADMIT', 'ADMIT', 'ADMIT', 'ADMIT', 'ALREADY_ADMITTED', 'INVALID'])[1 + floor(random() * 6)] AS told
FROM generate_series(1, 120) n;

-- The rule, spelled out once more: what each scan comes to, and who holds the entry.
-- Tickets 1 and 2 got a new secret 30 minutes ago, 3 and 4 were refunded then, 5 was
-- transferred, 6 and 7 were admitted online 40 minutes ago and undone 30 minutes
-- ago, 8 and 9 were admitted online 20 minutes ago.
CREATE TEMPORARY VIEW claim AS
SELECT device, scan_id, ticket, minute, told,
	CASE
		WHEN ticket IN (1, 2) AND NOT last_secret AND minute <= 30 THEN 'INVALID REISSUED'
		WHEN ticket IN (3, 4) AND minute <= 30 THEN 'INVALID REFUNDED'
		WHEN ticket = 5 AND NOT last_secret THEN 'INVALID TRANSFERRED'
		WHEN told = 'INVALID' THEN 'INVALID REFUSED_OFFLINE'
		WHEN told = 'ALREADY_ADMITTED' THEN told
		WHEN ticket IN (6, 7) AND minute >= 30 THEN 'UNDONE'
	END AS settled,
	-- The transfer made ticket 5 two: the new one is the last secret's.
	CASE WHEN ticket = 5 AND last_secret THEN 13 ELSE ticket END AS of_ticket
FROM scan
UNION ALL
SELECT 'online', NULL, ticket, 20, 'ADMIT', NULL, ticket FROM unnest(ARRAY[8, 9]) ticket
UNION ALL
SELECT 'online', NULL, ticket, 40, 'ADMIT', 'UNDONE', ticket FROM unnest(ARRAY[6, 7]) ticket;
CREATE TEMPORARY TABLE expected AS
WITH judged AS (
	SELECT *, CASE WHEN settled IS NOT NULL THEN settled
		WHEN 1 = row_number() OVER (PARTITION BY of_ticket, settled ORDER BY minute DESC, device COLLATE "C", scan_id COLLATE "C") THEN 'ADMIT'
		ELSE 'ALREADY_ADMITTED' END AS result
	FROM claim)
SELECT (SELECT string_agg(concat_ws(' ', device, scan_id, result), E'\n' ORDER BY device, scan_id, of_ticket) FROM judged) AS scans,
	(SELECT string_agg(concat_ws(' ', t, CASE WHEN t IN (3, 4) THEN 'CANCELLED' WHEN t = 5 THEN 'TRANSFERRED' WHEN minute IS NULL THEN 'VALID' ELSE 'USED' END, minute), E'\n' ORDER BY t)
		FROM generate_series(1, 13) t LEFT JOIN (SELECT of_ticket, minute FROM judged WHERE result = 'ADMIT') entry ON of_ticket = t) AS tickets;

-- An event in which all that happened, but for the reports.
CREATE TEMPORARY TABLE trial_ticket (event bigint, n integer, ticket_id bigint, first_secret text, last_secret text);
CREATE FUNCTION pg_temp.prepare() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	new_event bigint;
	new_order bigint;
	id bigint;
	moved bigint;
BEGIN
	SELECT event, d.order_id INTO new_event, new_order FROM pg_temp.doors(12) d;
	INSERT INTO trial_ticket
	SELECT new_event, row_number() OVER (ORDER BY ticket_id), ticket_id, qr_code, qr_code
	FROM evently.tickets WHERE order_id = new_order;
	FOR id IN SELECT ticket_id FROM trial_ticket WHERE event = new_event AND n IN (1, 2) LOOP
		PERFORM evently.reissue_ticket(id, 'lost');
	END LOOP;
	PERFORM evently.refund_order(new_order, 'back-' || new_order,
		(SELECT array_agg(ticket_id) FROM trial_ticket WHERE event = new_event AND n IN (3, 4)));
	SELECT t.ticket_id INTO moved FROM trial_ticket o,
		evently.transfer_ticket(o.ticket_id, 'buyer@example.org', 'Bob', 'bob@example.org') t WHERE o.event = new_event AND o.n = 5;
	UPDATE evently.revocations SET revoked_at = now() - interval '30 minutes' WHERE event_id = new_event;
	UPDATE trial_ticket SET last_secret = pg_temp.secret(CASE n WHEN 5 THEN moved ELSE ticket_id END) WHERE event = new_event;
	INSERT INTO trial_ticket VALUES (new_event, 13, moved, NULL, NULL);

	FOR id IN SELECT ticket_id FROM trial_ticket WHERE event = new_event AND n IN (6, 7, 8, 9) ORDER BY n LOOP
		PERFORM evently.check_in(pg_temp.secret(id), device => 'online');
	END LOOP;
	FOR id IN SELECT ticket_id FROM trial_ticket WHERE event = new_event AND n IN (6, 7) LOOP
		PERFORM evently.undo_check_in(id, 'wrong person');
	END LOOP;
	UPDATE evently.scans SET scanned_at = now() - interval '40 minutes', undone_at = now() - interval '30 minutes' WHERE event_id = new_event AND undone_at IS NOT NULL;
	UPDATE evently.scans SET scanned_at = now() - interval '20 minutes' WHERE event_id = new_event AND result = 'ADMIT';
	UPDATE evently.tickets SET check_in_time = now() - interval '20 minutes' WHERE event_id = new_event AND status = 'USED';
	RETURN new_event;
END $$;

-- Report everything: in so many calls, each of a random handful of a device's
-- scans, until all have been reported; what was reported may come again.
CREATE FUNCTION pg_temp.report_all(trial bigint, handful integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	by_device text;
	calls bigint := 0;
BEGIN
	LOOP
		SELECT device INTO by_device FROM scan s
		WHERE NOT EXISTS (SELECT FROM evently.scans r WHERE r.event_id = trial AND r.device = s.device AND r.device_scan_id = s.scan_id)
		ORDER BY random() LIMIT 1;
		EXIT WHEN NOT FOUND;
		PERFORM evently.sync_check_ins(trial, by_device, (
			SELECT jsonb_agg(jsonb_build_object('scan_id', scan_id, 'result', told, 'scanned_at', now() - make_interval(mins => minute),
				'token', CASE WHEN r.last_secret THEN t.last_secret ELSE t.first_secret END) ORDER BY random())
			FROM (SELECT * FROM scan WHERE device = by_device ORDER BY random() LIMIT 1 + floor(random() * handful)) r
			JOIN trial_ticket t ON t.event = trial AND t.n = r.ticket));
		calls := calls + 1;
	END LOOP;
	RETURN calls;
END $$;

-- The state at the end of eight trials: from one scan in a call to all of a device's.
CREATE TEMPORARY TABLE trial AS
SELECT pg_temp.prepare() AS event, n, 0::bigint AS calls, NULL::text AS scans, NULL::text AS tickets
FROM unnest(ARRAY[1, 2, 4, 8, 16, 100, 100, 100]) n;
UPDATE trial SET calls = pg_temp.report_all(event, n);
UPDATE trial SET
	scans = (SELECT string_agg(concat_ws(' ', device, device_scan_id, result, reason), E'\n' ORDER BY device, device_scan_id, ticket_id)
		FROM evently.scans WHERE event_id = event),
	tickets = (SELECT string_agg(concat_ws(' ', k.n, t.status, extract(epoch FROM now() - t.check_in_time)::integer / 60), E'\n' ORDER BY k.n)
		FROM trial_ticket k JOIN evently.tickets t USING (ticket_id) WHERE k.event = trial.event);

SELECT cmp_ok((SELECT max(calls) - min(calls) FROM trial), '>', 100::bigint, 'the trials were cut differently');
SELECT is((SELECT count(DISTINCT scans) + count(DISTINCT tickets) FROM trial), 2::bigint, 'the same state in all trials');
SELECT is((SELECT scans FROM trial LIMIT 1), (SELECT scans FROM expected), 'of the scans: that of the rule');
SELECT is((SELECT tickets FROM trial LIMIT 1), (SELECT tickets FROM expected), 'of the tickets: that of the rule');
SELECT is((SELECT count(DISTINCT split_part(line, ' ', 3)) FROM expected, regexp_split_to_table(scans, E'\n') line WHERE line NOT LIKE 'online%'), 4::bigint, 'with all results in it');
SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
