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
	AS 'MODULE_PATHNAME', 'ev_search_terms_by_week';
COMMENT ON FUNCTION evently.search_terms IS
'Internal: the terms that event_search_terms indexes: words, category, city, place and price bands, each behind the event''s day (and, for some events, behind the name of a sample)';

CREATE FUNCTION evently.price_band(price numeric) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_price_band';
COMMENT ON FUNCTION evently.price_band IS
'Internal: the band of a price that facets count, 0 (free) to 6 (above 250)';

CREATE FUNCTION evently.sample_class(event_id bigint) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_sample_class';
COMMENT ON FUNCTION evently.sample_class IS
'Internal: which of the samples that facets are estimated from have an event: 0: one in 16 and one in 4, 1: one in 4, 2: none';

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
COMMENT ON FUNCTION evently.latitude IS 'Internal: latitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.longitude IS 'Internal: longitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.metres_between IS 'Internal: distance of two points in metres';
COMMENT ON FUNCTION evently.is_within IS 'Internal: whether two points are at most so many metres apart';

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
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
/* No pending list: it would be read again for each day. */
CREATE INDEX event_search_terms ON evently.event_search USING gin (
	evently.search_terms(event_id, start_time, doc, category, lower(city),
		evently.latitude(location), evently.longitude(location), price_from, price_to))
	WITH (fastupdate = off);
CREATE INDEX event_search_start ON evently.event_search (start_time, event_id);
CREATE INDEX event_search_price ON evently.event_search (price_from, event_id);
CREATE INDEX event_search_venue ON evently.event_search (venue_id, start_time)
	INCLUDE (end_time, category, local_month, price_from, city);
CREATE INDEX event_search_facets ON evently.event_search
	(evently.sample_class(event_id), category COLLATE "C", evently.price_band(price_from), city COLLATE "C");
CREATE INDEX event_search_month ON evently.event_search (evently.sample_class(event_id), local_month);
COMMENT ON TABLE evently.event_search IS 'Events that the public may see, as search reads them; derived';
COMMENT ON INDEX evently.event_search_terms IS 'For each day an inverted index of its events';
COMMENT ON INDEX evently.event_search_start IS 'Events by date';
COMMENT ON INDEX evently.event_search_price IS 'Events by their lowest price';
COMMENT ON INDEX evently.event_search_venue IS 'Events of a venue by date, with what facets count';
COMMENT ON INDEX evently.event_search_facets IS 'For each category, price band and city the events that have it, those of the samples first: facets count these lists';
COMMENT ON INDEX evently.event_search_month IS 'For each month the events that start in it, those of the samples first: facets count these lists';
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
