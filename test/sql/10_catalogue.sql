--
-- An organizer's day: venues, events, tiers, and the states of an event.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS evently;
CREATE EXTENSION evently CASCADE;
RESET client_min_messages;
SET timezone = 'UTC';

SELECT venue_id, name, city, country_code, capacity, timezone, st_astext(location) AS location, currency
FROM evently.create_venue('Craven Cottage', 25700, 'OUTDOOR', 'Europe/London', 'SRID=4326;POINT(-0.2217 51.4749)',
	city => 'London', country_code => 'GB', currency => 'GBP', facilities => '{"parking": 0, "catering": true}');
SELECT event_id, title, status, currency, start_time - doors_open AS doors_before
FROM evently.create_event(7, 'Fulham v Chelsea', 'SPORTS', '2099-05-02 15:00+01', '2099-05-02 17:00+01', 1);
SELECT tier_id, name, price, total_quantity, held_back, shards, max_per_order
FROM evently.create_tier(1, 'GENERAL', 45, 20000, held_back => 500, max_per_order => 6);
SELECT tier_id, name, price, total_quantity, shards FROM evently.create_tier(1, 'VIP', 180, 700);
SELECT * FROM evently.tier_inventory ORDER BY tier_id;

-- States.
SELECT event_id, status FROM evently.open_sale(1);
SELECT event_id, status FROM evently.publish_event(1);
SELECT event_id, status FROM evently.book_venue(1, 1, '2099-05-02 14:00+01', '2099-05-02 18:00+01');
SELECT event_id, status FROM evently.publish_event(1);
SELECT event_id, status FROM evently.publish_event(1);
SELECT event_id, status FROM evently.open_sale(1);
SELECT event_id, status FROM evently.pause_sale(1);
SELECT event_id, status FROM evently.pause_sale(1);
SELECT event_id, status FROM evently.resume_sale(1);
SELECT event_id, status FROM evently.resume_sale(1);
SELECT event_id, status FROM evently.complete_event(1);
SELECT event_id, status FROM evently.cancel_event(1, 'too late');
SELECT event_id, status FROM evently.create_event(7, 'Charity Shield', 'SPORTS', '2099-08-01', '2099-08-02', 1);
SELECT event_id, status FROM evently.complete_event(2);
SELECT event_id, status FROM evently.book_venue(1, 2, '2099-08-01', '2099-08-02');
SELECT event_id, status FROM evently.publish_event(2);
SELECT event_id, status FROM evently.open_sale(2);
SELECT event_id, status, cancel_reason FROM evently.cancel_event(2, 'ground not available');
SELECT event_id, status, cancel_reason FROM evently.venue_bookings ORDER BY booking_id;
SELECT event_id, status FROM evently.publish_event(2);
SELECT event_id, status FROM evently.publish_event(3);

-- What people get wrong, and what they are told.
SELECT evently.create_venue('  ', 10, 'ARENA', 'UTC');
SELECT evently.create_venue('v', 0, 'ARENA', 'UTC');
SELECT evently.create_venue('v', 10, 'STADIUM', 'UTC');
SELECT evently.create_venue('v', 10, 'ARENA', 'Europe/Londinium');
SELECT evently.create_venue('v', 10, 'ARENA', 'UTC', 'SRID=4326;LINESTRING(0 0, 1 1)');
SELECT evently.create_venue('v', 10, 'ARENA', 'UTC', country_code => 'gb');
SELECT evently.create_venue('v', 10, 'ARENA', 'UTC', facilities => '["parking"]');
SELECT evently.create_venue('v', 10, 'ARENA', 'UTC', setup_hours => 'NaN');
SELECT evently.create_venue('v', 10, 'ARENA', 'UTC', hire_rate => 10.0001);
SELECT evently.create_event(1, 't', 'OPERA', '2099-01-01', '2099-01-02');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-02', '2099-01-01');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', 'infinity');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', 99);
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', language => 'klingon');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', doors_open => '2099-01-01 12:00');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', hold_duration => '1 second');
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', max_tickets_per_buyer => 0);
UPDATE evently.venues SET is_active = false;
SELECT evently.create_event(1, 't', 'CONCERT', '2099-01-01', '2099-01-02', 1);
UPDATE evently.venues SET is_active = true;
SELECT event_id FROM evently.create_event(1, 'Open Day', 'FESTIVAL', '2099-01-01', '2099-01-02', 1);
SELECT tier_id FROM evently.create_tier(3, 'GENERAL', 0, 25000);
SELECT evently.create_tier(3, 'GENERAL', 0, 1);
SELECT evently.create_tier(3, 'VIP', 0, 701);
SELECT evently.create_tier(3, 'VIP', -1, 1);
SELECT evently.create_tier(3, 'VIP', 'NaN', 1);
SELECT evently.create_tier(3, 'VIP', 1, 1, '2099-01-02', '2099-01-01');
SELECT evently.create_tier(3, 'VIP', 1, 1, shards => 65);
SELECT evently.create_tier(3, 'VIP', 1, 1, held_back => 2);
SELECT evently.create_tier(99, 'VIP', 1, 1);
SELECT evently.create_tier(2, 'VIP', 1, 1);
SELECT evently.set_tier_quantity(3, 25701);
SELECT evently.set_tier_quantity(99, 1);

-- What is left of it all.
SELECT event_id, title, status FROM evently.events ORDER BY event_id;
SELECT tier_id, event_id, name, total_quantity FROM evently.ticket_tiers ORDER BY tier_id;
SELECT * FROM evently.verify();
