-- A database with everything in it: what the tests of dumps, updates and copies
-- start from (test/perl/FullDatabase.pm). Every table has rows, every state and
-- outcome is there, and the ids are those of node 3.
--
-- It runs under the SQL of every released version: what a later one brought is
-- asked for first.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\o /dev/null
SET client_min_messages = warning;

SELECT evently.set_node(3);
-- Refused orders and rolled-back ones have taken ids too.
BEGIN;
SELECT * FROM evently.create_venue('Never', 1, 'ARENA', 'UTC');
ROLLBACK;

-- --- Venues and their bookings ------------------------------------------------
SELECT venue_id AS hall FROM evently.create_venue('Town Hall', 5000, 'THEATER', 'Europe/London',
	evently.geo_point(51.5074, -0.1278), '1 High Street', 'London', 'GB',
	'{"parking": 40, "catering": true, "av_equipment": ["beamer", "PA"]}', 2.5, 1, 120.50, 'GBP') \gset
SELECT venue_id AS field FROM evently.create_venue('The Field', 20000, 'OUTDOOR', 'America/New_York', currency => 'USD') \gset
UPDATE evently.venues SET is_active = false
WHERE venue_id = (SELECT venue_id FROM evently.create_venue(E'Ruin "old"\nand \\closed', 10, 'ARENA', 'UTC'));

-- Tonight: on sale, and its doors are open.
SELECT event_id AS tonight FROM evently.create_event(71, 'The Full Concert', 'CONCERT',
	now() + interval '2 hours', now() + interval '6 hours', description => E'Strings, "brass"\tand\nDrums; naïve — Ω \\N',
	doors_open => now() - interval '1 hour', age_restriction => 6, cover_image_url => 'https://example.org/c.png',
	hold_duration => '20 minutes', currency => 'GBP') \gset
SELECT booking_id AS evening FROM evently.book_venue(:hall, :tonight, now() + interval '1 hour', now() + interval '7 hours') \gset
SELECT * FROM evently.add_booking_addon(:evening, 'CATERING', 'Sandwiches', 99.95);
SELECT * FROM evently.add_booking_addon(:evening, 'LIGHT', NULL, 0);
SELECT tier_id AS general FROM evently.create_tier(:tonight, 'GENERAL', 10.50, 400, shards => 8) \gset
SELECT tier_id AS vip FROM evently.create_tier(:tonight, 'VIP', 99.999, 20, held_back => 6, max_per_order => 4) \gset
SELECT * FROM evently.publish_event(:tonight);
SELECT * FROM evently.open_sale(:tonight);
UPDATE evently.events SET last_admission = '2 hours',
	gate_tiers = jsonb_build_object('North', jsonb_build_array(:general, :vip)) WHERE event_id = :tonight;

-- A hire with half of its deposit, one whose deposit goes back, one that was given back.
SELECT booking_id AS hire FROM evently.book_venue(:hall, NULL, now() + interval '40 days', now() + interval '41 days', 0.25, 0.75, 500, now() + interval '20 days') \gset
SELECT * FROM evently.pay_deposit(:hire, 250, 'deposit-half');
SELECT booking_id AS off FROM evently.book_venue(:field, NULL, now() + interval '50 days', now() + interval '51 days', deposit_required => 100) \gset
SELECT * FROM evently.pay_deposit(:off, 60, 'deposit-due');
SELECT * FROM evently.pay_deposit(:off, 40, 'deposit-returned');
SELECT * FROM evently.cancel_booking(:off, 'rain');
SELECT * FROM evently.settle_deposit_return('deposit-returned');
-- The same time again: the cancelled one does not stand in its way.
SELECT * FROM evently.book_venue(:field, NULL, now() + interval '50 days', now() + interval '51 days');

-- --- Orders in every state, payments of every outcome ---------------------------
SELECT order_id AS held FROM evently.reserve_tickets(:tonight, 101,
	jsonb_build_array(jsonb_build_object('tier_id', :general, 'quantity', 3), jsonb_build_object('tier_id', :vip, 'quantity', 1)),
	'key-1', 'held@example.org') \gset
SELECT order_id AS paid FROM evently.reserve_tier(:tonight, 102, :general, 6, 'key-1', 'Ada@Example.org') \gset
SELECT * FROM evently.confirm_order(:paid, 'pay-wrong', 1);
SELECT * FROM evently.confirm_order(:paid, 'pay-1', 63, '[{"name": "Ada", "email": "ada@example.org"}, {"name": "Bo \"B\" O''Neil"}]');
SELECT * FROM evently.confirm_order(:paid, 'pay-twice');
SELECT order_id AS gone FROM evently.reserve_tier(:tonight, 103, :general, 2) \gset
SELECT * FROM evently.cancel_order(:gone, 'changed my mind');
SELECT * FROM evently.confirm_order(:gone, 'pay-late');
SELECT order_id AS lapsed FROM evently.reserve_tier(:tonight, 104, :general, 2, 'lapses') \gset
SELECT order_id AS recovered FROM evently.reserve_tier(:tonight, 105, :general, 1) \gset
UPDATE evently.orders SET expires_at = created_at WHERE order_id IN (:lapsed, :recovered);
SELECT evently.release_expired_orders();
SELECT * FROM evently.confirm_order(:recovered, 'pay-recovered');
SELECT order_id AS returned FROM evently.reserve_tier(:tonight, 106, :general, 2, buyer_email => 'six@example.org') \gset
SELECT * FROM evently.confirm_order(:returned, 'pay-2');
SELECT * FROM evently.refund_order(:returned, 'refund-all');
SELECT * FROM evently.settle_refund('refund-all', 'DONE');
SELECT order_id AS partly FROM evently.reserve_tier(:tonight, 107, :vip, 3) \gset
SELECT * FROM evently.confirm_order(:partly, 'pay-3');
SELECT * FROM evently.refund_order(:partly, 'refund-one', ARRAY[(SELECT min(ticket_id) FROM evently.tickets WHERE order_id = :partly)], false);
SELECT * FROM evently.settle_refund('refund-one', 'FAILED');
SELECT * FROM evently.issue_comps(:vip, '[{"name": "The Mayor", "email": "mayor@example.org"}, {}]');
SELECT * FROM evently.reserve_tickets_batch(jsonb_build_array(jsonb_build_object('event_id', :tonight, 'buyer_id', 108,
	'selections', jsonb_build_array(jsonb_build_object('tier_id', :general, 'quantity', 1)), 'idempotency_key', 'b')));
SELECT * FROM evently.try_reserve_tier(:tonight, 109, :vip, 1000);

-- A limit per buyer.
SELECT event_id AS limited FROM evently.create_event(72, 'Limited Lecture', 'CONFERENCE',
	now() + interval '30 days', now() + interval '30 days 2 hours', :field, max_tickets_per_buyer => 4, language => 'german',
	description => 'Über die Bäume') \gset
SELECT * FROM evently.book_venue(:field, :limited, now() + interval '29 days', now() + interval '31 days');
SELECT tier_id AS seat FROM evently.create_tier(:limited, 'SEAT', 0, 50, sale_end => now() + interval '29 days') \gset
SELECT * FROM evently.publish_event(:limited);
SELECT * FROM evently.open_sale(:limited);
SELECT order_id AS free FROM evently.reserve_tier(:limited, 101, :seat, 3) \gset
SELECT * FROM evently.confirm_order(:free, NULL);
SELECT * FROM evently.reserve_tier(:limited, 102, :seat, 4);

-- --- Tickets: entered, changed hands, reissued; the door, online and offline -----
SELECT array_agg(ticket_id ORDER BY ticket_id) AS t FROM evently.tickets WHERE order_id = :paid \gset
SELECT * FROM evently.rotate_event_key(:tonight);
SELECT * FROM evently.tickets t, evently.check_in(t.qr_code::text, :tonight, 'North', 'scanner 1')
WHERE t.ticket_id = (:'t'::bigint[])[1];
SELECT * FROM evently.tickets t, evently.check_in(t.qr_code::text, :tonight, 'North', 'scanner 2')
WHERE t.ticket_id = (:'t'::bigint[])[1];
SELECT * FROM evently.check_in('not a ticket', :tonight, 'South', 'scanner 2');
SELECT * FROM evently.transfer_ticket((:'t'::bigint[])[2], 'ada@example.org', 'Grace', 'grace@example.org');
SELECT * FROM evently.assign_attendee((:'t'::bigint[])[3], 'Linus', 'linus@example.org');
SELECT * FROM evently.reissue_ticket((:'t'::bigint[])[4], 'lost');
SELECT * FROM evently.sync_check_ins(:tonight, 'offline 1', jsonb_build_array(
	jsonb_build_object('scan_id', 'a', 'token', (SELECT qr_code FROM evently.tickets WHERE ticket_id = (:'t'::bigint[])[5]),
		'scanned_at', now() - interval '1 minute', 'gate', 'North'),
	jsonb_build_object('scan_id', 'b', 'token', (SELECT qr_code FROM evently.tickets WHERE ticket_id = (:'t'::bigint[])[1]),
		'scanned_at', now() - interval '30 minutes', 'gate', 'North'),
	jsonb_build_object('scan_id', 'c', 'token', (SELECT evently.ticket_token((:'t'::bigint[])[6])),
		'scanned_at', now() - interval '2 minutes', 'gate', 'North')));
SELECT * FROM evently.undo_check_in((:'t'::bigint[])[6], 'wrong person');

-- --- A line: waiting, offered, claimed, lapsed, left, closed ----------------------
SELECT event_id AS small FROM evently.create_event(71, 'A Small Match', 'SPORTS',
	now() + interval '10 days', now() + interval '10 days 2 hours') \gset
SELECT tier_id AS spot FROM evently.create_tier(:small, 'GENERAL', 5, 4) \gset
SELECT tier_id AS group_spot FROM evently.create_tier(:small, 'GROUP', 5, 4) \gset
SELECT * FROM evently.publish_event(:small);
SELECT * FROM evently.open_sale(:small);
SELECT array_agg(order_id) AS sold FROM generate_series(1, 4) n
	CROSS JOIN LATERAL evently.reserve_tier(:small, 200 + n, :spot, 1) \gset
SELECT (evently.confirm_order(o, 'pay-small-' || o)).outcome FROM unnest(:'sold'::bigint[]) o;
SELECT * FROM generate_series(1, 6) n CROSS JOIN LATERAL evently.join_waitlist(:spot, 300 + n, 1, format('w%s@example.org', n));
SELECT * FROM evently.refund_order((:'sold'::bigint[])[1], 'refund-line-1');
SELECT (evently.claim_offer(offer_id, 301)).status FROM evently.waitlist_offers WHERE user_id = 301;
SELECT * FROM evently.refund_order((:'sold'::bigint[])[2], 'refund-line-2');
UPDATE evently.waitlist_offers SET expires_at = offered_at WHERE user_id = 302;
SELECT evently.release_expired_offers();
SELECT * FROM evently.leave_waitlist(:spot, 305);
SELECT evently.decline_offer(offer_id, 303) FROM evently.waitlist_offers WHERE user_id = 303;
-- A group, for which one ticket gathers.
SELECT order_id AS one FROM evently.reserve_tier(:small, 210, :group_spot, 1) \gset
SELECT * FROM evently.reserve_tier(:small, 211, :group_spot, 3);
SELECT * FROM evently.join_waitlist(:group_spot, 310, 3, 'group@example.org');
SELECT * FROM evently.cancel_order(:one, 'no');
SELECT event_id AS cancelled FROM evently.create_event(71, 'Cancelled Festival', 'FESTIVAL',
	now() + interval '60 days', now() + interval '61 days') \gset
SELECT tier_id AS c_tier FROM evently.create_tier(:cancelled, 'GENERAL', 1, 1) \gset
SELECT * FROM evently.publish_event(:cancelled);
SELECT * FROM evently.open_sale(:cancelled);
SELECT order_id AS c_order FROM evently.reserve_tier(:cancelled, 101, :c_tier, 1, buyer_email => 'c@example.org') \gset
SELECT * FROM evently.confirm_order(:c_order, 'pay-cancelled');
SELECT * FROM evently.join_waitlist(:c_tier, 102);
SELECT * FROM evently.cancel_event(:cancelled, 'storm');

-- --- Events in every other state ---------------------------------------------------
SELECT * FROM evently.create_event(73, 'A Draft', 'CONCERT', now() + interval '90 days', now() + interval '91 days');
SELECT event_id AS e FROM evently.create_event(73, 'A Published Play', 'CONCERT', now() + interval '92 days', now() + interval '93 days') \gset
SELECT * FROM evently.publish_event(:e);
SELECT event_id AS e FROM evently.create_event(73, 'A Sold-out Duel', 'SPORTS', now() + interval '94 days', now() + interval '95 days') \gset
SELECT tier_id AS e_tier FROM evently.create_tier(:e, 'GENERAL', 1, 1) \gset
SELECT * FROM evently.publish_event(:e);
SELECT * FROM evently.open_sale(:e);
SELECT order_id AS e_order FROM evently.reserve_tier(:e, 101, :e_tier, 1) \gset
SELECT * FROM evently.confirm_order(:e_order, 'pay-duel');
SELECT event_id AS e FROM evently.create_event(73, 'A Completed Gala', 'CONCERT', now() + interval '96 days', now() + interval '97 days') \gset
SELECT * FROM evently.publish_event(:e);
SELECT * FROM evently.complete_event(:e);
SELECT event_id AS e FROM evently.create_event(73, 'A Paused Tour', 'CONCERT', now() + interval '98 days', now() + interval '99 days') \gset
SELECT * FROM evently.create_tier(:e, 'GENERAL', 1, 100);
SELECT * FROM evently.publish_event(:e);
SELECT * FROM evently.open_sale(:e);
SELECT * FROM evently.pause_sale(:e);

-- --- Roles, since 0.2.0 (the server has them: see FullDatabase.pm) ---------------------
SELECT to_regproc('evently.grant_role') IS NOT NULL AS has_roles \gset
\if :has_roles
SELECT evently.grant_role('full_app', 'app');
SELECT evently.grant_role('full_organizer', 'organizer', 71);
SELECT evently.grant_role('full_scanner', 'scanner', 71);
SELECT evently.grant_role('full_reporter', 'reporter');
\endif

-- --- The outbox and the jobs ---------------------------------------------------------
SELECT evently.ack_notification(notification_id) FROM evently.claim_notifications(1);
SELECT notification_id AS n FROM evently.claim_notifications(1) \gset
UPDATE evently.notifications SET status = 'DEAD', closed_at = now(), last_error = 'no such mailbox' WHERE notification_id = :n;
SELECT evently.fail_notification(notification_id, 'try later') FROM evently.claim_notifications(1);
-- Twice: sales are rolled up once every transaction before a run is over.
CALL evently.run_jobs();
CALL evently.run_jobs();
INSERT INTO evently.job_failures VALUES ('release_expired_orders', 1, 'XX000', 'a row that a job left out', 1, now(), now(), now() + interval '1 hour');
-- What the job would have looked through at its next run.
INSERT INTO evently.sold_out_checks (event_id) VALUES (:small);
\o
