# Streaming replicas: what can be read from a standby; what a failover keeps when
# the server is killed in the middle of a sale: with a synchronous standby all
# that anybody was told, with an asynchronous one no id that comes again.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Evently;
use FullDatabase;

my $node = start_node('first', extension => 0, init => [ allows_streaming => 1 ]);
create_database($node, 'season');
fill($node, 'season');

# A standby of a server, up to date.
sub standby_of
{
	my ($primary, $name) = @_;

	my $standby = PostgreSQL::Test::Cluster->new($name);
	$primary->backup($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	$standby->start;
	$primary->wait_for_catchup($standby);
	return $standby;
}

my $standby = standby_of($node, 'second');
my ($event, $tier, $token) = split /\|/, $node->safe_psql('season', q{
	SELECT e.event_id, k.tier_id, evently.ticket_token(max(t.ticket_id)) FROM evently.events e
	JOIN evently.ticket_tiers k ON k.event_id = e.event_id JOIN evently.tickets t ON t.tier_id = k.tier_id
	WHERE e.title = 'The Full Concert' AND k.name = 'GENERAL' AND t.status = 'VALID' GROUP BY 1, 2});
$node->wait_for_catchup($standby);

# --- Reading from a standby --------------------------------------------------------

for my $read (
	q{SELECT event_id, title, distance_m, headline FROM evently.search_events('concrt', near => evently.geo_point(51.5, -0.1), radius_m => 5000, user_id => 102)},
	q{SELECT * FROM evently.search_facets()},
	q{SELECT * FROM evently.suggest_events('a sm')},
	q{SELECT * FROM evently.trending_events()},
	q{SELECT * FROM evently.homepage(city => 'London', user_id => 102)},
	q{SELECT * FROM evently.tier_inventory ORDER BY tier_id},
	qq{SELECT * FROM evently.validate_ticket('$token', $event, 'North')},
	qq{SELECT evently.event_jwks($event)},
	qq{SELECT evently.offline_manifest($event) - '{version,as_of}'::text[]},
	qq{SELECT evently.ticket_token(max(ticket_id)) FROM evently.tickets WHERE event_id = $event AND status = 'VALID'},
	q{SELECT v.venue_id, evently.venue_free_slots(v.venue_id, '[2030-01-01, 2030-02-01)') FROM evently.venues v ORDER BY 1},
	q{SELECT * FROM evently.find_venues('[2030-01-01, 2030-02-01)')},
	q{SELECT tier_id, user_id, evently.waitlist_position(tier_id, user_id) FROM evently.waitlist_entries ORDER BY 1, 2})
{
	my $there = $node->safe_psql('season', $read);
	my $name = $read =~ s/'[^']{50,}'/'...'/r;
	ok($there ne '' && $standby->safe_psql('season', $read) eq $there, "a standby answers as the primary: $name");
}
is($standby->safe_psql('season', 'SELECT * FROM evently.verify()'), '', 'verify() works there');
for my $view (split /\n/, $node->safe_psql('season', q{SELECT viewname FROM pg_views WHERE schemaname = 'evently' ORDER BY 1}))
{
	my $read = "SELECT count(v::text) FROM evently.$view v";
	is($standby->safe_psql('season', $read), $node->safe_psql('season', $read), "view $view");
}
for my $write (
	"SELECT evently.reserve_tier($event, 1, $tier, 1)",
	"SELECT evently.try_reserve_tier($event, 1, $tier, 1)",
	"SELECT evently.check_in('$token')",
	'SELECT evently.release_expired_orders()',
	'SELECT evently.sync_ids(3)')
{
	my ($rc, $out, $err) = $standby->psql('season', "\\set VERBOSITY sqlstate\n$write");
	like($err, qr/25006/, 'refused there as read-only: ' . $write =~ s/'.*'/'...'/r);
}

# --- kill -9 in the middle of a sale, with a synchronous standby -----------------------

# Clients that buy until the server is gone, and write down each order, ticket
# and token that they were told.
sub buyers
{
	my ($server, $n, $orders) = @_;
	my @buyers;
	for my $buyer (1 .. $n)
	{
		my $name = $server->name . "_$buyer";
		my $file = PostgreSQL::Test::Utils::tempdir() . "/$name";
		append_to_file("$file.sql", join '', map { qq{
			SELECT order_id AS o FROM evently.reserve_tier($event, 5000 + $buyer, $tier, 1, '$name $_') \\gset
			SELECT 'order', :o, '$name $_';
			SELECT 'ticket', ticket_id, qr_code FROM evently.confirm_order(:o, 'pay $name $_'), unnest(tickets);
		} } 1 .. $orders);
		my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $server->connstr('season'), '-f', "$file.sql" ],
			'>', "$file.out", '2>', "$file.err");
		push @buyers, { file => $file, run => $run };
	}
	return @buyers;
}

sub told
{
	return join '', map { slurp_file("$_->{file}.out") =~ /^((?:order|ticket)\|\d+\|.+\n)/mg } @_;
}

# Into the table "told" there.
sub write_down
{
	my ($server, $lines) = @_;
	$server->safe_psql('season', 'CREATE TABLE IF NOT EXISTS told (what text, id bigint, by text)');
	$server->safe_psql('season', "COPY told FROM stdin DELIMITER '|';\n$lines\\.\n");
	return scalar(my @lines = split /\n/, $lines);
}

# The line to a standby breaks.
sub cut_off
{
	my ($primary, $follower) = @_;
	$follower->append_conf('postgresql.conf', q{primary_conninfo = ''});
	$follower->reload;
	$primary->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_replication') or die 'the standby still follows';
	return;
}

# Sold out would end the sale too early.
$node->safe_psql('season', "SELECT FROM evently.set_tier_quantity($tier, 4500)");
$node->append_conf('postgresql.conf', q{synchronous_standby_names = '*'});
$node->reload;
$node->poll_query_until('postgres', q{SELECT sync_state = 'sync' FROM pg_stat_replication}) or die 'no synchronous standby';

my @buyers = buyers($node, 6, 600);
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	usleep(100_000);
	last if 120 < (() = told(@buyers) =~ /^ticket/mg);
}
# A moment before, the standby is cut off: from then on nobody is told anything.
cut_off($node, $standby);
my $told = '';
for (1 .. 2 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if $told eq told(@buyers);
	$told = told(@buyers);
	usleep(500_000);
}
kill_everything($node);
$_->{run}->finish for @buyers;
is(scalar(grep { slurp_file("$_->{file}.err") =~ /server closed the connection|connection to server was lost/ } @buyers), 6,
	'the server was killed in the middle of the sale of every client, none of whom it told anything without its standby');

$standby->promote;
cmp_ok(write_down($standby, told(@buyers)), '>', 200, 'clients were told of orders and tickets');
is($standby->safe_psql('season', q{
	SELECT * FROM told WHERE NOT EXISTS (SELECT FROM evently.orders o WHERE what = 'order' AND o.order_id = id AND o.idempotency_key = by)
		AND NOT EXISTS (SELECT FROM evently.tickets t WHERE what = 'ticket' AND t.ticket_id = id AND t.qr_code::text = by AND t.status = 'VALID')}),
	'', 'after the failover each of them is there, as it was told');
is($standby->safe_psql('season', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');
is($standby->safe_psql('season', 'SELECT * FROM evently.sync_ids()'), '', 'sync_ids() has nothing to do');
is_working($standby, 'season', 'after the failover');

# --- The same, with a standby that has fallen behind --------------------------------------

# The standby that was promoted is the server now.
my $behind = standby_of($standby, 'third');
cut_off($standby, $behind);
# More than the 32 ids that a sequence's WAL record is ahead.
@buyers = buyers($standby, 2, 40);
$_->{run}->finish for @buyers;
my $lost = told(@buyers);
my ($lost_ticket) = $lost =~ /^ticket\|(\d+)/m;
my $lost_token = $standby->safe_psql('season', "SELECT evently.ticket_token($lost_ticket)");
my $highest = $standby->safe_psql('season', 'SELECT max(order_id) FROM evently.orders');
kill_everything($standby);

$behind->promote;
is(write_down($behind, $lost), 160, 'clients were told of orders and tickets');
is($behind->safe_psql('season', q{SELECT count(*) FROM told JOIN evently.orders ON what = 'order' AND order_id = id AND idempotency_key = by
	WHERE by LIKE 'second%'}), 0, 'which are lost');
is($behind->safe_psql('season', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');
cmp_ok($behind->safe_psql('season', 'SELECT last_value FROM evently.order_ids'), '<', $highest, 'their ids would come again');
is($behind->safe_psql('season', q{SELECT count(*) FROM evently.sync_ids(gap => 1000)}),
	$behind->safe_psql('season', q{SELECT count(*) FROM pg_sequences WHERE schemaname = 'evently'}), 'sync_ids() with a gap moves all sequences');
@buyers = buyers($behind, 2, 40);
$_->{run}->finish for @buyers;
my %new = map { /^(\w+\|\d+)/ ? ($1 => 1) : () } split /\n/, told(@buyers);
is(scalar keys %new, 160, 'the sale goes on');
is(join(' ', grep { /^(\w+\|\d+)/ && $new{$1} } split /\n/, $lost), '', 'with no id of those that were lost');
is($behind->safe_psql('season', "SELECT result, reason FROM evently.validate_ticket('$lost_token', $event, 'North')"), 'INVALID|UNKNOWN',
	'whose tokens open nothing');
is_working($behind, 'season', 'after the second failover');
for my $server ($standby, $behind)
{
	unlike(slurp_file($server->logfile), qr/deadlock detected|PANIC|TRAP:/, 'neither deadlock nor crash in the log of ' . $server->name);
}

done_testing();
