# The other matches sell in part: 12 visitors at a time, for ten seconds
set -eu
matches=$(psql -At -c 'SELECT count(*) FROM demo.matches')
pgbench -n -c 12 -j 2 -T 10 -D matches="$matches" -f demo/visitor.pgbench >"$DEMO_LOG" 2>&1 ||
	{ cat "$DEMO_LOG" >&2; exit 1; }
psql <<'SQL'
SELECT lower(replace(status, '_', ' ')) AS "orders that are", count(*) AS orders,
	count(DISTINCT event_id) AS matches, sum(total_amount) AS "amount in GBP"
FROM evently.orders GROUP BY status ORDER BY 2 DESC;
SQL
