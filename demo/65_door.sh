# Matchday: the doors open, the crowd comes in, and one gate loses the network
set -eu

psql <<'SQL'
-- Each stand has its gates. It is not the day of the match, so the doors open early.
UPDATE evently.events e
SET doors_open = now() - interval '1 hour', gate_tiers = g.gates
FROM demo.sold_out_match m
CROSS JOIN LATERAL (
	SELECT jsonb_object_agg(gate, jsonb_build_array(t.tier_id)) AS gates
	FROM demo.tiers t
	CROSS JOIN LATERAL unnest(CASE t.name WHEN 'GENERAL' THEN ARRAY['North', 'South', 'East']
		WHEN 'VIP' THEN ARRAY['Main'] ELSE ARRAY['Visitors'] END) gate
	WHERE t.match = m.match) g
WHERE e.event_id = m.event_id;

CREATE TABLE demo.arrivals AS
SELECT row_number() OVER () AS n, t.event_id, t.ticket_id, t.gate,
	CASE t.ticket_id % 2 WHEN 0 THEN t.secret ELSE evently.ticket_token(t.ticket_id) END AS shown
FROM (
	SELECT k.ticket_id, k.event_id, k.qr_code::text AS secret,
		CASE d.name WHEN 'VIP' THEN 'Main' WHEN 'AWAY' THEN 'Visitors'
			ELSE (ARRAY['North', 'South', 'East'])[1 + k.ticket_id % 3] END AS gate
	FROM demo.sold_out_match m
	JOIN evently.tickets k ON k.event_id = m.event_id AND k.status = 'VALID'
	JOIN demo.tiers d ON d.tier_id = k.tier_id
	ORDER BY hashint8(k.ticket_id) LIMIT 3000) t;
ALTER TABLE demo.arrivals ADD PRIMARY KEY (n);

-- The gate for visitors takes its list along, in case the network fails.
CREATE TABLE demo.device AS
SELECT evently.offline_manifest(event_id) AS list FROM demo.sold_out_match;
SELECT 'Visitors' AS gate, jsonb_array_length(list->'tickets') AS tickets,
	pg_size_pretty(length(list::text)::bigint) AS size, list->>'version' AS version
FROM demo.device;
SQL

arrivals=$(psql -At -c 'SELECT count(*) FROM demo.arrivals')
echo "  $arrivals people at the gates, 16 scanners"
pgbench -n -c 16 -j 2 -t $((arrivals / 8)) -D "arrivals=$arrivals" -f demo/scanner.pgbench >"$DEMO_LOG" 2>&1 ||
	{ cat "$DEMO_LOG" >&2; exit 1; }
sed -n 's/^tps = \([0-9]*\).*/  \1 scans a second/p' "$DEMO_LOG"

psql <<'SQL'
SELECT s.gate, count(*) AS scans, count(*) FILTER (WHERE s.result = 'ADMIT') AS admitted,
	count(*) FILTER (WHERE s.result = 'ALREADY_ADMITTED') AS "shown again",
	count(*) FILTER (WHERE s.result = 'INVALID') AS refused
FROM evently.scans s JOIN demo.sold_out_match USING (event_id)
GROUP BY s.gate ORDER BY s.gate;

\echo '  The gate for visitors is offline: it admits five by its list. Of these,'
\echo '  one was in already, by a copy shown ten minutes later at the online scanner'
\echo '  beside it; and one ticket was handed over after the list was fetched.'
CREATE TABLE demo.offline AS
SELECT row_number() OVER (ORDER BY t.status = 'VALID', t.ticket_id) AS n, t.ticket_id, t.event_id, o.buyer_email,
	evently.secret_fingerprint(t.qr_code) AS fingerprint, t.check_in_time
FROM demo.sold_out_match m
JOIN demo.tiers d ON d.match = m.match AND d.name = 'AWAY'
JOIN LATERAL (
	(SELECT * FROM evently.tickets WHERE tier_id = d.tier_id AND status = 'USED' ORDER BY ticket_id LIMIT 1)
	UNION ALL
	(SELECT * FROM evently.tickets WHERE tier_id = d.tier_id AND status = 'VALID' AND transferred_from IS NULL ORDER BY ticket_id LIMIT 4)) t ON true
JOIN evently.orders o USING (order_id);
SELECT FROM demo.offline CROSS JOIN LATERAL evently.transfer_ticket(ticket_id, buyer_email, 'Grace', 'grace@example.org')
WHERE n = 2 \g /dev/null

-- The network is back, and the device reports what it did.
SELECT CASE WHEN o.n = 1 THEN 'in before the copy' WHEN o.n = 2 THEN 'handed over' ELSE 'as it should be' END AS "who came",
	s.result, s.reason, s.ticket_status AS ticket, CASE WHEN s.conflict THEN 'CONFLICT' END AS " "
FROM (
	SELECT event_id, jsonb_agg(jsonb_build_object('scan_id', 'scan-' || n, 'ticket_id', ticket_id, 'fingerprint', fingerprint,
		'gate', 'Visitors', 'scanned_at', coalesce(check_in_time - interval '10 minutes', clock_timestamp()))) AS report
	FROM demo.offline GROUP BY event_id) r
CROSS JOIN LATERAL evently.sync_check_ins(r.event_id, 'scanner-offline', r.report) s
JOIN demo.offline o ON s.scan_id = 'scan-' || o.n
ORDER BY o.n;

\echo '  What it means to the scanner that had admitted the copy'
SELECT c.device, c.told AS "it was told", c.result AS "and by now", h.device AS "entry held by",
	to_char(c.scanned_at - h.scanned_at, 'MI "minutes before"') AS "which came"
FROM evently.scans c
JOIN demo.offline o ON o.ticket_id = c.ticket_id AND o.n = 1
JOIN evently.scans h ON h.ticket_id = c.ticket_id AND h.result = 'ADMIT'
WHERE c.told = 'ADMIT' AND c.result = 'ALREADY_ADMITTED';

SELECT ticket_id FROM evently.notifications n
CROSS JOIN LATERAL (SELECT (n.payload->>'ticket_id')::bigint AS ticket_id) t
WHERE n.kind = 'TICKET_RECEIVED' ORDER BY notification_id DESC LIMIT 1 \gset
\echo '  The ticket that Grace received, for the camera of a phone: ' :ticket_id
\pset format unaligned
\pset tuples_only on
SELECT evently.qr_text(evently.ticket_token(:ticket_id));
SQL
