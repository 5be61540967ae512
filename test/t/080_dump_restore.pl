# A database with everything in it comes back from each kind of dump, on another
# server: the same rows, the same sequences, a role's grants, and all goes on.
use strict;
use warnings;

use Evently;
use FullDatabase;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = start_node('source', extension => 0);
my $target = start_node('target', extension => 0);
my $dir = $PostgreSQL::Test::Utils::tmp_check;

# Transactions of the source have higher numbers than those of the target will.
$source->safe_psql('postgres', 'CREATE PROCEDURE pass() LANGUAGE plpgsql AS $$ BEGIN
	FOR i IN 1 .. 5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$; CALL pass()');
$_->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE dba SUPERUSER LOGIN') for $source, $target;

create_roles($target);
create_database($source, 'season');
fill($source, 'season');
$source->safe_psql('season', q{
	GRANT USAGE ON SCHEMA evently TO app;
	GRANT SELECT ON evently.tier_inventory TO app WITH GRANT OPTION;
	GRANT UPDATE (title, description) ON evently.events TO app;
	GRANT USAGE ON SEQUENCE evently.order_ids TO app;
	GRANT EXECUTE ON FUNCTION evently.reserve_tier, evently.check_in TO app;
	GRANT EXECUTE ON PROCEDURE evently.run_jobs TO app});
my $grants = q{
	SELECT string_agg(g, E'\n' ORDER BY g) FROM (SELECT format('%s %s %s', object, privilege_type, is_grantable) FROM (
		SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'evently'::regnamespace
		UNION ALL SELECT oid::regclass::text, relacl FROM pg_class WHERE relnamespace = 'evently'::regnamespace
		UNION ALL SELECT attrelid::regclass || '.' || attname, attacl FROM pg_attribute
		UNION ALL SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'evently') a (object, acl),
	aclexplode(acl) WHERE grantee IN ('app'::regrole, 0) AND object ~ 'evently') b (g)};
my $granted = $source->safe_psql('season', $grants);
is(scalar(my @lines = split /\n/, $granted), 8, 'a role has grants');

# A ticket that can enter, its token, and how a device of the time stands.
my ($event, $ticket) = split /\|/, $source->safe_psql('season', q{
	SELECT e.event_id, max(t.ticket_id) FROM evently.events e
	JOIN evently.ticket_tiers k ON k.event_id = e.event_id JOIN evently.tickets t ON t.tier_id = k.tier_id
	WHERE e.title = 'The Full Concert' AND k.name = 'GENERAL' AND t.status = 'VALID' GROUP BY 1});
my $token = $source->safe_psql('season', "SELECT evently.ticket_token($ticket)");
my $version = $source->safe_psql('season', "SELECT evently.offline_manifest($event)->>'version'");

my %season = contents($source, 'season');

# The restored database: rows, sequences, grants, tokens, keys and everything else.
sub is_restored
{
	my ($database, %option) = @_;
	my $in = sub { $target->safe_psql($database, shift) };
	my %expected = %{ $option{like} // \%season };
	my %restored = contents($target, $database);

	$expected{event_private_keys} = $restored{event_private_keys} unless $option{keys};
	is_deeply(\%restored, \%expected, "$database: every row and sequence is there");
	like($restored{event_private_keys}, $option{keys} ? qr/^[1-9]/ : qr/^0 /,
		"$database: private keys come " . ($option{keys} ? 'where the setting says so' : 'not by default'));
	is($in->($grants), $option{grants} // $granted, "$database: the role has its grants");
	is($in->('SELECT * FROM evently.sync_ids()'), '', "$database: sync_ids() has nothing to do");
	unless ($option{like})
	{
		is($in->("SELECT result FROM evently.validate_ticket('$token', $event, 'North')"), 'ADMIT', "$database: issued tokens verify");
		is($in->("SELECT evently.offline_manifest($event, '$version')->'full'"), 'true', "$database: a device fetches everything anew");
		my ($rc, $out, $err) = $target->psql($database, "\\set VERBOSITY verbose\nSELECT evently.ticket_token($ticket)");
		if ($option{keys})
		{
			is($out, $token, "$database: and tokens are signed as before");
		}
		else
		{
			like($err, qr/TK040: .*no usable signing key.*HINT: .*SELECT evently\.rotate_event_key\($event\)/s,
				"$database: signing says what to do");
			$in->("SELECT FROM evently.rotate_event_key($event)");
			is($in->("SELECT result FROM evently.validate_ticket(evently.ticket_token($ticket), $event, 'North')"), 'ADMIT',
				"$database: that done, tokens are signed");
			is($in->("SELECT result FROM evently.validate_ticket('$token', $event, 'North')"), 'ADMIT', "$database: and the old ones verify");
		}
	}
	is_working($target, $database, $database);
	return;
}

sub dump_of
{
	my ($database, @options) = @_;
	$source->command_ok([ 'pg_dump', @options, $source->connstr($database) ], "pg_dump @options");
	return;
}

# psql for plain dumps, pg_restore for the others; as dba if need be.
sub restore
{
	my ($file, $database, @options) = @_;
	$target->safe_psql('postgres', "CREATE DATABASE $database")
	  unless $target->safe_psql('postgres', "SELECT 1 FROM pg_database WHERE datname = '$database'");
	if ($file =~ /sql$/)
	{
		$target->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $target->connstr($database), '-f', $file, @options ],
			"psql -f");
	}
	else
	{
		# pg_dump does not note in an archive which of an extension's tables refer
		# to which, so what is loaded in parallel must not be held against what
		# is not there yet.
		local $ENV{PGOPTIONS} = grep({ $_ eq '-j' } @options) ? '-c session_replication_role=replica' : '';
		$target->command_ok([ 'pg_restore', '--exit-on-error', '-d', $target->connstr($database), @options, $file ], "pg_restore @options");
	}
	return;
}

dump_of('season', '-f', "$dir/plain.sql");
restore("$dir/plain.sql", 'plain');
is_restored('plain');

dump_of('season', '-f', "$dir/inserts.sql", '--inserts');
restore("$dir/inserts.sql", 'inserts');
is_restored('inserts');

dump_of('season', '-Fc', '-f', "$dir/custom");
restore("$dir/custom", 'custom');
is_restored('custom');
# Over what is there, by another superuser, who owns it from then on.
restore("$dir/custom", 'custom', '--clean', '--if-exists', '-U', 'dba', '--no-owner');
is($target->safe_psql('custom', q{SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'evently'::regnamespace}),
	'dba', 'another owner');
is_restored('custom');

dump_of('season', '-Fd', '-j', 2, '-f', "$dir/directory");
restore("$dir/directory", 'parallel', '-j', 2);
is_restored('parallel');

dump_of('season', '-Fc', '-f', "$dir/data", '--data-only');
create_database($target, 'data_only');
restore("$dir/data", 'data_only');
is_restored('data_only', grants => '');
# Rows alone: whom the roles table names gets its grants back by one call.
my $given = q{SELECT string_agg(format('%s %s', r.role_name, c), ' ') FROM evently.role_grants r, unnest(ARRAY[
	has_function_privilege(r.role_name, 'evently.reserve_tier(bigint,bigint,bigint,integer,text,text)', 'EXECUTE'),
	has_function_privilege(r.role_name, 'evently.check_in(text,bigint,text,text)', 'EXECUTE'),
	has_table_privilege(r.role_name, 'evently.tier_inventory', 'SELECT'),
	has_column_privilege(r.role_name, 'evently.events', 'title', 'UPDATE')]) WITH ORDINALITY p (c, n)};
my $expected = $source->safe_psql('season', $given);
like($expected, qr/^(?=.* t)(?=.* f)/, 'roles have what their kinds have');
isnt($target->safe_psql('data_only', $given), $expected, 'data_only: grants are no rows');
$target->safe_psql('data_only', 'SELECT evently.reapply_grants()');
is($target->safe_psql('data_only', $given), $expected, 'data_only: reapply_grants() gives them again');
is($target->safe_psql('plain', $given), $expected, 'plain: there they came with the dump');

{
	local $ENV{PGOPTIONS} = '-c evently.dump_private_keys=on';
	dump_of('season', '-Fc', '-f', "$dir/keys");
}
restore("$dir/keys", 'with_keys');
is_restored('with_keys', keys => 1);

# PostGIS where somebody put it.
$source->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$source->safe_psql('elsewhere', q{
	SET client_min_messages = warning;
	CREATE SCHEMA "geo Schema";
	CREATE EXTENSION postgis SCHEMA "geo Schema";
	CREATE EXTENSION evently CASCADE});
fill($source, 'elsewhere');
dump_of('elsewhere', '-Fc', '-f', "$dir/elsewhere");
restore("$dir/elsewhere", 'elsewhere', '-j', 2);
is($target->safe_psql('elsewhere', q{SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'postgis'}),
	'"geo Schema"', 'PostGIS is where it was');
is_restored('elsewhere', like => { contents($source, 'elsewhere') }, grants => '');

done_testing();
