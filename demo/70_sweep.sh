# pg_cron sweeps the holds that lapsed
set -eu
waiting() {
	psql -At -c "SELECT count(*) FROM evently.orders WHERE status = 'PENDING'
		AND event_id = (SELECT event_id FROM demo.abandoned_match) AND buyer_id <= 300"
}
given_up=$(($(date +%s) + 90))
left=$(waiting)
[ "$left" -eq 0 ] ||
	echo "  $left of the 300 are left; the job runs at the full minute, in $((60 - $(date +%s) % 60)) s"
while [ "$left" -gt 0 ]; do
	[ "$(date +%s)" -lt "$given_up" ] || {
		echo "pg_cron did not sweep them:" >&2
		psql -c 'SELECT * FROM cron.job_run_details' >&2
		exit 1
	}
	sleep 1
	left=$(waiting)
done
psql <<'SQL'
SELECT count(*) AS "holds swept", sum(i.quantity) AS "tickets back on sale",
	(SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded') AS "runs of the job"
FROM evently.orders o
JOIN evently.order_items i USING (order_id)
WHERE o.status = 'EXPIRED';
SQL
