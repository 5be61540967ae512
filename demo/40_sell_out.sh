# A match sells out: 16 buyers at a time, each reserves and pays
set -eu

psql -At <<'SQL'
-- The opening round's in the smallest ground.
CREATE VIEW demo.sold_out_match AS
SELECT * FROM demo.matches WHERE match <= 10 ORDER BY capacity, match LIMIT 1;

SELECT format('  %s v %s, %s', home, away, to_char(kick_off, 'FMDay FMDD FMMonth YYYY, HH24:MI'))
FROM demo.sold_out_match;
SQL

left() {
	psql -At -F ' ' -v ON_ERROR_STOP=1 <<-'SQL'
		SELECT sum(i.available_quantity), sum(i.total_quantity - i.held_back)
		FROM evently.tier_inventory i
		JOIN demo.sold_out_match USING (event_id)
	SQL
}

# Each wants two and a half tickets on average; there are half as many buyers
# again as the match has tickets for, and the last of them are refused.
set -- $(left)
buyers=$(($2 * 6 / 10))
pgbench -n -c 16 -j 2 -t $((buyers / 16)) -f demo/buyer.pgbench >"$DEMO_LOG" 2>&1 &
sale=$!
while kill -0 "$sale" 2>/dev/null; do
	set -- $(left)
	printf '  %3s s  %6s of %s tickets left\n' "$(($(date +%s) - DEMO_START))" "$1" "$2"
	[ "$1" -gt 0 ] || break
	sleep 2
done
wait "$sale" || { cat "$DEMO_LOG" >&2; exit 1; }
set -- $(left)
[ "$1" -eq 0 ] || { echo "$1 tickets were not sold" >&2; exit 1; }
sed -n 's/^tps = \([0-9]*\).*/  sold out; \1 buyers a second were served, the refused ones included/p' "$DEMO_LOG"
