# pg_upgrade from the PostgreSQL before keeps a full database: every row, every
# sequence, and all goes on; so does a dump where pg_upgrade cannot. That version is beside this one only in
# scripts/check-versions, which says where (EVENTLY_BEFORE).
use strict;
use warnings;

use Evently;
use FullDatabase;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $before = $ENV{EVENTLY_BEFORE}
  or plan skip_all => 'needs the version before; make check-versions has it';

my $old = PostgreSQL::Test::Cluster->new('old', install_path => $before);
$old->init;
$old->append_conf('postgresql.conf', "extension_destdir = '/tmp/evently-before'\nfsync = off\n");
$old->start;
create_database($old, 'shop');
fill($old, 'shop');
my %contents = contents($old, 'shop');
cmp_ok(scalar keys %contents, '>', 30, 'there are tables and sequences to be kept');
my $version = $old->pg_version;
my $old_marks = $old->safe_psql('shop', q{SELECT count(*) FROM pg_attribute WHERE attoptions::text ~ 'pg_attver'});
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
# Checksums are on by default since 18; both must have the same.
$new->init(extra => $new->pg_version < 18 ? [] : ['--no-data-checksums']);
$new->append_conf('postgresql.conf', join "\n", Evently::extension_settings(), "fsync = off\n");
# PostgreSQL 15.20 and 17.12 mark columns with an option that 18.6 does not know, so
# there pg_upgrade cannot take a table over that has it: a dump can.
my $marked = $old_marks > 0 && !knows_mark();
if ($marked)
{
	dump_and_restore();
}
else
{
	upgrade();
	$new->start;
}
my %now = contents($new, 'shop');
is_deeply(\%now, \%contents, 'every table has its rows, every sequence its place');
is($new->safe_psql('shop', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');
is_working($new, 'shop', 'the upgraded database');

done_testing();

sub knows_mark
{
	$new->start;
	my $known = $new->psql('postgres', 'CREATE TABLE marked (a integer); ALTER TABLE marked ALTER a SET (pg_attver = 1)') == 0;
	$new->safe_psql('postgres', 'DROP TABLE IF EXISTS marked');
	$new->stop;
	return $known;
}

sub upgrade
{
	my $bindir = $new->config_data('--bindir');
	chdir $PostgreSQL::Test::Utils::tmp_check;
	my $log = '';
	my $ok = IPC::Run::run([
			'pg_upgrade', '--old-bindir' => "$before/bin", '--new-bindir' => $bindir,
			'--old-datadir' => $old->data_dir, '--new-datadir' => $new->data_dir,
			'--old-port' => $old->port, '--new-port' => $new->port,
			'--socketdir' => $new->host, '--username' => 'postgres', '--no-sync' ],
		'>&', \$log);
	ok($ok, "pg_upgrade from $version to " . $new->pg_version) or diag $log;
	return;
}

sub dump_and_restore
{
	my $dump = "$PostgreSQL::Test::Utils::tmp_check/shop.sql";
	$old->start;
	$new->start;
	local $ENV{PGOPTIONS} = '-c evently.dump_private_keys=on';
	$new->safe_psql('postgres', 'CREATE DATABASE shop');
	$new->command_ok([ 'sh', '-c', 'pg_dumpall --roles-only -d "$1" | psql -Xq -d "$2" 2>/dev/null', 'sh', $old->connstr('postgres'), $new->connstr('postgres') ], 'roles');
	$new->command_ok([ 'pg_dump', '-f', $dump, $old->connstr('shop') ], "a dump of $version by pg_dump of " . $new->pg_version);
	$new->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $new->connstr('shop') ], 'restored');
	$old->stop;
	return;
}
