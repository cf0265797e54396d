import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import {
  ClusterEvent,
  type ClusterOccurrence,
  ClusterView,
  EventsPage,
  IssuedViewerToken,
} from '@tiebreak/shared/wire';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  ADMIN,
  type Agent,
  type Cluster,
  call,
  type Draft,
  fakeTime,
  Link,
  newCluster,
  put,
  Upgraded,
} from './cluster-fixture.ts';

const HEARS_B = [{ node: 'b', state: 'heard', rtt_ms: 0.4 }];
const ACTIVE = { group: 'edge', role: 'active', ballot: { counter: 3, node: 'a' }, protected: true, reason: null };
const DECISION = {
  id: '1-1',
  at: '2026-11-26T03:12:00.000Z',
  group: 'edge',
  from: 'candidate',
  to: 'active',
  ballot: { counter: 3, node: 'a' },
  cause: 'votes_complete',
  votes: [{ voter: 'witness', state: 'granted', remaining_ms: 4_000 }],
  text: 'edge: candidate -> active: a majority has voted for this node',
};

let cluster: Cluster;
let a: Agent;
let b: Agent;
beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  a = cluster.agent('a');
  b = cluster.agent('b');
});

function report(agent: Agent, more: Draft = {}): Draft {
  return { type: 'report', peers: [], groups: [], decisions: [], ...more, ...agent.envelope() };
}

async function events(query = '', token = ADMIN): Promise<EventsPage> {
  const response = await call(`/v1/clusters/${cluster.name}/events${query}`, token);
  expect(response.status).toBe(200);
  return EventsPage.parse(await response.json());
}

/** Oldest first, without what the enrolment of the two nodes has left. */
async function happened(kind?: ClusterOccurrence['kind']): Promise<ClusterOccurrence[]> {
  const page = await events('?limit=200');
  return page.events
    .map(({ event }) => event)
    .filter((event) => (kind === undefined ? event.kind !== 'credential' : event.kind === kind))
    .reverse();
}

async function viewer(): Promise<string> {
  const issued = await put(`/v1/clusters/${cluster.name}/viewers/wall`);
  return IssuedViewerToken.parse(await issued.json()).token;
}

async function view(token = ADMIN): Promise<ClusterView> {
  return ClusterView.parse(await (await call(`/v1/clusters/${cluster.name}`, token)).json());
}

describe('a report', () => {
  it('is in the state: owner, roles, and who hears whom', async () => {
    const link = await a.connect();
    await link.ask(a.hello());
    expect(await link.ask(report(a, { peers: HEARS_B, groups: [ACTIVE] }))).toEqual({
      kind: 'reported',
      decided: null,
    });
    const { groups, nodes } = await view();
    expect(groups).toMatchObject([
      { group: 'edge', state: 'free', owner: 'a', protected: true, reports: [{ node: 'a', role: 'active' }] },
    ]);
    expect(nodes).toMatchObject([
      { node: 'a', lost: false, peers: HEARS_B },
      { node: 'b', peers: [] },
    ]);
  });

  it('outlives hibernation, and costs no row when it comes again', async () => {
    const link = await a.connect();
    await link.ask(a.hello());
    await link.ask(report(a, { peers: HEARS_B, groups: [ACTIVE], decisions: [DECISION] }));
    await evictDurableObject(cluster.stub);
    const before = await happened();
    expect(await view()).toMatchObject({ groups: [{ owner: 'a' }], nodes: [{ peers: HEARS_B }, {}] });
    const again = report(a, { peers: HEARS_B, groups: [ACTIVE], decisions: [DECISION] });
    expect(await link.ask(again)).toEqual({ kind: 'reported', decided: '1-1' });
    expect(await happened()).toEqual(before);
  });

  it('leaves no trace in any vote', async () => {
    await a.welcome();
    await a.ask(a.vote(3));
    const votes = () =>
      runInDurableObject(cluster.stub, (_, { storage }) =>
        JSON.stringify([
          storage.sql.exec('SELECT * FROM vote').toArray(),
          storage.sql.exec('SELECT * FROM cluster').one(),
        ]),
      );
    const before = await votes();
    await b.ask(report(b, { groups: [{ ...ACTIVE, ballot: { counter: 99, node: 'b' } }] }));
    expect(await votes()).toBe(before);
    await a.welcome();
    expect(await a.ask(a.vote(3))).toMatchObject({ kind: 'granted' });
  });

  it('is refused beyond a rate, and the link stays', async () => {
    const link = await a.connect();
    await link.ask(a.hello());
    const answers = new Set<string>();
    for (let count = 0; count < 330; count += 1) answers.add(JSON.stringify(await link.ask(report(a))));
    expect(answers).toContain('{"kind":"report_refused","reason":"rate"}');
    expect(await link.ask(a.rehearsal())).toEqual({ kind: 'rehearsed' });
  });

  it.each([
    ['of too many groups', { groups: Array.from({ length: 9 }, () => ACTIVE) }],
    ['of too many decisions', { decisions: Array.from({ length: 5 }, () => DECISION) }],
    ['of a decision without end', { decisions: [{ ...DECISION, text: 'x'.repeat(1_001) }] }],
    ['of a role that does not exist', { groups: [{ ...ACTIVE, role: 'king' }] }],
    ['of a name that is none', { groups: [{ ...ACTIVE, group: '<b>' }] }],
  ])('%s is none', async (_, more) => {
    expect((await a.post('request', report(a, more))).status).toBe(400);
  });
});

describe('the events', () => {
  it('tell of a node without a link that it is lost, ten seconds after its last word by HTTPS', async () => {
    fakeTime();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    for (let word = 0; word < 5; word += 1) {
      expect(await a.ask(report(a))).toMatchObject({ kind: 'reported' });
      await cluster.pass(9_000);
    }
    const { nodes } = ClusterView.parse(await (await call(`/v1/clusters/${cluster.name}`, ADMIN)).json());
    expect(nodes[0]).toMatchObject({ node: 'a', connected: false, lost: false, heard_ms_ago: 9_000 });
    expect(await happened('node')).toEqual([{ kind: 'node', node: 'a', state: 'found' }]);
    await cluster.pass(1_000);
    expect((await happened('node')).at(-1)).toEqual({ kind: 'node', node: 'a', state: 'lost' });
  });

  it('tell so too of one whose last word was a vote', async () => {
    fakeTime();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    await a.ask(report(a));
    await a.ask(a.vote(3));
    await cluster.pass(10_000);
    expect((await happened('node')).at(-1)).toEqual({ kind: 'node', node: 'a', state: 'lost' });
  });

  it('tell why it moved: the votes with what they were based on, the decisions, the owner', async () => {
    const [linkA, linkB] = [await a.connect(), await b.connect()];
    await linkA.ask(a.hello());
    await linkB.ask(b.hello());
    await linkA.ask(a.vote(3));
    await linkA.ask(a.vote(3));
    await linkB.ask(b.vote(4));
    await linkB.ask(b.vote(4));
    await linkA.ask(report(a, { groups: [ACTIVE], decisions: [DECISION] }));
    await linkA.ask(a.release(3));
    const vote = { kind: 'vote', group: 'edge', promise_ms: null, reason: null };
    expect(await happened()).toEqual([
      { kind: 'node', node: 'a', state: 'found' },
      { kind: 'node', node: 'b', state: 'found' },
      {
        ...vote,
        node: 'a',
        ballot: { counter: 3, node: 'a' },
        outcome: 'granted',
        promise_ms: 5_000,
        holder_before: null,
        remaining_ms_before: 0,
      },
      {
        ...vote,
        node: 'b',
        ballot: { counter: 4, node: 'b' },
        outcome: 'refused',
        reason: 'bound',
        holder_before: 'a',
        remaining_ms_before: expect.any(Number),
      },
      { kind: 'decision', node: 'a', decision: DECISION },
      { kind: 'owner', group: 'edge', from: null, to: 'a', ballot: { counter: 3, node: 'a' } },
      {
        ...vote,
        node: 'a',
        ballot: { counter: 3, node: 'a' },
        outcome: 'released',
        holder_before: 'a',
        remaining_ms_before: expect.any(Number),
      },
    ]);
    const [{ text } = { text: '' }] = (await events('?limit=2')).events.slice(1);
    expect(text).toBe('edge: a owns it (ballot 3.a)');
  });

  it('come in pages, newest first, and of one group if that is wanted', async () => {
    await a.welcome();
    for (let counter = 1; counter <= 6; counter += 1) {
      await a.ask(a.vote(counter));
      await a.ask(a.release(counter));
    }
    const all = (await events('?limit=200')).events.map(({ id }) => id);
    const walked: number[] = [];
    for (let next: string | null = '?limit=3'; next !== null; ) {
      const page: EventsPage = await events(next.slice(next.indexOf('?')));
      walked.push(...page.events.map(({ id }) => id));
      expect(page.older === null || page.older.startsWith(`/v1/clusters/${cluster.name}/events?`)).toBe(true);
      next = page.older;
    }
    expect(walked).toEqual(all);
    expect(all).toEqual(all.toSorted((left, right) => right - left));
    expect((await events('?group=edge')).events).toHaveLength(12);
    expect((await events('?group=other')).events).toEqual([]);
  });

  it.each(['?limit=0', '?limit=201', '?before=x', '?before=-1', '?group=A', '?other=1'])('refuse %s', async (query) => {
    expect((await call(`/v1/clusters/${cluster.name}/events${query}`, ADMIN)).status).toBe(400);
  });

  it('are kept by count and by age', async () => {
    await runInDurableObject(cluster.stub, (_, { storage }) => {
      const old = Date.now() - 91 * 24 * 3_600_000;
      const body = JSON.stringify({ kind: 'recovery', state: 'ended' });
      for (let id = 101; id <= 5_198; id += 1) {
        storage.sql.exec(
          'INSERT INTO event (id, at_ms, body) VALUES (?, ?, ?)',
          id,
          id <= 300 ? old : Date.now(),
          body,
        );
      }
    });
    await evictDurableObject(cluster.stub);
    await a.welcome();
    await a.ask(a.vote(1));
    const ids = await runInDurableObject(cluster.stub, (_, { storage }) =>
      storage.sql.exec('SELECT min(id) AS first, max(id) AS last FROM event').one(),
    );
    expect(ids).toEqual({ first: 301, last: 5_200 });
  });
});

describe('the stream of events', () => {
  async function stream(token: string): Promise<Link> {
    const path = `/v1/clusters/${cluster.name}/events`;
    const response = await call(path, token, { headers: { upgrade: 'websocket' } });
    expect(response.status).toBe(101);
    return new Link(a, Upgraded.parse(response).webSocket);
  }

  it('tells each event as it happens, after hibernation too', async () => {
    const open = await stream(await viewer());
    await evictDurableObject(cluster.stub);
    await a.welcome();
    expect(ClusterEvent.parse(JSON.parse(await open.next()))).toMatchObject({
      text: 'a is heard',
      event: { kind: 'node', node: 'a', state: 'found' },
    });
    await open.ping();
  });

  it('hears nothing: whoever talks is shown out', async () => {
    const open = await stream(await viewer());
    open.send(a.vote(1));
    expect((await open.closed).code).toBe(1008);
  });

  it('ends when a viewer is revoked', async () => {
    const token = await viewer();
    const open = await stream(token);
    const revoked = await call(`/v1/clusters/${cluster.name}/viewers/wall`, ADMIN, { method: 'DELETE' });
    expect(revoked.status).toBe(204);
    expect((await open.closed).code).toBe(1008);
    const path = `/v1/clusters/${cluster.name}/events`;
    expect((await call(path, token, { headers: { upgrade: 'websocket' } })).status).toBe(401);
    expect((await call(path, token)).status).toBe(401);
  });

  it('of a node ends when its token is replaced or revoked', async () => {
    const open = await stream(a.token);
    await put(`/v1/clusters/${cluster.name}/nodes/a`);
    expect((await open.closed).code).toBe(1008);
    const other = await stream(b.token);
    await call(`/v1/clusters/${cluster.name}/nodes/b`, ADMIN, { method: 'DELETE' });
    expect((await other.closed).code).toBe(1008);
  });

  it('is no link of a node: what nodes are told does not go there', async () => {
    const open = await stream(a.token);
    const link = await b.connect();
    await link.ask(b.hello());
    expect((await view()).nodes).toMatchObject([{ connected: false }, { connected: true }]);
    expect(ClusterEvent.parse(JSON.parse(await open.next())).event).toMatchObject({ kind: 'node', node: 'b' });
  });
});

describe("a viewer's token", () => {
  it('reads the state and the events', async () => {
    const token = await viewer();
    expect((await view(token)).cluster).toBe(cluster.name);
    expect((await events('', token)).events.length).toBeGreaterThan(0);
  });

  it('is void once another was issued in its place', async () => {
    const former = await viewer();
    const later = await viewer();
    expect((await call(`/v1/clusters/${cluster.name}`, former)).status).toBe(401);
    expect((await call(`/v1/clusters/${cluster.name}`, later)).status).toBe(200);
  });

  it('is good for nothing else, and for no other cluster', async () => {
    const token = await viewer();
    const other = await newCluster('a');
    const path = `/v1/clusters/${cluster.name}`;
    const post = { method: 'POST', body: JSON.stringify(a.vote(1)) };
    expect((await call(`/v1/clusters/${other.name}`, token)).status).toBe(401);
    expect((await call(`/v1/clusters/${other.name}/events`, token)).status).toBe(401);
    expect((await call(`${path}/link`, token, { headers: { upgrade: 'websocket' } })).status).toBe(401);
    expect((await call(`${path}/groups/edge/vote`, token, post)).status).toBe(401);
    expect((await call(`${path}/request`, token, post)).status).toBe(401);
    expect((await put(`${path}/nodes/c`, token)).status).toBe(403);
    expect((await put(`${path}/viewers/me`, token)).status).toBe(403);
    expect((await call(`${path}/viewers/wall`, token, { method: 'DELETE' })).status).toBe(403);
  });

  it('is refused to more than 32', async () => {
    for (let count = 0; count < 32; count += 1) {
      expect((await put(`/v1/clusters/${cluster.name}/viewers/v${count}`)).status).toBe(201);
    }
    expect((await put(`/v1/clusters/${cluster.name}/viewers/v32`)).status).toBe(409);
    expect((await put(`/v1/clusters/${cluster.name}/viewers/v31`)).status).toBe(200);
  });
});
