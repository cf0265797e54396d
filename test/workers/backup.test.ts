import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { ClusterBackup, EventsPage } from '@tiebreak/shared/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ADMIN,
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

async function backUp({ name }: Cluster): Promise<ClusterBackup> {
  const answer = await call(`/v1/clusters/${name}/backup`, ADMIN);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
  return ClusterBackup.parse(await answer.json());
}

async function retire({ name }: Cluster): Promise<void> {
  expect((await call(`/v1/clusters/${name}`, ADMIN, { method: 'DELETE' })).status).toBe(204);
}

async function restore({ name }: Cluster, backup: ClusterBackup): Promise<void> {
  expect((await put(`/v1/clusters/${name}/backup`, ADMIN, backup)).status).toBe(201);
}

async function codeOf(response: Promise<Response>): Promise<unknown> {
  const problem: unknown = await (await response).json();
  return typeof problem === 'object' && problem !== null && 'code' in problem ? problem.code : problem;
}

describe('a restored witness', () => {
  it('gives nobody a second vote: what the retired one promised has run out before it gives any (L14)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const backup = await backUp(cluster);
    // Promised after the backup was taken: nothing in it tells of this vote.
    expect(await a.ask(a.vote(7, { promise_ms: 10_000 }))).toMatchObject({ kind: 'granted' });
    await retire(cluster);
    await restore(cluster, backup);
    // Right after the retired one's grant, and as late as it may bind. What b has never seen, it cannot show.
    expect(await b.ask(b.vote(8))).toMatchObject({ kind: 'refused', reason: 'recovering', remaining_ms: TTL_MAX_MS });
    await cluster.pass(TTL_MAX_MS - 1);
    await b.welcome();
    expect(await b.ask(b.vote(8))).toMatchObject({ kind: 'refused', reason: 'recovering', remaining_ms: 1 });
    await cluster.pass(1);
    expect(await b.ask(b.vote(8))).toMatchObject({ kind: 'granted' });
    expect(await a.ask(a.vote(9))).toMatchObject({ kind: 'refused', reason: 'bound', holder: 'b' });
  });

  it('numbers its events after all that the retired one may have had: no receiver takes one for a repetition', async () => {
    const cluster = await pair();
    const backup = await backUp(cluster);
    const newest = async () => {
      const page = await call(`/v1/clusters/${cluster.name}/events?limit=1`, ADMIN);
      return EventsPage.parse(await page.json()).events[0];
    };
    const before = (await newest())?.id ?? 0;
    expect(before).toBeGreaterThan(0);
    await retire(cluster);
    await restore(cluster, backup);
    const restored = await newest();
    expect(restored?.event).toEqual({ kind: 'recovery', state: 'started' });
    expect(restored?.id).toBeGreaterThan(before);
    expect(restored?.id).toBeGreaterThan(Date.now());
    await evictDurableObject(cluster.stub);
    await cluster.agent('a').welcome();
    expect((await newest())?.id).toBeGreaterThan(restored?.id ?? Number.NaN);
  });

  it('waits in every instance of it anew until one has waited in full', async () => {
    const cluster = await pair();
    const backup = await backUp(cluster);
    await retire(cluster);
    await restore(cluster, backup);
    await cluster.pass(TTL_MAX_MS - 1);
    await evictDurableObject(cluster.stub);
    vi.clearAllTimers();
    const b = cluster.agent('b');
    await b.welcome();
    expect(await b.ask(b.vote(1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
  });

  it('waits once more for a node that has seen a vote which the backup does not know (L14)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const backup = await backUp(cluster);
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    expect(a.serial).toBe(backup.serial + 1);
    await retire(cluster);
    await restore(cluster, backup);
    await cluster.pass(TTL_MAX_MS);
    await a.welcome();
    expect(await a.ask(a.vote(2))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    await b.welcome();
    expect(await b.ask(b.vote(2))).toMatchObject({ reason: 'recovering' });
  });

  it('knows its monitors and its webhooks, whose receivers need no new secret', async () => {
    const cluster = await pair();
    const issued = await put(`/v1/clusters/${cluster.name}/monitors/outside`);
    const { token } = Object(await issued.json());
    const webhook = { url: 'https://hooks.example.com/ha', kinds: ['owner'] };
    const { secret } = Object(await (await put(`/v1/clusters/${cluster.name}/webhooks/pager`, ADMIN, webhook)).json());
    const a = cluster.agent('a');
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    const backup = await backUp(cluster);
    await retire(cluster);
    await restore(cluster, backup);
    await evictDurableObject(cluster.stub);
    const path = `/v1/clusters/${cluster.name}/groups/edge/nodes/a/health`;
    const report = { method: 'POST', body: JSON.stringify({ check: 'nginx', healthy: true }) };
    expect((await call(path, token, report)).status).toBe(200);
    expect((await backUp(cluster)).webhooks).toEqual([{ webhook: 'pager', ...webhook, secret }]);
  });

  it('knows its nodes and viewers by their tokens, and the highest ballot of each group (L10)', async () => {
    const cluster = await pair();
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const viewer = await put(`/v1/clusters/${cluster.name}/viewers/wall`);
    const { token } = Object(await viewer.json());
    expect(await a.ask(a.vote(7))).toMatchObject({ kind: 'granted' });
    expect(await a.ask(a.release(7))).toMatchObject({ kind: 'released' });
    const backup = await backUp(cluster);
    expect(backup).toMatchObject({ groups: [{ group: 'edge', ballot: { counter: 7, node: 'a' }, retired: true }] });
    expect(JSON.stringify(backup)).not.toContain(a.token.split('.')[2]);
    await retire(cluster);
    await restore(cluster, backup);
    await cluster.pass(TTL_MAX_MS);
    expect((await call(`/v1/clusters/${cluster.name}`, token)).status).toBe(200);
    // `Agent.read` holds each answer against the pinned identity and the node's reply key.
    await b.welcome();
    const highest = { counter: 7, node: 'a' };
    expect(await b.ask(b.vote(6))).toMatchObject({ kind: 'refused', reason: 'lower_ballot', highest });
    await a.welcome();
    expect(await a.ask(a.vote(7))).toMatchObject({ kind: 'refused', reason: 'lower_ballot', highest });
    expect(await b.ask(b.vote(8))).toMatchObject({ kind: 'granted' });
  });

  it('refuses a replay of what was decided before: it neither grants again nor frees a vote (L13)', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    const granted = a.vote(7);
    expect(await a.ask(granted)).toMatchObject({ kind: 'granted' });
    const released = a.release(7);
    expect(await a.ask(released)).toMatchObject({ kind: 'released' });
    const backup = await backUp(cluster);
    await retire(cluster);
    await restore(cluster, backup);
    for (const replayed of [granted, released]) {
      expect(await a.ask(replayed)).toMatchObject({ kind: 'refused', reason: 'stale' });
    }
    expect((await backUp(cluster)).nodes).toEqual(backup.nodes);
  });

  it('is backed up as it was', async () => {
    const cluster = await pair();
    const b = cluster.agent('b');
    expect(await b.ask(b.vote(3))).toMatchObject({ kind: 'granted' });
    await put(`/v1/clusters/${cluster.name}/viewers/wall`);
    const { taken_at: _, ...backup } = await backUp(cluster);
    await retire(cluster);
    await restore(cluster, { ...backup, taken_at: new Date().toISOString() });
    await evictDurableObject(cluster.stub);
    expect(await backUp(cluster)).toMatchObject(backup);
  });
});

describe('a retired cluster', () => {
  it('refuses everybody, closes every link, and keeps nothing, also when its object wakes again', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    const link = await a.connect();
    expect(await link.ask(a.hello())).toMatchObject({ kind: 'welcome' });
    expect(await link.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    await retire(cluster);
    expect(await link.closed).toEqual({ code: 1008, reason: 'this cluster was retired' });
    for (const again of [() => Promise.resolve(), () => evictDurableObject(cluster.stub)]) {
      await again();
      expect((await a.post('request', a.hello())).status).toBe(401);
      const upgrade = { headers: { upgrade: 'websocket' } };
      expect((await call(`/v1/clusters/${cluster.name}/link`, a.token, upgrade)).status).toBe(401);
      expect(await codeOf(call(`/v1/clusters/${cluster.name}`, ADMIN))).toBe('unknown_cluster');
      expect(await codeOf(call(`/v1/clusters/${cluster.name}/backup`, ADMIN))).toBe('unknown_cluster');
    }
    expect(await codeOf(call(`/v1/clusters/${cluster.name}`, ADMIN, { method: 'DELETE' }))).toBe('unknown_cluster');
    const left = await runInDurableObject(cluster.stub, async (_, state) => ({
      tables: state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
      alarm: await state.storage.getAlarm(),
    }));
    expect(left).toEqual({ tables: [], alarm: null });
  });

  it('leaves no timer behind that would write into what is gone', async () => {
    const cluster = await pair();
    const a = cluster.agent('a');
    expect(await a.ask(a.vote(1, { promise_ms: 1_000 }))).toMatchObject({ kind: 'granted' });
    await retire(cluster);
    await cluster.pass(60_000);
    expect(await codeOf(call(`/v1/clusters/${cluster.name}`, ADMIN))).toBe('unknown_cluster');
  });

  it('may be created anew under its name, as another witness whom its former nodes cannot speak to', async () => {
    const cluster = await pair();
    await retire(cluster);
    const created = Object(await (await put(`/v1/clusters/${cluster.name}`)).json());
    expect(created.witness_id).not.toBe(cluster.witnessId);
    expect((await cluster.agent('a').post('request', cluster.agent('a').hello())).status).toBe(401);
  });
});

describe('what is refused', () => {
  it('to restore over a cluster that is there, be it the same: nothing of it changes', async () => {
    const cluster = await pair();
    const backup = await backUp(cluster);
    await put(`/v1/clusters/${cluster.name}/nodes/c`);
    expect(await codeOf(put(`/v1/clusters/${cluster.name}/backup`, ADMIN, backup))).toBe('cluster_exists');
    expect((await backUp(cluster)).nodes.map(({ node }) => node)).toEqual(['a', 'b', 'c']);
    const fresh = await justCreatedCluster();
    expect(await codeOf(put(`/v1/clusters/${fresh.name}/backup`, ADMIN, { ...backup, cluster: fresh.name }))).toBe(
      'cluster_exists',
    );
  });

  it('to restore under another name: that would be a second witness with the same identity', async () => {
    const cluster = await pair();
    const backup = await backUp(cluster);
    const name = `c-${crypto.randomUUID()}`;
    expect(await codeOf(put(`/v1/clusters/${name}/backup`, ADMIN, backup))).toBe('other_cluster');
    expect(await codeOf(call(`/v1/clusters/${name}`, ADMIN))).toBe('unknown_cluster');
  });

  it.each([
    ['another format', { format: 2 }],
    ['a field that it does not know', { votes: [] }],
    ['a key that is none', { viewers: [{ viewer: 'wall', verifier: 'aa' }] }],
    ['an identity that is none', { witness_id: 'x' }],
    [
      'a secret that signs nothing',
      { webhooks: [{ webhook: 'pager', url: 'https://hooks.example.com', kinds: ['owner'], secret: 'whsec_?' }] },
    ],
  ])('a backup with %s', async (_, change) => {
    const name = `c-${crypto.randomUUID()}`;
    const backup = { ...(await backUp(await pair())), cluster: name, ...change };
    expect(await codeOf(put(`/v1/clusters/${name}/backup`, ADMIN, backup))).toBe('bad_request');
    expect(await codeOf(call(`/v1/clusters/${name}`, ADMIN))).toBe('unknown_cluster');
  });

  it('a backup whose webhook leads where no webhook may lead', async () => {
    const cluster = await pair();
    const backup = await backUp(cluster);
    await retire(cluster);
    const webhook = {
      webhook: 'pager',
      url: 'https://169.254.169.254/',
      kinds: ['owner'],
      secret: `whsec_${'A'.repeat(32)}`,
    };
    const spoilt = { ...backup, webhooks: [webhook] };
    expect(await codeOf(put(`/v1/clusters/${cluster.name}/backup`, ADMIN, spoilt))).toBe('webhook_not_public');
    expect(await codeOf(call(`/v1/clusters/${cluster.name}`, ADMIN))).toBe('unknown_cluster');
  });

  it('everything, to whoever is not the admin', async () => {
    const cluster = await pair();
    const viewer = Object(await (await put(`/v1/clusters/${cluster.name}/viewers/wall`)).json());
    for (const token of [cluster.agent('a').token, viewer.token]) {
      const path = `/v1/clusters/${cluster.name}`;
      expect(await codeOf(call(`${path}/backup`, token))).toBe('admin_only');
      expect(await codeOf(put(`${path}/backup`, token, {}))).toBe('admin_only');
      expect(await codeOf(call(path, token, { method: 'DELETE' }))).toBe('admin_only');
      // No more is read from them than from anyone else.
      expect(await codeOf(put(`${path}/backup`, token, 'x'.repeat(70_000)))).toBe('too_large');
    }
    expect((await backUp(cluster)).nodes).toHaveLength(2);
  });

  it('takes as many groups as a cluster can have, with the longest names, and no more', async () => {
    const cluster = await pair();
    const longest = (index: number) => `${index}`.padEnd(63, 'x');
    const groups = Array.from({ length: 512 }, (_, index) => ({
      group: longest(index),
      ballot: { counter: 2 ** 32 - 1, node: longest(0) },
      retired: false,
    }));
    const backup = { ...(await backUp(cluster)), groups };
    await retire(cluster);
    await restore(cluster, backup);
    expect((await backUp(cluster)).groups).toHaveLength(512);
    await retire(cluster);
    const more = { ...backup, groups: [...groups, { ...groups[0], group: 'one-more' }] };
    expect(await codeOf(put(`/v1/clusters/${cluster.name}/backup`, ADMIN, more))).toBe('bad_request');
  });
});
