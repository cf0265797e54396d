import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { type Cluster, newCluster } from './cluster-fixture.ts';

/** Everything that is stored, to compare. */
function stored(cluster: Cluster): Promise<string> {
  return runInDurableObject(cluster.stub, async (_, { storage }) =>
    JSON.stringify([
      ...['cluster', 'node', 'vote'].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
      await storage.getAlarm(),
    ]),
  );
}

describe('passing a datagram on (L17)', () => {
  it('brings it, and the name of the node that sent it, to the other node alone; nothing is stored, no vote changes', async () => {
    const cluster = await newCluster('a', 'b', 'c');
    const [a, b, c] = [cluster.agent('a'), cluster.agent('b'), cluster.agent('c')];
    const [linkA, linkB, linkC] = [await a.connect(), await b.connect(), await c.connect()];
    await linkA.ask(a.hello());
    await linkA.ask(a.vote(1));
    const before = await stored(cluster);
    expect(await linkA.ask(a.relay('b', 'sealed'))).toEqual({ kind: 'relayed', delivered: true });
    expect(b.verify(await linkB.next())).toEqual({
      type: 'passed_on',
      witness_id: cluster.witnessId,
      from: 'a',
      datagram: Buffer.from('sealed').toString('base64'),
    });
    expect([linkA.unread, linkC.unread]).toEqual([[], []]);
    expect(await stored(cluster)).toBe(before);
    expect(await linkA.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  });

  it('wakes a sleeping object, and finds the link of the other node', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    await linkA.ask(a.hello());
    await linkB.ask(b.hello());
    await evictDurableObject(cluster.stub);
    expect(await linkA.ask(a.relay('b', 'sealed'))).toEqual({ kind: 'relayed', delivered: true });
    expect(b.verify(await linkB.next())).toMatchObject({ type: 'passed_on', from: 'a' });
  });

  it('says so when the other node has no link', async () => {
    const cluster = await newCluster('a', 'b');
    const a = cluster.agent('a');
    expect(await (await a.connect()).ask(a.relay('b', 'sealed'))).toEqual({ kind: 'relayed', delivered: false });
  });

  it('knows no node but the others of its own cluster', async () => {
    const [here, there] = [await newCluster('a'), await newCluster('b')];
    const a = here.agent('a');
    const linkB = await there.agent('b').connect();
    const linkA = await a.connect();
    for (const to of ['b', 'a']) {
      expect(await linkA.ask(a.relay(to, 'sealed'))).toEqual({ kind: 'relay_refused', reason: 'unknown_node' });
    }
    expect(linkB.unread).toEqual([]);
  });

  it('is refused beyond a burst of 40, for that node alone', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const [linkA] = [await a.connect(), await b.connect()];
    let passed = 0;
    for (let count = 0; count < 200; count += 1) {
      const result = await linkA.ask(a.relay('b', 'sealed'));
      if (result.kind === 'relayed') passed += 1;
      else expect(result).toEqual({ kind: 'relay_refused', reason: 'rate' });
    }
    expect(passed).toBeGreaterThanOrEqual(40);
    expect(passed).toBeLessThan(200);
    expect(await b.ask(b.relay('a', 'sealed'))).toEqual({ kind: 'relayed', delivered: true });
  });

  it('takes no more than 2 KiB, and nothing but base64', async () => {
    const cluster = await newCluster('a', 'b');
    const a = cluster.agent('a');
    const linkA = await a.connect();
    expect(await linkA.ask(a.relay('b', 'x'.repeat(2_048)))).toMatchObject({ kind: 'relayed' });
    linkA.send(a.relay('b', 'x'.repeat(2_050)));
    linkA.send(a.relay('b', '', { datagram: '*' }));
    linkA.send(a.relay('b', '', { datagram: 'x'.repeat(3_000) }));
    expect((await linkA.closed).code).toBe(1008);
  });
});
