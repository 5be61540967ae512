# A crowd at the door: 32 clients scan the same 1,000 tickets, up to eight gates
# one ticket at the same moment; and a storm of entries, transfers, refunds and
# new secrets on the same tickets. At all three isolation levels.
use strict;
use warnings;

use Evently;
use Test::More;

my $node = start_node('door');
query($node, q{
	CREATE SEQUENCE turn MINVALUE 0;
	CREATE TABLE door (n integer PRIMARY KEY, ticket_id bigint, order_id bigint, secret text, token text);
	-- What the gates were told, written by the transaction that was told it.
	CREATE TABLE told (ticket_id bigint, answer text);
	-- Every secret that a line of tickets ever had.
	CREATE TABLE secrets (line bigint, secret text);
	CREATE FUNCTION fill(event bigint, tier bigint, quantity integer, per_order integer) RETURNS void
	LANGUAGE plpgsql AS $$
	DECLARE
		held evently.orders;
	BEGIN
		UPDATE evently.events SET doors_open = now() - interval '1 hour', start_time = now() + interval '1 hour'
		WHERE event_id = event;
		FOR i IN 1..quantity / per_order LOOP
			held := evently.reserve_tier(event, i, tier, per_order, buyer_email => 'ada@example.org');
			PERFORM evently.confirm_order(held.order_id, 'pay-' || held.order_id);
		END LOOP;
		TRUNCATE door, told, secrets;
		INSERT INTO door
		SELECT row_number() OVER (ORDER BY ticket_id) - 1, ticket_id, order_id, qr_code, evently.ticket_token(ticket_id)
		FROM evently.tickets WHERE event_id = event;
		INSERT INTO secrets SELECT ticket_id, secret FROM door;
		PERFORM setval('turn', 0, false);
	END $$});

for my $level (@isolation_levels)
{
	# Eight turns in a row are one ticket's, half of them with the token.
	my ($event, $tier) = put_on_sale($node, tiers => [ { quantity => 1000, max_per_order => 100 } ]);
	query($node, "SELECT fill($event, $tier, 1000, 100)");
	storm($node, $level, 'a crowd', clients => 32, transactions => 250, variables => { event => $event },
		scripts => [ q{
			SELECT nextval('turn') AS turn \gset
			INSERT INTO told SELECT r.ticket_id, r.result
			FROM door, evently.check_in(CASE :turn % 2 WHEN 0 THEN secret ELSE token END,
				:event, 'gate ' || :client_id % 5, 'device ' || :client_id) r
			WHERE n = :turn / 8 % 1000;} ]);
	# A try that ended in 40001 used its turn up; nobody may be left outside for that.
	query($node, "INSERT INTO told SELECT r.ticket_id, r.result FROM door, evently.check_in(token, $event) r");
	is(query($node, q{SELECT count(*), count(DISTINCT ticket_id) FROM told WHERE answer = 'ADMIT'}),
		'1000|1000', "$level: 1,000 times ADMIT, once for each ticket");
	is(query($node, q{SELECT answer, count(*) FROM told WHERE answer <> 'ADMIT' GROUP BY 1}),
		'ALREADY_ADMITTED|8000', "$level: everybody else was told that it was admitted already");
	is(query($node, "SELECT result, count(*) FROM evently.scans WHERE event_id = $event GROUP BY 1 ORDER BY 1"),
		"ADMIT|1000\nALREADY_ADMITTED|8000", "$level: every scan is recorded");

	# Eight turns of different kinds on each of 200 tickets.
	($event, $tier) = put_on_sale($node, tiers => [ { quantity => 200, max_per_order => 1, price => 5 } ]);
	query($node, "SELECT fill($event, $tier, 200, 1)");
	query($node, qq{
		CREATE OR REPLACE FUNCTION happen(turn bigint) RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			it door;
			live evently.tickets;
			said text;
		BEGIN
			SELECT * INTO it FROM door WHERE n = turn / 8 % 200;
			-- Whoever looks is a little late.
			SELECT t.* INTO live FROM evently.tickets t
			WHERE t.order_id = it.order_id AND t.status IN ('VALID', 'USED');
			CASE (turn * 5 + turn / 8) % 8
				WHEN 0 THEN SELECT result INTO said FROM evently.check_in(it.secret);
				WHEN 1 THEN SELECT result INTO said FROM evently.check_in(it.token);
				WHEN 2 THEN SELECT result INTO said FROM evently.check_in(coalesce(live.qr_code::text, it.secret));
				WHEN 3 THEN INSERT INTO secrets SELECT it.ticket_id, qr_code
					FROM evently.transfer_ticket(it.ticket_id, 'ada\@example.org', 'Bob', 'bob\@example.org');
				WHEN 4 THEN IF it.n % 3 = 0 THEN
					PERFORM evently.refund_order(it.order_id, 'back-' || it.order_id);
				END IF;
				WHEN 5 THEN INSERT INTO secrets SELECT it.ticket_id, qr_code
					FROM evently.reissue_ticket(coalesce(live.ticket_id, it.ticket_id), 'lost');
				WHEN 6 THEN INSERT INTO secrets SELECT it.ticket_id, qr_code
					FROM evently.assign_attendee(it.ticket_id, 'Eve', 'eve\@example.org');
				ELSE SELECT min(result) INTO said FROM evently.sync_check_ins($event, 'offline', jsonb_build_array(jsonb_build_object(
					'scan_id', turn::text, 'token', it.secret, 'scanned_at', clock_timestamp())));
			END CASE;
			RETURN said;
		EXCEPTION WHEN SQLSTATE 'TK006' OR SQLSTATE 'TK020' OR SQLSTATE 'TK021' OR SQLSTATE 'TK022' THEN
			RETURN SQLSTATE;
		END \$\$});
	storm($node, $level, 'everything at once', clients => 16, transactions => 100,
		scripts => [ q{
			SELECT nextval('turn') AS turn \gset
			SELECT happen(:turn);} ]);
	is(query($node, q{
			SELECT line, count(DISTINCT secret) FROM secrets, evently.validate_ticket(secret) v
			WHERE v.result = 'ADMIT' GROUP BY line HAVING count(DISTINCT secret) > 1}),
		'', "$level: no line of tickets has two living secrets");
	is(query($node, qq{
			SELECT t.order_id FROM evently.scans s JOIN evently.tickets t USING (ticket_id)
			WHERE s.event_id = $event AND s.result = 'ADMIT' GROUP BY 1 HAVING count(*) > 1}),
		'', "$level: nor two entries");
	is(query($node, qq{
			SELECT s.line FROM secrets s, evently.validate_ticket(s.secret) v
			WHERE v.result = 'ADMIT' AND EXISTS (SELECT FROM evently.scans e JOIN evently.tickets t USING (ticket_id)
				JOIN evently.tickets o ON o.ticket_id = s.line
				WHERE t.order_id = o.order_id AND e.result = 'ADMIT')}),
		'', "$level: nor an entry and a living secret");
	is(query($node, "SELECT count(DISTINCT status) FROM evently.tickets WHERE event_id = $event AND status <> 'VALID'"),
		3, "$level: it went one way and the other");
}
# verify() would show the same.
is_exact($node, 'the door');

done_testing();
