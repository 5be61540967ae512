--
-- PostGIS and the others may live in any schema, on the path or not.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently, postgis, btree_gist, pg_trgm;
CREATE SCHEMA "Geo Data";
CREATE SCHEMA extensions;
CREATE EXTENSION postgis SCHEMA "Geo Data";
CREATE EXTENSION btree_gist SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION evently;
SET evently.require_booking = off;
RESET client_min_messages;

SELECT name, "Geo Data".st_astext(location) AS location
FROM evently.create_venue('Old Trafford', 74197, 'OUTDOOR', 'Europe/London',
	'SRID=4326;POINT(-2.2913 53.4631)'::"Geo Data".geography);
SELECT evently.create_venue('Thames', 10, 'OUTDOOR', 'Europe/London',
	'SRID=4326;LINESTRING(0 51, -1 51)'::"Geo Data".geography);
SELECT name, location FROM evently.create_venue('Nowhere', 10, 'ARENA', 'UTC');
SELECT pg_catalog.format_type(atttypid, atttypmod) AS type
FROM pg_attribute WHERE attrelid = 'evently.venues'::regclass AND attname = 'location';

SELECT event_id FROM evently.create_event(1, 'Match', 'SPORTS', now() + interval '1 day', now() + interval '2 days', 1);
SELECT title FROM evently.publish_event(1);
SELECT title, round(distance_m) AS metres
FROM evently.search_events('macth', near => evently.geo_point(53.4631, -2.2913), radius_m => 1000, sort => 'distance');

-- The same session, PostGIS dropped and made anew somewhere else: nothing is remembered of the old one.
SET client_min_messages = warning;
DROP EXTENSION evently;
DROP EXTENSION postgis;
DROP SCHEMA "Geo Data";
CREATE EXTENSION postgis SCHEMA extensions;
CREATE EXTENSION evently;
RESET client_min_messages;
SELECT name, extensions.st_astext(location) AS location
FROM evently.create_venue('Anfield', 61276, 'OUTDOOR', 'Europe/London',
	'SRID=4326;POINT(-2.9608 53.4308)'::extensions.geography);
SELECT event_id FROM evently.create_event(1, 'Return match', 'SPORTS', now() + interval '1 day', now() + interval '2 days', 1);
SELECT title FROM evently.publish_event(1);
SELECT title, round(distance_m) AS metres
FROM evently.search_events('macth', near => evently.geo_point(53.4308, -2.9608), radius_m => 1000, sort => 'distance');
SELECT * FROM evently.verify();

SET client_min_messages = warning;
DROP EXTENSION evently, postgis, btree_gist, pg_trgm;
DROP SCHEMA extensions;
