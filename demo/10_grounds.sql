-- The 20 grounds of a football league
--
-- evently keeps venues; which team plays where is the application's business,
-- so it is in a schema of the application's own.
CREATE SCHEMA demo;
CREATE TABLE demo.grounds (
	team         text PRIMARY KEY,
	ground       text NOT NULL,
	city         text NOT NULL,
	country_code text NOT NULL,
	timezone     text NOT NULL,
	capacity     integer NOT NULL,
	latitude     float8 NOT NULL,
	longitude    float8 NOT NULL,
	venue_id     bigint
);
\copy demo.grounds (team, ground, city, country_code, timezone, capacity, latitude, longitude) FROM 'demo/stadiums.csv' WITH (FORMAT csv, HEADER match)

UPDATE demo.grounds
SET venue_id = (evently.create_venue(
	name => ground, city => city, country_code => country_code, timezone => timezone,
	type => 'ARENA', capacity => capacity, currency => 'GBP',
	location => ST_MakePoint(longitude, latitude)::geography,
	setup_hours => 6, teardown_hours => 4)).venue_id;

SELECT count(*) AS grounds, count(DISTINCT city) AS cities, sum(capacity) AS seats,
	min(format('%s (%s)', ground, capacity)) FILTER (WHERE capacity = (SELECT min(capacity) FROM demo.grounds)) AS smallest,
	min(format('%s (%s)', ground, capacity)) FILTER (WHERE capacity = (SELECT max(capacity) FROM demo.grounds)) AS largest
FROM demo.grounds;
