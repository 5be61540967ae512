# Facets of many matches, counted by lists of places: 320,000 events, so that all
# are counted of some words, and a sample of others. What is not an estimate is
# exact, whatever others do meanwhile; an estimate is within a tenth, which is three
# standard errors at least. The ids are given, because the samples are drawn by them:
# every run has the same ones, but what is in which month changes with the day.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;

my $node = start_node('main', autovacuum => 'off', maintenance_work_mem => '256MB');

# Venues in zones of all kinds, so that months are not those of UTC; more events
# soon than later; a sixtieth of the towns has most of them.
query($node, q{
	INSERT INTO evently.venues (venue_id, name, city, capacity, type, timezone, currency)
	SELECT n, 'Hall', CASE WHEN n % 12 > 0 THEN 'Town ' || n END, 100, 'THEATER',
		(ARRAY['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Asia/Kolkata', 'Europe/London'])[1 + n % 5], 'EUR'
	FROM generate_series(1, 60) n;
	INSERT INTO evently.events (event_id, organizer_id, venue_id, title, category, status, start_time, end_time, doors_open, currency)
	SELECT n, 1, 1 + (60 * (n::bigint * 7919 % 320000 / 320000.0) ^ 2)::integer % 60,
		concat_ws(' ', 'Walk', CASE WHEN n % 2 = 0 THEN 'half' END, CASE WHEN n % 8 = 3 THEN 'eighth' END, CASE WHEN n % 50 = 3 THEN 'fiftieth' END),
		CASE WHEN n % 20 < 9 THEN 'CONCERT' WHEN n % 20 < 16 THEN 'SPORTS' WHEN n % 20 < 19 THEN 'FESTIVAL' ELSE 'CONFERENCE' END,
		'ON_SALE', s.at, s.at + CASE WHEN n % 100 = 0 THEN interval '30 days' ELSE interval '2 hours' END, s.at, 'EUR'
	FROM generate_series(1, 320000) n CROSS JOIN LATERAL
		(SELECT now() - interval '10 days' + 540 * (n::bigint * 104729 % 320000 / 320000.0) ^ 1.2 * interval '1 day') s (at);
	INSERT INTO evently.ticket_tiers (tier_id, event_id, name, price, total_quantity, shards)
	SELECT n, n, 'GENERAL', (ARRAY[0, 10, 20, 25, 40, 50, 55, 100, 250, 300])[1 + n / 3 % 10], 10, 1
	FROM generate_series(1, 320000) n WHERE n % 30 > 0;
	DROP INDEX evently.event_search_terms});
my $terms = query($node, q{SELECT evently.rebuild_search() > 300000}) && q{
	CREATE INDEX event_search_terms ON evently.event_search USING gin (
		evently.search_terms(event_id, start_time, doc, category, lower(city),
			evently.latitude(location), evently.longitude(location), price_from, price_to))
	WITH (fastupdate = off)};
query($node, $terms);
query($node, q{
	VACUUM ANALYZE;
	-- What the events of a condition come to, counted one by one.
	CREATE FUNCTION facts(condition text, OUT facet text, OUT value text, OUT events bigint) RETURNS SETOF record
	LANGUAGE plpgsql AS $$
	BEGIN
		RETURN QUERY EXECUTE format($q$
			SELECT f.facet, f.value, count(*) FROM evently.event_search s
			CROSS JOIN LATERAL (VALUES ('total', NULL), ('category', s.category), ('city', s.city),
				('month', to_char(make_date(s.local_month / 12, s.local_month %% 12 + 1, 1), 'YYYY-MM')),
				('price', CASE WHEN s.price_from = 0 THEN '0' WHEN s.price_from <= 10 THEN '0-10' WHEN s.price_from <= 25 THEN '10-25'
					WHEN s.price_from <= 50 THEN '25-50' WHEN s.price_from <= 100 THEN '50-100' WHEN s.price_from <= 250 THEN '100-250'
					WHEN s.price_from > 250 THEN '250-' END)) f (facet, value)
			WHERE s.end_time > now() AND (f.facet = 'total' OR f.value IS NOT NULL) AND %s
			GROUP BY 1, 2$q$, condition);
	END $$});

my %title = (
	'' => 'true',
	"'half'" => q{s.event_id % 2 = 0},
	"'eighth'" => q{s.event_id % 8 = 3},
	"'fiftieth'" => q{s.event_id % 50 = 3},
	"'half or eighth'" => q{(s.event_id % 2 = 0 OR s.event_id % 8 = 3)});
my $now = q{s.start_time >= now()};

# What a search counts that should be exact, as differences to the facts.
sub differences
{
	my ($arguments, $condition) = @_;
	return qq{SELECT string_agg(d::text, E'\\n') FROM (
		(SELECT facet, value, events, is_estimate FROM evently.search_facets($arguments)
			EXCEPT SELECT facet, value, events, false FROM facts(\$c\$$condition\$c\$))
		UNION ALL
		(SELECT facet, value, events, false FROM facts(\$c\$$condition\$c\$)
			EXCEPT SELECT facet, value, events, is_estimate FROM evently.search_facets($arguments))) d};
}

sub is_exactly
{
	my ($name, $arguments, $condition) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(query($node, 'BEGIN ISOLATION LEVEL REPEATABLE READ; ' . differences($arguments, $condition)), '', "exact: $name");
	return;
}

# What is listed, how much of it is off by more than a tenth, and which facets do
# not add up; the number of values listed, by facet.
sub is_about
{
	my ($name, $arguments, $condition, %least) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	query($node, qq{
		CREATE TABLE found AS SELECT f.*, t.events AS n
		FROM evently.search_facets($arguments) f
		LEFT JOIN facts(\$c\$$condition\$c\$) t ON t.facet = f.facet AND t.value IS NOT DISTINCT FROM f.value});
	is(query($node, q{SELECT bool_and(is_estimate) FROM found}), 't', "$name: an estimate");
	# Of hundreds of values one may be off by more than three standard errors, none
	# by four and a half.
	is(query($node, q{
		WITH off AS (SELECT facet, value, events, n, coalesce(abs(events - n) / n::numeric, 1) AS part FROM found WHERE value IS NOT NULL OR facet = 'total')
		SELECT * FROM off WHERE part > CASE (SELECT count(*) FROM off WHERE part > 0.1) WHEN 1 THEN 0.15 ELSE 0.1 END}),
		'', "$name: within a tenth");
	is(query($node, q{SELECT facet FROM found WHERE facet IN ('category', 'month') GROUP BY facet HAVING sum(events) <> (SELECT events FROM found WHERE facet = 'total')}),
		'', "$name: what every event has adds up to the total");
	for my $facet (sort keys %least)
	{
		cmp_ok(query($node, "SELECT count(value) FROM found WHERE facet = '$facet'"), '>=', $least{$facet}, "$name: $facet");
	}
	query($node, q{DROP TABLE found});
	return;
}

# All that match are counted.
is_exactly('few', "'fiftieth'", "$title{q{'fiftieth'}} AND $now");
is_exactly('a word of 38,000', "'eighth'", "$title{q{'eighth'}} AND $now");
is_exactly('a word and a category', "'half', '{SPORTS}'", "$title{q{'half'}} AND s.category = 'SPORTS' AND $now");
for my $window ([ '3.3 days', '40.7 days' ], [ '0 days', '31 days' ], [ '100 days', '900 days' ], [ '-5 days', '20 days' ])
{
	my ($from, $to) = map { "now() + interval '$_'" } @$window;
	my $name = join ' to ', @$window;
	is_exactly("between $name", "starts => tstzrange($from, $to)", "s.start_time >= $from AND s.start_time < $to") if $window->[1] ne '900 days';
	is_exactly("a word between $name", "'eighth', starts => tstzrange($from, $to)", "$title{q{'eighth'}} AND s.start_time >= $from AND s.start_time < $to");
}
is_exactly('whole days', "'eighth', starts => tstzrange(date_trunc('day', now() + interval '9 days', 'UTC'), date_trunc('day', now() + interval '99 days', 'UTC'))",
	"$title{q{'eighth'}} AND s.start_time >= date_trunc('day', now() + interval '9 days', 'UTC') AND s.start_time < date_trunc('day', now() + interval '99 days', 'UTC')");

# A sample is.
is_about('everything', '', $now, category => 4, month => 17, price => 7, city => 3);
is_about('a word of half', "'half'", "$title{q{'half'}} AND $now", category => 3, month => 17, price => 7, city => 15);
is_about('two words', "'half or eighth'", "$title{q{'half or eighth'}} AND $now", category => 4, month => 17, price => 7, city => 20);
for my $window ([ '2.5 days', '190.1 days' ], [ '0 days', '180 days' ])
{
	my ($from, $to) = map { "now() + interval '$_'" } @$window;
	is_about(join(' to ', @$window), "starts => tstzrange($from, $to)", "s.start_time >= $from AND s.start_time < $to", category => 4, month => 6);
}
# Up to midnight in the middle of a week: not what comes later in that week.
for my $day (0 .. 6)
{
	my $to = "date_trunc('week', now() + interval '185 days', 'UTC') + interval '$day days'";
	is_about("up to day $day of a week", "starts => tstzrange(now(), $to)", "s.start_time >= now() AND s.start_time < $to");
}

# What others have changed and not committed, or after this one's snapshot, is not counted.
my $eighth = differences("'eighth'", "$title{q{'eighth'}} AND $now");
my $other = $node->background_psql('postgres');
$other->query_safe(q{BEGIN; DELETE FROM evently.event_search WHERE event_id % 80 = 3 AND event_id < 20000;
	UPDATE evently.event_search SET category = 'FESTIVAL', city = 'Elsewhere' WHERE event_id % 80 = 11 AND event_id < 70000});
is_exactly('while others change rows', "'eighth'", "$title{q{'eighth'}} AND $now");
my $reader = $node->background_psql('postgres');
my $counts = q{SELECT md5(string_agg(f::text, ',')) FROM evently.search_facets('eighth') f};
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $before = $reader->query_safe($counts);
$other->query_safe('COMMIT');
is_exactly('after others have changed rows', "'eighth'", "$title{q{'eighth'}} AND $now");
is($reader->query_safe($counts), $before, 'an older snapshot still counts what it sees');
isnt(query($node, $counts), $before, 'which is something else by now');

# New rows split the pages that are read; they are too long for old pages of the
# table, which so remain known to be visible.
$other->query_safe(q{INSERT INTO evently.events (event_id, organizer_id, venue_id, title, category, status, start_time, end_time, doors_open, currency)
	SELECT n, 1, 1 + n % 60, 'Run', 'SPORTS', 'ON_SALE', s.at, s.at + interval '1 hour', s.at, 'EUR'
	FROM generate_series(400001, 440000) n, LATERAL (SELECT now() + n % 9 * interval '30 days' + interval '60 days') s (at)});
sub new_rows
{
	my ($doc, $condition) = @_;
	return qq{INSERT INTO evently.event_search
		SELECT e.event_id, e.venue_id, e.start_time, e.end_time,
			12 * extract(year FROM e.start_time)::integer + extract(month FROM e.start_time)::integer - 1, 1,
			e.event_id % 300, e.event_id % 300, 'SPORTS', rpad('Town ' || e.event_id % 97, 700, '.'), NULL, '$doc'
		FROM evently.events e WHERE $condition;};
}
$other->query_until(qr/started/, "\\echo started\n" . new_rows('run', 'e.event_id > 415000') . "\n");
my %seen;
my $rounds = 0;
until ($rounds >= 20 && !query($node, q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO evently.event_search%' AND state = 'active' AND pid <> pg_backend_pid()}))
{
	$seen{ $reader->query_safe($counts) }++;
	$rounds++;
}
is_deeply([ keys %seen ], [$before], "counted $rounds times while pages were split");
$reader->query_safe('COMMIT');
$other->query_safe('SELECT 1');

# Too many rows on pages that are not known to be visible: counted one by one, in
# a sample; vacuumed, by lists again.
my $now_53000 = "($title{q{'eighth'}} AND $now AND s.event_id < 400000 OR s.event_id BETWEEN 400001 AND 415000)";
query($node, new_rows('eighth', 'e.event_id BETWEEN 400001 AND 415000'));
is_about('before a vacuum', "'eighth'", $now_53000, category => 2);
query($node, 'VACUUM evently.event_search');
is_exactly('after it', "'eighth'", $now_53000);
query($node, 'DELETE FROM evently.event_search WHERE event_id > 400000');
query($node, 'VACUUM evently.event_search');
is_exactly('when they are gone', "'eighth'", "$title{q{'eighth'}} AND $now");

# Without the lists: a DBA may do without, and version 0.1.0 has none.
query($node, 'DROP INDEX evently.event_search_month');
is_about('without lists', "'eighth'", "$title{q{'eighth'}} AND $now", category => 2);
is_exactly('few without lists', "'fiftieth'", "$title{q{'fiftieth'}} AND $now");

$other->quit;
$reader->quit;
done_testing();
