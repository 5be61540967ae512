"""Batches, orders to tickets, the door, signatures, lapsed holds, bookings, trends."""
import itertools
import json
import time

from harness import (BENCH, Figure, Load, Measured, Peer, Redis, Sample, in_rounds, pgbench, pgbench_load,
                     run, run_time, say)
from lines_sell import STOCK, checks, load_orders, many_rounds, ours

MOST_CALLS = 25_000     # that all clients together can make in a second


def per_second(seconds, redis, *words, **options):
    """As many requests to Redis as fill the time."""
    probe = redis.benchmark(*words, requests=2000, **options)
    return lambda: redis.benchmark(*words, requests=max(int(probe.rate * seconds), 1000), **options)


def batch(server, settings):
    """A queue's worker: 100 requests a call."""
    script = "SELECT 1 / (count(order_id) = 100)::integer FROM evently.reserve_tickets_batch(:requests);"

    def sell():
        # A run sells up to two million: each has a tier of its own.
        event, tier = server.put_on_sale(STOCK)
        requests = json.dumps([{'event_id': event, 'buyer_id': n, 'selections': [{'tier_id': tier, 'quantity': 2}]}
                               for n in range(100)])
        return pgbench(server, script, 8, settings.seconds, per_call=100, requests=requests)

    with Redis() as redis:
        redis.cli('SET', 'tier:1', str(10 ** 12))
        sha = redis.cli('-x', 'SCRIPT', 'LOAD', text=(BENCH / 'peers/redis_hold.lua').read_text())
        hold = ('EVALSHA', sha, '1', 'tier:1', '__rand_int__', '2')
        loads = [Load('reserve_tickets_batch', sell)]
        for name, options in {'redis, 8 clients': {'clients': 8}, 'redis, 64 clients': {'clients': 64},
                              'redis, 8 clients, 100 in a pipeline': {'clients': 8, 'pipeline': 100}}.items():
            loads.append(Load(name, per_second(settings.seconds, redis, *hold, **options)))
        measured = in_rounds('batch', loads, settings.rounds, lambda: server.psql('CHECKPOINT'))
        taken = 10 ** 12 - int(redis.cli('GET', 'tier:1'))
        orders = int(redis.cli('GET', 'order_ids'))
        if taken != 2 * orders or int(redis.cli('ZCARD', 'holds')) != orders:
            raise SystemExit(f'Redis: {taken} tickets taken, {orders} orders')
    mine = measured['reserve_tickets_batch']
    return [
        Figure('batch', 'reserve_tickets_batch, 100 a call, 8 clients ÷ Redis + Lua, 8 clients, per reservation', mine.ratio_to(measured['redis, 8 clients']), '≥ 1.5'),
        Figure('batch', '… ÷ Redis + Lua, 64 clients', mine.ratio_to(measured['redis, 64 clients']), '≥ 1.5'),
        Figure('batch', '… ÷ Redis + Lua, 8 clients that send 100 at once', mine.ratio_to(measured['redis, 8 clients, 100 in a pipeline'])),
    ], measured, checks(server) + ['Redis: counter, holds and orders agree']


ORDER = """
\\set buyer random(1, 1000000)
SELECT (evently.reserve_tier(:event, :buyer, :tier, 2)).order_id AS id \\gset
SELECT (evently.confirm_order(:id, 'payment-' || :id, 20)).outcome;
"""
FLOOR_ORDER = """
\\set buyer random(1, 1000000)
SELECT (floor.reserve(1, :buyer, 1, 2)).order_id AS id \\gset
SELECT cardinality(floor.confirm(:id, 'payment-' || :id, 2));
"""


def order(server, settings):
    """From the hold to two tickets: two calls, two transactions."""
    event, tier = server.put_on_sale(STOCK)
    floor = Peer(server, 'floor').setup(STOCK)
    loads = [pgbench_load(server, 'reserve_tier + confirm_order', ORDER, 32, settings.seconds, event=event, tier=tier),
             pgbench_load(server, 'floor', FLOOR_ORDER, 32, settings.seconds)]
    measured = in_rounds('order to tickets', loads, settings.rounds, lambda: server.psql('CHECKPOINT'))
    return [
        Figure('order', 'order to tickets, 32 clients: reserve + confirm of 2 ÷ floor', measured['reserve_tier + confirm_order'].ratio_to(measured['floor']), '≥ 0.85'),
    ], measured, checks(server, floor)


def calls_of_a_client(clients, seconds):
    """More than a client can make in a run and the time before it counts."""
    return int(run_time(seconds) * MOST_CALLS / clients)


def each_once(server, name, call, clients, seconds, first=0, **variables):
    """A load whose calls have a number of their own, :n, counted from first."""
    each = calls_of_a_client(clients, seconds)
    bases = itertools.count(first, clients * each)
    script = '\\set i :i + 1\n\\set n :base + :client_id * :each + :i\n' + call
    return Load(name, lambda: pgbench(server, script, clients, seconds, i=0, base=next(bases), each=each, **variables))


def spend(redis, clients, tickets):
    """DEL spends a ticket in Redis. Of as many as there are, put back each time, one in
    ten of the keys, which are drawn at random, is gone already."""
    redis.fill(tickets, 'VALID')
    return redis.benchmark('DEL', 'ticket:__rand_int__', clients=clients, requests=max(tickets // 5, 1000), keys=tickets)


def door(server, settings):
    """The event is about to start; every scan is of another ticket."""
    clients = 32
    # For the rounds and one to warm up (in_rounds); the JWS take the second half.
    half = clients * calls_of_a_client(clients, settings.seconds) * (settings.rounds + (settings.rounds > 1))
    event, tier = server.put_on_sale(STOCK)
    server.psql(f"""
        UPDATE evently.events SET start_time = now() + interval '1 hour', end_time = now() + interval '5 hours',
            doors_open = now() - interval '1 hour' WHERE event_id = {event}""")
    for first in range(1, 2 * half + 1, 500_000):
        load_orders(server, event, tier, min(500_000, 2 * half - first + 1), first=first)
    Peer(server, 'floor').setup(STOCK)
    say(f'signing {half:,} tokens')
    server.psql(f"""
        INSERT INTO floor.orders SELECT * FROM evently.orders;
        INSERT INTO floor.tickets SELECT * FROM evently.tickets;
        CREATE TABLE tokens AS SELECT n, evently.ticket_token(t.ticket_id) AS token
            FROM generate_series({half + 1}, {2 * half}) n JOIN evently.tickets t ON t.qr_code = md5('{tier}-' || n)::uuid;
        ALTER TABLE tokens ADD PRIMARY KEY (n);
        VACUUM ANALYZE""")
    loads = [
        each_once(server, 'check_in by UUID', "SELECT (evently.check_in(md5(:tier || '-' || :n)::uuid::text, :event, 'North', 'device 1')).result;",
                  clients, settings.seconds, tier=tier, event=event),
        each_once(server, 'floor', "SELECT floor.check_in(md5(:tier || '-' || :n)::uuid);",
                  clients, settings.seconds, tier=tier),
        each_once(server, 'check_in by JWS', "SELECT (evently.check_in((SELECT token FROM tokens WHERE n = :n), :event, 'North', 'device 1')).result;",
                  clients, settings.seconds, first=half, event=event)]
    with Redis() as redis:
        loads.append(Load('redis DEL', lambda: spend(redis, clients, settings.tickets)))
        measured = in_rounds('door', loads, settings.rounds, lambda: server.psql('CHECKPOINT'))
    wrong = server.psql("SELECT count(*) FROM evently.scans WHERE result <> 'ADMIT'")
    if wrong != '0':
        raise SystemExit(f'{wrong} tickets were not admitted')
    mine, floor = measured['check_in by UUID'], measured['floor']
    return [
        Figure('door', 'check_in by UUID, 32 clients ÷ floor', mine.ratio_to(floor), '≥ 0.90'),
        Figure('door', 'check_in by UUID, 32 clients: p99', mine.median('p99'), '≤ 10', ' ms'),
        Figure('door', 'check_in by JWS, 32 clients ÷ floor', measured['check_in by JWS'].ratio_to(floor)),
        Figure('door', 'check_in by UUID, 32 clients ÷ Redis DEL', mine.ratio_to(measured['redis DEL'])),
    ], measured, checks(server) + ['every scan was an ADMIT of another ticket']


def validate(server, settings):
    """Looking at a ticket, one connection, Unix sockets."""
    event, tier = server.put_on_sale(STOCK)
    tickets = settings.tickets
    load_orders(server, event, tier, tickets)
    server.psql('VACUUM ANALYZE')
    script = f"\\set n random(1, {tickets})\nSELECT (evently.validate_ticket(md5(:tier || '-' || :n)::uuid::text, :event)).result;"
    with Redis() as redis:
        redis.fill(tickets, f'VALID:{event}:{tier}')
        get = ('GET', 'ticket:__rand_int__')
        loads = [pgbench_load(server, 'validate_ticket', script, 1, settings.seconds, tier=tier, event=event),
                 Load('redis GET', per_second(settings.seconds, redis, *get, clients=1, keys=tickets))]
        measured = in_rounds('validate', loads, many_rounds(settings))
    return [
        Figure('validate', 'validate_ticket p50 ÷ Redis GET p50, one client, Unix sockets', measured['validate_ticket'].ratio_to(measured['redis GET'], 'p50'), '≤ 2.0'),
    ], measured, checks(server)


def sign(server, settings):
    """Signatures in the backend, the public functions in a loop inside one statement."""
    event, tier = server.put_on_sale(STOCK)
    n = max(int(settings.seconds * 4000), 2000)
    load_orders(server, event, tier, n)
    server.psql(f"""
        CREATE TABLE tokens AS SELECT ticket_id, evently.ticket_token(ticket_id) AS token FROM evently.tickets;
        VACUUM ANALYZE""")

    def loop(expression):
        def measure():
            # Processor time, as openssl speed has it; the first number is in ns.
            began, ended = (int(x) for x in server.psql(f"""
                SELECT FROM (SELECT * FROM tokens LIMIT 10) t WHERE {expression} HAVING count(*) = 0;
                SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
                SELECT FROM tokens WHERE {expression} HAVING count(*) <> {n};
                SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)""").split())
            took = (ended - began) / 1e9
            return Sample(n / took, *[1000 * took / n] * 3, cpu=1e6 * took / n)
        return measure

    def openssl(column):
        def measure():
            out = run('openssl', 'speed', '-seconds', max(int(settings.seconds / 2), 1), 'ed25519', stderr=-3)
            rate = float(out.splitlines()[-1].split()[column])
            return Sample(rate, *[1000 / rate] * 3)
        return measure

    loads = [Load('ticket_token', loop('evently.ticket_token(ticket_id) IS NOT NULL')),
             Load('openssl sign', openssl(-2)),
             Load('validate_ticket by JWS', loop("(evently.validate_ticket(token)).result <> ''")),
             Load('openssl verify', openssl(-1))]
    measured = in_rounds('sign', loads, settings.rounds)
    return [
        Figure('sign', 'JWS signed (ticket_token) ÷ openssl speed ed25519, one core', measured['ticket_token'].ratio_to(measured['openssl sign']), '≥ 0.85'),
        Figure('sign', 'JWS verified (validate_ticket) ÷ openssl speed ed25519, one core', measured['validate_ticket by JWS'].ratio_to(measured['openssl verify']), '≥ 0.85'),
    ], measured, checks(server)


def holds(server, settings):
    """Lapsed holds by the million."""
    events = [server.put_on_sale(settings.holds) for _ in range(10)]

    def lapse():
        for event, tier in events:
            load_orders(server, event, tier, settings.holds // len(events), 'PENDING', expired=True)
        server.psql('VACUUM ANALYZE; CHECKPOINT')

    def release(workers, meanwhile=lambda: None):
        lapse()
        began = time.time()
        jobs = [server.psql_in_background('CALL evently.run_jobs()') for _ in range(workers)]
        result = meanwhile()
        for job in jobs:
            job.communicate()
        took = time.time() - began
        left = server.psql("SELECT count(*) FROM evently.orders WHERE status = 'PENDING' AND expires_at < now()")
        if left != '0':
            raise SystemExit(f'{left} holds were not released')
        say(f'{settings.holds:,} holds released by {workers} workers in {took:.1f} s')
        return took, result

    one, _ = release(1)
    two, _ = release(2)
    event, tier = server.put_on_sale(STOCK)
    sale = ours(server, event, tier, 32, max(min(one / 2, 10), 0.5))
    sale.measure()
    alone = [sale.measure() for _ in range(2)]
    _, beside = release(1, sale.measure)
    n = settings.holds
    rows = {'released by one worker': Sample(n / one, *[1000 * one / n] * 3),
            'released by two workers': Sample(n / two, *[1000 * two / n] * 3),
            'sales alone': Measured('sales alone', alone), 'sales meanwhile': beside}
    return [
        Figure('holds', f'{n:,} lapsed holds released by one worker', one, '≤ 30', ' s'),
        Figure('holds', '… by two workers: times as fast', one / two, '≥ 1.6'),
        Figure('holds', 'sales meanwhile, 32 clients ÷ undisturbed', beside.rate / (sum(s.rate for s in alone) / 2), '≥ 0.8'),
    ], rows, checks(server)


def book(server, settings):
    """Booking venues that have been booked a thousand times, and once."""
    venues = 1000
    few = server.new_database('few')
    for database, each in ((server, max(settings.bookings // venues, 2)), (few, 1)):
        say(f'entering {venues * each:,} bookings')
        database.psql(f"""
            SELECT count(*) FROM (SELECT evently.create_venue('Venue ' || n, 1000, 'ARENA', 'UTC', currency => 'EUR')
                FROM generate_series(1, {venues}) n) v;
            INSERT INTO evently.venue_bookings (venue_id, start_time, end_time, status)
                SELECT v, t, t + interval '6 hours', 'CONFIRMED' FROM generate_series(1, {venues}) v,
                generate_series('2031-01-01 08:00Z'::timestamptz, '2031-01-01 08:00Z'::timestamptz + {each - 1} * interval '1 day', interval '1 day') t;
            VACUUM ANALYZE""")
    call = """
        \\set venue 1 + :n % 1000
        \\set day :n / 1000
        SELECT booking_id FROM evently.book_venue(:venue, NULL, '2031-01-01 16:00Z'::timestamptz + :day * interval '1 day',
            '2031-01-01 20:00Z'::timestamptz + :day * interval '1 day');
        """
    many = f'{settings.bookings:,} bookings'
    loads = [each_once(database, name, call, 16, settings.seconds)
             for database, name in ((server, many), (few, '1,000 bookings'))]
    measured = in_rounds('book_venue', loads, many_rounds(settings), lambda: server.psql('CHECKPOINT'))
    return [
        Figure('book', f'book_venue, 16 clients, with {many} ÷ with 1,000', measured[many].ratio_to(measured['1,000 bookings']), '≥ 0.9'),
    ], measured, checks(server) + checks(few)


def trending(server, settings):
    """The ten best sellers of thousands of events."""
    events = settings.events
    server.psql(run(BENCH / 'generate-events', events))
    server.psql('SELECT evently.rebuild_search(); VACUUM ANALYZE')
    server.psql((BENCH / 'sales.sql').read_text())
    server.psql('VACUUM ANALYZE')
    with Redis() as redis:
        run('redis-cli', '-s', redis.socket, '--pipe',
            input=''.join(f'ZADD trending {n * 7919 % 5003} {n}\r\n' for n in range(events)))
        top = ('ZREVRANGE', 'trending', '0', '9', 'WITHSCORES')
        loads = [pgbench_load(server, 'trending_events(10)', 'SELECT * FROM evently.trending_events(10);', 1, settings.seconds),
                 Load('redis ZREVRANGE 0 9', per_second(settings.seconds, redis, *top, clients=1))]
        measured = in_rounds('trending', loads, settings.rounds)
    return [
        Figure('trending', f'trending_events(10) p50 ÷ Redis ZREVRANGE p50, one client, {events:,} events', measured['trending_events(10)'].ratio_to(measured['redis ZREVRANGE 0 9'], 'p50')),
    ], measured, ['nothing: bench/sales.sql enters only what discovery reads']


LINES = {
    'batch': ('Batches', batch, {}),
    'order': ('Order to tickets', order, {}),
    'door': ('Check-in', door, {}),
    'validate': ('Looking at a ticket', validate, {}),
    'sign': ('Signatures', sign, {}),
    'holds': ('Lapsed holds', holds, {}),
    'book': ('Booking a venue', book, {}),
    'trending': ('Trending', trending, {}),
}
