# The benchmark in small: each peer's SQL and each kind of load runs, nothing is
# oversold, and the table and the plot are written. Its figures mean nothing.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

$ENV{TMPDIR} = PostgreSQL::Test::Utils::tempdir_short();
chmod 0755, $ENV{TMPDIR};
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{BENCH_SECONDS} = 1;
my @lines = qw(history batch order door validate);

command_ok([ 'bench/run', '--quick', '--results', 'smoke', @lines ], 'the benchmark runs');
my $table = PostgreSQL::Test::Utils::slurp_file('bench/results/smoke.md');
like($table, qr/^## .*\(`$_`, /m, "$_ is in the table") for @lines;
like($table, qr/^\| \Q$_\E \| [\d.,]+ \|/m, "$_ was measured")
  for qw(reserve_tickets floor counter for_update pretix hi_events alfio alfio_indexed), 'redis GET', 'redis DEL', 'redis, 64 clients';
unlike($table, qr/\| (nan|inf) /, 'every figure is a number');
like(PostgreSQL::Test::Utils::slurp_file('bench/results/smoke.svg'),
	qr/\A<svg .*<\/svg>\s*\z/s, 'there is a plot');

done_testing();
