# What "make demo" says to a fixture list that it cannot use, before it installs,
# builds or starts anything; and that each step has a heading to run under.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

$ENV{TMPDIR} = PostgreSQL::Test::Utils::tempdir();
delete $ENV{FIXTURES};

command_fails_like([ 'scripts/demo', 'start', 'no-such-file.csv' ],
	qr/cannot read the fixture list "no-such-file\.csv"/, 'a file that is not there');
command_fails_like([ 'scripts/demo', 'start', 'demo' ],
	qr/cannot read the fixture list "demo"/, 'a folder');
command_fails_like([ 'scripts/demo', 'start', 'README.md' ],
	qr/is not a fixture list: its first line must be round,local_date,local_time,home,away/,
	'a file of another kind');
command_fails_like([ 'scripts/demo', 'begin' ], qr/^usage: /, 'an unknown command');
command_ok([ 'scripts/demo', 'stop' ], 'nothing to stop');
ok(!-e "$ENV{TMPDIR}/evently-demo", 'nothing was left behind');

for my $step (glob 'demo/[0-9][0-9]_*')
{
	like(PostgreSQL::Test::Utils::slurp_file($step), qr/\A(--|#) \w.*\n/, "$step has a heading");
}

done_testing();
