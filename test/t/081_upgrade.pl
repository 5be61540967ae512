# From 0.1.0 to the current version with everything in the database: the library
# serves both, no row changes, and an updated and a fresh install are the same,
# object by object.
use strict;
use warnings;

use Evently;
use FullDatabase;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('main', extension => 0);
create_database($node, 'fresh');
my $version = q{SELECT extversion FROM pg_extension WHERE extname = 'evently'};
my $current = $node->safe_psql('fresh', $version);
isnt($current, '0.1.0', "the current version is $current");

# --- The new library under the old SQL ------------------------------------------

create_database($node, 'box_office', '0.1.0');
fill($node, 'box_office');
is_working($node, 'box_office', 'under the SQL of 0.1.0');

# What a DBA and applications have made around it.
my $around = q{
	CREATE ROLE app LOGIN;
	GRANT USAGE ON SCHEMA evently TO app;
	GRANT SELECT ON ALL TABLES IN SCHEMA evently TO app;
	REVOKE SELECT ON evently.event_private_keys FROM app;
	GRANT UPDATE (title, description) ON evently.events TO app;
	GRANT USAGE ON SEQUENCE evently.order_ids TO app;
	GRANT EXECUTE ON ALL ROUTINES IN SCHEMA evently TO app;
	CREATE INDEX mine ON evently.orders (buyer_email);
};
$node->safe_psql('box_office', $around);
my $grants = q{
	SELECT string_agg(g, E'\n' ORDER BY g) FROM (
		SELECT pg_describe_object(tableoid, oid, 0) || ' ' || privilege_type FROM pg_proc, aclexplode(proacl)
		WHERE pronamespace = 'evently'::regnamespace AND grantee = 'app'::regrole
		UNION ALL SELECT pg_describe_object(tableoid, oid, 0) || ' ' || privilege_type FROM pg_class, aclexplode(relacl)
		WHERE relnamespace = 'evently'::regnamespace AND grantee = 'app'::regrole
		UNION ALL SELECT pg_describe_object('pg_class'::regclass, attrelid, attnum) || ' ' || privilege_type
		FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'app'::regrole) a (g)};
my @granted = split /\n/, $node->safe_psql('box_office', $grants);
my @granted_before = @granted;

# A dump of the old version, to be restored where the current one is.
my $dump = "$PostgreSQL::Test::Utils::tmp_check/old.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('box_office') ], 'a dump of 0.1.0');

# The views of 0.1.0 are made anew by 0.2.0, with other columns: what a DBA has
# built upon them is in the way, and is told.
$node->safe_psql('box_office', q{
	CREATE SCHEMA mine;
	DO $$
	DECLARE
		view name;
	BEGIN
		FOR view IN SELECT viewname FROM pg_views WHERE schemaname = 'evently' LOOP
			EXECUTE format('CREATE VIEW mine.%I AS SELECT * FROM evently.%I', view, view);
		END LOOP;
	END $$;
});
my ($refused, undef, $in_the_way) = $node->psql('box_office', 'ALTER EXTENSION evently UPDATE');
like($in_the_way, qr/view mine\.tier_inventory depends on/, 'views upon ours are named by the update, which changes nothing');
$node->safe_psql('box_office', 'DROP SCHEMA mine CASCADE');

# A connection that has plans of the old tables goes on through the update.
my $sell = q{SELECT (evently.confirm_order(order_id, 'pay ' || gen_random_uuid())).outcome
	FROM evently.events e JOIN evently.ticket_tiers t USING (event_id),
		evently.reserve_tier(e.event_id, 1, t.tier_id, 1)
	WHERE e.title = 'The Full Concert' AND t.name = 'GENERAL'};
my $connection = $node->background_psql('box_office');
is($connection->query_safe($sell), 'CONFIRMED', 'a connection sells before the update');

# --- The update -------------------------------------------------------------------

my %columns = columns($node, 'box_office');
my %before = contents($node, 'box_office', %columns);
my ($rc, $out, $err) = $node->psql('box_office', 'ALTER EXTENSION evently UPDATE');
is($rc, 0, 'ALTER EXTENSION evently UPDATE');
like($err, qr/granted by hand: app$/m, 'names the roles that were granted rights by hand');
unlike($err, qr/ERROR/, 'and no more');
is($node->safe_psql('box_office', $version), $current, 'to the current version');
my %after = contents($node, 'box_office', %columns);
is_deeply({ map { $_ => $after{$_} } keys %before }, \%before, 'no row and no sequence has changed');
is($connection->query_safe($sell), 'CONFIRMED', 'the connection sells after it too');
$connection->quit;
is_working($node, 'box_office', 'updated');

my %granted = map { $_ => 1 } split /\n/, $node->safe_psql('box_office', $grants);
is(join("\n", grep { !$granted{$_} && !/^view/ } @granted), '', 'what was granted to a role stays granted, but for views');
@granted = split /\n/, $node->safe_psql('box_office', $grants);

# --- Updated and fresh -------------------------------------------------------------

create_database($node, 'updated', '0.1.0');
$node->safe_psql('updated', 'ALTER EXTENSION evently UPDATE');
my @fresh = objects($node, 'fresh');
my @updated = objects($node, 'updated');
cmp_ok(scalar @fresh, '>', 2000, 'every fact about a fresh install is listed: ' . @fresh);
is(join("\n", differences(\@fresh, \@updated)), '', 'an updated install does not differ (-: fresh only, +: updated only)');

# The list tells whatever may differ.
for my $change (
	q{COMMENT ON COLUMN evently.events.title IS 'another'},
	q{COMMENT ON TRIGGER check_transition ON evently.events IS NULL},
	q{COMMENT ON CONSTRAINT venue_bookings_no_overlap ON evently.venue_bookings IS NULL},
	q{COMMENT ON INDEX evently.orders_pending IS 'another'},
	q{ALTER TABLE evently.orders SET (fillfactor = 51)},
	q{ALTER TABLE evently.orders ALTER buyer_id SET DEFAULT 1},
	q{ALTER TABLE evently.orders ALTER created_at DROP NOT NULL},
	# Last, not in its place.
	q{ALTER TABLE evently.venues DROP address; ALTER TABLE evently.venues ADD address text;
		COMMENT ON COLUMN evently.venues.address IS 'Street address'},
	q{ALTER TABLE evently.orders DROP CONSTRAINT orders_status_check},
	q{ALTER TABLE evently.orders DISABLE TRIGGER check_transition},
	q{ALTER TABLE evently.event_private_keys DISABLE ROW LEVEL SECURITY},
	q{CREATE POLICY p ON evently.orders FOR SELECT USING (true)},
	q{CREATE INDEX another ON evently.orders (buyer_email)},
	q{ALTER SEQUENCE evently.order_ids CACHE 20},
	q{ALTER DOMAIN evently.label DROP CONSTRAINT label_is_not_blank},
	q{ALTER FUNCTION evently.similar_words RESET enable_seqscan},
	q{ALTER FUNCTION evently.node_of COST 7},
	q{GRANT EXECUTE ON FUNCTION evently.check_in TO PUBLIC},
	q{GRANT SELECT ON evently.tier_inventory TO app},
	q{GRANT UPDATE (title) ON evently.events TO app},
	q{ALTER EXTENSION evently DROP FUNCTION evently.node_of},
	q{UPDATE pg_extension SET extcondition[array_position(extconfig, 'evently.event_private_keys'::regclass::oid)] = '' WHERE extname = 'evently'},
	q{UPDATE pg_extension SET extconfig = extconfig[2:], extcondition = extcondition[2:] WHERE extname = 'evently'},
	q{DELETE FROM pg_init_privs WHERE objoid = 'evently.orders'::regclass})
{
	my @changed = objects($node, 'fresh', "SET LOCAL allow_system_table_mods = on; $change");
	isnt(join("\n", differences(\@fresh, \@changed)), '', "seen: $change");
}

# --- Dumps across the update ---------------------------------------------------------

sub restore
{
	my ($file, $database, @expected) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $file, $node->connstr($database) ],
		"$database: restored");
	is_working($node, $database, $database);
	is($node->safe_psql($database, $grants), join("\n", @expected), "$database: with the role's grants");
	return;
}

restore($dump, 'dump_of_old', @granted_before);
my $new_dump = "$PostgreSQL::Test::Utils::tmp_check/new.sql";
$node->command_ok([ 'pg_dump', '-f', $new_dump, $node->connstr('box_office') ], 'a dump of the updated database');
restore($new_dump, 'dump_of_updated', @granted);

done_testing();
