import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { ADMIN, type Agent, type Cluster, type Draft, type Link, newCluster, put } from './cluster-fixture.ts';

// What docs/cost.md counts with. Pings are answered by the runtime: they come to no code that could count them.

const REHEARSALS_A_DAY = 144;
const RENEWALS = 3_600;

/** Everything that the account pays for, of this file's clusters. */
const used = { rowsWritten: 0, messages: 0 };
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
      const cursor: { readonly rowsWritten: number } = Reflect.apply(exec, this, args);
      used.rowsWritten += cursor.rowsWritten;
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

it('an event that a webhook is told of: three rows more', async () => {
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
  expect(told.rowsWritten - unheard.rowsWritten).toBe(3);
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
