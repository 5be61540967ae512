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
COMMENT ON FUNCTION evently.make_point IS 'Internal: the point of geo_point, unchecked';

CREATE FUNCTION evently.coordinates(
	point geography, OUT latitude double precision, OUT longitude double precision)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN GeometryType(point::geometry) = 'POINT' THEN ST_Y(point::geometry) END,
		CASE WHEN GeometryType(point::geometry) = 'POINT' THEN ST_X(point::geometry) END;
END;
COMMENT ON FUNCTION evently.coordinates IS 'Internal: latitude and longitude in degrees; null for what is not a point';

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
COMMENT ON FUNCTION evently.nearest_venues IS 'Internal: the n venues nearest to a point, with their distances';

CREATE FUNCTION evently.similar_words(misspelt text) RETURNS SETOF text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
	SET pg_trgm.similarity_threshold = 0.25 SET jit = off
BEGIN ATOMIC
	SELECT w.word FROM evently.search_words w
	WHERE w.word % misspelt AND length(w.word) BETWEEN length(misspelt) - 2 AND length(misspelt) + 2;
END;
COMMENT ON FUNCTION evently.similar_words IS 'Internal: known words with many trigrams of another, of about its length';

/*
 * Upkeep.
 */
CREATE FUNCTION evently.refresh_event_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_refresh_event_search';
COMMENT ON FUNCTION evently.refresh_event_search() IS
'Trigger: derives anew what search knows of an event, if the change makes a difference there';

CREATE FUNCTION evently.refresh_tier_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_refresh_tier_search';
COMMENT ON FUNCTION evently.refresh_tier_search() IS
'Trigger: derives anew what search knows of a tier''s event';

CREATE FUNCTION evently.refresh_venue_search() RETURNS trigger
	LANGUAGE C SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
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
	SET search_path = pg_catalog, pg_temp
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
			EXISTS (SELECT FROM evently.inventory_shards s WHERE s.tier_id = t.tier_id AND s.available > 0 OFFSET 0)
			OR EXISTS (SELECT FROM evently.orders x
				JOIN evently.order_items y ON y.order_id = x.order_id
				WHERE x.event_id = e.event_id AND x.status = 'PENDING'
					AND x.expires_at <= event_offer.at AND y.tier_id = t.tier_id OFFSET 0))) k (stock)
		WHERE t.event_id = e.event_id) o
	WHERE e.event_id = event_offer.event_id;
END;
COMMENT ON FUNCTION evently.event_offer IS
'Internal: what of an event can be bought, by windows and stock; holds that have lapsed count as stock, as they do when somebody buys.
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
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
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
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET work_mem = '16MB' SET client_min_messages = warning
	AS 'MODULE_PATHNAME', 'ev_search_facets';
COMMENT ON FUNCTION evently.search_facets IS
'How many events a search finds, and how they divide. Arguments: as search_events.
Result: facet total (value null), category, month (YYYY-MM by the venue''s clock), price (band of the lowest listed price: above the first number, up to the second), city; the most frequent first, months in their order. Exact up to 10,000 events and wherever is_estimate is false; else estimated from a sample, and values too rare to be estimated within 10 % are added up under a null value. Errors: 22023 bad argument.';

CREATE FUNCTION evently.suggest_events(prefix text, "limit" integer DEFAULT 10)
	RETURNS TABLE (event_id bigint, title text, category text, start_time timestamptz, venue_name text, city text)
	LANGUAGE C STABLE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
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

/* Of a table of one row the price of a forbidden scan would call for JIT. */
CREATE FUNCTION evently.roll_up_sales(batch_size integer DEFAULT 1000) RETURNS integer
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
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
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
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
	SET search_path = pg_catalog, pg_temp
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
	SET work_mem = '16MB'
	AS 'MODULE_PATHNAME', 'ev_homepage';
COMMENT ON FUNCTION evently.homepage IS
'What to show first: the best sellers in the city or within 50 km; when they are few, what is coming up there, then (with near) within 250 km, then the best sellers anywhere, then anything coming up.
city or near, or neither; user_id: what the user has attended moves up a little, the first stays first; limit: 1 to 100.
Result: each event once, with the reason. Errors: 22023 bad argument.';
