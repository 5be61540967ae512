/*
 * The door, for reports: made like the views of 82_.
 *
 * Tickets and scans of an event are found by the event's index; nothing is kept
 * for these views, so a scan costs no more for them. Gates and devices are
 * labels of the organizer's; why an entry was undone is text that people type,
 * and left out. OFFSET 0 keeps the planner from joining a large event's scans with
 * all tickets there are.
 */
CREATE VIEW evently.check_in_progress WITH (security_barrier) AS
SELECT e.event_id, e.title AS event_title, e.organizer_id, k.tier_id, y.name AS tier_name, z.timezone,
	e.doors_open, e.doors_open AT TIME ZONE z.timezone AS doors_open_local,
	e.start_time, e.start_time AT TIME ZONE z.timezone AS start_time_local,
	k.tickets, k.admitted, k.tickets - k.admitted AS still_to_come,
	round(100.0 * k.admitted / k.tickets, 1) AS percent_admitted,
	k.admitted_last_15_min,
	k.first_entry, k.first_entry AT TIME ZONE z.timezone AS first_entry_local,
	k.last_entry, k.last_entry AT TIME ZONE z.timezone AS last_entry_local
FROM evently.events e
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
CROSS JOIN LATERAL (SELECT coalesce(v.timezone, 'UTC') AS timezone) z
CROSS JOIN LATERAL (
	SELECT x.tier_id, count(*) AS tickets,
		count(*) FILTER (WHERE x.status = 'USED') AS admitted,
		count(*) FILTER (WHERE x.status = 'USED' AND x.check_in_time > now() - interval '15 minutes') AS admitted_last_15_min,
		min(x.check_in_time::timestamptz) FILTER (WHERE x.status = 'USED') AS first_entry,
		max(x.check_in_time::timestamptz) FILTER (WHERE x.status = 'USED') AS last_entry
	FROM evently.tickets x
	WHERE x.event_id = e.event_id AND x.status IN ('VALID', 'USED')
	GROUP BY x.tier_id) k
LEFT JOIN evently.ticket_tiers y ON y.tier_id = k.tier_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.check_in_progress IS 'How many have entered, by event and tier that has tickets';
COMMENT ON COLUMN evently.check_in_progress.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.check_in_progress.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.check_in_progress.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.check_in_progress.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.check_in_progress.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.check_in_progress.timezone IS 'Time zone of the local times: the venue''s, or UTC';
COMMENT ON COLUMN evently.check_in_progress.doors_open IS 'When the doors open';
COMMENT ON COLUMN evently.check_in_progress.doors_open_local IS 'doors_open by the venue''s clock';
COMMENT ON COLUMN evently.check_in_progress.start_time IS 'When the event starts';
COMMENT ON COLUMN evently.check_in_progress.start_time_local IS 'start_time by the venue''s clock';
COMMENT ON COLUMN evently.check_in_progress.tickets IS 'Tickets that admit, or have';
COMMENT ON COLUMN evently.check_in_progress.admitted IS 'Of these, how many have';
COMMENT ON COLUMN evently.check_in_progress.still_to_come IS 'The others';
COMMENT ON COLUMN evently.check_in_progress.percent_admitted IS 'admitted in percent of tickets';
COMMENT ON COLUMN evently.check_in_progress.admitted_last_15_min IS 'How many entered in the last 15 minutes';
COMMENT ON COLUMN evently.check_in_progress.first_entry IS 'When the first entered';
COMMENT ON COLUMN evently.check_in_progress.first_entry_local IS 'first_entry by the venue''s clock';
COMMENT ON COLUMN evently.check_in_progress.last_entry IS 'When the last entered';
COMMENT ON COLUMN evently.check_in_progress.last_entry_local IS 'last_entry by the venue''s clock';

CREATE VIEW evently.scan_log WITH (security_barrier) AS
SELECT s.scan_id, s.event_id, e.title AS event_title, e.organizer_id, s.ticket_id, k.tier_id, y.name AS tier_name,
	s.result::text AS result, s.reason, s.told::text AS told, s.gate, s.device,
	CASE WHEN s.device_scan_id IS NULL THEN 'ONLINE' ELSE 'OFFLINE' END AS mode,
	z.timezone, s.scanned_at, s.scanned_at AT TIME ZONE z.timezone AS scanned_at_local,
	s.device_time, s.received_at,
	round(extract(epoch FROM s.received_at - s.scanned_at), 3) AS seconds_to_receipt,
	s.undone_at
FROM evently.scans s
LEFT JOIN evently.events e ON e.event_id = s.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
LEFT JOIN LATERAL (SELECT x.tier_id FROM evently.tickets x WHERE x.ticket_id = s.ticket_id OFFSET 0) k ON true
LEFT JOIN evently.ticket_tiers y ON y.tier_id = k.tier_id
CROSS JOIN LATERAL (SELECT coalesce(v.timezone, 'UTC') AS timezone) z
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.scan_log IS 'Every scan, online or offline, and what came of it';
COMMENT ON COLUMN evently.scan_log.scan_id IS 'Id of the scan';
COMMENT ON COLUMN evently.scan_log.event_id IS 'Event scanned for; null when it was not named and the token is unknown';
COMMENT ON COLUMN evently.scan_log.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.scan_log.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.scan_log.ticket_id IS 'Ticket scanned, the number that may be shown; null when the token is of none';
COMMENT ON COLUMN evently.scan_log.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.scan_log.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.scan_log.result IS 'As judged by all that is known now: ADMIT, ALREADY_ADMITTED, INVALID or UNDONE';
COMMENT ON COLUMN evently.scan_log.reason IS 'Why it is INVALID: UNKNOWN, WRONG_GATE, …';
COMMENT ON COLUMN evently.scan_log.told IS 'What the gate was told, or offline decided';
COMMENT ON COLUMN evently.scan_log.gate IS 'Gate';
COMMENT ON COLUMN evently.scan_log.device IS 'Device that scanned';
COMMENT ON COLUMN evently.scan_log.mode IS 'ONLINE or OFFLINE';
COMMENT ON COLUMN evently.scan_log.timezone IS 'Time zone of the local time: the venue''s, or UTC';
COMMENT ON COLUMN evently.scan_log.scanned_at IS 'Time of the scan: the device''s, but never later than its receipt';
COMMENT ON COLUMN evently.scan_log.scanned_at_local IS 'scanned_at by the venue''s clock';
COMMENT ON COLUMN evently.scan_log.device_time IS 'Time of an offline scan by the device''s clock';
COMMENT ON COLUMN evently.scan_log.received_at IS 'When it reached the database';
COMMENT ON COLUMN evently.scan_log.seconds_to_receipt IS 'From scanned_at to received_at';
COMMENT ON COLUMN evently.scan_log.undone_at IS 'When the entry was undone';
