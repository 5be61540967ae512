# Signed tokens against npm's jose: it verifies ours by event_jwks(), we accept
# what it signs with the same key, and refuse whatever is forged.
use strict;
use warnings;

use Evently;
use IPC::Run ();
use JSON::PP;
use Test::More;

my $node = start_node('jose');
my ($event, $tier) = put_on_sale($node, tiers => [ { quantity => 10 } ]);
my ($other_event) = put_on_sale($node, tiers => [ { quantity => 10 } ]);
query($node, qq{
	UPDATE evently.events SET doors_open = now() - interval '1 hour';
	SELECT FROM evently.confirm_order(
		(SELECT order_id FROM evently.reserve_tier($event, 7, $tier, 3)), 'paid')});
my ($ticket, @more) = split /\n/, query($node, 'SELECT ticket_id FROM evently.tickets ORDER BY 1');

my $token = query($node, "SELECT evently.ticket_token($ticket)");
is(query($node, "SELECT evently.ticket_token($ticket)"), $token, 'the same ticket has the same token');
my $key = key_of($event);
my $other_key = key_of($other_event);

# A new key: what the old one signed stays good.
my $old_kid = $key->{kid};
query($node, "SELECT evently.rotate_event_key($event)");
my $rotated = query($node, "SELECT evently.ticket_token($ticket)");
isnt($rotated, $token, 'after rotation a ticket is signed anew');
$key = key_of($event);
isnt($key->{kid}, $old_kid, 'by another key');
is(query($node, "SELECT count(*) FROM evently.event_private_keys WHERE kid = '$old_kid'"),
	0, 'and the old private key is gone');

my %claims = (
	ticket => 0 + $ticket, event => 0 + $event, tier => 0 + $tier,
	fp => query($node, "SELECT evently.secret_fingerprint(qr_code) FROM evently.tickets WHERE ticket_id = $ticket"),
	exp => 0 + query($node, "SELECT floor(extract(epoch FROM end_time))::bigint + 400 * 86400 FROM evently.events WHERE event_id = $event"));
my $tokens = client('tokens.mjs', {
	jwks => decode_json(query($node, "SELECT evently.event_jwks($event)")),
	other_jwks => decode_json(query($node, "SELECT evently.event_jwks($other_event)")),
	tokens => [ $token, $rotated, map { query($node, "SELECT evently.ticket_token($_)") } @more ],
	claims => \%claims, key => $key, other_key => $other_key });

# Ours, read by jose.
is($tokens->{issued}[$_]{error}, undef, "jose verifies token $_ by event_jwks()") for 0 .. 3;
is_deeply($tokens->{issued}[0]{payload}, \%claims, 'and reads the claims in it');
is_deeply($tokens->{issued}[1]{header}, { alg => 'EdDSA', kid => $key->{kid} }, 'and the header');
is($tokens->{strangers}[$_], 'ERR_JWKS_NO_MATCHING_KEY', "by another event's keys it does not verify token $_")
  for 0 .. 3;

# jose's, read by us.
my %verdict = verdicts(map { $_ => $tokens->{good}{$_} } keys %{ $tokens->{good} });
is($verdict{$_}, 'ADMIT', "signed by jose, $_: good") for sort keys %{ $tokens->{good} };

# Forged.
my %bad = %{ $tokens->{bad} };
%verdict = verdicts(map { $_ => $bad{$_}[0] } keys %bad);
my @flips = grep { /^bit / } keys %bad;
is(scalar @flips, 8 * length $tokens->{good}{'as evently writes it'}, 'every bit of a token was flipped once');
is(join(', ', grep { $verdict{$_} !~ /^INVALID (BAD_SIGNATURE|UNKNOWN)$/ } sort @flips), '',
	'and no such token is good');
is($verdict{$_}, "INVALID $bad{$_}[1]", "forged, $_: $bad{$_}[1]") for sort grep { !/^bit / } keys %bad;

# A NUL in the text itself does not get past the server.
my ($ret, $out, $err) = $node->psql('postgres',
	"SELECT evently.validate_ticket(convert_from('\\x' || encode('$token', 'hex') || '00', 'UTF8'))");
isnt($ret, 0, 'text with a NUL is no text to PostgreSQL');

# The wrong event, and a dead secret.
like(query($node, "SELECT result, reason FROM evently.validate_ticket('$token', $other_event)"),
	qr/^INVALID\|WRONG_EVENT$/, 'a good token at the door of another event');
query($node, "SELECT FROM evently.reissue_ticket($ticket, 'leaked')");
is(query($node, "SELECT reason FROM evently.validate_ticket('$_')"), 'REISSUED', 'a token of an old secret')
  for $token, $rotated;
is(query($node, 'SELECT count(*) FROM evently.scans'), 0, 'looking leaves nothing behind');
is_exact($node, 'tokens');

done_testing();

# The event's key in use, both halves, as a JWK has them.
sub key_of
{
	my $event_id = shift;
	my ($kid, $x, $d) = split /\|/, query($node, qq{
		SELECT kid, translate(encode(public_key, 'base64'), '+/=', '-_'),
			translate(encode(private_key, 'base64'), '+/=', '-_')
		FROM evently.event_keys JOIN evently.event_private_keys USING (kid)
		WHERE event_id = $event_id AND retired_at IS NULL});
	return { kid => $kid, x => $x, d => $d };
}

# Run a script of test/js with this input.
sub client
{
	my ($script, $input) = @_;
	my ($stdout, $stderr);

	IPC::Run::run([ 'node', "test/js/$script" ], '<', \encode_json($input), '>', \$stdout, '2>', \$stderr)
	  or BAIL_OUT("$script failed: $stderr");
	return decode_json($stdout);
}

# What validate_ticket() says of each text: name => "RESULT" or "RESULT REASON".
sub verdicts
{
	my %text = @_;
	my @names = sort keys %text;
	my $list = JSON::PP->new->utf8->encode([ map { $text{$_} } @names ]);
	my @said = split /\n/, query($node, qq{
		SELECT concat_ws(' ', v.result, v.reason)
		FROM jsonb_array_elements_text(\$json\$$list\$json\$) WITH ORDINALITY AS t (text, n),
			evently.validate_ticket(text) v ORDER BY n});
	return map { $names[$_] => $said[$_] } 0 .. $#names;
}
