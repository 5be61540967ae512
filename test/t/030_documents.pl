# What the documents say is so: the README's first sale gives what it promises
# in a fresh database, and every SQL statement in README and docs/ is one that
# the server understands.
use strict;
use warnings;

use Evently;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('documents');
my $first_sale = 'first sale';
my %sql;    # file and number of the block => its text
for my $file ('README.md', sort glob 'docs/*.md')
{
	my $n = 0;
	my $text = PostgreSQL::Test::Utils::slurp_file($file);
	while ($text =~ /^( *)(<!-- $first_sale -->\n\1)?```sql\n(.*?)^\1```$/msg)
	{
		$sql{ $2 ? $first_sale : "$file, block " . ++$n } = $3;
	}
}

my @lines = split /\n/, delete $sql{$first_sale};
is(scalar @lines, 10, 'the first sale takes ten lines');
my @got = map { query($node, $_) } @lines;
my @want = (
	qr/^Town Hall\|Europe\/London$/,
	qr/^Chamber Music\|DRAFT$/,
	qr/^CONFIRMED$/,
	qr/^GENERAL\|25\.00\|280$/,
	qr/^PUBLISHED\|ON_SALE$/,
	qr/^1\|PENDING\|50\.00\|20/,
	qr/^CONFIRMED\|\{.*VALID.*VALID.*\}$/,
	qr/^GENERAL\|280\|278\|0\|2$/,
	qr/^refund-1\|50\.00\|DUE$/,
	qr/^$/);
like($got[$_], $want[$_], "first sale: $lines[$_]") for 0 .. $#lines;

# The roles that the documents grant to.
query($node, "CREATE ROLE $_ LOGIN") for qw(shop jazz_club gate bi);
for my $block (sort keys %sql)
{
	for my $statement (grep { /\S/ } split /;[^\n;]*(?:\n|\z)/, $sql{$block})
	{
		my ($stdout, $stderr);
		$node->psql('postgres', "\\set VERBOSITY sqlstate\n$statement;",
			stdout => \$stdout, stderr => \$stderr);
		# Syntax error; undefined column, object, function, table.
		unlike($stderr, qr/42601|42703|42704|42883|42P01/, "$block: $statement");
	}
}

done_testing();
