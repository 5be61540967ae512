# Roles by real logins: in a pool's session, on a standby, after a restore into a
# cluster that has the roles but not their privileges.
use strict;
use warnings;

use Evently;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('primary', init => [ allows_streaming => 1 ]);
my $create_roles = q{
	CREATE ROLE shop LOGIN; CREATE ROLE door LOGIN; CREATE ROLE "Org ""1""" LOGIN; CREATE ROLE org2 LOGIN;
	CREATE ROLE analyst LOGIN; CREATE ROLE pool LOGIN NOINHERIT};
query($node, $create_roles);
query($node, q{
	SELECT evently.grant_role('shop', 'app'), evently.grant_role('door', 'scanner'), evently.grant_role('Org "1"', 'organizer', 1),
		evently.grant_role('org2', 'organizer', 2), evently.grant_role('analyst', 'reporter')});

# A statement of a login, on its own or in a session: its answer, or its error.
sub as
{
	my ($login, $sql, $where) = @_;
	my ($rc, $out, $err) = ($where // $node)->psql('postgres', $sql, extra_params => [ '-U', $login ]);
	return $rc == 0 ? $out : $err =~ /ERROR:  (.*)/ ? $1 : $err;
}

# --- A life ---------------------------------------------------------------------

my $event = as('Org "1"', q{SELECT event_id FROM evently.create_event(1, 'Ours', 'CONCERT',
	now() + interval '1 hour', now() + interval '3 hours', doors_open => now() - interval '1 hour')});
my $tier = as('Org "1"', "SELECT tier_id FROM evently.create_tier($event, 'GENERAL', 10, 10, held_back => 2)");
is(as('Org "1"', "UPDATE evently.events SET title = 'Ours alone'; SELECT (evently.publish_event($event)).status, (evently.open_sale($event)).status"),
	'PUBLISHED|ON_SALE', 'an organizer enters an event and puts it on sale');
is(as('Org "1"', "SELECT evently.reserve_tier($event, 7, $tier, 1)"), 'permission denied for function reserve_tier', 'but sells nothing');
my $order = as('shop', "SELECT order_id FROM evently.reserve_tier($event, 7, $tier, 2, buyer_email => 'ada\@example.org')");
is(as('shop', "SELECT outcome FROM evently.confirm_order($order, 'pay')"), 'CONFIRMED', 'a shop does');
my ($ticket, $secret) = split /\|/, as('shop', "SELECT ticket_id, qr_code FROM evently.tickets ORDER BY 1 LIMIT 1");
is(as('door', "SELECT result FROM evently.check_in('$secret', $event)"), 'ADMIT', 'a door admits');
is(as('door', 'SELECT count(*) FROM evently.tickets'), 'permission denied for table tickets', 'and reads nothing');
is(as('analyst', "SELECT tickets_sold FROM evently.event_sales WHERE event_id = $event") =~ /^(\d+|column .*)$/, 1, 'an analyst reads reports');
is(as('analyst', 'SELECT buyer_email FROM evently.organizer_orders'), 'permission denied for view organizer_orders', 'and not who bought');
is(as('Org "1"', 'SELECT buyer_email FROM evently.organizer_orders'), 'ada@example.org', 'the organizer knows who bought');
is(as('org2', 'SELECT count(*) FROM evently.organizer_orders'), '0', 'another does not');
is(as('org2', "SELECT evently.cancel_event($event, 'spite')"), "event $event does not exist", 'nor can it do anything');

# --- A login is what it is ----------------------------------------------------------

like(as('org2', 'SET SESSION AUTHORIZATION shop; SELECT session_user'), qr/^permission denied to set session authorization/, 'no login becomes another');
isnt(as('org2', 'SET ROLE shop; SELECT current_user'), 'shop', 'nor takes a role that it was not given');
query($node, 'GRANT shop TO pool');
is(as('pool', 'SELECT count(*) FROM evently.events'), 'permission denied for schema evently', q{a pool's login that inherits nothing});
is(as('pool', 'SET ROLE shop; SELECT count(*) FROM evently.events'), '1', 'works by SET ROLE');
# A pool's session that one client left behind with plans and a role, and another got.
my $pooled = $node->background_psql('postgres', extra_params => [ '-U', 'pool' ]);
is($pooled->query_safe(q{SET ROLE shop; PREPARE p AS SELECT count(*) FROM evently.events; EXECUTE p}), '1', 'a client of the pool');
$pooled->query_safe('RESET ROLE');
$pooled->query_safe(q{DO $$ BEGIN
	EXECUTE 'EXECUTE p';
	RAISE 'the plan has kept its rights';
EXCEPTION WHEN insufficient_privilege THEN
END $$});
query($node, 'REVOKE shop FROM pool; GRANT org2 TO pool');
is($pooled->query_safe(q{SET ROLE org2; SELECT count(*) FROM evently.events}), '0', 'and is what the login is now');
$pooled->quit;

# --- A standby ------------------------------------------------------------------------

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $there = $standby->background_psql('postgres', extra_params => [ '-U', 'org2' ]);
is($there->query_safe('SELECT evently.session_organizers(), (SELECT count(*) FROM evently.tier_inventory)'), '{2}|0', 'a standby keeps organizers apart');
query($node, q{SELECT evently.grant_role('org2', 'organizer', 1)});
$node->wait_for_catchup($standby);
is($there->query_safe('SELECT evently.session_organizers(), (SELECT count(*) FROM evently.tier_inventory)'), '{1,2}|1', 'and learns of a grant in a running session');
query($node, q{SELECT evently.revoke_role('org2', NULL, 1)});
$node->wait_for_catchup($standby);
is($there->query_safe('SELECT evently.session_organizers(), (SELECT count(*) FROM evently.events)'), '{2}|0', 'and of its end');
$there->quit;
is(as('org2', "SELECT evently.offline_manifest($event)", $standby), "event $event does not exist", 'functions refuse there too');
is(as('door', "SELECT result FROM evently.validate_ticket('$secret')", $standby), 'ALREADY_ADMITTED', 'a door looks');
$standby->stop;

# --- A restore where the privileges are not -------------------------------------------

my $dump = "$PostgreSQL::Test::Utils::tmp_check/roles.sql";
$node->command_ok([ 'pg_dump', '--no-privileges', '-f', $dump, $node->connstr('postgres') ], 'a dump without privileges');
my $other = start_node('other', extension => 0);
# Others first, so that the roles have other oids.
query($other, "CREATE ROLE one; CREATE ROLE two; CREATE ROLE three; $create_roles");
$other->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $other->connstr('postgres') ], 'restored');
is(as('shop', 'SELECT count(*) FROM evently.events', $other), 'permission denied for schema evently', 'no login may do anything');
is(query($other, q{SELECT count(*) > 100, string_agg(DISTINCT action, ' ') FROM evently.reapply_grants()}), 't|GRANTED', 'reapply_grants() does it all');
is(query($other, 'SELECT count(*) FROM evently.reapply_grants()'), '0', 'once');
my $privileges = q{
	SELECT string_agg(concat_ws(' ', o, grantee::regrole, privilege_type), E'\n' ORDER BY o, grantee::regrole::text, privilege_type) FROM (
		SELECT proname::text AS o, a.* FROM pg_proc, aclexplode(proacl) a WHERE pronamespace = 'evently'::regnamespace
		UNION ALL SELECT relname, a.* FROM pg_class, aclexplode(relacl) a WHERE relnamespace = 'evently'::regnamespace
		UNION ALL SELECT attrelid::regclass || '.' || attname, a.* FROM pg_attribute, aclexplode(attacl) a WHERE attrelid::regclass::text ~ '^evently') p};
is(query($other, $privileges), query($node, $privileges), 'every privilege is where it was');
is(as('Org "1"', "SELECT title FROM evently.events", $other), 'Ours alone', 'an organizer is at home there');
is(as('shop', "SELECT outcome FROM evently.confirm_order((SELECT order_id FROM evently.reserve_tier($event, 9, $tier, 1)), 'pay-9')", $other), 'CONFIRMED', 'a shop sells');
is(query($other, 'SELECT count(*) FROM evently.verify()'), '0', 'verify() has no row');
$_->stop for $node, $other;

done_testing();
