# The waitlist against a model of it in memory: thousands of random joins,
# leaves, sales, payments, refunds, lapses (by moving the records' times), claims,
# changes of quantity and pauses; after each step the tier must be as the model
# says, answers included.

use strict;
use warnings;

use IPC::Open2;
use List::Util qw(first sum0);
use Test::More;

use Evently;

my $steps = $ENV{EVENTLY_MODEL_STEPS} // 3000;
my $seed = $ENV{EVENTLY_MODEL_SEED} // 20240607;
srand $seed;
note "seed $seed, $steps steps";

my $node = start_node('model');

# One psql for all: a question, and its answer up to the mark.
my $pid = open2(my $from, my $to, 'sh', '-c', 'exec psql -XAtq -v ON_ERROR_STOP=1 "$0" 2>&1',
	$node->connstr('postgres'));

sub ask
{
	my ($sql) = @_;
	print $to "$sql;\n\\echo --end--\n";
	$to->flush;
	my @lines;
	while (defined(my $line = <$from>))
	{
		chomp $line;
		return join "\n", @lines if $line eq '--end--';
		push @lines, $line;
	}
	BAIL_OUT(join "\n", "psql has ended: $sql", @lines);
}

# What a call returns, or its SQLSTATE.
ask(q{
	CREATE FUNCTION answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		result text;
	BEGIN
		EXECUTE statement INTO result;
		RETURN result;
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$});

sub answer
{
	my ($statement) = @_;
	return ask("SELECT answer(\$q\$ $statement \$q\$)");
}

# --- The model -------------------------------------------------------------

my ($event, $tier, %t);

sub lapsed_holds
{
	return sort { $t{holds}{$a}{lapsed} <=> $t{holds}{$b}{lapsed} } grep { $t{holds}{$_}{lapsed} } keys %{ $t{holds} };
}

# Hand out what is released: those in line come first.
sub release
{
	my ($released) = @_;
	my $pool = $t{gathering} + $released;
	$t{gathering} = 0;
	if (!@{ $t{line} }) { $t{public} += $pool; return; }
	if ($t{paused}) { $t{gathering} = $pool; return; }

	my ($left, $public) = ($pool + $t{public}, $t{public});
	my ($blocked, $gathers, @rest);
	for my $entry (@{ $t{line} })
	{
		if ($gathers || $entry->{quantity} > $left)
		{
			if (!$blocked && !$gathers && $left > $public)
			{
				if (!defined $t{gather_for} || $t{gather_for} != $entry->{entry} || $t{phase} eq 'over')
				{
					@t{qw(gather_for phase)} = ($entry->{entry}, 'gathers');
				}
				$gathers = $t{phase} eq 'gathers';
			}
			$blocked = 1;
			push @rest, $entry;
			next;
		}
		$left -= $entry->{quantity};
		$t{offers}{ ++$t{last_offer} } = { %$entry };
	}
	$t{line} = \@rest;
	$t{gathering} = $gathers && $left > $public ? $left - $public : 0;
	$t{public} = $left - $t{gathering};
}

sub leave_line
{
	my ($user) = @_;
	$t{line} = [ grep { $_->{user} != $user } @{ $t{line} } ];
}

# Take tickets that the public may have; with lapsed holds unless somebody waits.
sub take
{
	my ($quantity) = @_;
	if ($quantity > $t{public} && !@{ $t{line} })
	{
		my @lapsed = lapsed_holds();
		return 0 if $t{public} + sum0(map { $t{holds}{$_}{quantity} } @lapsed) < $quantity;
		my $missing = $quantity - $t{public};
		for (@lapsed[0 .. ($missing < @lapsed ? $missing : @lapsed) - 1])
		{
			$t{public} += $t{holds}{$_}{quantity};
			$t{expired}{$_} = delete $t{holds}{$_};
		}
	}
	return 0 if $quantity > $t{public};
	$t{public} -= $quantity;
	return 1;
}

sub state_of_model
{
	my $held = sum0(map { $_->{quantity} } values %{ $t{holds} });
	my $sold = sum0(map { $_->{quantity} } values %{ $t{sold} });
	return join '|', $t{public}, $held, $sold, sum0(map { $_->{quantity} } values %{ $t{offers} }),
	  $t{gathering}, $t{held_back}, $t{total},
	  join(',', map { "$_->{user}:$_->{quantity}" } @{ $t{line} }),
	  join(',', map { "$_=$t{offers}{$_}{user}:$t{offers}{$_}{quantity}" } sort { $a <=> $b } keys %{ $t{offers} });
}

sub state_of_database
{
	return ask(qq{
		SELECT available_quantity, held_quantity, sold_quantity, offered, gathering, held_back, total_quantity,
			(SELECT string_agg(format('%s:%s', user_id, quantity), ',' ORDER BY position)
				FROM evently.waitlist_entries w WHERE w.tier_id = t.tier_id AND w.status = 'WAITING'),
			(SELECT string_agg(format('%s=%s:%s', offer_id, user_id, quantity), ',' ORDER BY offer_id)
				FROM evently.waitlist_offers o WHERE o.tier_id = t.tier_id AND o.status = 'OPEN')
		FROM evently.tier_inventory t WHERE tier_id = $tier});
}

# --- The steps: each does the same to both and compares the answers ---------

sub pick { return $_[rand @_] }
sub any_user { return 1 + int rand 25 }
my $time = 0;

my %step = (
	join => sub {
		my ($user, $quantity) = (any_user(), pick(1, 1, 1, 2, 2, 3, 4, 6));
		my $stands = first { $_->{user} == $user } @{ $t{line} }, values %{ $t{offers} };
		my $lapsed = @{ $t{line} } ? 0 : sum0(map { $t{holds}{$_}{quantity} } lapsed_holds());
		my $expected =
			$stands ? ($stands->{quantity} == $quantity ? 'ok' : 'TK006')
		  : $t{paused} ? 'TK004'
		  : $t{public} + $lapsed >= $quantity ? 'TK030'
		  : 'ok';
		$expected = 'TK006' if $stands && $stands->{quantity} != $quantity;
		push @{ $t{line} }, { user => $user, quantity => $quantity, entry => ++$t{last_entry} } if $expected eq 'ok' && !$stands;
		return ("join $user $quantity", $expected,
			answer("SELECT 'ok' FROM evently.join_waitlist($tier, $user, $quantity)"));
	},
	leave => sub {
		my $user = pick(any_user(), map { $_->{user} } @{ $t{line} }, map { $t{offers}{$_} } sort keys %{ $t{offers} });
		my $expected = 'LEFT';
		my ($offer) = grep { $t{offers}{$_}{user} == $user } keys %{ $t{offers} };
		if ($offer) { release(delete($t{offers}{$offer})->{quantity}); }
		elsif (grep { $_->{user} == $user } @{ $t{line} }) { leave_line($user); release(0); }
		else { $expected = 'P0002'; }
		return ("leave $user", $expected,
			answer("SELECT status FROM evently.leave_waitlist($tier, $user)"));
	},
	position => sub {
		my $user = any_user();
		my ($place) = grep { $t{line}[ $_ - 1 ]{user} == $user } 1 .. @{ $t{line} };
		return ("position $user", $place // '', answer("SELECT evently.waitlist_position($tier, $user)"));
	},
	reserve => sub {
		my $quantity = pick(1, 1, 2, 3);
		my $expected = $t{paused} ? 'TK004' : take($quantity) ? 'ok' : 'TK001';
		my $got = answer("SELECT order_id FROM evently.reserve_tier($event, 1000, $tier, $quantity)");
		if ($got =~ /^\d+$/) { $t{holds}{$got} = { quantity => $quantity, lapsed => 0 }; $got = 'ok'; }
		return ("reserve $quantity", $expected, $got);
	},
	batch => sub {
		# A batch reclaims what the whole of it lacks; that is for the tests of the batch.
		my @lapsed = lapsed_holds();
		return if @lapsed && !@{ $t{line} };
		my @quantities = map { pick(1, 2, 3) } 1 .. 3;
		my @expected = map { $t{paused} ? 'TK004' : $_ <= $t{public} ? do { $t{public} -= $_; 'ok' } : 'TK001' } @quantities;
		my $requests = join ', ', map { qq({"event_id": $event, "buyer_id": 1001, "selections": [{"tier_id": $tier, "quantity": $_}]}) } @quantities;
		my @got = split /,/, ask("SELECT string_agg(coalesce(order_id::text, sqlstate), ',' ORDER BY request_no) FROM evently.reserve_tickets_batch('[$requests]')");
		for (0 .. $#got)
		{
			next if $got[$_] !~ /^\d+$/;
			$t{holds}{ $got[$_] } = { quantity => $quantities[$_], lapsed => 0 };
			$got[$_] = 'ok';
		}
		return ("batch @quantities", "@expected", "@got");
	},
	confirm => sub {
		my $order = pick(sort keys %{ $t{holds} }) // return;
		my $hold = $t{holds}{$order};
		my $expected = !$hold->{lapsed} ? 'CONFIRMED' : @{ $t{line} } ? 'REFUND_DUE' : 'RECOVERED';
		delete $t{holds}{$order};
		if ($expected eq 'REFUND_DUE') { $t{gone}{$order} = 1; release($hold->{quantity}); }
		else { $t{sold}{$order} = $hold; }
		return ("confirm $order", $expected,
			answer("SELECT (evently.confirm_order($order, 'pay $order')).outcome"));
	},
	confirm_late => sub {
		my $order = pick(sort keys %{ $t{expired} }) // return;
		my $hold = delete $t{expired}{$order};
		my $expected = take($hold->{quantity}) ? 'RECOVERED' : 'REFUND_DUE';
		$t{sold}{$order} = $hold if $expected eq 'RECOVERED';
		return ("confirm late $order", $expected,
			answer("SELECT (evently.confirm_order($order, 'pay $order')).outcome"));
	},
	cancel => sub {
		my $order = pick(sort keys %{ $t{holds} }) // return;
		release(delete($t{holds}{$order})->{quantity});
		return ("cancel $order", 'CANCELLED', answer("SELECT status FROM evently.cancel_order($order, 'changed my mind')"));
	},
	refund => sub {
		my $order = pick(sort keys %{ $t{sold} }) // return;
		my $restock = rand() < 0.85 ? 'true' : 'false';
		my $quantity = delete($t{sold}{$order})->{quantity};
		if ($restock eq 'true') { release($quantity); } else { $t{held_back} += $quantity; }
		return ("refund $order, restock $restock", 'REQUESTED',
			answer("SELECT reason FROM evently.refund_order($order, 'refund $order', restock => $restock)"));
	},
	refund_one => sub {
		my $order = pick(grep { $t{sold}{$_}{quantity} > 1 } sort keys %{ $t{sold} }) // return;
		$t{sold}{$order}{quantity}--;
		release(1);
		return ("refund one of $order", 'REQUESTED', answer(
			"SELECT reason FROM evently.refund_order($order, 'one of $order, ' || " . (++$time) . ", ARRAY["
			  . "(SELECT min(ticket_id) FROM evently.tickets WHERE order_id = $order AND status = 'VALID')])"));
	},
	lapse_hold => sub {
		my $order = pick(grep { !$t{holds}{$_}{lapsed} } sort keys %{ $t{holds} }) // return;
		$t{holds}{$order}{lapsed} = ++$time;
		ask("UPDATE evently.orders SET expires_at = now() - interval '1 day' + interval '1 second' * $time WHERE order_id = $order");
		return ("hold $order lapses", '', '');
	},
	lapse_offer => sub {
		my $offer = pick(grep { !$t{offers}{$_}{lapsed} } sort keys %{ $t{offers} }) // return;
		$t{offers}{$offer}{lapsed} = 1;
		ask("UPDATE evently.waitlist_offers SET expires_at = now() - interval '1 second' WHERE offer_id = $offer");
		return ("offer $offer lapses", '', '');
	},
	sweep_orders => sub {
		my @lapsed = lapsed_holds();
		my $released = sum0(map { $t{holds}{$_}{quantity} } @lapsed);
		$t{expired}{$_} = delete $t{holds}{$_} for @lapsed;
		release($released) if @lapsed;
		return ('sweep orders', scalar @lapsed, ask('SELECT evently.release_expired_orders()'));
	},
	sweep_offers => sub {
		my @lapsed = grep { $t{offers}{$_}{lapsed} } keys %{ $t{offers} };
		my $released = sum0(map { delete($t{offers}{$_})->{quantity} } @lapsed);
		release($released) if @lapsed;
		return ('sweep offers', scalar @lapsed, ask('SELECT evently.release_expired_offers()'));
	},
	time_passes => sub {
		# The group's time to gather is over; or also that of those behind to pass.
		return if !defined $t{gather_for} || $t{phase} eq 'over' || !grep { $_->{entry} == $t{gather_for} } @{ $t{line} };
		my $ago = $t{phase} eq 'gathers' ? 1 : 3601;
		$t{phase} = $t{phase} eq 'gathers' ? 'passes' : 'over';
		ask("UPDATE evently.waitlist_lines SET gather_until = now() - interval '$ago seconds' WHERE tier_id = $tier");
		return ('time passes', '', '');
	},
	settle => sub {
		my $due = !$t{paused} && $t{gathering} > 0 && $t{phase} ne 'gathers' ? 1 : 0;
		release(0) if $due;
		return ('settle', $due, ask('SELECT evently.settle_waitlists()'));
	},
	claim => sub {
		my $offer = pick(sort keys %{ $t{offers} }) // return;
		my ($user, $quantity) = @{ $t{offers}{$offer} }{qw(user quantity)};
		my $expected = $t{offers}{$offer}{lapsed} ? 'TK031' : $t{paused} ? 'TK004' : 'ok';
		my $got = answer("SELECT order_id FROM evently.claim_offer($offer, $user)");
		if ($got =~ /^\d+$/) { $t{holds}{$got} = { quantity => $quantity, lapsed => 0 }; $got = 'ok'; }
		delete $t{offers}{$offer} if $expected eq 'ok';
		return ("claim $offer", $expected, $got);
	},
	decline => sub {
		my $offer = pick(sort keys %{ $t{offers} }) // return;
		my $expected = $t{offers}{$offer}{lapsed} ? 'TK031' : 'DECLINED';
		my $user = $t{offers}{$offer}{user};
		release(delete($t{offers}{$offer})->{quantity}) if $expected eq 'DECLINED';
		return ("decline $offer", $expected, answer("SELECT status FROM evently.decline_offer($offer, $user)"));
	},
	set_total => sub {
		my $total = $t{total} + pick(-3, -1, 1, 2, 5);
		return if $total < 10 || $total > 40;
		my $more = $total - $t{total};
		my $expected = $more > 0 || take(-$more) ? 'ok' : 'TK001';
		$t{total} = $total if $expected eq 'ok';
		release($more) if $more > 0;
		return ("total $total", $expected, answer("SELECT 'ok' FROM evently.set_tier_quantity($tier, $total)"));
	},
	set_held_back => sub {
		my $held_back = int rand 4;
		my $less = $t{held_back} - $held_back;
		my $expected = $less >= 0 || take(-$less) ? 'ok' : 'TK001';
		$t{held_back} = $held_back if $expected eq 'ok';
		release($less) if $less > 0;
		return ("held back $held_back", $expected, answer("SELECT 'ok' FROM evently.set_held_back($tier, $held_back)"));
	},
	pause => sub {
		return if !$t{paused} && rand() < 0.8;
		$t{paused} = !$t{paused};
		release(0) if !$t{paused};
		return ($t{paused} ? 'pause' : 'resume', 'ok',
			answer("SELECT 'ok' FROM evently." . ($t{paused} ? 'pause_sale' : 'resume_sale') . "($event)"));
	});
my @wheel = map { my ($name, $weight) = @$_; ($name) x $weight }
  [ join => 14 ], [ leave => 3 ], [ position => 2 ], [ reserve => 12 ], [ batch => 2 ], [ confirm => 8 ],
  [ confirm_late => 2 ], [ cancel => 4 ], [ refund => 4 ], [ refund_one => 4 ], [ lapse_hold => 5 ],
  [ lapse_offer => 3 ], [ sweep_orders => 3 ], [ sweep_offers => 3 ], [ time_passes => 3 ], [ settle => 3 ],
  [ claim => 8 ], [ decline => 1 ], [ set_total => 2 ], [ set_held_back => 2 ], [ pause => 2 ];

my (%done, %seen);
my $wrong = 0;
my $last_offer = 0;
for my $round (1 .. 3)
{
	# A group can be larger than all that is left to come back.
	($event, $tier) = put_on_sale($node, title => "round $round", hold => '1 hour',
		tiers => [ { quantity => 20, shards => (1, 3, 16)[ $round - 1 ] } ]);
	%t = (total => 20, held_back => 0, public => 20, gathering => 0, line => [], offers => {},
		last_offer => $last_offer, holds => {}, sold => {}, expired => {}, phase => '');
	ask("SET evently.waitlist_gather_time = '1h'");
	my @history;
	for my $n (1 .. $steps / 3)
	{
		my $name = pick(@wheel);
		my ($what, $expected, $got) = $step{$name}->();
		next if !defined $what;
		$done{$name}++;
		$seen{$expected}++;
		$seen{$_}++ for grep { $_ } $t{gathering} ? 'gathering' : '',
		  $t{phase} eq 'passes' && defined $t{gather_for} ? 'passing' : '';
		push @history, "$what -> $got";
		my ($model, $database) = (state_of_model(), state_of_database());
		next if $expected eq $got && $model eq $database
		  && ($n % 20 || ask('SELECT count(*) FROM evently.verify()') eq '0');
		$wrong++;
		diag "round $round, step $n, $what: expected $expected, got $got\n",
		  "model    $model\ndatabase $database\n",
		  "before   ", join("\n         ", @history[ ($#history > 12 ? $#history - 12 : 0) .. $#history ]),
		  "\nverify   ", ask('SELECT * FROM evently.verify()');
		last;
	}
	is(ask("SELECT count(*) FROM evently.verify()"), '0', "round $round: verify() finds nothing");
	if ($t{paused})
	{
		ask("SELECT FROM evently.resume_sale($event)");
		$t{paused} = 0;
		release(0);
	}
	$last_offer = $t{last_offer};
	ask("SELECT FROM evently.cancel_event($event, 'the end')");
	is(ask("SELECT available_quantity + held_back, held_quantity, sold_quantity, offered, gathering
		FROM evently.tier_inventory WHERE tier_id = $tier"), "$t{total}|0|0|0|0", 'the end of the event frees everything');
	is(ask('SELECT count(*) FROM evently.verify()'), '0', 'and verify() finds nothing');
}
is($wrong, 0, "the database is as the model says, after each of $steps steps");
is(join(' ', grep { !$done{$_} } sort keys %step), '', 'every kind of step was taken');
is(join(' ', grep { !$seen{$_} } qw(TK001 TK004 TK006 TK030 TK031 P0002 REFUND_DUE RECOVERED gathering passing)), '',
	'every answer was met');
note join ', ', map { "$_ $done{$_}" } sort keys %done;

close $to;
waitpid $pid, 0;
done_testing();
