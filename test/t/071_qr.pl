# QR codes against zbarimg: it reads the PNG, the SVG as rsvg-convert draws it,
# and the block characters, for tokens of every length that there can be.
use strict;
use warnings;

use Evently;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('qr');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $pictures = 0;
my $max_id = 9_007_199_254_740_991;

# A token's length goes by the digits of three ids, each of 1 to 16; and exp has
# one more digit for what ends after the year 2286.
query($node, qq{
	CREATE TABLE digits AS
	SELECT n, least(n - 2, 16) AS ticket, least(greatest(n - 17, 1), 16) AS event, greatest(n - 32, 1) AS tier
	FROM generate_series(3, 48) n;
	CREATE FUNCTION id(digits integer) RETURNS bigint LANGUAGE sql
	RETURN least(repeat('9', digits)::numeric, $max_id)::bigint;

	INSERT INTO evently.events (event_id, organizer_id, title, category, start_time, end_time, doors_open, currency)
	SELECT DISTINCT id(event), 1, 'x', 'SPORTS', '2030-01-01'::timestamptz,
		CASE WHEN event = 16 THEN '2300-01-01'::timestamptz ELSE '2030-01-02' END, '2030-01-01'::timestamptz, 'EUR'
	FROM digits;
	INSERT INTO evently.ticket_tiers (tier_id, event_id, name, price, total_quantity, shards)
	SELECT DISTINCT id(tier), id(16), tier, 0, 1, 1 FROM digits;
	INSERT INTO evently.orders (event_id, buyer_id, total_amount, currency, expires_at)
	VALUES (1, 1, 0, 'EUR', now());
	INSERT INTO evently.tickets (ticket_id, order_id, event_id, tier_id)
	SELECT id(ticket), 1, id(event), id(tier) FROM digits WHERE n <= 18;
	CREATE TABLE texts AS
	SELECT n, CASE WHEN n <= 18 THEN evently.ticket_token(id(ticket)) END AS token FROM digits;
});
# The ticket with the longest id is there once, and moves on.
query($node, join '', map { qq{
	UPDATE evently.tickets SET event_id = id(event), tier_id = id(tier) FROM digits
	WHERE ticket_id = $max_id AND n = $_;
	UPDATE texts SET token = evently.ticket_token($max_id) WHERE n = $_;} } 19 .. 48);
my @tokens = split /\n/, query($node, 'SELECT token FROM texts ORDER BY length(token)');
is(scalar @tokens, 46, 'a token for each number of digits');
my %length = map { length $_ => 1 } @tokens;
note 'token lengths: ' . join ' ', sort { $a <=> $b } keys %length;
is(length $tokens[-1], 301, 'the longest has 301 characters');

my $secret = query($node, 'SELECT qr_code FROM evently.tickets LIMIT 1');
my @texts = (@tokens, $secret, 'x');

is_deeply([ zbar(pictures($_, @texts)) ], \@texts, "zbarimg reads all of them as $_") for 'png', 'svg', 'text';
is_deeply([ zbar(map { pictures('png', $tokens[-1], scale => $_) } 2, 3, 7, 32) ],
	[ ($tokens[-1]) x 4 ], 'and PNG of other scales');
is_deeply([ zbar(pictures('png', 'x' x 2331)) ], [ 'x' x 2331 ], 'the largest code there is');
is(query($node, "SELECT evently.ticket_qr_png($max_id) = evently.qr_png(evently.ticket_token($max_id))
		AND evently.ticket_qr_svg($max_id) = evently.qr_svg(evently.ticket_token($max_id))"),
	't', 'the ticket_ functions draw the token');

# What is in the files.
my $svg = query($node, "SELECT evently.qr_svg('x')");
like($svg, qr/\A<svg xmlns="[^"]+" viewBox="0 0 29 29" shape-rendering="crispEdges">/,
	'version 1 has 21 modules and a quiet zone of 4');
like($svg, qr/<path fill="#000" d="M4 4h7v1h-7z/, 'whose first is the corner of a finder pattern');
is(query($node, "SELECT encode(substr(evently.qr_png('x', 5), 1, 26), 'hex')"),
	'89504e470d0a1a0a0000000d49484452' . '00000091' x 2 . '0100', 'PNG: 145 pixels a side, one bit deep');

# Arguments.
for my $call ("qr_svg('')", "qr_svg(NULL)", "qr_png('')", "qr_png('x', 0)", "qr_png('x', 33)", "qr_png('x', NULL)",
	"qr_text('')", "qr_svg(repeat('x', 2332))", "qr_png(repeat('x', 100000000))")
{
	is(query($node, "SELECT attempt('SELECT evently.' || \$\$$call\$\$)"), '22023', "$call: 22023");
}

done_testing();

# Draw texts into files that zbarimg can open; the files' names.
sub pictures
{
	my ($kind, @texts) = @_;
	my (undef, $scale) = @texts >= 2 && $texts[-2] eq 'scale' ? splice @texts, -2 : (undef, 4);
	my %call = (png => "encode(evently.qr_png(t, $scale), 'hex')", svg => 'evently.qr_svg(t)',
		text => "translate(evently.qr_text(t), E'\\n', '/')");
	my @drawn = split /\n/, query($node, sprintf q{SELECT %s FROM unnest('{%s}'::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n},
		$call{$kind}, join ',', @texts);

	return map {
		my $file = sprintf '%s/%d', $dir, $pictures++;
		if ($kind eq 'png')
		{
			append_to_file("$file.png", pack 'H*', $_);
		}
		elsif ($kind eq 'svg')
		{
			append_to_file("$file.svg", $_);
			IPC::Run::run([ 'rsvg-convert', '--zoom=4', '-o', "$file.png", "$file.svg" ]) or die 'rsvg-convert failed';
		}
		else
		{
			append_to_file("$file.pbm", blocks_to_pbm(tr{/}{\n}r));
		}
		$kind eq 'text' ? "$file.pbm" : "$file.png";
	} @drawn;
}

# A dark terminal: a block is light.
sub blocks_to_pbm
{
	my %rows = ("\xe2\x96\x88" => '00', "\xe2\x96\x80" => '01', "\xe2\x96\x84" => '10', ' ' => '11');
	my @lines;

	for my $line (split /\n/, shift)
	{
		my @halves = map { $rows{$_} // die "no block: $_" } $line =~ /(\xe2\x96.| )/g;
		for my $half (0, 1)
		{
			push @lines, (join '', map { substr($_, $half, 1) x 4 } @halves) x 4;
		}
	}
	return sprintf "P1\n%d %d\n%s\n", length $lines[0], scalar @lines, join "\n", map { join ' ', split // } @lines;
}

# What zbarimg reads in each of the files.
sub zbar
{
	my ($out, $err);
	IPC::Run::run([ 'zbarimg', '--raw', '--quiet', '-Sdisable', '-Sqrcode.enable', @_ ], '>', \$out, '2>', \$err)
	  or diag "zbarimg: $err";
	return split /\n/, $out;
}
