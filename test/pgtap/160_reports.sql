-- Sales in reports: event_sales, sales_by_day, order_facts, order_item_facts.
-- Several time zones, days on which the clocks change, two currencies, comps,
-- a transfer, partial and late refunds, a cancelled event; before the roll-up,
-- after it, and with sales since.
\ir include/fixtures.psql
\ir include/door.psql
SET LOCAL timezone = 'America/New_York';
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.show(title text, organizer bigint, zone text, money text, OUT event bigint, OUT general bigint, OUT vip bigint)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT event_id INTO event FROM evently.create_event(organizer, title, 'CONCERT', '2031-06-01 18:00Z', '2031-06-01 21:00Z', currency => money,
		venue_id => (SELECT venue_id FROM evently.create_venue(title || ' Hall', 1000, 'ARENA', zone, city => 'Town', country_code => 'GB') WHERE zone IS NOT NULL));
	general := pg_temp.tier(event, 90, 10, held_back => 5);
	vip := pg_temp.tier(event, 10, 25.5, name => 'VIP');
	PERFORM pg_temp.open(event);
END
$$;
-- Buy of one tier at a given time, as if it had been so.
CREATE FUNCTION pg_temp.buy_at(at timestamptz, event bigint, tier bigint, quantity integer, buyer bigint DEFAULT 7) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	id bigint := pg_temp.buy(event, tier, quantity, buyer);
BEGIN
	UPDATE evently.orders SET created_at = at - interval '90 seconds', confirmed_at = at, expires_at = at + interval '15 minutes' WHERE order_id = id;
	UPDATE evently.tickets SET issued_at = at WHERE order_id = id;
	RETURN id;
END
$$;
CREATE FUNCTION pg_temp.refund_at(at timestamptz, id bigint, tickets bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	name text := (evently.refund_order(id, format('r-%s-%s', id, at), tickets)).refund_id;
BEGIN
	UPDATE evently.refunds SET created_at = at WHERE refund_id = name;
END
$$;

-- London: the clocks go forward on 30 March, at 1:00Z.
SELECT event AS a, general AS ag, vip AS av FROM pg_temp.show('Alpha', 1, 'Europe/London', 'GBP') \gset
SELECT pg_temp.buy_at('2031-03-29 23:30Z', :a, :ag, 2) AS a1 \gset
SELECT pg_temp.buy_at('2031-03-30 00:30Z', :a, :ag, 3) AS a2 \gset
SELECT pg_temp.buy_at('2031-03-30 23:30Z', :a, :av, 1) AS a3 \gset
UPDATE evently.orders SET buyer_email = 'ada@example.org' WHERE order_id = :a1;
SELECT FROM evently.transfer_ticket(pg_temp.ticket(:a1), 'ada@example.org', 'Grace', 'grace@example.org');
SELECT pg_temp.refund_at('2031-04-02 23:15Z', :a2, ARRAY[pg_temp.ticket(:a2, 2)]);
SELECT order_id AS a4 FROM evently.issue_comps(:ag, '[{}, {}, {}]') LIMIT 1 \gset
UPDATE evently.orders SET confirmed_at = '2031-03-30 12:00Z' WHERE order_id = :a4;
SELECT pg_temp.refund_at('2031-03-31 12:00Z', :a4, ARRAY[pg_temp.ticket(:a4, 3)]);
-- None of these is a sale: a hold, a lapsed one, and a payment that goes back.
SELECT pg_temp.hold(:a, :ag, 4) AS a5 \gset
SELECT pg_temp.hold(:a, :ag, 1) AS a6 \gset
SELECT pg_temp.lapse(:a6);
SELECT outcome FROM evently.confirm_order(:a5, 'wrong-' || :a5, 1) \g /dev/null

-- Lord Howe: the clocks go back by half an hour on 6 April, at 5 April 15:00Z.
SELECT event AS b, general AS bg FROM pg_temp.show('Beta', 2, 'Australia/Lord_Howe', 'AUD') \gset
SELECT pg_temp.buy_at('2031-04-05 12:59Z', :b, :bg, 1) AS b1 \gset
SELECT pg_temp.buy_at('2031-04-05 13:01Z', :b, :bg, 2) AS b2 \gset
SELECT pg_temp.buy_at('2031-04-06 13:29Z', :b, :bg, 4) AS b3 \gset
SELECT pg_temp.buy_at('2031-04-06 13:31Z', :b, :bg, 5) AS b4 \gset
SELECT FROM evently.cancel_event(:b, 'storm');
UPDATE evently.refunds SET created_at = '2031-04-20 00:00Z' WHERE reason = 'EVENT_CANCELLED';

-- No venue: days are UTC's. And an event that sold nothing.
SELECT event AS c, general AS cg FROM pg_temp.show('Gamma', 1, NULL, 'EUR') \gset
SELECT pg_temp.buy_at('2031-04-01 23:59Z', :c, :cg, 1) AS c1 \gset
SELECT event AS d FROM pg_temp.show('Delta', 1, NULL, 'EUR') \gset

PREPARE days AS SELECT event_title, day::text, currency, orders, tickets_sold, gross, tickets_returned, refunds, net, comps, comps_returned,
		returned_of_sold, refunds_of_sold, net_of_sold
	FROM evently.sales_by_day ORDER BY event_title COLLATE "C", day;
CREATE FUNCTION pg_temp.days_are_right(description text) RETURNS text
LANGUAGE sql AS $$
	SELECT results_eq('days', $v$VALUES
		('Alpha', '2031-03-29', 'GBP', 1::bigint, 2::bigint, 20::numeric, 0::bigint, 0::numeric, 20::numeric, 0::bigint, 0::bigint, 0::bigint, 0::numeric, 20::numeric),
		('Alpha', '2031-03-30', 'GBP', 1, 3, 30, 0, 0, 30, 3, 0, 1, 10, 20),
		('Alpha', '2031-03-31', 'GBP', 1, 1, 25.5, 0, 0, 25.5, 0, 1, 0, 0, 25.5),
		('Alpha', '2031-04-03', 'GBP', 0, 0, 0, 1, 10, -10, 0, 0, 0, 0, 0),
		('Beta', '2031-04-05', 'AUD', 1, 1, 10, 0, 0, 10, 0, 0, 1, 10, 0),
		('Beta', '2031-04-06', 'AUD', 2, 6, 60, 0, 0, 60, 0, 0, 6, 60, 0),
		('Beta', '2031-04-07', 'AUD', 1, 5, 50, 0, 0, 50, 0, 0, 5, 50, 0),
		('Beta', '2031-04-20', 'AUD', 0, 0, 0, 12, 120, -120, 0, 0, 0, 0, 0),
		('Gamma', '2031-04-01', 'EUR', 1, 1, 10, 0, 0, 10, 0, 0, 0, 0, 10)$v$, description);
$$;
CREATE FUNCTION pg_temp.events_are_right(description text) RETURNS text
LANGUAGE sql AS $$
	SELECT results_eq('SELECT event_title, organizer_id, currency, total_quantity, orders, tickets_sold, tickets_returned, comps, comps_returned, tickets_out,
			percent_sold, gross, refunds, net, average_price, first_sale_day::text, last_sale_day::text FROM evently.event_sales ORDER BY event_title COLLATE "C"', $v$VALUES
		('Alpha', 1::bigint, 'GBP', 100::bigint, 3::bigint, 6::bigint, 1::bigint, 3::bigint, 1::bigint, 7::bigint, 7.0, 75.5, 10::numeric, 65.5, 12.58, '2031-03-29', '2031-03-31'),
		('Beta', 2, 'AUD', 100, 4, 12, 12, 0, 0, 0, 0.0, 120, 120, 0, 10.00, '2031-04-05', '2031-04-07'),
		('Delta', 1, 'EUR', 100, 0, 0, 0, 0, 0, 0, 0.0, 0, 0, 0, NULL, NULL, NULL),
		('Gamma', 1, 'EUR', 100, 1, 1, 0, 0, 0, 1, 1.0, 10, 0, 10, 10.00, '2031-04-01', '2031-04-01')$v$, description);
$$;
-- Roll up what is there. The sales are this transaction's own, which is still
-- running: as if it had ended.
CREATE FUNCTION pg_temp.roll_up(batch integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
	n integer;
	total integer := 0;
BEGIN
	FOR note IN 1..3 LOOP
		UPDATE evently.sales_daily_progress SET noted_xid = '3';
		LOOP
			n := evently.roll_up_daily_sales(batch);
			total := total + n;
			EXIT WHEN n < batch;
		END LOOP;
	END LOOP;
	RETURN total;
END
$$;

SELECT pg_temp.days_are_right('days, before any roll-up');
SELECT pg_temp.events_are_right('events, before any roll-up');
SELECT is((SELECT count(*) FROM evently.sales_daily) + (SELECT count(*) FROM evently.sales_daily_progress), 0::bigint, 'neither sale nor refund writes a row for it');
SELECT results_eq('SELECT event_title, timezone, start_time_local, venue_name, city, status FROM evently.event_sales WHERE event_title IN (''Beta'', ''Delta'') ORDER BY 1',
	$$VALUES ('Beta', 'Australia/Lord_Howe', '2031-06-02 04:30'::timestamp, 'Beta Hall', 'Town', 'CANCELLED'), ('Delta', 'UTC', '2031-06-01 18:00', NULL, NULL, 'ON_SALE')$$, 'events, their places and local times');
SELECT pg_temp.verified();

SELECT is(evently.roll_up_daily_sales(), 0, 'the first run only notes');
SELECT is(evently.roll_up_daily_sales(), 0, 'what may still be in the making is left alone');
SELECT is(pg_temp.roll_up(3), 30, 'tickets and refunds are entered, three at a time');
SELECT is_empty('SELECT * FROM evently.sales_tail', 'nothing is left');
SELECT pg_temp.days_are_right('days, rolled up');
SELECT pg_temp.events_are_right('events, rolled up');
SELECT pg_temp.verified();

-- Sales and refunds since: of a day that has a row, and of one that has none.
SELECT pg_temp.buy_at('2031-04-01 23:58Z', :c, :cg, 3) AS c2 \gset
SELECT pg_temp.buy_at('2031-04-09 10:00Z', :c, :cg, 2) AS c3 \gset
SELECT pg_temp.refund_at('2031-04-09 11:00Z', :c1);
PREPARE gamma AS SELECT day::text, orders, tickets_sold, gross, tickets_returned, refunds, net, net_of_sold FROM evently.sales_by_day WHERE event_title = 'Gamma' ORDER BY day;
CREATE FUNCTION pg_temp.gamma_is_right(description text) RETURNS text
LANGUAGE sql AS $$
	SELECT results_eq('gamma', $v$VALUES ('2031-04-01', 2::bigint, 4::bigint, 40::numeric, 0::bigint, 0::numeric, 40::numeric, 30::numeric),
		('2031-04-09', 1, 2, 20, 1, 10, 10, 20)$v$, description);
$$;
SELECT pg_temp.gamma_is_right('an old day that sells, a new day, a late refund: on top of the roll-up');
SELECT results_eq('SELECT orders, tickets_sold, tickets_returned, gross, refunds, last_sale_day FROM evently.event_sales WHERE event_title = ''Gamma''',
	$$VALUES (3::bigint, 6::bigint, 1::bigint, 60::numeric, 10::numeric, '2031-04-09'::date)$$, 'and in the event''s sums');
SELECT pg_temp.verified();
SELECT is(pg_temp.roll_up(), 6, 'they are entered');
SELECT pg_temp.gamma_is_right('and the same when rolled up');
SELECT pg_temp.verified();

-- A venue's zone is corrected, an event moves to another zone: its days follow.
UPDATE evently.venues SET timezone = 'Australia/Sydney' WHERE name = 'Beta Hall';
SELECT results_eq('SELECT day::text, orders FROM evently.sales_by_day WHERE event_title = ''Beta'' ORDER BY day',
	$$VALUES ('2031-04-05', 1::bigint), ('2031-04-06', 3), ('2031-04-20', 0)$$, 'another zone, other days: 23:31 and 23:29 of 6 April');
SELECT pg_temp.verified();
UPDATE evently.events SET venue_id = (SELECT venue_id FROM evently.venues WHERE name = 'Beta Hall') WHERE event_id = :c;
SELECT is((SELECT string_agg(day::text, ', ' ORDER BY day) FROM evently.sales_by_day WHERE event_id = :c), '2031-04-02, 2031-04-09', 'an event that goes to Sydney');
SELECT pg_temp.verified();

-- Drift is seen and repaired.
UPDATE evently.sales_daily SET gross = gross + 1 WHERE event_id = :a AND day = '2031-03-29';
DELETE FROM evently.sales_daily WHERE event_id = :a AND day = '2031-03-30';
SELECT results_eq($$SELECT check_name, object, substr(detail, 1, 39) FROM evently.verify() ORDER BY 3$$,
	format($$VALUES ('daily sales', 'event %1$s', 'on 2031-03-29 reports count (1, 2, 21, '), ('daily sales', 'event %1$s', 'on 2031-03-30 reports count (), the ord')$$, :a), 'verify() sees it');
SELECT is(evently.rebuild_daily_sales(), 9::bigint, 'rebuild_daily_sales() counts anew');
SELECT pg_temp.verified();
SELECT pg_temp.buy_at('2031-05-01 10:00Z', :c, :cg, 1) AS c4 \gset
SELECT is(evently.rebuild_daily_sales(), 9::bigint, 'only as far as the job may go');
UPDATE evently.sales_daily_progress SET noted_xid = '3';
SELECT evently.roll_up_daily_sales() \g /dev/null
UPDATE evently.sales_daily_progress SET noted_xid = '3';
SELECT is(evently.rebuild_daily_sales(), 10::bigint, 'but as far as it may');
SELECT is_empty('SELECT * FROM evently.sales_tail', 'then nothing is left to it');
SELECT pg_temp.verified();

-- Orders, one by one.
SELECT results_eq(format($$SELECT event_title, channel, status, currency, tickets, amount, gross, tickets_returned, refunds, net, created_at_local, confirmed_at_local,
		sale_day, seconds_to_confirm, days_ahead, organizer_id FROM evently.order_facts WHERE order_id IN (%s, %s) ORDER BY order_id$$, :a2, :a3), $$VALUES
	('Alpha', 'SALE', 'PARTIALLY_REFUNDED', 'GBP', 3::bigint, 30::numeric, 30::numeric, 1::bigint, 10::numeric, 20::numeric,
		'2031-03-30 00:28:30'::timestamp, '2031-03-30 00:30:00'::timestamp, '2031-03-30'::date, 90.000, 63, 1::bigint),
	('Alpha', 'SALE', 'CONFIRMED', 'GBP', 1, 25.5, 25.5, 0, 0, 25.5, '2031-03-31 00:28:30', '2031-03-31 00:30:00', '2031-03-31', 90.000, 62, 1)$$, 'orders');
SELECT results_eq(format('SELECT status, tickets, amount, gross, refunds, net, sale_day FROM evently.order_facts WHERE order_id = %s', :a5),
	$$VALUES ('PENDING', 4::bigint, 40::numeric, 0::numeric, 0::numeric, 0::numeric, NULL::date)$$, 'an unpaid order brings nothing, whatever was paid wrongly and goes back');
SELECT set_eq('SELECT order_id FROM evently.order_facts', 'SELECT order_id FROM evently.orders', 'all orders are there');
SELECT results_eq('SELECT event_id, sum(gross), sum(refunds), sum(net), (sum(tickets) FILTER (WHERE confirmed_at IS NOT NULL))::bigint FROM evently.order_facts GROUP BY 1 HAVING sum(gross) > 0 ORDER BY 1',
	'SELECT event_id, gross, refunds, net, tickets_sold + comps FROM evently.event_sales WHERE orders > 0 ORDER BY 1', 'orders add up to events');
SELECT results_eq('SELECT event_id, sale_day, sum(gross), sum(net) FROM evently.order_facts WHERE confirmed_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2',
	'SELECT event_id, day, gross, net_of_sold FROM evently.sales_by_day WHERE orders + comps > 0 ORDER BY 1, 2', 'and to days');
SELECT results_eq('SELECT order_id, sum(tickets), sum(amount), sum(gross), sum(tickets_returned), sum(refunds), sum(net) FROM evently.order_item_facts GROUP BY 1 ORDER BY 1',
	'SELECT order_id, tickets::numeric, amount, gross, tickets_returned::numeric, refunds, net FROM evently.order_facts ORDER BY 1', 'items add up to orders');
SELECT results_eq(format('SELECT tier_name, sum(tickets), sum(gross), sum(refunds) FROM evently.order_item_facts WHERE event_id = %s AND channel = ''SALE'' AND gross > 0 GROUP BY 1 ORDER BY 1', :a),
	$$VALUES ('GENERAL', 5::numeric, 50::numeric, 10::numeric), ('VIP', 1, 25.5, 0)$$, 'what each tier brought');

-- Refunds due, with the venue's time and no buyer.
SELECT results_eq(format('SELECT reason, amount, currency, created_at_local FROM evently.refunds_due WHERE order_id IN (%s, %s) ORDER BY 1', :a2, :b1),
	$$VALUES ('EVENT_CANCELLED', 10::numeric, 'AUD', '2031-04-20 10:00'::timestamp), ('REQUESTED', 10, 'GBP', '2031-04-03 00:15')$$, 'refunds due');

SELECT * FROM finish();
ROLLBACK;
