/*
 * Tickets, issued when an order is confirmed, and the outbox.
 */
CREATE TABLE evently.tickets (
	ticket_id        bigint PRIMARY KEY DEFAULT nextval('evently.ticket_ids'),
	order_id         bigint NOT NULL REFERENCES evently.orders,
	tier_id          bigint NOT NULL,
	event_id         bigint NOT NULL,
	attendee_name    text CHECK (btrim(attendee_name) <> ''),
	attendee_email   text CHECK (btrim(attendee_email) <> ''),
	qr_code          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	status           text NOT NULL DEFAULT 'VALID'
		CHECK (status IN ('VALID', 'USED', 'CANCELLED', 'TRANSFERRED')),
	issued_at        timestamptz NOT NULL DEFAULT now() CHECK (isfinite(issued_at)),
	check_in_time    timestamptz CHECK (isfinite(check_in_time)),
	transferred_from bigint,
	CHECK (status <> 'USED' OR check_in_time IS NOT NULL),
	CHECK (transferred_from <> ticket_id)
);
CREATE INDEX tickets_order_id ON evently.tickets (order_id);
COMMENT ON TABLE evently.tickets IS 'Tickets: one row for each person admitted';
COMMENT ON INDEX evently.tickets_order_id IS 'The tickets of an order';
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

CREATE TABLE evently.notifications (
	notification_id bigint PRIMARY KEY DEFAULT nextval('evently.notification_ids'),
	kind       text NOT NULL
		CHECK (kind IN ('TICKETS_ISSUED', 'TICKETS_REFUNDED', 'REFUND_DUE', 'EVENT_CANCELLED', 'EVENT_RESCHEDULED')),
	recipient  text CHECK (btrim(recipient) <> ''),
	user_id    bigint,
	event_id   bigint NOT NULL,
	order_id   bigint,
	payload    jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
	created_at timestamptz NOT NULL DEFAULT now(),
	CHECK (recipient IS NOT NULL OR user_id IS NOT NULL)
);
COMMENT ON TABLE evently.notifications IS 'Outbox: who must be told what, written by the transaction that causes it';
COMMENT ON COLUMN evently.notifications.notification_id IS 'Id of the message, the same however often it is sent';
COMMENT ON COLUMN evently.notifications.kind IS 'TICKETS_ISSUED, TICKETS_REFUNDED, REFUND_DUE, EVENT_CANCELLED or EVENT_RESCHEDULED';
COMMENT ON COLUMN evently.notifications.recipient IS 'E-mail address; null when only the user''s id is known';
COMMENT ON COLUMN evently.notifications.user_id IS 'User of the application to be told: the buyer';
COMMENT ON COLUMN evently.notifications.event_id IS 'Event that it is about';
COMMENT ON COLUMN evently.notifications.order_id IS 'Order that it is about';
COMMENT ON COLUMN evently.notifications.payload IS 'What the message says: title, start, venue, order, amounts, reason';
COMMENT ON COLUMN evently.notifications.created_at IS 'When it was written';
