/*
 * How things stand: lines, holds, messages, jobs, what sells. For reports and for
 * monitoring; made like the views of 82_. outbox_status and job_status are about
 * no organizer's events, and leave nothing out.
 */
CREATE VIEW evently.waitlist_status WITH (security_barrier) AS
SELECT l.tier_id, t.event_id, t.name,
	w.waiting, w.waiting_tickets, w.waiting_since,
	o.offers_open, o.tickets_offered, o.next_lapse,
	l.gathering, CASE WHEN l.gathering > 0 THEN l.gather_until END AS gathering_until,
	n.joined, n.claimed, n.lapsed, n.gone,
	e.title AS event_title, e.organizer_id
FROM evently.waitlist_lines l
JOIN evently.ticket_tiers t ON t.tier_id = l.tier_id
JOIN evently.events e ON e.event_id = t.event_id
CROSS JOIN LATERAL (
	SELECT count(*) AS waiting, coalesce(sum(x.quantity), 0) AS waiting_tickets,
		min(x.joined_at) AS waiting_since
	FROM evently.waitlist_entries x WHERE x.tier_id = l.tier_id AND x.status = 'WAITING') w
CROSS JOIN LATERAL (
	SELECT count(*) AS offers_open, coalesce(sum(x.quantity), 0) AS tickets_offered,
		min(x.expires_at) AS next_lapse
	FROM evently.waitlist_offers x WHERE x.tier_id = l.tier_id AND x.status = 'OPEN') o
CROSS JOIN LATERAL (
	SELECT count(*) AS joined, count(*) FILTER (WHERE x.status = 'CLAIMED') AS claimed,
		count(*) FILTER (WHERE x.status = 'LAPSED') AS lapsed,
		count(*) FILTER (WHERE x.status IN ('LEFT', 'CLOSED')) AS gone
	FROM evently.waitlist_entries x WHERE x.tier_id = l.tier_id) n
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.waitlist_status IS 'The line of each tier that somebody once waited for, without personal data';
COMMENT ON COLUMN evently.waitlist_status.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.waitlist_status.event_id IS 'Event of the tier';
COMMENT ON COLUMN evently.waitlist_status.name IS 'Name of the tier';
COMMENT ON COLUMN evently.waitlist_status.waiting IS 'How many wait';
COMMENT ON COLUMN evently.waitlist_status.waiting_tickets IS 'How many tickets they want';
COMMENT ON COLUMN evently.waitlist_status.waiting_since IS 'When the one who has waited longest joined';
COMMENT ON COLUMN evently.waitlist_status.offers_open IS 'Offers that may be claimed';
COMMENT ON COLUMN evently.waitlist_status.tickets_offered IS 'Tickets in them';
COMMENT ON COLUMN evently.waitlist_status.next_lapse IS 'When the first of them lapses';
COMMENT ON COLUMN evently.waitlist_status.gathering IS 'Tickets that gather for a group';
COMMENT ON COLUMN evently.waitlist_status.gathering_until IS 'Until when they do';
COMMENT ON COLUMN evently.waitlist_status.joined IS 'How many ever joined';
COMMENT ON COLUMN evently.waitlist_status.claimed IS 'How many of them claimed an offer';
COMMENT ON COLUMN evently.waitlist_status.lapsed IS 'How many let an offer lapse';
COMMENT ON COLUMN evently.waitlist_status.gone IS 'How many left, or found the line closed';
COMMENT ON COLUMN evently.waitlist_status.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.waitlist_status.organizer_id IS 'Organizer of the event';

CREATE VIEW evently.hold_expiry_lag WITH (security_barrier) AS
SELECT e.event_id, e.title AS event_title, e.organizer_id,
	h.holds, h.held_tickets, h.held_amount, e.currency::text AS currency,
	h.lapsed_holds, h.lapsed_tickets, h.oldest_lapse,
	coalesce(round(extract(epoch FROM clock_timestamp() - h.oldest_lapse), 3), 0) AS lag_seconds,
	h.next_lapse
FROM (
	SELECT o.event_id, count(*) AS holds, coalesce(sum(i.tickets), 0)::bigint AS held_tickets, sum(o.total_amount)::numeric AS held_amount,
		count(*) FILTER (WHERE o.expires_at <= clock_timestamp()) AS lapsed_holds,
		coalesce(sum(i.tickets) FILTER (WHERE o.expires_at <= clock_timestamp()), 0)::bigint AS lapsed_tickets,
		min(o.expires_at) FILTER (WHERE o.expires_at <= clock_timestamp()) AS oldest_lapse,
		min(o.expires_at) FILTER (WHERE o.expires_at > clock_timestamp()) AS next_lapse
	FROM evently.orders o
	CROSS JOIN LATERAL (SELECT sum(x.quantity) AS tickets
		FROM evently.order_items x WHERE x.order_id = o.order_id) i
	WHERE o.status = 'PENDING' GROUP BY o.event_id) h
JOIN evently.events e ON e.event_id = h.event_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.hold_expiry_lag IS 'Events with tickets held for payment: how much, and how long lapsed holds have been waiting for the sweep';
COMMENT ON COLUMN evently.hold_expiry_lag.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.hold_expiry_lag.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.hold_expiry_lag.organizer_id IS 'Organizer of the event';
COMMENT ON COLUMN evently.hold_expiry_lag.holds IS 'Unpaid orders, lapsed ones included';
COMMENT ON COLUMN evently.hold_expiry_lag.held_tickets IS 'Tickets in them';
COMMENT ON COLUMN evently.hold_expiry_lag.held_amount IS 'What they would cost';
COMMENT ON COLUMN evently.hold_expiry_lag.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.hold_expiry_lag.lapsed_holds IS 'Of the holds, those whose time is over';
COMMENT ON COLUMN evently.hold_expiry_lag.lapsed_tickets IS 'Tickets in these';
COMMENT ON COLUMN evently.hold_expiry_lag.oldest_lapse IS 'When the first of them lapsed; null: none has';
COMMENT ON COLUMN evently.hold_expiry_lag.lag_seconds IS 'Seconds since then; 0 when none has lapsed';
COMMENT ON COLUMN evently.hold_expiry_lag.next_lapse IS 'When the next one lapses';

/* The ids come as arrays, so that the few rows are looked up by their keys (see 78_). */
CREATE VIEW evently.trending WITH (security_barrier) AS
SELECT s.event_id, e.title, e.start_time, s.tickets,
	e.start_time AT TIME ZONE coalesce(v.timezone, 'UTC') AS start_time_local, coalesce(v.timezone, 'UTC') AS timezone,
	e.organizer_id
FROM (
	SELECT x.event_id, sum(x.tickets)::bigint AS tickets
	FROM (
		SELECT h.event_id, h.tickets FROM evently.sales_hourly h
		WHERE h.hour >= date_trunc('hour', now(), 'UTC') - interval '24 hours'
		UNION ALL
		SELECT k.event_id, 1 FROM evently.tickets k
		JOIN evently.orders o ON o.order_id = k.order_id AND o.channel = 'SALE'
		WHERE k.ticket_id = ANY (ARRAY(SELECT t.ticket_id FROM evently.tickets t
				WHERE t.ticket_id > coalesce((SELECT p.ticket_id FROM evently.sales_progress p), 0)
					AND t.ticket_id <= (SELECT max(m.ticket_id) FROM evently.tickets m)))
			AND k.issued_at > now() - interval '24 hours' AND k.transferred_from IS NULL) x
	GROUP BY x.event_id) s
JOIN evently.events e ON e.event_id = s.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
WHERE ((SELECT evently.session_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.session_organizers())::bigint[]));
COMMENT ON VIEW evently.trending IS 'Tickets sold in the last 24 hours by event, true to the last confirmed order';
COMMENT ON COLUMN evently.trending.event_id IS 'Event';
COMMENT ON COLUMN evently.trending.title IS 'Title';
COMMENT ON COLUMN evently.trending.start_time IS 'When it starts';
COMMENT ON COLUMN evently.trending.tickets IS 'Tickets sold';
COMMENT ON COLUMN evently.trending.start_time_local IS 'start_time by the venue''s clock';
COMMENT ON COLUMN evently.trending.timezone IS 'Time zone of the local time: the venue''s, or UTC';
COMMENT ON COLUMN evently.trending.organizer_id IS 'Organizer of the event';

CREATE VIEW evently.outbox_status WITH (security_barrier) AS
SELECT kind,
	count(*) FILTER (WHERE status = 'PENDING') AS pending,
	count(*) FILTER (WHERE status = 'PENDING' AND attempts > 0) AS retrying,
	count(*) FILTER (WHERE status = 'DEAD') AS dead,
	min(created_at) FILTER (WHERE status = 'PENDING') AS oldest_pending
FROM evently.notifications WHERE status IN ('PENDING', 'DEAD') GROUP BY kind;
COMMENT ON VIEW evently.outbox_status IS 'Messages not sent yet, by kind';
COMMENT ON COLUMN evently.outbox_status.kind IS 'Kind of message';
COMMENT ON COLUMN evently.outbox_status.pending IS 'To be sent, or being sent';
COMMENT ON COLUMN evently.outbox_status.retrying IS 'Of these, claimed at least once';
COMMENT ON COLUMN evently.outbox_status.dead IS 'Given up';
COMMENT ON COLUMN evently.outbox_status.oldest_pending IS 'When the oldest of the pending was written';

/* A setting is unknown to a session that has not loaded the library; 10 is its default (src/guc.c). */
CREATE VIEW evently.job_status WITH (security_barrier) AS
SELECT s.job, s.last_run, s.rows, s.duration, s.error, s.last_success, s.lag, s.failing, s.runs, s.total_rows, s.oldest_snapshot,
	round(extract(epoch FROM s.duration), 3) AS duration_seconds,
	round(extract(epoch FROM s.lag), 3) AS lag_seconds,
	round(extract(epoch FROM s.oldest_snapshot), 3) AS oldest_snapshot_seconds
FROM (
SELECT j.job, r.last_run, r.rows, r.duration, r.error, r.last_success,
	CASE j.job
		WHEN 'release_expired_orders' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.orders o
			WHERE o.status = 'PENDING' AND o.expires_at <= clock_timestamp())
		WHEN 'release_expired_offers' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.waitlist_offers o
			WHERE o.status = 'OPEN' AND o.expires_at <= clock_timestamp())
		WHEN 'settle_waitlists' THEN
			(SELECT clock_timestamp() - min(l.gather_until) FROM evently.waitlist_lines l
			WHERE l.gathering > 0 AND l.gather_until <= clock_timestamp())
		WHEN 'release_lapsed_bookings' THEN
			(SELECT clock_timestamp() - min(b.deposit_due_at) FROM evently.venue_bookings b
			WHERE b.status = 'REQUESTED' AND b.deposit_due_at <= clock_timestamp())
		WHEN 'clean_notifications' THEN
			(SELECT clock_timestamp() - min(n.visible_at) FROM evently.notifications n
			WHERE n.status = 'PENDING' AND n.visible_at <= clock_timestamp()
				AND n.attempts >= coalesce(current_setting('evently.notification_max_attempts', true), '10')::integer)
		WHEN 'roll_up_daily_sales' THEN
			(SELECT clock_timestamp() - k.issued_at FROM evently.tickets k
			WHERE k.ticket_id > coalesce((SELECT p.ticket_id FROM evently.sales_daily_progress p), 0)
			ORDER BY k.ticket_id LIMIT 1)
	END AS lag,
	(SELECT count(*) FROM evently.job_failures f WHERE f.job = j.job) AS failing,
	r.runs, r.total_rows,
	evently.oldest_snapshot_age() AS oldest_snapshot
FROM (
	SELECT 'release_expired_orders'
	UNION ALL SELECT 'release_expired_offers'
	UNION ALL SELECT 'settle_waitlists'
	UNION ALL SELECT 'refresh_sold_out_labels'
	UNION ALL SELECT 'release_lapsed_bookings'
	UNION ALL SELECT 'clean_notifications'
	UNION ALL SELECT 'roll_up_sales'
	UNION ALL SELECT 'roll_up_daily_sales'
	UNION ALL SELECT 'forget_past_events') j (job)
LEFT JOIN evently.job_runs r ON r.job = j.job) s;
COMMENT ON VIEW evently.job_status IS 'Each job: its last run, and how far it lags behind';
COMMENT ON COLUMN evently.job_status.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_status.last_run IS 'When it last ran; null: never';
COMMENT ON COLUMN evently.job_status.rows IS 'What it did then';
COMMENT ON COLUMN evently.job_status.duration IS 'How long that took';
COMMENT ON COLUMN evently.job_status.error IS 'Its error; null when all went well';
COMMENT ON COLUMN evently.job_status.last_success IS 'When it last ran without an error';
COMMENT ON COLUMN evently.job_status.lag IS 'How long the oldest row that the job should have handled has been waiting; null: there is none. Sales of the last two minutes wait by design (roll_up_daily_sales)';
COMMENT ON COLUMN evently.job_status.failing IS 'Rows that it could not handle: see job_failures';
COMMENT ON COLUMN evently.job_status.runs IS 'How often it has run';
COMMENT ON COLUMN evently.job_status.total_rows IS 'What all runs did';
COMMENT ON COLUMN evently.job_status.oldest_snapshot IS 'Age of the oldest open snapshot of this database: what it keeps alive, vacuum cannot remove';
COMMENT ON COLUMN evently.job_status.duration_seconds IS 'duration in seconds';
COMMENT ON COLUMN evently.job_status.lag_seconds IS 'lag in seconds';
COMMENT ON COLUMN evently.job_status.oldest_snapshot_seconds IS 'oldest_snapshot in seconds';
