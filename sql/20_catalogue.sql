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
COMMENT ON CONSTRAINT ticket_tiers_event_id_name_key ON evently.ticket_tiers IS 'An event names each of its tiers once';
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
