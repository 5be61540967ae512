# Private keys: who reads them, who forgets them, which dumps carry them; and the
# door on copies: a restored dump, a standby, a promoted standby.
use strict;
use warnings;

use Evently;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('primary', init => [ allows_streaming => 1 ]);
my ($event, $tier) = put_on_sale($node, tiers => [ { quantity => 10 } ]);
query($node, qq{
	UPDATE evently.events SET doors_open = now() - interval '1 hour';
	SELECT FROM evently.confirm_order(
		(SELECT order_id FROM evently.reserve_tier($event, 7, $tier, 4)), 'paid')});
my ($ticket, @more) = split /\n/, query($node, 'SELECT ticket_id FROM evently.tickets ORDER BY 1');
my $token = query($node, "SELECT evently.ticket_token($ticket)");

# Nobody but the owner, whatever they may read.
query($node, q{
	CREATE ROLE reader IN ROLE pg_read_all_data;
	CREATE ROLE stranger;
	GRANT USAGE ON SCHEMA evently TO stranger});
is(query($node, 'SET ROLE reader; SELECT count(*) FROM evently.event_private_keys'), 0,
	'pg_read_all_data sees no private key');
is(query($node, 'SET ROLE reader; SELECT count(*) FROM evently.event_keys'), 1, 'though it sees public ones');
my ($ret, $out, $err) = $node->psql('postgres', 'SET ROLE stranger; SELECT FROM evently.event_private_keys');
like($err, qr/permission denied/, 'PUBLIC sees nothing');

# A backend that has loaded a key forgets it when somebody else rotates.
my $backend = $node->background_psql('postgres');
my $kid = 'SELECT convert_from(decode(rpad(split_part(translate(evently.ticket_token(' . $ticket
  . q{), '-_', '+/'), '.', 1), 48, '='), 'base64'), 'UTF8')::jsonb->>'kid'};
my $before = $backend->query_safe($kid);
is($before, query($node, "SELECT kid FROM evently.event_keys"), 'a backend signs with the key there is');
query($node, "SELECT FROM evently.rotate_event_key($event)");
my $after = $backend->query_safe($kid);
is($after, query($node, 'SELECT kid FROM evently.event_keys WHERE retired_at IS NULL'),
	'after rotation by somebody else with the new one');
is($backend->query_safe("SELECT result FROM evently.validate_ticket('$token')"), 'ADMIT', 'old tokens stay good');
query($node, "DELETE FROM evently.event_keys WHERE kid = '$before'");
is($backend->query_safe("SELECT reason FROM evently.validate_ticket('$token')"), 'BAD_SIGNATURE',
	'but for a public key that is removed by force');
$backend->quit;
$token = query($node, "SELECT evently.ticket_token($ticket)");

# A standby looks at tickets and makes lists.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(query($standby, "SELECT result FROM evently.validate_ticket('$token')"), 'ADMIT', 'a standby validates a token');
is(query($standby, "SELECT result FROM evently.tickets, evently.validate_ticket(qr_code::text) WHERE tickets.ticket_id = $ticket"),
	'ADMIT', 'and a secret');
is(query($standby, "SELECT evently.event_jwks($event)"), query($node, "SELECT evently.event_jwks($event)"), 'has the keys');
is(query($standby, "SELECT evently.ticket_token($ticket)"), $token, 'and signs');
my $version = query($node, "SELECT evently.offline_manifest($event)->>'version'");
is(query($standby, "SELECT evently.offline_manifest($event, '$version')->'full'"), 'false',
	'a device may ask it for changes');
query($node, "SELECT FROM evently.tickets, evently.check_in(qr_code::text) WHERE tickets.ticket_id = $ticket");
$node->wait_for_catchup($standby);
is(query($standby, "SELECT jsonb_path_query_array(evently.offline_manifest($event, '$version'), '\$.tickets[*].ticket_id')"),
	"[$ticket]", 'and gets them');

# Two dumps: as it is by default, and with the setting.
for my $with (0, 1)
{
	my $file = "$PostgreSQL::Test::Utils::tmp_check/with$with.sql";
	my $database = "restored$with";
	local $ENV{PGOPTIONS} = $with ? '-c evently.dump_private_keys=on' : '';
	$node->command_ok([ 'pg_dump', '-f', $file, $node->connstr('postgres') ], "dump $with");
	$ENV{PGOPTIONS} = '';
	query($node, "CREATE DATABASE $database");
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr($database) ], "restore $with");
	my $restored = sub { $node->safe_psql($database, shift) };

	is($restored->('SELECT count(*) FROM evently.event_private_keys'), $with,
		"$database: private keys come " . ($with ? 'where the setting says so' : 'not by default'));
	is($restored->('SELECT count(*) FROM evently.verify()'), 0, "$database: verify() finds nothing");
	is($restored->("SELECT result FROM evently.validate_ticket('$token')"), 'ALREADY_ADMITTED',
		"$database: issued tokens verify, entries are known");
	is($restored->("SELECT result FROM evently.tickets, evently.check_in(qr_code::text) WHERE tickets.ticket_id = $more[0]"),
		'ADMIT', "$database: and the door goes on");
	my ($ret, $out, $err) = $node->psql($database, "SELECT evently.ticket_token($more[1])");
	$with ? is($ret, 0, "$database: tokens are signed")
	  : like($err, qr/has no usable signing key.*rotate_event_key\($event\)/s, "$database: signing says what to do");

	# Its transactions have other numbers, so a version of the original means nothing.
	is($restored->("SELECT evently.offline_manifest($event, '$version')->'full'"), 'true',
		"$database: a device of before fetches everything");
	my $here = $restored->("SELECT evently.offline_manifest($event)->>'version'");
	is($restored->("SELECT jsonb_array_length(evently.offline_manifest($event, '$here')->'tickets')"), 0,
		"$database: and then changes only");
}

# Rows that were restored with numbers yet to come are no changes.
query($node, q{UPDATE evently.tickets SET issued_xid = '99999999'});
$version = query($node, "SELECT evently.offline_manifest($event)->>'version'");
is(query($node, "SELECT jsonb_array_length(evently.offline_manifest($event, '$version')->'tickets')"), 0,
	'a row of a transaction yet to come is no change');

# A promoted standby has another history from there on.
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
is(query($standby, "SELECT evently.offline_manifest($event, '$version')->'full'"), 'true',
	'after a failover a device fetches everything');
is(query($standby, "SELECT result FROM evently.tickets, evently.check_in(qr_code::text) WHERE tickets.ticket_id = $more[2]"),
	'ADMIT', 'and the door goes on');
is(query($standby, 'SELECT count(*) FROM evently.verify()'), 0, 'verify() finds nothing');

done_testing();
