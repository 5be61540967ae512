# Backends remember where rows were. A place that has become another row's, after
# updates and pruning, must not be taken for the one that stood there.
use strict;
use warnings;

use Evently;
use Test::More;

my $node = start_node('main', autovacuum => 'off');
my ($event, @tiers) = put_on_sale($node, tiers => [ map { { quantity => 10, price => $_ } } 1 .. 3 ]);
my $session = $node->background_psql('postgres');
my $price = sub { return $session->query_safe("SELECT total_amount FROM evently.reserve_tier($event, 1, $_[0], 1)") };

is(join(' ', map { $price->($_) } @tiers), '1 2 3', 'each tier has its price');
is($price->($tiers[1]), 2, 'also when it is found where it was');
query($node, "UPDATE evently.ticket_tiers SET price = 7 WHERE tier_id = $tiers[1]");
is($price->($tiers[1]), 7, 'a new price holds at once');

# The second tier's row goes on, and another's comes to stand where it was.
my $place = query($node, "SELECT ctid FROM evently.ticket_tiers WHERE tier_id = $tiers[1]");
query($node, "UPDATE evently.ticket_tiers SET price = 8 WHERE tier_id = $tiers[1]");
query($node, qq{
	DO \$\$
	BEGIN
		FOR i IN 1..2000 LOOP
			UPDATE evently.ticket_tiers SET max_per_order = 5 + i % 5 WHERE tier_id = $tiers[2];
			COMMIT;
			EXIT WHEN EXISTS (SELECT FROM evently.ticket_tiers WHERE ctid = '$place');
		END LOOP;
	END \$\$});
is(query($node, "SELECT tier_id FROM evently.ticket_tiers WHERE ctid = '$place'"), $tiers[2], 'another row stands there');
is($price->($tiers[1]), 8, 'the row is found where it is now');
is($price->($tiers[2]), 3, 'and so is the other');
query($node, "SELECT FROM evently.cancel_event($event, 'the end')");
my ($out, $failed) = $session->query("SELECT sqlstate FROM evently.try_reserve_tier($event, 1, $tiers[1], 1)");
is($out, 'TK004', 'a cancelled event is seen by the next call');
is_exact($node, 'places');
$session->quit;

done_testing();
