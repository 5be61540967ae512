# Everything that can happen to orders happens at once, over several tiers for
# each order and at each isolation level: purchase, payment, cancellation,
# refund, expiry and its sweepers, batches, keys, limits, and an organizer who
# changes quantities and pauses the sale. In the end everything adds up.

use strict;
use warnings;

use Test::More;

use Evently;

my $node = start_node('main');

# The buyers' limit is small, and so are the tiers: all rules bite.
my ($event, @tiers) = put_on_sale($node, title => 'without a limit',
	tiers => [ { quantity => 300, shards => 16 }, { quantity => 200, shards => 8 }, { quantity => 30, shards => 1 } ]);
my ($limited, @limited_tiers) = put_on_sale($node, title => 'with a limit', limit => 6,
	tiers => [ { quantity => 200, shards => 16 }, { quantity => 100, shards => 4 } ]);
my %variables = (
	event => $event, a => $tiers[0], b => $tiers[1], c => $tiers[2],
	limited => $limited, d => $limited_tiers[0], e => $limited_tiers[1]);

query($node, q{
	CREATE FUNCTION selections(VARIADIC pairs bigint[]) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_agg(jsonb_build_object('tier_id', pairs[2 * n - 1], 'quantity', pairs[2 * n]))
		FROM generate_series(1, cardinality(pairs) / 2) n $$;
	-- One of the newest orders, so that several clients have the same in hand.
	CREATE FUNCTION some_order(wanted text[], pick integer) RETURNS bigint LANGUAGE sql AS $$
		SELECT order_id FROM (SELECT order_id, status FROM evently.orders ORDER BY order_id DESC LIMIT 60) o
		WHERE status = ANY (wanted) ORDER BY order_id OFFSET pick % 10 LIMIT 1 $$;
});

my $random = q{
	\set buyer random(1, 60)
	\set q random(1, 4)
	\set r random(1, 3)
	\set pick random(0, 1000)
	\set key random(1, 2000)
};
my $buy_and_pay = "$random" . q{
	SELECT coalesce((reservation).order_id, 0) AS ours
	FROM evently.try_reserve_tickets(:event, :buyer, selections(:b, :q, :a, :r, :c, 1)) \gset
	SELECT attempt(format('SELECT evently.confirm_order(%s, %L)', :ours, 'pay ' || :ours));
};
my $buy_within_limit = "$random" . q{
	SELECT sqlstate FROM evently.try_reserve_tickets(:limited, :buyer, selections(:e, :r, :d, 1), 'key ' || :key);
};
my $buy_one_tier = "$random" . q{
	SELECT sqlstate FROM evently.try_reserve_tier(:limited, :buyer, :d, :q);
	SELECT sqlstate FROM evently.try_reserve_tier(:event, :buyer, :a, :q);
};
my $batch = "$random" . q{
	SELECT count(*) FROM evently.reserve_tickets_batch(jsonb_build_array(
		jsonb_build_object('event_id', :limited::bigint, 'buyer_id', :buyer::bigint,
			'selections', selections(:d, :q, :e, :r), 'idempotency_key', 'key ' || :key),
		jsonb_build_object('event_id', :event::bigint, 'buyer_id', :buyer::bigint, 'selections', selections(:c, 1, :a, 2)),
		jsonb_build_object('event_id', :limited::bigint, 'buyer_id', :buyer::bigint % 60 + 1,
			'selections', selections(:e, 1), 'idempotency_key', 'key ' || :key::bigint + 1),
		jsonb_build_object('event_id', :event::bigint, 'buyer_id', :buyer::bigint + 1, 'selections', selections(:b, :q))));
};
my $waver = "$random" . q{
	BEGIN;
	SELECT sqlstate FROM evently.try_reserve_tickets(:event, :buyer, selections(:a, :q, :b, :r));
	ROLLBACK;
};
my $pay = "$random" . q{
	SELECT attempt(format('SELECT evently.confirm_order(%s, %L)', o, 'pay ' || o))
	FROM some_order('{PENDING,EXPIRED,CONFIRMED}', :pick) o WHERE o IS NOT NULL;
};
my $pay_again = "$random" . q{
	SELECT attempt(format('SELECT evently.confirm_order(%s, %L)', o, 'pay again ' || o))
	FROM some_order('{PENDING,EXPIRED,CANCELLED,CONFIRMED,REFUNDED}', :pick) o WHERE o IS NOT NULL;
};
my $cancel = "$random" . q{
	SELECT attempt(format('SELECT evently.cancel_order(%s, %L)', o, 'no'))
	FROM some_order('{PENDING}', :pick) o WHERE o IS NOT NULL;
};
my $refund = "$random" . q{
	SELECT attempt(format('SELECT evently.refund_order(%s, %L, restock => %L)', o, 'whole ' || o, :r <> 1))
	FROM some_order('{CONFIRMED,PARTIALLY_REFUNDED}', :pick) o WHERE o IS NOT NULL;
};
my $refund_one = "$random" . q{
	SELECT attempt(format('SELECT evently.refund_order(%s, %L, array[%s])', order_id, 'one ' || ticket_id, ticket_id))
	FROM evently.tickets WHERE order_id = (SELECT some_order('{CONFIRMED,PARTIALLY_REFUNDED}', :pick)) LIMIT 1;
};
my $lapse = "$random" . q{
	UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
	WHERE order_id = (SELECT some_order('{PENDING}', :pick)) AND status = 'PENDING';
};
my $sweep = q{
	SELECT evently.release_expired_orders(20);
};
my $jobs = q{
	CALL evently.run_jobs();
};
my $organize = "$random" . q{
	SELECT attempt(format('SELECT evently.set_tier_quantity(%s, %s)', :a, 290 + 5 * :q));
	SELECT attempt(format('SELECT evently.set_held_back(%s, %s)', :e, 5 * :r));
	SELECT attempt(format('SELECT evently.pause_sale(%s)', :limited));
	SELECT attempt(format('SELECT evently.resume_sale(%s)', :limited));
};

my %weight = (
	$buy_and_pay => 8, $buy_within_limit => 6, $buy_one_tier => 8, $batch => 4, $waver => 3,
	$pay => 8, $pay_again => 4, $cancel => 8, $refund => 4, $refund_one => 6,
	$lapse => 8, $sweep => 4, $jobs => 1, $organize => 1);
for my $level (@isolation_levels)
{
	storm($node, $level, 'the life of orders',
		clients => 24, seconds => 12, protocol => 'simple',
		scripts => [ map { "$_\@$weight{$_}" } sort keys %weight ],
		variables => \%variables);
	is_exact($node, "the life of orders at $level");
}

# Nobody pays and every hold lapses at once: buyers, each with a limit, live on
# what they reclaim from each other, beside sweepers and batches.
my ($lapsing, @lapsing_tiers) = put_on_sale($node, title => 'everything lapses', limit => 4,
	tiers => [ { quantity => 20, shards => 4 }, { quantity => 12, shards => 2 } ]);
for my $level (@isolation_levels)
{
	storm($node, $level, 'reclaiming',
		clients => 24, seconds => 4, protocol => 'simple',
		scripts => [
			"$random" . q{
			SELECT coalesce((reservation).order_id, 0) AS ours
			FROM evently.try_reserve_tier(:event, 1 + :buyer % 20, :a, :q) \gset
			UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
			WHERE order_id = :ours AND status = 'PENDING';
			@6},
			"$random" . q{
			SELECT coalesce((reservation).order_id, 0) AS ours
			FROM evently.try_reserve_tickets(:event, 1 + :buyer % 20, selections(:b, 1, :a, :r)) \gset
			UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
			WHERE order_id = :ours AND status = 'PENDING';
			@4},
			"$random" . q{
			SELECT count(*) FROM evently.reserve_tickets_batch(
				(SELECT jsonb_agg(jsonb_build_object('event_id', :event, 'buyer_id', 1 + (:buyer + 7 * n) % 20,
					'selections', selections(:a, n, :b, 1))) FROM generate_series(1, 3) n));
			UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
			WHERE order_id = (SELECT some_order('{PENDING}', :pick)) AND status = 'PENDING';
			@3},
			"SELECT evently.release_expired_orders(4);\@2" ],
		variables => { event => $lapsing, a => $lapsing_tiers[0], b => $lapsing_tiers[1] });
	is_exact($node, "reclaiming at $level");
}

# The storm was one: each state was reached, each outcome met.
for my $seen (
	[ 'order', 'SELECT status FROM evently.orders', 'CANCELLED,CONFIRMED,EXPIRED,PARTIALLY_REFUNDED,PENDING,REFUNDED' ],
	[ 'payment', 'SELECT outcome FROM evently.payments', 'CONFIRMED,DUPLICATE_PAYMENT,RECOVERED,REFUND_DUE' ],
	[ 'refund', 'SELECT reason FROM evently.refunds', 'DUPLICATE_PAYMENT,REFUND_DUE,REQUESTED' ])
{
	my ($what, $sql, $expected) = @$seen;
	is(query($node, "SELECT string_agg(DISTINCT x, ',' ORDER BY x) FROM ($sql) s (x)"),
		$expected, "every kind of $what came up");
}
is( query($node, qq{
	SELECT count(*) FROM evently.buyer_limits WHERE event_id = $limited AND taken > 6}),
	0, 'nobody has more than the limit');
is( query($node, qq{
	SELECT count(*) FROM (SELECT buyer_id, sum(quantity) AS taken
		FROM evently.orders JOIN evently.order_items USING (order_id)
		WHERE event_id = $limited AND status IN ('PENDING', 'CONFIRMED')
		GROUP BY buyer_id) b WHERE taken > 6}),
	0, 'nor orders for more');

# What is left can still be sold to the last ticket.
query($node, qq{
	SELECT attempt('SELECT evently.resume_sale($limited)');
	CALL evently.run_jobs();
	UPDATE evently.events SET max_tickets_per_buyer = NULL WHERE event_id = $limited});
storm($node, 'read committed', 'the rest',
	clients => 24, transactions => 60,
	scripts => [q{
		\set buyer random(1, 1000000)
		SELECT sqlstate FROM evently.try_reserve_tier(:event, :buyer, :a, 1);
		SELECT sqlstate FROM evently.try_reserve_tier(:limited, :buyer, :d, 1);
	}],
	variables => \%variables);
is(query($node, qq{
	SELECT sum(available_quantity) FROM evently.tier_inventory
	WHERE tier_id IN ($tiers[0], $limited_tiers[0])}),
	0, 'the last ticket is sold');
is_exact($node, 'at the end');
$node->stop;
done_testing();
