import { env } from 'cloudflare:workers';
import { ClusterView, Problem } from '@tiebreak/shared/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { app } from '../../witness/app.ts';
import { ADMIN, type Agent, type Cluster, call, fakeTime, newCluster } from './cluster-fixture.ts';

/** Some 0.3 ms each. */
const RANDOM_BODIES = 3_000;

let cluster: Cluster;
let a: Agent;
let before: unknown;

/** What an attacker is after. */
async function votes(): Promise<unknown> {
  const { groups, serial, nodes } = ClusterView.parse(await (await call(`/v1/clusters/${cluster.name}`, ADMIN)).json());
  return {
    serial,
    nodes: nodes.map(({ node }) => node),
    groups: groups.map(({ group, holder, ballot }) => ({ group, holder, ballot })),
  };
}

/** The code of the problem that it was refused with, after which nothing has changed. */
async function refused(response: Response): Promise<string> {
  const { code } = Problem.parse(await response.json());
  expect(await votes()).toEqual(before);
  return code;
}

beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  a = cluster.agent('a');
  await a.welcome();
  expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
  before = await votes();
});

const path = (rest = '') => `/v1/clusters/${cluster.name}${rest}`;
const body = (draft: unknown) => ({ method: 'POST', body: JSON.stringify(draft) });

describe('whoever has no good credential', () => {
  it('is refused without a token, wherever it stands instead', async () => {
    const vote = body(a.vote(2));
    const { token } = a;
    const elsewhere: [string, Record<string, string>][] = [
      [path('/request'), {}],
      [`${path('/request')}?token=${token}&access_token=${token}`, {}],
      [path('/request'), { authorization: token }],
      [path('/request'), { authorization: `Basic ${btoa(`a:${token}`)}` }],
      [path('/request'), { authorization: `Bearer ${token}, Bearer ${ADMIN}` }],
      [path('/request'), { authorization: `Bearer ${token} ${token}` }],
      [path('/request'), { cookie: `token=${token}`, 'x-authorization': `Bearer ${token}` }],
      [path('/request'), { 'proxy-authorization': `Bearer ${token}`, 'x-forwarded-for': '127.0.0.1' }],
    ];
    for (const [to, headers] of elsewhere) {
      expect([headers, await refused(await call(to, null, { ...vote, headers }))]).toEqual([headers, 'unauthorized']);
    }
  });

  it("is refused with another cluster's, and cannot speak for another node with its own", async () => {
    const other = (await newCluster('a')).agent('a');
    expect(await refused(await call(path('/request'), other.token, body(a.vote(2))))).toBe('unauthorized');
    const forB = { ...a.vote(2), ballot: { counter: 2, node: 'b' } };
    expect(await a.ask(forB)).toMatchObject({ kind: 'refused', reason: 'unknown_node' });
    expect(await votes()).toEqual(before);
  });

  it('learns nothing of what exists from how it is refused', async () => {
    const there = await call(path(), `tbn1.${cluster.witnessId}.${'0'.repeat(64)}`);
    const nowhere = await call('/v1/clusters/nowhere', `tbn1.${'0'.repeat(32)}.${'0'.repeat(64)}`);
    const texts = [await there.text(), await nowhere.text()];
    expect([there.status, texts[0]]).toEqual([nowhere.status, texts[1]]);
  });

  it('cannot make a browser use the witness: no page of another site may read an answer', async () => {
    const headers = { origin: 'https://elsewhere.test', 'access-control-request-method': 'POST' };
    for (const method of ['OPTIONS', 'GET']) {
      const response = await call(path(), method === 'GET' ? a.token : null, { method, headers });
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

describe('whoever has a node and wants more', () => {
  it('gets nothing by saying it again, nor by saying something else under that number (L13)', async () => {
    const vote = a.vote(3);
    const granted = a.read(await (await a.post('groups/edge/vote', vote)).text()).result;
    before = await votes();
    for (let count = 0; count < 3; count += 1) {
      expect(a.read(await (await a.post('groups/edge/vote', vote)).text()).result).toEqual(granted);
      const other = { ...vote, ballot: { counter: 4, node: 'a' } };
      expect(a.read(await (await a.post('groups/edge/vote', other)).text()).result).toMatchObject({ reason: 'stale' });
      expect(await votes()).toEqual(before);
    }
  });

  it("does not get at what is the admin's, by whatever header", async () => {
    const tricks = [
      { 'x-http-method-override': 'PUT' },
      { 'x-original-url': '/healthz', 'x-rewrite-url': '/healthz' },
      { 'x-forwarded-host': 'localhost', forwarded: 'for=127.0.0.1;proto=https' },
    ];
    for (const headers of tricks) {
      for (const method of ['PUT', 'DELETE']) {
        const response = await call(path('/nodes/b'), a.token, { method, headers });
        expect([headers, await refused(response)]).toEqual([headers, 'admin_only']);
      }
    }
    expect(await refused(await call(path(), a.token, { method: 'PUT' }))).toBe('admin_only');
  });

  it.each([
    '/groups/edge/vote/',
    '/groups//vote',
    '/groups/edge/vote/../../../nodes/b',
    '/groups/edge%2fvote',
    '/groups/..%2f..%2fnodes%2fb/vote',
    '/groups/edge%00/vote',
    '/groups/%65dge%20/vote',
    '/groups/edge;a=b/vote',
    '/groups/__proto__/vote',
    '/groups/<b>edge<%2fb>/vote',
    '/groups/%EF%BC%A5dge/vote',
    '/groups/edge/vote#x/..',
    '/groups/edge/VOTE',
    '//request',
  ])('reaches nothing by the path %s', async (rest) => {
    for (const method of ['POST', 'DELETE']) {
      const response = await call(path(rest), a.token, {
        method,
        body: JSON.stringify({ ...a.vote(2), group: 'other' }),
      });
      expect(['bad_name', 'not_found', 'bad_request', 'admin_only']).toContain(await refused(response));
    }
  });

  it('finds no body that is taken for another than it is', async () => {
    const vote = a.vote(2);
    const text = JSON.stringify(vote);
    const bodies: (string | Uint8Array)[] = [
      '',
      'null',
      `[${text}]`,
      `${text}${text}`,
      text.slice(0, -1),
      `\ufeff\ufeff${text}`,
      JSON.stringify({ ...vote, __proto__: undefined, ballot: [1, 'a'] }),
      text.replace('"group"', '"__proto__":{"group":"edge"},"gruop"'),
      JSON.stringify({ ...vote, type: ['vote'] }),
      JSON.stringify({ ...vote, ballot: { counter: 2 ** 53, node: 'a' } }),
      JSON.stringify({ ...vote, ballot: { counter: '2', node: 'a' } }),
      text.replace('"counter":2', '"counter":1e999'),
      text.replace('"counter":2', '"counter":-0.5'),
      new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
      '['.repeat(16_000),
      `{"a":${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}}`,
    ];
    for (const [index, odd] of bodies.entries()) {
      const response = await call(path('/request'), a.token, { method: 'POST', body: odd });
      expect([index, await refused(response)]).toEqual([index, 'bad_request']);
    }
  });

  it(`changes nothing with ${RANDOM_BODIES} bodies that are no requests`, { timeout: 60_000 }, async () => {
    const fields = Object.keys(a.vote(2));
    const bytes = fc.uint8Array({ maxLength: 400 });
    const spoilt = fc
      .tuple(fc.constantFrom(...fields), fc.oneof(fc.json(), fc.string(), fc.double()))
      .map(([field, value]) => JSON.stringify({ ...a.vote(2), [field]: [value] }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, fc.json(), spoilt), async (odd) => {
        const response = await call(path('/request'), a.token, { method: 'POST', body: odd });
        expect(Problem.parse(await response.json()).code).toBe('bad_request');
      }),
      { numRuns: RANDOM_BODIES },
    );
    expect(await votes()).toEqual(before);
  });

  it('is cut off by length before anything is read, declared or not', async () => {
    const long = 'x'.repeat(65_537);
    expect(await refused(await call(path('/request'), a.token, { method: 'POST', body: long }))).toBe('too_large');
    const stream = new ReadableStream({
      start(controller) {
        for (let count = 0; count < 17; count += 1) controller.enqueue(new TextEncoder().encode('y'.repeat(4_096)));
        controller.close();
      },
    });
    const headers = { authorization: `Bearer ${a.token}` };
    const streamed = await app.request(path('/request'), { method: 'POST', headers, body: stream }, env);
    expect(await refused(streamed)).toBe('too_large');
  });

  it('does not hold a connection by a body that never ends: 10 s, and nothing at all without a token', async () => {
    // In the test's own context, whose timers it may move.
    const trickle = (headers: Record<string, string>) =>
      app.request(path('/request'), { method: 'POST', headers, body: new ReadableStream<Uint8Array>() }, env);
    expect(await refused(await trickle({}))).toBe('unauthorized');
    fakeTime();
    let ended = false;
    const slow = Promise.resolve(trickle({ authorization: `Bearer ${a.token}` })).finally(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    vi.useRealTimers();
    const response = await slow;
    expect([response.status, await refused(response)]).toEqual([408, 'too_slow']);
  });
});

describe('an address from which bad tokens come', () => {
  const address = { headers: { 'cf-connecting-ip': '192.0.2.77' } };
  const guess = (cluster: Cluster) => `tbn1.${cluster.witnessId}.${crypto.randomUUID().replaceAll('-', '').repeat(2)}`;
  const exhaust = async (cluster: Cluster) => {
    for (let count = 0; count < 61; count += 1) await call(`/v1/clusters/${cluster.name}`, guess(cluster), address);
  };

  it('cannot have a token taken for good by showing it where no cluster looks at it', async () => {
    const cluster = await newCluster('a');
    const token = guess(cluster);
    expect((await call('/v1/clusters/UPPER', token, address)).status).toBe(400);
    await exhaust(cluster);
    expect((await call(`/v1/clusters/${cluster.name}`, token, address)).status).toBe(429);
  });

  it('does not shut the admin out, whose token has met a route that is for nodes alone', async () => {
    const cluster = await newCluster('a');
    await exhaust(cluster);
    const other = { headers: { 'cf-connecting-ip': '192.0.2.78' } };
    const link = { headers: { ...other.headers, upgrade: 'websocket' } };
    expect((await call(`/v1/clusters/${cluster.name}/link`, ADMIN, link)).status).toBe(401);
    expect((await call(`/v1/clusters/${cluster.name}`, ADMIN, address)).status).toBe(200);
  });
});
