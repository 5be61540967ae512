-- verify() must be able to fail: each kind of damage that a superuser can do is found, and named.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- A world with something of everything.
SELECT pg_temp.venue(200) AS venue \gset
SELECT pg_temp.draft(max_per_buyer => 20, venue => :venue) AS event \gset
SELECT pg_temp.tier(:event, 100, 10, 'GENERAL', held_back => 5) AS tier, pg_temp.tier(:event, 50, 25, 'VIP') AS vip \gset
SELECT pg_temp.open(:event) \g /dev/null
SELECT pg_temp.hold(:event, :tier, 2, 1) AS held, pg_temp.buy(:event, :tier, 3, 2) AS bought, pg_temp.buy(:event, :vip, 2, 3) AS vips,
	pg_temp.hold(:event, :tier, 1, 4) AS cancelled, pg_temp.hold(:event, :tier, 1, 5) AS expired, pg_temp.buy(:event, :tier, 2, 6) AS part,
	pg_temp.buy(:event, :tier, 1, 7) AS whole, pg_temp.hold(:event, :tier, 1, 8) AS short \gset
SELECT evently.cancel_order(:cancelled, 'no') \g /dev/null
SELECT pg_temp.lapse(:expired) \g /dev/null
SELECT evently.release_expired_orders() \g /dev/null
SELECT evently.confirm_order(:bought, 'dup') \g /dev/null
SELECT evently.confirm_order(:short, 'short', 1) \g /dev/null
SELECT evently.refund_order(:whole, 'whole') \g /dev/null
SELECT evently.refund_order(:part, 'part', (SELECT array_agg(ticket_id) FROM (SELECT min(ticket_id) AS ticket_id FROM evently.tickets WHERE order_id = :part) one)) \g /dev/null
SELECT order_id AS comp FROM evently.issue_comps(:tier, '[{}]') \gset
SELECT event AS event2, tier AS tier2 FROM pg_temp.sale(10) \gset
SELECT pg_temp.hold(:event2, :tier2, 1, 1) AS held2, pg_temp.buy(:event2, :tier2, 1, 2) AS bought2 \gset
SELECT pg_temp.verified();

-- Do damage, look, undo it. check_name and object of what must be found; other finds may come with it.
CREATE FUNCTION pg_temp.finds(damage text, name text, object_like text, detail_like text, description text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	seen text;
	hit boolean;
BEGIN
	BEGIN
		EXECUTE damage;
		SELECT string_agg(format('%s: %s: %s', v.check_name, v.object, v.detail), E'\n' ORDER BY v.check_name, v.object, v.detail),
			bool_or(v.check_name = name AND v.object LIKE object_like AND v.detail LIKE detail_like)
		INTO seen, hit
		FROM evently.verify() v;
		RAISE EXCEPTION USING ERRCODE = 'UNDO1';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		NULL;
	END;
	RETURN ok(hit IS TRUE, format('%s: %s', name, description)) ||
		CASE WHEN hit IS TRUE THEN '' ELSE E'\n' || diag('    found: ' || coalesce(seen, 'nothing')) END;
END
$$;
-- The guards of states would stop some of it: they are off for this transaction.
SET LOCAL session_replication_role = replica;

SELECT pg_temp.finds(pg_temp.fill(damage, 'HELD', :'held', 'BOUGHT', :'bought', 'VIPS', :'vips', 'PART', :'part', 'WHOLE', :'whole', 'COMP', :'comp',
	'VIP', :'vip', 'OTHER', :'tier2', 'TIER', :'tier', 'EVENT', :'event'), name, object, detail, description)
FROM (VALUES
	-- stock
	('UPDATE evently.inventory_shards SET available = available + 1 WHERE tier_id = TIER AND shard = 0', 'stock', 'tier %', '%', 'a ticket appears'),
	('UPDATE evently.inventory_shards SET available = available - 1 WHERE tier_id = TIER AND shard = 0', 'stock', 'tier %', '%', 'a ticket disappears'),
	('UPDATE evently.ticket_tiers SET total_quantity = total_quantity + 1 WHERE tier_id = TIER', 'stock', 'tier %', '%', 'a quantity without stock'),
	('UPDATE evently.ticket_tiers SET held_back = held_back + 1 WHERE tier_id = TIER', 'stock', 'tier %', '%', 'a hold-back without stock'),
	('UPDATE evently.orders SET status = ''EXPIRED'' WHERE order_id = HELD', 'stock', 'tier %', '%', 'a hold ends and gives nothing back'),
	('UPDATE evently.order_items SET quantity = quantity + 1 WHERE order_id = HELD', 'stock', 'tier %', '%', 'a hold of more than was taken'),
	('UPDATE evently.tickets SET status = ''CANCELLED'' WHERE order_id = COMP', 'stock', 'tier %', '%', 'a comp ends and gives nothing back'),
	('DELETE FROM evently.inventory_shards WHERE tier_id = TIER AND shard = 0', 'shards', 'tier %', '1 shard rows instead of 2', 'a shard is missing'),
	('DELETE FROM evently.inventory_shards WHERE tier_id = TIER', 'shards', 'tier %', '0 shard rows instead of 2', 'all shards are missing'),
	('INSERT INTO evently.inventory_shards VALUES (TIER, 63, 0)', 'shards', 'tier %', '3 shard rows instead of 2', 'a shard too many'),
	('UPDATE evently.venues SET capacity = 149', 'capacity', 'event %', 'tiers add up to 150, the venue admits 149', 'a smaller venue'),
	-- tickets
	('DELETE FROM evently.tickets WHERE ticket_id = (SELECT min(ticket_id) FROM evently.tickets WHERE order_id = BOUGHT)', 'tickets', 'order %', 'tier % has 2 tickets instead of 3', 'a ticket is missing'),
	('DELETE FROM evently.tickets WHERE order_id = BOUGHT', 'tickets', 'order %', 'tier % has 0 tickets instead of 3', 'all tickets are missing'),
	('INSERT INTO evently.tickets (order_id, tier_id, event_id) VALUES (BOUGHT, TIER, EVENT)', 'tickets', 'order %', 'tier % has 4 tickets instead of 3', 'a ticket too many'),
	('INSERT INTO evently.tickets (order_id, tier_id, event_id) VALUES (HELD, TIER, EVENT)', 'tickets', 'order %', 'tier % has 1 tickets instead of 0', 'a ticket of a hold'),
	('INSERT INTO evently.tickets (order_id, tier_id, event_id) VALUES (BOUGHT, VIP, EVENT)', 'tickets', 'order %', 'tickets of tier %, which it did not order', 'a ticket of a tier that was not ordered'),
	-- money
	('UPDATE evently.orders SET total_amount = total_amount + 1 WHERE order_id = BOUGHT', 'total', 'order %', 'total 31 is not the sum of its items, 30', 'a total that is not the sum'),
	('DELETE FROM evently.order_items WHERE order_id = HELD', 'total', 'order %', 'no items', 'an order of nothing'),
	('UPDATE evently.order_items SET unit_price = unit_price + 1 WHERE order_id = BOUGHT', 'total', 'order %', '%', 'a price that changed afterwards'),
	('UPDATE evently.payments SET amount = amount - 1 WHERE order_id = BOUGHT AND outcome = ''CONFIRMED''', 'payment', 'order %', '%', 'a payment of less'),
	('DELETE FROM evently.payments WHERE order_id = VIPS', 'payment', 'order %', '%', 'a payment is missing'),
	('UPDATE evently.payments SET outcome = ''CONFIRMED'' WHERE payment_id = ''dup''', 'payment', 'order %', '%2 payments%', 'two payments accepted'),
	('INSERT INTO evently.payments VALUES (''x'', HELD, 20, ''EUR'', ''CONFIRMED'', now())', 'payment', 'order %', '%', 'a payment accepted for a hold'),
	('INSERT INTO evently.payments VALUES (''x'', HELD, 0, ''EUR'', ''CONFIRMED'', now())', 'payment', 'order %', '%', 'a payment of nothing accepted for a hold'),
	('INSERT INTO evently.payments VALUES (''x'', HELD, 5, ''EUR'', ''REFUND_DUE'', now())', 'payment', 'payment x', 'outcome REFUND_DUE, but no refund of it', 'a payment that nobody returns'),
	('DELETE FROM evently.refunds WHERE payment_id = ''dup''', 'payment', 'payment dup', 'outcome DUPLICATE_PAYMENT, but no refund of it', 'a duplicate that nobody returns'),
	('UPDATE evently.refunds SET amount = amount - 1 WHERE payment_id = ''dup''', 'payment', 'payment dup', '%', 'a duplicate returned in part'),
	('UPDATE evently.refunds SET amount = amount - 0.5 WHERE payment_id = ''short''', 'payment', 'payment short', '%', 'a wrong amount returned in part'),
	('UPDATE evently.refunds SET order_id = BOUGHT WHERE payment_id = ''short''', 'payment', 'payment short', '%', 'a refund under another order'),
	('UPDATE evently.refunds SET amount = amount + 1 WHERE refund_id = ''part''', 'refund', 'order %', '11 refunded, tickets given back cost 10', 'a refund of too much'),
	('DELETE FROM evently.refunds WHERE refund_id = ''whole''', 'refund', 'order %', '0 refunded, tickets given back cost 10', 'a refund is missing'),
	('UPDATE evently.tickets SET status = ''VALID'' WHERE order_id = WHOLE', 'refund', 'order %', '%', 'a ticket that was given back is valid again'),
	('UPDATE evently.orders SET status = ''CONFIRMED'' WHERE order_id = PART', 'refund', 'order %', 'status CONFIRMED, but 1 tickets live and 1 given back', 'an order refunded in part that does not say so'),
	('UPDATE evently.orders SET status = ''REFUNDED'' WHERE order_id = PART', 'refund', 'order %', 'status REFUNDED, but 1 tickets live and 1 given back', 'an order that says more than it gave back'),
	('UPDATE evently.orders SET status = ''PARTIALLY_REFUNDED'' WHERE order_id = WHOLE', 'refund', 'order %', '%', 'an order that says less'),
	-- limits, references, states
	('UPDATE evently.buyer_limits SET taken = taken + 1 WHERE event_id = EVENT AND buyer_id = 2', 'buyer limit', 'event %, buyer 2', '4 counted, 3 held and owned', 'a limit counts too many'),
	('UPDATE evently.buyer_limits SET taken = taken - 1 WHERE event_id = EVENT AND buyer_id = 1', 'buyer limit', 'event %, buyer 1', '1 counted, 2 held and owned', 'a limit counts too few'),
	('DELETE FROM evently.buyer_limits WHERE event_id = EVENT AND buyer_id = 2', 'buyer limit', 'event %, buyer 2', '%', 'a limit has forgotten a buyer'),
	('UPDATE evently.order_items SET tier_id = OTHER WHERE order_id = HELD', 'reference', 'order %', 'tier % is not a tier of event %', 'an item of another event''s tier'),
	('UPDATE evently.order_items SET tier_id = 9999999 WHERE order_id = HELD', 'reference', 'order %', '%', 'an item of a tier that is none'),
	('UPDATE evently.orders SET event_id = 9999999 WHERE order_id = HELD', 'reference', 'order %', '%', 'an order of an event that is none'),
	('UPDATE evently.tickets SET event_id = 9999999 WHERE order_id = BOUGHT', 'reference', 'ticket %', 'event 9999999 is not that of order %', 'a ticket of another event'),
	('UPDATE evently.tickets SET transferred_from = 9999999 WHERE order_id = COMP', 'transfer', 'ticket %', 'took the place of ticket 9999999, which is missing', 'a ticket in the place of none'),
	('UPDATE evently.tickets SET transferred_from = (SELECT min(ticket_id) FROM evently.tickets) WHERE order_id = COMP', 'transfer', 'ticket %', 'took the place of ticket %, which is VALID', 'a ticket in the place of a valid one'),
	('UPDATE evently.events SET status = ''COMPLETED'' WHERE event_id = EVENT', 'state', 'order %', 'PENDING, but event % is COMPLETED', 'a hold of an event that is over'),
	('UPDATE evently.events SET status = ''DRAFT'' WHERE event_id = EVENT', 'state', 'order %', 'PENDING, but event % is DRAFT', 'a hold of a draft'),
	('UPDATE evently.events SET status = ''CANCELLED'' WHERE event_id = EVENT', 'state', 'ticket %', 'VALID, but event % is cancelled', 'a valid ticket of a cancelled event')
	) damages (damage, name, object, detail, description);

-- The damage is undone, so the finds were its own.
SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
