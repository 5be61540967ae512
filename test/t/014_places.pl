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

# A refusal looks at all shards where they were. Three of a tier and two tickets, so
# that what is left is told apart from nothing, and from what another tier has.
my ($sale, $few, $many) = put_on_sale($node,
	tiers => [ { quantity => 2, shards => 3 }, { quantity => 90, shards => 3 } ]);
my $try = sub {
	my ($quantity) = @_;
	return $session->query_safe(
		"SELECT coalesce(sqlstate || ' ' || detail, 'sold') FROM evently.try_reserve_tier($sale, 1, $few, $quantity)");
};
my $by_index = sub {
	$session->query_safe('SELECT pg_stat_force_next_flush()');
	return query($node, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'inventory_shards_pkey'");
};
like($try->(3), qr/^TK001 .*\b2\b/, 'two are left, not three');
my $before = $by_index->();
like($try->(3), qr/^TK001 .*\b2\b/, 'and two again') for 1 .. 5;
is($by_index->(), $before, 'the shards were read where they are');

query($node, "SELECT FROM evently.reserve_tier($sale, 2, $few, 1)");
like($try->(2), qr/^TK001 .*\b1\b/, 'what another has bought is gone');
query($node, "SELECT FROM evently.reserve_tier($sale, 2, $few, 1)");
like($try->(1), qr/^TK001 .*\b0\b/, 'sold out') for 1 .. 2;
$session->query_safe('BEGIN');
$session->query_safe("SELECT FROM evently.cancel_order((SELECT max(order_id) FROM evently.orders WHERE event_id = $sale), 'no')");
is($try->(1), 'sold', 'what the transaction gave back itself can be had');
$session->query_safe('ROLLBACK');
like($try->(1), qr/^TK001 /, 'and not after a rollback');
query($node, "SELECT FROM evently.cancel_order((SELECT max(order_id) FROM evently.orders WHERE event_id = $sale), 'no')");
is($try->(1), 'sold', 'what another gave back can be had');

# A shard of the other tier, which has plenty, comes to stand in a place.
like($try->(1), qr/^TK001 /, 'sold out again');
$place = query($node, "SELECT ctid FROM evently.inventory_shards WHERE tier_id = $few AND shard = 1");
query($node, "UPDATE evently.inventory_shards SET available = available WHERE tier_id = $few AND shard = 1");
query($node, qq{
	DO \$\$
	BEGIN
		FOR i IN 1..2000 LOOP
			UPDATE evently.inventory_shards SET available = available WHERE tier_id = $many AND shard = 1;
			COMMIT;
			EXIT WHEN EXISTS (SELECT FROM evently.inventory_shards WHERE ctid = '$place');
		END LOOP;
	END \$\$});
is(query($node, "SELECT tier_id FROM evently.inventory_shards WHERE ctid = '$place'"), $many, 'another shard stands there');
like($try->(1), qr/^TK001 .*\b0\b/, 'it is not counted');
query($node, 'VACUUM FULL evently.inventory_shards');
like($try->(1), qr/^TK001 .*\b0\b/, 'nor after all have moved') for 1 .. 2;

# One shard more, and those that there were stay where they are.
query($node, "INSERT INTO evently.inventory_shards VALUES ($few, 3, 5);
	UPDATE evently.ticket_tiers SET shards = 4, total_quantity = total_quantity + 5 WHERE tier_id = $few");
is($try->(1), 'sold', 'a new shard is read too');
is_exact($node, 'places');
$session->quit;

done_testing();
