# Logical replication of evently's tables to another server: what is there and
# what comes, nothing missing and nothing twice; the door on such a copy; and the
# copy in the place of the original.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;
use FullDatabase;

my $node = start_node('publisher', extension => 0, init => [ allows_streaming => 'logical' ]);
# Many workers, and quick to try again: the copy of each table has one.
my $reports = start_node('subscriber', extension => 0, max_logical_replication_workers => 12,
	max_sync_workers_per_subscription => 6, max_worker_processes => 20, wal_retrieve_retry_interval => '200ms');
create_database($node, 'season');
create_database($reports, 'season');
fill($node, 'season');

# --- As docs/operations.md has it ------------------------------------------------------

my ($publish) = slurp_file('docs/operations.md') =~ /^```sql\n([^`]*CREATE PUBLICATION.*?\\gexec\n)```$/ms
  or die 'docs/operations.md does not say how to publish';
$node->safe_psql('season', $publish);
is($node->safe_psql('season', q{
	SELECT string_agg(relname, ' ') FROM pg_class c WHERE relnamespace = 'evently'::regnamespace AND relkind = 'r'
		AND NOT EXISTS (SELECT FROM pg_publication_tables p WHERE p.tablename = c.relname)}),
	'event_private_keys', 'all tables but the private keys are published');
$reports->safe_psql('season', sprintf q{CREATE SUBSCRIPTION evently CONNECTION '%s' PUBLICATION evently},
	$node->connstr('season') =~ s/'/''/gr);
$reports->wait_for_subscription_sync($node, 'evently', 'season');

sub is_copied
{
	my ($name) = @_;

	$node->wait_for_catchup('evently');
	# A sequence's last value is no row.
	my %columns = columns($node, 'season');
	delete $columns{event_private_keys};
	my %original = contents($node, 'season', %columns);
	my %copy = contents($reports, 'season', %columns);
	is_deeply({ map { $_ => $copy{$_} } keys %columns }, { map { $_ => $original{$_} } keys %columns }, "$name: the same rows");
	is($reports->safe_psql('season', 'SELECT * FROM evently.verify()'), '', "$name: verify() finds nothing");
	return;
}
is_copied('what was there');
is($reports->safe_psql('season', 'SELECT count(*) FROM evently.event_private_keys'), 0, 'without private keys');

# Triggers have done their work where the change was made: revocations, search
# rows, keys, limits come as rows, and are not made twice.
is_working($node, 'season', 'the original');
$node->safe_psql('season', q{
	UPDATE evently.events SET title = 'The Renamed Concert', max_tickets_per_buyer = 50 WHERE title = 'The Full Concert';
	UPDATE evently.events SET title = 'The Full Concert' WHERE title = 'The Renamed Concert';
	UPDATE evently.venues SET name = 'The New Hall' WHERE name = 'Town Hall';
	SELECT FROM evently.transfer_ticket((SELECT min(ticket_id) FROM evently.tickets WHERE attendee_name = 'The Mayor'),
		'mayor@example.org', 'The Deputy', 'deputy@example.org');
	SELECT FROM evently.events e, evently.cancel_event(e.event_id, 'fog') WHERE e.title = 'A Published Play';
	SELECT FROM evently.reschedule_booking((SELECT booking_id FROM evently.venue_bookings b JOIN evently.events e USING (event_id) WHERE title = 'Limited Lecture'),
		now() + interval '35 days', now() + interval '37 days')});
is_copied('what changed');
$node->safe_psql('season', 'SELECT FROM evently.rebuild_search()');
is_copied('what was derived anew');
is($reports->safe_psql('season', q{SELECT title, venue_name FROM evently.search_events('full hall')}),
	'The Full Concert|The New Hall', 'search works there');
is($reports->safe_psql('season', q{SELECT string_agg(v, ' ') FROM (SELECT viewname FROM pg_views WHERE schemaname = 'evently' ORDER BY 1) a (v),
	xpath('//count/text()', query_to_xml(format('SELECT count(x::text) FROM evently.%I x', v), false, false, '')) c (n) WHERE n[1]::text = '0'}),
	'', 'and so do the views');

# --- The door there ------------------------------------------------------------------

my ($event, $ticket) = split /\|/, $node->safe_psql('season', q{
	SELECT e.event_id, max(t.ticket_id) FROM evently.events e
	JOIN evently.ticket_tiers k ON k.event_id = e.event_id JOIN evently.tickets t ON t.tier_id = k.tier_id
	WHERE e.title = 'The Full Concert' AND k.name = 'GENERAL' AND t.status = 'VALID' GROUP BY 1});
my $token = $node->safe_psql('season', "SELECT evently.ticket_token($ticket)");
my $look = "SELECT result, reason FROM evently.validate_ticket('$token', $event, 'North')";
my $door = $reports->background_psql('season');
is($door->query_safe($look), 'ADMIT|', 'a token is verified');
# Changes that come by replication have the numbers of the other server's
# transactions: a list of what changed would miss some.
my $version = $reports->safe_psql('season', "SELECT evently.offline_manifest($event)->>'version'");
is($reports->safe_psql('season', "SELECT evently.offline_manifest($event, '$version')->'full'"), 'true', 'a device is always told everything');
# By force: the public key that this door has loaded.
$node->safe_psql('season', "SELECT FROM evently.rotate_event_key($event);
	DELETE FROM evently.event_keys WHERE event_id = $event AND retired_at = (SELECT max(retired_at) FROM evently.event_keys WHERE event_id = $event)");
$node->wait_for_catchup('evently');
is($door->query_safe($look), 'INVALID|BAD_SIGNATURE', 'a public key that was removed is forgotten there too');
$door->quit;
$token = $node->safe_psql('season', "SELECT evently.ticket_token($ticket)");

# --- Roles there ---------------------------------------------------------------------

# Grants are not replicated, what they are made from is.
$reports->safe_psql('season', 'SELECT evently.reapply_grants()');
my $organizer = $reports->background_psql('season', extra_params => [ '-U', 'full_organizer' ]);
my $sees = 'SELECT string_agg(DISTINCT organizer_id::text, $$ $$) FROM evently.event_sales';
is($organizer->query_safe($sees), '71', 'an organizer sees its own events there');
$node->safe_psql('season', q{SELECT evently.grant_role('full_organizer', 'organizer', 72)});
$node->wait_for_catchup('evently');
is($organizer->query_safe($sees), '71 72', 'and at once what the original grants');
$node->safe_psql('season', q{SELECT evently.revoke_role('full_organizer', 'organizer', 72)});
$node->wait_for_catchup('evently');
is($organizer->query_safe($sees), '71', 'and no more what it revokes');
$organizer->quit;

# --- In the place of the original -------------------------------------------------------

is_copied('at the end');
$reports->safe_psql('season', 'DROP SUBSCRIPTION evently');
my ($rc, $out, $err) = $reports->psql('season', "\\set VERBOSITY verbose\nSELECT * FROM evently.sync_ids()");
like($err, qr/TK006: .*of another node.*HINT: .*SELECT \* FROM evently\.sync_ids\(3\)/s, 'sync_ids() asks whose place it takes');
is($reports->safe_psql('season', q{SELECT count(*), min(evently.node_of(next_id)), max(evently.node_of(next_id)) FROM evently.sync_ids(3)}),
	$reports->safe_psql('season', q{SELECT count(*), 3, 3 FROM pg_sequences WHERE schemaname = 'evently'}), 'told, it moves every sequence');
is($reports->safe_psql('season', 'SELECT * FROM evently.sync_ids()'), '', 'once');
is($reports->safe_psql('season', "SELECT evently.offline_manifest($event, '$version')->'full'"), 'true', 'a device fetches everything once more');
my $here = $reports->safe_psql('season', "SELECT evently.offline_manifest($event)->>'version'");
$reports->safe_psql('season', "SELECT FROM evently.check_in('$token', $event, 'North')");
is($reports->safe_psql('season', "SELECT jsonb_path_query_array(m, '\$.tickets[*].ticket_id') FROM evently.offline_manifest($event, '$here') m"),
	"[$ticket]", 'and from then on what changed');
is_working($reports, 'season', 'the copy');
($rc, $out, $err) = $reports->psql('season', "\\set VERBOSITY verbose\nSELECT evently.ticket_token(max(ticket_id)) FROM evently.tickets WHERE event_id = $event AND status = 'VALID'");
like($err, qr/TK040: .*HINT: .*SELECT evently\.rotate_event_key\($event\)/s, 'signing says what to do');
# --- Two nodes, gathered -----------------------------------------------------------------

create_database($reports, 'nodes');
for my $number (1, 2)
{
	create_database($node, "node$number");
	$node->safe_psql("node$number", qq{
		SELECT evently.set_node($number);
		SELECT event_id AS e FROM evently.create_event(1, 'Concert $number', 'CONCERT', now() + interval '1 day', now() + interval '2 days') \\gset
		SELECT tier_id AS t FROM evently.create_tier(:e, 'GENERAL', 0, 100) \\gset
		SELECT FROM evently.publish_event(:e);
		SELECT FROM evently.open_sale(:e);
		SELECT (evently.confirm_order(o.order_id, NULL)).outcome FROM generate_series(1, 20) b, evently.reserve_tier(:e, b, :t, 2) o;
		CALL evently.run_jobs();
		SELECT format('CREATE PUBLICATION evently FOR TABLE %s', string_agg(format('evently.%I', relname), ', '))
		FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'r' AND relname NOT IN ('event_search', 'search_words',
			'search_languages', 'event_popularity', 'sales_hourly', 'sales_progress', 'sales_daily', 'sales_daily_progress', 'job_runs', 'job_failures', 'event_private_keys')
		\\gexec
		});
	$reports->safe_psql('nodes', sprintf q{CREATE SUBSCRIPTION node%s CONNECTION '%s' PUBLICATION evently},
		$number, $node->connstr("node$number") =~ s/'/''/gr);
}
$reports->wait_for_subscription_sync($node, "node$_", 'nodes') for 1, 2;
is($reports->safe_psql('nodes', q{SELECT evently.node_of(event_id), count(DISTINCT order_id), count(*) FROM evently.tickets GROUP BY 1 ORDER BY 1}),
	"1|20|40\n2|20|40", 'the sales of two nodes in one database');
$reports->safe_psql('nodes', 'SELECT evently.rebuild_search()');
is($reports->safe_psql('nodes', q{SELECT string_agg(title, ' ' ORDER BY title) FROM evently.search_events('concert')}),
	'Concert 1 Concert 2', 'search finds the events of both');
is($reports->safe_psql('nodes', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');

unlike(slurp_file($reports->logfile), qr/deadlock detected|PANIC|TRAP:|conflict|duplicate key/, 'nothing in the log of the copy');

done_testing();
