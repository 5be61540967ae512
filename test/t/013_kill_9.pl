# kill -9 of the whole server in the middle of a sale. After the restart nothing
# has drifted, and all that a client was told has happened. pg_cron, set up before
# the crash, runs the jobs after it.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Evently;

my $node = start_node('main',
	durable => 1,
	preload => 'pg_cron',
	'cron.database_name' => 'postgres',
	'cron.use_background_workers' => 'on');

# The jobs, every minute; a hold that has lapsed waits for them.
query($node, 'CREATE EXTENSION pg_cron');
my $job = query($node, 'SELECT evently.schedule_jobs()');
is(query($node, 'SELECT jobid, schedule, command, database, active FROM cron.job'),
	"$job|* * * * *|CALL evently.run_jobs()|postgres|t", 'schedule_jobs() tells pg_cron');
is(query($node, 'SELECT evently.schedule_jobs() = ' . $job . ', (SELECT count(*) FROM cron.job)'),
	't|1', 'and says so once, however often it is called');
my ($lapsing, $lapsing_tier) = put_on_sale($node, title => 'lapsing', tiers => [ { quantity => 5 } ]);
sub lapsed_hold
{
	my $order = query($node,
		"SELECT order_id FROM evently.reserve_tier($lapsing, 1, $lapsing_tier, 1)");
	query($node,
		"UPDATE evently.orders SET expires_at = created_at - interval '1 hour' WHERE order_id = $order");
	return $order;
}
my $hold = lapsed_hold();

# Clients at each isolation level buy, pay, cancel, give back, let lapse and
# sweep. What a client was told it writes down: a word and an order's id. Errors
# (40001) it does not mind.
my ($event, @tiers) = put_on_sale($node, title => 'crash', tiers => [
	{ quantity => 100_000, shards => 16 }, { quantity => 100_000, shards => 4 } ]);
query($node, qq{
	CREATE FUNCTION selections() RETURNS jsonb LANGUAGE sql RETURN jsonb_build_array(
		jsonb_build_object('tier_id', $tiers[0], 'quantity', 1),
		jsonb_build_object('tier_id', $tiers[1], 'quantity', 2));
	CREATE FUNCTION bought(buyer bigint, key text) RETURNS bigint LANGUAGE sql STABLE AS \$\$
		SELECT order_id FROM evently.orders
		WHERE event_id = $event AND buyer_id = buyer AND idempotency_key = key \$\$});
my @clients;
for my $buyer (1 .. 12)
{
	my $name = PostgreSQL::Test::Utils::tempdir() . "/client_$buyer";
	append_to_file("$name.sql", join '', map { qq{
		SELECT 'held', order_id FROM evently.reserve_tier($event, $buyer, $tiers[0], 2, 'a $_');
		SELECT 'confirmed', (reservation).order_id FROM evently.confirm_order(bought($buyer, 'a $_'), 'pay $buyer $_');
		SELECT 'held', order_id FROM evently.reserve_tickets($event, $buyer, selections(), 'b $_');
		SELECT 'cancelled', order_id FROM evently.cancel_order(bought($buyer, 'b $_'), 'no');
	} . ($_ % 3 ? '' : qq{
		SELECT 'refunded', order_id FROM evently.refund_order(bought($buyer, 'a $_'), 'refund $buyer $_');
		SELECT 'held', order_id FROM evently.reserve_tickets($event, $buyer, selections(), 'c $_');
		UPDATE evently.orders SET expires_at = created_at - interval '1 hour' WHERE order_id = bought($buyer, 'c $_');
		SELECT 'swept', evently.release_expired_orders(5);
	}) } 1 .. 1000);
	my $run = at_level($isolation_levels[ $buyer % 3 ], sub {
			IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$name.sql" ],
				'>', "$name.out", '2>', "$name.err") });
	push @clients, { name => $name, run => $run };
}
# Long enough for all of that, and not for ever.
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	usleep(100_000);
	last if $_ > 30 && 50 < grep { /^refunded/ } map { split /\n/, slurp_file("$_->{name}.out") } @clients;
}
cmp_ok(kill_everything($node), '>=', scalar @clients, 'the server and all its processes were killed');
$_->{run}->finish for @clients;
is( (grep { slurp_file("$_->{name}.err") =~ /server closed the connection|connection to server was lost/ } @clients),
	scalar @clients, 'in the middle of the load of every client');

$node->start;
my $told = join '', map { slurp_file("$_->{name}.out") } @clients;
$told =~ s/^swept.*\n//mg;
my %count;
$count{$_}++ for $told =~ /^(\w+)\|\d+$/mg;
cmp_ok($count{$_} // 0, '>', 50, "some were told \"$_\"") for qw(held confirmed cancelled refunded);

query($node, 'CREATE TABLE told (what text, order_id bigint)');
query($node, "COPY told FROM stdin DELIMITER '|';\n$told\\.\n");
is( query($node, q{
	SELECT what, order_id, status FROM told LEFT JOIN evently.orders USING (order_id)
	WHERE status IS NULL
		OR what = 'confirmed' AND status NOT IN ('CONFIRMED', 'REFUNDED')
		OR what = 'refunded' AND status <> 'REFUNDED'
		OR what = 'cancelled' AND status <> 'CANCELLED'}),
	'', 'every order that a client was told of is there, in the state it was told');
is(query($node, q{
	SELECT count(*) FROM told JOIN evently.orders USING (order_id)
	WHERE what = 'confirmed' AND (SELECT count(*) FROM evently.tickets t WHERE t.order_id = told.order_id) <> 2}),
	0, 'with its tickets');
is_exact($node, 'after the crash');

# The sale goes on.
storm($node, 'read committed', 'after the crash', clients => 12, transactions => 20,
	scripts => [q{ SELECT (evently.reserve_tier(:event, 1, :tier, 1)).status; }],
	variables => { event => $event, tier => $tiers[0] });
is_exact($node, 'the sale that goes on');

# By now the next minute is near.
$hold = lapsed_hold()
  if query($node, "SELECT status FROM evently.orders WHERE order_id = $hold") eq 'EXPIRED';
ok( poll($node, "SELECT status FROM evently.orders WHERE order_id = $hold", 'EXPIRED', 130),
	'pg_cron has the lapsed hold ended');
ok( poll($node, q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'}, 't', 75),
	'and knows that the job went well');
is(query($node, q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed' AND return_message <> 'server restarted'}),
	0, 'at no time did it fail');
is(query($node, 'SELECT evently.unschedule_jobs(); SELECT count(*) FROM cron.job'),
	"t\n0", 'unschedule_jobs() ends it');
is(query($node, 'SELECT evently.unschedule_jobs()'), 'f', 'once');
is_exact($node, 'at the end');
$node->stop;
done_testing();

sub poll
{
	my ($node, $sql, $expected, $seconds) = @_;
	for (1 .. 5 * $seconds)
	{
		return 1 if query($node, $sql) eq $expected;
		usleep(200_000);
	}
	return 0;
}
