# examples/archive_events.sql: what is over moves out whole, what is left is right.
use strict;
use warnings;

use Evently;
use FullDatabase;
use Test::More;

my $node = start_node('main', extension => 0);
create_database($node, 'shop');
fill($node, 'shop');
my @tables = qw(events ticket_tiers orders order_items payments refunds tickets scans revocations waitlist_entries notifications);
my $counts = sub {
	my ($schema) = @_;
	return { map { $_ => $node->safe_psql('shop', "SELECT count(*) FROM $schema.$_") } @tables };
};
# Money and messages are settled, and an event that sold is over.
$node->safe_psql('shop', q{
	SELECT count(evently.complete_event(event_id)) FROM evently.events WHERE title = 'The Full Concert';
	SELECT count(evently.settle_refund(refund_id, 'DONE')) FROM evently.refunds WHERE status <> 'DONE';
	UPDATE evently.notifications SET status = 'SENT', closed_at = now() WHERE status = 'PENDING';
	UPDATE evently.orders SET expires_at = now() - interval '1 second' WHERE status = 'PENDING';
	SELECT evently.release_expired_orders()});
is($node->safe_psql('shop', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing before');
my $before = $counts->('evently');
my @archive = ('psql', '-XqAt', '-v', 'before=infinity', '-f', 'examples/archive_events.sql', $node->connstr('shop'));
$node->command_ok(\@archive, 'archived');
my ($left, $moved) = ($counts->('evently'), $counts->('archive'));
is_deeply({ map { $_ => $left->{$_} + $moved->{$_} } @tables }, $before, 'no row is lost');
cmp_ok($moved->{$_}, '>', 0, "$_ have moved") for @tables;
is($node->safe_psql('shop', q{SELECT string_agg(title, ', ') FROM evently.events WHERE status IN ('COMPLETED', 'CANCELLED')}), '', 'nothing that is over is left');
is($node->safe_psql('shop', 'SELECT * FROM evently.verify()'), '', 'verify() finds nothing after');
is($node->safe_psql('shop', 'SELECT count(*) FROM evently.venue_bookings WHERE event_id IS NULL') > 0, 1, 'bookings stay');
$node->command_ok(\@archive, 'again: there is nothing to do');
is_deeply($counts->('archive'), $moved, 'and nothing is done');
$node->safe_psql('shop', 'CALL evently.run_jobs()');
is($node->safe_psql('shop', 'SELECT * FROM evently.verify()'), '', 'the jobs go on');

done_testing();
