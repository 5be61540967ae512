-- 300 buyers reserve and never pay; pg_cron will have to sweep their holds
--
-- The holds of one match, the opening round's in the largest ground, last ten
-- seconds. The buyers come through a queue worker: one call, each request
-- judged on its own.
CREATE VIEW demo.abandoned_match AS
SELECT * FROM demo.matches WHERE match <= 10 ORDER BY capacity DESC, match DESC LIMIT 1;

SELECT evently.schedule_jobs() AS job \gset
SELECT schedule, database, command FROM cron.job WHERE jobid = :job;

UPDATE evently.events SET hold_duration = '10 seconds'
WHERE event_id = (SELECT event_id FROM demo.abandoned_match);

SELECT count(order_id) AS "reserved, not paid", count(sqlstate) AS refused
FROM evently.reserve_tickets_batch((
	SELECT jsonb_agg(jsonb_build_object('event_id', m.event_id, 'buyer_id', buyer,
		'selections', jsonb_build_array(jsonb_build_object('tier_id', t.tier_id, 'quantity', 1 + buyer % 4))))
	FROM demo.abandoned_match m
	JOIN demo.tiers t ON t.match = m.match AND t.name = 'GENERAL'
	CROSS JOIN generate_series(1, 300) buyer));
