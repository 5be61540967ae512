# A tier sells out under 64 clients at each isolation level: not one ticket too
# many, none left over, and nobody refused while there was one for him.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;

my $total = 1000;
my $node = start_node('main');

# A refusal is false when a sum read after it would still have served the
# request: no ticket comes back in these storms, so the sum only falls.
query($node, 'CREATE TABLE false_refusals (quantity integer, left_over bigint)');

my $buy = q{
	\set buyer random(1, 1000000)
	\set quantity random(1, 4)
	SELECT coalesce(sqlstate = 'TK001', false) AS refused
	FROM evently.try_reserve_tier(:event, :buyer, :tier, :quantity) \gset
	\if :refused
	INSERT INTO false_refusals
	SELECT :quantity, sum(available) FROM evently.inventory_shards
	WHERE tier_id = :tier HAVING sum(available) >= :quantity;
	\endif
};
# Others take tickets and think better of it, by both kinds of rollback.
my $waver = q{
	\set buyer random(1, 1000000)
	\set quantity random(1, 4)
	BEGIN;
	SELECT sqlstate FROM evently.try_reserve_tier(:event, :buyer, :tier, :quantity);
	ROLLBACK;
};
my $waver_halfway = q{
	\set buyer random(1, 1000000)
	\set quantity random(1, 4)
	BEGIN;
	SAVEPOINT before;
	SELECT sqlstate FROM evently.try_reserve_tier(:event, :buyer, :tier, :quantity);
	ROLLBACK TO before;
	COMMIT;
};
# A worker of a queue serves several buyers at once, who want 2, 3 and 4 tickets;
# of those refused, the one with the least is looked at.
my $batch = q{
	\set buyer random(1, 1000000)
	SELECT coalesce(1 + min(request_no) FILTER (WHERE sqlstate = 'TK001'), 0) AS least
	FROM evently.reserve_tickets_batch(
		(SELECT jsonb_agg(jsonb_build_object('event_id', :event::bigint, 'buyer_id', :buyer::bigint + n,
			'selections', jsonb_build_array(jsonb_build_object('tier_id', :tier::bigint, 'quantity', 1 + n))))
		FROM generate_series(1, 3) n)) \gset
	\if :least
	INSERT INTO false_refusals
	SELECT :least, sum(available) FROM evently.inventory_shards
	WHERE tier_id = :tier HAVING sum(available) >= :least;
	\endif
};
# An order over both tiers, in either order, is all or nothing.
my $buy_both = q{
	\set buyer random(1, 1000000)
	\set quantity random(1, 3)
	\set more random(1, 2)
	SELECT coalesce(sqlstate = 'TK001', false) AS refused
	FROM evently.try_reserve_tickets(:event, :buyer,
		jsonb_build_array(
			jsonb_build_object('tier_id', :other_tier::bigint, 'quantity', :more::integer),
			jsonb_build_object('tier_id', :tier::bigint, 'quantity', :quantity::integer))) \gset
	\if :refused
	INSERT INTO false_refusals
	SELECT :quantity, min(left_over) FROM (
		SELECT sum(available) - CASE tier_id WHEN :tier THEN :quantity::integer ELSE :more::integer END AS left_over
		FROM evently.inventory_shards WHERE tier_id IN (:tier, :other_tier) GROUP BY tier_id) s
	HAVING min(left_over) >= 0;
	\endif
};
my $buy_other = $buy =~ s/:tier/:other_tier/gr;

# What is sold, from which tiers, by which scripts.
my $one_tier = [ { quantity => $total, shards => 32 } ];
my $two_tiers = [ { quantity => 0.6 * $total, shards => 32 }, { quantity => 0.4 * $total, shards => 8 } ];
my %sales = (
	'buyers alone' => [ $one_tier, $buy ],
	'buyers, and others who roll back' => [ $one_tier, "$buy\@6", "$waver\@3", "$waver_halfway\@1" ],
	'buyers beside batches' => [ $one_tier, "$buy\@6", "$waver\@1", "$batch\@1" ],
	'buyers of two tiers' => [ $two_tiers, "$buy\@3", "$buy_other\@2", "$buy_both\@2", "$waver\@1" ]);

my ($event, $tier, $other_tier);
for my $level (@isolation_levels)
{
	for my $sale (sort keys %sales)
	{
		my ($tiers, @scripts) = @{ $sales{$sale} };
		($event, $tier, $other_tier) = put_on_sale($node, title => "$sale at $level", tiers => $tiers);
		storm($node, $level, $sale,
			# Far more is asked for than there is.
			clients => 64, transactions => 20,
			scripts => \@scripts,
			variables => { event => $event, tier => $tier, other_tier => $other_tier // 0 });
		is(query($node, qq{
			SELECT sum(held_quantity), sum(sold_quantity), sum(available_quantity)
			FROM evently.tier_inventory WHERE event_id = $event}),
			"$total|0|0", "$sale at $level: all $total tickets are held");
		is(query($node, qq{
			SELECT sum(quantity) FROM evently.order_items JOIN evently.orders USING (order_id)
			WHERE event_id = $event}),
			$total, "$sale at $level: the orders add up to them");
		is(query($node, qq{
			CALL evently.run_jobs();
			SELECT status FROM evently.events WHERE event_id = $event}),
			'SOLD_OUT', "$sale at $level: the event is labelled so");
	}
}
is(query($node, 'SELECT * FROM false_refusals'), '', 'nobody was refused what was there');
is_exact($node, 'after the sales');

# Afterwards a storm of buyers is refused without a lock on stock or a write.
#
# While it lasts, another transaction has given tickets back and not committed:
# it holds the lock of a shard, and a lock on every table that lets nobody do more
# than read. Whoever wanted such a lock or a write would wait for it.
my $other = $node->background_psql('postgres');
$other->query_safe(qq{
	BEGIN;
	SELECT count(*) FROM (
		SELECT evently.cancel_order(order_id, 'no')
		FROM (SELECT order_id FROM evently.orders WHERE event_id = $event ORDER BY order_id LIMIT 20) o) c;
	SELECT format('LOCK TABLE evently.%I IN EXCLUSIVE MODE', relname)
	FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'r' \\gexec
});
my $held_shards = query($node, q{
	SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 17751 AND granted});
cmp_ok($held_shards, '>', 0, 'a shard is locked while the refused buyers come');

my $refused = q{
	\set buyer random(1, 1000000)
	\set quantity random(1, 4)
	SELECT 1 / coalesce(sqlstate = 'TK001', false)::integer
	FROM evently.try_reserve_tier(:event, :buyer, :tier, :quantity);
};
my $refused_selection = q{
	\set buyer random(1, 1000000)
	SELECT 1 / coalesce(sqlstate = 'TK001', false)::integer
	FROM evently.try_reserve_tickets(:event, :buyer,
		jsonb_build_array(jsonb_build_object('tier_id', :tier::bigint, 'quantity', 2)));
};
my $refused_batch = q{
	\set buyer random(1, 1000000)
	SELECT 1 / (count(*) FILTER (WHERE sqlstate = 'TK001') = 3)::integer
	FROM evently.reserve_tickets_batch(
		(SELECT jsonb_agg(jsonb_build_object('event_id', :event::bigint, 'buyer_id', :buyer::bigint + n,
			'selections', jsonb_build_array(jsonb_build_object('tier_id', :tier::bigint, 'quantity', n))))
		FROM generate_series(1, 3) n));
};
my @refused = ($refused, $refused_selection, $refused_batch);
for my $level (@isolation_levels)
{
	storm($node, $level, 'refused buyers',
		clients => 64, transactions => 20,
		settings => { statement_timeout => '20s' },
		scripts => \@refused,
		variables => { event => $event, tier => $tier });
	is( at_level($level, sub {
			query($node, qq{
				BEGIN;
				SELECT sqlstate FROM evently.try_reserve_tier($event, 1, $tier, 1);
				SELECT pg_current_xact_id_if_assigned() IS NULL;
				SELECT locktype, objsubid, mode, granted FROM pg_locks WHERE pid = pg_backend_pid()
					AND locktype <> 'virtualxid' AND mode NOT IN ('AccessShareLock', 'SIReadLock');
				COMMIT})
		}),
		# 17750 is the event's lock (src/locks.c), which sales share.
		"TK001\nt\nadvisory|17750|ShareLock|t",
		"at $level a refused buyer has no transaction id, and locks neither stock nor rows");
}
$other->query_safe('ROLLBACK');
$other->quit;

# And they leave no trace: no WAL at all. Vacuum first, so that no page is left for
# a reader to tidy up.
query($node, $_) for
  q{ALTER SYSTEM SET autovacuum = off},
  q{SELECT pg_reload_conf()};
$node->poll_query_until('postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'})
  or die 'autovacuum does not end';
# VACUUM leaves out a page that is being written just then; so up to three times.
my $written;
for (1 .. 3)
{
	query($node, $_) for qw(VACUUM CHECKPOINT);
	my $before = query($node, 'SELECT pg_current_wal_insert_lsn()');
	storm($node, 'read committed', 'refused buyers',
		clients => 64, transactions => 20, scripts => \@refused,
		variables => { event => $event, tier => $tier });
	$written = query($node, "SELECT pg_current_wal_insert_lsn() - '$before'::pg_lsn");
	last if $written == 0;
}
is($written, 0, 'refusing writes no WAL');

is_exact($node, 'at the end');
$node->stop;
done_testing();
