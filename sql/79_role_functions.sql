/*
 * Roles (src/role_grants.c): what each kind may do, how it is granted, and what
 * organizers see and change directly.
 */

/*
 * Everything that any kind may do. What is not listed here is the owner's alone:
 * jobs (grant_jobs), upkeep, the insides. A column is written table.column.
 */
CREATE VIEW evently.role_privileges AS
WITH facts (kinds, privilege, object_type, objects) AS (VALUES
	('app organizer scanner reporter', 'USAGE', 'SCHEMA', 'evently'),

	-- selling, and all that knows a buyer or a secret
	('app', 'EXECUTE', 'ROUTINE',
		'reserve_tier reserve_tickets try_reserve_tier try_reserve_tickets reserve_tickets_batch
		confirm_order cancel_order settle_refund
		ticket_token ticket_qr_svg ticket_qr_png qr_svg qr_png qr_text secret_fingerprint
		transfer_ticket assign_attendee reissue_ticket rotate_event_key
		join_waitlist leave_waitlist waitlist_position claim_offer decline_offer
		search_events search_facets suggest_events trending_events homepage geo_point
		claim_notifications ack_notification fail_notification retry_notification
		create_venue pay_deposit settle_deposit_return node_of'),
	-- events and their venues; an organizer's own
	('app organizer', 'EXECUTE', 'ROUTINE',
		'create_event create_tier set_tier_quantity set_held_back issue_comps
		publish_event open_sale pause_sale resume_sale complete_event cancel_event refund_order
		book_venue reschedule_booking cancel_booking assign_booking add_booking_addon
		venue_free_slots find_venues undo_check_in'),
	-- the door; of an organizer's own events where the login is tied to it
	('app organizer scanner', 'EXECUTE', 'ROUTINE',
		'check_in validate_ticket offline_manifest sync_check_ins event_jwks'),
	-- what views call is called with the reader's rights
	('app organizer reporter', 'EXECUTE', 'ROUTINE', 'session_organizers'),
	('app organizer', 'EXECUTE', 'ROUTINE', 'managed_organizers'),
	('app reporter', 'EXECUTE', 'ROUTINE', 'oldest_snapshot_age'),

	('app organizer reporter', 'SELECT', 'TABLE',
		'tier_inventory event_sales sales_by_day order_facts order_item_facts refunds_due
		venue_calendar venue_utilisation venue_invoices venue_invoice_lines
		check_in_progress scan_log waitlist_status hold_expiry_lag trending'),
	('app reporter', 'SELECT', 'TABLE', 'job_status outbox_status'),
	('app organizer', 'SELECT', 'TABLE', 'venues events ticket_tiers organizer_orders organizer_tickets'),
	('app', 'SELECT', 'TABLE',
		'orders order_items payments refunds tickets scans venue_bookings venue_booking_addons booking_payments
		waitlist_entries waitlist_offers notifications'),

	('app organizer', 'UPDATE', 'TABLE',
		'events.title events.description events.language events.category events.cover_image_url
		events.age_restriction events.hold_duration events.max_tickets_per_buyer events.transfer_deadline
		events.last_admission events.gate_tiers
		ticket_tiers.name ticket_tiers.price ticket_tiers.sale_start ticket_tiers.sale_end
		ticket_tiers.max_per_order'),
	('app', 'UPDATE', 'TABLE',
		'venues.name venues.address venues.city venues.country_code venues.location venues.type
		venues.facilities venues.setup_hours venues.teardown_hours venues.hire_rate venues.is_active')
)
SELECT k.kind, f.privilege, f.object_type, o.object_name, o.column_name,
	f.privilege || coalesce(' (' || quote_ident(o.column_name) || ')', '') || ' ON ' || f.object_type || ' '
		|| CASE f.object_type WHEN 'SCHEMA' THEN '' ELSE 'evently.' END || quote_ident(o.object_name) AS grant_text
FROM facts f
CROSS JOIN LATERAL string_to_table(f.kinds, ' ') AS k (kind)
CROSS JOIN LATERAL regexp_split_to_table(f.objects, '\s+') AS n (name)
CROSS JOIN LATERAL (SELECT split_part(n.name, '.', 1) AS object_name,
	nullif(split_part(n.name, '.', 2), '') AS column_name) o;
COMMENT ON VIEW evently.role_privileges IS 'What each kind of role may do; all that is not listed is the owner''s alone';
COMMENT ON COLUMN evently.role_privileges.kind IS 'app, organizer, scanner or reporter';
COMMENT ON COLUMN evently.role_privileges.privilege IS 'EXECUTE, SELECT, UPDATE or USAGE';
COMMENT ON COLUMN evently.role_privileges.object_type IS 'ROUTINE, TABLE (views too) or SCHEMA';
COMMENT ON COLUMN evently.role_privileges.object_name IS 'Name in the schema evently';
COMMENT ON COLUMN evently.role_privileges.column_name IS 'The column, where the privilege is on one; null: on the whole';
COMMENT ON COLUMN evently.role_privileges.grant_text IS 'The privilege as GRANT and REVOKE write it';

CREATE FUNCTION evently.grant_role(role name, kind text, organizer_id bigint DEFAULT NULL)
	RETURNS evently.role_grants
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_grant_role';
COMMENT ON FUNCTION evently.grant_role IS
'Make a role an application, an organizer, a door or a reporter: grants what role_privileges lists for the kind, and remembers it by the role''s name. Members of the role share it. Only for the extension''s owner.
kind: app (everything a shop does, for all organizers), organizer (its own events), scanner (the door), reporter (the views for reports: no secrets, no personal data); organizer_id: whose events, for an organizer; for a scanner the only ones it may admit to.
Result: the grant; repeated, it changes nothing but restores what is missing. Errors: 22023 bad argument or the role is a superuser or the owner, 42704 unknown role, 42501 not the owner.';

CREATE FUNCTION evently.revoke_role(role name, kind text DEFAULT NULL, organizer_id bigint DEFAULT NULL)
	RETURNS SETOF evently.role_grants
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_revoke_role';
COMMENT ON FUNCTION evently.revoke_role IS
'Undo grant_role: takes back what it gave, except what another grant of the role still gives, and nothing that was granted by hand. Only for the extension''s owner. A role that was dropped is forgotten.
kind, organizer_id: only grants of this kind and organizer; all unless given.
Result: the grants that ended; none when there were none. Errors: 22023 bad argument, 42704 unknown role, 42501 not the owner.';

CREATE FUNCTION evently.reapply_grants()
	RETURNS TABLE (role_name name, action text, privilege text)
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reapply_grants';
COMMENT ON FUNCTION evently.reapply_grants IS
'Give each role of role_grants what it lacks, and take back what its kinds give no more; give a role that runs the jobs (grant_jobs) those that are new: to be called after an update of the extension and after a restore. Only for the extension''s owner.
Result: what was done: GRANTED or REVOKED with the privilege, or ROLE MISSING for a role that was dropped or renamed (rename it back, or revoke_role the old name and grant_role the new one); none when all was in place. Errors: 42501 not the owner.';

/*
 * What organizers read and change directly: their own rows. In a definer all of
 * it is seen, as the owner's row security is off.
 */
ALTER TABLE evently.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE evently.ticket_tiers ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_events ON evently.events
	USING ((SELECT evently.managed_organizers()) IS NULL
		OR organizer_id = ANY ((SELECT evently.managed_organizers())::bigint[]));
CREATE POLICY own_tiers ON evently.ticket_tiers
	USING ((SELECT evently.managed_organizers()) IS NULL
		OR EXISTS (SELECT FROM evently.events e WHERE e.event_id = ticket_tiers.event_id));
COMMENT ON POLICY own_events ON evently.events IS 'An organizer sees and changes its own events';
COMMENT ON POLICY own_tiers ON evently.ticket_tiers IS 'An organizer sees and changes the tiers of the events that it sees';

/* Barriers: a function in the reader's query must not see the rows left out. */
CREATE VIEW evently.organizer_orders WITH (security_barrier) AS
SELECT o.order_id, o.event_id, o.buyer_id, o.buyer_email, o.channel, o.status, o.total_amount, o.currency,
	o.created_at, o.expires_at, o.confirmed_at, o.cancelled_at, o.cancel_reason
FROM evently.orders o
JOIN evently.events e ON e.event_id = o.event_id
WHERE (SELECT evently.managed_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.managed_organizers())::bigint[]);
COMMENT ON VIEW evently.organizer_orders IS 'Orders for an organizer''s own events, with who bought';
COMMENT ON COLUMN evently.organizer_orders.order_id IS 'Id of the order';
COMMENT ON COLUMN evently.organizer_orders.event_id IS 'Event that the tickets are for';
COMMENT ON COLUMN evently.organizer_orders.buyer_id IS 'Who buys: an id of the application''s';
COMMENT ON COLUMN evently.organizer_orders.buyer_email IS 'Where the buyer is told';
COMMENT ON COLUMN evently.organizer_orders.channel IS 'SALE, or COMP for free tickets out of what was held back';
COMMENT ON COLUMN evently.organizer_orders.status IS 'PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED';
COMMENT ON COLUMN evently.organizer_orders.total_amount IS 'Sum of the items';
COMMENT ON COLUMN evently.organizer_orders.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.organizer_orders.created_at IS 'When the tickets were reserved';
COMMENT ON COLUMN evently.organizer_orders.expires_at IS 'Until when the tickets are held for payment';
COMMENT ON COLUMN evently.organizer_orders.confirmed_at IS 'When the order was paid and its tickets issued';
COMMENT ON COLUMN evently.organizer_orders.cancelled_at IS 'When the order was cancelled';
COMMENT ON COLUMN evently.organizer_orders.cancel_reason IS 'Why the order was cancelled';

CREATE VIEW evently.organizer_tickets WITH (security_barrier) AS
SELECT t.ticket_id, t.order_id, t.event_id, t.tier_id, k.name AS tier_name, t.attendee_name::text AS attendee_name,
	t.attendee_email::text AS attendee_email, t.status::text AS status,
	t.issued_at::timestamptz AS issued_at, t.check_in_time::timestamptz AS check_in_time, t.transferred_from
FROM evently.tickets t
JOIN evently.events e ON e.event_id = t.event_id
JOIN evently.ticket_tiers k ON k.tier_id = t.tier_id
WHERE (SELECT evently.managed_organizers()) IS NULL
	OR e.organizer_id = ANY ((SELECT evently.managed_organizers())::bigint[]);
COMMENT ON VIEW evently.organizer_tickets IS 'Tickets of an organizer''s own events: who comes, without what opens the door';
COMMENT ON COLUMN evently.organizer_tickets.ticket_id IS 'Id of the ticket';
COMMENT ON COLUMN evently.organizer_tickets.order_id IS 'Order that the ticket came from';
COMMENT ON COLUMN evently.organizer_tickets.event_id IS 'Event that the ticket admits to';
COMMENT ON COLUMN evently.organizer_tickets.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.organizer_tickets.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.organizer_tickets.attendee_name IS 'Who comes with this ticket';
COMMENT ON COLUMN evently.organizer_tickets.attendee_email IS 'Where the attendee is told';
COMMENT ON COLUMN evently.organizer_tickets.status IS 'VALID, USED, CANCELLED or TRANSFERRED';
COMMENT ON COLUMN evently.organizer_tickets.issued_at IS 'When the ticket was issued';
COMMENT ON COLUMN evently.organizer_tickets.check_in_time IS 'When the ticket was admitted';
COMMENT ON COLUMN evently.organizer_tickets.transferred_from IS 'The ticket that this one took the place of';
