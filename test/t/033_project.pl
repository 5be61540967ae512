# What the project says about itself: META.json is what PGXN asks for and has
# the version of the control file; every file in src/ has its place in
# docs/architecture.md, and every page in docs/ is linked.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $meta = decode_json(slurp_file('META.json'));
my ($version) = slurp_file('evently.control') =~ /^default_version = '([^']+)'/m;
is($meta->{version}, $version, 'META.json has the version of the control file');
is($meta->{provides}{evently}{version}, $version, 'and so has what it provides');
like($version, qr/^\d+\.\d+\.\d+$/, 'which is a semantic version');
is(join(' ', grep { !$meta->{$_} } qw(name version abstract maintainer license provides meta-spec)),
	'', 'META.json has what PGXN must have');
is_deeply([ grep { !-f } @{ $meta->{provides}{evently} }{qw(file docfile)} ], [], 'the files that it names exist');

my $architecture = slurp_file('docs/architecture.md');
my @sources = map { s{.*/}{}r } glob 'src/*.c';
cmp_ok(scalar @sources, '>', 40, 'there are sources');
is(join(' ', grep { index($architecture, "`$_`") < 0 } @sources), '', 'every C file has a room in docs/architecture.md');
is(join(' ', grep { !-f "src/$_" } $architecture =~ /`(\w+\.[ch])`/g), '', 'and no room is empty');

my $readme = slurp_file('README.md');
is(join(' ', grep { index($readme, "]($_)") < 0 } glob 'docs/*.md'), '', 'the README links every page in docs/');
my @broken;
for my $file ('README.md', glob 'docs/*.md')
{
	my ($dir) = $file =~ m{^(.*/)};
	my $text = slurp_file($file) =~ s/^```.*?^```$//msgr;
	for my $link (grep { !/^https?:/ } $text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($path, $heading) = split /#/, $link;
		my $target = length $path ? ($dir // '') . $path : $file;
		if (!-e $target)
		{
			push @broken, "$file: $link" unless $target =~ m{^bench/};
			next;
		}
		next unless defined $heading;
		my %headings = map { (lc =~ s/[^\w\- ]//gr =~ s/ /-/gr) => 1 } slurp_file($target) =~ /^#+ (.*)$/mg;
		push @broken, "$file: $link" unless $headings{$heading};
	}
}
is_deeply(\@broken, [], 'every link leads somewhere');

done_testing();
