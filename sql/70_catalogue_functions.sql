/*
 * The catalogue's functions (src/catalogue.c, event_state.c, tier_stock.c).
 *
 * Every function here and in the next modules runs as the extension's owner
 * with a pinned path. How their statements are planned: src/spi_util.c.
 */
CREATE FUNCTION evently.create_venue(
	name text, capacity integer, type text, timezone text,
	location geography DEFAULT NULL, address text DEFAULT NULL, city text DEFAULT NULL,
	country_code text DEFAULT NULL, facilities jsonb DEFAULT '{}',
	setup_hours numeric DEFAULT 0, teardown_hours numeric DEFAULT 0,
	hire_rate numeric DEFAULT 0, currency text DEFAULT 'EUR')
	RETURNS evently.venues
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_create_venue';
COMMENT ON FUNCTION evently.create_venue IS
'Enter a venue.
type: ARENA, CONFERENCE_CENTER, THEATER or OUTDOOR; timezone: a name the server knows, such as Europe/London; location: a point; facilities: a jsonb object; setup_hours, teardown_hours: 0 to 720; hire_rate: for an hour.
Result: the venue. Errors: 22023 bad argument.';

CREATE FUNCTION evently.create_event(
	organizer_id bigint, title text, category text,
	start_time timestamptz, end_time timestamptz, venue_id bigint DEFAULT NULL,
	description text DEFAULT NULL, language text DEFAULT 'english',
	doors_open timestamptz DEFAULT NULL, cover_image_url text DEFAULT NULL,
	age_restriction integer DEFAULT NULL, currency text DEFAULT NULL,
	hold_duration interval DEFAULT NULL, max_tickets_per_buyer integer DEFAULT NULL,
	transfer_deadline timestamptz DEFAULT NULL)
	RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_create_event';
COMMENT ON FUNCTION evently.create_event IS
'Enter an event as a draft.
category: CONCERT, CONFERENCE, SPORTS or FESTIVAL; doors_open: 6 hours before the start unless given; currency: the venue''s, or EUR, unless given; hold_duration: 10 seconds to 60 days, evently.order_ttl unless given.
Result: the event. Errors: 22023 bad argument, P0002 unknown venue, TK006 venue not active.';

CREATE FUNCTION evently.create_tier(
	event_id bigint, name text, price numeric, total_quantity integer,
	sale_start timestamptz DEFAULT NULL, sale_end timestamptz DEFAULT NULL,
	max_per_order integer DEFAULT 10, shards integer DEFAULT NULL, held_back integer DEFAULT 0)
	RETURNS evently.ticket_tiers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_create_tier';
COMMENT ON FUNCTION evently.create_tier IS
'Add a tier of tickets to an event.
total_quantity: 0 to 10,000,000; max_per_order: 1 to 10,000; shards: rows the stock is spread over, 1 to 64, one for every 50 tickets unless given; held_back: kept from public sale.
Result: the tier. Errors: 22023 bad argument, P0002 unknown event, 23505 name taken, TK006 event cancelled or completed, TK011 over the venue''s capacity.';

CREATE FUNCTION evently.set_tier_quantity(tier_id bigint, total integer)
	RETURNS evently.ticket_tiers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_set_tier_quantity';
COMMENT ON FUNCTION evently.set_tier_quantity IS
'Change how many tickets a tier has in all.
total: never below what is held, sold and held back.
Result: the tier. Errors: 22023 bad argument, P0002 unknown tier, TK001 too few unsold, TK006 event cancelled or completed, TK011 over the venue''s capacity.';

CREATE FUNCTION evently.set_held_back(tier_id bigint, n integer)
	RETURNS evently.ticket_tiers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_set_held_back';
COMMENT ON FUNCTION evently.set_held_back IS
'Keep n tickets of a tier from public sale; what was kept beyond that goes on sale.
Result: the tier. Errors: 22023 bad argument, P0002 unknown tier, TK001 too few unsold, TK006 event cancelled or completed.';

CREATE FUNCTION evently.issue_comps(tier_id bigint, attendees jsonb)
	RETURNS SETOF evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_issue_comps';
COMMENT ON FUNCTION evently.issue_comps IS
'Issue free tickets out of what a tier holds back.
attendees: [{"name": "Ada", "email": "ada@example.org"}, …], one for each ticket, both members optional.
Result: the tickets, in the order given. Errors: 22023 bad argument, P0002 unknown tier, TK001 not enough held back, TK006 event cancelled or completed.';

CREATE FUNCTION evently.publish_event(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_publish_event';
COMMENT ON FUNCTION evently.publish_event IS
'DRAFT to PUBLISHED: the public may see the event. Result: the event. Errors: P0002 unknown event, TK006 wrong state, or no confirmed booking of its venue (evently.require_booking).';

CREATE FUNCTION evently.open_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_open_sale';
COMMENT ON FUNCTION evently.open_sale IS
'PUBLISHED to ON_SALE (to SOLD_OUT when no ticket is left). Result: the event. Errors: P0002 unknown event, TK006 wrong state or no tiers.';

CREATE FUNCTION evently.pause_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_pause_sale';
COMMENT ON FUNCTION evently.pause_sale IS
'ON_SALE or SOLD_OUT to PUBLISHED: no new reservations; holds may still be paid. Result: the event. Errors: P0002 unknown event, TK006 wrong state.';

CREATE FUNCTION evently.resume_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_open_sale';
COMMENT ON FUNCTION evently.resume_sale IS
'Take up a paused sale: the same change as open_sale. Result: the event. Errors: P0002 unknown event, TK006 wrong state or no tiers.';

CREATE FUNCTION evently.complete_event(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_complete_event';
COMMENT ON FUNCTION evently.complete_event IS
'PUBLISHED, ON_SALE or SOLD_OUT to COMPLETED; unpaid holds end. Result: the event. Errors: P0002 unknown event, TK006 wrong state.';

CREATE FUNCTION evently.cancel_event(
	event_id bigint, reason text, keep_booking boolean DEFAULT false) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_cancel_event';
COMMENT ON FUNCTION evently.cancel_event IS
'Cancel an event: holds and tickets end, what was paid is marked DUE for refund, buyers and attendees are told.
keep_booking: keeps the venue booked, for another event (assign_booking) or time (reschedule_booking); else its slot is free.
Result: the event. Errors: 22023 no reason, P0002 unknown event, TK006 wrong state.';
