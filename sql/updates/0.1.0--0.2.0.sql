/*
 * From evently 0.1.0 to 0.2.0. Changes come first, by part of the business, then
 * new modules, in the order of the install script.
 */
\echo Use "ALTER EXTENSION evently UPDATE" to load this file. \quit

-- Discovery: samples divided by week, for facets of a few days; facets of a place
-- out of an index alone. Both indexes are made anew, 5 minutes for a million events.
CREATE OR REPLACE FUNCTION evently.search_terms(
	event_id bigint, start_time timestamptz, doc tsvector, category text,
	city text, latitude double precision, longitude double precision,
	price_from numeric, price_to numeric)
	RETURNS tsvector
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_search_terms_by_week';
REINDEX INDEX evently.event_search_terms;
DROP INDEX evently.event_search_venue;
CREATE INDEX event_search_venue ON evently.event_search (venue_id, start_time)
	INCLUDE (end_time, category, local_month, price_from, city);
COMMENT ON INDEX evently.event_search_venue IS 'Events of a venue by date, with what facets count';

@include sql/90_dump_and_privileges.sql
