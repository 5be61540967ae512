-- Move events that are long over out of evently's tables, with all that was sold
-- for them, into tables of the same names in a schema "archive": to be kept there,
-- dumped and dropped. As the extension's owner, when little is going on:
--
--   psql -v before=2025-01-01 -f examples/archive_events.sql
--
-- One transaction. Events stay that have money to be returned, messages to be sent
-- or holds to lapse. Bookings stay, without their event; reports of the event end,
-- venue reports do not. A token of an archived ticket is unknown at the door.
\set ON_ERROR_STOP on
BEGIN;
CREATE SCHEMA IF NOT EXISTS archive;
CREATE TEMPORARY TABLE old_event ON COMMIT DROP AS
SELECT e.event_id FROM evently.events e
WHERE e.status IN ('COMPLETED', 'CANCELLED') AND e.end_time < :'before'
	AND NOT EXISTS (SELECT FROM evently.orders o WHERE o.event_id = e.event_id AND o.status = 'PENDING')
	AND NOT EXISTS (SELECT FROM evently.orders o JOIN evently.refunds r ON r.order_id = o.order_id
		WHERE o.event_id = e.event_id AND r.status <> 'DONE')
	AND NOT EXISTS (SELECT FROM evently.notifications n WHERE n.event_id = e.event_id AND n.status = 'PENDING')
ORDER BY e.event_id FOR UPDATE;
UPDATE evently.venue_bookings SET event_id = NULL WHERE event_id IN (SELECT event_id FROM old_event);
-- A private key is of no use without its event, and belongs in no other table.
DELETE FROM evently.event_private_keys WHERE kid IN
	(SELECT kid FROM evently.event_keys WHERE event_id IN (SELECT event_id FROM old_event));
DO $$
DECLARE
	orders constant text := 'order_id IN (SELECT order_id FROM evently.orders WHERE event_id IN (SELECT event_id FROM old_event))';
	tiers constant text := 'tier_id IN (SELECT tier_id FROM evently.ticket_tiers WHERE event_id IN (SELECT event_id FROM old_event))';
	events constant text := 'event_id IN (SELECT event_id FROM old_event)';
	part record;
BEGIN
	-- Who refers to another goes before it.
	FOR part IN SELECT * FROM (VALUES
		('waitlist_offers', tiers), ('waitlist_entries', tiers), ('waitlist_lines', tiers),
		('scans', events), ('revocations', events), ('event_keys', events), ('tickets', orders),
		('refunds', orders), ('payments', orders), ('order_items', orders), ('orders', events),
		('buyer_limits', events), ('notifications', events), ('sold_out_checks', events),
		('sales_daily', events), ('sales_hourly', events), ('event_popularity', events),
		('event_search', events), ('ticket_tiers', events), ('events', events)) p (name, condition)
	LOOP
		EXECUTE format('CREATE TABLE IF NOT EXISTS archive.%I (LIKE evently.%1$I)', part.name);
		EXECUTE format('WITH gone AS (DELETE FROM evently.%I WHERE %s RETURNING *) INSERT INTO archive.%1$I SELECT * FROM gone',
			part.name, part.condition);
	END LOOP;
END $$;
COMMIT;
