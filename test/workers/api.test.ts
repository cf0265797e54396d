import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { app } from '../../witness/app.ts';
import { ADMIN, call, newCluster, put } from './cluster-fixture.ts';

const Problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
});

async function problemOf(response: Response): Promise<z.infer<typeof Problem>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = Problem.parse(await response.json());
  expect(problem.status).toBe(response.status);
  return problem;
}

describe('the admin token', () => {
  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['shorter than 16 characters', 'fifteen-letters'],
  ])('nothing is answered while it is %s (503)', async (_, token) => {
    const { CLUSTERS } = env;
    const unset = token === undefined ? { CLUSTERS } : { CLUSTERS, TIEBREAK_ADMIN_TOKEN: token };
    for (const path of ['/healthz', '/v1/clusters/c']) {
      const init = { method: 'PUT', headers: { authorization: `Bearer ${token ?? ''}` } };
      const response = await app.request(path, path === '/healthz' ? {} : init, unset);
      expect(await problemOf(response)).toMatchObject({ status: 503, code: 'not_configured' });
    }
  });

  it('answers /healthz once it is set', async () => {
    const response = await call('/healthz', null);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it.each([
    ['no token', null],
    ['another token', 'the-admin-token-of-the-testz'],
    ['a prefix of it', ADMIN.slice(0, -1)],
    ['more than it', `${ADMIN}s`],
  ])('creates nothing with %s (401)', async (_, token) => {
    const name = `c-${crypto.randomUUID()}`;
    const response = await put(`/v1/clusters/${name}`, token);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect((await problemOf(response)).code).toBe('unauthorized');
    expect((await call(`/v1/clusters/${name}`, ADMIN)).status).toBe(404);
  });

  it('creates a cluster once (201), and again without harm (200)', async () => {
    const name = `c-${crypto.randomUUID()}`;
    const first = await put(`/v1/clusters/${name}`, ADMIN, { location_hint: 'weur' });
    const again = await put(`/v1/clusters/${name}`);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(await again.json()).toEqual(await first.json());
    expect((await problemOf(await put(`/v1/clusters/${name}`, ADMIN, { location: 'weur' }))).code).toBe('bad_request');
  });

  it('opens no link: votes are for nodes', async () => {
    const { name } = await newCluster('a');
    const response = await call(`/v1/clusters/${name}/link`, ADMIN, { headers: { upgrade: 'websocket' } });
    expect(response.status).toBe(401);
  });

  it.each(['UPPER', 'a%20b', '-a', 'a-', 'a'.repeat(64), 'a%2fb'])('refuses the name %s', async (name) => {
    expect((await problemOf(await put(`/v1/clusters/${name}`))).code).toBe('bad_name');
  });

  it('knows no node of a cluster that does not exist (404)', async () => {
    const response = await put(`/v1/clusters/c-${crypto.randomUUID()}/nodes/a`);
    expect((await problemOf(response)).code).toBe('unknown_cluster');
  });

  it('stops at 32 nodes', async () => {
    const { name } = await newCluster();
    for (let count = 0; count < 32; count += 1) await put(`/v1/clusters/${name}/nodes/n${count}`);
    expect((await problemOf(await put(`/v1/clusters/${name}/nodes/n32`))).code).toBe('too_many_nodes');
    expect((await put(`/v1/clusters/${name}/nodes/n31`)).status).toBe(200);
  });
});

describe("a node's credential", () => {
  it('is good for its own cluster only, and does not tell whether another exists', async () => {
    const mine = await newCluster('a');
    const other = await newCluster('a');
    const { token } = mine.agent('a');
    expect((await call(`/v1/clusters/${mine.name}`, token)).status).toBe(200);
    const answers = [];
    for (const name of [other.name, `c-${crypto.randomUUID()}`]) {
      for (const path of ['', '/groups/edge']) {
        answers.push(await problemOf(await call(`/v1/clusters/${name}${path}`, token)));
      }
      const init = { headers: { upgrade: 'websocket' } };
      answers.push(await problemOf(await call(`/v1/clusters/${name}/link`, token, init)));
      const body = JSON.stringify(mine.agent('a').hello());
      answers.push(await problemOf(await call(`/v1/clusters/${name}/request`, token, { method: 'POST', body })));
    }
    expect(answers).toHaveLength(8);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.code).toBe('unauthorized');
  });

  it.each([
    ['another secret', (token: string) => token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')],
    [
      'another witness',
      (token: string) => token.replace(/^tbn1\.(.)/, (_, first) => `tbn1.${first === '0' ? '1' : '0'}`),
    ],
    ['no secret', (token: string) => token.split('.').slice(0, 2).join('.')],
  ])('is refused with %s (401)', async (_, spoil) => {
    const cluster = await newCluster('a');
    const { token } = cluster.agent('a');
    expect((await call(`/v1/clusters/${cluster.name}`, spoil(token))).status).toBe(401);
    expect((await call(`/v1/clusters/${cluster.name}`, token)).status).toBe(200);
  });

  it('enrols nobody and creates nothing (403)', async () => {
    const cluster = await newCluster('a');
    for (const path of ['', '/nodes/a', '-another']) {
      expect((await problemOf(await put(`/v1/clusters/${cluster.name}${path}`, cluster.agent('a').token))).code).toBe(
        'admin_only',
      );
    }
  });

  it('is void once it is revoked, and so is its name until it is enrolled again', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.welcome();
    await b.welcome();
    expect(await a.ask(a.vote(1))).toMatchObject({ kind: 'granted' });
    const path = `/v1/clusters/${cluster.name}/nodes/a`;
    const revoke = (token: string) => call(path, token, { method: 'DELETE' });
    expect((await problemOf(await revoke(b.token))).code).toBe('admin_only');
    expect((await revoke(ADMIN)).status).toBe(204);
    expect((await problemOf(await revoke(ADMIN))).code).toBe('unknown_node');
    for (const asked of [call(`/v1/clusters/${cluster.name}`, a.token), a.post('request', a.vote(1))]) {
      expect((await problemOf(await asked)).code).toBe('unauthorized');
    }
    // The node may own by that vote until it ends.
    expect(await b.ask(b.vote(2))).toMatchObject({ kind: 'refused', reason: 'bound', holder: 'a' });
    await evictDurableObject(cluster.stub);
    expect((await call(`/v1/clusters/${cluster.name}`, a.token)).status).toBe(401);
    expect((await put(path)).status).toBe(201);
    expect((await call(`/v1/clusters/${cluster.name}`, a.token)).status).toBe(401);
  });

  it('is not stored: what is stored presents nothing', async () => {
    const cluster = await newCluster('a');
    const { token, witnessId } = cluster.agent('a');
    expect(token).toMatch(new RegExp(`^tbn1\\.${witnessId}\\.[0-9a-f]{64}$`));
    const rows = await runInDurableObject(cluster.stub, (_, state) =>
      JSON.stringify(state.storage.sql.exec('SELECT * FROM node').toArray()),
    );
    expect(rows).not.toContain(token.split('.')[2]);
    expect(rows).toContain(cluster.agent('a').replyKey().toString('hex'));
  });
});

describe('votes by HTTPS', () => {
  it('grants with 200, refuses with 409, releases with 200: signed frames all of them', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    await a.welcome();
    await b.welcome();
    const granted = await a.post('groups/edge/vote', a.vote(1));
    expect(granted.status).toBe(200);
    expect(a.read(await granted.text())).toMatchObject({ serial: 1, result: { kind: 'granted', promise_ms: 5_000 } });
    const refused = await b.post('groups/edge/vote', b.vote(2));
    expect(refused.status).toBe(409);
    expect(b.read(await refused.text()).result).toMatchObject({
      kind: 'refused',
      reason: 'bound',
      holder: 'a',
      highest: { counter: 1, node: 'a' },
    });
    const released = await a.post('groups/edge/vote', a.release(1), 'DELETE');
    expect(released.status).toBe(200);
    expect(a.read(await released.text()).result).toEqual({ kind: 'released', group: 'edge' });
  });

  it('signs with the key of the node that asked, and no other', async () => {
    const cluster = await newCluster('a', 'b');
    const [a, b] = [cluster.agent('a'), cluster.agent('b')];
    const text = await (await a.post('request', a.hello())).text();
    expect(a.verify(text)).toMatchObject({ node: 'a' });
    expect(() => b.verify(text)).toThrow();
  });

  it('refuses what does not belong there (400)', async () => {
    const cluster = await newCluster('a');
    const a = cluster.agent('a');
    await a.welcome();
    const cases: [string, string, unknown][] = [
      ['POST', 'groups/other/vote', a.vote(1)],
      ['POST', 'groups/edge/vote', a.release(1)],
      ['DELETE', 'groups/edge/vote', a.vote(1)],
      ['POST', 'groups/edge/vote', { ...a.vote(1), promise_ms: 10_001 }],
      ['POST', 'groups/edge/vote', { ...a.vote(1), promise_ms: 0 }],
      ['POST', 'groups/edge/vote', { ...a.vote(1), sequence: -1 }],
      ['POST', 'groups/edge/vote', { ...a.vote(1), ballot: { counter: 1.5, node: 'a' } }],
      ['POST', 'groups/edge/vote', { ...a.vote(1), more: true }],
      ['POST', 'request', { type: 'grant' }],
      ['POST', 'request', []],
    ];
    for (const [method, path, body] of cases) {
      const init = { method, body: JSON.stringify(body) };
      const response = await call(`/v1/clusters/${cluster.name}/${path}`, a.token, init);
      expect([path, (await problemOf(response)).code]).toEqual([path, 'bad_request']);
    }
    const other = { ...a.hello(), protocols: [2, 3] };
    expect((await problemOf(await a.post('request', other))).code).toBe('protocol');
  });

  it('refuses a body over 64 KiB (413)', async () => {
    const a = (await newCluster('a')).agent('a');
    const response = await a.post('groups/edge/vote', { ...a.vote(1), padding: 'x'.repeat(65_536) });
    expect((await problemOf(response)).code).toBe('too_large');
  });

  it('refuses a ballot that names another node', async () => {
    const cluster = await newCluster('a', 'b');
    const a = cluster.agent('a');
    await a.welcome();
    expect(await a.ask({ ...a.vote(1), ballot: { counter: 1, node: 'b' } })).toMatchObject({ reason: 'unknown_node' });
  });
});

describe('the state', () => {
  it('shows votes with what remains of them, and who is heard', async () => {
    const cluster = await newCluster('a', 'b');
    const a = cluster.agent('a');
    const link = await a.connect();
    await link.ask(a.hello());
    await link.ask(a.vote(7));
    await link.ping();
    const view = await (await call(`/v1/clusters/${cluster.name}`, ADMIN)).json();
    expect(view).toEqual({
      cluster: cluster.name,
      witness_id: cluster.witnessId,
      serial: 1,
      recovering_ms: 0,
      groups: [
        {
          group: 'edge',
          state: 'held',
          holder: 'a',
          ballot: { counter: 7, node: 'a' },
          remaining_ms: expect.any(Number),
          owner: null,
          protected: true,
          reports: [],
        },
      ],
      nodes: [
        {
          node: 'a',
          connected: true,
          heard_at: expect.any(String),
          heard_ms_ago: expect.any(Number),
          lost: false,
          peers: [],
        },
        { node: 'b', connected: false, heard_at: null, heard_ms_ago: null, lost: false, peers: [] },
      ],
    });
    const group = await (await call(`/v1/clusters/${cluster.name}/groups/edge`, a.token)).json();
    const { remaining_ms } = z.object({ remaining_ms: z.number() }).parse(group);
    expect(remaining_ms).toBeGreaterThan(4_000);
    expect(remaining_ms).toBeLessThanOrEqual(5_000);
    expect((await call(`/v1/clusters/${cluster.name}/groups/other`, a.token)).status).toBe(404);
  });
});
