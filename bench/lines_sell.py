"""Selling: the hot tier, refusals, open snapshots, history."""
import time

from harness import Figure, Load, Peer, in_rounds, pgbench, pgbench_load, say

STOCK = 10_000_000
RESERVE_TICKETS = """
\\set buyer random(1, 1000000)
SELECT (evently.reserve_tickets(:event, :buyer, :selections)).order_id;
"""
RESERVE_TIER = """
\\set buyer random(1, 1000000)
SELECT (evently.reserve_tier(:event, :buyer, :tier, :quantity)).order_id;
"""


def ours(server, event, tier, clients, seconds, script=RESERVE_TICKETS, name='reserve_tickets', quantity=2):
    # pgbench passes the selections as one parameter, as an application does.
    variables = ({'event': event, 'selections': '[{"tier_id": %d, "quantity": %d}]' % (tier, quantity)}
                 if script is RESERVE_TICKETS else {'event': event, 'tier': tier, 'quantity': quantity})
    return pgbench_load(server, name, script, clients, seconds, **variables)


def many_rounds(settings):
    """For two that are near each other, on a machine that is faster at one moment than the next."""
    return 3 * settings.rounds if settings.rounds > 1 else 1


def checks(server, *peers):
    """What is wrong after the run; for the results."""
    found = server.psql('SELECT * FROM evently.verify()')
    wrong = {'verify()': found} | {peer.name: peer.verify() for peer in peers}
    wrong = {k: v for k, v in wrong.items() if v}
    if wrong:
        raise SystemExit(f'not exact: {wrong}')
    deadlocks = server.deadlocks()
    return [f'verify() found nothing, {deadlocks} deadlocks'
            + (f'; {", ".join(p.name for p in peers)}: stock and orders agree' if peers else '')]


def sell(server, settings, clients, peers=('floor', 'counter', 'for_update')):
    """The hot tier: one tier, everybody wants it."""
    event, tier = server.put_on_sale(STOCK)
    peers = [Peer(server, name).setup(STOCK) for name in peers]
    loads = [ours(server, event, tier, clients, settings.seconds),
             ours(server, event, tier, clients, settings.seconds, RESERVE_TIER, 'reserve_tier'),
             *(peer.load(clients, settings.seconds, quantity=2) for peer in peers)]
    measured = in_rounds(f'selling, {clients} clients', loads, settings.rounds,
                         lambda: server.psql('CHECKPOINT'))
    return measured, checks(server, *peers)


def sell_lines(clients):
    def line(server, settings):
        measured, verified = sell(server, settings, clients)
        mine = measured['reserve_tickets']
        return [
            Figure('sell', f'hot tier, {clients} clients: reserve_tickets ÷ floor', mine.ratio_to(measured['floor']), '≥ 0.90'),
            Figure('sell', f'hot tier, {clients} clients: reserve_tier ÷ floor', measured['reserve_tier'].ratio_to(measured['floor'])),
            Figure('sell', f'hot tier, {clients} clients: ÷ one counter row', mine.ratio_to(measured['counter']), '≥ 6'),
            Figure('sell', f'hot tier, {clients} clients: ÷ client-side FOR UPDATE', mine.ratio_to(measured['for_update']), '≥ 10'),
        ], measured, verified
    return line


def slow_disk(server, settings):
    measured, verified = sell(server, settings, 32)
    mine = measured['reserve_tickets']
    return [
        Figure('slow-disk', 'with 1 ms added to each fdatasync, 32 clients: ÷ floor', mine.ratio_to(measured['floor'])),
        Figure('slow-disk', 'with 1 ms added to each fdatasync, 32 clients: ÷ one counter row', mine.ratio_to(measured['counter']), '≥ 10'),
        Figure('slow-disk', 'with 1 ms added to each fdatasync, 32 clients: ÷ client-side FOR UPDATE', mine.ratio_to(measured['for_update']), '≥ 15'),
    ], measured, verified


TRY_RESERVE = """
\\set buyer random(1, 1000000)
SELECT (evently.try_reserve_tier(:event, :buyer, :tier, 1)).sqlstate;
"""
# A refusal is false when the stock read after it would still have done.
SELL_OUT = """
\\set buyer random(1, 1000000)
SELECT coalesce(sqlstate = 'TK001', false) AS refused
FROM evently.try_reserve_tier(:event, :buyer, :tier, 1) \\gset
\\if :refused
INSERT INTO false_refusals SELECT FROM evently.inventory_shards
WHERE tier_id = :tier HAVING sum(available) > 0;
\\endif
"""


def refusals(server, settings):
    """A sale to the last ticket, then those who come too late."""
    server.psql('CREATE TABLE false_refusals ()')
    event, tier = server.put_on_sale(STOCK)
    total = settings.sell_out
    small_event, small_tier = server.put_on_sale(total)
    pgbench(server, SELL_OUT, 32, transactions=total // 25, event=small_event, tier=small_tier)
    sold, wrong = server.psql(f"""
        SELECT sum(quantity), (SELECT count(*) FROM false_refusals)
        FROM evently.order_items WHERE tier_id = {small_tier}""").split('|')
    if sold != str(total) or wrong != '0':
        raise SystemExit(f'sold {sold} of {total}, {wrong} false refusals')
    server.psql('CALL evently.run_jobs(); VACUUM evently.inventory_shards')
    wal = []

    def refuse():
        before = server.psql('SELECT pg_current_wal_insert_lsn()')
        sample = pgbench(server, TRY_RESERVE, 32, settings.seconds, event=small_event, tier=small_tier)
        wal.append(int(server.psql(f"SELECT pg_current_wal_insert_lsn() - '{before}'")) / (sample.rate * settings.seconds))
        return sample

    loads = [Load('refused', refuse),
             pgbench_load(server, 'sold', TRY_RESERVE, 32, settings.seconds, event=event, tier=tier)]
    measured = in_rounds('refusals', loads, settings.rounds, lambda: server.psql('CHECKPOINT'))
    locks = server.psql(f"""
        BEGIN;
        SELECT FROM evently.try_reserve_tier({small_event}, 1, {small_tier}, 1);
        SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'transactionid';
        SELECT pg_current_xact_id_if_assigned() IS NULL;
        COMMIT""").split()
    if locks != ['0', 't']:
        raise SystemExit(f'a refused call had a transaction id: {locks}')
    return [
        Figure('refusals', 'refusals (TK001) after the sell-out, 32 clients ÷ sales', measured['refused'].ratio_to(measured['sold']), '≥ 5'),
    ], measured, checks(server) + [
        f'sold out to the last of {total:,} by 32 clients, no false refusal',
        f'a refused call has no transaction id and locks no row; {min(wal):.1f} bytes of WAL a refusal']


def snapshot(server, settings):
    """A reader that never ends keeps every version of every shard alive."""
    event, tier = server.put_on_sale(STOCK)
    # Of one ticket each, so that five minutes do not sell out.
    load = ours(server, event, tier, 32, settings.snapshot_step, quantity=1)
    load.measure()
    server.psql('VACUUM; CHECKPOINT')
    before = [load.measure() for _ in range(2)]
    reader = server.psql_in_background(
        'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM evently.events; '
        f'SELECT pg_sleep({settings.snapshot}); COMMIT')
    time.sleep(1)
    began, course = time.time(), []
    while time.time() - began + settings.snapshot_step <= settings.snapshot:
        sample = load.measure()
        course.append((time.time() - began, sample))
        say(f'snapshot held for {course[-1][0]:.0f} s: {sample.rate:,.0f}/s')
    reader.wait()
    without = sum(s.rate for s in before) / len(before)
    last = course[-1][1]
    rows = {'without a snapshot': before[-1]} | {f'held for {t:.0f} s': s for t, s in course}
    return [
        Figure('snapshot', f'REPEATABLE READ snapshot held for {settings.snapshot} s, at its end ÷ without', last.rate / without, '≥ 0.5'),
    ], rows, checks(server)


def history(server, settings):
    """Peers where many tickets are sold already."""
    sold, stock = settings.history, 10 * settings.history
    event, tier = server.put_on_sale(STOCK)
    load_orders(server, event, tier, sold)
    clients = 32
    peers = [Peer(server, 'counter').setup(stock, ['sold'], sold=sold),
             Peer(server, 'for_update').setup(stock, ['sold'], sold=sold),
             Peer(server, 'pretix').setup(stock, ['sold'], sold=sold),
             Peer(server, 'hi_events').setup(stock, ['sold'], sold=sold),
             Peer(server, 'alfio').setup(stock, ['sold'], sold=sold),
             Peer(server, 'alfio', 'alfio_indexed').setup(stock, ['index', 'sold'], sold=sold)]
    server.psql('VACUUM ANALYZE')
    loads = [ours(server, event, tier, clients, settings.seconds),
             *(peer.load(clients, settings.seconds, quantity=2) for peer in peers)]
    measured = in_rounds(f'{sold:,} sold', loads, settings.rounds, lambda: server.psql('CHECKPOINT'))
    mine = measured['reserve_tickets']
    best = max((m for name, m in measured.items() if name not in ('reserve_tickets', 'counter', 'for_update')),
               key=lambda m: m.median())
    return [
        Figure('history', f"{sold:,} sold, 32 clients: ÷ the best of the peers' patterns", mine.ratio_to(best), '≥ 6', note=best.name),
        *(Figure('history', f'{sold:,} sold, 32 clients: ÷ {m.name}', mine.ratio_to(m))
          for name, m in measured.items() if name != 'reserve_tickets'),
    ], measured, checks(server, *peers)


def load_orders(server, event, tier, n, status='CONFIRMED', expired=False, first=1):
    """n orders of one ticket each, through the tables; the stock follows. The
    secret of ticket i of the tier is the MD5 sum of "tier-i"."""
    when = "now() - interval '1 minute'" if expired else "now() + interval '1 year'"
    paid = status == 'CONFIRMED'
    server.psql(f"""
        BEGIN;
        SET LOCAL session_replication_role = replica;
        CREATE TEMP TABLE fresh ON COMMIT DROP AS
            SELECT nextval('evently.order_ids') AS order_id, g AS n FROM generate_series({first}, {first + n - 1}) g;
        INSERT INTO evently.orders (order_id, event_id, buyer_id, status, total_amount, currency, payment_id, created_at, expires_at, confirmed_at)
            SELECT order_id, {event}, n, '{status}', 10, e.currency, {"'loaded-' || order_id" if paid else 'NULL'},
                now() - interval '1 hour', {when}, {'now()' if paid else 'NULL'}
            FROM fresh, evently.events e WHERE e.event_id = {event} ORDER BY order_id;
        INSERT INTO evently.order_items (order_id, tier_id, quantity, unit_price)
            SELECT order_id, {tier}, 1, 10 FROM fresh ORDER BY order_id;
        {f'''
        INSERT INTO evently.payments (payment_id, order_id, amount, currency, outcome, reported_at)
            SELECT 'loaded-' || order_id, order_id, 10, e.currency, 'CONFIRMED', now()
            FROM fresh, evently.events e WHERE e.event_id = {event} ORDER BY order_id;
        INSERT INTO evently.tickets (order_id, tier_id, event_id, qr_code)
            SELECT order_id, {tier}, {event}, md5('{tier}-' || n)::uuid FROM fresh ORDER BY order_id;
        ''' if paid else ''}
        -- Each shard gives its part, the last ones the rest.
        UPDATE evently.inventory_shards s SET available = s.available - p.part
        FROM (SELECT shard, {n} / count(*) OVER () + (row_number() OVER (ORDER BY shard) <= {n} % count(*) OVER ())::int AS part
            FROM evently.inventory_shards WHERE tier_id = {tier}) p
        WHERE s.tier_id = {tier} AND s.shard = p.shard;
        COMMIT""")


def millions(server, settings):
    """A sale into tables that hold millions of orders, beside one into empty tables."""
    empty = server.new_database('fresh')
    fresh_event, fresh_tier = empty.put_on_sale(STOCK)
    event, tier = server.put_on_sale(STOCK)
    for done in range(0, settings.millions, 500_000):
        load_orders(server, event, tier, min(500_000, settings.millions - done), first=done + 1)
        say(f'sold {min(done + 500_000, settings.millions):,}')
    server.psql('VACUUM ANALYZE')
    verified = checks(server)
    sold = f'{settings.millions:,} sold'
    loads = [ours(empty, fresh_event, fresh_tier, 32, settings.seconds, name='at the start'),
             ours(server, event, tier, 32, settings.seconds, name=sold)]
    measured = in_rounds('after millions', loads, many_rounds(settings), lambda: server.psql('CHECKPOINT'))
    return [
        Figure('millions', f'after {sold} ÷ at the start', measured[sold].ratio_to(measured['at the start']), '≥ 0.95'),
    ], measured, verified + checks(server)


def bloat(server, settings):
    """Whether the shards' table stays small while it is updated without end."""
    event, tier = server.put_on_sale(STOCK)
    load = ours(server, event, tier, 32, settings.bloat_step, quantity=1)
    parts = int(settings.bloat / settings.bloat_step)
    rows, sizes = {}, []
    for i in range(parts):
        sample = load.measure()
        sizes.append(int(server.psql("SELECT pg_table_size('evently.inventory_shards')")) // 1024)
        rows[f'part {i + 1} of {parts}, shards {sizes[-1]} kB'] = sample
        say(f'bloat: {sample.rate:,.0f}/s, shards {sizes[-1]} kB')
    # A version of a row takes 40 bytes and a line pointer of 4.
    written = int(server.psql("SELECT 44 * n_tup_upd FROM pg_stat_user_tables WHERE relname = 'inventory_shards'"))
    return [
        Figure('bloat', f'shards after {settings.bloat} s of updates ÷ the versions written meanwhile, in bytes', 1024 * sizes[-1] / written, '≤ 0.02', note=f'{sizes[-1]} kB'),
        Figure('bloat', '… ÷ after half of them', sizes[-1] / sizes[parts // 2 - 1]),
        Figure('bloat', f'rate in the last {settings.bloat_step:g} s of {settings.bloat} s ÷ in the first',
               rows[list(rows)[-1]].rate / rows[list(rows)[0]].rate),
    ], rows, checks(server)


LINES = {
    'sell-32': ('The hot tier, 32 clients', sell_lines(32), {}),
    'sell-64': ('The hot tier, 64 clients', sell_lines(64), {}),
    'slow-disk': ('The hot tier on a slow disk', slow_disk, {'preload': 'slow_fsync.so'}),
    'refusals': ('Sold out', refusals, {}),
    'snapshot': ('An old snapshot', snapshot, {}),
    'history': ('Peers with a history', history, {}),
    'bloat': ('Bloat', bloat, {}),
    'millions': ('Millions sold', millions, {}),
}
