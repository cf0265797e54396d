import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  Agent,
  type Cluster,
  call,
  fakeTime,
  justCreatedCluster,
  newCluster,
  put,
  TTL_MAX_MS,
} from './cluster-fixture.ts';

beforeEach(fakeTime);
afterEach(() => {
  vi.useRealTimers();
});

async function pair(): Promise<Cluster> {
  const cluster = await newCluster('a', 'b');
  await cluster.agent('a').welcome();
  await cluster.agent('b').welcome();
  return cluster;
}

/** The instance dies, as it does in hibernation or a deploy; its timers die with it. */
async function sleep(cluster: Cluster): Promise<void> {
  await evictDurableObject(cluster.stub);
  vi.clearAllTimers();
}

function stored(cluster: Cluster): Promise<string> {
  return runInDurableObject(cluster.stub, (_, state) => {
    const [row] = state.storage.sql.exec('SELECT register FROM vote').toArray();
    return String(row?.register);
  });
}

function pendingAlarm(cluster: Cluster): Promise<number | null> {
  return runInDurableObject(cluster.stub, (_, state) => state.storage.getAlarm());
}

/** As when the disk is full. A new instance has another `sql`. */
function failingWrites(cluster: Cluster): Promise<void> {
  return runInDurableObject(cluster.stub, (_, { storage: { sql } }) => {
    const exec = sql.exec.bind(sql);
    vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
      if (query.startsWith('INSERT INTO vote')) throw new Error('database or disk is full: SQLITE_FULL');
      return exec(query, ...bindings);
    });
  });
}

describe('a vote', () => {
  it('runs out when its time has passed, in storage too, and the other node is told (L1, L12)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const linkB = await b.connect();
    await a.ask(a.vote(1));
    await cluster.pass(4_990);
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'bound', remaining_ms: 10 });
    await cluster.pass(10);
    expect(b.verify(await linkB.next())).toMatchObject({ type: 'freed', group: 'edge' });
    expect(await stored(cluster)).toContain('"kind":"free"');
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('is not freed by a jump of the wall clock (L12)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    vi.setSystemTime(Date.now() + 3_600_000);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'bound', holder: 'a' });
    await cluster.pass(5_000);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('is not freed by its timer while the wall clock stands still, and not kept for ever either (L12)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    const frozenMs = Date.now();
    await runInDurableObject(cluster.stub, () => {
      vi.advanceTimersByTime(4_999);
      vi.setSystemTime(frozenMs);
      vi.advanceTimersByTime(1);
    });
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'bound', remaining_ms: 4_999 });
    await cluster.pass(4_999);
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('is renewed with one row, and leaves no timer behind when it is released', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    await a.ask(a.vote(1));
    const written = await runInDurableObject(cluster.stub, async (_, state) => {
      const counted: number[] = [];
      const { sql } = state.storage;
      const exec = sql.exec.bind(sql);
      const spy = vi.spyOn(sql, 'exec').mockImplementation((query, ...bindings) => {
        const cursor = exec(query, ...bindings);
        counted.push(cursor.rowsWritten);
        return cursor;
      });
      await a.ask(a.vote(1));
      spy.mockRestore();
      return counted;
    });
    expect(written).toEqual([1]);
    // One more waits for the next word of a node that has no link.
    expect(vi.getTimerCount()).toBe(2);
    await a.ask(a.release(1));
    expect(vi.getTimerCount()).toBe(1);
  });

  it('that has run out is still the answer to its request, for the next instance too (L13)', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    const request = a.vote(1);
    await a.ask(request);
    await cluster.pass(5_000);
    expect(await stored(cluster)).toContain('"kind":"free"');
    await sleep(cluster);
    await a.welcome();
    expect(await a.ask({ ...a.vote(2), sequence: request.sequence })).toMatchObject({ reason: 'stale' });
  });

  it('asked for twice under one number gets the stored reply, and no second longer (L13)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const first = await a.ask(a.vote(1));
    await cluster.pass(1_500);
    const again = { ...a.vote(1), ...a.repeat() };
    a.sequence -= 1;
    expect(await a.ask({ ...again, sequence: a.sequence })).toEqual(first);
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'bound', remaining_ms: 3_500 });
  });

  it('keeps the stored reply across hibernation, also when another node has the row by now (L13)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    const release = a.release(1);
    await a.ask(release);
    await b.ask(b.vote(2));
    await sleep(cluster);
    expect(await a.ask(release)).toEqual({ kind: 'released', group: 'edge' });
    const older = { ...a.vote(3), sequence: a.sequence - 2 };
    expect(await a.ask(older)).toMatchObject({ reason: 'stale' });
  });

  it('is refused to a request that was long under way; the reply brings a fresh stamp (L13)', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    const vote = a.vote(1);
    await cluster.pass(2_001);
    expect(await a.ask(vote)).toMatchObject({ reason: 'stale', remaining_ms: 0 });
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });

  it('is ordered anew under a new token, whatever numbers the former one used', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    a.incarnation = 9;
    await a.ask(a.vote(1));
    await a.ask(a.rehearsal());
    for (const [incarnation, asleep] of [
      [8, false],
      [7, true],
    ] as const) {
      const issued = await put(`/v1/clusters/${cluster.name}/nodes/a`);
      const { token } = z.object({ token: z.string() }).parse(await issued.json());
      const again = new Agent(cluster.name, cluster.witnessId, 'a', token);
      if (asleep) await sleep(cluster);
      again.incarnation = incarnation;
      await again.welcome();
      expect(await again.ask(again.vote(1))).toMatchObject({ kind: 'granted' });
    }
  });

  it('has its answer counted in the order of incarnations', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    a.incarnation = 2;
    await a.ask(a.vote(1));
    a.incarnation = 1;
    expect(await a.ask(a.vote(1))).toMatchObject({ reason: 'stale' });
  });
});

describe('a new instance (L12)', () => {
  it('that finds the vote held gives it to others only TTL_MAX after its own start, whatever is stored', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1, { promise_ms: 1 }));
    await sleep(cluster);
    vi.setSystemTime(Date.now() + 60_000);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS, holder: 'a' });
    await cluster.pass(TTL_MAX_MS - 1);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'recovering', remaining_ms: 1 });
    await cluster.pass(1);
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('renews the holder at once, and no shorter than what a former one may have promised', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1, { promise_ms: 10_000 }));
    await sleep(cluster);
    expect(await a.ask(a.vote(1, { promise_ms: 100 }))).toMatchObject({ kind: 'granted', promise_ms: 100 });
    await cluster.pass(1_000);
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'bound', remaining_ms: 9_000 });
  });

  it('that finds it free grants at once', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    await a.ask(a.release(1));
    await sleep(cluster);
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('is woken by an alarm after an unreleased grant, waits TTL_MAX, stores that the vote is free, and rests', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    expect(await pendingAlarm(cluster)).not.toBeNull();
    await sleep(cluster);
    const alarm = runDurableObjectAlarm(cluster.stub);
    await cluster.pass(TTL_MAX_MS - 1);
    expect(await stored(cluster)).toContain('"kind":"held"');
    await cluster.pass(1);
    expect(await alarm).toBe(true);
    expect(await stored(cluster)).toContain('"kind":"free"');
    expect(await pendingAlarm(cluster)).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
    await sleep(cluster);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
  });

  it('sets the alarm again while the holder goes on renewing', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    await a.ask(a.vote(1));
    expect(await runDurableObjectAlarm(cluster.stub)).toBe(true);
    expect(await pendingAlarm(cluster)).not.toBeNull();
    expect(await stored(cluster)).toContain('"kind":"held"');
  });

  it('keeps what its links reported, and who they are', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    await linkA.ask(a.hello());
    await linkB.ask(b.hello('fedcba9876543210'));
    await sleep(cluster);
    expect(await linkA.ask(a.vote(1))).toMatchObject({ reason: 'config_mismatch' });
  });

  it('does not listen to a link that has been silent for 10 s (L16)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    await linkB.ask(b.hello('fedcba9876543210'));
    await cluster.pass(10_001);
    await linkA.ask(a.hello());
    expect(await linkA.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });
});

describe('an instance whose write fails (L11)', () => {
  it('answers nothing, remembers nothing of it, and is followed by one that waits', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    await a.ask(a.release(1));
    await failingWrites(cluster);
    const vote = a.vote(2);
    expect((await a.post('request', vote)).status).toBe(500);
    // From memory it could be answered as if it had been stored.
    const again = await a.post('request', vote);
    expect(again.status).toBe(200);
    expect(await stored(cluster)).toContain('"kind":"held"');
    expect(await b.ask(b.vote(3))).toMatchObject({ reason: 'bound', holder: 'a' });
  });
});

describe('a witness whose storage is new (L14)', () => {
  it('gives its vote to nobody for TTL_MAX, though nobody has shown it a later serial', async () => {
    const cluster = await justCreatedCluster('a', 'b');
    const b = cluster.agent('b');
    await b.welcome();
    expect(await b.ask(b.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    expect(await b.ask(b.rehearsal())).toEqual({ kind: 'rehearsed' });
    await cluster.pass(TTL_MAX_MS - 1);
    await b.welcome();
    expect(await b.ask(b.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: 1 });
    await cluster.pass(1);
    expect(await b.ask(b.vote(1))).toMatchObject({ kind: 'granted' });
    await sleep(cluster);
    await b.welcome();
    expect(await b.ask(b.release(1))).toMatchObject({ kind: 'released' });
  });

  it('waits in full in each new instance, until one has stored that it is over; an alarm sees to that', async () => {
    const cluster = await justCreatedCluster('a', 'b');
    const b = cluster.agent('b');
    await cluster.pass(9_000);
    await sleep(cluster);
    await b.welcome();
    expect(await b.ask(b.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    await sleep(cluster);
    const alarm = runDurableObjectAlarm(cluster.stub);
    await cluster.pass(TTL_MAX_MS);
    expect(await alarm).toBe(true);
    expect(await pendingAlarm(cluster)).toBeNull();
    await sleep(cluster);
    await b.welcome();
    expect(await b.ask(b.vote(1))).toMatchObject({ kind: 'granted' });
  });

  it('created again does not begin anew', async () => {
    const cluster = await newCluster('a');
    expect((await put(`/v1/clusters/${cluster.name}`)).status).toBe(200);
    const a = cluster.agent('a');
    await a.welcome();
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });
});

describe('a witness that lost its state (L14)', () => {
  it('gives its vote to nobody for TTL_MAX, then goes on from the serial that it was shown', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.ask(a.vote(1));
    b.serial = 500;
    await b.welcome();
    expect(await a.ask(a.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'recovering' });
    const view = await (await call(`/v1/clusters/${cluster.name}`, a.token)).json();
    expect(view).toMatchObject({ serial: 500, recovering_ms: TTL_MAX_MS });
    await cluster.pass(TTL_MAX_MS);
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
    expect(b.serial).toBe(501);
  });

  it('waits in full again when it is reset meanwhile', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    b.serial = 500;
    await b.welcome();
    await cluster.pass(9_000);
    await sleep(cluster);
    await a.welcome();
    expect(await a.ask(a.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    const alarm = runDurableObjectAlarm(cluster.stub);
    await cluster.pass(TTL_MAX_MS);
    expect(await alarm).toBe(true);
    await sleep(cluster);
    await a.welcome();
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });
});

describe('a rehearsal', () => {
  it('goes the whole way, with a row written, and decides nothing', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    const rehearsal = a.rehearsal();
    expect(await a.ask(rehearsal)).toEqual({ kind: 'rehearsed' });
    const rows = await runInDurableObject(cluster.stub, (_, state) => [
      state.storage.sql.exec('SELECT answer FROM node WHERE name = ?', 'a').toArray(),
      state.storage.sql.exec('SELECT * FROM vote').toArray(),
    ]);
    expect(JSON.stringify(rows)).toContain('rehearsed');
    expect(rows[1]).toEqual([]);
    await sleep(cluster);
    expect(await a.ask({ ...a.vote(1), sequence: rehearsal.sequence })).toMatchObject({ reason: 'stale' });
  });
});

it('guessing names of clusters leaves nothing in storage', async () => {
  const cluster = await newCluster();
  const stub = env.CLUSTERS.get(env.CLUSTERS.idFromName(`${cluster.name}-unknown`));
  expect(await stub.describe({ kind: 'admin' })).toEqual({ ok: false, reason: 'unknown_cluster' });
  const tables = await runInDurableObject(stub, (_, state) =>
    state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('cluster', 'node', 'vote')").toArray(),
  );
  expect(tables).toEqual([]);
});
