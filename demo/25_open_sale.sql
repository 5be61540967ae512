-- Every match goes on sale
SELECT count(*) AS "matches on sale"
FROM demo.matches m
CROSS JOIN LATERAL evently.publish_event(m.event_id) p
CROSS JOIN LATERAL evently.open_sale(p.event_id) o
WHERE o.status = 'ON_SALE';
