# Payments that come late, twice, and in the moment the hold lapses. Whatever
# the race, each is recorded once with one outcome, an order has its tickets
# once, and what was paid for nothing is due back.

use strict;
use warnings;

use Test::More;

use Evently;

my $node = start_node('main');
my $orders = 120;

# What each call was told, written in the call's own transaction.
query($node, q{
	CREATE TABLE told (order_id bigint, payment_id text, outcome text);
	CREATE TABLE race (race_order serial PRIMARY KEY, order_id bigint)});

for my $level (@isolation_levels)
{
	# A third of the holds have lapsed, and just as many buyers wait for them.
	my ($event, $tier) = put_on_sale($node, title => "late at $level",
		tiers => [ { quantity => 2 * $orders, shards => 8 } ]);
	query($node, qq{
		TRUNCATE told, race RESTART IDENTITY;
		INSERT INTO race (order_id)
		SELECT (evently.reserve_tier($event, n, $tier, 2)).order_id
		FROM generate_series(1, $orders) n;
		UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
		WHERE event_id = $event AND buyer_id % 3 = 0});

	my $order = q{
		\set n random(1, :orders)
		SELECT order_id AS race_order FROM race WHERE race_order = :n \gset
	};
	my $report = q{
		INSERT INTO told SELECT :race_order, '%1$s ' || :race_order, c.outcome
		FROM evently.confirm_order(:race_order, '%1$s ' || :race_order) c;
	};
	my $pay = $order . sprintf($report, 'first');
	my $pay_otherwise = $order . sprintf($report, 'other');
	my $pay_wrongly = $order . q{
		INSERT INTO told SELECT :race_order, 'wrong ' || :race_order, c.outcome
		FROM evently.confirm_order(:race_order, 'wrong ' || :race_order, 1) c;
	};
	my $give_up = $order . q{
		SELECT attempt('SELECT evently.cancel_order(' || :race_order || ', ''no'')');
	};
	my $lapse = $order . q{
		UPDATE evently.orders SET expires_at = created_at - interval '1 hour'
		WHERE order_id = :race_order AND status = 'PENDING';
	};
	my $sweep = 'SELECT evently.release_expired_orders(3);';
	my $grab = q{
		\set buyer random(1000, 1000000)
		SELECT sqlstate FROM evently.try_reserve_tier(:event, :buyer, :tier, 3);
	};
	storm($node, $level, 'racing payments',
		clients => 32, transactions => 40, protocol => 'simple',
		scripts => [ "$pay\@8", "$pay_otherwise\@3", "$pay_wrongly\@1", "$give_up\@1",
			"$lapse\@2", "$sweep\@4", "$grab\@1" ],
		variables => { orders => $orders, event => $event, tier => $tier });

	is( query($node, q{
		SELECT payment_id, string_agg(DISTINCT outcome, ', ') FROM told
		WHERE outcome <> 'ALREADY_CONFIRMED'
		GROUP BY payment_id HAVING count(DISTINCT outcome) > 1}),
		'', "at $level a payment has one outcome, however often it is reported");
	is( query($node, q{
		SELECT order_id, count(*) FROM told WHERE outcome IN ('CONFIRMED', 'RECOVERED')
		GROUP BY order_id HAVING count(*) > 1}),
		'', "at $level an order is confirmed once");
	is( query($node, qq{
		SELECT t.payment_id, t.outcome, p.outcome
		FROM (SELECT DISTINCT order_id, payment_id, outcome FROM told) t
		FULL JOIN evently.payments p USING (order_id, payment_id)
		JOIN evently.orders o USING (order_id)
		WHERE o.event_id = $event AND t.outcome IS DISTINCT FROM p.outcome
			AND (t.outcome IS DISTINCT FROM 'ALREADY_CONFIRMED' OR p.outcome NOT IN ('CONFIRMED', 'RECOVERED'))}),
		'', "at $level what was told is what is recorded");
	is( query($node, q{
		SELECT string_agg(DISTINCT outcome, ', ' ORDER BY outcome) FROM told}),
		'ALREADY_CONFIRMED, AMOUNT_MISMATCH, CONFIRMED, DUPLICATE_PAYMENT, RECOVERED, REFUND_DUE',
		"at $level the race was one: every outcome came up");
	is( query($node, qq{
		SELECT count(*), sum(p.amount) FROM evently.payments p JOIN evently.orders USING (order_id)
		WHERE event_id = $event AND outcome NOT IN ('CONFIRMED', 'RECOVERED')}),
		query($node, qq{
			SELECT count(*), sum(r.amount) FROM evently.refunds r JOIN evently.orders USING (order_id)
			WHERE event_id = $event}),
		"at $level what was paid for nothing is due back");
	is_exact($node, "racing payments at $level");
}
$node->stop;
done_testing();
