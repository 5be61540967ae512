"""What the lines of the benchmark share: a private server, Redis, load by
pgbench in interleaved rounds, and the results."""
import copy
import dataclasses
import glob
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
PG_CONFIG = os.environ.get('PG_CONFIG', 'pg_config')
STARTED = time.time()

# Stated in the results. Durable: fsync, full_page_writes and synchronous_commit
# are on, and there is no commit_delay, which flatters.
SETTINGS = {
    'shared_buffers': '2GB', 'max_wal_size': '16GB', 'checkpoint_timeout': '1h', 'max_connections': '200',
    'fsync': 'on', 'synchronous_commit': 'on', 'full_page_writes': 'on', 'commit_delay': '0',
    'jit': 'off', 'maintenance_work_mem': '512MB', 'max_parallel_workers_per_gather': '0',
    'evently.require_booking': 'off',
}


def say(text):
    print(f'[{time.time() - STARTED:4.0f} s] {text}', file=sys.stderr, flush=True)


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], check=True, text=True,
                          stdout=subprocess.PIPE, **kwargs).stdout.strip()


def bindir():
    return run(PG_CONFIG, '--bindir')


class Server:
    """A private server with the build under test; gone when the block ends."""

    def __init__(self, preload=None, **settings):
        self.settings = SETTINGS | settings
        self.preload = preload
        self.database = 'postgres'

    def new_database(self, name):
        """The same server, another database, with the extension."""
        other = copy.copy(self)
        self.psql(f'CREATE DATABASE "{name}" TEMPLATE with_evently')
        other.database = name
        return other

    def drop(self, database):
        self.psql(f'DROP DATABASE "{database.database}" WITH (FORCE)')

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='evently-bench.'))
        self.folder.chmod(0o755)
        self.host = self.folder / 'server'
        install = os.environ.get('EVENTLY_DESTDIR')
        if not install:
            install = self.folder / 'install'
            run('make', '-s', f'-j{os.cpu_count()}', 'all', cwd=ROOT)
            run('make', '-s', 'install', f'DESTDIR={install}', cwd=ROOT)
        run('make', '-s', f'PG_CONFIG={PG_CONFIG}', cwd=BENCH)
        for library in ('floor.so', 'slow_fsync.so'):
            shutil.copy(BENCH / library, self.folder)
        self.bin = bindir()
        settings = {'extension_destdir': install} | self.settings
        env = os.environ | ({'LD_PRELOAD': str(self.folder / self.preload)} if self.preload else {})
        run(ROOT / 'scripts/private-server', 'start', self.host,
            *(f'{k}={v}' for k, v in settings.items()), env=env)
        self.psql('CREATE DATABASE with_evently')
        template = copy.copy(self)
        template.database = 'with_evently'
        template.psql('CREATE EXTENSION evently CASCADE')
        return self

    def __exit__(self, *_):
        run(ROOT / 'scripts/private-server', 'stop', self.host)
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, program, *args):
        return [f'{self.bin}/{program}', '-h', self.host, '-U', 'postgres', *args]

    def psql(self, sql, **variables):
        """Run SQL; the answer's lines, columns apart by |."""
        settings = [x for k, v in variables.items() for x in ('-v', f'{k}={v}')]
        env = os.environ | {'PGOPTIONS': '-c client_min_messages=warning'}
        return run(*self.command('psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', *settings, self.database),
                   input=sql, env=env)

    def psql_in_background(self, sql):
        return subprocess.Popen([str(c) for c in self.command('psql', '-qAtX', self.database, '-c', sql)],
                                stdout=subprocess.PIPE, text=True)

    def put_on_sale(self, quantity, shards='NULL', hold='15 minutes'):
        """An event with one tier; both ids."""
        event = self.psql(f"""
            SELECT event_id FROM evently.create_event(1, 'The benchmark', 'CONCERT',
                now() + interval '30 days', now() + interval '30 days 3 hours', hold_duration => '{hold}')""")
        tier = self.psql(f"SELECT tier_id FROM evently.create_tier({event}, 'GENERAL', 10, {quantity}, shards => {shards})")
        self.psql(f'SELECT FROM evently.publish_event({event}); SELECT FROM evently.open_sale({event})')
        return int(event), int(tier)

    def of_postmaster(self, file):
        """What the kernel tells of the postmaster."""
        pid = (self.host / 'data/postmaster.pid').read_text().split('\n')[0]
        return pathlib.Path(f'/proc/{pid}/{file}').read_text()

    def has_huge_pages(self):
        """Whether the shared memory lies in them: huge_pages is "try"."""
        return bool(re.search(r'^HugetlbPages:\s+[1-9]', self.of_postmaster('status'), re.M))

    def processor_seconds(self):
        """What all backends that have ended took, pgbench's among them."""
        while self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench'"):
            time.sleep(0.02)
        time.sleep(0.05)
        times = self.of_postmaster('stat').rpartition(')')[2].split()[13:15]
        return sum(map(int, times)) / os.sysconf('SC_CLK_TCK')

    def deadlocks(self):
        return int(self.psql('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'))


@dataclasses.dataclass
class Sample:
    """One run of a load: calls a second, milliseconds, microseconds of the server's
    processor time for a call."""
    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float = float('nan')

    @staticmethod
    def from_latencies(rate, latencies, cpu=float('nan')):
        latencies.sort()
        pick = lambda q: latencies[min(int(q * len(latencies)), len(latencies) - 1)] if latencies else float('nan')
        return Sample(rate, pick(0.50), pick(0.95), pick(0.99), cpu)


def skipped_time(seconds):
    return min(2, seconds / 2)


def run_time(seconds):
    """How long pgbench runs, in whole seconds."""
    return math.ceil(seconds + skipped_time(seconds))


def pgbench(server, script, clients, seconds=None, transactions=None, per_call=1, **variables):
    """Load by pgbench; script is its text. What the first two seconds bring does
    not count: connections and plans are made then. Latencies in ms."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'script'
        path.write_text(script)
        skipped = skipped_time(seconds) if seconds else 0
        how_long = ['-T', run_time(seconds)] if seconds else ['-t', transactions]
        command = server.command('pgbench', '-n', '-M', 'prepared', '-c', clients, '-j', min(clients, 2), *how_long,
                                 '--log', '--log-prefix', f'{folder}/log',
                                 *(x for k, v in variables.items() for x in ('-D', f'{k}={v}')),
                                 '-f', path, server.database)
        before = server.processor_seconds()
        done = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        used = server.processor_seconds() - before
        failed = re.search(r'^number of failed transactions: (\d+)', done.stdout, re.M)
        if done.returncode or not failed or failed[1] != '0':
            raise SystemExit(f'pgbench failed:\n{script}\n{done.stdout}{done.stderr}')
        # client, number, latency in us, script, seconds, microseconds
        ended = [(int(f[4]) + int(f[5]) / 1e6, int(f[2]) / 1000) for log in glob.glob(f'{folder}/log*')
                 for f in map(str.split, open(log))]
    first, last = min(ended)[0] + skipped, max(ended)[0]
    latencies = [latency for at, latency in ended if at >= first]
    return Sample.from_latencies(len(latencies) / (last - first) * per_call, latencies,
                                 1e6 * used / len(ended) / per_call)


@dataclasses.dataclass
class Load:
    """A contender: what is measured once for each round."""
    name: str
    measure: object                 # () -> Sample


def pgbench_load(server, name, script, clients, seconds, **options):
    return Load(name, lambda: pgbench(server, script, clients, seconds, **options))


class Measured:
    """The samples of a contender over the rounds."""

    def __init__(self, name, samples):
        self.name, self.samples = name, samples

    def median(self, field='rate'):
        return statistics.median(getattr(s, field) for s in self.samples)

    def ratio_to(self, other, field='rate'):
        """The median of the rounds' ratios: what drifts from round to round hits both."""
        return statistics.median(getattr(a, field) / getattr(b, field)
                                 for a, b in zip(self.samples, other.samples))

    def as_row(self):
        rates = [s.rate for s in self.samples]
        return {'name': self.name, 'rate': self.median(), 'low': min(rates), 'high': max(rates),
                'p50': self.median('p50'), 'p95': self.median('p95'), 'p99': self.median('p99'), 'cpu': self.median('cpu')}


def in_rounds(title, loads, rounds, before=lambda: None):
    """Measure each load once a round, in turn, every other round backwards; once
    before that does not count."""
    samples = {load.name: [] for load in loads}
    for load in loads if rounds > 1 else ():
        load.measure()              # the first time finds cold caches
    for i in range(rounds):
        for load in loads if i % 2 == 0 else reversed(loads):
            before()
            sample = load.measure()
            samples[load.name].append(sample)
            say(f'{title}, round {i + 1} of {rounds}: {load.name} {sample.rate:,.0f}/s, '
                f'p50 {sample.p50:.3g} p95 {sample.p95:.3g} p99 {sample.p99:.3g} ms, {sample.cpu:.0f} us')
    return {load.name: Measured(load.name, samples[load.name]) for load in loads}


class Peer:
    """A file of bench/peers: what comes first makes the schema; then sections
    "sold" (tickets sold before), "client" (a pgbench script), "verify" (a query
    that finds nothing when the peer was right) and whatever else it names.
    """

    def __init__(self, server, file, schema=None):
        text = (BENCH / 'peers' / f'{file}.sql').read_text()
        if schema:
            text = text.replace(file, schema)
        parts = re.split(r'^-- (\w+)\n', text, flags=re.M)
        self.server, self.name = server, schema or file
        self.sections = dict(zip(parts[1::2], parts[2::2]), setup=parts[0])

    def setup(self, stock, sections=(), **variables):
        self.variables = {'stock': stock, 'floor': self.server.folder / 'floor.so'} | variables
        for section in ('setup', *sections):
            self.server.psql(self.sections[section], **self.variables)
        return self

    def load(self, clients, seconds, **variables):
        script = '\\set buyer random(1, 1000000)\n' + self.sections['client']
        return pgbench_load(self.server, self.name, script, clients, seconds, **variables)

    def verify(self):
        return self.server.psql(self.sections['verify'], **self.variables)


class Redis:
    """A private Redis, every write on disk before it is answered."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='evently-bench-redis.')
        self.socket = f'{self.folder}/redis.sock'
        self.process = subprocess.Popen(
            ['redis-server', '--port', '0', '--unixsocket', self.socket, '--dir', self.folder,
             '--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--daemonize', 'no',
             '--auto-aof-rewrite-percentage', '0'], stdout=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(self.socket):
                return self
            time.sleep(0.1)
        raise SystemExit('redis-server does not start')

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cli(self, *words, text=None):
        return run('redis-cli', '-s', self.socket, *words, input=text)

    def fill(self, tickets, value):
        """One key for each ticket."""
        self.cli('--pipe', text=''.join(f'SET ticket:{n:012} {value}\r\n' for n in range(tickets)))

    def benchmark(self, *words, clients, requests, pipeline=1, keys=1000000):
        """redis-benchmark with one command; __rand_int__ in it varies."""
        out = run('redis-benchmark', '-s', self.socket, '-c', clients, '-n', requests, '-P', pipeline,
                  '-r', keys, '--csv', *words)
        # "test","rps","avg","min","p50","p95","p99","max", times in ms
        row = re.findall(r'"([^"]*)"', out.splitlines()[-1])
        return Sample(float(row[-7]), float(row[-4]), float(row[-3]), float(row[-2]))


def machine():
    cpu = re.search(r'^model name\s*: (.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.M)
    memory = int(re.search(r'MemTotal:\s+(\d+)', pathlib.Path('/proc/meminfo').read_text())[1]) // 1048576
    system = re.search(r'^PRETTY_NAME="(.*)"', pathlib.Path('/etc/os-release').read_text(), re.M)
    version = run(f'{bindir()}/postgres', '-V').split()[2]
    return (f'{cpu[1] if cpu else os.uname().machine}, {os.cpu_count()} cores, {memory} GB, '
            f'{system[1] if system else os.uname().sysname}, Linux {os.uname().release}, PostgreSQL {version}')


def disk(folder):
    """How long a write of 8 kB and its fdatasync take where the server's data is, in ms."""
    path = pathlib.Path(folder) / 'fdatasync'
    times = []
    with open(path, 'wb') as file:
        for _ in range(100):
            file.seek(0)
            file.write(b'x' * 8192)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - began))
    path.unlink()
    return statistics.median(times)


@dataclasses.dataclass
class Figure:
    """A line of the table."""
    line: str                       # the command that measures it
    what: str
    value: float = None
    target: str = None              # such as '≥ 0.90'; None: reported only
    unit: str = ''
    note: str = ''

    def met(self):
        if not self.target or self.value is None:
            return None
        sign, bound = self.target.split()[:2]
        bound = float(bound.replace(',', ''))
        return self.value >= bound if sign == '≥' else self.value <= bound


class Results:
    """All that is known, kept as JSON; a line measured anew replaces its old self."""

    def __init__(self, name):
        self.path = BENCH / 'results' / f'{name}.json'
        self.lines = json.loads(self.path.read_text()) if self.path.exists() else {}

    def put(self, line, title, figures, rows, verified, facts):
        self.lines[line] = {
            'title': title, 'date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()),
            'figures': [dataclasses.asdict(f) | {'met': f.met()} for f in figures],
            'rows': rows, 'verified': verified, 'facts': facts}
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self.lines, indent=1, ensure_ascii=False) + '\n')
