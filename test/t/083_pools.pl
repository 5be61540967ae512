# Applications behind pgbouncer: many clients of npm's "pg" over few server
# connections, with prepared statements and without, each call whoever's turn it
# is. No call needs anything of its session, nor minds what others left in it.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Evently;

$ENV{PATH} .= ':/usr/sbin';
my ($version) = `pgbouncer --version` =~ /PgBouncer (\d+\.\d+)/ or die 'no pgbouncer';
my ($major, $minor) = split /\./, $version;
# Named statements outlive a transaction; pgbouncer knows how since 1.21.
my $tracks_names = $major > 1 || $minor >= 21;
my $servers = 4;

my $node = start_node('main');
my ($event, $tier, $rare) = put_on_sale($node, tiers => [ { quantity => 5000 }, { quantity => 20, shards => 4 } ]);
# As little as an application needs.
query($node, qq{
	UPDATE evently.events SET doors_open = now() - interval '1 hour' WHERE event_id = $event;
	CREATE ROLE app LOGIN;
	SELECT evently.grant_role('app', 'app');
	SELECT evently.grant_jobs('app')});

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $address = sprintf 'host=%s port=%s dbname=postgres', $node->host, $node->port;
append_to_file("$dir/users", qq{"app" ""\n});
append_to_file("$dir/pgbouncer.ini", qq{
[databases]
by_transaction = $address pool_mode=transaction
by_session = $address pool_mode=session
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users
logfile = $dir/log
pidfile = $dir/pid
max_client_conn = 500
default_pool_size = $servers
} . ($tracks_names ? "max_prepared_statements = 100\n" : ''));
my $bouncer = IPC::Run::start([ 'pgbouncer', '-q', "$dir/pgbouncer.ini" ], '>', \my $out, '2>', \my $err);
END { local $?; $bouncer->kill_kill if $bouncer }
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if -S "$dir/.s.PGSQL.$port" || !$bouncer->pumpable;
	usleep(100_000);
}

sub clients
{
	my (%input) = @_;
	my ($answer, $errors);
	IPC::Run::run([ 'node', 'test/js/pools.mjs' ], '<', \encode_json(\%input), '>', \$answer, '2>', \$errors,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)) or die "pools.mjs: $errors";
	return decode_json($answer);
}

my %tickets;
my $rare_sold = 0;
my $first = 1;
for my $run (
	[ by_transaction => 'simple', 60 ],
	[ by_transaction => 'unnamed', 60 ],
	[ $tracks_names ? 'by_transaction' : 'by_session', 'named', $tracks_names ? 60 : $servers ])
{
	my ($database, $style, $clients) = @$run;
	my $name = "pooled $database, " . ($style eq 'simple' ? 'plain statements' : "$style prepared statements");
	my $buyers = 60;
	my @buyers = map { 0 + $_ } $first .. $first + $buyers - 1;
	$first += $buyers;
	my $got = clients(
		host => $dir, port => 0 + $port, database => $database, style => $style, clients => $clients,
		# A client that leaves has its session reset for the next.
		max_uses => $database eq 'by_session' ? 7 : undef,
		buyers => \@buyers, event => 0 + $event, tier => 0 + $tier, rare => 0 + $rare);

	is_deeply($got->{errors}, {}, "$name: no error");
	$tickets{$_}++ for @{ $got->{sold} };
	is(scalar @{ $got->{sold} }, 2 * $buyers, "$name: every buyer has two tickets");
	is_deeply($got->{doors}, { 'ADMIT ALREADY_ADMITTED' => $buyers }, "$name: each ticket enters once");
	is($got->{found}, $buyers, "$name: every search finds the event");
	is_deeply($got->{batch}, { ok => $buyers / 2, TK002 => $buyers / 2 }, "$name: the batch");
	$rare_sold += $got->{rare};
	cmp_ok(query($node, q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'}), '<=', 2 * $servers, "$name: over few connections");
}
is(scalar(keys %tickets), 3 * 120, 'no ticket was sold twice');
is($rare_sold, 20, 'the last of few was sold, and none more');
is(query($node, q{SELECT count(*) FROM evently.job_status WHERE error IS NOT NULL}), 0, 'the jobs ran through the pool');
is(query($node, q{SELECT count(*) > 0 FROM evently.job_status WHERE last_success IS NOT NULL}), 't', 'and did');
is_exact($node, 'behind the pool');

done_testing();
