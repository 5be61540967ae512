/*
 * verify()'s part for the door: entries, secrets, transfers, keys.
 */
CREATE FUNCTION evently.verify_door()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'entry', format('ticket %s', t.ticket_id),
	CASE WHEN s.scan_id IS NULL THEN 'USED, but no scan holds its entry'
		ELSE format('checked in at %s, but scan %s says %s', t.check_in_time, s.scan_id, s.scanned_at) END
FROM evently.tickets t
LEFT JOIN evently.scans s ON s.ticket_id = t.ticket_id AND s.result = 'ADMIT'
WHERE t.status = 'USED' AND s.scanned_at IS DISTINCT FROM t.check_in_time
UNION ALL
SELECT 'entry', format('scan %s', s.scan_id),
	format('holds the entry of ticket %s, which is %s', s.ticket_id,
		CASE WHEN t.event_id <> s.event_id THEN format('of event %s', t.event_id)
			ELSE coalesce(t.status, 'missing') END)
FROM evently.scans s LEFT JOIN evently.tickets t ON t.ticket_id = s.ticket_id
WHERE s.result = 'ADMIT'
	AND (t.ticket_id IS NULL OR t.status NOT IN ('USED', 'CANCELLED') OR t.event_id <> s.event_id)
UNION ALL
SELECT 'entry', format('ticket %s', s.ticket_id), format('%s scans hold its entry', count(*))
FROM evently.scans s WHERE s.result = 'ADMIT' GROUP BY s.ticket_id HAVING count(*) > 1
UNION ALL
SELECT 'entry', format('ticket %s', s.ticket_id),
	format('scan %s holds its entry, but scan %s came before it', s.scan_id, c.scan_id)
FROM evently.scans s
JOIN evently.scans c ON c.event_id = s.event_id AND c.ticket_id = s.ticket_id
	AND c.told = 'ADMIT' AND c.result <> 'ADMIT'
WHERE s.result = 'ADMIT' AND c.result = 'ALREADY_ADMITTED' AND c.scanned_at < s.scanned_at
UNION ALL
SELECT 'scan', format('scan %s', s.scan_id), format('of ticket %s, which does not exist', s.ticket_id)
FROM evently.scans s
WHERE s.ticket_id IS NOT NULL
	AND NOT EXISTS (SELECT FROM evently.tickets t WHERE t.ticket_id = s.ticket_id)
UNION ALL
SELECT 'scan', format('scan %s', s.scan_id), format('%s, told %s, with reason %s, ticket %s, event %s, undone at %s',
	s.result, s.told, s.reason, s.ticket_id, s.event_id, s.undone_at)
FROM evently.scans s
WHERE (s.result = 'INVALID') <> (s.reason IS NOT NULL)
	OR (s.result = 'UNDONE') <> (s.undone_at IS NOT NULL)
	OR (s.result = 'ADMIT' AND (s.told <> 'ADMIT' OR s.ticket_id IS NULL OR s.event_id IS NULL))
	OR (s.device_scan_id IS NOT NULL AND (s.event_id IS NULL OR s.device IS NULL OR s.device_time IS NULL))
	OR s.scanned_at > s.received_at OR s.told = 'UNDONE'
UNION ALL
SELECT 'secret', format('ticket %s', t.ticket_id), format('%s, but its secret was not revoked', t.status)
FROM evently.tickets t
WHERE t.status IN ('CANCELLED', 'TRANSFERRED')
	AND NOT EXISTS (SELECT FROM evently.revocations r
		WHERE r.fingerprint = evently.secret_fingerprint(t.qr_code) AND r.ticket_id = t.ticket_id)
UNION ALL
SELECT 'secret', format('ticket %s', t.ticket_id), format('%s, but its secret was revoked', t.status)
FROM evently.revocations r JOIN evently.tickets t ON t.ticket_id = r.ticket_id
WHERE t.status IN ('VALID', 'USED') AND evently.secret_fingerprint(t.qr_code) = r.fingerprint
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id), 'TRANSFERRED, but no ticket took its place'
FROM evently.tickets t
WHERE t.status = 'TRANSFERRED'
	AND NOT EXISTS (SELECT FROM evently.tickets n WHERE n.transferred_from = t.ticket_id)
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id),
	CASE WHEN f.transferred_from IS NOT NULL THEN 'the second transfer of its line'
		ELSE format('of another order, event or tier than ticket %s', f.ticket_id) END
FROM evently.tickets t JOIN evently.tickets f ON f.ticket_id = t.transferred_from
WHERE f.transferred_from IS NOT NULL
	OR (f.order_id, f.event_id, f.tier_id) <> (t.order_id, t.event_id, t.tier_id)
UNION ALL
SELECT 'key', format('key %s', p.kid), 'retired, but its private half was kept'
FROM evently.event_private_keys p JOIN evently.event_keys k ON k.kid = p.kid
WHERE k.retired_at IS NOT NULL
UNION ALL
SELECT 'gate', format('event %s', e.event_id), format('gate %s names tier %s, which is not of the event', g.gate, i.tier)
FROM evently.events e
CROSS JOIN LATERAL jsonb_each(e.gate_tiers) AS g (gate, tiers)
CROSS JOIN LATERAL jsonb_array_elements_text(g.tiers) AS i (tier)
WHERE e.gate_tiers IS NOT NULL
	AND NOT EXISTS (SELECT FROM evently.ticket_tiers t
		WHERE t.event_id = e.event_id AND t.tier_id::text = i.tier);
END;
COMMENT ON FUNCTION evently.verify_door IS 'The part of verify() for entries, secrets, transfers, keys and gates';
