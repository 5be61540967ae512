/*
 * Booking venues (src/venue_booking.c, booking_move.c, booking_money.c,
 * venue_search.c).
 */
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.venue_bookings
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'REQUESTED>CONFIRMED', 'REQUESTED>CANCELLED', 'CONFIRMED>CANCELLED');
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.booking_payments
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition('RECEIVED>RETURN_DUE', 'RETURN_DUE>RETURNED');
COMMENT ON TRIGGER check_transition ON evently.venue_bookings IS 'The states of a booking';
COMMENT ON TRIGGER check_transition ON evently.booking_payments IS 'The states of a deposit''s payment';

/* reschedule_booking() changes both in one statement; these look after it. */
CREATE FUNCTION evently.guard_booked_times() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_guard_booked_times';
COMMENT ON FUNCTION evently.guard_booked_times() IS
'Trigger: refuses (TK006) a direct change that puts an event outside the time or the venue booked for it';

CREATE TRIGGER guard_booked_times AFTER UPDATE OF start_time, end_time, venue_id ON evently.events
	FOR EACH ROW WHEN (OLD.start_time <> NEW.start_time OR OLD.end_time <> NEW.end_time
		OR OLD.venue_id IS DISTINCT FROM NEW.venue_id)
	EXECUTE FUNCTION evently.guard_booked_times();
CREATE TRIGGER guard_booked_times AFTER UPDATE OF start_time, end_time, venue_id, event_id ON evently.venue_bookings
	FOR EACH ROW WHEN (OLD.start_time <> NEW.start_time OR OLD.end_time <> NEW.end_time
		OR OLD.venue_id <> NEW.venue_id OR OLD.event_id IS DISTINCT FROM NEW.event_id)
	EXECUTE FUNCTION evently.guard_booked_times();
COMMENT ON TRIGGER guard_booked_times ON evently.events IS 'An event lies inside its booking';
COMMENT ON TRIGGER guard_booked_times ON evently.venue_bookings IS 'An event lies inside its booking';

CREATE FUNCTION evently.book_venue(
	venue_id bigint, event_id bigint, start_time timestamptz, end_time timestamptz,
	setup_hours_before numeric DEFAULT NULL, teardown_hours_after numeric DEFAULT NULL,
	deposit_required numeric DEFAULT 0, deposit_due_at timestamptz DEFAULT NULL)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_book_venue';
COMMENT ON FUNCTION evently.book_venue IS
'Book a venue. An event without a venue, or a draft at another one, is moved to this venue.
event_id: null for a hire without an event; start_time, end_time: hold the event''s times; setup_hours_before, teardown_hours_after: 0 to 720, fractions allowed, the venue''s usual ones unless given; deposit_required: in the venue''s currency; deposit_due_at: when the booking lapses if the deposit is not paid, never unless given.
Result: the booking, CONFIRMED when no deposit is required, else REQUESTED. Errors: 22023 bad argument or event outside the booked time, P0002 unknown venue or event, TK006 venue not active, event cancelled, completed, booked already or published elsewhere, TK010 the venue is taken (DETAIL: when; HINT: the next free slot), TK011 the event''s tiers exceed the venue''s capacity.';

CREATE FUNCTION evently.reschedule_booking(
	booking_id bigint, start_time timestamptz, end_time timestamptz,
	event_start timestamptz DEFAULT NULL, event_end timestamptz DEFAULT NULL)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reschedule_booking';
COMMENT ON FUNCTION evently.reschedule_booking IS
'Move a booking and its event, in one step. Tickets stay good, and who holds some is told.
start_time, end_time: the new times of the booking, with the same setup and teardown; event_start, event_end: the new times of the event, which moves by the booking''s shift unless given. Doors, the transfer deadline and sale ends still to come move by the event''s shift; sale starts only when the sale would end before it starts.
Result: the booking. Errors: 22023 bad argument or event outside the booked time, P0002 unknown booking, TK006 booking cancelled or lapsed, event completed, venue not active, TK010 the venue is taken (DETAIL: when; HINT: the next free slot).';

CREATE FUNCTION evently.cancel_booking(booking_id bigint, reason text DEFAULT NULL)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_cancel_booking';
COMMENT ON FUNCTION evently.cancel_booking IS
'Give a venue back: the slot is free, the record stays, and what was paid of the deposit is marked RETURN_DUE.
Result: the booking, CANCELLED. Errors: 22023 bad argument, P0002 unknown booking, TK006 cancelled before, event completed, or event published and in need of its booking (evently.require_booking).';

CREATE FUNCTION evently.assign_booking(booking_id bigint, event_id bigint)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_assign_booking';
COMMENT ON FUNCTION evently.assign_booking IS
'Put an event into a booking that has none, or whose event was cancelled and the slot kept.
Result: the booking. Errors: 22023 bad argument or event outside the booked time, P0002 unknown booking or event, TK006 booking cancelled, lapsed or in use, event cancelled, completed, booked already or published elsewhere, TK011 the event''s tiers exceed the venue''s capacity.';

CREATE FUNCTION evently.add_booking_addon(
	booking_id bigint, type text, description text, cost numeric)
	RETURNS evently.venue_booking_addons
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_add_booking_addon';
COMMENT ON FUNCTION evently.add_booking_addon IS
'Order something with a booking; it goes on the invoice.
type: CATERING, AV, OTHER, or another word of letters, digits and underscores, kept in capitals; description: may be null; cost: in the venue''s currency.
Result: the add-on. Errors: 22023 bad argument, P0002 unknown booking, TK006 booking cancelled or lapsed.';

CREATE FUNCTION evently.pay_deposit(booking_id bigint, amount numeric, payment_id text)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_pay_deposit';
COMMENT ON FUNCTION evently.pay_deposit IS
'Report a payment towards a booking''s deposit; payments add up, and the last one confirms the booking. Safe to repeat and to race.
amount: greater than 0, at most what is still due; payment_id: the provider''s id, counts once: repeated with the same content it changes nothing.
Result: the booking. Errors: 22023 bad argument, more than is due, or a payment id used with other content, P0002 unknown booking, TK006 booking cancelled or lapsed.';

CREATE FUNCTION evently.settle_deposit_return(payment_id text)
	RETURNS evently.booking_payments
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_settle_deposit_return';
COMMENT ON FUNCTION evently.settle_deposit_return IS
'Report that a deposit marked RETURN_DUE was returned; a repeated report changes nothing.
Result: the payment, RETURNED. Errors: 22023 bad argument, P0002 unknown payment, TK006 not to be returned.';

CREATE FUNCTION evently.release_lapsed_bookings(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_release_lapsed_bookings';
COMMENT ON FUNCTION evently.release_lapsed_bookings IS
'Cancel bookings whose deposit was not paid when it was due; several callers share the work.
batch_size: at most so many bookings, 1 to 100,000. Result: the number cancelled. Errors: 22023 bad argument.';

CREATE FUNCTION evently.venue_free_slots(
	venue_id bigint, within tstzrange, at_least interval DEFAULT NULL)
	RETURNS SETOF tstzrange
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_venue_free_slots';
COMMENT ON FUNCTION evently.venue_free_slots IS
'When a venue is free: what the time taken by bookings, setup and teardown included, leaves of a range.
within: the range to look at, may be unbounded; at_least: leaves out shorter slots (elapsed time, a day is 24 hours).
Result: the slots in order; none when the venue is not active. Errors: 22023 bad argument, P0002 unknown venue.';

CREATE TYPE evently.venue_match AS (
	venue_id       bigint,
	name           text,
	address        text,
	city           text,
	country_code   text,
	location       geography(Point),
	capacity       integer,
	type           text,
	facilities     jsonb,
	timezone       text,
	setup_hours    numeric,
	teardown_hours numeric,
	occupied       tstzrange,
	hire           numeric,
	currency       text,
	distance_m     double precision
);
COMMENT ON TYPE evently.venue_match IS 'A venue that is free and fits';
COMMENT ON COLUMN evently.venue_match.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_match.name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_match.address IS 'Street address';
COMMENT ON COLUMN evently.venue_match.city IS 'City';
COMMENT ON COLUMN evently.venue_match.country_code IS 'ISO 3166-1 alpha-2 code of the country';
COMMENT ON COLUMN evently.venue_match.location IS 'Position';
COMMENT ON COLUMN evently.venue_match.capacity IS 'Most people admitted';
COMMENT ON COLUMN evently.venue_match.type IS 'ARENA, CONFERENCE_CENTER, THEATER or OUTDOOR';
COMMENT ON COLUMN evently.venue_match.facilities IS 'What the venue offers';
COMMENT ON COLUMN evently.venue_match.timezone IS 'Name of the time zone';
COMMENT ON COLUMN evently.venue_match.setup_hours IS 'Hours needed before';
COMMENT ON COLUMN evently.venue_match.teardown_hours IS 'Hours needed after';
COMMENT ON COLUMN evently.venue_match.occupied IS 'The time that a booking would take, setup and teardown included';
COMMENT ON COLUMN evently.venue_match.hire IS 'What the hire would cost';
COMMENT ON COLUMN evently.venue_match.currency IS 'Currency of the hire';
COMMENT ON COLUMN evently.venue_match.distance_m IS 'Distance in metres; null when no point was given';

/* Planned anew for each search, by what is searched for. */
CREATE FUNCTION evently.find_venues(
	within tstzrange, capacity integer DEFAULT NULL, type text DEFAULT NULL,
	facilities jsonb DEFAULT NULL, near geography DEFAULT NULL,
	radius_m double precision DEFAULT NULL)
	RETURNS SETOF evently.venue_match
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
	AS 'MODULE_PATHNAME', 'ev_find_venues';
COMMENT ON FUNCTION evently.find_venues IS
'Active venues that are free from before their usual setup until after their usual teardown.
within: what would be booked; capacity: at least; type: ARENA, CONFERENCE_CENTER, THEATER or OUTDOOR; facilities: contained in the venue''s, such as {"av_equipment": true}; near: a point; radius_m: at most so many metres from there. What is null does not matter.
Result: the venues, nearest first, then the smallest that fits. Errors: 22023 bad argument.';
