# 32 clients book, move, pay for and give back random windows at 5 venues, at all
# three isolation levels at once: nothing overlaps, nothing deadlocks, and every
# refusal is a TK010 that was true.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Evently;

my $seconds = 20;
my $node = start_node('main', track_commit_timestamp => 'on');

# Every refusal is kept with what it said, for the proof below. Any error but
# TK010 fails the transaction, and with it the test; 40001 is tried again.
query($node, q{
	SET client_min_messages = warning;
	SELECT evently.create_venue('hall ' || n, 10000, 'ARENA', zone, setup_hours => 1.5, teardown_hours => 0.75)
	FROM unnest('{Europe/London,America/New_York,Asia/Kolkata,Australia/Lord_Howe,UTC}'::text[]) WITH ORDINALITY z (zone, n);

	CREATE TABLE refusals (venue_id bigint, booking_id bigint, wanted tstzrange, detail text, began timestamptz, ended timestamptz);

	-- Every state that a booking ever had; xmin tells when it was committed.
	CREATE TABLE history (booking_id bigint, venue_id bigint, occupied tstzrange, status text);
	CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.history VALUES (NEW.booking_id, NEW.venue_id, NEW.occupied, NEW.status);
		RETURN NULL;
	END $$;
	CREATE TRIGGER remember AFTER INSERT OR UPDATE ON evently.venue_bookings FOR EACH ROW EXECUTE FUNCTION remember();

	CREATE FUNCTION storm(venue bigint, quarter integer, quarters integer, what text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		-- From the March of 2031 on, through a change of the clocks.
		starts timestamptz := timestamptz '2031-03-01 00:00Z' + quarter * interval '15 minutes';
		ends timestamptz := starts + quarters * interval '15 minutes';
		began timestamptz := clock_timestamp();
		event bigint;
		moved bigint;
		said text;
	BEGIN
		CASE what
		WHEN 'hire' THEN
			PERFORM evently.book_venue(venue, NULL, starts, ends);
		WHEN 'request' THEN
			PERFORM evently.book_venue(venue, NULL, starts, ends,
				deposit_required => 100, deposit_due_at => began + interval '2 seconds');
		WHEN 'event' THEN
			SELECT event_id INTO event FROM evently.create_event(1, 'party', 'CONCERT', starts, ends);
			PERFORM evently.book_venue(venue, event, starts, ends);
		WHEN 'move' THEN
			SELECT booking_id INTO moved FROM evently.venue_bookings
			WHERE venue_id = venue AND status = 'CONFIRMED' AND occupied && tstzrange(starts, starts + interval '7 days') LIMIT 1;
			IF moved IS NULL THEN
				RETURN 'nothing to move';
			END IF;
			starts := starts + interval '14 days';
			ends := starts + (SELECT end_time - start_time FROM evently.venue_bookings WHERE booking_id = moved);
			PERFORM evently.reschedule_booking(moved, starts, ends);
		END CASE;
		RETURN 'ok';
	EXCEPTION
		WHEN SQLSTATE 'TK010' THEN
			GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
			INSERT INTO refusals VALUES (venue, moved, tstzrange(starts - interval '90 minutes', ends + interval '45 minutes'),
				said, began, clock_timestamp());
			RETURN 'TK010';
		WHEN SQLSTATE 'TK006' THEN
			-- Somebody else cancelled the booking that was to be moved.
			IF what <> 'move' THEN
				RAISE;
			END IF;
			RETURN 'TK006';
	END $$;

	-- Give a booking back, or pay for one, of those that are there.
	CREATE FUNCTION settle(venue bigint, quarter integer, what text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		id bigint;
	BEGIN
		SELECT booking_id INTO id FROM evently.venue_bookings
		WHERE venue_id = venue AND status = CASE what WHEN 'pay' THEN 'REQUESTED' ELSE 'CONFIRMED' END
			AND occupied && tstzrange(timestamptz '2031-03-01 00:00Z' + quarter * interval '15 minutes', NULL) LIMIT 1;
		IF id IS NOT NULL AND what = 'pay' THEN
			PERFORM evently.pay_deposit(id, 100, format('%s/%s', id, clock_timestamp()));
		ELSIF id IS NOT NULL THEN
			PERFORM evently.cancel_booking(id, 'storm');
		END IF;
		RETURN 'ok';
	EXCEPTION
		WHEN SQLSTATE 'TK006' OR SQLSTATE '22023' THEN	-- gone, overdue or paid meanwhile
			RETURN SQLSTATE;
	END $$});

my %weight = (hire => 5, event => 2, request => 2, move => 2, pay => 1, cancel => 2);
my @scripts = ("SELECT evently.release_lapsed_bookings();\@1");
for my $level (@isolation_levels)
{
	for my $what (sort keys %weight)
	{
		my $call = $what =~ /pay|cancel/
		  ? "settle(:venue, :quarter, '$what')"
		  : "storm(:venue, :quarter, :quarters, '$what')";
		push @scripts, qq{
			\\set venue random(1, 5)
			\\set quarter random(0, 4000)
			\\set quarters random(1, 60)
			BEGIN ISOLATION LEVEL $level;
			SELECT $call;
			COMMIT;\@$weight{$what}};
	}
}
my $report = storm($node, 'read committed', '32 clients, each transaction at a level of its own, else',
	clients => 32, seconds => $seconds, protocol => 'simple', scripts => \@scripts);
note $report =~ /^(tps = .*)$/m;

is(query($node, q{
	SELECT count(*) FROM evently.venue_bookings a JOIN evently.venue_bookings b
	ON a.venue_id = b.venue_id AND a.booking_id < b.booking_id
		AND a.status <> 'CANCELLED' AND b.status <> 'CANCELLED' AND a.occupied && b.occupied}),
	0, 'no two bookings overlap');
cmp_ok(query($node, q{SELECT count(*) FROM evently.venue_bookings}), '>', 100, 'there were bookings');
cmp_ok(query($node, q{SELECT count(DISTINCT status) FROM evently.venue_bookings}), '>=', 2, 'some of them cancelled');
cmp_ok(query($node, q{SELECT count(*) FROM refusals}), '>', 100, 'there were refusals');
note query($node, q{SELECT (SELECT count(*) FROM evently.venue_bookings) || ' bookings, ' || count(*) || ' refusals' FROM refusals});

# What a refusal named was in the way: it overlaps what was wanted, another
# booking was there at that time when the call ended, and it had not gone from
# there before the call began.
query($node, q{
	CREATE TABLE states AS SELECT *, pg_xact_commit_timestamp(xmin) AS committed FROM history;
	CREATE INDEX ON states (booking_id, committed);
	CREATE INDEX ON states (venue_id, occupied);
	ANALYZE states});
is(query($node, q{
	SELECT count(*) FROM refusals r, LATERAL (SELECT tstzrange(
			substring(detail FROM 'taken from (.*) to .*;')::timestamptz,
			substring(detail FROM 'taken from .* to (.*);')::timestamptz) AS window) t
	WHERE NOT coalesce(t.window && r.wanted, false) OR NOT EXISTS (
		SELECT FROM states s
		WHERE s.venue_id = r.venue_id AND s.occupied = t.window AND s.status <> 'CANCELLED'
			AND s.booking_id IS DISTINCT FROM r.booking_id AND s.committed <= r.ended
			AND NOT EXISTS (SELECT FROM states later
				WHERE later.booking_id = s.booking_id AND later.committed > s.committed AND later.committed < r.began
					AND (later.status = 'CANCELLED' OR later.occupied <> s.occupied)))}),
	0, 'every refusal was true');
query($node, 'CALL evently.run_jobs()');
is_exact($node, 'after the storm');

done_testing();
