-- The match is sold out: two join the waitlist, somebody returns his tickets

SELECT t.tier_id AS tier FROM demo.sold_out_match m JOIN demo.tiers t USING (match)
WHERE t.name = 'GENERAL' \gset
CREATE VIEW demo.line AS
SELECT w.user_id AS "user", w.quantity AS tickets, w.status, evently.waitlist_position(w.tier_id, w.user_id) AS place,
	to_char(o.expires_at - o.offered_at, 'MI "minutes to claim"') AS offer
FROM evently.waitlist_entries w LEFT JOIN evently.waitlist_offers o USING (entry_id)
ORDER BY w.position;

SELECT FROM evently.join_waitlist(:tier, 9000001, 2, 'ada@example.org') \g /dev/null
SELECT FROM evently.join_waitlist(:tier, 9000002, 1, 'bob@example.org') \g /dev/null
SELECT * FROM demo.line;

-- Nobody has gone in with them: a seat whose holder was inside is not sold anew.
\echo '  Two tickets come back: they are for the first in line, never on sale'
SELECT r.amount AS "amount in GBP", r.status
FROM (SELECT o.order_id FROM evently.orders o JOIN evently.order_items i USING (order_id)
	WHERE i.tier_id = :tier AND o.status = 'CONFIRMED' AND o.channel = 'SALE' AND i.quantity = 2
		AND NOT EXISTS (SELECT FROM evently.order_items x WHERE x.order_id = o.order_id AND x.tier_id <> i.tier_id)
		AND NOT EXISTS (SELECT FROM evently.tickets k WHERE k.order_id = o.order_id AND k.status <> 'VALID')
	ORDER BY o.order_id LIMIT 1) o
CROSS JOIN LATERAL evently.refund_order(o.order_id, 'refund-for-the-line') r;
SELECT i.available_quantity AS "on sale", i.offered, i.gathering FROM evently.tier_inventory i WHERE tier_id = :tier;
SELECT * FROM demo.line;

\echo '  Nobody overtakes: a buyer is refused while the offer is open'
SELECT sqlstate, message FROM evently.try_reserve_tier(
	(SELECT event_id FROM demo.sold_out_match), 9000003, :tier, 1);

\echo '  The offer is claimed and paid; the mail that called for it is in the outbox'
SELECT offer_id AS offer FROM evently.waitlist_offers WHERE user_id = 9000001 AND status = 'OPEN' \gset
SELECT (evently.claim_offer(:offer, 9000001)).order_id AS claimed \gset
SELECT c.outcome, cardinality(c.tickets) AS tickets FROM evently.confirm_order(:claimed, 'paid-from-the-line') c;
SELECT kind, recipient, payload ->> 'tier' AS tier, payload ->> 'quantity' AS tickets
FROM evently.notifications WHERE kind LIKE 'WAITLIST%';
SELECT * FROM demo.line;
