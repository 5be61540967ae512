-- A year of sales, loaded through the tables: venues in eight time zones, their
-- events (past and coming), orders of every kind, payments, tickets, refunds,
-- transfers, comps, scans. verify() finds nothing wrong with it.
--
--   psql -v tickets=10000000 [-v events=2500] [-v today=2026-01-01] -f bench/load-sales.sql
--
-- The same arguments give the same rows: whatever is drawn is a hash of a number.
-- Into a fresh database, by a superuser; foreign keys are not checked meanwhile.
\set ON_ERROR_STOP 1
\if :{?today}
\else
SELECT current_date AS today \gset
\endif
\if :{?events}
\else
SELECT greatest(20, :tickets / 4000) AS events \gset
\endif
SET client_min_messages = warning;
SET timezone = 'UTC';
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';
SELECT ceil(:tickets * 0.4445) AS orders, timestamptz :'today' AS today \gset

CREATE SCHEMA IF NOT EXISTS bench;
-- A number from [0, 1), by what is drawn for what.
CREATE FUNCTION bench.draw(n bigint, of_what integer) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (hashint8extended(n, of_what) & 1073741823)::double precision / 1073741824::double precision;

BEGIN;
INSERT INTO evently.venues (venue_id, name, city, country_code, capacity, type, timezone, currency)
SELECT v, 'Hall ' || v, z.city, z.country, 1000000, 'ARENA', z.zone, z.currency
FROM generate_series(1, :events / 10) v
JOIN (VALUES (0, 'London', 'GB', 'Europe/London', 'GBP'), (1, 'Berlin', 'DE', 'Europe/Berlin', 'EUR'),
	(2, 'New York', 'US', 'America/New_York', 'USD'), (3, 'Los Angeles', 'US', 'America/Los_Angeles', 'USD'),
	(4, 'Tokyo', 'JP', 'Asia/Tokyo', 'JPY'), (5, 'Delhi', 'IN', 'Asia/Kolkata', 'INR'),
	(6, 'Sydney', 'AU', 'Australia/Sydney', 'AUD'), (7, 'Sao Paulo', 'BR', 'America/Sao_Paulo', 'BRL'))
	z (n, city, country, zone, currency) ON z.n = v % 8;

-- From ten months ago to four ahead; one in fifty is cancelled.
CREATE UNLOGGED TABLE bench.event AS
SELECT e AS event_id, 1 + e % greatest(1, :events / 10) AS venue_id, s.start_time, d.sale_start,
	least(timestamptz :'today', s.start_time - interval '1 hour') AS sale_end, s.start_time < :'today' AS is_past,
	e % 50 = 7 AS is_cancelled,
	greatest(d.sale_start, least(timestamptz :'today', s.start_time) - interval '2 days') AS cancelled_at,
	5 * (2 + (bench.draw(e, 1) * 16)::integer) AS price
FROM generate_series(1, :events) e
CROSS JOIN LATERAL (SELECT date_trunc('hour', timestamptz :'today' + (bench.draw(e, 2) * 420 - 300) * interval '1 day') AS start_time) s
CROSS JOIN LATERAL (SELECT least(timestamptz :'today', s.start_time) - interval '90 days' AS sale_start) d;
INSERT INTO evently.events (event_id, organizer_id, venue_id, title, category, status, start_time, end_time, doors_open, currency, cancel_reason, created_at)
SELECT e.event_id, 1 + e.event_id % 200, e.venue_id, 'Event ' || e.event_id, (ARRAY['CONCERT', 'CONFERENCE', 'SPORTS', 'FESTIVAL'])[1 + e.event_id % 4],
	CASE WHEN e.is_cancelled THEN 'CANCELLED' WHEN e.is_past THEN 'COMPLETED' ELSE 'ON_SALE' END,
	e.start_time, e.start_time + interval '3 hours', e.start_time - interval '2 hours', v.currency,
	CASE WHEN e.is_cancelled THEN 'storm' END, e.sale_start
FROM bench.event e JOIN evently.venues v ON v.venue_id = e.venue_id;
INSERT INTO evently.venue_bookings (venue_id, event_id, start_time, end_time, status, hire_rate)
SELECT e.venue_id, e.event_id, e.start_time - interval '1 hour', e.start_time + interval '4 hours', 'CONFIRMED', 100
FROM (SELECT x.*, x.start_time - lag(x.start_time) OVER (PARTITION BY x.venue_id ORDER BY x.start_time) AS gap FROM bench.event x) e
WHERE NOT e.is_cancelled AND coalesce(e.gap > interval '6 hours', true);

-- Orders in the order of time. The first events sell most: with 2,500 events the
-- first has two in a hundred. Of a hundred orders one is a comp, eight lapsed, two
-- were cancelled; the others were paid for. Of these three are refunded whole and
-- one in part; one ticket in two hundred orders changes hands.
ANALYZE bench.event, evently.events, evently.venues;
CREATE UNLOGGED TABLE bench.sale AS
SELECT row_number() OVER (ORDER BY o.at, o.n) AS order_id, o.event_id, e.at_end, o.at, o.quantity,
	2 * o.event_id - CASE WHEN bench.draw(o.n, 6) < 0.2 THEN 0 ELSE 1 END AS tier_id,
	CASE WHEN bench.draw(o.n, 6) < 0.2 THEN 2 ELSE 1 END * e.price AS price,
	o.kind, e.is_past, e.is_cancelled,
	CASE WHEN o.kind IN ('PAID', 'COMP') THEN
		CASE WHEN e.is_cancelled THEN o.quantity
			WHEN o.kind = 'PAID' AND bench.draw(o.n, 7) < 0.03 THEN o.quantity
			WHEN o.kind = 'PAID' AND bench.draw(o.n, 7) < 0.04 AND o.quantity > 1 THEN 1 ELSE 0 END ELSE 0 END AS returned,
	CASE WHEN e.is_cancelled THEN e.cancelled_at
		ELSE least(timestamptz :'today', o.at + bench.draw(o.n, 8) * interval '20 days') END AS returned_at,
	o.kind = 'PAID' AND NOT e.is_cancelled AND bench.draw(o.n, 7) > 0.995 AS transferred
FROM (
	SELECT x.n, x.event_id, 1 + (bench.draw(x.n, 4) * 3.999)::integer % 4 AS quantity,
		y.sale_start + bench.draw(x.n, 5) ^ 1.5 * ((CASE WHEN y.is_cancelled THEN y.cancelled_at ELSE y.sale_end END) - y.sale_start) AS at,
		CASE WHEN k.r < 0.01 THEN 'COMP' WHEN k.r < 0.09 THEN 'EXPIRED' WHEN k.r < 0.11 THEN 'CANCELLED' ELSE 'PAID' END AS kind
	FROM (SELECT n, 1 + (bench.draw(n, 3) ^ 2 * (:events - 1))::bigint AS event_id FROM generate_series(1, :orders) n) x
	JOIN bench.event y ON y.event_id = x.event_id
	CROSS JOIN LATERAL (SELECT bench.draw(x.n, 9) AS r) k) o
JOIN (SELECT *, sale_end AS at_end FROM bench.event) e ON e.event_id = o.event_id;
-- Some hold tickets at this moment.
INSERT INTO bench.sale
SELECT :orders + row_number() OVER (ORDER BY e.event_id), e.event_id, e.sale_end, now() - interval '5 minutes', 2, 2 * e.event_id - 1, e.price, 'PENDING', false, false, 0, NULL, false
FROM bench.event e WHERE NOT e.is_past AND NOT e.is_cancelled;

ANALYZE bench.sale;

INSERT INTO evently.orders (order_id, event_id, buyer_id, channel, status, total_amount, currency, payment_id, created_at, expires_at, confirmed_at, cancelled_at, cancel_reason)
SELECT s.order_id, s.event_id, 1 + s.order_id % 100003, CASE s.kind WHEN 'COMP' THEN 'COMP' ELSE 'SALE' END,
	CASE WHEN s.kind IN ('EXPIRED', 'CANCELLED', 'PENDING') THEN s.kind WHEN s.returned = 0 THEN 'CONFIRMED'
		WHEN s.returned = s.quantity THEN 'REFUNDED' ELSE 'PARTIALLY_REFUNDED' END,
	CASE s.kind WHEN 'COMP' THEN 0 ELSE s.quantity * s.price END, e.currency, CASE s.kind WHEN 'PAID' THEN 'pay-' || s.order_id END,
	s.at - interval '2 minutes', s.at + interval '13 minutes', CASE WHEN s.kind IN ('PAID', 'COMP') THEN s.at END,
	CASE s.kind WHEN 'CANCELLED' THEN s.at END, CASE s.kind WHEN 'CANCELLED' THEN 'changed their mind' END
FROM bench.sale s JOIN evently.events e ON e.event_id = s.event_id ORDER BY s.order_id;
INSERT INTO evently.order_items (item_id, order_id, tier_id, quantity, unit_price)
SELECT s.order_id, s.order_id, s.tier_id, s.quantity, CASE s.kind WHEN 'COMP' THEN 0 ELSE s.price END FROM bench.sale s ORDER BY s.order_id;
INSERT INTO evently.payments (payment_id, order_id, amount, currency, outcome, reported_at)
SELECT 'pay-' || s.order_id, s.order_id, s.quantity * s.price, e.currency, 'CONFIRMED', s.at
FROM bench.sale s JOIN evently.events e ON e.event_id = s.event_id WHERE s.kind = 'PAID' ORDER BY s.order_id;

-- The first tickets of an order are those given back, the last the one that
-- changes hands. Of those who could come to a past event, 85 in 100 came.
CREATE UNLOGGED TABLE bench.ticket AS
SELECT row_number() OVER (ORDER BY s.order_id, g.seat) AS ticket_id, s.order_id, s.tier_id, s.event_id, g.seat, s.at, s.returned_at,
	CASE WHEN g.seat <= s.returned THEN 'CANCELLED' WHEN s.transferred AND g.seat = s.quantity THEN 'TRANSFERRED'
		WHEN s.is_past AND bench.draw(s.order_id * 8 + g.seat, 10) < 0.85 THEN 'USED' ELSE 'VALID' END AS status
FROM bench.sale s CROSS JOIN LATERAL generate_series(1, s.quantity) g (seat)
WHERE s.kind IN ('PAID', 'COMP');
ANALYZE bench.ticket;
INSERT INTO evently.tickets (ticket_id, order_id, tier_id, event_id, qr_code, status, issued_at, check_in_time, transferred_from)
SELECT t.ticket_id, t.order_id, t.tier_id, t.event_id, md5('ticket ' || t.ticket_id)::uuid, t.status, t.at,
	CASE t.status WHEN 'USED' THEN e.start_time - bench.draw(t.ticket_id, 11) * interval '110 minutes' END, NULL
FROM bench.ticket t JOIN bench.event e ON e.event_id = t.event_id ORDER BY t.ticket_id;
INSERT INTO evently.tickets (ticket_id, order_id, tier_id, event_id, qr_code, status, issued_at, transferred_from)
SELECT c.n + row_number() OVER (ORDER BY t.ticket_id), t.order_id, t.tier_id, t.event_id, md5('transfer ' || t.ticket_id)::uuid, 'VALID', t.at + interval '1 hour', t.ticket_id
FROM bench.ticket t, (SELECT count(*) AS n FROM bench.ticket) c WHERE t.status = 'TRANSFERRED' ORDER BY t.ticket_id;
INSERT INTO evently.revocations (fingerprint, ticket_id, event_id, reason, revoked_at, changed_xid)
SELECT evently.secret_fingerprint(md5('ticket ' || t.ticket_id)::uuid), t.ticket_id, t.event_id, t.status, coalesce(t.returned_at, t.at), pg_current_xact_id()
FROM bench.ticket t WHERE t.status IN ('CANCELLED', 'TRANSFERRED');
INSERT INTO evently.refunds (refund_id, order_id, payment_id, amount, currency, reason, ticket_ids, created_at, status, settled_at)
SELECT CASE WHEN s.is_cancelled THEN 'event-cancelled:' ELSE 'refund-' END || s.order_id, s.order_id, CASE s.kind WHEN 'PAID' THEN 'pay-' || s.order_id END,
	CASE s.kind WHEN 'COMP' THEN 0 ELSE s.price * s.returned END, e.currency, CASE WHEN s.is_cancelled THEN 'EVENT_CANCELLED' ELSE 'REQUESTED' END,
	t.ids, s.returned_at, CASE WHEN f.due THEN 'DUE' ELSE 'DONE' END, CASE WHEN NOT f.due THEN s.returned_at + interval '1 day' END
FROM bench.sale s
JOIN (SELECT order_id, array_agg(ticket_id ORDER BY ticket_id) AS ids FROM bench.ticket WHERE status = 'CANCELLED' GROUP BY order_id) t ON t.order_id = s.order_id
JOIN evently.events e ON e.event_id = s.event_id
CROSS JOIN LATERAL (SELECT s.kind = 'PAID' AND s.returned_at > timestamptz :'today' - interval '5 days' AS due) f
WHERE s.returned > 0 ORDER BY s.returned_at, s.order_id;

ANALYZE evently.tickets;
-- The door: an entry for each who came, and one scan in twenty again.
INSERT INTO evently.scans (scan_id, event_id, ticket_id, result, told, gate, device, scanned_at, received_at, changed_xid)
SELECT row_number() OVER (ORDER BY k.check_in_time, k.ticket_id), k.event_id, k.ticket_id, 'ADMIT', 'ADMIT', 'Gate ' || k.ticket_id % 8, 'device-' || k.ticket_id % 40,
	k.check_in_time, k.check_in_time, pg_current_xact_id()
FROM evently.tickets k WHERE k.status = 'USED' ORDER BY k.check_in_time, k.ticket_id;
INSERT INTO evently.scans (scan_id, event_id, ticket_id, result, told, gate, device, scanned_at, received_at, changed_xid)
SELECT c.n + row_number() OVER (ORDER BY k.ticket_id), k.event_id, k.ticket_id, 'ALREADY_ADMITTED', 'ALREADY_ADMITTED', 'Gate 1', 'device-1',
	k.check_in_time + interval '5 minutes', k.check_in_time + interval '5 minutes', pg_current_xact_id()
FROM evently.tickets k, (SELECT count(*) AS n FROM evently.scans) c WHERE k.status = 'USED' AND k.ticket_id % 20 = 0;

-- Tiers as large as what was sold, held and is left; their stock.
CREATE UNLOGGED TABLE bench.tier AS
SELECT t.tier_id, t.event_id, t.n, coalesce(k.live, 0) AS live, coalesce(h.held, 0) AS held, t.price, 100 + t.tier_id % 900 AS available
FROM (SELECT 2 * e.event_id - 2 + i AS tier_id, e.event_id, i AS n, i * e.price AS price FROM bench.event e, generate_series(1, 2) i) t
LEFT JOIN (SELECT tier_id, count(*) AS live FROM evently.tickets WHERE status IN ('VALID', 'USED') GROUP BY tier_id) k ON k.tier_id = t.tier_id
LEFT JOIN (SELECT tier_id, sum(quantity) AS held FROM bench.sale WHERE kind = 'PENDING' GROUP BY tier_id) h ON h.tier_id = t.tier_id;
INSERT INTO evently.ticket_tiers (tier_id, event_id, name, price, total_quantity, shards)
SELECT tier_id, event_id, (ARRAY['GENERAL', 'VIP'])[n], price, live + held + available, 4 FROM bench.tier;
INSERT INTO evently.inventory_shards (tier_id, shard, available)
SELECT tier_id, s, available / 4 + CASE WHEN s < available % 4 THEN 1 ELSE 0 END FROM bench.tier, generate_series(0, 3) s;
COMMIT;

SELECT setval('evently.venue_ids', (SELECT max(venue_id) FROM evently.venues)), setval('evently.event_ids', (SELECT max(event_id) FROM evently.events)),
	setval('evently.tier_ids', (SELECT max(tier_id) FROM evently.ticket_tiers)), setval('evently.order_ids', (SELECT max(order_id) FROM evently.orders)),
	setval('evently.order_item_ids', (SELECT max(item_id) FROM evently.order_items)), setval('evently.ticket_ids', (SELECT max(ticket_id) FROM evently.tickets)),
	setval('evently.scan_ids', (SELECT max(scan_id) FROM evently.scans)) \g /dev/null
DROP TABLE bench.event, bench.sale, bench.ticket, bench.tier;
DROP FUNCTION bench.draw;
DROP SCHEMA bench;
SET session_replication_role = origin;
SELECT FROM evently.rebuild_search();
