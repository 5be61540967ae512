// Buyers behind a pool of few server connections, by npm's "pg": they reserve,
// pay, enter and search at the same time, and leave their settings behind.
//
// stdin:  { host, port, database, style: simple | unnamed | named, clients, max_uses,
//           buyers: [id ...], event, tier, rare: id of a tier with few tickets }
// stdout: { sold: [ticket id ...], rare: number, doors: {answers: number}, found: number,
//           batch: {sqlstate or ok: number}, retries, errors: {message: number} }
import { readFileSync } from 'node:fs';
import pg from 'pg';

const input = JSON.parse(readFileSync(0, 'utf8'));
const { style, event, tier, rare } = input;
const pool = new pg.Pool({
  host: input.host, port: input.port, database: input.database, user: 'app',
  max: input.clients, maxUses: input.max_uses,
});
const result = { sold: [], rare: 0, doors: {}, found: 0, batch: {}, retries: 0, errors: {} };
const count = (of, what) => { of[what] = (of[what] ?? 0) + 1; };

// The rows of one statement, in the style asked for, by whoever is free.
const names = new Map();
async function run(text, values = [], client = pool) {
  if (style === 'simple') {
    const literal = (value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)));
    return (await client.query(text.replace(/\$(\d+)/g, (_, n) => literal(values[n - 1])))).rows;
  }
  if (!names.has(text)) names.set(text, `statement ${names.size}`);
  return (await client.query({ name: style === 'named' ? names.get(text) : undefined, text, values })).rows;
}

// A transaction of several statements, again as long as the server says so.
async function transaction(level, work) {
  const client = await pool.connect();
  try {
    for (;;) {
      try {
        await client.query(`BEGIN ISOLATION LEVEL ${level}`);
        const done = await work((text, values) => run(text, values, client));
        await client.query('COMMIT');
        return done;
      } catch (error) {
        await client.query('ROLLBACK');
        if (error.code !== '40001') throw error;
        result.retries++;
      }
    }
  } finally {
    client.release();
  }
}

// What a careless client leaves to whoever comes after it.
async function leave_traces() {
  await run("SET search_path = pg_temp, nowhere; SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET enable_indexscan = off"
    .split('; ')[Math.floor(Math.random() * 4)]);
  await run('CREATE TEMP TABLE IF NOT EXISTS orders (order_id text)');
  await run('CREATE TEMP TABLE IF NOT EXISTS tickets (ticket_id text)');
}

async function buy(buyer) {
  const key = `key ${buyer}`;
  const reserve = 'SELECT order_id FROM evently.reserve_tier($1, $2, $3, $4, $5)';
  const [[one], [other]] = await Promise.all([1, 2].map(() => run(reserve, [event, buyer, tier, 2, key])));
  if (one.order_id !== other.order_id) count(result.errors, 'a key gave two orders');
  await leave_traces();
  const paid = await run('SELECT outcome, t.ticket_id, t.qr_code FROM evently.confirm_order($1, $2) c, unnest(c.tickets) t',
    [one.order_id, `payment ${buyer}`]);
  for (const { outcome, ticket_id: ticket } of paid) {
    if (outcome !== 'CONFIRMED') count(result.errors, `outcome ${outcome}`);
    result.sold.push(Number(ticket));
  }
  const scans = await Promise.all([1, 2].map(() =>
    run('SELECT result FROM evently.check_in($1, $2)', [paid[0].qr_code, event])));
  count(result.doors, scans.map(([scan]) => scan.result).sort().join(' '));

  const [lucky] = await run('SELECT (reservation).order_id, sqlstate FROM evently.try_reserve_tier($1, $2, $3, 1)', [event, buyer, rare]);
  if (lucky.sqlstate === null) {
    await run('SELECT outcome FROM evently.confirm_order($1, $2)', [lucky.order_id, `rare ${buyer}`]);
    result.rare++;
  } else if (lucky.sqlstate !== 'TK001') count(result.errors, lucky.sqlstate);

  const level = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'][buyer % 3];
  await transaction(level, async (within) => {
    const [held] = await within('SELECT order_id FROM evently.reserve_tickets($1, $2, $3)',
      [event, buyer, JSON.stringify([{ tier_id: tier, quantity: 1 }])]);
    await within('SELECT status FROM evently.cancel_order($1, $2)', [held.order_id, 'changed my mind']);
  });
  const found = await run('SELECT title FROM evently.search_events($1)', ['concert']);
  result.found += found.length;
}

async function batch() {
  const requests = input.buyers.map((buyer) => ({
    event_id: event, buyer_id: buyer, selections: [{ tier_id: tier, quantity: buyer % 2 ? 1 : 11 }],
  }));
  for (const { order_id: order, sqlstate } of await run('SELECT * FROM evently.reserve_tickets_batch($1)', [JSON.stringify(requests)])) {
    count(result.batch, sqlstate ?? 'ok');
    if (order) await run('SELECT FROM evently.cancel_order($1, $2)', [order, 'batch']);
  }
}

const caught = (work) => work.catch((error) => count(result.errors, `${error.code} ${error.message}`));
await Promise.all([
  ...input.buyers.map((buyer) => caught(buy(buyer))),
  caught(batch()),
  ...[1, 2].map(() => caught(run('CALL evently.run_jobs()'))),
]);
await caught(run('CALL evently.run_jobs()'));
await pool.end();
console.log(JSON.stringify(result));
