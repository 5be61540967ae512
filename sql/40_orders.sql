/*
 * Orders and money.
 *
 * An order's and a ticket's event and tier have no foreign key: each insert
 * would lock the same event and tier rows, which cost 10 to 18 percent of a
 * sale's throughput and a multixact for every pair of buyers (docs/concurrency).
 * The functions read both rows under the event's lock instead, events and tiers
 * that have orders cannot be deleted (60_guards), and verify() looks for strays.
 */
CREATE TABLE evently.orders (
	order_id        bigint PRIMARY KEY DEFAULT nextval('evently.order_ids'),
	event_id        bigint NOT NULL,
	buyer_id        bigint NOT NULL,
	buyer_email     text CHECK (btrim(buyer_email) <> ''),
	channel         text NOT NULL DEFAULT 'SALE' CHECK (channel IN ('SALE', 'COMP')),
	status          text NOT NULL DEFAULT 'PENDING'
		CHECK (status IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED', 'REFUNDED', 'PARTIALLY_REFUNDED')),
	total_amount    evently.amount NOT NULL,
	currency        evently.currency_code NOT NULL,
	payment_id      text CHECK (btrim(payment_id) <> ''),
	idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 200),
	created_at      timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
	expires_at      timestamptz NOT NULL CHECK (isfinite(expires_at)),
	confirmed_at    timestamptz CHECK (isfinite(confirmed_at)),
	cancelled_at    timestamptz CHECK (isfinite(cancelled_at)),
	cancel_reason   text,
	CONSTRAINT orders_idempotency_key UNIQUE (event_id, buyer_id, idempotency_key),
	CHECK ((status IN ('CONFIRMED', 'REFUNDED', 'PARTIALLY_REFUNDED')) = (confirmed_at IS NOT NULL)),
	CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
	CHECK (confirmed_at IS NULL OR total_amount = 0 OR payment_id IS NOT NULL)
);
CREATE INDEX orders_pending ON evently.orders (event_id, expires_at) WHERE status = 'PENDING';
COMMENT ON TABLE evently.orders IS 'Orders: a hold on tickets until expires_at, a sale once confirmed';
COMMENT ON INDEX evently.orders_pending IS 'The holds of an event by the time of their lapse';
COMMENT ON CONSTRAINT orders_idempotency_key ON evently.orders IS 'A buyer''s attempt gives one order, however often it is repeated; its index finds the orders of an event, with or without a key';
COMMENT ON COLUMN evently.orders.order_id IS 'Id of the order';
COMMENT ON COLUMN evently.orders.event_id IS 'Event that the tickets are for';
COMMENT ON COLUMN evently.orders.buyer_id IS 'Who buys: an id of the application''s';
COMMENT ON COLUMN evently.orders.buyer_email IS 'Where the buyer is told';
COMMENT ON COLUMN evently.orders.channel IS 'SALE, or COMP for free tickets out of what was held back';
COMMENT ON COLUMN evently.orders.status IS 'PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED';
COMMENT ON COLUMN evently.orders.total_amount IS 'Sum of the items';
COMMENT ON COLUMN evently.orders.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.orders.payment_id IS 'The payment that confirmed the order';
COMMENT ON COLUMN evently.orders.idempotency_key IS 'Names the buyer''s attempt: repeated, it gives this order again';
COMMENT ON COLUMN evently.orders.created_at IS 'When the tickets were reserved';
COMMENT ON COLUMN evently.orders.expires_at IS 'Until when the tickets are held for payment';
COMMENT ON COLUMN evently.orders.confirmed_at IS 'When the order was paid and its tickets issued';
COMMENT ON COLUMN evently.orders.cancelled_at IS 'When the order was cancelled';
COMMENT ON COLUMN evently.orders.cancel_reason IS 'Why the order was cancelled';

CREATE TABLE evently.order_items (
	item_id     bigint PRIMARY KEY DEFAULT nextval('evently.order_item_ids'),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	tier_id     bigint NOT NULL,
	quantity    integer NOT NULL CHECK (quantity > 0),
	unit_price  evently.amount NOT NULL,
	subtotal    numeric NOT NULL GENERATED ALWAYS AS (quantity * unit_price) STORED,
	UNIQUE (order_id, tier_id)
);
COMMENT ON TABLE evently.order_items IS 'What an order is for: one row for each tier';
COMMENT ON CONSTRAINT order_items_order_id_tier_id_key ON evently.order_items IS 'An order names each tier once';
COMMENT ON COLUMN evently.order_items.item_id IS 'Id of the item';
COMMENT ON COLUMN evently.order_items.order_id IS 'Order that the item belongs to';
COMMENT ON COLUMN evently.order_items.tier_id IS 'Tier of the tickets';
COMMENT ON COLUMN evently.order_items.quantity IS 'Number of tickets';
COMMENT ON COLUMN evently.order_items.unit_price IS 'Price of one ticket when it was reserved';
COMMENT ON COLUMN evently.order_items.subtotal IS 'quantity times unit_price';

CREATE TABLE evently.payments (
	payment_id  text PRIMARY KEY CHECK (btrim(payment_id) <> ''),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	amount      evently.amount NOT NULL,
	currency    evently.currency_code NOT NULL,
	outcome     text NOT NULL
		CHECK (outcome IN ('CONFIRMED', 'RECOVERED', 'REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT')),
	reported_at timestamptz NOT NULL CHECK (isfinite(reported_at))
);
CREATE INDEX payments_order_id ON evently.payments (order_id);
COMMENT ON TABLE evently.payments IS 'Every payment ever reported, with what became of it';
COMMENT ON INDEX evently.payments_order_id IS 'The payments of an order';
COMMENT ON COLUMN evently.payments.payment_id IS 'The payment provider''s id; counts once';
COMMENT ON COLUMN evently.payments.order_id IS 'Order that it was reported for';
COMMENT ON COLUMN evently.payments.amount IS 'Amount paid';
COMMENT ON COLUMN evently.payments.currency IS 'Currency of the amount: the order''s';
COMMENT ON COLUMN evently.payments.outcome IS 'CONFIRMED or RECOVERED (the order has its tickets), REFUND_DUE, AMOUNT_MISMATCH or DUPLICATE_PAYMENT (the amount goes back)';
COMMENT ON COLUMN evently.payments.reported_at IS 'When it was first reported';

CREATE TABLE evently.refunds (
	refund_id   text PRIMARY KEY CHECK (btrim(refund_id) <> ''),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	payment_id  text REFERENCES evently.payments,
	amount      evently.amount NOT NULL,
	currency    evently.currency_code NOT NULL,
	status      text NOT NULL DEFAULT 'DUE' CHECK (status IN ('DUE', 'DONE', 'FAILED')),
	reason      text NOT NULL
		CHECK (reason IN ('REQUESTED', 'EVENT_CANCELLED', 'REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT')),
	ticket_ids  bigint[],
	created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
	settled_at  timestamptz CHECK (isfinite(settled_at)),
	refund_no   bigint NOT NULL UNIQUE DEFAULT nextval('evently.refund_nos'),
	CHECK ((status = 'DUE') = (settled_at IS NULL))
);
CREATE INDEX refunds_order_id ON evently.refunds (order_id);
CREATE INDEX refunds_open ON evently.refunds (created_at) WHERE status <> 'DONE';
COMMENT ON TABLE evently.refunds IS 'Money to be returned, and whether it was';
COMMENT ON INDEX evently.refunds_order_id IS 'The refunds of an order';
COMMENT ON INDEX evently.refunds_open IS 'Refunds still to be made';
COMMENT ON COLUMN evently.refunds.refund_id IS 'Id given by the caller of refund_order, or payment:… and event-cancelled:… for what the extension marks itself';
COMMENT ON COLUMN evently.refunds.order_id IS 'Order that the money came from';
COMMENT ON COLUMN evently.refunds.payment_id IS 'Payment to be returned, in whole or in part; null when nothing was paid';
COMMENT ON COLUMN evently.refunds.amount IS 'Amount to return';
COMMENT ON COLUMN evently.refunds.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.refunds.status IS 'DUE, DONE or FAILED';
COMMENT ON COLUMN evently.refunds.reason IS 'REQUESTED, EVENT_CANCELLED, REFUND_DUE (paid too late), AMOUNT_MISMATCH or DUPLICATE_PAYMENT';
COMMENT ON COLUMN evently.refunds.ticket_ids IS 'Tickets given back; null when none had been issued for this money';
COMMENT ON COLUMN evently.refunds.created_at IS 'When it became due';
COMMENT ON COLUMN evently.refunds.settled_at IS 'When its outcome was reported';
COMMENT ON COLUMN evently.refunds.refund_no IS 'Rises with each refund: reports tell new ones by it';
COMMENT ON CONSTRAINT refunds_refund_no_key ON evently.refunds IS 'No two refunds have a number';

CREATE TABLE evently.buyer_limits (
	event_id  bigint NOT NULL,
	buyer_id  bigint NOT NULL,
	taken     integer NOT NULL CHECK (taken >= 0),
	PRIMARY KEY (event_id, buyer_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE evently.buyer_limits IS 'Tickets that a buyer holds or owns, for events with max_tickets_per_buyer';
COMMENT ON COLUMN evently.buyer_limits.event_id IS 'Event with a limit';
COMMENT ON COLUMN evently.buyer_limits.buyer_id IS 'Buyer';
COMMENT ON COLUMN evently.buyer_limits.taken IS 'Tickets held and owned';
