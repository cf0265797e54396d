import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { ClusterWitness } from '../../witness/cluster.ts';
import { ADMIN, call, HASH, newCluster, put } from './cluster-fixture.ts';

describe('the link', () => {
  it('welcomes, grants, renews, refuses and releases (L1)', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    expect(await linkA.ask(a.hello())).toEqual({ kind: 'welcome', protocol: 1 });
    expect(await linkB.ask(b.hello())).toEqual({ kind: 'welcome', protocol: 1 });
    const granted = { kind: 'granted', group: 'edge', ballot: { counter: 1, node: 'a' }, promise_ms: 5_000 };
    expect(await linkA.ask(a.vote(1))).toEqual(granted);
    expect(await linkA.ask(a.vote(1))).toEqual(granted);
    expect(await linkB.ask(b.vote(2))).toMatchObject({ kind: 'refused', reason: 'bound', holder: 'a' });
    expect(await linkA.ask(a.release(1))).toEqual({ kind: 'released', group: 'edge' });
    expect(b.verify(await linkB.next())).toEqual({ type: 'freed', witness_id: cluster.witnessId, group: 'edge' });
    expect(await linkB.ask(b.vote(2))).toMatchObject({ kind: 'granted' });
    expect(linkA.unread).toEqual([]);
  });

  it('answers pings while the object sleeps, without waking it', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    const link = await a.connect();
    await link.ask(a.hello());
    await evictDurableObject(cluster.stub);
    await link.ping();
    await link.ping();
    expect(await link.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });

  it('keeps the newest link of a node and closes the older one (4001)', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    const older = await a.connect();
    const newer = await a.connect();
    expect((await older.closed).code).toBe(4001);
    expect(await newer.ask(a.hello())).toEqual({ kind: 'welcome', protocol: 1 });
  });

  it('completes the closing handshake', async () => {
    const link = await (await newCluster('a')).agent('a').connect();
    link.close();
    expect((await link.closed).code).toBe(1000);
  });

  it('answers nothing to messages that it cannot read, and the third ends the link (1008)', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    const link = await a.connect();
    link.send('no json');
    link.send({ ...a.vote(1), unknown_field: 1 });
    expect(await link.ask(a.hello())).toEqual({ kind: 'welcome', protocol: 1 });
    await evictDurableObject(cluster.stub);
    link.send({ type: 'hello' });
    expect((await link.closed).code).toBe(1008);
    expect(link.unread).toEqual([]);
  });

  it('closes on a message that is too long (1009) or binary (1008)', async () => {
    const cluster = await newCluster('a', 'b');
    const long = await cluster.agent('a').connect();
    long.send({ ...cluster.agent('a').hello(), padding: 'x'.repeat(65_536) });
    expect((await long.closed).code).toBe(1009);
    const binary = await cluster.agent('b').connect();
    binary.send(new TextEncoder().encode(JSON.stringify(cluster.agent('b').hello())).buffer);
    expect((await binary.closed).code).toBe(1008);
  });

  it('says which protocol versions it speaks to whoever speaks none of them, and closes (1008)', async () => {
    const a = (await newCluster('a')).agent('a');
    const link = await a.connect();
    expect(await link.ask({ ...a.hello(), protocols: [2, 3] })).toEqual({ kind: 'protocol_refused', protocols: [1] });
    const { code, reason } = await link.closed;
    expect({ code, reason }).toEqual({ code: 1008, reason: 'no version of the link in common' });
  });

  it('agrees on the highest version that both sides speak', async () => {
    const a = (await newCluster('a')).agent('a');
    const link = await a.connect();
    expect(await link.ask({ ...a.hello(), protocols: [3, 1, 2] })).toEqual({ kind: 'welcome', protocol: 1 });
  });

  it('closes a link whose attachment an older version left (1012)', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    const link = await a.connect();
    await runInDurableObject(cluster.stub, (_, state) => {
      for (const socket of state.getWebSockets()) socket.serializeAttachment({ name: 'a' });
    });
    await evictDurableObject(cluster.stub);
    link.send(a.hello());
    expect((await link.closed).code).toBe(1012);
  });

  it('is a WebSocket and nothing else (426)', async () => {
    const a = (await newCluster('a')).agent('a');
    expect((await call(`/v1/clusters/${a.cluster}/link`, a.token)).status).toBe(426);
  });

  it.each([
    ['replaced', (instance: ClusterWitness) => instance.issueToken('a')],
    ['revoked', (instance: ClusterWitness) => instance.revokeToken('a')],
  ])('says nothing that counts once its token is %s, though it goes on talking', async (_, end) => {
    const cluster = await newCluster('a', 'b');
    const a = cluster.agent('a');
    const link = await a.connect();
    await link.ask(a.hello());
    const vote = JSON.stringify(a.vote(1));
    await runInDurableObject(cluster.stub, async (instance: ClusterWitness, state) => {
      const [socket] = state.getWebSockets('a');
      if (socket === undefined) throw new Error('a is not linked');
      expect(await end(instance)).toMatchObject({ ok: true });
      instance.webSocketMessage(socket, vote);
    });
    expect((await link.closed).code).toBe(1008);
    expect(link.unread).toEqual([]);
    const view = await (await call(`/v1/clusters/${cluster.name}`, ADMIN)).json();
    expect(view).toMatchObject({ groups: [], serial: 0 });
  });

  it('is closed when the token of its node is replaced (1008), and the old token is void', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    const link = await a.connect();
    expect((await put(`/v1/clusters/${cluster.name}/nodes/a`)).status).toBe(200);
    expect((await link.closed).code).toBe(1008);
    expect((await a.post('request', a.hello())).status).toBe(401);
  });

  it("knows the other nodes' reports from the node's own (L16)", async () => {
    const a = (await newCluster('a')).agent('a');
    const link = await a.connect();
    await link.ask(a.hello('fedcba9876543210'));
    expect(await link.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });

  it('serves 512 groups with the longest names, and refuses one more', { timeout: 60_000 }, async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const link = await a.connect();
    const names = Array.from({ length: 512 }, (_, index) => `${'g'.repeat(60)}${String(index).padStart(3, '0')}`);
    const groups = names.map((group) => ({ group, config_hash: HASH }));
    expect(await link.ask({ ...a.hello(), groups })).toEqual({ kind: 'welcome', protocol: 1 });
    expect((await b.post('request', { ...b.hello(), groups })).status).toBe(200);
    for (const group of names) expect(await link.ask({ ...a.vote(1), group })).toMatchObject({ kind: 'granted' });
    const more = { kind: 'refused', reason: 'too_many_groups' };
    expect(await link.ask({ ...a.vote(1), group: 'more' })).toMatchObject(more);
    const told = await call(`/v1/clusters/${cluster.name}/events?limit=1`, ADMIN);
    expect(await told.text()).toContain('the cluster has as many groups as it can have');
    expect(await link.ask({ ...a.vote(1), group: names.at(-1) })).toMatchObject({ kind: 'granted' });
    expect((await a.post('request', { ...a.vote(1), group: 'more' })).status).toBe(409);
    // What each group is configured as is known after hibernation too.
    expect(await link.ask({ ...a.release(1), group: names[0] })).toMatchObject({ kind: 'released' });
    await evictDurableObject(cluster.stub);
    await link.ping();
    const other = await b.connect();
    await other.ask(b.hello());
    const first = { ...b.vote(2), group: names[0], config_hash: 'fedcba9876543210' };
    expect(await other.ask(first)).toMatchObject({ kind: 'refused', reason: 'config_mismatch' });
  });

  it('refuses a vote while the other node reports another configuration (L16), never the holder its renewal', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    await linkA.ask(a.hello());
    expect(await linkA.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    await linkB.ask(b.hello('fedcba9876543210'));
    expect(await linkA.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    await linkA.ask(a.release(1));
    await linkB.next();
    expect(await linkA.ask(a.vote(2))).toMatchObject({ kind: 'refused', reason: 'config_mismatch' });
    linkB.close();
    await linkB.closed;
    expect(await linkA.ask(a.vote(3))).toMatchObject({ kind: 'granted' });
  });
});
