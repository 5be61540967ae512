-- transfer_ticket, assign_attendee, reissue_ticket, and the keys of an event.
\ir include/fixtures.psql
\ir include/door.psql
SELECT * FROM no_plan();

-- The last messages about an event: kind, recipient, user, what else.
CREATE FUNCTION pg_temp.told(about bigint, OUT kind text, OUT recipient text, OUT user_id bigint, OUT ticket bigint, OUT other_holder text, OUT brings_ticket boolean)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT kind, recipient, user_id, (payload->>'ticket_id')::bigint, payload->>'other_holder', payload ? 'token'
	FROM evently.notifications WHERE event_id = about AND kind NOT IN ('TICKETS_ISSUED', 'TICKETS_REFUNDED') ORDER BY notification_id;
$$;

-- Handed over.
SELECT event, tier, order_id FROM pg_temp.doors(5) \gset
SELECT pg_temp.ticket(:order_id) AS t1, pg_temp.ticket(:order_id, 2) AS t2, pg_temp.ticket(:order_id, 3) AS t3 \gset
SELECT pg_temp.secret(:t1) AS old_secret, evently.ticket_token(:t1) AS old_token \gset
SELECT ticket_id AS new FROM evently.transfer_ticket(:t1, ' buyer@example.org', 'Bob', 'bob@example.org') \gset
SELECT results_eq(format('SELECT order_id, tier_id, event_id, attendee_name::text, attendee_email::text, status::text, transferred_from, check_in_time IS NULL, qr_code <> %L
		FROM evently.tickets WHERE ticket_id = %s', :'old_secret', :new),
	format($$VALUES (%s::bigint, %s::bigint, %s::bigint, 'Bob', 'bob@example.org', 'VALID', %s::bigint, true, true)$$, :order_id, :tier, :event, :t1),
	'a new ticket for the new holder');
SELECT is(pg_temp.ticket_status(:t1), 'TRANSFERRED', 'the old one is transferred');
SELECT is(pg_temp.look(token), 'INVALID TRANSFERRED', 'its secret and token are dead') FROM unnest(ARRAY[:'old_secret', :'old_token']) token;
SELECT is(pg_temp.look(token), 'ADMIT', 'the new ones live') FROM unnest(ARRAY[pg_temp.secret(:new), evently.ticket_token(:new)]) token;
SELECT results_eq(format('SELECT * FROM pg_temp.told(%s)', :event), format($$VALUES
	('TICKET_TRANSFERRED', 'Buyer@Example.org', 7::bigint, %s::bigint, 'bob@example.org', false),
	('TICKET_RECEIVED', 'bob@example.org', NULL, %s, 'Buyer@Example.org', true)$$, :t1, :new), 'both are told, the new holder with the ticket');
SELECT results_eq(format('SELECT payload->>''title'', payload->>''tier'', payload->>''attendee_name'', (payload->>''start_time'')::timestamptz = e.start_time,
		payload->>''token'' = evently.ticket_token(%s), decode(payload->>''qr_png'', ''base64'') = evently.ticket_qr_png(%1$s)
		FROM evently.notifications n JOIN evently.events e USING (event_id) WHERE kind = ''TICKET_RECEIVED'' AND event_id = %s', :new, :event),
	$$VALUES ('Tonight', 'GENERAL', 'Bob', true, true, true)$$, 'with all that the mail needs');
SELECT results_eq(format('SELECT count(*)::integer, bool_or(payload::text LIKE ''%%'' || qr_code || ''%%'') FROM evently.notifications, evently.tickets WHERE kind <> ''TICKETS_ISSUED'''),
	'VALUES (12, false)', 'the secret itself is in no message');
SELECT is((SELECT sold_quantity::integer FROM evently.tier_inventory WHERE tier_id = :tier), 5, 'no stock moved');

-- Once, by the holder, in time, before entry.
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s, %L, ''Eve'', ''eve@example.org'')', ticket, holder), code, message, description)
FROM (VALUES
	(:new, 'bob@example.org', 'TK020', 'ticket % has been transferred already', 'the new ticket again'),
	(:t1, 'buyer@example.org', 'TK020', 'ticket % has been transferred already', 'the old ticket again'),
	(:t2, 'bob@example.org', 'TK022', '"bob@example.org" is not the holder of ticket %', 'by somebody else'),
	(-1, 'bob@example.org', 'P0002', 'ticket -1 does not exist', 'no such ticket'))
	wrong (ticket, holder, code, message, description);
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s)', arguments), '22023', '%', 'transfer_ticket(' || arguments || ')')
FROM unnest(ARRAY['NULL, ''buyer@example.org'', ''E'', ''e@x''', :t2 || ', NULL, ''E'', ''e@x''', :t2 || ', '''', ''E'', ''e@x''',
	:t2 || ', ''buyer@example.org'', NULL, ''e@x''', :t2 || ', ''buyer@example.org'', '' '', ''e@x''',
	:t2 || ', ''buyer@example.org'', ''E'', NULL', :t2 || ', ''buyer@example.org'', ''E'', ''''', :t2 || ', ''buyer@example.org'', ''E'', ''BUYER@example.org''']) arguments;
SELECT pg_temp.scan(pg_temp.secret(:t2)) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s, ''buyer@example.org'', ''Eve'', ''eve@example.org'')', :t2),
	'TK021', 'ticket % cannot be transferred', 'after entry');
SELECT evently.refund_order(:order_id, 'back', ARRAY[:t3]) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s, ''buyer@example.org'', ''Eve'', ''eve@example.org'')', :t3),
	'TK021', 'ticket % cannot be transferred', 'after a refund');
SELECT pg_temp.ticket(:order_id, 4) AS t4 \gset
UPDATE evently.events SET transfer_deadline = now() WHERE event_id = :event;
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s, ''buyer@example.org'', ''Eve'', ''eve@example.org'')', :t4),
	'TK021', 'ticket % cannot be transferred', 'after the deadline');
UPDATE evently.events SET transfer_deadline = NULL, start_time = now() WHERE event_id = :event;
SELECT pg_temp.refused(format('SELECT evently.transfer_ticket(%s, ''buyer@example.org'', ''Eve'', ''eve@example.org'')', :t4),
	'TK021', 'ticket % cannot be transferred', 'after the start, where there is no deadline');
UPDATE evently.events SET transfer_deadline = now() + interval '1 minute' WHERE event_id = :event;
SELECT lives_ok(format('SELECT evently.transfer_ticket(%s, ''buyer@example.org'', ''Eve'', ''eve@example.org'')', :t4), 'before a deadline after the start');
SELECT throws_ok(format('INSERT INTO evently.tickets (order_id, tier_id, event_id, transferred_from) SELECT order_id, tier_id, event_id, transferred_from FROM evently.tickets WHERE ticket_id = %s', :new),
	'23505', NULL, 'a second successor cannot be written at all');
-- A ticket that came by a transfer can be refunded, and dies.
SELECT evently.refund_order(:order_id, 'all') \g /dev/null
SELECT is(pg_temp.look(pg_temp.secret(:new)), 'INVALID REFUNDED', 'refunded after the transfer');

-- A name, and another holder.
SELECT event, tier, order_id FROM pg_temp.doors(3) \gset
SELECT pg_temp.ticket(:order_id) AS t1, pg_temp.secret(pg_temp.ticket(:order_id)) AS s1, pg_temp.stock(:tier) AS stock \gset
SELECT results_eq(format('SELECT attendee_name::text, attendee_email::text, qr_code::text FROM evently.assign_attendee(%s, ''Ada'')', :t1),
	format($$VALUES ('Ada', NULL::text, %L)$$, :'s1'), 'a name, for the same holder');
SELECT results_eq(format('SELECT attendee_name::text, attendee_email::text, qr_code::text FROM evently.assign_attendee(%s, ''Ada L.'', ''buyer@example.org '')', :t1),
	format($$VALUES ('Ada L.', 'buyer@example.org ', %L)$$, :'s1'), 'the buyer''s own address');
SELECT is_empty(format('SELECT * FROM pg_temp.told(%s)', :event), 'nobody is told');
SELECT results_eq(format('SELECT attendee_name::text, attendee_email::text, status::text, qr_code::text <> %L FROM evently.assign_attendee(%s, NULL, ''grace@example.org'')', :'s1', :t1),
	$$VALUES ('Ada L.', 'grace@example.org', 'VALID', true)$$, 'another address is another holder');
SELECT is(pg_temp.look(:'s1'), 'INVALID REISSUED', 'the old secret is dead');
SELECT is(pg_temp.look(pg_temp.secret(:t1)), 'ADMIT', 'the new one lives');
SELECT results_eq(format('SELECT * FROM pg_temp.told(%s)', :event), format($$VALUES
	('TICKET_TRANSFERRED', 'buyer@example.org ', NULL::bigint, %s::bigint, 'grace@example.org', false),
	('TICKET_RECEIVED', 'grace@example.org', NULL, %1$s, 'buyer@example.org ', true)$$, :t1), 'both are told');
SELECT is(pg_temp.stock(:tier), :'stock', 'no stock moved');
SELECT is((SELECT ticket_id FROM evently.transfer_ticket(:t1, 'grace@example.org', 'Bob', 'bob@example.org')) > :t1, true, 'the new holder may transfer it');
SELECT pg_temp.refused(format('SELECT evently.assign_attendee(%s)', arguments), code, '%', 'assign_attendee(' || arguments || ')')
FROM (VALUES (:t1 || ', ''X''', 'TK006'), ('-1, ''X''', 'P0002'), ('NULL, ''X''', '22023'), (pg_temp.ticket(:order_id, 2) || ', NULL', '22023'),
	(pg_temp.ticket(:order_id, 2) || ', ''''', '22023'), (pg_temp.ticket(:order_id, 2) || ', ''X'', '' ''', '22023')) wrong (arguments, code);
-- Where no address is known, the first one is another's.
UPDATE evently.orders SET buyer_email = NULL WHERE order_id = :order_id;
SELECT pg_temp.secret(pg_temp.ticket(:order_id, 2)) AS s2 \gset
SELECT isnt(qr_code::text, :'s2', 'the first address known gets a secret of its own')
FROM evently.assign_attendee(pg_temp.ticket(:order_id, 2), 'Grace', 'grace@example.org');

-- Lost.
SELECT pg_temp.ticket(:order_id, 3) AS t3, pg_temp.secret(pg_temp.ticket(:order_id, 3)) AS s3 \gset
SELECT results_eq(format('SELECT status::text, qr_code::text <> %L FROM evently.reissue_ticket(%s, ''lost'')', :'s3', :t3), $$VALUES ('VALID', true)$$, 'reissued');
SELECT is(pg_temp.look(:'s3'), 'INVALID REISSUED', 'the old secret is dead');
SELECT results_eq(format('SELECT kind, recipient, user_id, payload->>''reason'', payload->>''token'' = evently.ticket_token(%s) FROM evently.notifications WHERE event_id = %s ORDER BY notification_id DESC LIMIT 1', :t3, :event),
	$$VALUES ('TICKET_REISSUED', NULL::text, 7::bigint, 'lost', true)$$, 'the buyer, known by id only, is sent the new one');
SELECT pg_temp.refused(format('SELECT evently.reissue_ticket(%s)', arguments), code, '%', 'reissue_ticket(' || arguments || ')')
FROM (VALUES (:t1 || ', ''X''', 'TK006'), ('-1, ''X''', 'P0002'), ('NULL, ''X''', '22023'), (:t3 || ', NULL', '22023'), (:t3 || ', '' ''', '22023')) wrong (arguments, code);
SELECT pg_temp.refused(format('SELECT evently.ticket_token(%s)', arguments), code, '%', 'ticket_token(' || arguments || ')')
FROM (VALUES (:t1::text, 'TK006'), ('-1', 'P0002'), ('NULL', '22023')) wrong (arguments, code);

-- Keys.
SELECT pg_temp.draft() AS unsold \gset
SELECT FROM evently.publish_event(:unsold) \g /dev/null
SELECT lives_ok('DELETE FROM evently.events WHERE event_id = ' || :unsold, 'the key of an event that nobody bought for goes with it');
SELECT is((SELECT count(*)::integer FROM evently.event_keys WHERE event_id = :event), 1, 'a published event has a key');
SELECT is(evently.event_jwks(:event)->'keys'->0->>'kid', kid, 'the new key comes first') FROM evently.rotate_event_key(:event);
SELECT is(jsonb_array_length(evently.event_jwks(:event)->'keys'), 2, 'the old one stays');
SELECT is((SELECT count(*)::integer FROM evently.event_private_keys JOIN evently.event_keys USING (kid) WHERE event_id = :event), 1, 'as far as it is public');
SELECT pg_temp.refused('SELECT evently.' || call, code, '%', call)
FROM (VALUES ('event_jwks(-1)', 'P0002'), ('event_jwks(NULL)', '22023'), ('rotate_event_key(-1)', 'P0002'), ('rotate_event_key(NULL)', '22023')) wrong (call, code);
SELECT pg_temp.draft() AS draft \gset
SELECT is(evently.event_jwks(:draft), '{"keys": []}', 'a draft has no key yet');
SELECT pg_temp.tier(:draft, 1, 0, held_back => 1) AS tier \gset
SELECT ticket_id AS comp FROM evently.issue_comps(:tier, '[{}]') \gset
SELECT is(pg_temp.look(evently.ticket_token(:comp)), 'INVALID NOT_YET_OPEN', 'but gets one with its first token');
SELECT is(jsonb_array_length(evently.event_jwks(:draft)->'keys'), 1, 'as can be seen');
SELECT evently.ticket_token(:t3) AS token \gset
DELETE FROM evently.event_private_keys;
SELECT pg_temp.refused('SELECT evently.ticket_token(' || :t3 || ')', 'TK040', 'event % has no usable signing key', 'without the private key nothing is signed');
SELECT is(pg_temp.look(:'token'), 'ADMIT', 'but what was signed stays good');
INSERT INTO evently.event_private_keys SELECT kid, sha256('x') FROM evently.event_keys WHERE event_id = :event AND retired_at IS NULL;
SELECT pg_temp.refused('SELECT evently.ticket_token(' || :t3 || ')', 'TK040', 'event % has no usable signing key', 'nor with one that does not fit');
SELECT evently.rotate_event_key(:event) \g /dev/null
SELECT is(pg_temp.look(evently.ticket_token(:t3)), 'ADMIT', 'a new key is the way out');

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
