# pg_upgrade from the PostgreSQL before keeps a full database: every row, every
# sequence, and all goes on. That version is beside this one only in
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
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
# Checksums are on by default since 18; both must have the same.
$new->init(extra => $new->pg_version < 18 ? [] : ['--no-data-checksums']);
$new->append_conf('postgresql.conf', join "\n", Evently::extension_settings(), "fsync = off\n");
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

$new->start;
my %now = contents($new, 'shop');
is_deeply(\%now, \%contents, 'every table has its rows, every sequence its place');
is($new->safe_psql('shop', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing');
is_working($new, 'shop', 'the upgraded database');

done_testing();
