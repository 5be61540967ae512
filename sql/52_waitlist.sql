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
COMMENT ON CONSTRAINT waitlist_entries_position ON evently.waitlist_entries IS 'Nobody shares a position';
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
COMMENT ON CONSTRAINT waitlist_offers_entry_id_key ON evently.waitlist_offers IS 'An entry gets one offer';
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
