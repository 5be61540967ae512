/*
 * State machines and guards. They hold for everyone, a superuser's direct
 * UPDATE included. Transitions are spelled out as FROM>TO. AFTER triggers: a
 * BEFORE trigger would lock each row once more before it is updated. A ticket's
 * states are with its secret (74_).
 */
CREATE FUNCTION evently.check_transition() RETURNS trigger
	LANGUAGE C SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_check_transition';
COMMENT ON FUNCTION evently.check_transition() IS
'Trigger: refuses (TK006) a change of the column status that its arguments, each FROM>TO, do not list';

CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.events
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'DRAFT>PUBLISHED', 'PUBLISHED>ON_SALE', 'PUBLISHED>SOLD_OUT',
		'ON_SALE>SOLD_OUT', 'SOLD_OUT>ON_SALE', 'ON_SALE>PUBLISHED', 'SOLD_OUT>PUBLISHED',
		'PUBLISHED>COMPLETED', 'ON_SALE>COMPLETED', 'SOLD_OUT>COMPLETED',
		'DRAFT>CANCELLED', 'PUBLISHED>CANCELLED', 'ON_SALE>CANCELLED', 'SOLD_OUT>CANCELLED');
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.orders
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'PENDING>CONFIRMED', 'PENDING>CANCELLED', 'PENDING>EXPIRED', 'EXPIRED>CONFIRMED',
		'CONFIRMED>PARTIALLY_REFUNDED', 'CONFIRMED>REFUNDED', 'PARTIALLY_REFUNDED>REFUNDED');
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.refunds
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition('DUE>DONE', 'DUE>FAILED', 'FAILED>DONE');
COMMENT ON TRIGGER check_transition ON evently.events IS 'The states of an event';
COMMENT ON TRIGGER check_transition ON evently.orders IS 'The states of an order';
COMMENT ON TRIGGER check_transition ON evently.refunds IS 'The states of a refund';

CREATE FUNCTION evently.guard_parent() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_guard_parent';
COMMENT ON FUNCTION evently.guard_parent() IS
'Trigger: refuses (23503) to delete or renumber an event or tier that orders refer to';

CREATE TRIGGER guard_parent BEFORE DELETE ON evently.events
	FOR EACH ROW EXECUTE FUNCTION evently.guard_parent();
CREATE TRIGGER guard_parent BEFORE DELETE ON evently.ticket_tiers
	FOR EACH ROW EXECUTE FUNCTION evently.guard_parent();
CREATE TRIGGER guard_parent_key AFTER UPDATE OF event_id ON evently.events
	FOR EACH ROW WHEN (OLD.event_id <> NEW.event_id) EXECUTE FUNCTION evently.guard_parent();
CREATE TRIGGER guard_parent_key AFTER UPDATE OF tier_id, event_id ON evently.ticket_tiers
	FOR EACH ROW WHEN (OLD.tier_id <> NEW.tier_id OR OLD.event_id <> NEW.event_id)
	EXECUTE FUNCTION evently.guard_parent();
COMMENT ON TRIGGER guard_parent ON evently.events IS 'Stands in for a foreign key from orders';
COMMENT ON TRIGGER guard_parent ON evently.ticket_tiers IS 'Stands in for a foreign key from order items';
COMMENT ON TRIGGER guard_parent_key ON evently.events IS 'Stands in for a foreign key from orders';
COMMENT ON TRIGGER guard_parent_key ON evently.ticket_tiers IS 'Stands in for a foreign key from order items';

CREATE FUNCTION evently.start_buyer_limit() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_start_buyer_limit';
COMMENT ON FUNCTION evently.start_buyer_limit() IS
'Trigger: when an event gets a limit per buyer, waits for the sales under way and has every buyer counted anew';

CREATE TRIGGER start_buyer_limit AFTER UPDATE OF max_tickets_per_buyer ON evently.events
	FOR EACH ROW WHEN (OLD.max_tickets_per_buyer IS NULL AND NEW.max_tickets_per_buyer IS NOT NULL)
	EXECUTE FUNCTION evently.start_buyer_limit();
COMMENT ON TRIGGER start_buyer_limit ON evently.events IS 'A limit that begins in mid-sale counts what was bought before';
