# docs/reference.md and docs/entities.svg are what the catalogue says today:
# "make docs" writes them.
use strict;
use warnings;

use Evently;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('reference');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';

# Without a temporary file for the comparison, a difference is hard to read.
my $written = PostgreSQL::Test::Utils::slurp_file('docs/reference.md');
my $today = `scripts/describe reference`;
is($?, 0, 'the catalogue can be described');
is_deeply([ split /^/, $today ], [ split /^/, $written ], 'docs/reference.md is up to date (make docs)');

# Every object of the extension is in it by its name.
my @objects = split /\n/, query($node, q{
	SELECT proname FROM pg_proc WHERE pronamespace = 'evently'::regnamespace
	UNION ALL
	SELECT c.relname FROM pg_class c
	WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'c')
	UNION ALL
	SELECT typname FROM pg_type WHERE typnamespace = 'evently'::regnamespace AND typtype = 'd'
	UNION ALL
	SELECT name FROM pg_settings WHERE name LIKE 'evently.%'});
cmp_ok(scalar @objects, '>', 100, 'there is something to be described');
is(join(' ', grep { $written !~ /^(?:### (?:\w+ )?|\| `)\Q$_\E\b/m } @objects), '',
	'every function, view, table, type and setting is in the reference');

# A layout differs from one Graphviz to the next; what is drawn does not.
my $picture = PostgreSQL::Test::Utils::slurp_file('docs/entities.svg');
my %drawn = map { s/-&gt;|&#45;&gt;/->/r => 1 } $picture =~ m{<title>([^<]+)</title>}g;
my $dot = `scripts/describe entities`;
my %wanted = map { $_ => 1 } $dot =~ /^\t\t(\w+) \[label/mg, map { s/ //gr } $dot =~ /^\t(\w+ -> \w+) \[/mg;
delete @drawn{ 'evently', grep { /^cluster_/ } keys %drawn };
is_deeply([ sort keys %drawn ], [ sort keys %wanted ], 'docs/entities.svg has the tables and arrows of today');

done_testing();
