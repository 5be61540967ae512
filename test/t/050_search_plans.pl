# No class of query scans a table from end to end, even when its plans were made
# while there was nothing to plan for, and no statistics say otherwise since.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;

my $node = start_node('main', autovacuum => 'off', 'evently.require_booking' => 'off');
my %class = (
	'a word' => q{search_events('jazz')},
	'two words and a phrase' => q{search_events('live "jazz night" -rock')},
	'a word, a place, prices and dates' => q{search_events('jazz', '{CONCERT}', tstzrange(now(), now() + interval '90 days'),
		evently.geo_point(51.5, -0.1), 20000, '[5,80]', true, 7)},
	'a place' => q{search_events(near => evently.geo_point(51.5, -0.1), radius_m => 20000)},
	'by distance' => q{search_events(near => evently.geo_point(51.5, -0.1), sort => 'distance')},
	'a word, by distance' => q{search_events('jazz', near => evently.geo_point(51.5, -0.1), sort => 'distance')},
	'by date' => q{search_events(sort => 'date')},
	'by category' => q{search_events(categories => '{SPORTS}', sort => 'date')},
	'by price' => q{search_events(sort => 'price')},
	'by popularity' => q{search_events('jazz', sort => 'popularity')},
	'by popularity, all' => q{search_events(sort => 'popularity', page_size => 100)},
	'a misspelt word' => q{search_events('jzaz nigth orchstra')},
	'a prefix' => q{suggest_events('ja')},
	'facets' => q{search_facets('jazz')},
	'facets of prices' => q{search_facets(price => '[5,20]', available_only => true)},
	'trending' => q{trending_events()},
	'trending in a place' => q{trending_events(near => evently.geo_point(51.5, -0.1))},
	'the homepage' => q{homepage('London', user_id => 7)});
my @classes = sort keys %class;
my $ask = join '', map { "SELECT '$_'; SELECT count(*) FROM evently.$class{$_};\n" } @classes;

# One session: its plans are kept from when all was empty.
my $result = query($node, qq{
	VACUUM ANALYZE;
	LOAD 'auto_explain';
	$ask
	INSERT INTO evently.venues (name, city, location, capacity, type, timezone, currency)
	SELECT 'Hall ' || n, (ARRAY['London', 'Paris'])[1 + n % 2], evently.geo_point(51.5 - n % 2 * 2.6, -0.1 + n % 2 * 2.4), 500, 'THEATER', 'UTC', 'EUR'
	FROM generate_series(1, 40) n;
	INSERT INTO evently.events (organizer_id, venue_id, title, description, category, start_time, end_time, doors_open, currency)
	SELECT 1, (SELECT min(venue_id) FROM evently.venues) + n % 40, (ARRAY['Jazz night ', 'Match ', 'Summit '])[1 + n % 3] || n, 'live orchestra and robots',
		(ARRAY['CONCERT', 'SPORTS', 'CONFERENCE'])[1 + n % 3], s.at, s.at + interval '2 hours', s.at, 'EUR'
	FROM generate_series(1, 1500) n CROSS JOIN LATERAL (SELECT now() + n * interval '2 hours') s (at);
	SELECT count(evently.create_tier(event_id, 'GENERAL', 10 + event_id % 50, 10)) FROM evently.events;
	SELECT count(evently.publish_event(event_id)) FROM evently.events;
	SELECT count(evently.open_sale(event_id)) FROM evently.events;
	SELECT count((evently.confirm_order((evently.reserve_tier(event_id, 7, tier_id, 1)).order_id, 'p' || event_id)).outcome)
	FROM evently.ticket_tiers WHERE event_id % 9 = 0;
	CALL evently.run_jobs();
	CALL evently.run_jobs();
	SET auto_explain.log_min_duration = 0;
	SET auto_explain.log_nested_statements = on;
	$ask});
my %found = $result =~ /^([a-z].*)\n(\d+)$/mg;
my $log = slurp_file($node->logfile);
for my $name (@classes)
{
	# From this class's name in the log to the next one's.
	my ($plans) = $log =~ /Query Text: SELECT '\Q$name\E';(.*?)(?=Query Text: SELECT '|\z)/s;
	cmp_ok($found{$name}, '>', 0, "$name: something is found");
	unlike($plans // 'no plans', qr/Seq Scan on (?!sales_progress)|no plans/, "$name: by index");
}
my @terms = $log =~ /Bitmap Index Scan on event_search_terms/g;
cmp_ok(scalar @terms, '>', 20, 'through the index of terms');
unlike($log, qr/BitmapAnd/, 'and never through two indexes at once');

$node->stop;
done_testing();
