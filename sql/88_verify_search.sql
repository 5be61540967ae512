/*
 * verify()'s part for search: what is derived against what it is derived from.
 */
CREATE FUNCTION evently.verify_search()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'search', format('event %s', e.event_id), 'cannot be found; rebuild_search() repairs'
FROM evently.events e
LEFT JOIN evently.event_search s ON s.event_id = e.event_id
WHERE e.status IN ('PUBLISHED', 'ON_SALE', 'SOLD_OUT') AND e.end_time > now() AND s.event_id IS NULL
UNION ALL
SELECT 'search', format('event %s', e.event_id), format('can be found, but is %s; rebuild_search() repairs', e.status)
FROM evently.event_search s JOIN evently.events e ON e.event_id = s.event_id
WHERE e.status NOT IN ('PUBLISHED', 'ON_SALE', 'SOLD_OUT')
UNION ALL
SELECT 'search', format('event %s', e.event_id), 'is found by what it was before; rebuild_search() repairs'
FROM evently.event_search s
JOIN evently.events e ON e.event_id = s.event_id
LEFT JOIN evently.venues v ON v.venue_id = e.venue_id
LEFT JOIN (SELECT t.event_id, min(t.price) AS price_from, max(t.price) AS price_to
	FROM evently.ticket_tiers t GROUP BY t.event_id) p ON p.event_id = e.event_id
WHERE (s.venue_id, s.start_time, s.end_time, s.category, s.city, s.location::text, s.price_from, s.price_to)
	IS DISTINCT FROM
	(e.venue_id, e.start_time, e.end_time, e.category, btrim(v.city), v.location::text, p.price_from, p.price_to)
	OR s.doc <> setweight(to_tsvector(e.language::regconfig, e.title), 'A')
		|| setweight(to_tsvector(e.language::regconfig, concat_ws(' ', v.name, v.city)), 'B')
		|| setweight(to_tsvector(e.language::regconfig, coalesce(e.description, '')), 'D')
		|| setweight(to_tsvector('pg_catalog.simple', e.title), 'A')
UNION ALL
SELECT 'popularity', format('event %s', coalesce(p.event_id, h.event_id)),
	format('%s of the week and %s of the day counted, %s and %s rolled up',
		coalesce(p.sold_week, 0), coalesce(p.sold_day, 0), coalesce(h.sold_week, 0), coalesce(h.sold_day, 0))
FROM evently.event_popularity p
FULL JOIN (SELECT x.event_id, sum(x.tickets) AS sold_week,
		coalesce(sum(x.tickets) FILTER (WHERE x.hour >= g.hour - interval '24 hours'), 0) AS sold_day
	FROM evently.sales_hourly x
	JOIN evently.sales_progress g ON x.hour >= g.hour - interval '168 hours'
	JOIN evently.events e ON e.event_id = x.event_id
	GROUP BY x.event_id) h ON h.event_id = p.event_id
WHERE (coalesce(p.sold_week, 0), coalesce(p.sold_day, 0)) <> (coalesce(h.sold_week, 0), coalesce(h.sold_day, 0))
UNION ALL
SELECT 'roll-up', format('event %s', coalesce(k.event_id, h.event_id)),
	format('%s tickets rolled up, %s sold', coalesce(h.tickets, 0), coalesce(k.tickets, 0))
FROM (SELECT x.event_id, count(*) AS tickets
	FROM evently.tickets x
	JOIN evently.orders o ON o.order_id = x.order_id AND o.channel = 'SALE'
	JOIN evently.sales_progress g ON x.ticket_id <= g.ticket_id
	WHERE x.transferred_from IS NULL
	GROUP BY x.event_id) k
FULL JOIN (SELECT x.event_id, sum(x.tickets) AS tickets FROM evently.sales_hourly x GROUP BY x.event_id) h
	ON h.event_id = k.event_id
WHERE coalesce(k.tickets, 0) <> coalesce(h.tickets, 0);
END;
COMMENT ON FUNCTION evently.verify_search IS 'The part of verify() for what search and trending read';
