/*
 * Tickets, issued when an order is confirmed, and the outbox.
 *
 * The rules of a ticket's columns are in domains: each statement parses the
 * CHECKs of a table anew, an update all of them.
 */
CREATE DOMAIN evently.ticket_status AS text
	CONSTRAINT ticket_status_is_known CHECK (VALUE IN ('VALID', 'USED', 'CANCELLED', 'TRANSFERRED'));
COMMENT ON DOMAIN evently.ticket_status IS 'VALID, USED, CANCELLED or TRANSFERRED';
COMMENT ON CONSTRAINT ticket_status_is_known ON DOMAIN evently.ticket_status IS 'The states of a ticket';

CREATE TABLE evently.tickets (
	ticket_id        bigint PRIMARY KEY DEFAULT nextval('evently.ticket_ids'),
	order_id         bigint NOT NULL REFERENCES evently.orders,
	tier_id          bigint NOT NULL,
	event_id         bigint NOT NULL,
	attendee_name    evently.label,
	attendee_email   evently.label,
	qr_code          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	status           evently.ticket_status NOT NULL DEFAULT 'VALID',
	issued_at        evently.instant NOT NULL DEFAULT now(),
	check_in_time    evently.instant,
	transferred_from bigint,
	issued_xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
	CHECK (status <> 'USED' OR check_in_time IS NOT NULL),
	CHECK (transferred_from <> ticket_id)
) WITH (fillfactor = 90);
CREATE INDEX tickets_order_id ON evently.tickets (order_id);
CREATE INDEX tickets_event_id ON evently.tickets (event_id, issued_xid);
CREATE UNIQUE INDEX tickets_transferred_from ON evently.tickets (transferred_from)
	WHERE transferred_from IS NOT NULL;
COMMENT ON TABLE evently.tickets IS 'Tickets: one row for each person admitted';
COMMENT ON CONSTRAINT tickets_qr_code_key ON evently.tickets IS 'A secret opens one ticket';
COMMENT ON INDEX evently.tickets_order_id IS 'The tickets of an order';
COMMENT ON INDEX evently.tickets_event_id IS 'The tickets of an event, and those issued since a version of the offline list';
COMMENT ON INDEX evently.tickets_transferred_from IS 'A ticket has one successor';
COMMENT ON COLUMN evently.tickets.ticket_id IS 'Id of the ticket, which may be shown';
COMMENT ON COLUMN evently.tickets.order_id IS 'Order that the ticket came from';
COMMENT ON COLUMN evently.tickets.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.tickets.event_id IS 'Event that the ticket admits to';
COMMENT ON COLUMN evently.tickets.attendee_name IS 'Who comes with this ticket';
COMMENT ON COLUMN evently.tickets.attendee_email IS 'Where the attendee is told';
COMMENT ON COLUMN evently.tickets.qr_code IS 'The secret that is scanned at the door; not for reports';
COMMENT ON COLUMN evently.tickets.status IS 'VALID, USED, CANCELLED or TRANSFERRED';
COMMENT ON COLUMN evently.tickets.issued_at IS 'When the ticket was issued';
COMMENT ON COLUMN evently.tickets.check_in_time IS 'When the ticket was admitted';
COMMENT ON COLUMN evently.tickets.transferred_from IS 'The ticket that this one took the place of';
COMMENT ON COLUMN evently.tickets.issued_xid IS 'Transaction that issued the ticket';

CREATE TABLE evently.notifications (
	notification_id bigint PRIMARY KEY DEFAULT nextval('evently.notification_ids'),
	message_id uuid NOT NULL DEFAULT gen_random_uuid(),
	kind       text NOT NULL
		CHECK (kind IN ('TICKETS_ISSUED', 'TICKETS_REFUNDED', 'REFUND_DUE', 'EVENT_CANCELLED', 'EVENT_RESCHEDULED',
			'TICKET_TRANSFERRED', 'TICKET_RECEIVED', 'TICKET_REISSUED',
			'WAITLIST_OFFER', 'WAITLIST_LAPSED', 'WAITLIST_CLOSED')),
	recipient  text CHECK (btrim(recipient) <> ''),
	user_id    bigint,
	event_id   bigint NOT NULL,
	order_id   bigint,
	payload    jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
	created_at timestamptz NOT NULL DEFAULT now(),
	status     text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'SENT', 'DEAD')),
	attempts   integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	visible_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(visible_at)),
	closed_at  timestamptz CHECK (isfinite(closed_at)),
	last_error text,
	CHECK (recipient IS NOT NULL OR user_id IS NOT NULL),
	CHECK ((status = 'PENDING') = (closed_at IS NULL))
);
CREATE INDEX notifications_pending ON evently.notifications (visible_at, notification_id)
	WHERE status = 'PENDING';
CREATE INDEX notifications_closed ON evently.notifications (status, closed_at)
	WHERE status <> 'PENDING';
COMMENT ON TABLE evently.notifications IS 'Outbox: who must be told what, written by the transaction that causes it';
COMMENT ON INDEX evently.notifications_pending IS 'What workers claim, the oldest first';
COMMENT ON INDEX evently.notifications_closed IS 'What is cleaned away, and the dead letters';
COMMENT ON COLUMN evently.notifications.notification_id IS 'Id of the message in this database';
COMMENT ON COLUMN evently.notifications.message_id IS 'The message''s name for the world, the same however often it is sent: receivers drop repeats by it';
COMMENT ON COLUMN evently.notifications.kind IS 'TICKETS_ISSUED, TICKETS_REFUNDED, REFUND_DUE, EVENT_CANCELLED, EVENT_RESCHEDULED, TICKET_TRANSFERRED, TICKET_RECEIVED, TICKET_REISSUED, WAITLIST_OFFER, WAITLIST_LAPSED or WAITLIST_CLOSED';
COMMENT ON COLUMN evently.notifications.recipient IS 'E-mail address; null when only the user''s id is known';
COMMENT ON COLUMN evently.notifications.user_id IS 'User of the application to be told: the buyer';
COMMENT ON COLUMN evently.notifications.event_id IS 'Event that it is about';
COMMENT ON COLUMN evently.notifications.order_id IS 'Order that it is about';
COMMENT ON COLUMN evently.notifications.payload IS 'What the message says: title, start, venue, order, offer, amounts, reason; token and qr_png (base64) where it brings a ticket; claim_notifications() adds the tickets';
COMMENT ON COLUMN evently.notifications.created_at IS 'When it was written';
COMMENT ON COLUMN evently.notifications.status IS 'PENDING, SENT, or DEAD: given up after evently.notification_max_attempts';
COMMENT ON COLUMN evently.notifications.attempts IS 'How often a worker has claimed it';
COMMENT ON COLUMN evently.notifications.visible_at IS 'From when a worker may claim it: later while one has it, and after a failure';
COMMENT ON COLUMN evently.notifications.closed_at IS 'When it was sent or given up';
COMMENT ON COLUMN evently.notifications.last_error IS 'Why the last attempt failed';
