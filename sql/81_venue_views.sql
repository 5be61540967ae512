/*
 * Views of the venues' business; 82_ says how all views are made. Hours are
 * elapsed hours; local times are the venue's. A login tied to an organizer sees
 * the bookings of its events, and of a venue's time what these take.
 */
CREATE VIEW evently.venue_calendar WITH (security_barrier) AS
SELECT b.venue_id, v.name AS venue_name, v.timezone, b.booking_id, b.status,
	b.event_id, e.title AS event_title, e.status AS event_status,
	b.start_time, b.end_time,
	lower(b.occupied) AS occupied_from, upper(b.occupied) AS occupied_until,
	e.start_time AS event_start, e.end_time AS event_end,
	b.start_time AT TIME ZONE v.timezone AS start_time_local,
	b.end_time AT TIME ZONE v.timezone AS end_time_local,
	lower(b.occupied) AT TIME ZONE v.timezone AS occupied_from_local,
	upper(b.occupied) AT TIME ZONE v.timezone AS occupied_until_local,
	e.start_time AT TIME ZONE v.timezone AS event_start_local,
	e.end_time AT TIME ZONE v.timezone AS event_end_local,
	e.organizer_id
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
LEFT JOIN evently.events e ON e.event_id = b.event_id
WHERE b.status <> 'CANCELLED' AND ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.venue_calendar IS 'What each venue is booked for, as instants and in the venue''s local time';
COMMENT ON COLUMN evently.venue_calendar.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_calendar.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_calendar.timezone IS 'Time zone of the local times';
COMMENT ON COLUMN evently.venue_calendar.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_calendar.status IS 'REQUESTED or CONFIRMED';
COMMENT ON COLUMN evently.venue_calendar.event_id IS 'Event that it is booked for; null for a hire without one';
COMMENT ON COLUMN evently.venue_calendar.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.venue_calendar.event_status IS 'Status of the event; CANCELLED when the slot was kept';
COMMENT ON COLUMN evently.venue_calendar.start_time IS 'From when it is booked';
COMMENT ON COLUMN evently.venue_calendar.end_time IS 'Until when it is booked';
COMMENT ON COLUMN evently.venue_calendar.occupied_from IS 'From when it is taken, setup included';
COMMENT ON COLUMN evently.venue_calendar.occupied_until IS 'Until when it is taken, teardown included';
COMMENT ON COLUMN evently.venue_calendar.event_start IS 'When the event starts';
COMMENT ON COLUMN evently.venue_calendar.event_end IS 'When the event ends';
COMMENT ON COLUMN evently.venue_calendar.start_time_local IS 'start_time by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.end_time_local IS 'end_time by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.occupied_from_local IS 'occupied_from by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.occupied_until_local IS 'occupied_until by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.event_start_local IS 'event_start by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.event_end_local IS 'event_end by the venue''s clock';
COMMENT ON COLUMN evently.venue_calendar.organizer_id IS 'Organizer of the event';

/* A booking over the turn of a month counts in both, each with its part. */
CREATE VIEW evently.venue_utilisation WITH (security_barrier) AS
SELECT v.venue_id, v.name AS venue_name, m.month::date AS month,
	count(DISTINCT b.event_id) AS events,
	count(*) AS bookings,
	round(sum(h.booked), 2) AS booked_hours,
	round(coalesce(sum(h.occupied) FILTER (WHERE b.status = 'CONFIRMED'), 0), 2) AS occupied_hours,
	round(coalesce(sum(h.occupied) FILTER (WHERE b.status = 'REQUESTED'), 0), 2) AS requested_hours,
	round(p.hours, 2) AS month_hours,
	round(100 * coalesce(sum(h.occupied) FILTER (WHERE b.status = 'CONFIRMED'), 0) / p.hours, 1) AS percent_occupied
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
LEFT JOIN evently.events e ON e.event_id = b.event_id
CROSS JOIN LATERAL generate_series(
	date_trunc('month', lower(b.occupied) AT TIME ZONE v.timezone),
	date_trunc('month', (upper(b.occupied) - interval '1 microsecond') AT TIME ZONE v.timezone),
	interval '1 month') AS m(month)
CROSS JOIN LATERAL (SELECT m.month AT TIME ZONE v.timezone AS starts,
	(m.month + interval '1 month') AT TIME ZONE v.timezone AS ends) t
CROSS JOIN LATERAL (SELECT extract(epoch FROM t.ends - t.starts) / 3600 AS hours) p
CROSS JOIN LATERAL (SELECT
	extract(epoch FROM least(upper(b.occupied), t.ends) - greatest(lower(b.occupied), t.starts)) / 3600 AS occupied,
	greatest(extract(epoch FROM least(b.end_time, t.ends) - greatest(b.start_time, t.starts)), 0) / 3600 AS booked) h
WHERE b.status <> 'CANCELLED' AND ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]))
GROUP BY v.venue_id, m.month, p.hours;
COMMENT ON VIEW evently.venue_utilisation IS 'How far venues are taken, by month of their local time';
COMMENT ON COLUMN evently.venue_utilisation.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_utilisation.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_utilisation.month IS 'First day of the month';
COMMENT ON COLUMN evently.venue_utilisation.events IS 'Events that it is booked for in the month';
COMMENT ON COLUMN evently.venue_utilisation.bookings IS 'Bookings that take time of the month, REQUESTED ones included';
COMMENT ON COLUMN evently.venue_utilisation.booked_hours IS 'Hours booked, without setup and teardown';
COMMENT ON COLUMN evently.venue_utilisation.occupied_hours IS 'Hours taken by CONFIRMED bookings, setup and teardown included';
COMMENT ON COLUMN evently.venue_utilisation.requested_hours IS 'Hours taken by REQUESTED bookings, setup and teardown included';
COMMENT ON COLUMN evently.venue_utilisation.month_hours IS 'Hours of the month: one less or more when the clocks change';
COMMENT ON COLUMN evently.venue_utilisation.percent_occupied IS 'occupied_hours in percent of month_hours';

/* Hire is for the time taken, setup and teardown included: nobody else can have it. */
CREATE VIEW evently.venue_invoice_lines WITH (security_barrier) AS
SELECT l.booking_id, row_number() OVER (PARTITION BY l.booking_id ORDER BY l.addon_id NULLS FIRST) AS line_no,
	l.type, l.description, l.quantity, l.unit_price, l.amount, l.currency,
	l.event_id, e.organizer_id
FROM (
	SELECT b.booking_id, b.event_id, NULL::bigint AS addon_id, 'HIRE' AS type,
		format('Hire from %s to %s',
			to_char(lower(b.occupied) AT TIME ZONE v.timezone, 'YYYY-MM-DD HH24:MI'),
			to_char(upper(b.occupied) AT TIME ZONE v.timezone, 'YYYY-MM-DD HH24:MI')) AS description,
		round(h.hours, 4) AS quantity, b.hire_rate::numeric AS unit_price,
		round(h.hours * b.hire_rate, 2) AS amount, v.currency::text AS currency
	FROM evently.venue_bookings b
	JOIN evently.venues v ON v.venue_id = b.venue_id
	CROSS JOIN LATERAL (SELECT extract(epoch FROM upper(b.occupied) - lower(b.occupied)) / 3600 AS hours) h
	WHERE b.status <> 'CANCELLED'
	UNION ALL
	SELECT a.booking_id, b.event_id, a.addon_id, a.type, a.description, 1, a.cost, a.cost, v.currency
	FROM evently.venue_booking_addons a
	JOIN evently.venue_bookings b ON b.booking_id = a.booking_id AND b.status <> 'CANCELLED'
	JOIN evently.venues v ON v.venue_id = b.venue_id) l
LEFT JOIN evently.events e ON e.event_id = l.event_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.venue_invoice_lines IS 'What a booking costs, line by line; a cancelled booking costs nothing';
COMMENT ON COLUMN evently.venue_invoice_lines.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_invoice_lines.line_no IS 'Number of the line: 1 is the hire';
COMMENT ON COLUMN evently.venue_invoice_lines.type IS 'HIRE, or the type of the add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.description IS 'What it is for; times are the venue''s local times';
COMMENT ON COLUMN evently.venue_invoice_lines.quantity IS 'Hours of hire, setup and teardown included; 1 for an add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.unit_price IS 'Hire for an hour, or the cost of the add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.amount IS 'What the line costs, hire rounded to cents';
COMMENT ON COLUMN evently.venue_invoice_lines.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.venue_invoice_lines.event_id IS 'Event that the venue is booked for; null for a hire without one';
COMMENT ON COLUMN evently.venue_invoice_lines.organizer_id IS 'Organizer of the event';

CREATE VIEW evently.venue_invoices WITH (security_barrier) AS
SELECT b.booking_id, b.venue_id, v.name AS venue_name, b.event_id, e.title AS event_title, e.organizer_id,
	b.status, b.start_time, b.end_time,
	coalesce(l.hire, 0) AS hire, coalesce(l.addons, 0) AS addons, coalesce(l.total, 0) AS total,
	b.deposit_required::numeric AS deposit_required, b.deposit_paid::numeric AS deposit,
	CASE WHEN b.status = 'REQUESTED' THEN b.deposit_required - b.deposit_paid ELSE 0 END AS deposit_due,
	b.deposit_due_at,
	coalesce(p.to_return, 0) AS deposit_to_return, coalesce(p.returned, 0) AS deposit_returned,
	coalesce(l.total, 0) - b.deposit_paid + coalesce(p.to_return, 0) + coalesce(p.returned, 0) AS balance,
	v.currency::text AS currency,
	v.timezone, b.start_time AT TIME ZONE v.timezone AS start_time_local, b.end_time AT TIME ZONE v.timezone AS end_time_local
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
LEFT JOIN evently.events e ON e.event_id = b.event_id
LEFT JOIN LATERAL (
	SELECT sum(i.amount) FILTER (WHERE i.line_no = 1) AS hire,
		sum(i.amount) FILTER (WHERE i.line_no > 1) AS addons,
		sum(i.amount) AS total
	FROM evently.venue_invoice_lines i WHERE i.booking_id = b.booking_id) l ON true
LEFT JOIN LATERAL (
	SELECT sum(y.amount) FILTER (WHERE y.status = 'RETURN_DUE') AS to_return,
		sum(y.amount) FILTER (WHERE y.status = 'RETURNED') AS returned
	FROM evently.booking_payments y WHERE y.booking_id = b.booking_id) p ON true
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.venue_invoices IS 'What each booking costs, what was paid of it, and what is left';
COMMENT ON COLUMN evently.venue_invoices.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_invoices.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_invoices.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_invoices.event_id IS 'Event that it is booked for; null for a hire without one';
COMMENT ON COLUMN evently.venue_invoices.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.venue_invoices.organizer_id IS 'Organizer of the event: who pays';
COMMENT ON COLUMN evently.venue_invoices.status IS 'REQUESTED, CONFIRMED or CANCELLED';
COMMENT ON COLUMN evently.venue_invoices.start_time IS 'From when it is booked';
COMMENT ON COLUMN evently.venue_invoices.end_time IS 'Until when it is booked';
COMMENT ON COLUMN evently.venue_invoices.hire IS 'Hire: hours taken, setup and teardown included, at the booking''s rate; 0 when cancelled';
COMMENT ON COLUMN evently.venue_invoices.addons IS 'Sum of the add-ons; 0 when cancelled';
COMMENT ON COLUMN evently.venue_invoices.total IS 'hire plus addons';
COMMENT ON COLUMN evently.venue_invoices.deposit_required IS 'Deposit that confirms the booking';
COMMENT ON COLUMN evently.venue_invoices.deposit IS 'Deposit received';
COMMENT ON COLUMN evently.venue_invoices.deposit_due IS 'Deposit still to be paid for the booking to be confirmed';
COMMENT ON COLUMN evently.venue_invoices.deposit_due_at IS 'When an unpaid booking lapses';
COMMENT ON COLUMN evently.venue_invoices.deposit_to_return IS 'Deposit of a cancelled booking, to be returned';
COMMENT ON COLUMN evently.venue_invoices.deposit_returned IS 'Deposit of a cancelled booking that was returned';
COMMENT ON COLUMN evently.venue_invoices.balance IS 'Still to be paid: total less the deposit kept; below 0 when the deposit exceeds the total';
COMMENT ON COLUMN evently.venue_invoices.currency IS 'Currency of the amounts: the venue''s';
COMMENT ON COLUMN evently.venue_invoices.timezone IS 'Time zone of the local times';
COMMENT ON COLUMN evently.venue_invoices.start_time_local IS 'start_time by the venue''s clock';
COMMENT ON COLUMN evently.venue_invoices.end_time_local IS 'end_time by the venue''s clock';
