# What the TAP tests share: a server with the extension, an event to sell, and
# storms of pgbench clients at a given isolation level.
#
#   my $node = start_node('name', 'setting' => 'value', ...);
#   my ($event, @tiers) = put_on_sale($node, tiers => [ { quantity => 1000, shards => 32 } ]);
#   storm($node, 'serializable', 'what it is', clients => 64, transactions => 10,
#       scripts => [ $sql, "$sql\@3" ]);
#   is_exact($node, 'what it was');
package Evently;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT =
  qw(@isolation_levels start_node put_on_sale storm at_level is_exact kill_everything query);

our @isolation_levels = ('read committed', 'repeatable read', 'serializable');

# The build under test, when it is not installed where the server looks.
sub extension_settings
{
	my $destdir = $ENV{EVENTLY_DESTDIR} or return;
	my @settings = qx{scripts/private-server settings '$destdir'};
	die 'scripts/private-server has failed' if $?;
	return map { s/\s+\z//r } @settings;
}

# A running server with the extension in the database "postgres", and in there
#   attempt(statement): "ok", or the SQLSTATE of one of evently's own errors;
#     any other error (40001, 40P01, an internal one) is raised.
# preload => 'pg_cron' stands for shared_preload_libraries; durable => 1 for
# fsync; extension => 0 leaves the extension out; init => [...] goes to the
# node's init, as in init => [ allows_streaming => 1 ].
sub start_node
{
	my ($name, %setting) = @_;
	my %option;
	for (qw(preload durable extension init))
	{
		$option{$_} = delete $setting{$_};
	}
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(@{ $option{init} // [] });
	$node->append_conf('postgresql.conf', join "\n", extension_settings(),
		'max_connections = 120',
		# A storm at SERIALIZABLE keeps the reads of all that overlaps.
		'max_pred_locks_per_transaction = 1024',
		'shared_buffers = 64MB',
		'max_wal_size = 1GB',
		'log_statement = none',
		'log_min_messages = warning',
		# Long before a real deadlock would go unnoticed.
		'deadlock_timeout = 1s',
		$option{durable} ? 'fsync = on' : 'fsync = off',
		$option{preload} ? "shared_preload_libraries = '$option{preload}'" : (),
		map({ "$_ = '$setting{$_}'" } sort keys %setting), '');
	$node->start;
	return $node if defined $option{extension} && !$option{extension};

	$node->safe_psql('postgres', q{
		SET client_min_messages = warning;
		CREATE EXTENSION evently CASCADE;
		CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE statement;
			RETURN 'ok';
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE ~ '^TK|^P0002$|^22023$' THEN
				RETURN SQLSTATE;
			END IF;
			RAISE;
		END $$});
	return $node;
}

# An event on sale. Options: title, venue (id), limit (per buyer), hold (an
# interval), tiers (a list of { name, quantity, price, shards, max_per_order }).
# Returns the ids of the event and of its tiers.
sub put_on_sale
{
	my ($node, %option) = @_;
	my $literal = sub { my $s = shift; defined $s ? "'" . ($s =~ s/'/''/gr) . "'" : 'NULL' };
	my $event = query($node, sprintf q{
		SELECT event_id FROM evently.create_event(1, %s, 'CONCERT',
			now() + interval '30 days', now() + interval '30 days 3 hours',
			venue_id => %s, hold_duration => %s, max_tickets_per_buyer => %s)},
		$literal->($option{title} // 'A concert'),
		map { $literal->($_) } @option{qw(venue hold limit)});
	my $n = 0;
	my @tiers = map {
		$n++;
		query($node, sprintf q{
			SELECT tier_id FROM evently.create_tier(%s, %s, %s, %s,
				max_per_order => %s, shards => %s)},
			$event, $literal->($_->{name} // "TIER $n"), $_->{price} // 10,
			$_->{quantity}, $_->{max_per_order} // 10, $_->{shards} // 'NULL')
	} @{ $option{tiers} };
	query($node, "SELECT FROM evently.publish_event($event)");
	query($node, "SELECT FROM evently.open_sale($event)");
	return ($event, @tiers);
}

# One statement in the database "postgres"; dies when it fails.
sub query
{
	my ($node, $sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# Run code whose connections have the given default isolation level, and
# further settings.
sub at_level
{
	my ($level, $code, %setting) = @_;
	$setting{default_transaction_isolation} = $level;
	local $ENV{PGOPTIONS} =
	  join ' ', map { "-c $_=" . ($setting{$_} =~ s/ /\\ /gr) } sort keys %setting;
	return $code->();
}

# pgbench at an isolation level, as one test: it must end well and no
# transaction may fail. Only 40001 and 40P01 are retried, and is_exact shows
# that there was no 40P01. Options: scripts (SQL, or "SQL@weight"), clients,
# transactions (per client) or seconds, protocol, variables (of the scripts),
# settings (of the connections). Returns pgbench's report.
sub storm
{
	my ($node, $level, $name, %option) = @_;
	my $clients = $option{clients} // 16;
	my @command = (
		'pgbench', '--no-vacuum',
		'--client' => $clients,
		'--jobs' => 2,
		'--max-tries' => 100_000,
		'--protocol' => $option{protocol} // 'prepared',
		$option{seconds}
		? ('--time' => $option{seconds})
		: ('--transactions' => $option{transactions} // 10));
	while (my ($variable, $value) = each %{ $option{variables} // {} })
	{
		push @command, '--define' => "$variable=$value";
	}
	my $n = 0;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	for my $script (@{ $option{scripts} })
	{
		my ($sql, $weight) = $script =~ /\A(.*?)(?:\@(\d+))?\s*\z/s;
		my $file = "$dir/script_" . $n++;
		PostgreSQL::Test::Utils::append_to_file($file, "$sql\n");
		push @command, '--file' => $file . (defined $weight ? "\@$weight" : '');
	}
	push @command, $node->connstr('postgres');

	my ($out, $err) = ('', '');
	my $run = at_level($level, sub {
			IPC::Run::start(\@command, '>', \$out, '2>', \$err,
				IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)) },
		%{ $option{settings} // {} });
	my $ended_well = eval { $run->finish };
	if ($@)
	{
		$err .= $@;
		$run->kill_kill;
		query($node, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'pgbench'});
	}
	my $all_done = $out =~ /^number of failed transactions: 0 /m;
	ok($ended_well && $all_done, "$name at $level: every transaction came through")
	  or diag "$out$err";
	return $out;
}

# Three tests: verify() finds nothing, and neither the server's counter nor its
# log knows of a deadlock.
sub is_exact
{
	my ($node, $name) = @_;
	is(query($node, 'SELECT * FROM evently.verify()'), '', "$name: verify() finds nothing");
	is(query($node, q{SELECT sum(deadlocks) FROM pg_stat_database}), 0, "$name: no deadlock");
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile),
		qr/deadlock detected|server process .* was terminated|PANIC|TRAP:/,
		"$name: neither deadlock nor crash in the server's log");
}

# kill -9 of the postmaster and all its children at one moment. Returns how many
# children there were.
sub kill_everything
{
	my ($node) = @_;
	my ($postmaster) =
	  split /\n/, PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postmaster.pid');

	# Stopped, it can neither start another child nor take notice.
	kill 'STOP', $postmaster or croak "no postmaster $postmaster";
	my @children;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $stat or next;
		my $line = <$file> // '';
		push @children, $1 if $line =~ /\A(\d+) \(.*\) \S (\d+) / && $2 == $postmaster;
	}
	kill 'KILL', @children;
	$node->kill9;
	# The next start takes a process that is not reaped yet for a live server.
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last unless kill 0, $postmaster, @children;
		usleep(100_000);
	}
	return scalar @children;
}

1;
