# The waitlist with 32 clients, at each isolation level: buyers, people who join,
# claim, decline and leave, payments, refunds, sweeps and an organizer, all at
# once over small tiers. Afterwards the records show whether anybody was
# overtaken.

use strict;
use warnings;

use Test::More;

use Evently;

my $node = start_node('main', track_commit_timestamp => 'on', 'evently.waitlist_gather_time' => '1s');

my ($event, @tiers) = put_on_sale($node,
	tiers => [ { quantity => 12, shards => 1 }, { quantity => 40, shards => 8 } ]);
my ($second, $third) = put_on_sale($node, limit => 8, tiers => [ { quantity => 15, shards => 3 } ]);
my %variables = (event => $event, a => $tiers[0], b => $tiers[1], limited => $second, c => $third);

query($node, q{
	-- One of the newest rows, so that several clients have the same in hand.
	CREATE FUNCTION some_order(wanted text[], pick integer) RETURNS bigint LANGUAGE sql AS $$
		SELECT order_id FROM (SELECT order_id, status FROM evently.orders ORDER BY order_id DESC LIMIT 80) o
		WHERE status = ANY (wanted) ORDER BY order_id OFFSET pick % 12 LIMIT 1 $$;
	CREATE FUNCTION some_offer(pick integer) RETURNS evently.waitlist_offers LANGUAGE sql AS $$
		SELECT o FROM evently.waitlist_offers o WHERE status = 'OPEN' ORDER BY offer_id OFFSET pick % 12 LIMIT 1 $$;
	CREATE FUNCTION must_be_true() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		breach record;
	BEGIN
		SELECT * INTO breach FROM evently.verify() LIMIT 1;
		IF FOUND THEN
			RAISE 'verify(): %', breach;
		END IF;
	END $$;
});

my $random = q{
	\set user random(1, 150)
	\set q random(1, 3)
	\set group random(1, 5)
	\set tier random_zipfian(1, 3, 1.1)
	\set pick random(0, 1000)
	\set t CASE WHEN :tier = 1 THEN :a WHEN :tier = 2 THEN :b ELSE :c END
	\set e CASE WHEN :tier = 3 THEN :limited ELSE :event END
};
my @scripts = (
	$random . q{
	SELECT sqlstate FROM evently.try_reserve_tier(:e, :user::bigint, :t::bigint, :q);
	}, $random . q{
	SELECT sqlstate FROM evently.try_reserve_tickets(:event::bigint, :user::bigint, jsonb_build_array(
		jsonb_build_object('tier_id', :b::bigint, 'quantity', 1), jsonb_build_object('tier_id', :a::bigint, 'quantity', 1)));
	}, $random . q{
	SELECT attempt(format('SELECT evently.join_waitlist(%L, %L, %L)', :t::bigint, :user::bigint, :group::bigint));
	}, $random . q{
	SELECT attempt(format('SELECT evently.claim_offer(%L, %L)', (some_offer(:pick)).offer_id, (some_offer(:pick)).user_id));
	}, $random . q{
	SELECT attempt(format('SELECT evently.decline_offer(%L, %L)', (some_offer(:pick)).offer_id, (some_offer(:pick)).user_id));
	}, $random . q{
	SELECT attempt(format('SELECT evently.leave_waitlist(%L, %L)', :t::bigint, :user::bigint));
	}, $random . q{
	SELECT coalesce(some_order('{PENDING,EXPIRED}', :pick), 0) AS o \gset
	SELECT attempt(format('SELECT evently.confirm_order(%L, %L)', :o::bigint, 'pay ' || :o::bigint));
	}, $random . q{
	SELECT attempt(format('SELECT evently.refund_order(%L, %L)', some_order('{CONFIRMED}', :pick), 'refund ' || some_order('{CONFIRMED}', :pick)));
	}, $random . q{
	SELECT attempt(format('SELECT evently.cancel_order(%L, %L)', some_order('{PENDING}', :pick), 'changed my mind'));
	},
	# Time passes for a hold, for an offer; sweeps.
	$random . q{
	UPDATE evently.orders SET expires_at = created_at WHERE order_id = some_order('{PENDING}', :pick) AND status = 'PENDING';
	UPDATE evently.waitlist_offers SET expires_at = offered_at WHERE offer_id = (some_offer(:pick)).offer_id AND status = 'OPEN';
	SELECT evently.release_expired_orders(5);
	SELECT evently.release_expired_offers(5);
	}, q{
	SELECT evently.release_expired_orders();
	SELECT evently.release_expired_offers();
	SELECT evently.settle_waitlists();
	}, $random . q{
	SELECT attempt(format('SELECT evently.set_tier_quantity(%L, %L)', :b::bigint, 38 + :pick::bigint % 4));
	SELECT attempt(format('SELECT evently.set_held_back(%L, %L)', :a::bigint, :pick::bigint % 3));
	}, $random . q{
	SELECT attempt(format('SELECT evently.pause_sale(%L)', :event::bigint));
	SELECT attempt(format('SELECT evently.resume_sale(%L)', :event::bigint));
	}, q{
	SELECT must_be_true();
	});
my @weights = (22, 6, 20, 16, 2, 3, 14, 8, 4, 6, 3, 2, 1, 1);

for my $level (@isolation_levels)
{
	storm($node, $level, 'everybody at the waitlist', clients => 32, seconds => $ENV{EVENTLY_STORM_SECONDS} // 5,
		variables => \%variables, scripts => [ map { "$scripts[$_]\@$weights[$_]" } 0 .. $#scripts ]);
}
is_exact($node, 'the waitlist');

# Who got an offer although somebody before him in the line, with a quantity no
# larger, was waiting? Entries and offers carry the time under the line's lock.
is(query($node, q{
	SELECT o.offer_id, f.entry_id
	FROM evently.waitlist_offers o
	JOIN evently.waitlist_entries e ON e.entry_id = o.entry_id
	JOIN evently.waitlist_entries f ON f.tier_id = e.tier_id AND f.position < e.position AND f.quantity <= e.quantity
	LEFT JOIN evently.waitlist_offers g ON g.entry_id = f.entry_id
	WHERE coalesce(g.offered_at, f.ended_at, 'infinity') > o.offered_at}),
	'', 'no offer overtook an earlier entry that it would have fitted');

# Who bought from the public's stock although somebody whom it would have
# served waited all the while, from before the call's time to its commit?
is(query($node, q{
	SELECT r.order_id, f.entry_id
	FROM evently.orders r
	JOIN LATERAL (SELECT i.tier_id, i.quantity, pg_xact_commit_timestamp(i.xmin) AS committed
		FROM evently.order_items i WHERE i.order_id = r.order_id) i ON true
	JOIN evently.waitlist_entries f ON f.tier_id = i.tier_id AND f.quantity <= i.quantity
		AND f.joined_at < r.created_at
	LEFT JOIN evently.waitlist_offers g ON g.entry_id = f.entry_id
	WHERE NOT EXISTS (SELECT FROM evently.waitlist_offers o WHERE o.order_id = r.order_id)
		AND coalesce(g.offered_at, f.ended_at, 'infinity') > i.committed}),
	'', 'no buyer overtook an entry that his tickets would have served');

# Positions follow the order of joining.
is(query($node, q{
	SELECT count(*) FROM (SELECT joined_at, lag(joined_at) OVER (PARTITION BY tier_id ORDER BY position) AS before
		FROM evently.waitlist_entries) e WHERE joined_at < before}), 0, 'positions follow the order of joining');

my ($joined, $offers, $claimed, $public) = split /\|/, query($node, q{
	SELECT (SELECT count(*) FROM evently.waitlist_entries), (SELECT count(*) FROM evently.waitlist_offers),
		(SELECT count(*) FROM evently.waitlist_offers WHERE status = 'CLAIMED'),
		(SELECT count(*) FROM evently.orders) - (SELECT count(*) FROM evently.waitlist_offers WHERE order_id IS NOT NULL)});
note "$joined joined, $offers offers, $claimed claimed, $public bought without waiting";
# A slow machine does less of all of it.
cmp_ok($joined, '>', 50, 'many joined');
cmp_ok($claimed, '>', $joined / 8, 'many offers were made and claimed');

# When all is given back, nothing is left over.
query($node, "SELECT FROM evently.cancel_event($_, 'the end')") for $event, $second;
is(query($node, q{
	SELECT bool_and(available_quantity + held_back = total_quantity AND held_quantity = 0 AND offered = 0 AND gathering = 0)
	FROM evently.tier_inventory}), 't', 'the end of the events frees everything');
is_exact($node, 'the end');

done_testing();
