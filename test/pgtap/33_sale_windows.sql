-- When a tier sells: from sale_start on, until sale_end or the event's end.
\ir include/fixtures.psql
SELECT * FROM no_plan();

SELECT pg_temp.draft() AS event \gset
SELECT tier_id AS early FROM evently.create_tier(:event, 'EARLY_BIRD', 5, 100, NULL, now() - interval '1 second') \gset
SELECT tier_id AS late FROM evently.create_tier(:event, 'LATE', 5, 100, now() + interval '1 day') \gset
SELECT tier_id AS current FROM evently.create_tier(:event, 'GENERAL', 5, 100, now() - interval '1 day', now() + interval '1 day') \gset
SELECT tier_id AS always FROM evently.create_tier(:event, 'VIP', 5, 100) \gset
SELECT pg_temp.open(:event) \g /dev/null

SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :early), 'TK003', '%', 'after the sale');
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :late), 'TK003', '%', 'before the sale');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :current), 'within the window');
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :always), 'without a window');
SELECT pg_temp.refused(format($$SELECT evently.reserve_tickets(%s, 7, '[{"tier_id": %s, "quantity": 1}, {"tier_id": %s, "quantity": 1}]')$$,
	:event, :always, :late), 'TK003', '%', 'one tier of two is not on sale');

-- The clock counts, not the transaction's start: this transaction began before the window.
UPDATE evently.ticket_tiers SET sale_start = clock_timestamp() WHERE tier_id = :late;
SELECT is(sale_start > now(), true, 'a window opened since the transaction began') FROM evently.ticket_tiers WHERE tier_id = :late;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :late), 'is open');
UPDATE evently.ticket_tiers SET sale_end = clock_timestamp() WHERE tier_id = :always;
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :always), 'TK003', '%', 'a window closed since the transaction began is closed');

-- A sale that has no end of its own ends with the event.
UPDATE evently.ticket_tiers SET sale_start = NULL, sale_end = NULL WHERE event_id = :event;
UPDATE evently.events SET doors_open = now() - interval '3 hours', start_time = now() - interval '1 hour', end_time = now() + interval '1 hour'
WHERE event_id = :event;
SELECT lives_ok(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :always), 'while the event is on');
UPDATE evently.events SET end_time = now() - interval '1 second' WHERE event_id = :event;
SELECT pg_temp.refused(format('SELECT evently.reserve_tier(%s, 7, %s, 1)', :event, :always), 'TK003', '%', 'after the event');

-- What was reserved in time may be paid after the window.
SELECT event, tier FROM pg_temp.sale() \gset
SELECT pg_temp.hold(:event, :tier) AS held \gset
UPDATE evently.ticket_tiers SET sale_end = now() - interval '1 second' WHERE tier_id = :tier;
SELECT is((evently.confirm_order(:held, 'pay-window-' || :held)).outcome, 'CONFIRMED', 'a hold may be paid after the sale''s end');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
