/*
 * evently: an event-management system inside PostgreSQL.
 *
 * The install script is these modules, concatenated by the Makefile in the
 * order of their numbers. While it runs the search path is pg_catalog and the
 * schemas of the required extensions, so PostGIS may live anywhere.
 */
\echo Use "CREATE EXTENSION evently CASCADE" to load this file. \quit

CREATE SCHEMA evently;
COMMENT ON SCHEMA evently IS 'Event management: venues, events, ticket sales, tickets';
/*
 * Ids are bigint from sequences that stay below 2^53, so that JavaScript can
 * hold them. set_node() moves the sequences into the block of a node.
 */
CREATE SEQUENCE evently.venue_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.event_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.tier_ids         MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.order_ids        MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.order_item_ids   MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.ticket_ids       MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.notification_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.sold_out_check_ids MAXVALUE 9007199254740991;

COMMENT ON SEQUENCE evently.venue_ids IS 'Ids of venues';
COMMENT ON SEQUENCE evently.event_ids IS 'Ids of events';
COMMENT ON SEQUENCE evently.tier_ids IS 'Ids of ticket tiers';
COMMENT ON SEQUENCE evently.order_ids IS 'Ids of orders';
COMMENT ON SEQUENCE evently.order_item_ids IS 'Ids of order items';
COMMENT ON SEQUENCE evently.ticket_ids IS 'Ids of tickets';
COMMENT ON SEQUENCE evently.notification_ids IS 'Ids of notifications';
COMMENT ON SEQUENCE evently.sold_out_check_ids IS 'Ids of sold-out checks';

/* NaN and infinity are above every number, so the upper bound shuts them out. */
CREATE DOMAIN evently.amount AS numeric
	CONSTRAINT amount_is_money CHECK (VALUE >= 0 AND VALUE < 1e12 AND VALUE = round(VALUE, 3));
COMMENT ON DOMAIN evently.amount IS 'An amount of money in the currency named beside it: 0 or more, below 10^12, at most 3 decimals';

CREATE DOMAIN evently.currency_code AS text
	CONSTRAINT currency_code_is_iso_4217 CHECK (VALUE ~ '^[A-Z]{3}$');
COMMENT ON DOMAIN evently.currency_code IS 'ISO 4217 currency code, such as EUR';

CREATE DOMAIN evently.label AS text
	CONSTRAINT label_is_not_blank CHECK (btrim(VALUE) <> '');
COMMENT ON DOMAIN evently.label IS 'A text that is not blank';

CREATE DOMAIN evently.instant AS timestamptz
	CONSTRAINT instant_is_finite CHECK (isfinite(VALUE));
COMMENT ON DOMAIN evently.instant IS 'A time that is not infinite';

CREATE FUNCTION evently.set_node(node integer) RETURNS void
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_set_node';
COMMENT ON FUNCTION evently.set_node(integer) IS
'Make this database take its ids from block node << 42, so that the ids of several databases never collide.
node: 0 to 1023 (a new database is node 0).
Errors: 22023 node out of range, TK006 ids have already been taken.';

CREATE FUNCTION evently.node_of(id bigint) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (id >> 42)::integer;
COMMENT ON FUNCTION evently.node_of(bigint) IS
'The node whose database gave out this id (see set_node). id: any id of evently.';
/*
 * The catalogue: venues, events and the tiers of their tickets.
 *
 * Descriptive columns, prices, sale windows and limits may be updated directly
 * by whom the DBA lets; status, venue, times, currency and quantities change
 * through functions only.
 */
CREATE TABLE evently.venues (
	venue_id        bigint PRIMARY KEY DEFAULT nextval('evently.venue_ids'),
	name            text NOT NULL CHECK (btrim(name) <> ''),
	address         text,
	city            text CHECK (btrim(city) <> ''),
	country_code    text CHECK (country_code ~ '^[A-Z]{2}$'),
	location        geography(Point),
	capacity        integer NOT NULL CHECK (capacity > 0),
	type            text NOT NULL
		CHECK (type IN ('ARENA', 'CONFERENCE_CENTER', 'THEATER', 'OUTDOOR')),
	facilities      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facilities) = 'object'),
	timezone        text NOT NULL CHECK (btrim(timezone) <> ''),
	setup_hours     numeric NOT NULL DEFAULT 0 CHECK (setup_hours BETWEEN 0 AND 720),
	teardown_hours  numeric NOT NULL DEFAULT 0 CHECK (teardown_hours BETWEEN 0 AND 720),
	hire_rate       evently.amount NOT NULL DEFAULT 0,
	currency        evently.currency_code NOT NULL,
	is_active       boolean NOT NULL DEFAULT true,
	created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE evently.venues IS 'Places where events are held';
COMMENT ON COLUMN evently.venues.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venues.name IS 'Name of the venue';
COMMENT ON COLUMN evently.venues.address IS 'Street address';
COMMENT ON COLUMN evently.venues.city IS 'City';
COMMENT ON COLUMN evently.venues.country_code IS 'ISO 3166-1 alpha-2 code of the country';
COMMENT ON COLUMN evently.venues.location IS 'Position, longitude and latitude (WGS 84)';
COMMENT ON COLUMN evently.venues.capacity IS 'Most people admitted; the tiers of an event here may not add up to more';
COMMENT ON COLUMN evently.venues.type IS 'ARENA, CONFERENCE_CENTER, THEATER or OUTDOOR';
COMMENT ON COLUMN evently.venues.facilities IS 'What the venue offers, a jsonb object such as {"parking": 400, "catering": true, "av_equipment": true}';
COMMENT ON COLUMN evently.venues.timezone IS 'Name of the time zone, such as Europe/London';
COMMENT ON COLUMN evently.venues.setup_hours IS 'Usual hours needed before an event';
COMMENT ON COLUMN evently.venues.teardown_hours IS 'Usual hours needed after an event';
COMMENT ON COLUMN evently.venues.hire_rate IS 'Hire for an hour, in the venue''s currency';
COMMENT ON COLUMN evently.venues.currency IS 'Currency of the hire rate';
COMMENT ON COLUMN evently.venues.is_active IS 'False when the venue takes no more events';
COMMENT ON COLUMN evently.venues.created_at IS 'When the venue was entered';

CREATE TABLE evently.events (
	event_id        bigint PRIMARY KEY DEFAULT nextval('evently.event_ids'),
	organizer_id    bigint NOT NULL,
	venue_id        bigint REFERENCES evently.venues,
	title           text NOT NULL CHECK (btrim(title) <> ''),
	description     text,
	language        text NOT NULL DEFAULT 'english' CHECK (btrim(language) <> ''),
	category        text NOT NULL
		CHECK (category IN ('CONCERT', 'CONFERENCE', 'SPORTS', 'FESTIVAL')),
	status          text NOT NULL DEFAULT 'DRAFT'
		CHECK (status IN ('DRAFT', 'PUBLISHED', 'ON_SALE', 'SOLD_OUT', 'CANCELLED', 'COMPLETED')),
	start_time      timestamptz NOT NULL CHECK (isfinite(start_time)),
	end_time        timestamptz NOT NULL CHECK (isfinite(end_time)),
	doors_open      timestamptz NOT NULL CHECK (isfinite(doors_open)),
	cover_image_url text CHECK (btrim(cover_image_url) <> ''),
	age_restriction integer CHECK (age_restriction BETWEEN 0 AND 120),
	currency        evently.currency_code NOT NULL,
	hold_duration   interval
		CHECK (hold_duration BETWEEN interval '10 seconds' AND interval '60 days'),
	max_tickets_per_buyer integer CHECK (max_tickets_per_buyer > 0),
	transfer_deadline timestamptz CHECK (isfinite(transfer_deadline)),
	last_admission  interval CHECK (last_admission BETWEEN interval '0' AND interval '60 days'),
	gate_tiers      jsonb CHECK (jsonb_typeof(gate_tiers) = 'object'
		AND NOT jsonb_path_exists(gate_tiers, 'strict $.* ? (@.type() != "array")', '{}', true)
		AND NOT jsonb_path_exists(gate_tiers, 'strict $.*[*] ? (@.type() != "number")', '{}', true)),
	cancel_reason   text,
	created_at      timestamptz NOT NULL DEFAULT now(),
	CHECK (end_time > start_time),
	CHECK (doors_open <= start_time)
);
CREATE INDEX events_venue_id ON evently.events (venue_id, start_time);
CREATE INDEX events_organizer_id ON evently.events (organizer_id, start_time);
CREATE INDEX events_sold_out ON evently.events (event_id) WHERE status = 'SOLD_OUT';
COMMENT ON TABLE evently.events IS 'Events, from draft to completed';
COMMENT ON INDEX evently.events_venue_id IS 'The events of a venue';
COMMENT ON INDEX evently.events_organizer_id IS 'The events of an organizer';
COMMENT ON INDEX evently.events_sold_out IS 'What the job looks through for events that have tickets again';
COMMENT ON COLUMN evently.events.event_id IS 'Id of the event';
COMMENT ON COLUMN evently.events.organizer_id IS 'Who organizes the event: an id of the application''s';
COMMENT ON COLUMN evently.events.venue_id IS 'Where the event is held; null for an event without a venue';
COMMENT ON COLUMN evently.events.title IS 'Title';
COMMENT ON COLUMN evently.events.description IS 'Description';
COMMENT ON COLUMN evently.events.language IS 'Language of title and description: the name of a text search configuration';
COMMENT ON COLUMN evently.events.category IS 'CONCERT, CONFERENCE, SPORTS or FESTIVAL';
COMMENT ON COLUMN evently.events.status IS 'DRAFT, PUBLISHED, ON_SALE, SOLD_OUT, CANCELLED or COMPLETED; SOLD_OUT is a label, sales go by stock';
COMMENT ON COLUMN evently.events.start_time IS 'When the event starts';
COMMENT ON COLUMN evently.events.end_time IS 'When the event ends';
COMMENT ON COLUMN evently.events.doors_open IS 'When the doors open';
COMMENT ON COLUMN evently.events.cover_image_url IS 'Address of the cover image';
COMMENT ON COLUMN evently.events.age_restriction IS 'Least age in years';
COMMENT ON COLUMN evently.events.currency IS 'Currency of all prices of the event';
COMMENT ON COLUMN evently.events.hold_duration IS 'How long an unpaid order holds its tickets; null: the setting evently.order_ttl';
COMMENT ON COLUMN evently.events.max_tickets_per_buyer IS 'Most tickets that one buyer may hold and own; null: no limit';
COMMENT ON COLUMN evently.events.transfer_deadline IS 'Until when tickets may be transferred; null: until the event starts';
COMMENT ON COLUMN evently.events.last_admission IS 'How long after its start the event still admits; null: until its end';
COMMENT ON COLUMN evently.events.gate_tiers IS 'Which tiers each gate admits, such as {"North": [1, 2]}: then no other gate admits anybody; null: every gate admits every tier';
COMMENT ON COLUMN evently.events.cancel_reason IS 'Why the event was cancelled';
COMMENT ON COLUMN evently.events.created_at IS 'When the event was entered';

CREATE TABLE evently.ticket_tiers (
	tier_id         bigint PRIMARY KEY DEFAULT nextval('evently.tier_ids'),
	event_id        bigint NOT NULL REFERENCES evently.events,
	name            text NOT NULL CHECK (btrim(name) <> ''),
	price           evently.amount NOT NULL,
	total_quantity  integer NOT NULL CHECK (total_quantity BETWEEN 0 AND 10000000),
	held_back       integer NOT NULL DEFAULT 0,
	shards          smallint NOT NULL CHECK (shards BETWEEN 1 AND 64),
	sale_start      timestamptz CHECK (isfinite(sale_start)),
	sale_end        timestamptz CHECK (isfinite(sale_end)),
	max_per_order   integer NOT NULL DEFAULT 10 CHECK (max_per_order BETWEEN 1 AND 10000),
	created_at      timestamptz NOT NULL DEFAULT now(),
	UNIQUE (event_id, name),
	CHECK (held_back BETWEEN 0 AND total_quantity),
	CHECK (sale_end > sale_start)
);
COMMENT ON TABLE evently.ticket_tiers IS 'Kinds of tickets of an event; their stock is in inventory_shards';
COMMENT ON COLUMN evently.ticket_tiers.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.ticket_tiers.event_id IS 'Event that the tier belongs to';
COMMENT ON COLUMN evently.ticket_tiers.name IS 'GENERAL, VIP, EARLY_BIRD, BACKSTAGE, or the organizer''s own';
COMMENT ON COLUMN evently.ticket_tiers.price IS 'Price of one ticket, in the event''s currency; 0 for a free ticket';
COMMENT ON COLUMN evently.ticket_tiers.total_quantity IS 'Tickets in all; changed by set_tier_quantity';
COMMENT ON COLUMN evently.ticket_tiers.held_back IS 'Tickets kept from public sale; changed by set_held_back, issue_comps and refunds without restocking';
COMMENT ON COLUMN evently.ticket_tiers.shards IS 'Over how many rows the stock is spread';
COMMENT ON COLUMN evently.ticket_tiers.sale_start IS 'When sale starts; null: as soon as the event is on sale';
COMMENT ON COLUMN evently.ticket_tiers.sale_end IS 'When sale ends (that instant is out); null: when the event ends';
COMMENT ON COLUMN evently.ticket_tiers.max_per_order IS 'Most tickets in one order';
COMMENT ON COLUMN evently.ticket_tiers.created_at IS 'When the tier was entered';
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
'The time that a booking takes from its venue, in elapsed hours, from its first instant up to its last, which is out.
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
/*
 * What discovery reads: one row for each event that the public may see and that
 * is not over, derived from the catalogue (src/search_index.c) and kept right by
 * triggers within the transaction that changes the facts. Stock and sale
 * windows are not in it: they are judged when read, so a sale writes nothing
 * here. Only UPDATE and DELETE triggers keep it, so a restore fires none.
 * docs/search.md explains the index and how results are ranked.
 */
CREATE FUNCTION evently.search_terms(
	event_id bigint, start_time timestamptz, doc tsvector, category text,
	city text, latitude double precision, longitude double precision,
	price_from numeric, price_to numeric)
	RETURNS tsvector
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_search_terms';
COMMENT ON FUNCTION evently.search_terms IS
'The terms that event_search_terms indexes: words, category, city, place and price bands, each behind the event''s day (and, for some events, behind the name of a sample)';

/* PostGIS, by names that do not depend on where it lives; inlined. */
CREATE FUNCTION evently.latitude(point geography) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN ST_Y(point::geometry);
CREATE FUNCTION evently.longitude(point geography) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN ST_X(point::geometry);
CREATE FUNCTION evently.metres_between(a geography, b geography) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN ST_Distance(a, b);
/*
 * On the sphere, which is off by 0.6 % at most and four times as fast; on the
 * spheroid only near the circle's line.
 */
CREATE FUNCTION evently.is_within(a geography, b geography, metres double precision) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ST_DWithin(a, b, metres * 0.99, false)
		OR (ST_DWithin(a, b, metres * 1.01, false) AND ST_DWithin(a, b, metres));
COMMENT ON FUNCTION evently.latitude IS 'Latitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.longitude IS 'Longitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.metres_between IS 'Distance of two points in metres';
COMMENT ON FUNCTION evently.is_within IS 'Whether two points are at most so many metres apart';

CREATE TABLE evently.event_search (
	event_id     bigint PRIMARY KEY REFERENCES evently.events ON DELETE CASCADE,
	venue_id     bigint,
	start_time   timestamptz NOT NULL,
	end_time     timestamptz NOT NULL,
	local_month  integer NOT NULL,
	title_words  integer NOT NULL,
	price_from   numeric,
	price_to     numeric,
	category     text NOT NULL,
	city         text,
	location     geography(Point),
	doc          tsvector NOT NULL
);
/* No pending list: it would be read again for each day. */
CREATE INDEX event_search_terms ON evently.event_search USING gin (
	evently.search_terms(event_id, start_time, doc, category, lower(city),
		evently.latitude(location), evently.longitude(location), price_from, price_to))
	WITH (fastupdate = off);
CREATE INDEX event_search_start ON evently.event_search (start_time, event_id);
CREATE INDEX event_search_price ON evently.event_search (price_from, event_id);
CREATE INDEX event_search_venue ON evently.event_search (venue_id, start_time);
COMMENT ON TABLE evently.event_search IS 'Events that the public may see, as search reads them; derived';
COMMENT ON INDEX evently.event_search_terms IS 'For each day an inverted index of its events';
COMMENT ON INDEX evently.event_search_start IS 'Events by date';
COMMENT ON INDEX evently.event_search_price IS 'Events by their lowest price';
COMMENT ON INDEX evently.event_search_venue IS 'Events of a venue by date';
COMMENT ON COLUMN evently.event_search.event_id IS 'Event';
COMMENT ON COLUMN evently.event_search.venue_id IS 'Its venue';
COMMENT ON COLUMN evently.event_search.start_time IS 'When it starts';
COMMENT ON COLUMN evently.event_search.end_time IS 'When it ends';
COMMENT ON COLUMN evently.event_search.local_month IS 'Month in which it starts by the venue''s clock: 12 * year + month - 1';
COMMENT ON COLUMN evently.event_search.title_words IS 'Number of different words in the title';
COMMENT ON COLUMN evently.event_search.price_from IS 'Lowest price of its tiers';
COMMENT ON COLUMN evently.event_search.price_to IS 'Highest price of its tiers';
COMMENT ON COLUMN evently.event_search.category IS 'Category';
COMMENT ON COLUMN evently.event_search.city IS 'City';
COMMENT ON COLUMN evently.event_search.location IS 'Position of the venue';
COMMENT ON COLUMN evently.event_search.doc IS 'Words of title (weight A; also unstemmed), venue and city (B) and description (D)';

/* Not unique: whoever adds a word must not wait for others who add it too. */
CREATE TABLE evently.search_words (word text COLLATE "C" NOT NULL);
CREATE INDEX search_words_word ON evently.search_words (word);
CREATE INDEX search_words_trigrams ON evently.search_words USING gin (word gin_trgm_ops)
	WITH (fastupdate = off);
COMMENT ON TABLE evently.search_words IS 'Words that occur in events, to guess at misspelt ones; derived';
COMMENT ON INDEX evently.search_words_word IS 'Whether a word is known';
COMMENT ON INDEX evently.search_words_trigrams IS 'Words that look like another';
COMMENT ON COLUMN evently.search_words.word IS 'The word, as written or its stem';

CREATE TABLE evently.search_languages (language text PRIMARY KEY);
COMMENT ON TABLE evently.search_languages IS 'Languages in which a query is read: those of the events; derived';
COMMENT ON COLUMN evently.search_languages.language IS 'Name of a text search configuration';

CREATE TABLE evently.event_popularity (
	event_id  bigint PRIMARY KEY REFERENCES evently.events ON DELETE CASCADE,
	sold_day  bigint NOT NULL,
	sold_week bigint NOT NULL
);
CREATE INDEX event_popularity_day ON evently.event_popularity (sold_day DESC, event_id);
CREATE INDEX event_popularity_week ON evently.event_popularity (sold_week DESC, event_id);
COMMENT ON TABLE evently.event_popularity IS 'Recent sales of each event, as far as sales_hourly goes; derived';
COMMENT ON INDEX evently.event_popularity_day IS 'Events by the sales of a day';
COMMENT ON INDEX evently.event_popularity_week IS 'Events by the sales of a week';
COMMENT ON COLUMN evently.event_popularity.event_id IS 'Event';
COMMENT ON COLUMN evently.event_popularity.sold_day IS 'Tickets sold in the last 24 hours';
COMMENT ON COLUMN evently.event_popularity.sold_week IS 'Tickets sold in the last 7 days';

CREATE TABLE evently.sales_hourly (
	event_id bigint NOT NULL,
	hour     timestamptz NOT NULL,
	tickets  bigint NOT NULL,
	PRIMARY KEY (event_id, hour)
);
CREATE INDEX sales_hourly_hour ON evently.sales_hourly (hour);
COMMENT ON TABLE evently.sales_hourly IS 'Tickets sold by event and hour, up to the ticket named in sales_progress; derived';
COMMENT ON INDEX evently.sales_hourly_hour IS 'What leaves the last day or week';
COMMENT ON COLUMN evently.sales_hourly.event_id IS 'Event';
COMMENT ON COLUMN evently.sales_hourly.hour IS 'Start of the hour (UTC)';
COMMENT ON COLUMN evently.sales_hourly.tickets IS 'Tickets issued for confirmed orders in that hour; free ones out of what is held back do not count';

CREATE TABLE evently.sales_progress (
	only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	ticket_id       bigint NOT NULL,
	noted_ticket_id bigint NOT NULL,
	noted_xid       xid8 NOT NULL,
	hour            timestamptz NOT NULL
);
COMMENT ON TABLE evently.sales_progress IS 'How far sales_hourly and event_popularity go; derived';
COMMENT ON COLUMN evently.sales_progress.only_row IS 'There is one row';
COMMENT ON COLUMN evently.sales_progress.ticket_id IS 'Tickets up to this id are rolled up';
COMMENT ON COLUMN evently.sales_progress.noted_ticket_id IS 'Tickets up to this id can be, once every transaction before noted_xid has ended';
COMMENT ON COLUMN evently.sales_progress.noted_xid IS 'First transaction that cannot have issued them';
COMMENT ON COLUMN evently.sales_progress.hour IS 'The hour up to which event_popularity has dropped old sales';
/*
 * Stock. A tier's free tickets are spread over its shard rows; whoever changes
 * a row holds the shard's lock (src/locks.c), so that buyers do not wait for
 * each other. A page is filled to a tenth, so that updates find room beside the
 * old row and need no new index entry.
 */
CREATE TABLE evently.inventory_shards (
	tier_id    bigint NOT NULL REFERENCES evently.ticket_tiers ON DELETE CASCADE,
	shard      smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
	available  integer NOT NULL CHECK (available >= 0),
	PRIMARY KEY (tier_id, shard)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE evently.inventory_shards IS 'Tickets free for sale, spread over several rows for each tier';
COMMENT ON COLUMN evently.inventory_shards.tier_id IS 'Tier whose tickets these are';
COMMENT ON COLUMN evently.inventory_shards.shard IS 'Number of the shard, from 0';
COMMENT ON COLUMN evently.inventory_shards.available IS 'Tickets that may be sold from this shard';

/*
 * Events whose label may have to become SOLD_OUT: a sale that empties a shard
 * leaves a row here unless it saw the whole event empty. The job looks again
 * when all of them have committed.
 */
CREATE TABLE evently.sold_out_checks (
	check_id   bigint PRIMARY KEY DEFAULT nextval('evently.sold_out_check_ids'),
	event_id   bigint NOT NULL
);
COMMENT ON TABLE evently.sold_out_checks IS 'Events that the next job run examines for being sold out';
COMMENT ON COLUMN evently.sold_out_checks.check_id IS 'Id of the row';
COMMENT ON COLUMN evently.sold_out_checks.event_id IS 'Event to examine';
/*
 * Orders and money.
 *
 * An order's and a ticket's event and tier have no foreign key: each insert
 * would lock the same event and tier rows, which cost 10 to 18 percent of a
 * sale's throughput and a multixact for every pair of buyers (docs/concurrency).
 * The functions read both rows under the event's lock instead, events and tiers
 * that have orders cannot be deleted (60_guards), and verify() looks for strays.
 */
CREATE TABLE evently.orders (
	order_id        bigint PRIMARY KEY DEFAULT nextval('evently.order_ids'),
	event_id        bigint NOT NULL,
	buyer_id        bigint NOT NULL,
	buyer_email     text CHECK (btrim(buyer_email) <> ''),
	channel         text NOT NULL DEFAULT 'SALE' CHECK (channel IN ('SALE', 'COMP')),
	status          text NOT NULL DEFAULT 'PENDING'
		CHECK (status IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED', 'REFUNDED', 'PARTIALLY_REFUNDED')),
	total_amount    evently.amount NOT NULL,
	currency        evently.currency_code NOT NULL,
	payment_id      text CHECK (btrim(payment_id) <> ''),
	idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 200),
	created_at      timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
	expires_at      timestamptz NOT NULL CHECK (isfinite(expires_at)),
	confirmed_at    timestamptz CHECK (isfinite(confirmed_at)),
	cancelled_at    timestamptz CHECK (isfinite(cancelled_at)),
	cancel_reason   text,
	CONSTRAINT orders_idempotency_key UNIQUE (event_id, buyer_id, idempotency_key),
	CHECK ((status IN ('CONFIRMED', 'REFUNDED', 'PARTIALLY_REFUNDED')) = (confirmed_at IS NOT NULL)),
	CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
	CHECK (confirmed_at IS NULL OR total_amount = 0 OR payment_id IS NOT NULL)
);
CREATE INDEX orders_pending ON evently.orders (event_id, expires_at) WHERE status = 'PENDING';
COMMENT ON TABLE evently.orders IS 'Orders: a hold on tickets until expires_at, a sale once confirmed';
COMMENT ON INDEX evently.orders_pending IS 'The holds of an event by the time of their lapse';
COMMENT ON COLUMN evently.orders.order_id IS 'Id of the order';
COMMENT ON COLUMN evently.orders.event_id IS 'Event that the tickets are for';
COMMENT ON COLUMN evently.orders.buyer_id IS 'Who buys: an id of the application''s';
COMMENT ON COLUMN evently.orders.buyer_email IS 'Where the buyer is told';
COMMENT ON COLUMN evently.orders.channel IS 'SALE, or COMP for free tickets out of what was held back';
COMMENT ON COLUMN evently.orders.status IS 'PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED or PARTIALLY_REFUNDED';
COMMENT ON COLUMN evently.orders.total_amount IS 'Sum of the items';
COMMENT ON COLUMN evently.orders.currency IS 'Currency of the amounts';
COMMENT ON COLUMN evently.orders.payment_id IS 'The payment that confirmed the order';
COMMENT ON COLUMN evently.orders.idempotency_key IS 'Names the buyer''s attempt: repeated, it gives this order again';
COMMENT ON COLUMN evently.orders.created_at IS 'When the tickets were reserved';
COMMENT ON COLUMN evently.orders.expires_at IS 'Until when the tickets are held for payment';
COMMENT ON COLUMN evently.orders.confirmed_at IS 'When the order was paid and its tickets issued';
COMMENT ON COLUMN evently.orders.cancelled_at IS 'When the order was cancelled';
COMMENT ON COLUMN evently.orders.cancel_reason IS 'Why the order was cancelled';

CREATE TABLE evently.order_items (
	item_id     bigint PRIMARY KEY DEFAULT nextval('evently.order_item_ids'),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	tier_id     bigint NOT NULL,
	quantity    integer NOT NULL CHECK (quantity > 0),
	unit_price  evently.amount NOT NULL,
	subtotal    numeric NOT NULL GENERATED ALWAYS AS (quantity * unit_price) STORED,
	UNIQUE (order_id, tier_id)
);
COMMENT ON TABLE evently.order_items IS 'What an order is for: one row for each tier';
COMMENT ON COLUMN evently.order_items.item_id IS 'Id of the item';
COMMENT ON COLUMN evently.order_items.order_id IS 'Order that the item belongs to';
COMMENT ON COLUMN evently.order_items.tier_id IS 'Tier of the tickets';
COMMENT ON COLUMN evently.order_items.quantity IS 'Number of tickets';
COMMENT ON COLUMN evently.order_items.unit_price IS 'Price of one ticket when it was reserved';
COMMENT ON COLUMN evently.order_items.subtotal IS 'quantity times unit_price';

CREATE TABLE evently.payments (
	payment_id  text PRIMARY KEY CHECK (btrim(payment_id) <> ''),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	amount      evently.amount NOT NULL,
	currency    evently.currency_code NOT NULL,
	outcome     text NOT NULL
		CHECK (outcome IN ('CONFIRMED', 'RECOVERED', 'REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT')),
	reported_at timestamptz NOT NULL CHECK (isfinite(reported_at))
);
CREATE INDEX payments_order_id ON evently.payments (order_id);
COMMENT ON TABLE evently.payments IS 'Every payment ever reported, with what became of it';
COMMENT ON INDEX evently.payments_order_id IS 'The payments of an order';
COMMENT ON COLUMN evently.payments.payment_id IS 'The payment provider''s id; counts once';
COMMENT ON COLUMN evently.payments.order_id IS 'Order that it was reported for';
COMMENT ON COLUMN evently.payments.amount IS 'Amount paid';
COMMENT ON COLUMN evently.payments.currency IS 'Currency of the amount: the order''s';
COMMENT ON COLUMN evently.payments.outcome IS 'CONFIRMED or RECOVERED (the order has its tickets), REFUND_DUE, AMOUNT_MISMATCH or DUPLICATE_PAYMENT (the amount goes back)';
COMMENT ON COLUMN evently.payments.reported_at IS 'When it was first reported';

CREATE TABLE evently.refunds (
	refund_id   text PRIMARY KEY CHECK (btrim(refund_id) <> ''),
	order_id    bigint NOT NULL REFERENCES evently.orders,
	payment_id  text REFERENCES evently.payments,
	amount      evently.amount NOT NULL,
	currency    evently.currency_code NOT NULL,
	status      text NOT NULL DEFAULT 'DUE' CHECK (status IN ('DUE', 'DONE', 'FAILED')),
	reason      text NOT NULL
		CHECK (reason IN ('REQUESTED', 'EVENT_CANCELLED', 'REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT')),
	ticket_ids  bigint[],
	created_at  timestamptz NOT NULL CHECK (isfinite(created_at)),
	settled_at  timestamptz CHECK (isfinite(settled_at)),
	CHECK ((status = 'DUE') = (settled_at IS NULL))
);
CREATE INDEX refunds_order_id ON evently.refunds (order_id);
CREATE INDEX refunds_open ON evently.refunds (created_at) WHERE status <> 'DONE';
COMMENT ON TABLE evently.refunds IS 'Money to be returned, and whether it was';
COMMENT ON INDEX evently.refunds_order_id IS 'The refunds of an order';
COMMENT ON INDEX evently.refunds_open IS 'Refunds still to be made';
COMMENT ON COLUMN evently.refunds.refund_id IS 'Id given by the caller of refund_order, or payment:… and event-cancelled:… for what the extension marks itself';
COMMENT ON COLUMN evently.refunds.order_id IS 'Order that the money came from';
COMMENT ON COLUMN evently.refunds.payment_id IS 'Payment to be returned, in whole or in part; null when nothing was paid';
COMMENT ON COLUMN evently.refunds.amount IS 'Amount to return';
COMMENT ON COLUMN evently.refunds.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.refunds.status IS 'DUE, DONE or FAILED';
COMMENT ON COLUMN evently.refunds.reason IS 'REQUESTED, EVENT_CANCELLED, REFUND_DUE (paid too late), AMOUNT_MISMATCH or DUPLICATE_PAYMENT';
COMMENT ON COLUMN evently.refunds.ticket_ids IS 'Tickets given back; null when none had been issued for this money';
COMMENT ON COLUMN evently.refunds.created_at IS 'When it became due';
COMMENT ON COLUMN evently.refunds.settled_at IS 'When its outcome was reported';

CREATE TABLE evently.buyer_limits (
	event_id  bigint NOT NULL,
	buyer_id  bigint NOT NULL,
	taken     integer NOT NULL CHECK (taken >= 0),
	PRIMARY KEY (event_id, buyer_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE evently.buyer_limits IS 'Tickets that a buyer holds or owns, for events with max_tickets_per_buyer';
COMMENT ON COLUMN evently.buyer_limits.event_id IS 'Event with a limit';
COMMENT ON COLUMN evently.buyer_limits.buyer_id IS 'Buyer';
COMMENT ON COLUMN evently.buyer_limits.taken IS 'Tickets held and owned';
/*
 * Tickets, issued when an order is confirmed, and the outbox.
 *
 * The rules of a ticket's columns are in domains: each statement parses the
 * CHECKs of a table anew, an update all of them.
 */
CREATE DOMAIN evently.ticket_status AS text
	CONSTRAINT ticket_status_is_known CHECK (VALUE IN ('VALID', 'USED', 'CANCELLED', 'TRANSFERRED'));
COMMENT ON DOMAIN evently.ticket_status IS 'VALID, USED, CANCELLED or TRANSFERRED';

CREATE TABLE evently.tickets (
	ticket_id        bigint PRIMARY KEY DEFAULT nextval('evently.ticket_ids'),
	order_id         bigint NOT NULL REFERENCES evently.orders,
	tier_id          bigint NOT NULL,
	event_id         bigint NOT NULL,
	attendee_name    evently.label,
	attendee_email   evently.label,
	qr_code          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	status           evently.ticket_status NOT NULL DEFAULT 'VALID',
	issued_at        evently.instant NOT NULL DEFAULT now(),
	check_in_time    evently.instant,
	transferred_from bigint,
	issued_xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
	CHECK (status <> 'USED' OR check_in_time IS NOT NULL),
	CHECK (transferred_from <> ticket_id)
) WITH (fillfactor = 90);
CREATE INDEX tickets_order_id ON evently.tickets (order_id);
CREATE INDEX tickets_event_id ON evently.tickets (event_id, issued_xid);
CREATE UNIQUE INDEX tickets_transferred_from ON evently.tickets (transferred_from)
	WHERE transferred_from IS NOT NULL;
COMMENT ON TABLE evently.tickets IS 'Tickets: one row for each person admitted';
COMMENT ON INDEX evently.tickets_order_id IS 'The tickets of an order';
COMMENT ON INDEX evently.tickets_event_id IS 'The tickets of an event, and those issued since a version of the offline list';
COMMENT ON INDEX evently.tickets_transferred_from IS 'A ticket has one successor';
COMMENT ON COLUMN evently.tickets.ticket_id IS 'Id of the ticket, which may be shown';
COMMENT ON COLUMN evently.tickets.order_id IS 'Order that the ticket came from';
COMMENT ON COLUMN evently.tickets.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.tickets.event_id IS 'Event that the ticket admits to';
COMMENT ON COLUMN evently.tickets.attendee_name IS 'Who comes with this ticket';
COMMENT ON COLUMN evently.tickets.attendee_email IS 'Where the attendee is told';
COMMENT ON COLUMN evently.tickets.qr_code IS 'The secret that is scanned at the door; not for reports';
COMMENT ON COLUMN evently.tickets.status IS 'VALID, USED, CANCELLED or TRANSFERRED';
COMMENT ON COLUMN evently.tickets.issued_at IS 'When the ticket was issued';
COMMENT ON COLUMN evently.tickets.check_in_time IS 'When the ticket was admitted';
COMMENT ON COLUMN evently.tickets.transferred_from IS 'The ticket that this one took the place of';
COMMENT ON COLUMN evently.tickets.issued_xid IS 'Transaction that issued the ticket';

CREATE TABLE evently.notifications (
	notification_id bigint PRIMARY KEY DEFAULT nextval('evently.notification_ids'),
	message_id uuid NOT NULL DEFAULT gen_random_uuid(),
	kind       text NOT NULL
		CHECK (kind IN ('TICKETS_ISSUED', 'TICKETS_REFUNDED', 'REFUND_DUE', 'EVENT_CANCELLED', 'EVENT_RESCHEDULED',
			'TICKET_TRANSFERRED', 'TICKET_RECEIVED', 'TICKET_REISSUED',
			'WAITLIST_OFFER', 'WAITLIST_LAPSED', 'WAITLIST_CLOSED')),
	recipient  text CHECK (btrim(recipient) <> ''),
	user_id    bigint,
	event_id   bigint NOT NULL,
	order_id   bigint,
	payload    jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
	created_at timestamptz NOT NULL DEFAULT now(),
	status     text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'SENT', 'DEAD')),
	attempts   integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	visible_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(visible_at)),
	closed_at  timestamptz CHECK (isfinite(closed_at)),
	last_error text,
	CHECK (recipient IS NOT NULL OR user_id IS NOT NULL),
	CHECK ((status = 'PENDING') = (closed_at IS NULL))
);
CREATE INDEX notifications_pending ON evently.notifications (visible_at, notification_id)
	WHERE status = 'PENDING';
CREATE INDEX notifications_closed ON evently.notifications (status, closed_at)
	WHERE status <> 'PENDING';
COMMENT ON TABLE evently.notifications IS 'Outbox: who must be told what, written by the transaction that causes it';
COMMENT ON INDEX evently.notifications_pending IS 'What workers claim, the oldest first';
COMMENT ON INDEX evently.notifications_closed IS 'What is cleaned away, and the dead letters';
COMMENT ON COLUMN evently.notifications.notification_id IS 'Id of the message in this database';
COMMENT ON COLUMN evently.notifications.message_id IS 'The message''s name for the world, the same however often it is sent: receivers drop repeats by it';
COMMENT ON COLUMN evently.notifications.kind IS 'TICKETS_ISSUED, TICKETS_REFUNDED, REFUND_DUE, EVENT_CANCELLED, EVENT_RESCHEDULED, TICKET_TRANSFERRED, TICKET_RECEIVED, TICKET_REISSUED, WAITLIST_OFFER, WAITLIST_LAPSED or WAITLIST_CLOSED';
COMMENT ON COLUMN evently.notifications.recipient IS 'E-mail address; null when only the user''s id is known';
COMMENT ON COLUMN evently.notifications.user_id IS 'User of the application to be told: the buyer';
COMMENT ON COLUMN evently.notifications.event_id IS 'Event that it is about';
COMMENT ON COLUMN evently.notifications.order_id IS 'Order that it is about';
COMMENT ON COLUMN evently.notifications.payload IS 'What the message says: title, start, venue, order, offer, amounts, reason; token and qr_png (base64) where it brings a ticket; claim_notifications() adds the tickets';
COMMENT ON COLUMN evently.notifications.created_at IS 'When it was written';
COMMENT ON COLUMN evently.notifications.status IS 'PENDING, SENT, or DEAD: given up after evently.notification_max_attempts';
COMMENT ON COLUMN evently.notifications.attempts IS 'How often a worker has claimed it';
COMMENT ON COLUMN evently.notifications.visible_at IS 'From when a worker may claim it: later while one has it, and after a failure';
COMMENT ON COLUMN evently.notifications.closed_at IS 'When it was sent or given up';
COMMENT ON COLUMN evently.notifications.last_error IS 'Why the last attempt failed';
/*
 * The door: keys that sign tickets, secrets that have died, and every scan.
 *
 * Like orders, scans have no foreign key to events: an insert would lock the
 * event's row. Nor has one to tickets, which are never deleted: verify_door()
 * looks for strays.
 */
CREATE SEQUENCE evently.scan_ids MAXVALUE 9007199254740991;
COMMENT ON SEQUENCE evently.scan_ids IS 'Ids of scans';

CREATE TABLE evently.event_keys (
	kid        text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{11}$'),
	event_id   bigint NOT NULL REFERENCES evently.events ON DELETE CASCADE,
	public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
	created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
	retired_at timestamptz CHECK (isfinite(retired_at))
);
CREATE INDEX event_keys_event_id ON evently.event_keys (event_id, created_at);
CREATE UNIQUE INDEX event_keys_signing ON evently.event_keys (event_id) WHERE retired_at IS NULL;
COMMENT ON TABLE evently.event_keys IS 'Ed25519 keys that tickets are verified with; none is removed before its event, so printed tickets stay good';
COMMENT ON INDEX evently.event_keys_event_id IS 'The keys of an event';
COMMENT ON INDEX evently.event_keys_signing IS 'An event signs with one key at a time';
COMMENT ON COLUMN evently.event_keys.kid IS 'Name of the key in a token''s header: the first 8 bytes of its SHA-256, in base64url';
COMMENT ON COLUMN evently.event_keys.event_id IS 'Event whose tickets the key signs';
COMMENT ON COLUMN evently.event_keys.public_key IS 'The public key, 32 bytes';
COMMENT ON COLUMN evently.event_keys.created_at IS 'When the key was made';
COMMENT ON COLUMN evently.event_keys.retired_at IS 'Since when it signs no more; null for the key in use';

/*
 * Row security without a policy: not even a member of pg_read_all_data reads
 * it. Left out of dumps unless evently.dump_private_keys says otherwise (90_).
 */
CREATE TABLE evently.event_private_keys (
	kid         text PRIMARY KEY REFERENCES evently.event_keys ON DELETE CASCADE,
	private_key bytea NOT NULL CHECK (octet_length(private_key) = 32)
);
ALTER TABLE evently.event_private_keys ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE evently.event_private_keys IS 'The private halves of the keys in use; for nobody but the extension''s owner';
COMMENT ON COLUMN evently.event_private_keys.kid IS 'Name of the key';
COMMENT ON COLUMN evently.event_private_keys.private_key IS 'The seed of the private key (RFC 8032), 32 bytes';

CREATE TABLE evently.revocations (
	fingerprint text PRIMARY KEY CHECK (fingerprint ~ '^[A-Za-z0-9_-]{22}$'),
	ticket_id   bigint NOT NULL,
	event_id    bigint NOT NULL,
	reason      text NOT NULL CHECK (reason IN ('CANCELLED', 'TRANSFERRED', 'REISSUED')),
	revoked_at  timestamptz NOT NULL CHECK (isfinite(revoked_at)),
	changed_xid xid8 NOT NULL
);
CREATE INDEX revocations_event_id ON evently.revocations (event_id, changed_xid);
COMMENT ON TABLE evently.revocations IS 'Secrets that have died: written with every change that ends a ticket or gives it a new secret';
COMMENT ON INDEX evently.revocations_event_id IS 'What died in an event since a version of the offline list';
COMMENT ON COLUMN evently.revocations.fingerprint IS 'Fingerprint of the secret (see secret_fingerprint)';
COMMENT ON COLUMN evently.revocations.ticket_id IS 'Ticket that the secret was of';
COMMENT ON COLUMN evently.revocations.event_id IS 'Event of the ticket';
COMMENT ON COLUMN evently.revocations.reason IS 'CANCELLED (refunds and cancelled events included), TRANSFERRED or REISSUED';
COMMENT ON COLUMN evently.revocations.revoked_at IS 'When it died';
COMMENT ON COLUMN evently.revocations.changed_xid IS 'Transaction that revoked it';

/*
 * That a ticket is admitted once is the unique index scans_entry: one ADMIT for
 * each ticket, whoever writes it.
 *
 * It has no CHECKs, verify_door() looks for what they would forbid: each
 * statement parses the CHECKs of its table anew, and that took a third of the
 * time of a check-in.
 */
CREATE DOMAIN evently.scan_result AS text
	CONSTRAINT scan_result_is_known CHECK (VALUE IN ('ADMIT', 'ALREADY_ADMITTED', 'INVALID', 'UNDONE'));
COMMENT ON DOMAIN evently.scan_result IS 'What came of a scan: ADMIT, ALREADY_ADMITTED, INVALID or UNDONE';

CREATE TABLE evently.scans (
	scan_id        bigint PRIMARY KEY DEFAULT nextval('evently.scan_ids'),
	event_id       bigint,
	ticket_id      bigint,
	result         evently.scan_result NOT NULL,
	reason         text,
	told           evently.scan_result NOT NULL,
	gate           text,
	device         text,
	device_scan_id text,
	device_time    timestamptz,
	scanned_at     timestamptz NOT NULL,
	received_at    timestamptz NOT NULL,
	undone_at      timestamptz,
	undo_reason    text,
	changed_xid    xid8 NOT NULL
);
CREATE UNIQUE INDEX scans_entry ON evently.scans (ticket_id) WHERE result = 'ADMIT';
CREATE INDEX scans_contested ON evently.scans (event_id, ticket_id)
	WHERE told = 'ADMIT' AND result <> 'ADMIT';
CREATE UNIQUE INDEX scans_device_scan_id ON evently.scans (event_id, device, device_scan_id)
	WHERE device_scan_id IS NOT NULL;
CREATE INDEX scans_event_id ON evently.scans (event_id, changed_xid);
COMMENT ON TABLE evently.scans IS 'Every scan, online or offline, whatever came of it';
COMMENT ON INDEX evently.scans_entry IS 'One entry for each ticket';
COMMENT ON INDEX evently.scans_contested IS 'Scans at which a gate admitted somebody and that do not hold the entry';
COMMENT ON INDEX evently.scans_device_scan_id IS 'A scan counts once, however often its device reports it';
COMMENT ON INDEX evently.scans_event_id IS 'The scans of an event, and what changed since a version of the offline list';
COMMENT ON COLUMN evently.scans.scan_id IS 'Id of the scan';
COMMENT ON COLUMN evently.scans.event_id IS 'Event scanned for; null when it was not named and the token is unknown';
COMMENT ON COLUMN evently.scans.ticket_id IS 'Ticket that the token is of; null when it is none';
COMMENT ON COLUMN evently.scans.result IS 'As judged by all that is known now: ADMIT (this scan holds the ticket''s entry), ALREADY_ADMITTED, INVALID, or UNDONE';
COMMENT ON COLUMN evently.scans.reason IS 'Why it is INVALID';
COMMENT ON COLUMN evently.scans.told IS 'What the gate was told, or offline decided: where it is ADMIT and result is not, somebody was let in who does not count';
COMMENT ON COLUMN evently.scans.gate IS 'Gate';
COMMENT ON COLUMN evently.scans.device IS 'Device that scanned';
COMMENT ON COLUMN evently.scans.device_scan_id IS 'The device''s own id of an offline scan; null when scanned online';
COMMENT ON COLUMN evently.scans.device_time IS 'Time of an offline scan by the device''s clock';
COMMENT ON COLUMN evently.scans.scanned_at IS 'Time of the scan: the device''s, but never later than its receipt';
COMMENT ON COLUMN evently.scans.received_at IS 'When the scan reached the database';
COMMENT ON COLUMN evently.scans.undone_at IS 'When the entry was undone';
COMMENT ON COLUMN evently.scans.undo_reason IS 'Why the entry was undone';
COMMENT ON COLUMN evently.scans.changed_xid IS 'Transaction that recorded or changed the scan';
/*
 * The waitlist: a line for each tier, who stands in it, and what they were
 * offered (docs/waitlist.md).
 *
 * A tier has a row in waitlist_lines from the first join on. Who hands out
 * stock, joins or leaves holds the line's lock (src/locks.c), so that positions
 * follow the order of joining and cannot tie.
 */
CREATE SEQUENCE evently.waitlist_entry_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE evently.waitlist_offer_ids MAXVALUE 9007199254740991;
COMMENT ON SEQUENCE evently.waitlist_entry_ids IS 'Ids of waitlist entries';
COMMENT ON SEQUENCE evently.waitlist_offer_ids IS 'Ids of waitlist offers';

CREATE TABLE evently.waitlist_lines (
	tier_id       bigint PRIMARY KEY REFERENCES evently.ticket_tiers,
	last_position bigint NOT NULL DEFAULT 0 CHECK (last_position >= 0),
	gathering     integer NOT NULL DEFAULT 0 CHECK (gathering >= 0),
	gather_for    bigint,
	gather_until  timestamptz CHECK (isfinite(gather_until)),
	CHECK ((gather_for IS NULL) = (gather_until IS NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE evently.waitlist_lines IS 'The line of a tier that somebody once waited for';
COMMENT ON COLUMN evently.waitlist_lines.tier_id IS 'Tier that the line is for';
COMMENT ON COLUMN evently.waitlist_lines.last_position IS 'Position that was given last';
COMMENT ON COLUMN evently.waitlist_lines.gathering IS 'Tickets kept for the group at the head, neither on sale nor offered yet';
COMMENT ON COLUMN evently.waitlist_lines.gather_for IS 'Entry that stock gathered for last';
COMMENT ON COLUMN evently.waitlist_lines.gather_until IS 'Until when stock gathers for it; then those behind pass, for as long again';

CREATE TABLE evently.waitlist_entries (
	entry_id   bigint PRIMARY KEY DEFAULT nextval('evently.waitlist_entry_ids'),
	tier_id    bigint NOT NULL REFERENCES evently.waitlist_lines,
	event_id   bigint NOT NULL,
	user_id    bigint NOT NULL,
	email      text CHECK (btrim(email) <> ''),
	quantity   integer NOT NULL CHECK (quantity > 0),
	position   bigint NOT NULL CHECK (position > 0),
	status     text NOT NULL DEFAULT 'WAITING'
		CHECK (status IN ('WAITING', 'OFFERED', 'CLAIMED', 'LAPSED', 'LEFT', 'CLOSED')),
	joined_at  timestamptz NOT NULL DEFAULT now() CHECK (isfinite(joined_at)),
	ended_at   timestamptz CHECK (isfinite(ended_at)),
	CONSTRAINT waitlist_entries_position UNIQUE (tier_id, position),
	CHECK ((status IN ('WAITING', 'OFFERED')) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX waitlist_entries_active ON evently.waitlist_entries (tier_id, user_id)
	WHERE status IN ('WAITING', 'OFFERED');
CREATE INDEX waitlist_entries_waiting ON evently.waitlist_entries (tier_id, position)
	WHERE status = 'WAITING';
CREATE INDEX waitlist_entries_user ON evently.waitlist_entries (user_id, joined_at);
COMMENT ON TABLE evently.waitlist_entries IS 'Who stands, or stood, in a line';
COMMENT ON INDEX evently.waitlist_entries_active IS 'A user stands once in each line';
COMMENT ON INDEX evently.waitlist_entries_waiting IS 'A line in the order of joining';
COMMENT ON INDEX evently.waitlist_entries_user IS 'The lines that a user stands in';
COMMENT ON COLUMN evently.waitlist_entries.entry_id IS 'Id of the entry';
COMMENT ON COLUMN evently.waitlist_entries.tier_id IS 'Tier waited for';
COMMENT ON COLUMN evently.waitlist_entries.event_id IS 'Event of the tier';
COMMENT ON COLUMN evently.waitlist_entries.user_id IS 'Who waits: an id of the application''s';
COMMENT ON COLUMN evently.waitlist_entries.email IS 'Where the user is told';
COMMENT ON COLUMN evently.waitlist_entries.quantity IS 'Tickets wanted: all of them or none';
COMMENT ON COLUMN evently.waitlist_entries.position IS 'Rises with each join; the place in line is how many wait with a lower one';
COMMENT ON COLUMN evently.waitlist_entries.status IS 'WAITING, OFFERED, CLAIMED (the offer became an order), LAPSED (the offer was not claimed), LEFT, or CLOSED (no tickets any more)';
COMMENT ON COLUMN evently.waitlist_entries.joined_at IS 'When the user joined';
COMMENT ON COLUMN evently.waitlist_entries.ended_at IS 'When the user was served or went';

CREATE TABLE evently.waitlist_offers (
	offer_id   bigint PRIMARY KEY DEFAULT nextval('evently.waitlist_offer_ids'),
	entry_id   bigint NOT NULL UNIQUE REFERENCES evently.waitlist_entries,
	tier_id    bigint NOT NULL,
	event_id   bigint NOT NULL,
	user_id    bigint NOT NULL,
	quantity   integer NOT NULL CHECK (quantity > 0),
	status     text NOT NULL DEFAULT 'OPEN'
		CHECK (status IN ('OPEN', 'CLAIMED', 'DECLINED', 'LAPSED', 'CANCELLED')),
	offered_at timestamptz NOT NULL CHECK (isfinite(offered_at)),
	expires_at timestamptz NOT NULL CHECK (isfinite(expires_at)),
	closed_at  timestamptz CHECK (isfinite(closed_at)),
	order_id   bigint REFERENCES evently.orders,
	CHECK ((status = 'OPEN') = (closed_at IS NULL)),
	CHECK ((status = 'CLAIMED') = (order_id IS NOT NULL))
);
CREATE INDEX waitlist_offers_open ON evently.waitlist_offers (expires_at) WHERE status = 'OPEN';
CREATE INDEX waitlist_offers_open_tier ON evently.waitlist_offers (tier_id) WHERE status = 'OPEN';
CREATE INDEX waitlist_offers_order_id ON evently.waitlist_offers (order_id) WHERE order_id IS NOT NULL;
COMMENT ON TABLE evently.waitlist_offers IS 'Tickets kept for one who waited, until expires_at';
COMMENT ON INDEX evently.waitlist_offers_open IS 'Open offers by the time of their lapse';
COMMENT ON INDEX evently.waitlist_offers_open_tier IS 'The open offers of a tier';
COMMENT ON INDEX evently.waitlist_offers_order_id IS 'The offer that an order came from';
COMMENT ON COLUMN evently.waitlist_offers.offer_id IS 'Id of the offer';
COMMENT ON COLUMN evently.waitlist_offers.entry_id IS 'Entry that it was made to';
COMMENT ON COLUMN evently.waitlist_offers.tier_id IS 'Tier of the tickets';
COMMENT ON COLUMN evently.waitlist_offers.event_id IS 'Event of the tickets';
COMMENT ON COLUMN evently.waitlist_offers.user_id IS 'Who may claim it';
COMMENT ON COLUMN evently.waitlist_offers.quantity IS 'Number of tickets';
COMMENT ON COLUMN evently.waitlist_offers.status IS 'OPEN, CLAIMED, DECLINED, LAPSED or CANCELLED (the event ended)';
COMMENT ON COLUMN evently.waitlist_offers.offered_at IS 'When it was made';
COMMENT ON COLUMN evently.waitlist_offers.expires_at IS 'Until when it may be claimed';
COMMENT ON COLUMN evently.waitlist_offers.closed_at IS 'When it was claimed, declined, or ended';
COMMENT ON COLUMN evently.waitlist_offers.order_id IS 'Order that it became';
/*
 * What the jobs report, and the rows they could not handle.
 */
CREATE TABLE evently.job_runs (
	job          text PRIMARY KEY,
	last_run     timestamptz NOT NULL,
	last_success timestamptz,
	rows         bigint NOT NULL,
	duration     interval NOT NULL,
	error        text,
	runs         bigint NOT NULL,
	total_rows   bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE evently.job_runs IS 'The last run of each job';
COMMENT ON COLUMN evently.job_runs.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_runs.last_run IS 'When it last ran';
COMMENT ON COLUMN evently.job_runs.last_success IS 'When it last ran without an error';
COMMENT ON COLUMN evently.job_runs.rows IS 'What it did then';
COMMENT ON COLUMN evently.job_runs.duration IS 'How long that took';
COMMENT ON COLUMN evently.job_runs.error IS 'Its error; null when all went well';
COMMENT ON COLUMN evently.job_runs.runs IS 'How often it has run';
COMMENT ON COLUMN evently.job_runs.total_rows IS 'What all runs did';

CREATE TABLE evently.job_failures (
	job             text NOT NULL,
	object_id       bigint NOT NULL,
	sqlstate        text NOT NULL,
	error           text NOT NULL,
	failures        integer NOT NULL,
	first_failed_at timestamptz NOT NULL,
	last_failed_at  timestamptz NOT NULL,
	retry_at        timestamptz NOT NULL,
	PRIMARY KEY (job, object_id)
);
COMMENT ON TABLE evently.job_failures IS 'Rows that a job could not handle, and leaves out until retry_at';
COMMENT ON COLUMN evently.job_failures.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_failures.object_id IS 'Id of what failed: an order, an offer, or the tier of a line';
COMMENT ON COLUMN evently.job_failures.sqlstate IS 'SQLSTATE of the last error';
COMMENT ON COLUMN evently.job_failures.error IS 'The last error';
COMMENT ON COLUMN evently.job_failures.failures IS 'How often it failed';
COMMENT ON COLUMN evently.job_failures.first_failed_at IS 'When it failed first';
COMMENT ON COLUMN evently.job_failures.last_failed_at IS 'When it failed last';
COMMENT ON COLUMN evently.job_failures.retry_at IS 'When the job tries it again';
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
/*
 * The catalogue's functions (src/catalogue.c, event_state.c, tier_stock.c).
 *
 * Every function here and in the next modules runs as the extension's owner
 * with a pinned path. Those that change rows also plan with enable_seqscan off:
 * their plans are kept, and one made while a table was small must not scan it
 * from end to end when it has grown.
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_create_tier';
COMMENT ON FUNCTION evently.create_tier IS
'Add a tier of tickets to an event.
total_quantity: 0 to 10,000,000; max_per_order: 1 to 10,000; shards: rows the stock is spread over, 1 to 64, one for every 50 tickets unless given; held_back: kept from public sale.
Result: the tier. Errors: 22023 bad argument, P0002 unknown event, 23505 name taken, TK006 event cancelled or completed, TK011 over the venue''s capacity.';

CREATE FUNCTION evently.set_tier_quantity(tier_id bigint, total integer)
	RETURNS evently.ticket_tiers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_set_tier_quantity';
COMMENT ON FUNCTION evently.set_tier_quantity IS
'Change how many tickets a tier has in all.
total: never below what is held, sold and held back.
Result: the tier. Errors: 22023 bad argument, P0002 unknown tier, TK001 too few unsold, TK006 event cancelled or completed, TK011 over the venue''s capacity.';

CREATE FUNCTION evently.set_held_back(tier_id bigint, n integer)
	RETURNS evently.ticket_tiers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_set_held_back';
COMMENT ON FUNCTION evently.set_held_back IS
'Keep n tickets of a tier from public sale; what was kept beyond that goes on sale.
Result: the tier. Errors: 22023 bad argument, P0002 unknown tier, TK001 too few unsold, TK006 event cancelled or completed.';

CREATE FUNCTION evently.issue_comps(tier_id bigint, attendees jsonb)
	RETURNS SETOF evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_issue_comps';
COMMENT ON FUNCTION evently.issue_comps IS
'Issue free tickets out of what a tier holds back.
attendees: [{"name": "Ada", "email": "ada@example.org"}, …], one for each ticket, both members optional.
Result: the tickets, in the order given. Errors: 22023 bad argument, P0002 unknown tier, TK001 not enough held back, TK006 event cancelled or completed.';

CREATE FUNCTION evently.publish_event(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_publish_event';
COMMENT ON FUNCTION evently.publish_event IS
'DRAFT to PUBLISHED: the public may see the event. Result: the event. Errors: P0002 unknown event, TK006 wrong state, or no confirmed booking of its venue (evently.require_booking).';

CREATE FUNCTION evently.open_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_open_sale';
COMMENT ON FUNCTION evently.open_sale IS
'PUBLISHED to ON_SALE (to SOLD_OUT when no ticket is left). Result: the event. Errors: P0002 unknown event, TK006 wrong state or no tiers.';

CREATE FUNCTION evently.pause_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_pause_sale';
COMMENT ON FUNCTION evently.pause_sale IS
'ON_SALE or SOLD_OUT to PUBLISHED: no new reservations; holds may still be paid. Result: the event. Errors: P0002 unknown event, TK006 wrong state.';

CREATE FUNCTION evently.resume_sale(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_open_sale';
COMMENT ON FUNCTION evently.resume_sale IS
'Take up a paused sale: the same change as open_sale. Result: the event. Errors: P0002 unknown event, TK006 wrong state or no tiers.';

CREATE FUNCTION evently.complete_event(event_id bigint) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_complete_event';
COMMENT ON FUNCTION evently.complete_event IS
'PUBLISHED, ON_SALE or SOLD_OUT to COMPLETED; unpaid holds end. Result: the event. Errors: P0002 unknown event, TK006 wrong state.';

CREATE FUNCTION evently.cancel_event(
	event_id bigint, reason text, keep_booking boolean DEFAULT false) RETURNS evently.events
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_cancel_event';
COMMENT ON FUNCTION evently.cancel_event IS
'Cancel an event: holds and tickets end, what was paid is marked DUE for refund, buyers and attendees are told.
keep_booking: keeps the venue booked, for another event (assign_booking) or time (reschedule_booking); else its slot is free.
Result: the event. Errors: 22023 no reason, P0002 unknown event, TK006 wrong state.';
/*
 * The life of an order (src/reserve.c, reserve_batch.c, orders.c, payment.c,
 * refund.c).
 */
CREATE TYPE evently.reservation_result AS (
	reservation evently.orders,
	sqlstate    text,
	message     text,
	detail      text,
	hint        text
);
COMMENT ON TYPE evently.reservation_result IS 'The order, or why there is none: sqlstate is null when there is one';
COMMENT ON COLUMN evently.reservation_result.reservation IS 'The order; null when refused';
COMMENT ON COLUMN evently.reservation_result.sqlstate IS 'Why it was refused, for programs; null when it was not';
COMMENT ON COLUMN evently.reservation_result.message IS 'Why it was refused, for people';
COMMENT ON COLUMN evently.reservation_result.detail IS 'The facts';
COMMENT ON COLUMN evently.reservation_result.hint IS 'The way out';

CREATE TYPE evently.batch_result AS (
	request_no integer,
	order_id   bigint,
	sqlstate   text,
	message    text
);
COMMENT ON TYPE evently.batch_result IS 'What became of one request of a batch';
COMMENT ON COLUMN evently.batch_result.request_no IS 'Position of the request, from 1';
COMMENT ON COLUMN evently.batch_result.order_id IS 'Id of the order; null when refused';
COMMENT ON COLUMN evently.batch_result.sqlstate IS 'Why it was refused, for programs; null when it was not';
COMMENT ON COLUMN evently.batch_result.message IS 'Why it was refused, for people';

CREATE TYPE evently.confirmation AS (
	outcome     text,
	reservation evently.orders,
	tickets     evently.tickets[],
	refund      evently.refunds
);
COMMENT ON TYPE evently.confirmation IS 'What became of a payment';
COMMENT ON COLUMN evently.confirmation.outcome IS 'CONFIRMED, ALREADY_CONFIRMED, RECOVERED, REFUND_DUE, AMOUNT_MISMATCH or DUPLICATE_PAYMENT';
COMMENT ON COLUMN evently.confirmation.reservation IS 'The order as it is now';
COMMENT ON COLUMN evently.confirmation.tickets IS 'The order''s tickets; null when it has none';
COMMENT ON COLUMN evently.confirmation.refund IS 'The refund that this payment is due; null when it is kept';

CREATE FUNCTION evently.reserve_tickets(
	event_id bigint, buyer_id bigint, selections jsonb,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_reserve_tickets';
COMMENT ON FUNCTION evently.reserve_tickets IS
'Hold tickets of one or more tiers for a buyer until expires_at.
selections: [{"tier_id": 1, "quantity": 2}, …], up to 100; a tier named twice is added up; all or nothing. idempotency_key: names the attempt, 1 to 200 characters; repeated with the same content it gives the same order.
Result: the order, PENDING. Errors: TK001 not enough tickets, TK002 over the limit per order, TK003 outside the sale window, TK004 event not on sale, TK005 over the limit per buyer, P0002 unknown event or tier, 22023 bad argument or a key used with other content.';

CREATE FUNCTION evently.reserve_tier(
	event_id bigint, buyer_id bigint, tier_id bigint, quantity integer,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_reserve_tier';
COMMENT ON FUNCTION evently.reserve_tier IS
'Hold tickets of one tier: reserve_tickets for the common case. Result and errors: as there.';

CREATE FUNCTION evently.try_reserve_tickets(
	event_id bigint, buyer_id bigint, selections jsonb,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.reservation_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_try_reserve_tickets';
COMMENT ON FUNCTION evently.try_reserve_tickets IS
'reserve_tickets that returns a refusal (class TK, P0002, 22023) as a row instead of raising it; a refused call leaves nothing behind and logs nothing.
Result: the order, or sqlstate, message, detail and hint.';

CREATE FUNCTION evently.try_reserve_tier(
	event_id bigint, buyer_id bigint, tier_id bigint, quantity integer,
	idempotency_key text DEFAULT NULL, buyer_email text DEFAULT NULL)
	RETURNS evently.reservation_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_try_reserve_tier';
COMMENT ON FUNCTION evently.try_reserve_tier IS
'reserve_tier that returns a refusal (class TK, P0002, 22023) as a row instead of raising it. Result: as try_reserve_tickets.';

CREATE FUNCTION evently.reserve_tickets_batch(requests jsonb)
	RETURNS SETOF evently.batch_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_reserve_tickets_batch';
COMMENT ON FUNCTION evently.reserve_tickets_batch IS
'Reserve for many buyers in one transaction: each request succeeds or is refused on its own, earlier ones first.
requests: [{"event_id": 1, "buyer_id": 7, "selections": [{"tier_id": 1, "quantity": 2}], "idempotency_key": "k", "buyer_email": "a@b"}, …], the last two optional; at most evently.batch_max_requests.
Result: a row for each request, in order; sqlstate as reserve_tickets would raise. Errors: 22023 when requests is not such an array.';

CREATE FUNCTION evently.confirm_order(
	order_id bigint, payment_id text, amount numeric DEFAULT NULL, attendees jsonb DEFAULT NULL)
	RETURNS evently.confirmation
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_confirm_order';
COMMENT ON FUNCTION evently.confirm_order IS
'Report a payment; when it is good, the order''s tickets are issued. Safe to repeat and to race.
payment_id: the provider''s id, counts once; null only for an order that costs nothing. amount: what was paid, the order''s total unless given. attendees: [{"tier_id": 1, "name": "Ada", "email": "a@b"}, …], members optional, at most one for each ticket.
Outcome: CONFIRMED; ALREADY_CONFIRMED (this payment was reported before); RECOVERED (paid after the hold lapsed, the tickets were taken again: the sale window does not matter then); REFUND_DUE (paid late and gone, or cancelled); AMOUNT_MISMATCH (the order stays as it is); DUPLICATE_PAYMENT (another payment had confirmed it). The last three mark a refund of this payment DUE.
Errors: P0002 unknown order, 22023 bad argument or a payment of another order, TK006 a free order was cancelled, TK009 a free order''s hold lapsed and its tickets are gone.';

CREATE FUNCTION evently.cancel_order(order_id bigint, reason text) RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_cancel_order';
COMMENT ON FUNCTION evently.cancel_order IS
'Give up a hold: its tickets are for sale again.
Result: the order, CANCELLED. Errors: 22023 no reason, P0002 unknown order, TK006 not PENDING.';

CREATE FUNCTION evently.refund_order(
	order_id bigint, refund_id text, ticket_ids bigint[] DEFAULT NULL, restock boolean DEFAULT true)
	RETURNS evently.refunds
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_refund_order';
COMMENT ON FUNCTION evently.refund_order IS
'Take tickets back and mark their price DUE for refund.
refund_id: names the refund; repeated with the same content it gives the same refund. ticket_ids: all that are left unless given. restock: false adds the tickets to what is held back instead of the sale.
Result: the refund. Errors: 22023 bad argument or an id used with other content, P0002 unknown order or ticket, TK006 the order has no tickets, or one was given back or transferred before.';

CREATE FUNCTION evently.settle_refund(refund_id text, outcome text) RETURNS evently.refunds
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_settle_refund';
COMMENT ON FUNCTION evently.settle_refund IS
'Report whether the money of a refund was returned; a repeated report changes nothing, a FAILED one may still be DONE.
outcome: DONE or FAILED. Result: the refund. Errors: 22023 bad argument, P0002 unknown refund, TK006 already DONE.';
/*
 * Maintenance (src/orders.c, jobs.c).
 */
CREATE FUNCTION evently.release_expired_orders(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_release_expired_orders';
COMMENT ON FUNCTION evently.release_expired_orders IS
'End holds that have lapsed: their tickets go to those in line, or back on sale. Several callers share the work; what fails is left out for a while (job_failures).
batch_size: at most so many orders, 1 to 100,000. Result: the number ended or left out. Errors: 22023 bad argument.';

CREATE FUNCTION evently.refresh_sold_out_labels(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_refresh_sold_out_labels';
COMMENT ON FUNCTION evently.refresh_sold_out_labels IS
'Set SOLD_OUT and ON_SALE right where sales raced.
batch_size: examines at most so many notes of emptied shards, 1 to 100,000. Result: the number of notes examined. Errors: 22023 bad argument.';

/* It commits, so it can neither be a definer nor have a SET clause. */
CREATE PROCEDURE evently.run_jobs()
	LANGUAGE C AS 'MODULE_PATHNAME', 'ev_run_jobs';
COMMENT ON PROCEDURE evently.run_jobs IS
'All maintenance once: lapsed holds and offers, the waitlist''s lines, sold-out labels, lapsed bookings, sent messages, the roll-up of sales, past events out of the search. Commits after each batch of evently.job_batch_size; a job that fails is reported as a warning and in job_status, and does not stop the next. Two at once share the work.';

CREATE FUNCTION evently.grant_jobs(role name) RETURNS void
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_grant_jobs';
COMMENT ON FUNCTION evently.grant_jobs IS
'Let a role run the jobs: it may execute run_jobs() and what that calls, and nothing else.
Errors: 22023 bad argument or the role cannot log in, 42704 unknown role.';

CREATE FUNCTION evently.schedule_jobs(as_role name DEFAULT NULL) RETURNS bigint
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_schedule_jobs';
COMMENT ON FUNCTION evently.schedule_jobs IS
'Have pg_cron run CALL evently.run_jobs() every minute in this database.
as_role: who runs them, the caller unless given; the role must be able to log in, and is granted what the jobs need: nothing but to execute them.
Result: pg_cron''s job id. Errors: 55000 pg_cron is not in this database (HINT: the SQL to run where it is, or a crontab line), 42704 unknown role, 22023 the role cannot log in.';

CREATE FUNCTION evently.unschedule_jobs() RETURNS boolean
	LANGUAGE C VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_unschedule_jobs';
COMMENT ON FUNCTION evently.unschedule_jobs IS
'Undo schedule_jobs(): call it before DROP EXTENSION evently. Result: whether there was a job. Errors: 55000 pg_cron is not in this database (HINT: the SQL to run where it is).';
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_reschedule_booking';
COMMENT ON FUNCTION evently.reschedule_booking IS
'Move a booking and its event, in one step. Tickets stay good, and who holds some is told.
start_time, end_time: the new times of the booking, with the same setup and teardown; event_start, event_end: the new times of the event, which moves by the booking''s shift unless given. Doors, the transfer deadline and sale ends still to come move by the event''s shift; sale starts only when the sale would end before it starts.
Result: the booking. Errors: 22023 bad argument or event outside the booked time, P0002 unknown booking, TK006 booking cancelled or lapsed, event completed, venue not active, TK010 the venue is taken (DETAIL: when; HINT: the next free slot).';

CREATE FUNCTION evently.cancel_booking(booking_id bigint, reason text DEFAULT NULL)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_cancel_booking';
COMMENT ON FUNCTION evently.cancel_booking IS
'Give a venue back: the slot is free, the record stays, and what was paid of the deposit is marked RETURN_DUE.
Result: the booking, CANCELLED. Errors: 22023 bad argument, P0002 unknown booking, TK006 cancelled before, event completed, or event published and in need of its booking (evently.require_booking).';

CREATE FUNCTION evently.assign_booking(booking_id bigint, event_id bigint)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_assign_booking';
COMMENT ON FUNCTION evently.assign_booking IS
'Put an event into a booking that has none, or whose event was cancelled and the slot kept.
Result: the booking. Errors: 22023 bad argument or event outside the booked time, P0002 unknown booking or event, TK006 booking cancelled, lapsed or in use, event cancelled, completed, booked already or published elsewhere, TK011 the event''s tiers exceed the venue''s capacity.';

CREATE FUNCTION evently.add_booking_addon(
	booking_id bigint, type text, description text, cost numeric)
	RETURNS evently.venue_booking_addons
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_add_booking_addon';
COMMENT ON FUNCTION evently.add_booking_addon IS
'Order something with a booking; it goes on the invoice.
type: CATERING, AV, OTHER, or another word of letters, digits and underscores, kept in capitals; description: may be null; cost: in the venue''s currency.
Result: the add-on. Errors: 22023 bad argument, P0002 unknown booking, TK006 booking cancelled or lapsed.';

CREATE FUNCTION evently.pay_deposit(booking_id bigint, amount numeric, payment_id text)
	RETURNS evently.venue_bookings
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_pay_deposit';
COMMENT ON FUNCTION evently.pay_deposit IS
'Report a payment towards a booking''s deposit; payments add up, and the last one confirms the booking. Safe to repeat and to race.
amount: greater than 0, at most what is still due; payment_id: the provider''s id, counts once: repeated with the same content it changes nothing.
Result: the booking. Errors: 22023 bad argument, more than is due, or a payment id used with other content, P0002 unknown booking, TK006 booking cancelled or lapsed.';

CREATE FUNCTION evently.settle_deposit_return(payment_id text)
	RETURNS evently.booking_payments
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_settle_deposit_return';
COMMENT ON FUNCTION evently.settle_deposit_return IS
'Report that a deposit marked RETURN_DUE was returned; a repeated report changes nothing.
Result: the payment, RETURNED. Errors: 22023 bad argument, P0002 unknown payment, TK006 not to be returned.';

CREATE FUNCTION evently.release_lapsed_bookings(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_release_lapsed_bookings';
COMMENT ON FUNCTION evently.release_lapsed_bookings IS
'Cancel bookings whose deposit was not paid when it was due; several callers share the work.
batch_size: at most so many bookings, 1 to 100,000. Result: the number cancelled. Errors: 22023 bad argument.';

CREATE FUNCTION evently.venue_free_slots(
	venue_id bigint, within tstzrange, at_least interval DEFAULT NULL)
	RETURNS SETOF tstzrange
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
/*
 * The door (src/token.c, event_keys.c, qr.c, check_in.c, offline.c, transfer.c).
 */
CREATE FUNCTION evently.secret_fingerprint(secret uuid) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_secret_fingerprint';
COMMENT ON FUNCTION evently.secret_fingerprint IS
'The fingerprint of a ticket''s secret (qr_code): the first 16 bytes of the SHA-256 of its 16 bytes, in base64url; 22 characters. It tells nothing about the secret.';

/* --- Keys --- */

CREATE FUNCTION evently.key_set(event_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT jsonb_build_object('keys', coalesce(jsonb_agg(jsonb_build_object(
		'kty', 'OKP', 'crv', 'Ed25519', 'use', 'sig', 'alg', 'EdDSA', 'kid', k.kid,
		'x', translate(encode(k.public_key, 'base64'), '+/=', '-_')) ORDER BY k.created_at DESC, k.kid), '[]'))
	FROM evently.event_keys k WHERE k.event_id = key_set.event_id;
END;
COMMENT ON FUNCTION evently.key_set IS
'The public keys of an event as a JSON Web Key Set (RFC 7517, 8037), the newest first. event_id: any event; an unknown one has no keys.';

CREATE FUNCTION evently.event_jwks(event_id bigint) RETURNS jsonb
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_event_jwks';
COMMENT ON FUNCTION evently.event_jwks IS
'The public keys that the event''s tokens are verified with, as a JSON Web Key Set (RFC 7517, 8037): the one in use first, then those of before.
An event gets its first key when it is published. Result: {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "…", "x": "…"}, …]}. Errors: P0002 unknown event.';

CREATE FUNCTION evently.rotate_event_key(event_id bigint) RETURNS evently.event_keys
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_rotate_event_key';
COMMENT ON FUNCTION evently.rotate_event_key IS
'Sign the event''s tokens with a new key from now on. The old private key is deleted and wiped from every backend; tokens signed with it stay good.
Result: the new key''s public half. Errors: P0002 unknown event.';

CREATE FUNCTION evently.start_event_key() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_start_event_key';
COMMENT ON FUNCTION evently.start_event_key() IS
'Trigger: makes the signing key of an event that has none';
CREATE TRIGGER start_event_key AFTER UPDATE OF status ON evently.events
	FOR EACH ROW WHEN (OLD.status = 'DRAFT' AND NEW.status = 'PUBLISHED')
	EXECUTE FUNCTION evently.start_event_key();
COMMENT ON TRIGGER start_event_key ON evently.events IS 'A published event has a signing key, so a standby can serve it';

CREATE FUNCTION evently.forget_keys() RETURNS trigger
	LANGUAGE C SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_forget_keys';
COMMENT ON FUNCTION evently.forget_keys() IS
'Trigger: has every backend wipe the keys that it has loaded';
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_keys
	FOR EACH STATEMENT EXECUTE FUNCTION evently.forget_keys();
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_private_keys
	FOR EACH STATEMENT EXECUTE FUNCTION evently.forget_keys();
COMMENT ON TRIGGER forget_keys ON evently.event_keys IS 'No backend goes on with a key that was changed or removed';
COMMENT ON TRIGGER forget_keys ON evently.event_private_keys IS 'No backend keeps a private key that was rotated out';

/* --- Tokens and QR codes --- */

CREATE FUNCTION evently.ticket_token(ticket_id bigint) RETURNS text
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_ticket_token';
COMMENT ON FUNCTION evently.ticket_token IS
'The ticket as a signed token: a JWS in compact form (RFC 7515, EdDSA) with ticket, event, tier, fp (the secret''s fingerprint) and exp (400 days after the event''s end, so a postponed event keeps its tickets). Good as long as the ticket''s secret lives.
Result: the token, at most 301 characters. Errors: P0002 unknown ticket, TK006 ticket not valid, TK040 the event''s private key is missing or damaged (as after a restore without it).';

CREATE FUNCTION evently.qr_svg(text text) RETURNS text
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_svg';
COMMENT ON FUNCTION evently.qr_svg IS
'A QR code as an SVG document: error correction M, quiet zone of 4 modules, one unit for a module. text: 1 to 2,331 bytes. Errors: 22023 bad argument.';

CREATE FUNCTION evently.qr_png(text text, scale integer DEFAULT 4) RETURNS bytea
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_png';
COMMENT ON FUNCTION evently.qr_png IS
'A QR code as a PNG file: error correction M, quiet zone of 4 modules. text: 1 to 2,331 bytes; scale: pixels for a module, 1 to 32. Errors: 22023 bad argument.';

CREATE FUNCTION evently.qr_text(text text) RETURNS text
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_text';
COMMENT ON FUNCTION evently.qr_text IS
'A QR code in block characters, for a dark terminal. text: 1 to 2,331 bytes. Errors: 22023 bad argument, 0A000 the database''s encoding is not UTF8.';

CREATE FUNCTION evently.ticket_qr_svg(ticket_id bigint) RETURNS text
	LANGUAGE sql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT evently.qr_svg(evently.ticket_token(ticket_id));
END;
COMMENT ON FUNCTION evently.ticket_qr_svg IS
'The ticket''s token as a QR code, an SVG document. Errors: those of ticket_token.';

CREATE FUNCTION evently.ticket_qr_png(ticket_id bigint) RETURNS bytea
	LANGUAGE sql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT evently.qr_png(evently.ticket_token(ticket_id));
END;
COMMENT ON FUNCTION evently.ticket_qr_png IS
'The ticket''s token as a QR code, a PNG file of 4 pixels for a module. Errors: those of ticket_token.';

/* --- The life of a ticket and its secret --- */

/*
 * One trigger for both, and without a WHEN clause, which each statement would
 * parse anew: it is the door's hot path.
 */
CREATE FUNCTION evently.check_ticket() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_check_ticket';
COMMENT ON FUNCTION evently.check_ticket() IS
'Trigger: check_transition for tickets; and notes in revocations that a secret has died, when its ticket was cancelled or transferred or got a new one';
CREATE TRIGGER check_ticket AFTER UPDATE OF status, qr_code ON evently.tickets
	FOR EACH ROW EXECUTE FUNCTION evently.check_ticket(
		'VALID>USED', 'USED>VALID', 'VALID>CANCELLED', 'USED>CANCELLED', 'VALID>TRANSFERRED');
COMMENT ON TRIGGER check_ticket ON evently.tickets IS 'The states of a ticket; whatever ends it or changes its secret revokes the secret';

/* --- Check-in --- */

CREATE TYPE evently.check_in_result AS (
	result           text,
	reason           text,
	scan_id          bigint,
	ticket_id        bigint,
	event_id         bigint,
	tier_id          bigint,
	tier_name        text,
	attendee_name    text,
	first_scanned_at timestamptz,
	first_gate       text,
	first_device     text
);
COMMENT ON TYPE evently.check_in_result IS 'What the door is told about a ticket';
COMMENT ON COLUMN evently.check_in_result.result IS 'ADMIT, ALREADY_ADMITTED or INVALID';
COMMENT ON COLUMN evently.check_in_result.reason IS 'Why it is INVALID: UNKNOWN, BAD_SIGNATURE, EXPIRED, NOT_YET_VALID, WRONG_EVENT, CANCELLED, REFUNDED, TRANSFERRED, REISSUED, NOT_YET_OPEN, EVENT_OVER or WRONG_GATE';
COMMENT ON COLUMN evently.check_in_result.scan_id IS 'Id of the scan; null when the ticket was only looked at';
COMMENT ON COLUMN evently.check_in_result.ticket_id IS 'Id of the ticket; null when there is none';
COMMENT ON COLUMN evently.check_in_result.event_id IS 'Event that the ticket admits to';
COMMENT ON COLUMN evently.check_in_result.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.check_in_result.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.check_in_result.attendee_name IS 'Who comes with the ticket';
COMMENT ON COLUMN evently.check_in_result.first_scanned_at IS 'When the ticket was admitted';
COMMENT ON COLUMN evently.check_in_result.first_gate IS 'At which gate it was admitted';
COMMENT ON COLUMN evently.check_in_result.first_device IS 'By which device it was admitted';

CREATE FUNCTION evently.check_in(
	token text, event_id bigint DEFAULT NULL, gate text DEFAULT NULL, device text DEFAULT NULL)
	RETURNS evently.check_in_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_check_in';
COMMENT ON FUNCTION evently.check_in IS
'Admit the holder of a ticket, once. Every call is recorded in scans.
token: what the QR code says, the signed token or the secret UUID; event_id: the event at this door, refuses tickets of others when given; gate: must be named in the event''s gate_tiers if it has any; device: who scanned.
Result: ADMIT for exactly one call, ALREADY_ADMITTED with time and gate of that one, or INVALID with a reason; it does not raise for a ticket. Errors: 22023 no token.';

CREATE FUNCTION evently.validate_ticket(
	token text, event_id bigint DEFAULT NULL, gate text DEFAULT NULL)
	RETURNS evently.check_in_result
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_validate_ticket';
COMMENT ON FUNCTION evently.validate_ticket IS
'What check_in would say now, changing and recording nothing; works on a standby.
Arguments and result: as check_in. Errors: 22023 no token.';

CREATE FUNCTION evently.undo_check_in(ticket_id bigint, reason text) RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_undo_check_in';
COMMENT ON FUNCTION evently.undo_check_in IS
'Undo an entry: the ticket may enter again; its scans stay, marked UNDONE with the reason.
Result: the ticket, VALID. Errors: 22023 no reason, P0002 unknown ticket, TK006 not checked in.';

/* --- Offline --- */

CREATE FUNCTION evently.offline_manifest(event_id bigint, since_version text DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_offline_manifest';
COMMENT ON FUNCTION evently.offline_manifest IS
'What a device needs to admit while offline (docs/offline.md).
since_version: the version of the answer that the device has; only what changed since comes, unless full is true again, which replaces everything.
Result: {"version", "full", "as_of", "event": {"event_id", "title", "status", "doors_open", "doors_close", "gate_tiers"}, "tiers": [{"tier_id", "name"}], "keys": a key set as event_jwks, "tickets": [{"ticket_id", "tier_id", "fingerprint", "used_at"}], "revocations": [{"fingerprint", "ticket_id", "reason"}]}. No secrets and no names are in it. Errors: P0002 unknown event, 22023 malformed version.';

CREATE TYPE evently.sync_result AS (
	scan_id          text,
	result           text,
	reason           text,
	conflict         boolean,
	ticket_id        bigint,
	ticket_status    text,
	scanned_at       timestamptz,
	entry_scanned_at timestamptz,
	entry_gate       text,
	entry_device     text
);
COMMENT ON TYPE evently.sync_result IS 'What is known now about a scan that a device made';
COMMENT ON COLUMN evently.sync_result.scan_id IS 'The device''s own id of the scan; null for one made online';
COMMENT ON COLUMN evently.sync_result.result IS 'ADMIT (it holds the ticket''s entry), ALREADY_ADMITTED, INVALID or UNDONE';
COMMENT ON COLUMN evently.sync_result.reason IS 'Why it is INVALID, as in check_in_result';
COMMENT ON COLUMN evently.sync_result.conflict IS 'Whether somebody was admitted by this scan who does not count, or another scan of the ticket admitted somebody too';
COMMENT ON COLUMN evently.sync_result.ticket_id IS 'Ticket that was scanned; null when it is unknown';
COMMENT ON COLUMN evently.sync_result.ticket_status IS 'Status of the ticket now: an entry whose ticket was cancelled meanwhile shows here';
COMMENT ON COLUMN evently.sync_result.scanned_at IS 'Time of the scan: the device''s, never later than its receipt';
COMMENT ON COLUMN evently.sync_result.entry_scanned_at IS 'Time of the scan that holds the entry';
COMMENT ON COLUMN evently.sync_result.entry_gate IS 'Gate of the scan that holds the entry';
COMMENT ON COLUMN evently.sync_result.entry_device IS 'Device of the scan that holds the entry';

CREATE FUNCTION evently.sync_check_ins(event_id bigint, device text, scans jsonb)
	RETURNS SETOF evently.sync_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_sync_check_ins';
COMMENT ON FUNCTION evently.sync_check_ins IS
'Report scans that a device made offline; may be repeated and come in any order (the rule: docs/offline.md).
scans: [{"scan_id": "…", "token": "…", "scanned_at": "2026-05-01T18:03:11.250Z", "gate": "A", "result": "ADMIT"}, …], at most evently.sync_max_scans. Instead of token: "ticket_id" and "fingerprint" as the manifest has them. gate and result may be missing: result is what the device told, ADMIT unless it is ALREADY_ADMITTED or INVALID. scan_id: unique for the device, 1 to 100 characters; of one reported twice the first report counts. An empty array asks for conflicts only.
Result: a row for each scan, in the order given, then one for each earlier scan of the device in the event that is in conflict. Errors: P0002 unknown event, 22023 bad argument.';

/* --- Changing hands --- */

CREATE FUNCTION evently.transfer_ticket(ticket_id bigint, from_email text, to_name text, to_email text)
	RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_transfer_ticket';
COMMENT ON FUNCTION evently.transfer_ticket IS
'Hand a ticket over: the new holder gets a new ticket, the old one is TRANSFERRED and its secret and token are dead. Once for each ticket bought, before entry, until the event''s transfer_deadline (its start unless set). Both are told.
from_email: the present holder, the attendee''s address or else the buyer''s.
Result: the new ticket. Errors: 22023 bad argument, P0002 unknown ticket, TK020 already transferred once, TK021 not transferable now, TK022 from_email is not the holder.';

CREATE FUNCTION evently.assign_attendee(ticket_id bigint, name text, email text DEFAULT NULL)
	RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_assign_attendee';
COMMENT ON FUNCTION evently.assign_attendee IS
'Say or correct who comes with a ticket. For the same holder (the same address as before, or none given) the secret stays; another address is another holder: the ticket gets a new secret, which is mailed there, and the old one is dead.
name: null leaves it. Result: the ticket. Errors: 22023 bad argument, P0002 unknown ticket, TK006 ticket not VALID.';

CREATE FUNCTION evently.reissue_ticket(ticket_id bigint, reason text) RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_reissue_ticket';
COMMENT ON FUNCTION evently.reissue_ticket IS
'Give a lost or leaked ticket a new secret, which is mailed to the holder; the old secret and its tokens are dead.
Result: the ticket. Errors: 22023 no reason, P0002 unknown ticket, TK006 ticket not VALID.';
/*
 * Discovery (src/search*.c, trending.c).
 *
 * The functions that read are planned with index scans only, and their plans
 * are generic and kept: neither stale statistics nor the first caller's
 * arguments can make one of them slow.
 */
CREATE INDEX orders_buyer_id ON evently.orders (buyer_id, order_id) WHERE confirmed_at IS NOT NULL;
COMMENT ON INDEX evently.orders_buyer_id IS 'What a user has attended; a hold is not in it';

CREATE FUNCTION evently.geo_point(latitude double precision, longitude double precision)
	RETURNS geography
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_geo_point';
COMMENT ON FUNCTION evently.geo_point IS
'A point, for near and for create_venue. PostGIS itself moves a point that is not on the globe to one that is.
latitude: -90 to 90; longitude: -180 to 180. Errors: 22023 out of range.';

CREATE FUNCTION evently.make_point(longitude double precision, latitude double precision)
	RETURNS geography
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN ST_SetSRID(ST_MakePoint(longitude, latitude), 4326)::geography;
COMMENT ON FUNCTION evently.make_point IS 'For geo_point: the point, unchecked';

CREATE FUNCTION evently.coordinates(
	point geography, OUT latitude double precision, OUT longitude double precision)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN GeometryType(point::geometry) = 'POINT' THEN ST_Y(point::geometry) END,
		CASE WHEN GeometryType(point::geometry) = 'POINT' THEN ST_X(point::geometry) END;
END;
COMMENT ON FUNCTION evently.coordinates IS 'Latitude and longitude in degrees; null for what is not a point';

CREATE FUNCTION evently.nearest_venues(point geography, n integer,
	OUT venue_id bigint, OUT metres double precision)
	RETURNS SETOF record
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.venue_id, ST_Distance(v.location, point)
	FROM evently.venues v
	WHERE v.location IS NOT NULL
	ORDER BY v.location <-> point
	LIMIT n;
END;
COMMENT ON FUNCTION evently.nearest_venues IS 'The n venues nearest to a point, with their distances';

CREATE FUNCTION evently.similar_words(misspelt text) RETURNS SETOF text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET pg_trgm.similarity_threshold = 0.25
BEGIN ATOMIC
	SELECT w.word FROM evently.search_words w
	WHERE w.word % misspelt AND length(w.word) BETWEEN length(misspelt) - 2 AND length(misspelt) + 2;
END;
COMMENT ON FUNCTION evently.similar_words IS 'Known words with many trigrams of another, of about its length';

/*
 * Upkeep.
 */
CREATE FUNCTION evently.refresh_event_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_refresh_event_search';
COMMENT ON FUNCTION evently.refresh_event_search() IS
'Trigger: derives anew what search knows of an event, if the change makes a difference there';

CREATE FUNCTION evently.refresh_tier_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_refresh_tier_search';
COMMENT ON FUNCTION evently.refresh_tier_search() IS
'Trigger: derives anew what search knows of a tier''s event';

CREATE FUNCTION evently.refresh_venue_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_refresh_venue_search';
COMMENT ON FUNCTION evently.refresh_venue_search() IS
'Trigger: derives anew what search knows of the events at a venue';

CREATE TRIGGER refresh_search
	AFTER UPDATE OF title, description, language, category, status, start_time, end_time, venue_id
	ON evently.events FOR EACH ROW EXECUTE FUNCTION evently.refresh_event_search();
CREATE TRIGGER refresh_search AFTER UPDATE OF price ON evently.ticket_tiers
	FOR EACH ROW WHEN (OLD.price <> NEW.price) EXECUTE FUNCTION evently.refresh_tier_search();
CREATE TRIGGER refresh_search_deleted AFTER DELETE ON evently.ticket_tiers
	FOR EACH ROW EXECUTE FUNCTION evently.refresh_tier_search();
CREATE TRIGGER refresh_search AFTER UPDATE OF name, city, location, timezone ON evently.venues
	FOR EACH ROW WHEN ((OLD.name, OLD.city, OLD.location::text, OLD.timezone)
		IS DISTINCT FROM (NEW.name, NEW.city, NEW.location::text, NEW.timezone))
	EXECUTE FUNCTION evently.refresh_venue_search();
COMMENT ON TRIGGER refresh_search ON evently.events IS 'The next search sees the change';
COMMENT ON TRIGGER refresh_search ON evently.ticket_tiers IS 'The next search sees the price';
COMMENT ON TRIGGER refresh_search_deleted ON evently.ticket_tiers IS 'The next search misses the tier';
COMMENT ON TRIGGER refresh_search ON evently.venues IS 'The next search sees the change';

CREATE FUNCTION evently.rebuild_search() RETURNS bigint
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET work_mem = '64MB'
	AS 'MODULE_PATHNAME', 'ev_rebuild_search';
COMMENT ON FUNCTION evently.rebuild_search IS
'Derive anew all that search reads, from the catalogue: after events were entered past the functions, or when verify() finds search out of step. Searches wait until it commits.
Result: the number of events that can be found.';

CREATE FUNCTION evently.forget_past_events(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_forget_past_events';
COMMENT ON FUNCTION evently.forget_past_events IS
'Drop events that ended over a day ago from what search reads (they are not shown anyway).
batch_size: at most so many events, 1 to 100,000. Result: the number dropped. Errors: 22023 bad argument.';

/*
 * Search.
 */
CREATE FUNCTION evently.event_offer(event_id bigint, at timestamptz, price numrange)
	RETURNS TABLE (price_from numeric, availability text, at_price boolean)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT o.price_now,
		CASE WHEN o.price_now IS NOT NULL THEN 'AVAILABLE'
			WHEN o.opened THEN 'SOLD_OUT'
			WHEN o.later OR e.status = 'PUBLISHED' THEN 'NOT_YET'
			ELSE 'CLOSED' END,
		event_offer.price IS NULL
			OR coalesce(CASE WHEN o.price_now IS NULL THEN o.listed ELSE o.buyable END, false)
	FROM evently.events e
	CROSS JOIN LATERAL (
		SELECT min(t.price) FILTER (WHERE w.opened AND k.stock)::numeric AS price_now,
			bool_or(w.opened) AS opened,
			bool_or(t.sale_start > event_offer.at) AS later,
			bool_or(event_offer.price @> t.price::numeric) AS listed,
			bool_or(event_offer.price @> t.price::numeric AND w.opened AND k.stock) AS buyable
		FROM evently.ticket_tiers t
		CROSS JOIN LATERAL (SELECT e.status IN ('ON_SALE', 'SOLD_OUT')
			AND coalesce(t.sale_start <= event_offer.at, true)
			AND coalesce(t.sale_end, e.end_time) > event_offer.at) w (opened)
		CROSS JOIN LATERAL (SELECT w.opened AND (
			EXISTS (SELECT FROM evently.inventory_shards s WHERE s.tier_id = t.tier_id AND s.available > 0)
			OR EXISTS (SELECT FROM evently.orders x
				JOIN evently.order_items y ON y.order_id = x.order_id
				WHERE x.event_id = e.event_id AND x.status = 'PENDING'
					AND x.expires_at <= event_offer.at AND y.tier_id = t.tier_id))) k (stock)
		WHERE t.event_id = e.event_id) o
	WHERE e.event_id = event_offer.event_id;
END;
COMMENT ON FUNCTION evently.event_offer IS
'What of an event can be bought, by windows and stock; holds that have lapsed count as stock, as they do when somebody buys.
Result: price_from, the lowest price that can be bought; availability (see found_event); at_price, whether a ticket costs what price says: one that can be bought, if any can.';

CREATE TYPE evently.found_event AS (
	event_id        bigint,
	title           text,
	category        text,
	status          text,
	start_time      timestamptz,
	local_start     timestamp,
	end_time        timestamptz,
	venue_id        bigint,
	venue_name      text,
	city            text,
	country_code    text,
	currency        text,
	cover_image_url text,
	headline        text,
	distance_m      double precision,
	price_from      numeric,
	availability    text,
	score           double precision,
	cursor          text
);
COMMENT ON TYPE evently.found_event IS 'An event on a page of a search';
COMMENT ON COLUMN evently.found_event.event_id IS 'Event';
COMMENT ON COLUMN evently.found_event.title IS 'Title';
COMMENT ON COLUMN evently.found_event.category IS 'Category';
COMMENT ON COLUMN evently.found_event.status IS 'PUBLISHED, ON_SALE or SOLD_OUT';
COMMENT ON COLUMN evently.found_event.start_time IS 'When it starts';
COMMENT ON COLUMN evently.found_event.local_start IS 'The same by the venue''s clock';
COMMENT ON COLUMN evently.found_event.end_time IS 'When it ends';
COMMENT ON COLUMN evently.found_event.venue_id IS 'Venue; null when it has none';
COMMENT ON COLUMN evently.found_event.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.found_event.city IS 'City';
COMMENT ON COLUMN evently.found_event.country_code IS 'Country';
COMMENT ON COLUMN evently.found_event.currency IS 'Currency of the price';
COMMENT ON COLUMN evently.found_event.cover_image_url IS 'Cover image';
COMMENT ON COLUMN evently.found_event.headline IS 'Title and description, shortened, the words that matched between <b> and </b>; null without a query';
COMMENT ON COLUMN evently.found_event.distance_m IS 'Metres from near; null without it';
COMMENT ON COLUMN evently.found_event.price_from IS 'Lowest price that can be bought now; null when nothing can';
COMMENT ON COLUMN evently.found_event.availability IS 'AVAILABLE (can be bought now), SOLD_OUT, NOT_YET (a sale is still to begin) or CLOSED';
COMMENT ON COLUMN evently.found_event.score IS 'How well it matches, when sorted by relevance';
COMMENT ON COLUMN evently.found_event.cursor IS 'For the argument after: the page that follows this row';

CREATE FUNCTION evently.search_events(
	query text DEFAULT NULL, categories text[] DEFAULT NULL, starts tstzrange DEFAULT NULL,
	near geography DEFAULT NULL, radius_m double precision DEFAULT NULL,
	price numrange DEFAULT NULL, available_only boolean DEFAULT false,
	user_id bigint DEFAULT NULL, sort text DEFAULT 'relevance',
	page_size integer DEFAULT 20, after text DEFAULT NULL)
	RETURNS SETOF evently.found_event
	LANGUAGE C STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off
	SET work_mem = '16MB' SET client_min_messages = warning
	AS 'MODULE_PATHNAME', 'ev_search_events';
COMMENT ON FUNCTION evently.search_events IS
'A page of the events that the public may see and that are not over. A null filter is no filter.
query: words as in a web search ("a phrase", -without, or), up to 1,000 bytes; misspelt words are put right when nothing is found otherwise. categories: any of these. starts: when the event starts, from now on unless given. near, radius_m: at most so many metres from the point; near alone shows distances. price: an event has a ticket at such a price, one that can be bought now if any can. available_only: something can be bought now. user_id: categories that the user has attended come a little earlier. sort: relevance, date, price, distance or popularity (sales of 7 days); equal ones by id. page_size: 1 to 100. after: cursor of the last row of the page before, all else but page_size being the same; "now" remains that of the first page.
Result: the page. By relevance a frequent query ranks the soonest, the most popular and those with its words in the title (docs/search.md). Errors: 22023 bad argument.';

CREATE FUNCTION evently.search_facets(
	query text DEFAULT NULL, categories text[] DEFAULT NULL, starts tstzrange DEFAULT NULL,
	near geography DEFAULT NULL, radius_m double precision DEFAULT NULL,
	price numrange DEFAULT NULL, available_only boolean DEFAULT false)
	RETURNS TABLE (facet text, value text, events bigint, is_estimate boolean)
	LANGUAGE C STABLE SECURITY DEFINER ROWS 50
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off
	SET work_mem = '16MB' SET client_min_messages = warning
	AS 'MODULE_PATHNAME', 'ev_search_facets';
COMMENT ON FUNCTION evently.search_facets IS
'How many events a search finds, and how they divide. Arguments: as search_events.
Result: facet total (value null), category, month (YYYY-MM by the venue''s clock), price (band of the lowest listed price: above the first number, up to the second), city; the most frequent first, months in their order. Exact up to 10,000 events; beyond, estimated from a sample, marked is_estimate, and values too rare to be estimated within 10 % are added up under a null value. Errors: 22023 bad argument.';

CREATE FUNCTION evently.suggest_events(prefix text, "limit" integer DEFAULT 10)
	RETURNS TABLE (event_id bigint, title text, category text, start_time timestamptz, venue_name text, city text)
	LANGUAGE C STABLE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off
	SET work_mem = '16MB' SET client_min_messages = warning
	AS 'MODULE_PATHNAME', 'ev_suggest_events';
COMMENT ON FUNCTION evently.suggest_events IS
'While somebody is typing: events whose titles have the words typed, the last of which may be incomplete; each title once.
prefix: up to 200 bytes; limit: 1 to 50. Result: the best first. Errors: 22023 bad argument.';

/*
 * What sells.
 */
CREATE INDEX orders_comps ON evently.orders (confirmed_at) WHERE channel = 'COMP';
COMMENT ON INDEX evently.orders_comps IS 'Tickets given away, which are no sales';

CREATE FUNCTION evently.roll_up_sales(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_roll_up_sales';
COMMENT ON FUNCTION evently.roll_up_sales IS
'Add new sales to sales_hourly and event_popularity: tickets whose transactions were over when the run before began. What it has not added yet is counted when read.
batch_size: at most so many tickets, 1 to 100,000. Result: their number. Errors: 22023 bad argument.';

CREATE TYPE evently.listed_event AS (
	place           integer,
	reason          text,
	event_id        bigint,
	title           text,
	category        text,
	status          text,
	start_time      timestamptz,
	local_start     timestamp,
	venue_id        bigint,
	venue_name      text,
	city            text,
	country_code    text,
	cover_image_url text,
	currency        text,
	price_from      numeric,
	availability    text,
	distance_m      double precision,
	sold_day        bigint
);
COMMENT ON TYPE evently.listed_event IS 'An event on the homepage, or among those that sell best';
COMMENT ON COLUMN evently.listed_event.place IS 'From 1';
COMMENT ON COLUMN evently.listed_event.reason IS 'TRENDING (sells best), NEARBY (coming up here), AROUND (coming up within 250 km), ANYWHERE (coming up)';
COMMENT ON COLUMN evently.listed_event.event_id IS 'Event';
COMMENT ON COLUMN evently.listed_event.title IS 'Title';
COMMENT ON COLUMN evently.listed_event.category IS 'Category';
COMMENT ON COLUMN evently.listed_event.status IS 'PUBLISHED, ON_SALE or SOLD_OUT';
COMMENT ON COLUMN evently.listed_event.start_time IS 'When it starts';
COMMENT ON COLUMN evently.listed_event.local_start IS 'The same by the venue''s clock';
COMMENT ON COLUMN evently.listed_event.venue_id IS 'Venue';
COMMENT ON COLUMN evently.listed_event.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.listed_event.city IS 'City';
COMMENT ON COLUMN evently.listed_event.country_code IS 'Country';
COMMENT ON COLUMN evently.listed_event.cover_image_url IS 'Cover image';
COMMENT ON COLUMN evently.listed_event.currency IS 'Currency of the price';
COMMENT ON COLUMN evently.listed_event.price_from IS 'Lowest price that can be bought now; null when nothing can';
COMMENT ON COLUMN evently.listed_event.availability IS 'AVAILABLE, SOLD_OUT, NOT_YET or CLOSED';
COMMENT ON COLUMN evently.listed_event.distance_m IS 'Metres from near; null without it';
COMMENT ON COLUMN evently.listed_event.sold_day IS 'Tickets sold in the last 24 hours; null unless TRENDING';

CREATE FUNCTION evently.trending_events(
	"limit" integer DEFAULT 10, near geography DEFAULT NULL,
	radius_m double precision DEFAULT NULL, city text DEFAULT NULL)
	RETURNS SETOF evently.listed_event
	LANGUAGE C STABLE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off
	SET work_mem = '16MB'
	AS 'MODULE_PATHNAME', 'ev_trending_events';
COMMENT ON FUNCTION evently.trending_events IS
'Upcoming events by the tickets sold in the last 24 hours (counted from the start of an hour), up to the last confirmed order.
limit: 1 to 100; near, radius_m (50,000 unless given) or city: only events there.
Result: the best first, equal ones by id; none that sold nothing. Errors: 22023 bad argument.';

CREATE FUNCTION evently.homepage(
	city text DEFAULT NULL, near geography DEFAULT NULL, user_id bigint DEFAULT NULL,
	"limit" integer DEFAULT 10)
	RETURNS SETOF evently.listed_event
	LANGUAGE C STABLE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off
	SET work_mem = '16MB'
	AS 'MODULE_PATHNAME', 'ev_homepage';
COMMENT ON FUNCTION evently.homepage IS
'What to show first: the best sellers in the city or within 50 km; when they are few, what is coming up there, then (with near) within 250 km, then the best sellers anywhere, then anything coming up.
city or near, or neither; user_id: what the user has attended moves up a little, the first stays first; limit: 1 to 100.
Result: each event once, with the reason. Errors: 22023 bad argument.';

CREATE VIEW evently.trending AS
SELECT s.event_id, e.title, e.start_time, s.tickets
FROM (
	SELECT x.event_id, sum(x.tickets)::bigint AS tickets
	FROM (
		SELECT h.event_id, h.tickets FROM evently.sales_hourly h
		WHERE h.hour >= date_trunc('hour', now(), 'UTC') - interval '24 hours'
		UNION ALL
		SELECT k.event_id, 1 FROM evently.tickets k
		JOIN evently.orders o ON o.order_id = k.order_id AND o.channel = 'SALE'
		WHERE k.ticket_id > coalesce((SELECT p.ticket_id FROM evently.sales_progress p), 0)
			AND k.issued_at > now() - interval '24 hours' AND k.transferred_from IS NULL) x
	GROUP BY x.event_id) s
JOIN evently.events e ON e.event_id = s.event_id;
COMMENT ON VIEW evently.trending IS 'Tickets sold in the last 24 hours by event, true to the last confirmed order';
COMMENT ON COLUMN evently.trending.event_id IS 'Event';
COMMENT ON COLUMN evently.trending.title IS 'Title';
COMMENT ON COLUMN evently.trending.start_time IS 'When it starts';
COMMENT ON COLUMN evently.trending.tickets IS 'Tickets sold';
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
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
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_leave_waitlist';
COMMENT ON FUNCTION evently.leave_waitlist IS
'Leave a tier''s line; an open offer is declined, its tickets go to the next in line.
Result: the entry, LEFT. Errors: P0002 the user does not stand in this line.';

CREATE FUNCTION evently.claim_offer(offer_id bigint, user_id bigint) RETURNS evently.orders
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_claim_offer';
COMMENT ON FUNCTION evently.claim_offer IS
'Turn an offer into an order with the usual hold; repeated it gives the same order.
Result: the order, PENDING. Errors: TK031 the offer has lapsed or ended, TK022 it is another user''s, TK004 event not on sale, TK005 over the limit per buyer (the offer stays), P0002 unknown offer.';

CREATE FUNCTION evently.decline_offer(offer_id bigint, user_id bigint) RETURNS evently.waitlist_offers
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_decline_offer';
COMMENT ON FUNCTION evently.decline_offer IS
'Decline an offer: its tickets go to the next in line, and the user has left it. Repeated it changes nothing.
Result: the offer, DECLINED. Errors: TK031 the offer has lapsed or ended, TK022 it is another user''s, P0002 unknown offer.';

CREATE FUNCTION evently.release_expired_offers(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_release_expired_offers';
COMMENT ON FUNCTION evently.release_expired_offers IS
'End offers that were not claimed in time and hand their tickets to the next in line; several callers share the work.
batch_size: at most so many offers, 1 to 100,000. Result: the number ended. Errors: 22023 bad argument.';

CREATE FUNCTION evently.settle_waitlists(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_settle_waitlists';
COMMENT ON FUNCTION evently.settle_waitlists IS
'End the gathering of stock whose time is over, and close the lines of tiers whose sale has ended.
batch_size: at most so many lines, and so many entries of a line that closes, 1 to 100,000. Result: the number of lines and entries changed. Errors: 22023 bad argument.';

CREATE VIEW evently.waitlist_status AS
SELECT l.tier_id, t.event_id, t.name,
	w.waiting, w.waiting_tickets, w.waiting_since,
	o.offers_open, o.tickets_offered, o.next_lapse,
	l.gathering, CASE WHEN l.gathering > 0 THEN l.gather_until END AS gathering_until,
	e.joined, e.claimed, e.lapsed, e.gone
FROM evently.waitlist_lines l
JOIN evently.ticket_tiers t ON t.tier_id = l.tier_id
CROSS JOIN LATERAL (
	SELECT count(*) AS waiting, coalesce(sum(x.quantity), 0) AS waiting_tickets,
		min(x.joined_at) AS waiting_since
	FROM evently.waitlist_entries x WHERE x.tier_id = l.tier_id AND x.status = 'WAITING') w
CROSS JOIN LATERAL (
	SELECT count(*) AS offers_open, coalesce(sum(x.quantity), 0) AS tickets_offered,
		min(x.expires_at) AS next_lapse
	FROM evently.waitlist_offers x WHERE x.tier_id = l.tier_id AND x.status = 'OPEN') o
CROSS JOIN LATERAL (
	SELECT count(*) AS joined, count(*) FILTER (WHERE x.status = 'CLAIMED') AS claimed,
		count(*) FILTER (WHERE x.status = 'LAPSED') AS lapsed,
		count(*) FILTER (WHERE x.status IN ('LEFT', 'CLOSED')) AS gone
	FROM evently.waitlist_entries x WHERE x.tier_id = l.tier_id) e;
COMMENT ON VIEW evently.waitlist_status IS 'The line of each tier that somebody once waited for, without personal data';
COMMENT ON COLUMN evently.waitlist_status.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.waitlist_status.event_id IS 'Event of the tier';
COMMENT ON COLUMN evently.waitlist_status.name IS 'Name of the tier';
COMMENT ON COLUMN evently.waitlist_status.waiting IS 'How many wait';
COMMENT ON COLUMN evently.waitlist_status.waiting_tickets IS 'How many tickets they want';
COMMENT ON COLUMN evently.waitlist_status.waiting_since IS 'When the one who has waited longest joined';
COMMENT ON COLUMN evently.waitlist_status.offers_open IS 'Offers that may be claimed';
COMMENT ON COLUMN evently.waitlist_status.tickets_offered IS 'Tickets in them';
COMMENT ON COLUMN evently.waitlist_status.next_lapse IS 'When the first of them lapses';
COMMENT ON COLUMN evently.waitlist_status.gathering IS 'Tickets that gather for a group';
COMMENT ON COLUMN evently.waitlist_status.gathering_until IS 'Until when they do';
COMMENT ON COLUMN evently.waitlist_status.joined IS 'How many ever joined';
COMMENT ON COLUMN evently.waitlist_status.claimed IS 'How many of them claimed an offer';
COMMENT ON COLUMN evently.waitlist_status.lapsed IS 'How many let an offer lapse';
COMMENT ON COLUMN evently.waitlist_status.gone IS 'How many left, or found the line closed';
/*
 * Outbox workers (src/outbox.c, docs/outbox.md) and what jobs report
 * (src/jobs.c).
 */
CREATE TRIGGER check_transition AFTER UPDATE OF status ON evently.notifications
	FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
	EXECUTE FUNCTION evently.check_transition(
		'PENDING>SENT', 'PENDING>DEAD', 'DEAD>SENT', 'DEAD>PENDING');
COMMENT ON TRIGGER check_transition ON evently.notifications IS 'The states of a message';

CREATE FUNCTION evently.claim_notifications(
	batch_size integer DEFAULT 100, visibility interval DEFAULT '2 minutes')
	RETURNS SETOF evently.notifications
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_claim_notifications';
COMMENT ON FUNCTION evently.claim_notifications IS
'Messages for a worker to send; no other worker gets them for the time of visibility. Commit, send, then acknowledge each: what is not acknowledged in time is given out again, with the same message_id.
batch_size: at most so many, 1 to 100,000; visibility: 1 second to 1 day.
Result: the messages, those due first at the head; the payload of TICKETS_ISSUED has the tickets as they are now: [{"ticket_id": 1, "tier": "VIP", "attendee_name": "Ada"}, …]. Errors: 22023 bad argument.';

CREATE FUNCTION evently.ack_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_ack_notification';
COMMENT ON FUNCTION evently.ack_notification IS
'The message was sent. Result: false when that was known before. Errors: P0002 unknown message (sent long ago, and cleaned away).';

CREATE FUNCTION evently.fail_notification(
	notification_id bigint, error text, attempt integer DEFAULT NULL) RETURNS text
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_fail_notification';
COMMENT ON FUNCTION evently.fail_notification IS
'The message could not be sent. It is given out again after evently.notification_backoff, doubled with each attempt up to 6 hours; after evently.notification_max_attempts it is DEAD.
error: why; attempt: the message''s attempts when it was claimed: a report on an earlier attempt than the last changes nothing.
Result: the message''s status. Errors: 22023 bad argument, P0002 unknown message.';

CREATE FUNCTION evently.retry_notification(notification_id bigint) RETURNS boolean
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_retry_notification';
COMMENT ON FUNCTION evently.retry_notification IS
'Give out a DEAD message anew, as if it had not been tried. Result: false when it is not DEAD. Errors: P0002 unknown message.';

CREATE FUNCTION evently.clean_notifications(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_clean_notifications';
COMMENT ON FUNCTION evently.clean_notifications IS
'Delete messages sent more than evently.notification_keep ago, and give up those that were claimed evently.notification_max_attempts times with no answer. DEAD messages stay.
batch_size: at most so many of each, 1 to 100,000. Result: the number changed. Errors: 22023 bad argument.';

CREATE VIEW evently.outbox_status AS
SELECT kind,
	count(*) FILTER (WHERE status = 'PENDING') AS pending,
	count(*) FILTER (WHERE status = 'PENDING' AND attempts > 0) AS retrying,
	count(*) FILTER (WHERE status = 'DEAD') AS dead,
	min(created_at) FILTER (WHERE status = 'PENDING') AS oldest_pending
FROM evently.notifications WHERE status IN ('PENDING', 'DEAD') GROUP BY kind;
COMMENT ON VIEW evently.outbox_status IS 'Messages not sent yet, by kind';
COMMENT ON COLUMN evently.outbox_status.kind IS 'Kind of message';
COMMENT ON COLUMN evently.outbox_status.pending IS 'To be sent, or being sent';
COMMENT ON COLUMN evently.outbox_status.retrying IS 'Of these, claimed at least once';
COMMENT ON COLUMN evently.outbox_status.dead IS 'Given up';
COMMENT ON COLUMN evently.outbox_status.oldest_pending IS 'When the oldest of the pending was written';

/* What run_jobs() reports; it runs as a role that can do no more than that. */
CREATE FUNCTION evently.record_job_run(
	job text, started timestamptz, rows bigint, error text DEFAULT NULL) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	AS 'MODULE_PATHNAME', 'ev_record_job_run';
COMMENT ON FUNCTION evently.record_job_run IS
'Used by run_jobs(): enter a run that ends now in job_runs. Result: 1. Errors: 22023 unknown job.';

CREATE FUNCTION evently.oldest_snapshot_age() RETURNS interval
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT max(clock_timestamp() - a.xact_start) FROM pg_stat_activity a
	WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL
		AND a.pid <> pg_backend_pid();
END;
COMMENT ON FUNCTION evently.oldest_snapshot_age IS
'How long the oldest open snapshot of another connection to this database has been held: what it keeps alive, vacuum cannot remove. Result: null when there is none.';

/* A setting is unknown to a session that has not loaded the library; 10 is its default (src/guc.c). */
CREATE VIEW evently.job_status AS
SELECT j.job, r.last_run, r.rows, r.duration, r.error, r.last_success,
	CASE j.job
		WHEN 'release_expired_orders' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.orders o
			WHERE o.status = 'PENDING' AND o.expires_at <= clock_timestamp())
		WHEN 'release_expired_offers' THEN
			(SELECT clock_timestamp() - min(o.expires_at) FROM evently.waitlist_offers o
			WHERE o.status = 'OPEN' AND o.expires_at <= clock_timestamp())
		WHEN 'settle_waitlists' THEN
			(SELECT clock_timestamp() - min(l.gather_until) FROM evently.waitlist_lines l
			WHERE l.gathering > 0 AND l.gather_until <= clock_timestamp())
		WHEN 'release_lapsed_bookings' THEN
			(SELECT clock_timestamp() - min(b.deposit_due_at) FROM evently.venue_bookings b
			WHERE b.status = 'REQUESTED' AND b.deposit_due_at <= clock_timestamp())
		WHEN 'clean_notifications' THEN
			(SELECT clock_timestamp() - min(n.visible_at) FROM evently.notifications n
			WHERE n.status = 'PENDING' AND n.visible_at <= clock_timestamp()
				AND n.attempts >= coalesce(current_setting('evently.notification_max_attempts', true), '10')::integer)
	END AS lag,
	(SELECT count(*) FROM evently.job_failures f WHERE f.job = j.job) AS failing,
	r.runs, r.total_rows,
	evently.oldest_snapshot_age() AS oldest_snapshot
FROM (
	SELECT 'release_expired_orders'
	UNION ALL SELECT 'release_expired_offers'
	UNION ALL SELECT 'settle_waitlists'
	UNION ALL SELECT 'refresh_sold_out_labels'
	UNION ALL SELECT 'release_lapsed_bookings'
	UNION ALL SELECT 'clean_notifications'
	UNION ALL SELECT 'roll_up_sales'
	UNION ALL SELECT 'forget_past_events') j (job)
LEFT JOIN evently.job_runs r ON r.job = j.job;
COMMENT ON VIEW evently.job_status IS 'Each job: its last run, and how far it lags behind';
COMMENT ON COLUMN evently.job_status.job IS 'Name of the job''s function';
COMMENT ON COLUMN evently.job_status.last_run IS 'When it last ran; null: never';
COMMENT ON COLUMN evently.job_status.rows IS 'What it did then';
COMMENT ON COLUMN evently.job_status.duration IS 'How long that took';
COMMENT ON COLUMN evently.job_status.error IS 'Its error; null when all went well';
COMMENT ON COLUMN evently.job_status.last_success IS 'When it last ran without an error';
COMMENT ON COLUMN evently.job_status.lag IS 'How long the oldest row that the job should have handled has been waiting; null: there is none';
COMMENT ON COLUMN evently.job_status.failing IS 'Rows that it could not handle: see job_failures';
COMMENT ON COLUMN evently.job_status.runs IS 'How often it has run';
COMMENT ON COLUMN evently.job_status.total_rows IS 'What all runs did';
COMMENT ON COLUMN evently.job_status.oldest_snapshot IS 'Age of the oldest open snapshot of this database: what it keeps alive, vacuum cannot remove';
/*
 * Views for people and reports. One query reads one snapshot, and every call
 * changes stock and records together, so sold can be told from the rest.
 */
CREATE VIEW evently.tier_inventory AS
SELECT t.tier_id, t.event_id, t.name,
	t.total_quantity,
	s.available AS available_quantity,
	h.held AS held_quantity,
	t.total_quantity - t.held_back - s.available - h.held - f.offered
		- coalesce(l.gathering, 0) AS sold_quantity,
	f.offered,
	coalesce(l.gathering, 0)::bigint AS gathering,
	t.held_back
FROM evently.ticket_tiers t
CROSS JOIN LATERAL (
	SELECT coalesce(sum(i.available), 0) AS available
	FROM evently.inventory_shards i WHERE i.tier_id = t.tier_id) s
LEFT JOIN LATERAL (
	SELECT coalesce(sum(i.quantity), 0) AS held
	FROM evently.orders o
	JOIN evently.order_items i ON i.order_id = o.order_id
	WHERE o.event_id = t.event_id AND o.status = 'PENDING' AND i.tier_id = t.tier_id) h ON true
CROSS JOIN LATERAL (
	SELECT coalesce(sum(o.quantity), 0) AS offered
	FROM evently.waitlist_offers o WHERE o.tier_id = t.tier_id AND o.status = 'OPEN') f
LEFT JOIN evently.waitlist_lines l ON l.tier_id = t.tier_id;
COMMENT ON VIEW evently.tier_inventory IS 'Stock of each tier: total = available + held + sold + offered + gathering + held back';
COMMENT ON COLUMN evently.tier_inventory.tier_id IS 'Id of the tier';
COMMENT ON COLUMN evently.tier_inventory.event_id IS 'Event of the tier';
COMMENT ON COLUMN evently.tier_inventory.name IS 'Name of the tier';
COMMENT ON COLUMN evently.tier_inventory.total_quantity IS 'Tickets in all';
COMMENT ON COLUMN evently.tier_inventory.available_quantity IS 'Free for sale';
COMMENT ON COLUMN evently.tier_inventory.held_quantity IS 'Held by unpaid orders, lapsed ones included until they are swept';
COMMENT ON COLUMN evently.tier_inventory.sold_quantity IS 'Sold or given away, and not returned';
COMMENT ON COLUMN evently.tier_inventory.offered IS 'Kept for those in line who have an offer, lapsed ones included until they are swept';
COMMENT ON COLUMN evently.tier_inventory.gathering IS 'Gathering for a group at the head of the line';
COMMENT ON COLUMN evently.tier_inventory.held_back IS 'Kept from public sale';

CREATE VIEW evently.refunds_due AS
SELECT r.refund_id, r.order_id, o.event_id, e.title AS event_title, o.buyer_id,
	r.payment_id, r.amount, r.currency, r.reason, r.status, r.created_at, r.settled_at
FROM evently.refunds r
JOIN evently.orders o ON o.order_id = r.order_id
JOIN evently.events e ON e.event_id = o.event_id
WHERE r.status <> 'DONE';
COMMENT ON VIEW evently.refunds_due IS 'Refunds still to be made, failed attempts included';
COMMENT ON COLUMN evently.refunds_due.refund_id IS 'Id of the refund, for settle_refund';
COMMENT ON COLUMN evently.refunds_due.order_id IS 'Order that the money came from';
COMMENT ON COLUMN evently.refunds_due.event_id IS 'Event of the order';
COMMENT ON COLUMN evently.refunds_due.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.refunds_due.buyer_id IS 'Who gets the money';
COMMENT ON COLUMN evently.refunds_due.payment_id IS 'Payment to be returned, in whole or in part';
COMMENT ON COLUMN evently.refunds_due.amount IS 'Amount to return';
COMMENT ON COLUMN evently.refunds_due.currency IS 'Currency of the amount';
COMMENT ON COLUMN evently.refunds_due.reason IS 'Why it is due';
COMMENT ON COLUMN evently.refunds_due.status IS 'DUE or FAILED';
COMMENT ON COLUMN evently.refunds_due.created_at IS 'When it became due';
COMMENT ON COLUMN evently.refunds_due.settled_at IS 'When the failed attempt was reported';
/*
 * Views of the venues' business. Hours are elapsed hours; local times are the
 * venue's.
 */
CREATE VIEW evently.venue_calendar AS
SELECT b.venue_id, v.name AS venue_name, v.timezone, b.booking_id, b.status,
	b.event_id, e.title AS event_title, e.status AS event_status,
	b.start_time, b.end_time,
	lower(b.occupied) AS occupied_from, upper(b.occupied) AS occupied_until,
	e.start_time AS event_start, e.end_time AS event_end,
	b.start_time AT TIME ZONE v.timezone AS local_start,
	b.end_time AT TIME ZONE v.timezone AS local_end,
	lower(b.occupied) AT TIME ZONE v.timezone AS local_occupied_from,
	upper(b.occupied) AT TIME ZONE v.timezone AS local_occupied_until,
	e.start_time AT TIME ZONE v.timezone AS local_event_start,
	e.end_time AT TIME ZONE v.timezone AS local_event_end
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
LEFT JOIN evently.events e ON e.event_id = b.event_id
WHERE b.status <> 'CANCELLED';
COMMENT ON VIEW evently.venue_calendar IS 'What each venue is booked for, as instants and in the venue''s local time';
COMMENT ON COLUMN evently.venue_calendar.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_calendar.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_calendar.timezone IS 'Time zone of the local times';
COMMENT ON COLUMN evently.venue_calendar.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_calendar.status IS 'REQUESTED or CONFIRMED';
COMMENT ON COLUMN evently.venue_calendar.event_id IS 'Event that it is booked for; null for a hire without one';
COMMENT ON COLUMN evently.venue_calendar.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.venue_calendar.event_status IS 'Status of the event; CANCELLED when the slot was kept';
COMMENT ON COLUMN evently.venue_calendar.start_time IS 'From when it is booked';
COMMENT ON COLUMN evently.venue_calendar.end_time IS 'Until when it is booked';
COMMENT ON COLUMN evently.venue_calendar.occupied_from IS 'From when it is taken, setup included';
COMMENT ON COLUMN evently.venue_calendar.occupied_until IS 'Until when it is taken, teardown included';
COMMENT ON COLUMN evently.venue_calendar.event_start IS 'When the event starts';
COMMENT ON COLUMN evently.venue_calendar.event_end IS 'When the event ends';
COMMENT ON COLUMN evently.venue_calendar.local_start IS 'start_time there';
COMMENT ON COLUMN evently.venue_calendar.local_end IS 'end_time there';
COMMENT ON COLUMN evently.venue_calendar.local_occupied_from IS 'occupied_from there';
COMMENT ON COLUMN evently.venue_calendar.local_occupied_until IS 'occupied_until there';
COMMENT ON COLUMN evently.venue_calendar.local_event_start IS 'event_start there';
COMMENT ON COLUMN evently.venue_calendar.local_event_end IS 'event_end there';

/* A booking over the turn of a month counts in both, each with its part. */
CREATE VIEW evently.venue_utilisation AS
SELECT v.venue_id, v.name AS venue_name, m.month::date AS month,
	count(DISTINCT b.event_id) AS events,
	count(*) AS bookings,
	round(sum(h.booked), 2) AS booked_hours,
	round(coalesce(sum(h.occupied) FILTER (WHERE b.status = 'CONFIRMED'), 0), 2) AS occupied_hours,
	round(coalesce(sum(h.occupied) FILTER (WHERE b.status = 'REQUESTED'), 0), 2) AS requested_hours,
	round(p.hours, 2) AS month_hours,
	round(100 * coalesce(sum(h.occupied) FILTER (WHERE b.status = 'CONFIRMED'), 0) / p.hours, 1) AS percent_occupied
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
CROSS JOIN LATERAL generate_series(
	date_trunc('month', lower(b.occupied) AT TIME ZONE v.timezone),
	date_trunc('month', (upper(b.occupied) - interval '1 microsecond') AT TIME ZONE v.timezone),
	interval '1 month') AS m(month)
CROSS JOIN LATERAL (SELECT m.month AT TIME ZONE v.timezone AS starts,
	(m.month + interval '1 month') AT TIME ZONE v.timezone AS ends) t
CROSS JOIN LATERAL (SELECT extract(epoch FROM t.ends - t.starts) / 3600 AS hours) p
CROSS JOIN LATERAL (SELECT
	extract(epoch FROM least(upper(b.occupied), t.ends) - greatest(lower(b.occupied), t.starts)) / 3600 AS occupied,
	greatest(extract(epoch FROM least(b.end_time, t.ends) - greatest(b.start_time, t.starts)), 0) / 3600 AS booked) h
WHERE b.status <> 'CANCELLED'
GROUP BY v.venue_id, m.month, p.hours;
COMMENT ON VIEW evently.venue_utilisation IS 'How far venues are taken, by month of their local time';
COMMENT ON COLUMN evently.venue_utilisation.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_utilisation.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_utilisation.month IS 'First day of the month';
COMMENT ON COLUMN evently.venue_utilisation.events IS 'Events that it is booked for in the month';
COMMENT ON COLUMN evently.venue_utilisation.bookings IS 'Bookings that take time of the month, REQUESTED ones included';
COMMENT ON COLUMN evently.venue_utilisation.booked_hours IS 'Hours booked, without setup and teardown';
COMMENT ON COLUMN evently.venue_utilisation.occupied_hours IS 'Hours taken by CONFIRMED bookings, setup and teardown included';
COMMENT ON COLUMN evently.venue_utilisation.requested_hours IS 'Hours taken by REQUESTED bookings, setup and teardown included';
COMMENT ON COLUMN evently.venue_utilisation.month_hours IS 'Hours of the month: one less or more when the clocks change';
COMMENT ON COLUMN evently.venue_utilisation.percent_occupied IS 'occupied_hours in percent of month_hours';

/* Hire is for the time taken, setup and teardown included: nobody else can have it. */
CREATE VIEW evently.venue_invoice_lines AS
SELECT l.booking_id, row_number() OVER (PARTITION BY l.booking_id ORDER BY l.addon_id NULLS FIRST) AS line_no,
	l.type, l.description, l.quantity, l.unit_price, l.amount, l.currency
FROM (
	SELECT b.booking_id, NULL::bigint AS addon_id, 'HIRE' AS type,
		format('Hire from %s to %s',
			to_char(lower(b.occupied) AT TIME ZONE v.timezone, 'YYYY-MM-DD HH24:MI'),
			to_char(upper(b.occupied) AT TIME ZONE v.timezone, 'YYYY-MM-DD HH24:MI')) AS description,
		round(h.hours, 4) AS quantity, b.hire_rate::numeric AS unit_price,
		round(h.hours * b.hire_rate, 2) AS amount, v.currency::text AS currency
	FROM evently.venue_bookings b
	JOIN evently.venues v ON v.venue_id = b.venue_id
	CROSS JOIN LATERAL (SELECT extract(epoch FROM upper(b.occupied) - lower(b.occupied)) / 3600 AS hours) h
	WHERE b.status <> 'CANCELLED'
	UNION ALL
	SELECT a.booking_id, a.addon_id, a.type, a.description, 1, a.cost, a.cost, v.currency
	FROM evently.venue_booking_addons a
	JOIN evently.venue_bookings b ON b.booking_id = a.booking_id AND b.status <> 'CANCELLED'
	JOIN evently.venues v ON v.venue_id = b.venue_id) l;
COMMENT ON VIEW evently.venue_invoice_lines IS 'What a booking costs, line by line; a cancelled booking costs nothing';
COMMENT ON COLUMN evently.venue_invoice_lines.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_invoice_lines.line_no IS 'Number of the line: 1 is the hire';
COMMENT ON COLUMN evently.venue_invoice_lines.type IS 'HIRE, or the type of the add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.description IS 'What it is for; times are the venue''s local times';
COMMENT ON COLUMN evently.venue_invoice_lines.quantity IS 'Hours of hire, setup and teardown included; 1 for an add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.unit_price IS 'Hire for an hour, or the cost of the add-on';
COMMENT ON COLUMN evently.venue_invoice_lines.amount IS 'What the line costs, hire rounded to cents';
COMMENT ON COLUMN evently.venue_invoice_lines.currency IS 'Currency of the amounts';

CREATE VIEW evently.venue_invoices AS
SELECT b.booking_id, b.venue_id, v.name AS venue_name, b.event_id, e.title AS event_title, e.organizer_id,
	b.status, b.start_time, b.end_time,
	coalesce(l.hire, 0) AS hire, coalesce(l.addons, 0) AS addons, coalesce(l.total, 0) AS total,
	b.deposit_required::numeric AS deposit_required, b.deposit_paid::numeric AS deposit,
	CASE WHEN b.status = 'REQUESTED' THEN b.deposit_required - b.deposit_paid ELSE 0 END AS deposit_due,
	b.deposit_due_at,
	coalesce(p.to_return, 0) AS deposit_to_return, coalesce(p.returned, 0) AS deposit_returned,
	coalesce(l.total, 0) - b.deposit_paid + coalesce(p.to_return, 0) + coalesce(p.returned, 0) AS balance,
	v.currency::text AS currency
FROM evently.venue_bookings b
JOIN evently.venues v ON v.venue_id = b.venue_id
LEFT JOIN evently.events e ON e.event_id = b.event_id
LEFT JOIN LATERAL (
	SELECT sum(i.amount) FILTER (WHERE i.line_no = 1) AS hire,
		sum(i.amount) FILTER (WHERE i.line_no > 1) AS addons,
		sum(i.amount) AS total
	FROM evently.venue_invoice_lines i WHERE i.booking_id = b.booking_id) l ON true
LEFT JOIN LATERAL (
	SELECT sum(y.amount) FILTER (WHERE y.status = 'RETURN_DUE') AS to_return,
		sum(y.amount) FILTER (WHERE y.status = 'RETURNED') AS returned
	FROM evently.booking_payments y WHERE y.booking_id = b.booking_id) p ON true;
COMMENT ON VIEW evently.venue_invoices IS 'What each booking costs, what was paid of it, and what is left';
COMMENT ON COLUMN evently.venue_invoices.booking_id IS 'Id of the booking';
COMMENT ON COLUMN evently.venue_invoices.venue_id IS 'Id of the venue';
COMMENT ON COLUMN evently.venue_invoices.venue_name IS 'Name of the venue';
COMMENT ON COLUMN evently.venue_invoices.event_id IS 'Event that it is booked for; null for a hire without one';
COMMENT ON COLUMN evently.venue_invoices.event_title IS 'Title of the event';
COMMENT ON COLUMN evently.venue_invoices.organizer_id IS 'Organizer of the event: who pays';
COMMENT ON COLUMN evently.venue_invoices.status IS 'REQUESTED, CONFIRMED or CANCELLED';
COMMENT ON COLUMN evently.venue_invoices.start_time IS 'From when it is booked';
COMMENT ON COLUMN evently.venue_invoices.end_time IS 'Until when it is booked';
COMMENT ON COLUMN evently.venue_invoices.hire IS 'Hire: hours taken, setup and teardown included, at the booking''s rate; 0 when cancelled';
COMMENT ON COLUMN evently.venue_invoices.addons IS 'Sum of the add-ons; 0 when cancelled';
COMMENT ON COLUMN evently.venue_invoices.total IS 'hire plus addons';
COMMENT ON COLUMN evently.venue_invoices.deposit_required IS 'Deposit that confirms the booking';
COMMENT ON COLUMN evently.venue_invoices.deposit IS 'Deposit received';
COMMENT ON COLUMN evently.venue_invoices.deposit_due IS 'Deposit still to be paid for the booking to be confirmed';
COMMENT ON COLUMN evently.venue_invoices.deposit_due_at IS 'When an unpaid booking lapses';
COMMENT ON COLUMN evently.venue_invoices.deposit_to_return IS 'Deposit of a cancelled booking, to be returned';
COMMENT ON COLUMN evently.venue_invoices.deposit_returned IS 'Deposit of a cancelled booking that was returned';
COMMENT ON COLUMN evently.venue_invoices.balance IS 'Still to be paid: total less the deposit kept; below 0 when the deposit exceeds the total';
COMMENT ON COLUMN evently.venue_invoices.currency IS 'Currency of the amounts: the venue''s';
/*
 * verify()'s part for sales: stock, orders, tickets, money.
 */
CREATE FUNCTION evently.verify_sales()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH item AS MATERIALIZED (
	SELECT o.order_id, o.event_id, o.buyer_id, o.channel, o.status, i.tier_id, i.quantity, i.unit_price,
		o.confirmed_at IS NOT NULL AS confirmed
	FROM evently.orders o JOIN evently.order_items i ON i.order_id = o.order_id
), ticket AS MATERIALIZED (
	SELECT t.order_id, t.tier_id,
		count(*) FILTER (WHERE t.status <> 'TRANSFERRED') AS issued,
		count(*) FILTER (WHERE t.status IN ('VALID', 'USED')) AS live,
		count(*) FILTER (WHERE t.status = 'CANCELLED') AS returned
	FROM evently.tickets t GROUP BY t.order_id, t.tier_id
), stock AS (
	SELECT t.tier_id, t.total_quantity, t.held_back, t.shards,
		coalesce(s.rows, 0) AS shard_rows, coalesce(s.available, 0) AS available,
		coalesce(h.held, 0) AS held, coalesce(k.sold, 0) AS sold,
		coalesce(f.offered, 0) AS offered, coalesce(l.gathering, 0) AS gathering
	FROM evently.ticket_tiers t
	LEFT JOIN (SELECT tier_id, count(*) AS rows, sum(available) AS available
		FROM evently.inventory_shards GROUP BY tier_id) s ON s.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(quantity) AS held
		FROM item WHERE status = 'PENDING' GROUP BY tier_id) h ON h.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(live) AS sold
		FROM ticket GROUP BY tier_id) k ON k.tier_id = t.tier_id
	LEFT JOIN (SELECT tier_id, sum(quantity) AS offered
		FROM evently.waitlist_offers WHERE status = 'OPEN' GROUP BY tier_id) f ON f.tier_id = t.tier_id
	LEFT JOIN evently.waitlist_lines l ON l.tier_id = t.tier_id
), money AS (
	SELECT o.order_id, o.status, o.total_amount, o.confirmed_at IS NOT NULL AS confirmed,
		o.payment_id, coalesce(i.subtotal, 0) AS subtotal, i.order_id IS NULL AS no_items,
		coalesce(p.kept, 0) AS kept, coalesce(p.kept_rows, 0) AS kept_rows,
		coalesce(r.refunded, 0) AS refunded, coalesce(k.live, 0) AS live, coalesce(k.returned, 0) AS returned
	FROM evently.orders o
	LEFT JOIN (SELECT order_id, sum(subtotal) AS subtotal
		FROM evently.order_items GROUP BY order_id) i ON i.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(amount) AS kept, count(*) AS kept_rows
		FROM evently.payments WHERE outcome IN ('CONFIRMED', 'RECOVERED') GROUP BY order_id) p ON p.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(amount) AS refunded
		FROM evently.refunds WHERE reason IN ('REQUESTED', 'EVENT_CANCELLED') GROUP BY order_id) r ON r.order_id = o.order_id
	LEFT JOIN (SELECT order_id, sum(live) AS live, sum(returned) AS returned
		FROM ticket GROUP BY order_id) k ON k.order_id = o.order_id
)
SELECT 'stock', format('tier %s', tier_id),
	format('total %s is not available %s + held %s + sold %s + offered %s + gathering %s + held back %s',
		total_quantity, available, held, sold, offered, gathering, held_back)
FROM stock WHERE total_quantity <> available + held + sold + offered + gathering + held_back
UNION ALL
SELECT 'shards', format('tier %s', tier_id), format('%s shard rows instead of %s', shard_rows, shards)
FROM stock WHERE shard_rows <> shards
UNION ALL
SELECT 'capacity', format('event %s', e.event_id),
	format('tiers add up to %s, the venue admits %s', sum(t.total_quantity), v.capacity)
FROM evently.events e
JOIN evently.venues v ON v.venue_id = e.venue_id
JOIN evently.ticket_tiers t ON t.event_id = e.event_id
WHERE e.status NOT IN ('CANCELLED', 'COMPLETED')
GROUP BY e.event_id, v.capacity HAVING sum(t.total_quantity) > v.capacity
UNION ALL
SELECT 'tickets', format('order %s', i.order_id),
	format('tier %s has %s tickets instead of %s', i.tier_id, coalesce(k.issued, 0),
		CASE WHEN i.confirmed THEN i.quantity ELSE 0 END)
FROM item i LEFT JOIN ticket k ON k.order_id = i.order_id AND k.tier_id = i.tier_id
WHERE coalesce(k.issued, 0) <> CASE WHEN i.confirmed THEN i.quantity ELSE 0 END
UNION ALL
SELECT 'tickets', format('order %s', k.order_id), format('tickets of tier %s, which it did not order', k.tier_id)
FROM ticket k LEFT JOIN item i ON i.order_id = k.order_id AND i.tier_id = k.tier_id
WHERE i.order_id IS NULL
UNION ALL
SELECT 'total', format('order %s', order_id),
	CASE WHEN no_items THEN 'no items'
		ELSE format('total %s is not the sum of its items, %s', total_amount, subtotal) END
FROM money WHERE no_items OR total_amount <> subtotal
UNION ALL
SELECT 'payment', format('order %s', order_id),
	format('total %s, but %s payments of %s were accepted', total_amount, kept_rows, kept)
FROM money
WHERE kept <> CASE WHEN confirmed THEN total_amount ELSE 0 END
	OR kept_rows > 1 OR (kept_rows = 1 AND NOT confirmed)
UNION ALL
SELECT 'payment', format('payment %s', p.payment_id), format('outcome %s, but no refund of it', p.outcome)
FROM evently.payments p
WHERE p.outcome IN ('REFUND_DUE', 'AMOUNT_MISMATCH', 'DUPLICATE_PAYMENT') AND p.amount > 0
	AND NOT EXISTS (SELECT FROM evently.refunds r
		WHERE r.payment_id = p.payment_id AND r.order_id = p.order_id
			AND r.amount = p.amount AND r.reason = p.outcome)
UNION ALL
SELECT 'refund', format('order %s', m.order_id),
	format('%s refunded, tickets given back cost %s', m.refunded, coalesce(g.price, 0))
FROM money m
LEFT JOIN (SELECT k.order_id, sum(k.returned * i.unit_price) AS price
	FROM ticket k JOIN item i ON i.order_id = k.order_id AND i.tier_id = k.tier_id
	GROUP BY k.order_id) g ON g.order_id = m.order_id
WHERE m.refunded <> coalesce(g.price, 0)
UNION ALL
SELECT 'refund', format('order %s', order_id),
	format('status %s, but %s tickets live and %s given back', status, live, returned)
FROM money
WHERE confirmed AND status <> CASE WHEN returned = 0 THEN 'CONFIRMED'
	WHEN live = 0 THEN 'REFUNDED' ELSE 'PARTIALLY_REFUNDED' END
UNION ALL
SELECT 'buyer limit', format('event %s, buyer %s', event_id, buyer_id),
	format('%s counted, %s held and owned', coalesce(b.taken, 0), coalesce(a.taken, 0))
FROM evently.buyer_limits b
FULL JOIN (SELECT i.event_id, i.buyer_id,
		sum(CASE WHEN i.confirmed THEN coalesce(k.live, 0) ELSE i.quantity END) AS taken
	FROM item i LEFT JOIN ticket k ON k.order_id = i.order_id AND k.tier_id = i.tier_id
	WHERE i.channel = 'SALE' AND (i.confirmed OR i.status = 'PENDING')
	GROUP BY i.event_id, i.buyer_id) a USING (event_id, buyer_id)
JOIN evently.events e USING (event_id)
WHERE e.max_tickets_per_buyer IS NOT NULL AND coalesce(b.taken, 0) <> coalesce(a.taken, 0)
UNION ALL
SELECT 'reference', format('order %s', i.order_id),
	format('tier %s is not a tier of event %s', i.tier_id, i.event_id)
FROM item i LEFT JOIN evently.ticket_tiers t ON t.tier_id = i.tier_id AND t.event_id = i.event_id
WHERE t.tier_id IS NULL
UNION ALL
SELECT 'reference', format('ticket %s', t.ticket_id),
	format('event %s is not that of order %s', t.event_id, t.order_id)
FROM evently.tickets t JOIN evently.orders o ON o.order_id = t.order_id
WHERE t.event_id <> o.event_id
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id),
	format('took the place of ticket %s, which is %s', t.transferred_from, coalesce(f.status, 'missing'))
FROM evently.tickets t LEFT JOIN evently.tickets f ON f.ticket_id = t.transferred_from
WHERE t.transferred_from IS NOT NULL AND f.status IS DISTINCT FROM 'TRANSFERRED'
UNION ALL
SELECT 'state', format('order %s', o.order_id), format('PENDING, but event %s is %s', e.event_id, e.status)
FROM evently.orders o JOIN evently.events e ON e.event_id = o.event_id
WHERE o.status = 'PENDING' AND e.status IN ('DRAFT', 'CANCELLED', 'COMPLETED')
UNION ALL
SELECT 'state', format('ticket %s', t.ticket_id), format('%s, but event %s is cancelled', t.status, e.event_id)
FROM evently.tickets t JOIN evently.events e ON e.event_id = t.event_id
WHERE t.status IN ('VALID', 'USED') AND e.status = 'CANCELLED';
END;
COMMENT ON FUNCTION evently.verify_sales IS 'The part of verify() for stock, orders, tickets and money';
/*
 * verify()'s part for venue bookings.
 */
CREATE FUNCTION evently.verify_bookings()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'overlap', format('venue %s', a.venue_id),
	format('bookings %s and %s overlap', least(a.booking_id, a.next_id), greatest(a.booking_id, a.next_id))
FROM (
	/* Ordered by their starts, overlapping bookings include two neighbours. */
	SELECT b.venue_id, b.booking_id, b.occupied,
		lead(b.booking_id) OVER w AS next_id, lead(b.occupied) OVER w AS next_occupied
	FROM evently.venue_bookings b WHERE b.status <> 'CANCELLED'
	WINDOW w AS (PARTITION BY b.venue_id ORDER BY lower(b.occupied), b.booking_id)) a
WHERE a.occupied && a.next_occupied
UNION ALL
SELECT 'occupied', format('booking %s', b.booking_id), format('takes %s', b.occupied)
FROM evently.venue_bookings b
WHERE isempty(b.occupied) OR NOT lower_inc(b.occupied) OR upper_inc(b.occupied)
	OR abs(extract(epoch FROM b.start_time) - extract(epoch FROM lower(b.occupied)) - 3600 * b.setup_hours_before) > 0.000001
	OR abs(extract(epoch FROM upper(b.occupied)) - extract(epoch FROM b.end_time) - 3600 * b.teardown_hours_after) > 0.000001
UNION ALL
SELECT 'deposit', format('booking %s', b.booking_id),
	format('deposit_paid is %s, its payments add up to %s', b.deposit_paid, coalesce(p.paid, 0))
FROM evently.venue_bookings b
LEFT JOIN (SELECT booking_id, sum(amount) AS paid
	FROM evently.booking_payments GROUP BY booking_id) p ON p.booking_id = b.booking_id
WHERE b.deposit_paid <> coalesce(p.paid, 0)
UNION ALL
SELECT 'deposit', format('booking %s', b.booking_id),
	format('%s, but %s of %s were paid', b.status, b.deposit_paid, b.deposit_required)
FROM evently.venue_bookings b
WHERE (b.status = 'CONFIRMED' AND b.deposit_paid < b.deposit_required)
	OR (b.status = 'REQUESTED' AND b.deposit_paid >= b.deposit_required)
UNION ALL
SELECT 'deposit return', format('payment %s', p.payment_id),
	format('%s, but booking %s is %s', p.status, b.booking_id, b.status)
FROM evently.booking_payments p
JOIN evently.venue_bookings b ON b.booking_id = p.booking_id
WHERE (b.status = 'CANCELLED') = (p.status = 'RECEIVED')
UNION ALL
SELECT 'event times', format('event %s', e.event_id),
	CASE WHEN e.venue_id IS DISTINCT FROM b.venue_id
		THEN format('is at venue %s, booking %s at venue %s', coalesce(e.venue_id::text, 'none'), b.booking_id, b.venue_id)
		ELSE format('is from %s to %s, booking %s from %s to %s',
			e.start_time, e.end_time, b.booking_id, b.start_time, b.end_time) END
FROM evently.venue_bookings b
JOIN evently.events e ON e.event_id = b.event_id
WHERE b.status <> 'CANCELLED' AND e.status <> 'CANCELLED'
	AND (e.venue_id IS DISTINCT FROM b.venue_id OR e.start_time < b.start_time OR e.end_time > b.end_time);
END;
COMMENT ON FUNCTION evently.verify_bookings IS 'The part of verify() for venue bookings and their deposits';
/*
 * verify()'s part for the door: entries, secrets, transfers, keys.
 */
CREATE FUNCTION evently.verify_door()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'entry', format('ticket %s', t.ticket_id),
	CASE WHEN s.scan_id IS NULL THEN 'USED, but no scan holds its entry'
		ELSE format('checked in at %s, but scan %s says %s', t.check_in_time, s.scan_id, s.scanned_at) END
FROM evently.tickets t
LEFT JOIN evently.scans s ON s.ticket_id = t.ticket_id AND s.result = 'ADMIT'
WHERE t.status = 'USED' AND s.scanned_at IS DISTINCT FROM t.check_in_time
UNION ALL
SELECT 'entry', format('scan %s', s.scan_id),
	format('holds the entry of ticket %s, which is %s', s.ticket_id,
		CASE WHEN t.event_id <> s.event_id THEN format('of event %s', t.event_id)
			ELSE coalesce(t.status, 'missing') END)
FROM evently.scans s LEFT JOIN evently.tickets t ON t.ticket_id = s.ticket_id
WHERE s.result = 'ADMIT'
	AND (t.ticket_id IS NULL OR t.status NOT IN ('USED', 'CANCELLED') OR t.event_id <> s.event_id)
UNION ALL
SELECT 'entry', format('ticket %s', s.ticket_id), format('%s scans hold its entry', count(*))
FROM evently.scans s WHERE s.result = 'ADMIT' GROUP BY s.ticket_id HAVING count(*) > 1
UNION ALL
SELECT 'entry', format('ticket %s', s.ticket_id),
	format('scan %s holds its entry, but scan %s came before it', s.scan_id, c.scan_id)
FROM evently.scans s
JOIN evently.scans c ON c.event_id = s.event_id AND c.ticket_id = s.ticket_id
	AND c.told = 'ADMIT' AND c.result <> 'ADMIT'
WHERE s.result = 'ADMIT' AND c.result = 'ALREADY_ADMITTED' AND c.scanned_at < s.scanned_at
UNION ALL
SELECT 'scan', format('scan %s', s.scan_id), format('of ticket %s, which does not exist', s.ticket_id)
FROM evently.scans s
WHERE s.ticket_id IS NOT NULL
	AND NOT EXISTS (SELECT FROM evently.tickets t WHERE t.ticket_id = s.ticket_id)
UNION ALL
SELECT 'scan', format('scan %s', s.scan_id), format('%s, told %s, with reason %s, ticket %s, event %s, undone at %s',
	s.result, s.told, s.reason, s.ticket_id, s.event_id, s.undone_at)
FROM evently.scans s
WHERE (s.result = 'INVALID') <> (s.reason IS NOT NULL)
	OR (s.result = 'UNDONE') <> (s.undone_at IS NOT NULL)
	OR (s.result = 'ADMIT' AND (s.told <> 'ADMIT' OR s.ticket_id IS NULL OR s.event_id IS NULL))
	OR (s.device_scan_id IS NOT NULL AND (s.event_id IS NULL OR s.device IS NULL OR s.device_time IS NULL))
	OR s.scanned_at > s.received_at OR s.told = 'UNDONE'
UNION ALL
SELECT 'secret', format('ticket %s', t.ticket_id), format('%s, but its secret was not revoked', t.status)
FROM evently.tickets t
WHERE t.status IN ('CANCELLED', 'TRANSFERRED')
	AND NOT EXISTS (SELECT FROM evently.revocations r
		WHERE r.fingerprint = evently.secret_fingerprint(t.qr_code) AND r.ticket_id = t.ticket_id)
UNION ALL
SELECT 'secret', format('ticket %s', t.ticket_id), format('%s, but its secret was revoked', t.status)
FROM evently.revocations r JOIN evently.tickets t ON t.ticket_id = r.ticket_id
WHERE t.status IN ('VALID', 'USED') AND evently.secret_fingerprint(t.qr_code) = r.fingerprint
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id), 'TRANSFERRED, but no ticket took its place'
FROM evently.tickets t
WHERE t.status = 'TRANSFERRED'
	AND NOT EXISTS (SELECT FROM evently.tickets n WHERE n.transferred_from = t.ticket_id)
UNION ALL
SELECT 'transfer', format('ticket %s', t.ticket_id),
	CASE WHEN f.transferred_from IS NOT NULL THEN 'the second transfer of its line'
		ELSE format('of another order, event or tier than ticket %s', f.ticket_id) END
FROM evently.tickets t JOIN evently.tickets f ON f.ticket_id = t.transferred_from
WHERE f.transferred_from IS NOT NULL
	OR (f.order_id, f.event_id, f.tier_id) <> (t.order_id, t.event_id, t.tier_id)
UNION ALL
SELECT 'key', format('key %s', p.kid), 'retired, but its private half was kept'
FROM evently.event_private_keys p JOIN evently.event_keys k ON k.kid = p.kid
WHERE k.retired_at IS NOT NULL
UNION ALL
SELECT 'gate', format('event %s', e.event_id), format('gate %s names tier %s, which is not of the event', g.gate, i.tier)
FROM evently.events e
CROSS JOIN LATERAL jsonb_each(e.gate_tiers) AS g (gate, tiers)
CROSS JOIN LATERAL jsonb_array_elements_text(g.tiers) AS i (tier)
WHERE e.gate_tiers IS NOT NULL
	AND NOT EXISTS (SELECT FROM evently.ticket_tiers t
		WHERE t.event_id = e.event_id AND t.tier_id::text = i.tier);
END;
COMMENT ON FUNCTION evently.verify_door IS 'The part of verify() for entries, secrets, transfers, keys and gates';
/*
 * verify()'s part for the waitlist. Stock that is offered or gathers is in the
 * equation of verify_sales().
 */
CREATE FUNCTION evently.verify_waitlist()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
WITH head AS (
	SELECT l.tier_id, l.gathering, w.entry_id, w.quantity, w.event_id,
		(SELECT coalesce(sum(s.available), 0) FROM evently.inventory_shards s
			WHERE s.tier_id = l.tier_id) AS available
	FROM evently.waitlist_lines l
	CROSS JOIN LATERAL (SELECT x.entry_id, x.quantity, x.event_id FROM evently.waitlist_entries x
		WHERE x.tier_id = l.tier_id AND x.status = 'WAITING' ORDER BY x.position LIMIT 1) w
)
SELECT 'waitlist', format('entry %s', h.entry_id),
	format('is next in line for %s tickets, %s are free and %s gather', h.quantity, h.available, h.gathering)
FROM head h
JOIN evently.events e ON e.event_id = h.event_id
JOIN evently.ticket_tiers t ON t.tier_id = h.tier_id
WHERE h.quantity <= h.available + h.gathering AND e.status IN ('ON_SALE', 'SOLD_OUT')
	AND clock_timestamp() < least(t.sale_end, e.start_time)
UNION ALL
SELECT 'waitlist', format('tier %s', l.tier_id), format('%s tickets gather, but nobody waits', l.gathering)
FROM evently.waitlist_lines l
WHERE l.gathering > 0 AND NOT EXISTS (SELECT FROM evently.waitlist_entries w
	WHERE w.tier_id = l.tier_id AND w.status = 'WAITING')
UNION ALL
SELECT 'waitlist', format('entry %s', w.entry_id), format('position %s of tier %s, whose last is %s',
	w.position, w.tier_id, l.last_position)
FROM evently.waitlist_entries w JOIN evently.waitlist_lines l ON l.tier_id = w.tier_id
WHERE w.position > l.last_position
UNION ALL
SELECT 'waitlist', format('entry %s', w.entry_id), format('%s, but its offer is %s', w.status, coalesce(o.status, 'missing'))
FROM evently.waitlist_entries w LEFT JOIN evently.waitlist_offers o ON o.entry_id = w.entry_id
WHERE o.status IS DISTINCT FROM CASE w.status WHEN 'OFFERED' THEN 'OPEN' WHEN 'CLAIMED' THEN 'CLAIMED'
		WHEN 'LAPSED' THEN 'LAPSED' END
	AND NOT (w.status = 'LEFT' AND o.status = 'DECLINED')
	AND NOT (w.status = 'CLOSED' AND o.status = 'CANCELLED')
UNION ALL
SELECT 'waitlist', format('offer %s', o.offer_id), format('is not what entry %s asked for', o.entry_id)
FROM evently.waitlist_offers o JOIN evently.waitlist_entries w ON w.entry_id = o.entry_id
WHERE (o.tier_id, o.event_id, o.user_id, o.quantity) <> (w.tier_id, w.event_id, w.user_id, w.quantity)
UNION ALL
SELECT 'waitlist', format('offer %s', o.offer_id), format('order %s is not what was offered', o.order_id)
FROM evently.waitlist_offers o
WHERE o.order_id IS NOT NULL AND NOT EXISTS (
	SELECT FROM evently.orders r JOIN evently.order_items i ON i.order_id = r.order_id
	WHERE r.order_id = o.order_id AND r.event_id = o.event_id AND r.buyer_id = o.user_id
		AND i.tier_id = o.tier_id AND i.quantity = o.quantity)
UNION ALL
SELECT 'reference', format('entry %s', w.entry_id), format('tier %s is not a tier of event %s', w.tier_id, w.event_id)
FROM evently.waitlist_entries w JOIN evently.ticket_tiers t ON t.tier_id = w.tier_id
WHERE t.event_id <> w.event_id
UNION ALL
SELECT 'state', format('entry %s', w.entry_id), format('%s, but event %s is %s', w.status, e.event_id, e.status)
FROM evently.waitlist_entries w JOIN evently.events e ON e.event_id = w.event_id
WHERE w.status IN ('WAITING', 'OFFERED') AND e.status IN ('DRAFT', 'CANCELLED', 'COMPLETED');
END;
COMMENT ON FUNCTION evently.verify_waitlist IS 'The part of verify() for the waitlist';
/*
 * verify()'s part for search: what is derived against what it is derived from.
 */
CREATE FUNCTION evently.verify_search()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'search', format('event %s', e.event_id), 'cannot be found; rebuild_search() repairs'
FROM evently.events e
LEFT JOIN evently.event_search s ON s.event_id = e.event_id
WHERE e.status IN ('PUBLISHED', 'ON_SALE', 'SOLD_OUT') AND e.end_time > now() AND s.event_id IS NULL
UNION ALL
SELECT 'search', format('event %s', e.event_id), format('can be found, but is %s; rebuild_search() repairs', e.status)
FROM evently.event_search s JOIN evently.events e ON e.event_id = s.event_id
WHERE e.status NOT IN ('PUBLISHED', 'ON_SALE', 'SOLD_OUT')
UNION ALL
SELECT 'search', format('event %s', e.event_id), 'is found by what it was before; rebuild_search() repairs'
FROM evently.event_search s
JOIN evently.events e ON e.event_id = s.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
LEFT JOIN (SELECT t.event_id, min(t.price) AS price_from, max(t.price) AS price_to
	FROM evently.ticket_tiers t GROUP BY t.event_id) p ON p.event_id = e.event_id
WHERE (s.venue_id, s.start_time, s.end_time, s.category, s.city, s.location::text, s.price_from, s.price_to)
	IS DISTINCT FROM
	(e.venue_id, e.start_time, e.end_time, e.category, btrim(v.city), v.location::text, p.price_from, p.price_to)
	OR s.doc <> setweight(to_tsvector(e.language::regconfig, e.title), 'A')
		|| setweight(to_tsvector(e.language::regconfig, concat_ws(' ', v.name, v.city)), 'B')
		|| setweight(to_tsvector(e.language::regconfig, coalesce(e.description, '')), 'D')
		|| setweight(to_tsvector('pg_catalog.simple', e.title), 'A')
UNION ALL
SELECT 'popularity', format('event %s', coalesce(p.event_id, h.event_id)),
	format('%s of the week and %s of the day counted, %s and %s rolled up',
		coalesce(p.sold_week, 0), coalesce(p.sold_day, 0), coalesce(h.sold_week, 0), coalesce(h.sold_day, 0))
FROM evently.event_popularity p
FULL JOIN (SELECT x.event_id, sum(x.tickets) AS sold_week,
		coalesce(sum(x.tickets) FILTER (WHERE x.hour >= g.hour - interval '24 hours'), 0) AS sold_day
	FROM evently.sales_hourly x
	JOIN evently.sales_progress g ON x.hour >= g.hour - interval '168 hours'
	JOIN evently.events e ON e.event_id = x.event_id
	GROUP BY x.event_id) h ON h.event_id = p.event_id
WHERE (coalesce(p.sold_week, 0), coalesce(p.sold_day, 0)) <> (coalesce(h.sold_week, 0), coalesce(h.sold_day, 0))
UNION ALL
SELECT 'roll-up', format('event %s', coalesce(k.event_id, h.event_id)),
	format('%s tickets rolled up, %s sold', coalesce(h.tickets, 0), coalesce(k.tickets, 0))
FROM (SELECT x.event_id, count(*) AS tickets
	FROM evently.tickets x
	JOIN evently.orders o ON o.order_id = x.order_id AND o.channel = 'SALE'
	JOIN evently.sales_progress g ON x.ticket_id <= g.ticket_id
	WHERE x.transferred_from IS NULL
	GROUP BY x.event_id) k
FULL JOIN (SELECT x.event_id, sum(x.tickets) AS tickets FROM evently.sales_hourly x GROUP BY x.event_id) h
	ON h.event_id = k.event_id
WHERE coalesce(k.tickets, 0) <> coalesce(h.tickets, 0);
END;
COMMENT ON FUNCTION evently.verify_search IS 'The part of verify() for what search and trending read';
/*
 * The proof that nothing has drifted: counters against the records they count.
 * One statement, and its parts are STABLE, so one snapshot: true at any time,
 * in the middle of a sale too.
 */
CREATE FUNCTION evently.verify()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT v.check_name, v.object, v.detail FROM evently.verify_sales() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_bookings() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_door() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_waitlist() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_search() v;
END;
COMMENT ON FUNCTION evently.verify IS
'Every invariant checked against the records, in one snapshot, at any time. Result: a row for each breach; none when all is well.';
/*
 * What pg_dump carries: every table and every sequence, private keys only where
 * evently.dump_private_keys is on. Then: nothing for PUBLIC.
 */
DO $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN
		SELECT c.oid FROM pg_class c
		WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'S')
		ORDER BY c.relname
	LOOP
		PERFORM pg_extension_config_dump(relation,
			CASE relation WHEN 'evently.event_private_keys'::regclass
				THEN $w$WHERE nullif(current_setting('evently.dump_private_keys', true), '')::boolean$w$
				ELSE '' END);
	END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA evently FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA evently FROM PUBLIC;
