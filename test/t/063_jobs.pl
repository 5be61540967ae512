# The jobs: run by pg_cron itself, in its own database and in another one, as a
# role that can do nothing else; several at once; and with rows that cannot be
# handled.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use Evently;

my $node = start_node('main', preload => 'pg_cron', 'cron.database_name' => 'postgres',
	'cron.use_background_workers' => 'on');

sub in_database
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql);
}

# The error of a statement, with detail and hint.
sub error_of
{
	my ($node_, $database, $sql) = @_;
	my ($rc, $out, $err) = $node_->psql($database, "\\set VERBOSITY verbose\n$sql");
	return $err;
}

# A tier of one ticket that a lapsed hold keeps from one in line.
sub leave_work
{
	my ($database) = @_;
	return in_database($database, q{
		SELECT event_id AS e FROM evently.create_event(1, 'A match', 'SPORTS', now() + interval '30 days', now() + interval '31 days') \gset
		SELECT tier_id AS t FROM evently.create_tier(:e, 'GENERAL', 10, 1) \gset
		SELECT FROM evently.publish_event(:e);
		SELECT FROM evently.open_sale(:e);
		SELECT FROM evently.reserve_tier(:e, 1, :t, 1);
		SELECT FROM evently.join_waitlist(:t, 2, email => 'two@example.org');
		UPDATE evently.orders SET expires_at = created_at WHERE event_id = :e;
	});
}

# --- Scheduling ------------------------------------------------------------

$node->safe_psql('postgres', q{CREATE ROLE evently_jobs LOGIN; CREATE ROLE nobody NOLOGIN; CREATE DATABASE "box office"});
in_database('box office', q{SET client_min_messages = warning; CREATE EXTENSION evently CASCADE; CREATE DATABASE quiet TEMPLATE template0});
in_database('quiet', q{SET client_min_messages = warning; CREATE EXTENSION evently CASCADE});

like(error_of($node, 'postgres', 'SELECT evently.schedule_jobs()'),
	qr/55000.*not in this database.*HINT:  Run here first: CREATE EXTENSION pg_cron;/s, 'pg_cron not created yet');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
like(error_of($node, 'postgres', q{SELECT evently.schedule_jobs('nobody')}), qr/22023.*cannot log in/s, 'a role that cannot log in');
like(error_of($node, 'postgres', q{SELECT evently.schedule_jobs('unknown')}), qr/42704/, 'an unknown role');

my ($hint) = error_of($node, 'box office', q{SELECT evently.schedule_jobs('evently_jobs')}) =~ /HINT:  (.*)/;
my ($here, $there) = $hint =~ /^Run here: (.*;) Run there: (.*;)$/;
is($there, q{SELECT cron.schedule_in_database('evently box office', '* * * * *', 'CALL evently.run_jobs()', 'box office', 'evently_jobs');},
	'pg_cron lives elsewhere: the hint is the SQL to run there');
in_database('box office', $here);
$node->safe_psql('postgres', $there);
cmp_ok($node->safe_psql('postgres', q{SELECT evently.schedule_jobs('evently_jobs')}), '>', 0, 'scheduled in its own database');
leave_work($_) for 'postgres', 'box office';

# --- What the role can do ----------------------------------------------------

sub as_jobs
{
	my ($sql, $database) = @_;
	my ($out, $err);
	my $rc = $node->psql($database // 'quiet', $sql, stdout => \$out, stderr => \$err,
		extra_params => [ '-U', 'evently_jobs' ]);
	return $err ne '' ? $err : $out;
}
in_database('quiet', q{SELECT evently.grant_jobs('evently_jobs')});
is(as_jobs('CALL evently.run_jobs()'), '', 'the role can run the jobs');
like(as_jobs('SELECT * FROM evently.orders'), qr/permission denied/, 'but see no orders');
like(as_jobs('SELECT evently.cancel_event(1, $$x$$)'), qr/permission denied/, 'nor do anything else');
is(in_database('quiet', q{
	SELECT count(*) FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege('evently_jobs', c.oid, p)}),
	0, 'no table or view is open to it');
like(in_database('quiet', 'SELECT job, rows, error FROM evently.job_status WHERE last_run IS NOT NULL ORDER BY job'),
	qr/^clean_notifications\|0\|\nforget_past_events\|0\|\nrefresh_sold_out_labels\|0\|\nrelease_expired_offers\|0\|\nrelease_expired_orders\|0\|\n.*roll_up_daily_sales\|0\|\nroll_up_sales\|0\|\nsettle_waitlists\|0\|$/s,
	'job_status shows the run');
like(error_of($node, 'quiet', 'BEGIN; CALL evently.run_jobs()'), qr/2D000/, 'not inside a transaction block');

# A job that may not run is reported, and the others run.
in_database('quiet', 'REVOKE EXECUTE ON FUNCTION evently.release_expired_offers FROM evently_jobs');
like(as_jobs('CALL evently.run_jobs()'), qr/job release_expired_offers failed: permission denied/, 'a job that fails');
is(in_database('quiet', 'SELECT string_agg(job, $$,$$) FROM evently.job_status WHERE error IS NOT NULL'), 'release_expired_offers', 'is in job_status');
is(in_database('quiet', 'SELECT min(runs) FROM evently.job_status'), 2, 'and the others have run');
in_database('quiet', q{SELECT evently.grant_jobs('evently_jobs')});

# --- Two at once share the work ----------------------------------------------

my $holds = 400;
in_database('quiet', qq{
	SELECT event_id AS e FROM evently.create_event(1, 'A match', 'SPORTS', now() + interval '30 days', now() + interval '31 days') \\gset
	SELECT tier_id AS t FROM evently.create_tier(:e, 'GENERAL', 10, $holds, shards => 8) \\gset
	SELECT FROM evently.publish_event(:e);
	SELECT FROM evently.open_sale(:e);
	SELECT count(*) FROM (SELECT evently.reserve_tier(:e, n, :t, 1) FROM generate_series(1, $holds) n OFFSET 0) r;
	UPDATE evently.orders SET expires_at = created_at});
my $before = in_database('quiet', q{SELECT total_rows FROM evently.job_runs WHERE job = 'release_expired_orders'});
my ($out, $err) = ('', '');
at_level('read committed', sub {
	IPC::Run::run([ 'pgbench', '-n', '-c', 4, '-j', 2, '-t', 1, '-M', 'simple', '-f',
			do {
				my $file = PostgreSQL::Test::Utils::tempdir() . '/jobs';
				PostgreSQL::Test::Utils::append_to_file($file, "CALL evently.run_jobs();\n");
				$file;
			}, $node->connstr('quiet') ], '>', \$out, '2>', \$err) }, 'evently.job_batch_size' => 10);
like($out, qr/number of transactions actually processed: 4\/4/, 'four at once');
is(in_database('quiet', q{SELECT total_rows - } . $before . q{ FROM evently.job_runs WHERE job = 'release_expired_orders'}),
	$holds, 'handle each hold once');
is(in_database('quiet', 'SELECT available_quantity FROM evently.tier_inventory'), $holds, 'and all is on sale again');

# --- In a rush they give way ---------------------------------------------------

in_database('quiet', q{
	SELECT count(*) FROM (SELECT evently.reserve_tier(event_id, n, tier_id, 1) FROM evently.ticket_tiers, generate_series(1, 60) n OFFSET 0) r;
	UPDATE evently.orders SET expires_at = created_at WHERE status = 'PENDING'});
my @writers;
for my $others (4, 5)
{
	# A transaction that has written something.
	while (@writers < $others)
	{
		push @writers, $node->background_psql('quiet');
		$writers[-1]->query_safe('BEGIN; SELECT pg_current_xact_id()');
	}
	my $told = at_level('read committed', sub {
		my ($rc, $o, $e) = $node->psql('quiet', "SET client_min_messages = debug1; CALL evently.run_jobs()");
		return $e }, 'evently.job_batch_size' => 10);
	is(scalar(() = $told =~ /jobs give way for \d+ ms/g) > 5, $others == 5, "with $others other writers") or diag $told;
	in_database('quiet', q{
		SELECT count(*) FROM (SELECT evently.reserve_tier(event_id, n, tier_id, 1) FROM evently.ticket_tiers, generate_series(1, 60) n OFFSET 0) r;
		UPDATE evently.orders SET expires_at = created_at WHERE status = 'PENDING'}) if $others == 4;
}
$_->quit for @writers;
is(in_database('quiet', q{SELECT count(*) FROM evently.orders WHERE status = 'PENDING'}), 0, 'and all is done');

# --- Bad rows ------------------------------------------------------------------

my ($bad) = in_database('quiet', q{
	SELECT event_id AS e, tier_id AS t FROM evently.ticket_tiers \gset
	SELECT count(*) FROM (SELECT evently.reserve_tier(:e, n, :t, 1) FROM generate_series(1, 25) n OFFSET 0) r;
	UPDATE evently.orders SET expires_at = created_at WHERE status = 'PENDING';
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF OLD.order_id % 10 < 4 AND NEW.status = 'EXPIRED' THEN
			RAISE 'order % is cursed', OLD.order_id;
		END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON evently.orders FOR EACH ROW EXECUTE FUNCTION refuse();
	SELECT count(*) FROM evently.orders WHERE status = 'PENDING' AND order_id % 10 < 4}) =~ /(\d+)$/;
cmp_ok($bad, '>', 3, "$bad of 25 holds cannot be ended: more than a batch");
my $complaints = at_level('read committed', sub {
	my ($rc, $o, $e) = $node->psql('quiet', 'CALL evently.run_jobs()');
	return $e }, 'evently.job_batch_size' => 3);
is(scalar(() = $complaints =~ /WARNING:  release_expired_orders: \d+ failed: order \d+ is cursed/g), $bad, 'each is reported');
is(in_database('quiet', q{SELECT count(*) FROM evently.orders WHERE status = 'PENDING'}), $bad, 'all others are ended');
is(in_database('quiet', q{SELECT failing, error FROM evently.job_status WHERE job = 'release_expired_orders'}), "$bad|", 'job_status counts them');
is(in_database('quiet', q{SELECT DISTINCT failures, retry_at > now() FROM evently.job_failures}), '1|t', 'they are left out for a while');
is(in_database('quiet', q{SELECT sqlstate IS NULL FROM evently.ticket_tiers t, evently.try_reserve_tier(t.event_id, 9, t.tier_id, 1)}), 't',
	'and buyers are not bothered by them');
in_database('quiet', q{UPDATE evently.job_failures SET retry_at = now(); CALL evently.run_jobs()});
is(in_database('quiet', q{SELECT DISTINCT failures, round(extract(epoch FROM retry_at - last_failed_at)) FROM evently.job_failures}), '2|120', 'a second failure doubles the wait');
in_database('quiet', q{DROP TRIGGER refuse ON evently.orders; UPDATE evently.job_failures SET retry_at = now(); CALL evently.run_jobs()});
is(in_database('quiet', q{SELECT (SELECT count(*) FROM evently.job_failures), (SELECT count(*) FROM evently.orders WHERE status = 'PENDING' AND expires_at < now())}),
	'0|0', 'mended, they are handled and forgotten');
is(in_database('quiet', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');

# --- Without pg_cron -------------------------------------------------------------

my $plain = start_node('plain');
like(error_of($plain, 'postgres', 'SELECT evently.schedule_jobs()'),
	qr/55000.*HINT:  Run every minute, for example by a crontab line: \* \* \* \* \* psql -X -d 'postgres' -c 'CALL evently\.run_jobs\(\)'/s,
	'no pg_cron: the hint is a crontab line');
$plain->stop;

# --- pg_cron has run -----------------------------------------------------------

for my $database ('postgres', 'box office')
{
	my $swept = 0;
	for (1 .. 130)
	{
		$swept = in_database($database, q{SELECT count(*) FROM evently.waitlist_offers WHERE status = 'OPEN'});
		last if $swept;
		sleep 1;
	}
	is($swept, 1, "$database: pg_cron had the hold ended and its ticket offered to the one in line");
	# By the server's clock: this test may come to look later than that.
	is(in_database($database, q{SELECT min(offered_at - joined_at) < '70 s' FROM evently.waitlist_offers JOIN evently.waitlist_entries USING (entry_id)}),
		't', 'within 70 s');
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), 0, 'no run failed');
is($node->safe_psql('postgres', 'SELECT evently.unschedule_jobs(), evently.unschedule_jobs()'), 't|f', 'unscheduled');
($there) = error_of($node, 'box office', 'SELECT evently.unschedule_jobs()') =~ /HINT:  Run there: (.*;)/;
$node->safe_psql('postgres', $there);
is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), 0, 'in the other database too');
is_exact($node, 'the jobs');
done_testing();
