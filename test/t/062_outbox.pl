# The outbox and a real worker: mail over SMTP to a real server, a worker killed
# with -9 between claim and acknowledgement, failures, dead letters, cleaning.

use strict;
use warnings;

use Cwd qw(abs_path);
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Evently;

my $worker = abs_path('examples/mail_worker.py');
my $node = start_node('main', 'evently.notification_backoff' => '100s', 'evently.notification_max_attempts' => 3);
my ($event, $tier) = put_on_sale($node, title => 'Grüße', tiers => [ { name => 'GENERAL', quantity => 100 } ]);

sub wait_until
{
	my ($what, $sql) = @_;
	ok($node->poll_query_until('postgres', $sql), $what);
}

sub start_worker
{
	my ($port, @options) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'python3', $worker, '--dsn', $node->connstr('postgres'), '--smtp', "127.0.0.1:$port",
		'--batch', 7, @options ], '>', \$out, '2>', \$err);
}

sub run_worker
{
	my $handle = start_worker(@_, '--once');
	IPC::Run::finish($handle);
	is($handle->result(0), 0, 'the worker ends well');
}

# A mail server that keeps what it is sent.
my $mailbox = PostgreSQL::Test::Utils::tempdir() . '/mail';
my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($sink_out, $sink_err) = ('', '');
my $sink = IPC::Run::start([ 'aiosmtpd', '-n', '-l', "127.0.0.1:$port", '-c', 'aiosmtpd.handlers.Mailbox', $mailbox ],
	'>', \$sink_out, '2>', \$sink_err);
for (1 .. 300)
{
	last if IO::Socket::INET->new("127.0.0.1:$port");
	usleep(100_000);
}
sub mails { return map { PostgreSQL::Test::Utils::slurp_file($_) } glob "$mailbox/new/*" }

query($node, qq{
	SELECT evently.confirm_order(o.order_id, 'pay ' || n)
	FROM generate_series(1, 20) n, evently.reserve_tier($event, n, $tier, 2, buyer_email => format('buyer%s\@example.org', n)) o});
is(query($node, q{SELECT count(*), count(DISTINCT message_id) FROM evently.notifications WHERE status = 'PENDING'}),
	'20|20', 'twenty messages wait');

# This server accepts the connection and says nothing: the worker has claimed,
# and hangs. It is killed there.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "no socket: $!";
my $victim = start_worker($silent->sockport, '--visibility', 600);
wait_until('the worker has claimed', 'SELECT count(*) = 7 FROM evently.notifications WHERE attempts = 1');
IPC::Run::kill_kill($victim, grace => 0);
is(query($node, q{SELECT count(*) FROM evently.notifications WHERE status = 'PENDING'}), 20, 'killed, it has sent nothing');
is(query($node, q{SELECT count(*) FROM evently.claim_notifications(100, '1 second')}), 13, 'nobody gets what it had, for now');

is(query($node, q{SELECT count(*) FROM evently.notifications WHERE visible_at > now() + interval '8 minutes'}), 7, 'which is as long as it asked for');
# Its time is over.
query($node, 'UPDATE evently.notifications SET visible_at = now()');
run_worker($port);
is(query($node, q{SELECT count(*) FROM evently.notifications WHERE status = 'SENT'}), 20, 'all are sent now');
my @mails = mails();
my %by_id = map { (/^Message-ID: <(.*)\@example\.org>$/m)[0] => $_ } @mails;
is(scalar @mails, 20, 'and have arrived');
is(join(' ', sort keys %by_id), query($node, q{SELECT string_agg(message_id::text, ' ' ORDER BY message_id::text) FROM evently.notifications}),
	'each under its own message id');
my ($mail) = grep { /^To: buyer7\@example\.org$/m } @mails;
like($mail, qr/^Subject: Your tickets for =\?utf-8\?q\?Gr=C3=BC=C3=9Fe\?=$/m, 'with a subject');
like($mail, qr/Ticket 13: GENERAL.*Ticket 14: GENERAL/s, 'and the tickets');

# An acknowledgement that was lost: the message is sent again under the same id.
my $again = query($node, qq{
	INSERT INTO evently.notifications (kind, recipient, event_id, payload)
	VALUES ('EVENT_CANCELLED', 'twice\@example.org', $event, '{"title": "X"}') RETURNING message_id});
my $id = query($node, "SELECT notification_id FROM evently.claim_notifications(1, '1 second')");
wait_until('a claim is over', "SELECT visible_at <= now() FROM evently.notifications WHERE notification_id = $id");
is(query($node, "SELECT message_id, attempts FROM evently.claim_notifications()"), "$again|2", 'it is given out again under the same message id');
is(query($node, "SELECT evently.fail_notification($id, 'late', 1)"), 'PENDING', 'a report on an earlier attempt');
is(query($node, "SELECT last_error FROM evently.notifications WHERE notification_id = $id"), '', 'changes nothing');
is(query($node, "SELECT evently.ack_notification($id), evently.ack_notification($id)"), 't|f', 'acknowledged once');

# Nobody listens there: the message is tried again, later and later, and given up.
query($node, qq{INSERT INTO evently.notifications (kind, recipient, event_id, payload) VALUES ('EVENT_CANCELLED', 'late\@example.org', $event, '{"title": "X"}')});
my $late = query($node, q{SELECT max(notification_id) FROM evently.notifications});
my $nobody = PostgreSQL::Test::Cluster::get_free_port();
my @waits;
for (1 .. 3)
{
	run_worker($nobody);
	push @waits, query($node, qq{SELECT status, attempts, round(extract(epoch FROM visible_at - clock_timestamp()) / 100) FROM evently.notifications WHERE notification_id = $late});
	query($node, "UPDATE evently.notifications SET visible_at = now() WHERE notification_id = $late");
}
like("@waits", qr/^PENDING\|1\|1 PENDING\|2\|2 DEAD\|3\|4$/, 'backoff doubles, then the message is dead');
like(query($node, "SELECT last_error FROM evently.notifications WHERE notification_id = $late"), qr/^ConnectionRefusedError/, 'with the reason');
is(query($node, 'SELECT kind, dead FROM evently.outbox_status'), 'EVENT_CANCELLED|1', 'outbox_status shows it');
is(query($node, "SELECT evently.retry_notification($late), evently.retry_notification($late)"), 't|f', 'the DBA has it sent anew');
run_worker($port);
is(scalar(grep { /^To: late\@example\.org$/m } mails()), 1, 'and it arrives');

# A message that kills whoever has it is given up too.
query($node, qq{INSERT INTO evently.notifications (kind, recipient, event_id, payload, attempts) VALUES ('EVENT_CANCELLED', 'poison\@example.org', $event, '{}', 3)});
is(query($node, 'SELECT count(*) FROM evently.claim_notifications()'), 0, 'claimed too often, it is not given out');
is(query($node, 'SELECT evently.clean_notifications()'), 1, 'the job');
is(query($node, q{SELECT status, last_error FROM evently.notifications WHERE recipient = 'poison@example.org'}), 'DEAD|no answer from the worker', 'gives it up');

# Messages are kept for a time.
query($node, q{UPDATE evently.notifications SET closed_at = now() - interval '31 days' WHERE notification_id <= 3 OR status = 'DEAD'});
is(query($node, 'SELECT evently.clean_notifications()'), 3, 'what was sent long ago is cleaned away');
is(query($node, q{SELECT count(*) FROM evently.notifications WHERE status = 'DEAD'}), 1, 'dead letters stay');

# Many workers at once: each message goes to one of them.
query($node, qq{INSERT INTO evently.notifications (kind, recipient, event_id, payload) SELECT 'EVENT_CANCELLED', 'many' || n || '\@example.org', $event, '{"title": "X"}' FROM generate_series(1, 300) n});
my @workers = map { start_worker($port, '--once') } 1 .. 3;
IPC::Run::finish($_) for @workers;
is(scalar(grep { /^To: many\d+\@example\.org$/m } mails()), 300, 'three workers send each message once');

IPC::Run::kill_kill($sink);
is_exact($node, 'the outbox');
done_testing();
