# With 50,000 venues and 100,000 bookings, conflict checks and searches find what
# they look for through indexes, and read little.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;

my $node = start_node('main', preload => 'auto_explain', 'work_mem' => '32MB');

# Two bookings each; one venue has a thousand in the year. Facilities: one in a
# thousand has an ice rink.
query($node, q{
	SET client_min_messages = warning;
	SELECT setseed(0.5);
	INSERT INTO evently.venues (name, capacity, type, timezone, currency, location, facilities)
	SELECT 'venue ' || n, 100 + n % 1000, (ARRAY['ARENA', 'CONFERENCE_CENTER', 'THEATER', 'OUTDOOR'])[1 + n % 4], 'UTC', 'EUR',
		format('POINT(%s %s)', random() * 30 - 10, random() * 25 + 35)::geography,
		CASE WHEN n % 1000 = 0 THEN '{"ice_rink": true, "parking": 10}' ELSE '{"parking": 10}' END::jsonb
	FROM generate_series(1, 50000) n;
	INSERT INTO evently.venue_bookings (venue_id, start_time, end_time, status)
	SELECT v.venue_id, at, at + interval '5 hours', 'CONFIRMED'
	FROM (SELECT venue_id, n FROM evently.venues, generate_series(0, 1) n WHERE name <> 'venue 1'
		UNION ALL SELECT venue_id, n FROM evently.venues, generate_series(0, 999) n WHERE name = 'venue 1') v,
		LATERAL (SELECT timestamptz '2031-01-01 00:00Z' + n * interval '8 hours' + v.venue_id % 3 * interval '1 hour' AS at) a;
	ANALYZE evently.venues, evently.venue_bookings});
my $busy = query($node, q{SELECT venue_id FROM evently.venues WHERE name = 'venue 1'});
cmp_ok(query($node, 'SELECT count(*) FROM evently.venue_bookings'), '>', 100_000, 'there are many bookings');

# The plans of the statements inside a call, the fifth and later ones too.
sub plans
{
	my ($call) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "
		SET client_min_messages = log;
		SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_analyze = on;
		SET auto_explain.log_timing = off;
		SET auto_explain.log_buffers = on;
		" . "BEGIN; $call; ROLLBACK;" x 6,
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	return grep { /FROM evently\.venue|UPDATE evently\.venue|FROM evently\.events/ }
	  split /(?=LOG:  duration)/, $err;
}

# No statement of a call reads a table from end to end; and one that mentions
# what is given uses the index and reads few pages, each time.
sub by_index
{
	my ($name, $call, $statement, $index, $pages) = @_;
	my @plans = plans($call);
	is(scalar(grep { /Seq Scan on (?:evently\.)?venue/ } @plans), 0, "$name: nothing is read from end to end")
	  or diag join "\n", grep { /Seq Scan/ } @plans;
	my @wanted = grep { /$statement/ } @plans;
	cmp_ok(scalar @wanted, '>=', 6, "$name: the statement was seen");
	is(scalar(grep { !/$index/ } @wanted), 0, "$name: by index") or diag $wanted[-1];
	my ($most) = sort { $b <=> $a } map { /Buffers: shared hit=(\d+)(?: read=(\d+))?/ ? $1 + ($2 // 0) : 1e9 } @wanted;
	cmp_ok($most, '<=', $pages, "$name: at most $pages pages") or diag $wanted[-1];
}

my $booking = query($node, "SELECT max(booking_id) FROM evently.venue_bookings WHERE venue_id = $busy");
my $book = "evently.book_venue($busy, NULL, ";
my $no_overlap = qr/Index (?:Only )?Scan using venue_bookings_no_overlap.*Index Cond: \(\(venue_id = .*AND \(occupied &&/s;
by_index('a booking that is free', "SELECT $book '2032-06-01', '2032-06-02')", qr/ORDER BY lower\(b\.occupied\)/, $no_overlap, 60);
by_index('a booking that is refused', "SELECT $book '2031-06-01', '2031-06-02')", qr/max\(upper\(b\.occupied\)\)/, $no_overlap, 60);
by_index('moving a booking', "SELECT evently.reschedule_booking($booking, '2033-06-01', '2033-06-02')", qr/ORDER BY lower\(b\.occupied\)/, $no_overlap, 60);
by_index('free time of a year', "SELECT count(*) FROM evently.venue_free_slots($busy, '[2031-01-01,2032-01-01)', '2 hours')",
	qr/range_agg/, $no_overlap, 400);
by_index('lapsed bookings', 'SELECT evently.release_lapsed_bookings()', qr/FOR NO KEY UPDATE SKIP LOCKED/, qr/venue_bookings_unpaid/, 20);

my $find = "SELECT count(*) FROM evently.find_venues('[2031-01-01 06:00Z,2031-01-01 07:00Z)', ";
by_index('venues nearby', "$find near => 'POINT(2.35 48.85)', radius_m => 30000)", qr/st_dwithin/, qr/Index Scan.*venues_location.*$no_overlap/s, 3000);
by_index('venues with a facility', qq{$find facilities => '{"ice_rink": true}')}, qr/v\.facilities @>/, qr/venues_facilities.*$no_overlap/s, 1500);
by_index('venues of a type and size', "$find 1098, 'OUTDOOR')", qr/v\.capacity >=/, qr/venues_capacity.*$no_overlap/s, 1500);
by_index('venues by all of these', qq{$find 500, 'OUTDOOR', '{"parking": 10}', 'POINT(2.35 48.85)', 30000)}, qr/st_dwithin/,
	qr/venues_location.*$no_overlap/s, 2000);

is(query($node, "SELECT count(*) FROM evently.venue_free_slots($busy, '[2031-01-01,2032-01-01)')"), 1001, 'a thousand bookings leave 1001 slots');

# Events and their bookings.
query($node, qq{
	INSERT INTO evently.events (organizer_id, venue_id, title, category, start_time, end_time, doors_open, currency)
	SELECT 1, venue_id, 'event', 'CONCERT', start_time, end_time, start_time, 'EUR' FROM evently.venue_bookings WHERE venue_id = $busy;
	UPDATE evently.venue_bookings b SET event_id = e.event_id FROM evently.events e WHERE e.venue_id = b.venue_id AND e.start_time = b.start_time;
	ANALYZE evently.events, evently.venue_bookings});
my $event = query($node, "SELECT event_id FROM evently.events WHERE venue_id = $busy LIMIT 1");
by_index('publishing an event', "SELECT evently.publish_event($event)", qr/LEFT JOIN evently\.venue_bookings/, qr/venue_bookings_event_id/, 40);
by_index('cancelling an event', "SELECT evently.cancel_event($event, 'fog')", qr/ORDER BY b\.booking_id/, qr/venue_bookings_event_id/, 40);

done_testing();
