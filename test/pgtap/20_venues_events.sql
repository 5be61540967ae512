-- create_venue and create_event: what is stored, what is filled in, what is refused.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- Venues.
SELECT venue_id AS venue FROM evently.create_venue('St. James'' Park', 52305, 'OUTDOOR', 'Europe/London',
	'SRID=4326;POINT(-1.6217 54.9756)'::geography, 'Barrack Road', 'Newcastle upon Tyne', 'GB',
	'{"parking": 400}', 12, 6.5, 1500.50, 'GBP') \gset
SELECT results_eq($$
	SELECT name, capacity, type, timezone, st_astext(location), address, city, country_code, facilities,
		setup_hours, teardown_hours, hire_rate::numeric, currency::text, is_active
	FROM evently.venues WHERE venue_id = $$ || :venue,
	$$VALUES ('St. James'' Park', 52305, 'OUTDOOR', 'Europe/London', 'POINT(-1.6217 54.9756)', 'Barrack Road',
		'Newcastle upon Tyne', 'GB', '{"parking": 400}'::jsonb, 12::numeric, 6.5, 1500.50, 'GBP', true)$$,
	'a venue is stored as given');
SELECT results_eq($$
	SELECT location IS NULL, address, city, country_code, facilities, setup_hours, teardown_hours, hire_rate::numeric, currency::text, is_active
	FROM evently.create_venue('Plain', 1, 'THEATER', 'UTC')$$,
	$$VALUES (true, NULL::text, NULL::text, NULL::text, '{}'::jsonb, 0::numeric, 0::numeric, 0::numeric, 'EUR', true)$$,
	'what a venue has when nothing is said');
SELECT pg_temp.refused(format('SELECT evently.create_venue(%s)', arguments), '22023', '%', 'create_venue: ' || reason)
FROM (VALUES
	($$NULL, 10, 'ARENA', 'UTC'$$, 'no name'),
	($$' ', 10, 'ARENA', 'UTC'$$, 'a blank name'),
	($$'v', NULL, 'ARENA', 'UTC'$$, 'no capacity'),
	($$'v', 0, 'ARENA', 'UTC'$$, 'a capacity of 0'),
	($$'v', -1, 'ARENA', 'UTC'$$, 'a negative capacity'),
	($$'v', 10, NULL, 'UTC'$$, 'no type'),
	($$'v', 10, 'arena', 'UTC'$$, 'a type in small letters'),
	($$'v', 10, 'ARENA', NULL$$, 'no time zone'),
	($$'v', 10, 'ARENA', ''$$, 'an empty time zone'),
	($$'v', 10, 'ARENA', 'Mars/Olympus_Mons'$$, 'a time zone that the server does not know'),
	($$'v', 10, 'ARENA', 'UTC', 'SRID=4326;LINESTRING(0 0, 1 1)'$$, 'a location that is not a point'),
	($$'v', 10, 'ARENA', 'UTC', city => ''$$, 'an empty city'),
	($$'v', 10, 'ARENA', 'UTC', country_code => 'GBR'$$, 'a country code of three letters'),
	($$'v', 10, 'ARENA', 'UTC', facilities => '[]'$$, 'facilities that are no object'),
	($$'v', 10, 'ARENA', 'UTC', facilities => NULL$$, 'facilities that are null'),
	($$'v', 10, 'ARENA', 'UTC', setup_hours => -1$$, 'negative hours'),
	($$'v', 10, 'ARENA', 'UTC', setup_hours => 'NaN'$$, 'hours that are no number'),
	($$'v', 10, 'ARENA', 'UTC', setup_hours => NULL$$, 'hours that are null'),
	($$'v', 10, 'ARENA', 'UTC', teardown_hours => 721$$, 'more than 30 days to clear up'),
	($$'v', 10, 'ARENA', 'UTC', teardown_hours => 'Infinity'$$, 'for ever to clear up'),
	($$'v', 10, 'ARENA', 'UTC', hire_rate => -1$$, 'a negative rate'),
	($$'v', 10, 'ARENA', 'UTC', hire_rate => 'NaN'$$, 'a rate that is no number'),
	($$'v', 10, 'ARENA', 'UTC', hire_rate => 0.0001$$, 'a rate of four decimals'),
	($$'v', 10, 'ARENA', 'UTC', currency => 'euro'$$, 'a currency that is no code'),
	($$'v', 10, 'ARENA', 'UTC', currency => NULL$$, 'a currency that is null')) wrong (arguments, reason);

-- Events.
SELECT event_id AS event FROM evently.create_event(42, 'Derby', 'SPORTS', '2031-05-01 15:00+00', '2031-05-01 17:00+00',
	:venue, 'The match', 'german', '2031-05-01 13:30+00', 'https://example.org/derby.jpg', 12, 'USD',
	interval '2 days', 4, '2031-04-30 00:00+00') \gset
SELECT results_eq($$
	SELECT organizer_id, venue_id, title, description, language, category, status, start_time, end_time, doors_open,
		cover_image_url, age_restriction, currency::text, hold_duration, max_tickets_per_buyer, transfer_deadline, cancel_reason
	FROM evently.events WHERE event_id = $$ || :event,
	format($$VALUES (42::bigint, %s::bigint, 'Derby', 'The match', 'german', 'SPORTS', 'DRAFT',
		'2031-05-01 15:00+00'::timestamptz, '2031-05-01 17:00+00'::timestamptz, '2031-05-01 13:30+00'::timestamptz,
		'https://example.org/derby.jpg', 12, 'USD', interval '2 days', 4, '2031-04-30 00:00+00'::timestamptz, NULL::text)$$, :venue),
	'an event is stored as given, a draft');
SELECT results_eq($$
	SELECT venue_id, description, language, doors_open, cover_image_url, age_restriction, currency::text, hold_duration,
		max_tickets_per_buyer, transfer_deadline
	FROM evently.create_event(1, 'Plain', 'CONCERT', '2031-05-01 15:00+00', '2031-05-01 17:00+00')$$,
	$$VALUES (NULL::bigint, NULL::text, 'english', '2031-05-01 09:00+00'::timestamptz, NULL::text, NULL::integer, 'EUR',
		NULL::interval, NULL::integer, NULL::timestamptz)$$,
	'what an event has when nothing is said: doors open 6 hours before');
SELECT is((evently.create_event(1, 'Home', 'CONCERT', '2031-05-01 15:00+00', '2031-05-01 17:00+00', :venue)).currency::text,
	'GBP', 'the currency is the venue''s unless given');
SELECT pg_temp.refused(format('SELECT evently.create_event(%s)', arguments), '22023', '%', 'create_event: ' || reason)
FROM (VALUES
	($$NULL, 't', 'CONCERT', '2031-01-01', '2031-01-02'$$, 'no organizer'),
	($$1, NULL, 'CONCERT', '2031-01-01', '2031-01-02'$$, 'no title'),
	($$1, '  ', 'CONCERT', '2031-01-01', '2031-01-02'$$, 'a blank title'),
	($$1, 't', NULL, '2031-01-01', '2031-01-02'$$, 'no category'),
	($$1, 't', 'OPERA', '2031-01-01', '2031-01-02'$$, 'an unknown category'),
	($$1, 't', 'CONCERT', NULL, '2031-01-02'$$, 'no start'),
	($$1, 't', 'CONCERT', '2031-01-01', NULL$$, 'no end'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-01'$$, 'an end at the start'),
	($$1, 't', 'CONCERT', '2031-01-02', '2031-01-01'$$, 'an end before the start'),
	($$1, 't', 'CONCERT', '-infinity', '2031-01-01'$$, 'a start that is no instant'),
	($$1, 't', 'CONCERT', '2031-01-01', 'infinity'$$, 'an end that is no instant'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', language => ''$$, 'an empty language'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', language => NULL$$, 'a language that is null'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', language => 'klingon'$$, 'a language that the server does not know'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', doors_open => '2031-01-01 00:00:01'$$, 'doors that open after the start'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', doors_open => '-infinity'$$, 'doors that were always open'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', cover_image_url => ''$$, 'an empty image address'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', age_restriction => -1$$, 'a negative age'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', age_restriction => 121$$, 'an age that nobody has'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', currency => 'eur'$$, 'a currency in small letters'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', hold_duration => '9 seconds'$$, 'a hold of 9 seconds'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', hold_duration => '61 days'$$, 'a hold of 61 days'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', hold_duration => '-1 hour'$$, 'a negative hold'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', max_tickets_per_buyer => 0$$, 'a limit of 0'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', max_tickets_per_buyer => -1$$, 'a negative limit'),
	($$1, 't', 'CONCERT', '2031-01-01', '2031-01-02', transfer_deadline => 'infinity'$$, 'a deadline that never comes'))
	wrong (arguments, reason);
SELECT pg_temp.refused($$SELECT evently.create_event(1, 't', 'CONCERT', '2031-01-01', '2031-01-02', 9999999)$$,
	'P0002', 'venue 9999999 does not exist', 'create_event: an unknown venue');
UPDATE evently.venues SET is_active = false WHERE venue_id = :venue;
SELECT pg_temp.refused(format($$SELECT evently.create_event(1, 't', 'CONCERT', '2031-01-01', '2031-01-02', %s)$$, :venue),
	'TK006', '%', 'create_event: a venue that takes no more events');
UPDATE evently.venues SET is_active = true WHERE venue_id = :venue;

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
