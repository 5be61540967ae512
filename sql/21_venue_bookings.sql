/*
 * Bookings of venues, what is ordered with them, and their deposits.
 *
 * That two bookings never overlap is the exclusion constraint's doing, for
 * everyone and whatever the isolation level. The functions look first, under
 * the venue's lock, so that who comes second gets an answer and not an error of
 * the constraint.
 */
CREATE SEQUENCE evently.booking_ids       MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.booking_addon_ids MAXVALUE 9007199254740991;
COMMENT ON SEQUENCE evently.booking_ids IS 'Ids of venue bookings';
COMMENT ON SEQUENCE evently.booking_addon_ids IS 'Ids of what is ordered with a venue booking';

/*
 * timestamptz ± interval depends on the session's time zone where the interval
 * has days, so it is not immutable. In UTC a day has 24 hours, always: the
 * buffers are elapsed time and a change of the clocks does not bend them.
 */
CREATE FUNCTION evently.occupied_window(
	start_time timestamptz, end_time timestamptz, setup_hours numeric, teardown_hours numeric)
	RETURNS tstzrange
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN tstzrange(
		(start_time AT TIME ZONE 'UTC' - setup_hours::double precision * interval '1 hour') AT TIME ZONE 'UTC',
		(end_time AT TIME ZONE 'UTC' + teardown_hours::double precision * interval '1 hour') AT TIME ZONE 'UTC');
COMMENT ON FUNCTION evently.occupied_window IS
'Internal: the time that a booking takes from its venue, in elapsed hours, from its first instant up to its last, which is out.
start_time, end_time: what is booked; setup_hours, teardown_hours: before and after it, fractions allowed. Result: the range.';

CREATE TABLE evently.venue_bookings (
	booking_id           bigint PRIMARY KEY DEFAULT nextval('evently.booking_ids'),
	venue_id             bigint NOT NULL REFERENCES evently.venues,
	event_id             bigint REFERENCES evently.events,
	start_time           timestamptz NOT NULL CHECK (isfinite(start_time)),
	end_time             timestamptz NOT NULL CHECK (isfinite(end_time)),
	setup_hours_before   numeric NOT NULL DEFAULT 0 CHECK (setup_hours_before BETWEEN 0 AND 720),
	teardown_hours_after numeric NOT NULL DEFAULT 0 CHECK (teardown_hours_after BETWEEN 0 AND 720),
	occupied             tstzrange NOT NULL GENERATED ALWAYS AS (
		evently.occupied_window(start_time, end_time, setup_hours_before, teardown_hours_after)) STORED,
	status               text NOT NULL DEFAULT 'REQUESTED'
		CHECK (status IN ('REQUESTED', 'CONFIRMED', 'CANCELLED')),
	hire_rate            evently.amount NOT NULL DEFAULT 0,
	deposit_required     evently.amount NOT NULL DEFAULT 0,
	deposit_paid         evently.amount NOT NULL DEFAULT 0,
	deposit_due_at       timestamptz CHECK (isfinite(deposit_due_at)),
	created_at           timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
	cancelled_at         timestamptz CHECK (isfinite(cancelled_at)),
	cancel_reason        text CHECK (btrim(cancel_reason) <> ''),
	CONSTRAINT venue_bookings_no_overlap
		EXCLUDE USING gist (venue_id WITH =, occupied WITH &&) WHERE (status <> 'CANCELLED'),
	CHECK (end_time > start_time),
	CHECK (deposit_paid <= deposit_required),
	CHECK (status <> 'CONFIRMED' OR deposit_paid = deposit_required),
	CHECK (status = 'CANCELLED' OR (cancelled_at IS NULL AND cancel_reason IS NULL))
);
CREATE INDEX venue_bookings_event_id ON evently.venue_bookings (event_id);
CREATE INDEX venue_bookings_unpaid ON evently.venue_bookings (deposit_due_at) WHERE status = 'REQUESTED';
COMMENT ON TABLE evently.venue_bookings IS 'Times for which venues are taken; two that are not cancelled never overlap';
COMMENT ON CONSTRAINT venue_bookings_no_overlap ON evently.venue_bookings IS 'No two bookings of a venue at one time, setup and teardown included';
COMMENT ON INDEX evently.venue_bookings_event_id IS 'The bookings of an event';
COMMENT ON INDEX evently.venue_bookings_unpaid IS 'Bookings by the time of their lapse';
COMMENT ON COLUMN evently.venue_bookings.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_bookings.venue_id IS 'Venue that is booked';
COMMENT ON COLUMN evently.venue_bookings.event_id IS 'Event that it is booked for; null for a hire without an event, or when the venue closes for works';
COMMENT ON COLUMN evently.venue_bookings.start_time IS 'From when the venue is booked; the event starts then or later';
COMMENT ON COLUMN evently.venue_bookings.end_time IS 'Until when the venue is booked; the event ends then or earlier';
COMMENT ON COLUMN evently.venue_bookings.setup_hours_before IS 'Hours that the venue is taken before start_time, 0 to 720, fractions allowed';
COMMENT ON COLUMN evently.venue_bookings.teardown_hours_after IS 'Hours that the venue is taken after end_time, 0 to 720, fractions allowed';
COMMENT ON COLUMN evently.venue_bookings.occupied IS 'The time taken in all, setup and teardown included; its last instant is out, so that bookings may touch';
COMMENT ON COLUMN evently.venue_bookings.status IS 'REQUESTED until the deposit is paid, CONFIRMED, or CANCELLED';
COMMENT ON COLUMN evently.venue_bookings.hire_rate IS 'Hire for an hour of the time taken, in the venue''s currency: the venue''s rate when it was booked';
COMMENT ON COLUMN evently.venue_bookings.deposit_required IS 'Deposit that confirms the booking, in the venue''s currency';
COMMENT ON COLUMN evently.venue_bookings.deposit_paid IS 'Deposit received so far: the sum of the booking''s payments';
COMMENT ON COLUMN evently.venue_bookings.deposit_due_at IS 'When an unpaid booking lapses; null: it does not lapse';
COMMENT ON COLUMN evently.venue_bookings.created_at IS 'When it was booked';
COMMENT ON COLUMN evently.venue_bookings.cancelled_at IS 'When it was cancelled or lapsed';
COMMENT ON COLUMN evently.venue_bookings.cancel_reason IS 'Why it was cancelled';

CREATE TABLE evently.venue_booking_addons (
	addon_id    bigint PRIMARY KEY DEFAULT nextval('evently.booking_addon_ids'),
	booking_id  bigint NOT NULL REFERENCES evently.venue_bookings,
	type        text NOT NULL CHECK (type ~ '^[A-Z][A-Z0-9_]*$'),
	description text CHECK (btrim(description) <> ''),
	cost        evently.amount NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX venue_booking_addons_booking_id ON evently.venue_booking_addons (booking_id);
COMMENT ON TABLE evently.venue_booking_addons IS 'What is ordered with a venue booking';
COMMENT ON INDEX evently.venue_booking_addons_booking_id IS 'What is ordered with a booking';
COMMENT ON COLUMN evently.venue_booking_addons.addon_id IS 'Id of the add-on';
COMMENT ON COLUMN evently.venue_booking_addons.booking_id IS 'Booking that it belongs to';
COMMENT ON COLUMN evently.venue_booking_addons.type IS 'CATERING, AV, OTHER, or another word in capitals';
COMMENT ON COLUMN evently.venue_booking_addons.description IS 'What exactly';
COMMENT ON COLUMN evently.venue_booking_addons.cost IS 'Price, in the venue''s currency';
COMMENT ON COLUMN evently.venue_booking_addons.created_at IS 'When it was ordered';

CREATE TABLE evently.booking_payments (
	payment_id  text PRIMARY KEY CHECK (btrim(payment_id) <> ''),
	booking_id  bigint NOT NULL REFERENCES evently.venue_bookings,
	amount      evently.amount NOT NULL CHECK (amount > 0),
	status      text NOT NULL DEFAULT 'RECEIVED' CHECK (status IN ('RECEIVED', 'RETURN_DUE', 'RETURNED')),
	received_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(received_at)),
	returned_at timestamptz CHECK (isfinite(returned_at)),
	CHECK ((status = 'RETURNED') = (returned_at IS NOT NULL))
);
CREATE INDEX booking_payments_booking_id ON evently.booking_payments (booking_id);
CREATE INDEX booking_payments_to_return ON evently.booking_payments (received_at) WHERE status = 'RETURN_DUE';
COMMENT ON TABLE evently.booking_payments IS 'Deposits received for venue bookings, and whether they are to be returned';
COMMENT ON INDEX evently.booking_payments_booking_id IS 'The payments of a booking';
COMMENT ON INDEX evently.booking_payments_to_return IS 'Deposits still to be returned';
COMMENT ON COLUMN evently.booking_payments.payment_id IS 'The payment provider''s id; counts once';
COMMENT ON COLUMN evently.booking_payments.booking_id IS 'Booking that it was paid for';
COMMENT ON COLUMN evently.booking_payments.amount IS 'Amount paid, in the venue''s currency';
COMMENT ON COLUMN evently.booking_payments.status IS 'RECEIVED, RETURN_DUE once the booking is cancelled, or RETURNED';
COMMENT ON COLUMN evently.booking_payments.received_at IS 'When it was reported';
COMMENT ON COLUMN evently.booking_payments.returned_at IS 'When its return was reported';

/* What find_venues searches by. */
CREATE INDEX venues_location ON evently.venues USING gist (location);
CREATE INDEX venues_facilities ON evently.venues USING gin (facilities jsonb_path_ops);
CREATE INDEX venues_capacity ON evently.venues (type, capacity);
COMMENT ON INDEX evently.venues_location IS 'Venues near a point';
COMMENT ON INDEX evently.venues_facilities IS 'Venues by what they offer';
COMMENT ON INDEX evently.venues_capacity IS 'Venues of a type by their capacity';
