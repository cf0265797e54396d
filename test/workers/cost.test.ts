import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { ClusterWitness } from '../../witness/cluster.ts';
import { ADMIN, type Agent, type Cluster, type Draft, type Link, newCluster, put } from './cluster-fixture.ts';

// What docs/cost.md counts with. Pings are answered by the runtime: they come to no code that could count them.

const REHEARSALS_A_DAY = 144;
const RENEWALS = 3_600;

/** Everything that the account pays for, of this file's clusters. */
const used = { rowsWritten: 0, messages: 0 };
/** Each has read its rows only when the last of them was taken. */
const cursors: { readonly rowsRead: number }[] = [];
let cluster: Cluster;
let a: Agent;
let b: Agent;
let linkA: Link;
let linkB: Link;

beforeAll(async () => {
  const meter = await newCluster('a');
  await runInDurableObject(meter.stub, (instance, { storage }) => {
    const sql = Object.getPrototypeOf(storage.sql);
    const { exec } = sql;
    sql.exec = function metered(...args: unknown[]) {
      const cursor: { readonly rowsWritten: number; readonly rowsRead: number } = Reflect.apply(exec, this, args);
      used.rowsWritten += cursor.rowsWritten;
      cursors.push(cursor);
      return cursor;
    };
    const store = Object.getPrototypeOf(storage);
    const { setAlarm } = store;
    store.setAlarm = function metered(...args: unknown[]) {
      used.rowsWritten += 1;
      return Reflect.apply(setAlarm, this, args);
    };
    const witness = Object.getPrototypeOf(instance);
    const { webSocketMessage } = witness;
    witness.webSocketMessage = function metered(...args: unknown[]) {
      used.messages += 1;
      return Reflect.apply(webSocketMessage, this, args);
    };
  });
});

beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  [a, b] = [cluster.agent('a'), cluster.agent('b')];
  [linkA, linkB] = [await a.connect(), await b.connect()];
  await linkA.ask(a.hello());
  await linkB.ask(b.hello());
  await linkA.ask(report(a, 'active'));
  await linkB.ask(report(b, 'backup'));
});

function report(agent: Agent, role: string, counter = 1): Draft {
  const group = { group: 'edge', role, ballot: { counter, node: 'a' }, protected: true, reason: null };
  return { type: 'report', peers: [], groups: [group], decisions: [], ...agent.envelope() };
}

async function costOf(act: () => Promise<unknown>): Promise<typeof used> {
  const before = { ...used };
  await act();
  return { rowsWritten: used.rowsWritten - before.rowsWritten, messages: used.messages - before.messages };
}

it('a day of a healthy pair: a rehearsal and a report of round trips every ten minutes, from either node', async () => {
  const cost = await costOf(async () => {
    for (let count = 0; count < REHEARSALS_A_DAY; count += 1) {
      await linkA.ask(a.rehearsal());
      await linkB.ask(b.rehearsal());
      await linkA.ask(report(a, 'active'));
      await linkB.ask(report(b, 'backup'));
      // Ten minutes of pings later it has long been asleep.
      if (count % 24 === 0) await evictDurableObject(cluster.stub);
    }
  });
  expect(cost).toEqual({ rowsWritten: 288, messages: 576 });
});

it('an hour in which one node is gone: each renewal of the vote is one message and one row', async () => {
  await linkA.ask(a.vote(2));
  const cost = await costOf(async () => {
    for (let count = 0; count < RENEWALS; count += 1) await linkA.ask(a.vote(2));
  });
  expect(cost).toEqual({ rowsWritten: RENEWALS, messages: RENEWALS });
});

it('each ring of the alarm that stands behind a vote: one row', async () => {
  await linkA.ask(a.vote(2));
  const cost = await costOf(() => runDurableObjectAlarm(cluster.stub));
  expect(cost).toEqual({ rowsWritten: 1, messages: 0 });
});

it('a failover: the vote, the reports of both nodes, and the events that tell of it', async () => {
  const cost = await costOf(async () => {
    await linkB.ask(b.vote(2));
    await linkB.ask(report(b, 'active'));
    await linkB.ask(b.release(2));
  });
  expect(cost.messages).toBe(3);
  expect(cost.rowsWritten).toBeLessThanOrEqual(10);
});

it('an event that a webhook is told of: four rows more, one of them in the index of what waits', async () => {
  const answered = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(null));
  onTestFinished(() => answered.mockRestore());
  const unheard = await costOf(() => linkB.ask(report(b, 'active', 2)));
  await put(`/v1/clusters/${cluster.name}/webhooks/pager`, ADMIN, {
    url: 'https://hooks.example.com/',
    kinds: ['owner'],
  });
  const told = await costOf(async () => {
    await linkA.ask(report(a, 'active', 3));
    while (await runDurableObjectAlarm(cluster.stub));
  });
  expect(answered).toHaveBeenCalledOnce();
  expect(told.rowsWritten - unheard.rowsWritten).toBe(4);
});

it('a link that is opened anew, as after a deploy of the witness', async () => {
  const cost = await costOf(async () => {
    await evictDurableObject(cluster.stub, { webSockets: 'close' });
    const again = await a.connect();
    await again.ask(a.hello());
    await again.ask(report(a, 'active'));
    await again.ask(a.rehearsal());
  });
  expect(cost).toEqual({ rowsWritten: 1, messages: 3 });
});

async function rowsReadBy(act: () => Promise<unknown>): Promise<number> {
  cursors.splice(0);
  await act();
  return cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0);
}

it('reads few rows, however full the logs are: the free plan has five million a day, of all objects', async () => {
  const answered = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(null));
  onTestFinished(() => answered.mockRestore());
  const webhook = { url: 'https://hooks.example.com/', kinds: ['owner'] };
  await put(`/v1/clusters/${cluster.name}/webhooks/pager`, ADMIN, webhook);
  await runInDurableObject(cluster.stub, (_, { storage: { sql } }) => {
    const numbers = (most: number) =>
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${most})`;
    const body = JSON.stringify({ kind: 'node', node: 'a', state: 'found' });
    sql.exec(`${numbers(5_000)} INSERT INTO event (id, at_ms, body) SELECT 1000 + i, 0, ? FROM n`, body);
    const columns = '(webhook, event, message, state, attempts)';
    const row = `SELECT 'pager', i, '{"data":{"text":""}}', 'delivered', 1 FROM n`;
    sql.exec(`${numbers(2_000)} INSERT INTO delivery ${columns} ${row}`);
  });
  await evictDurableObject(cluster.stub);
  const told = await rowsReadBy(async () => {
    await linkB.ask(report(b, 'active', 2));
    while (await runDurableObjectAlarm(cluster.stub));
  });
  expect(answered).toHaveBeenCalledOnce();
  expect(told).toBeLessThan(60);
  const query = { before: null, limit: 50, group: null, kind: null };
  const seen = await rowsReadBy(() =>
    runInDurableObject(cluster.stub, (instance: ClusterWitness) => instance.overview({ kind: 'admin' }, query)),
  );
  expect(seen).toBeLessThan(200);
  console.log(`rows read: ${told} by an event and its webhook, ${seen} by a look at the page`);
});
