/*
 * The waitlist's functions (src/waitlist.c, offers.c; what a line gets is
 * decided in src/line.c).
 */
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.waitlist_entries
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'WAITING>OFFERED', 'WAITING>LEFT', 'WAITING>CLOSED',
		'OFFERED>CLAIMED', 'OFFERED>LEFT', 'OFFERED>LAPSED', 'OFFERED>CLOSED');
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.waitlist_offers
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'OPEN>CLAIMED', 'OPEN>DECLINED', 'OPEN>LAPSED', 'OPEN>CANCELLED');
COMMENT ON TRIGGER check_transition ON evently.waitlist_entries IS 'The states of an entry';
COMMENT ON TRIGGER check_transition ON evently.waitlist_offers IS 'The states of an offer';

CREATE FUNCTION evently.join_waitlist(
	tier_id bigint, user_id bigint, quantity integer DEFAULT 1, email text DEFAULT NULL)
	RETURNS evently.waitlist_entries
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_join_waitlist';
COMMENT ON FUNCTION evently.join_waitlist IS
'Stand at the end of a tier''s line; repeated with the same quantity it gives the same entry.
quantity: all of them or none, 1 to the tier''s max_per_order; email: where offers are sent.
Result: the entry, WAITING (or OFFERED when repeated). Errors: TK030 the tier can serve that quantity now, TK002 over the limit per order, TK003 outside the sale window or the event has started, TK004 event not on sale, TK005 over the limit per buyer, TK006 already in this line with another quantity, P0002 unknown tier, 22023 bad argument.';

CREATE FUNCTION evently.waitlist_position(tier_id bigint, user_id bigint) RETURNS integer
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT count(*)::integer
	FROM evently.waitlist_entries mine
	JOIN evently.waitlist_entries w ON w.tier_id = mine.tier_id AND w.position <= mine.position
	WHERE mine.tier_id = $1 AND mine.user_id = $2 AND mine.status = 'WAITING'
		AND w.status = 'WAITING'
	HAVING count(*) > 0;
END;
COMMENT ON FUNCTION evently.waitlist_position IS
'A user''s place in a tier''s line: 1 is the next. Result: null when the user does not wait there.';

CREATE FUNCTION evently.leave_waitlist(tier_id bigint, user_id bigint)
	RETURNS evently.waitlist_entries
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_leave_waitlist';
COMMENT ON FUNCTION evently.leave_waitlist IS
'Leave a tier''s line; an open offer is declined, its tickets go to the next in line.
Result: the entry, LEFT. Errors: P0002 the user does not stand in this line.';

CREATE FUNCTION evently.claim_offer(offer_id bigint, user_id bigint) RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_claim_offer';
COMMENT ON FUNCTION evently.claim_offer IS
'Turn an offer into an order with the usual hold; repeated it gives the same order.
Result: the order, PENDING. Errors: TK031 the offer has lapsed or ended, TK022 it is another user''s, TK004 event not on sale, TK005 over the limit per buyer (the offer stays), P0002 unknown offer.';

CREATE FUNCTION evently.decline_offer(offer_id bigint, user_id bigint) RETURNS evently.waitlist_offers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_decline_offer';
COMMENT ON FUNCTION evently.decline_offer IS
'Decline an offer: its tickets go to the next in line, and the user has left it. Repeated it changes nothing.
Result: the offer, DECLINED. Errors: TK031 the offer has lapsed or ended, TK022 it is another user''s, P0002 unknown offer.';

CREATE FUNCTION evently.release_expired_offers(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_release_expired_offers';
COMMENT ON FUNCTION evently.release_expired_offers IS
'End offers that were not claimed in time and hand their tickets to the next in line; several callers share the work.
batch_size: at most so many offers, 1 to 100,000. Result: the number ended. Errors: 22023 bad argument.';

CREATE FUNCTION evently.settle_waitlists(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_settle_waitlists';
COMMENT ON FUNCTION evently.settle_waitlists IS
'End the gathering of stock whose time is over, and close the lines of tiers whose sale has ended.
batch_size: at most so many lines, and so many entries of a line that closes, 1 to 100,000. Result: the number of lines and entries changed. Errors: 22023 bad argument.';
