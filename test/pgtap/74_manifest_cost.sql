-- What has changed since a version is read without the rest of the event: a
-- device asks every few seconds.
\ir include/fixtures.psql
\ir include/door.psql
SELECT plan(4);

SELECT event, tier, order_id FROM pg_temp.doors(3) \gset
-- Issued long ago; the three are this transaction's, and so in every answer.
INSERT INTO evently.tickets (order_id, tier_id, event_id, issued_xid) SELECT :order_id, :tier, :event, '3' FROM generate_series(1, 20000);
ANALYZE evently.tickets;

SELECT evently.offline_manifest(:event)->>'version' AS now_version \gset
SELECT evently.check_in(pg_temp.secret(pg_temp.ticket(:order_id, 2))) \g /dev/null
SELECT is(jsonb_array_length(evently.offline_manifest(:event)->'tickets'), 20003, 'a full list has them all');
SELECT is(jsonb_array_length(evently.offline_manifest(:event, :'now_version')->'tickets'), 3, 'what has changed is three');
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.offline_manifest(%s, %L)', :event, :'now_version')), '<', 150, 'and is found in few pages');
SELECT cmp_ok(pg_temp.pages(format('SELECT evently.offline_manifest(%s)', :event)), '>', 300, 'of the many that the list takes');
SELECT * FROM finish();
ROLLBACK;
