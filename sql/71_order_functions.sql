/*
 * The life of an order (src/reserve.c, reserve_batch.c, orders.c, payment.c,
 * refund.c).
 */
CREATE TYPE evently.reservation_result AS (
	reservation evently.orders,
	sqlstate    text,
	message     text,
	detail      text,
	hint        text
);
COMMENT ON TYPE evently.reservation_result IS 'The order, or why there is none: sqlstate is null when there is one';
COMMENT ON COLUMN evently.reservation_result.reservation IS 'The order; null when refused';
COMMENT ON COLUMN evently.reservation_result.sqlstate IS 'Why it was refused, for programs; null when it was not';
COMMENT ON COLUMN evently.reservation_result.message IS 'Why it was refused, for people';
COMMENT ON COLUMN evently.reservation_result.detail IS 'The facts';
COMMENT ON COLUMN evently.reservation_result.hint IS 'The way out';

CREATE TYPE evently.batch_result AS (
	request_no integer,
	order_id   bigint,
	sqlstate   text,
	message    text
);
COMMENT ON TYPE evently.batch_result IS 'What became of one request of a batch';
COMMENT ON COLUMN evently.batch_result.request_no IS 'Position of the request, from 1';
COMMENT ON COLUMN evently.batch_result.order_id IS 'Id of the order; null when refused';
COMMENT ON COLUMN evently.batch_result.sqlstate IS 'Why it was refused, for programs; null when it was not';
COMMENT ON COLUMN evently.batch_result.message IS 'Why it was refused, for people';

CREATE TYPE evently.confirmation AS (
	outcome     text,
	reservation evently.orders,
	tickets     evently.tickets[],
	refund      evently.refunds
);
COMMENT ON TYPE evently.confirmation IS 'What became of a payment';
COMMENT ON COLUMN evently.confirmation.outcome IS 'CONFIRMED, ALREADY_CONFIRMED, RECOVERED, REFUND_DUE, AMOUNT_MISMATCH or DUPLICATE_PAYMENT';
COMMENT ON COLUMN evently.confirmation.reservation IS 'The order as it is now';
COMMENT ON COLUMN evently.confirmation.tickets IS 'The order''s tickets; null when it has none';
COMMENT ON COLUMN evently.confirmation.refund IS 'The refund that this payment is due; null when it is kept';

CREATE FUNCTION evently.reserve_tickets(
	event_id bigint, buyer_id bigint, selections jsonb,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reserve_tickets';
COMMENT ON FUNCTION evently.reserve_tickets IS
'Hold tickets of one or more tiers for a buyer until expires_at.
selections: [{"tier_id": 1, "quantity": 2}, …], up to 100; a tier named twice is added up; all or nothing. idempotency_key: names the attempt, 1 to 200 characters; repeated with the same content it gives the same order.
Result: the order, PENDING. Errors: TK001 not enough tickets, TK002 over the limit per order, TK003 outside the sale window, TK004 event not on sale, TK005 over the limit per buyer, P0002 unknown event or tier, 22023 bad argument or a key used with other content.';

CREATE FUNCTION evently.reserve_tier(
	event_id bigint, buyer_id bigint, tier_id bigint, quantity integer,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reserve_tier';
COMMENT ON FUNCTION evently.reserve_tier IS
'Hold tickets of one tier: reserve_tickets for the common case. Result and errors: as there.';

CREATE FUNCTION evently.try_reserve_tickets(
	event_id bigint, buyer_id bigint, selections jsonb,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.reservation_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_try_reserve_tickets';
COMMENT ON FUNCTION evently.try_reserve_tickets IS
'reserve_tickets that returns a refusal (class TK, P0002, 22023) as a row instead of raising it; a refused call leaves nothing behind and logs nothing.
Result: the order, or sqlstate, message, detail and hint.';

CREATE FUNCTION evently.try_reserve_tier(
	event_id bigint, buyer_id bigint, tier_id bigint, quantity integer,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.reservation_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_try_reserve_tier';
COMMENT ON FUNCTION evently.try_reserve_tier IS
'reserve_tier that returns a refusal (class TK, P0002, 22023) as a row instead of raising it. Result: as try_reserve_tickets.';

CREATE FUNCTION evently.reserve_tickets_batch(requests jsonb)
	RETURNS SETOF evently.batch_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reserve_tickets_batch';
COMMENT ON FUNCTION evently.reserve_tickets_batch IS
'Reserve for many buyers in one transaction: each request succeeds or is refused on its own, earlier ones first.
requests: [{"event_id": 1, "buyer_id": 7, "selections": [{"tier_id": 1, "quantity": 2}], "idempotency_key": "k", "buyer_email": "a@b"}, …], the last two optional; at most evently.batch_max_requests.
Result: a row for each request, in order; sqlstate as reserve_tickets would raise. Errors: 22023 when requests is not such an array.';

CREATE FUNCTION evently.confirm_order(
	order_id bigint, payment_id text, amount numeric DEFAULT NULL, attendees jsonb DEFAULT NULL)
	RETURNS evently.confirmation
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_confirm_order';
COMMENT ON FUNCTION evently.confirm_order IS
'Report a payment; when it is good, the order''s tickets are issued. Safe to repeat and to race.
payment_id: the provider''s id, counts once; null only for an order that costs nothing. amount: what was paid, the order''s total unless given. attendees: [{"tier_id": 1, "name": "Ada", "email": "a@b"}, …], members optional, at most one for each ticket.
Outcome: CONFIRMED; ALREADY_CONFIRMED (this payment was reported before); RECOVERED (paid after the hold lapsed, the tickets were taken again: the sale window does not matter then); REFUND_DUE (paid late and gone, or cancelled); AMOUNT_MISMATCH (the order stays as it is); DUPLICATE_PAYMENT (another payment had confirmed it). The last three mark a refund of this payment DUE.
Errors: P0002 unknown order, 22023 bad argument or a payment of another order, TK006 a free order was cancelled, TK009 a free order''s hold lapsed and its tickets are gone.';

CREATE FUNCTION evently.cancel_order(order_id bigint, reason text) RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_cancel_order';
COMMENT ON FUNCTION evently.cancel_order IS
'Give up a hold: its tickets are for sale again.
Result: the order, CANCELLED. Errors: 22023 no reason, P0002 unknown order, TK006 not PENDING.';

CREATE FUNCTION evently.refund_order(
	order_id bigint, refund_id text, ticket_ids bigint[] DEFAULT NULL, restock boolean DEFAULT true)
	RETURNS evently.refunds
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_refund_order';
COMMENT ON FUNCTION evently.refund_order IS
'Take tickets back and mark their price DUE for refund.
refund_id: names the refund; repeated with the same content it gives the same refund. ticket_ids: all that are left unless given. restock: false adds the tickets to what is held back instead of the sale.
Result: the refund. Errors: 22023 bad argument or an id used with other content, P0002 unknown order or ticket, TK006 the order has no tickets, or one was given back or transferred before.';

CREATE FUNCTION evently.settle_refund(refund_id text, outcome text) RETURNS evently.refunds
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_settle_refund';
COMMENT ON FUNCTION evently.settle_refund IS
'Report whether the money of a refund was returned; a repeated report changes nothing, a FAILED one may still be DONE.
outcome: DONE or FAILED. Result: the refund. Errors: 22023 bad argument, P0002 unknown refund, TK006 already DONE.';
