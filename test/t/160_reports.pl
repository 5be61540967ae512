# Reports on a year of sales: they read little, say the same on a standby and
# after a restore, and are true to the last order while buyers, refunds and jobs
# run beside each other.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Evently;

my $node = start_node('main', init => [ allows_streaming => 1 ], preload => 'auto_explain',
	'evently.require_booking' => 'off', 'autovacuum' => 'off', 'shared_buffers' => '256MB');
my $events = 500;
command_ok([ 'psql', '-qAtX', '-d', $node->connstr('postgres'), '-v', 'tickets=20000', '-v', "events=$events", '-f', 'bench/load-sales.sql' ],
	'a year of sales is loaded');
query($node, 'VACUUM ANALYZE');
is(query($node, 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing, with no roll-up at all');

# The jobs: two runs note and enter.
my $sums = q{SELECT count(*), sum(orders), sum(tickets_sold), sum(gross), sum(refunds), sum(comps), sum(net_of_sold) FROM evently.sales_by_day};
my $before = query($node, $sums);
query($node, 'CALL evently.run_jobs()');
query($node, 'CALL evently.run_jobs()');
cmp_ok(query($node, 'SELECT count(*) FROM evently.sales_daily'), '>', 1000, 'run_jobs() rolls up');
is(query($node, 'SELECT count(*) FROM evently.sales_tail'), 0, 'all of it');
is(query($node, $sums), $before, 'reports say the same');
is(query($node, 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');
query($node, 'ANALYZE evently.sales_daily');

# --- What is read -----------------------------------------------------------

# The rows that a report reads, and the large tables it reads from end to end; with
# "large" those for which it has no index, because some are small in this test.
sub reads
{
	my ($sql, $large) = @_;
	my $seqscan = $large ? 'off' : 'on';
	my ($rows, $whole) = split /\|/, query($node, qq{
		SET enable_seqscan = $seqscan;
		CREATE FUNCTION pg_temp.plan(OUT p jsonb) LANGUAGE plpgsql AS
			\$f\$ BEGIN EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || \$q\$$sql\$q\$ INTO p; END \$f\$;
		SELECT sum(((n ->> 'Actual Rows')::float8 + coalesce((n ->> 'Rows Removed by Filter')::float8, 0)) * (n ->> 'Actual Loops')::float8)::bigint,
			string_agg(n ->> 'Relation Name', ',') FILTER (WHERE n ->> 'Node Type' = 'Seq Scan'
				AND n ->> 'Relation Name' IN ('tickets', 'orders', 'order_items', 'scans', 'refunds', 'payments', 'sales_daily'))
		FROM pg_temp.plan() p, jsonb_path_query(p, 'strict \$.** ? (exists (@."Relation Name"))') n});
	return ($rows // 0, $whole // '');
}

# A past event that sold about a hundred tickets.
my $event = query($node, q{SELECT event_id FROM evently.event_sales WHERE status = 'COMPLETED' AND tickets_sold > 60 ORDER BY tickets_sold LIMIT 1});
my %most = (event_sales => 400, sales_by_day => 400, tier_inventory => 200, order_facts => 500, order_item_facts => 1000,
	refunds_due => 500, check_in_progress => 2000, scan_log => 600, hold_expiry_lag => 2500, venue_calendar => 1000, venue_invoices => 1500);
for my $view (sort keys %most)
{
	my ($rows, $whole) = reads("SELECT * FROM evently.$view WHERE event_id = $event", 1);
	is($whole, '', "$view of an event reads no large table from end to end");
	cmp_ok($rows, '<=', $most{$view}, "$view of an event reads little");
}
my ($rows, $whole) = reads('SELECT * FROM evently.sales_by_day WHERE day = current_date - 3', 1);
is($whole, '', 'a day of all events, too');
($rows, $whole) = reads('SELECT * FROM evently.event_sales');
unlike($whole, qr/tickets|orders|order_items/, 'what all events have sold comes from the roll-up');
($rows, $whole) = reads('SELECT * FROM evently.sales_by_day');
unlike($whole, qr/tickets|orders|order_items/, 'and all days');
($rows, $whole) = reads('SELECT * FROM evently.trending');
is($whole, '', 'what sells is read from the end of the tickets');

# Statistics from when the tables were small do not matter.
query($node, q{CREATE TABLE kept AS SELECT 'k' AS x; UPDATE pg_class SET reltuples = 1, relpages = 1 WHERE oid IN ('evently.tickets'::regclass, 'evently.orders'::regclass, 'evently.refunds'::regclass)});
($rows, $whole) = reads("SELECT * FROM evently.sales_by_day WHERE event_id = $event");
unlike($whole, qr/tickets|orders|order_items/, 'nor with statistics that are out of date');
query($node, 'ANALYZE evently.tickets, evently.orders, evently.refunds; DROP TABLE kept');

# --- A standby --------------------------------------------------------------

my @views = split /\n/, query($node, q{SELECT relname FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'v' AND relname !~ 'entries|tail|^organizer_' ORDER BY 1});
query($node, q{CREATE ROLE analyst LOGIN; GRANT USAGE ON SCHEMA evently TO analyst;
	GRANT EXECUTE ON FUNCTION evently.session_organizers(), evently.oldest_snapshot_age() TO analyst;
	INSERT INTO evently.role_grants VALUES ('analyst', 'reporter', NULL, now(), 'postgres')});
query($node, "GRANT SELECT ON evently.$_ TO analyst") for @views;
# Some sales that only the tail knows.
query($node, q{
	SELECT count(evently.confirm_order(o.order_id, 'since-' || o.order_id))
	FROM (SELECT event_id FROM evently.events WHERE status = 'ON_SALE' AND start_time > now() + interval '1 day' ORDER BY event_id LIMIT 20) e, evently.reserve_tier(e.event_id, 1, 2 * e.event_id, 2) o;
	SELECT evently.refund_order(order_id, 'since-' || order_id) FROM evently.orders WHERE payment_id LIKE 'since-%' ORDER BY order_id LIMIT 5});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
query($node, 'CREATE TABLE reached ()');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
for my $view (@views)
{
	my $sql = "SELECT count(*) FROM (SELECT * FROM evently.$view OFFSET 0) v";
	my ($rc, $out, $err) = $standby->psql('postgres', $sql, extra_params => [ '-U', 'analyst' ]);
	is($err, '', "$view is read on a standby by a reporter");
	is($out, query($node, $sql), "$view has the same rows there");
}
is($standby->safe_psql('postgres', $sums), query($node, $sums), 'and reports say the same');
$standby->stop;

# --- A restore --------------------------------------------------------------

query($node, 'CREATE DATABASE copy');
command_ok([ 'sh', '-c', 'pg_dump -Fc -d "$1" | pg_restore -d "$2"', 'sh', $node->connstr('postgres'), $node->connstr('copy') ], 'dumped and restored');
is($node->safe_psql('copy', $sums), query($node, $sums), 'reports of the copy say the same');
is($node->safe_psql('copy', q{
	SELECT count(evently.confirm_order(o.order_id, 'copy-' || o.order_id)) FROM (SELECT event_id FROM evently.events WHERE status = 'ON_SALE' AND start_time > now() + interval '1 day' ORDER BY event_id LIMIT 9) e, evently.reserve_tier(e.event_id, 1, 2 * e.event_id, 2) o}),
	9, 'the copy sells');
$node->safe_psql('copy', 'CALL evently.run_jobs()') for 1 .. 3;
is($node->safe_psql('copy', 'SELECT count(*) FROM evently.sales_tail'), 0, 'its jobs go on where the dump was');
is($node->safe_psql('copy', 'SELECT * FROM evently.verify()'), '', 'and verify() finds nothing');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# --- Buyers, refunds, jobs and reports at once ------------------------------

my ($sale, @tiers) = put_on_sale($node, tiers => [ { quantity => 100_000, shards => 8 }, { quantity => 100_000, shards => 8 } ]);
query($node, q{CREATE TABLE drift (seen text); CREATE FUNCTION look() RETURNS void LANGUAGE sql AS 'INSERT INTO drift SELECT detail FROM evently.verify_reports()'});
my $buy = qq{
	\\set buyer random(1, 1000000)
	\\set n random(1, 4)
	BEGIN;
	SELECT order_id FROM evently.reserve_tickets($sale, :buyer, '[{"tier_id": $tiers[0], "quantity": 1}, {"tier_id": $tiers[1], "quantity": 2}]') \\gset
	SELECT outcome FROM evently.confirm_order(:order_id, 'storm-' || :order_id);
	END;};
my $refund = q{
	SELECT coalesce(max(order_id), 0) AS id FROM (SELECT order_id FROM evently.orders WHERE payment_id LIKE 'storm-%' AND status = 'CONFIRMED' ORDER BY order_id DESC LIMIT 20) x \gset
	\if :id > 0
	SELECT attempt('SELECT evently.refund_order(' || :id || ', ''storm-' || :id || ''')');
	\endif};
query($node, 'SELECT evently.set_tier_quantity(' . $_ . ', 100000)') for @tiers;
storm($node, 'read committed', 'buyers, refunds, roll-ups and reports', clients => 8, seconds => 3,
	scripts => [ "$buy\@30", "$refund\@6", 'SELECT evently.roll_up_daily_sales(50);@10', 'SELECT look();@1' ]);
is(query($node, 'SELECT count(*) FROM drift'), 0, 'each report was true when it was read') or diag query($node, 'SELECT * FROM drift LIMIT 5');
cmp_ok(query($node, "SELECT tickets_returned FROM evently.event_sales WHERE event_id = $sale"), '>', 0, 'some was given back');
query($node, 'CALL evently.run_jobs()') for 1 .. 3;
is(query($node, 'SELECT count(*) FROM evently.sales_tail'), 0, 'all is rolled up');
is_exact($node, 'reports');

done_testing();
