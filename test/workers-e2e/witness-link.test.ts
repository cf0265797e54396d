import { fileURLToPath } from 'node:url';
import {
  ClusterView,
  EventsPage,
  type GroupReport,
  type HistoryEntry,
  IssuedMonitorToken,
  type PassedHealth,
} from '@tiebreak/shared/wire';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createTestHarness } from 'wrangler';
import { openWitnessLink, type Reply, type WitnessLinkOptions } from '../../agent/witness-link/index.ts';

const ADMIN = 'admin-token-of-this-test';
const PROMISE_MS = 5_000;
const PATIENCE = { timeout: 5_000, interval: 5 };
const GROUPS = [{ group: 'edge', configHash: '00112233445566aa' }];

const configPath = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const harness = createTestHarness({ workers: [{ configPath, secrets: { TIEBREAK_ADMIN_TOKEN: ADMIN } }] });
let base: URL;

beforeAll(async () => {
  base = (await harness.listen()).url;
  await Promise.all(CLUSTERS.map((cluster) => put(`/v1/clusters/${cluster}`)));
  await Promise.all(CLUSTERS.map(waitedOut));
}, 60_000);
afterAll(() => harness.close());

/** One for each test; a new cluster gives its vote to nobody for the first 10 s (L14). */
const CLUSTERS = Array.from({ length: 12 }, (_, index) => `branch-${index + 1}`);
const unused = [...CLUSTERS];

async function waitedOut(cluster: string): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await get(`/v1/clusters/${cluster}`)).toMatchObject({ recovering_ms: 0 });
    },
    { timeout: 20_000, interval: 500 },
  );
}

async function put(path: string): Promise<unknown> {
  const answer = await fetch(new URL(path, base), { method: 'PUT', headers: { authorization: `Bearer ${ADMIN}` } });
  expect(answer.ok).toBe(true);
  return answer.json();
}

async function get(path: string): Promise<unknown> {
  const answer = await fetch(new URL(path, base), { headers: { authorization: `Bearer ${ADMIN}` } });
  expect(answer.ok).toBe(true);
  return answer.json();
}

function groupAs(role: 'backup' | 'active'): GroupReport {
  return { group: 'edge', role, ballot: { counter: 1, node: 'a' }, protected: true, reason: null };
}

function decided(number: number): HistoryEntry {
  return {
    id: `1-${number}`,
    at: '2026-11-26T03:12:00.000Z',
    group: 'edge',
    from: 'backup',
    to: 'active',
    ballot: { counter: number, node: 'a' },
    cause: 'released',
    votes: [],
    text: `decision ${number}`,
  };
}

function newCluster(): string {
  const cluster = unused.pop();
  if (cluster === undefined) throw new Error('every cluster is in use');
  return cluster;
}

async function enroll(cluster: string, node: string): Promise<string> {
  const answer = await put(`/v1/clusters/${cluster}/nodes/${node}`);
  if (typeof answer !== 'object' || answer === null || !('token' in answer)) throw new Error('no token');
  return String(answer.token);
}

function open(cluster: string, node: string, token: string, options: Partial<WitnessLinkOptions> = {}) {
  const replies: Reply[] = [];
  const freed: string[] = [];
  const passedOn: { from: string; text: string }[] = [];
  const states: string[] = [];
  let serial = 0;
  const link = openWitnessLink({
    url: base.href,
    cluster,
    node,
    token,
    incarnation: 1,
    serial,
    groups: () => GROUPS,
    report: () => ({ peers: [], groups: [], decisions: [] }),
    nowUs: () => Number(process.hrtime.bigint() / 1_000n),
    chooseSource: () => undefined,
    random: Math.random,
    onReply: (reply) => replies.push(reply),
    onFreed: (group) => freed.push(group),
    onHealth: () => {},
    onPassedOn: (from, datagram) => passedOn.push({ from, text: Buffer.from(datagram).toString() }),
    onState: ({ kind }) => states.push(kind),
    onSerial: (grown) => {
      serial = grown;
    },
    log: () => {},
    ...options,
  });
  onTestFinished(() => link.close());
  const connected = () => vi.waitFor(() => expect(link.state().kind).toBe('connected'), PATIENCE);
  const answered = async (requestId: number): Promise<Reply> =>
    vi.waitFor(() => {
      const found = replies.find((reply) => reply.requestId === requestId);
      if (!found) throw new Error(`request ${requestId} is not answered`);
      return found;
    }, PATIENCE);
  return { link, freed, passedOn, states, connected, answered, serial: () => serial };
}

test('one of two nodes gets the vote; when it is released, the other is told and gets it', async () => {
  const cluster = newCluster();
  const a = open(cluster, 'a', await enroll(cluster, 'a'));
  const b = open(cluster, 'b', await enroll(cluster, 'b'));
  await Promise.all([a.connected(), b.connected()]);

  const granted = await a.answered(a.link.vote('edge', { counter: 1, node: 'a' }, PROMISE_MS));
  expect(granted.result).toMatchObject({ kind: 'granted', promise_ms: PROMISE_MS });
  expect(a.serial()).toBeGreaterThan(0);

  const bound = await b.answered(b.link.vote('edge', { counter: 2, node: 'b' }, PROMISE_MS));
  expect(bound.result).toMatchObject({ kind: 'refused', reason: 'bound', holder: 'a' });

  const released = await a.answered(a.link.release('edge', { counter: 1, node: 'a' }));
  expect(released.result.kind).toBe('released');
  await vi.waitFor(() => expect(b.freed).toEqual(['edge']), PATIENCE);
  const second = await b.answered(b.link.vote('edge', { counter: 2, node: 'b' }, PROMISE_MS));
  expect(second.result.kind).toBe('granted');
});

test('rehearsals measure the way through the storage write', async () => {
  const cluster = newCluster();
  const a = open(cluster, 'a', await enroll(cluster, 'a'));
  await a.connected();
  await vi.waitFor(() => expect(a.link.voteTimes().p99Ms).toBeGreaterThan(0), PATIENCE);
});

test('the link outlives a reset of the object, and a vote asked meanwhile is answered', async () => {
  const cluster = newCluster();
  const a = open(cluster, 'a', await enroll(cluster, 'a'));
  await a.connected();
  await harness.getWorker().evictDurableObject('ClusterWitness', { name: cluster, webSockets: 'close' });
  const reply = await a.answered(a.link.vote('edge', { counter: 1, node: 'a' }, PROMISE_MS));
  expect(reply.result.kind).toBe('granted');
  await vi.waitFor(() => expect(a.states).toEqual(['connected', 'connecting', 'connected']), PATIENCE);
});

test('the link lives on through hibernation, and the first vote after it is answered', async () => {
  const cluster = newCluster();
  const a = open(cluster, 'a', await enroll(cluster, 'a'));
  await a.connected();
  await harness.getWorker().evictDurableObject('ClusterWitness', { name: cluster, webSockets: 'hibernate' });
  const reply = await a.answered(a.link.vote('edge', { counter: 1, node: 'a' }, PROMISE_MS));
  expect(reply.result.kind).toBe('granted');
  expect(a.states).toEqual(['connected']);
});

test('votes and releases over HTTPS alone are answered, without a stamp to begin with', async () => {
  const cluster = newCluster();
  // The first random number is the delay of the first connection attempt: 200 ms, in which only HTTPS is there.
  const a = open(cluster, 'a', await enroll(cluster, 'a'), { random: () => 1 });
  const granted = await a.answered(a.link.vote('edge', { counter: 1, node: 'a' }, PROMISE_MS));
  const released = await a.answered(a.link.release('edge', { counter: 1, node: 'a' }));
  expect([granted.result.kind, released.result.kind, a.states]).toEqual(['granted', 'released', []]);
});

test('a token that was replaced is refused, and so is one of another cluster', async () => {
  const cluster = newCluster();
  const former = await enroll(cluster, 'a');
  const a = open(cluster, 'a', former);
  await a.connected();
  await enroll(cluster, 'a');
  await vi.waitFor(() => expect(a.link.state().kind).toBe('refused'), PATIENCE);

  const stranger = open(cluster, 'a', await enroll(newCluster(), 'a'));
  await vi.waitFor(() => expect(stranger.link.state().kind).toBe('refused'), PATIENCE);
  expect(stranger.link.state().detail).toContain('401');
});

test('ten groups over HTTPS at once all get their votes, though the witness wants them in order', async () => {
  const cluster = newCluster();
  const groups = Array.from({ length: 10 }, (_, index) => ({ group: `g${index}`, configHash: '00112233445566aa' }));
  const a = open(cluster, 'a', await enroll(cluster, 'a'), { groups: () => groups, random: () => 1 });
  const ids = groups.map(({ group }) => a.link.vote(group, { counter: 1, node: 'a' }, PROMISE_MS));
  const replies = await Promise.all(ids.map((id) => a.answered(id)));
  expect(replies.map(({ result }) => result.kind)).toEqual(ids.map(() => 'granted'));
});

test('a datagram reaches the other node through the witness as it was, with the name of who sent it (L17)', async () => {
  const cluster = newCluster();
  const a = open(cluster, 'a', await enroll(cluster, 'a'));
  const b = open(cluster, 'b', await enroll(cluster, 'b'));
  await Promise.all([a.connected(), b.connected()]);
  a.link.relay('b', Buffer.from('sealed'));
  await vi.waitFor(() => expect(b.passedOn).toEqual([{ from: 'a', text: 'sealed' }]), PATIENCE);
  expect(a.passedOn).toEqual([]);
});

test('what a node sees and decides is known at the witness at once, and after a reset of the object too', async () => {
  const cluster = newCluster();
  let role: 'backup' | 'active' = 'backup';
  const decisions = Array.from({ length: 6 }, (_, index) => decided(index + 1));
  const a = open(cluster, 'a', await enroll(cluster, 'a'), {
    report: () => ({ peers: [{ node: 'b', state: 'heard', rtt_ms: 0.4 }], groups: [groupAs(role)], decisions }),
  });
  await a.connected();
  const state = async () => ClusterView.parse(await get(`/v1/clusters/${cluster}`));
  const known = async () => {
    const { events } = EventsPage.parse(await get(`/v1/clusters/${cluster}/events`));
    return events.flatMap(({ event }) => (event.kind === 'decision' ? [event.decision.id] : [])).reverse();
  };
  const ids = () => decisions.map(({ id }) => id);
  await vi.waitFor(async () => expect(await known()).toEqual(ids()), PATIENCE);

  role = 'active';
  decisions.push(decided(7));
  a.link.reportSoon();
  await vi.waitFor(async () => expect(await known()).toEqual(ids()), PATIENCE);
  expect(await state()).toMatchObject({ groups: [{ owner: 'a' }], nodes: [{ peers: [{ state: 'heard' }] }] });

  await harness.getWorker().evictDurableObject('ClusterWitness', { name: cluster, webSockets: 'close' });
  decisions.push(decided(8));
  await vi.waitFor(async () => expect(await known()).toEqual(ids()), PATIENCE);
  expect(await state()).toMatchObject({ groups: [{ owner: 'a' }] });
});

test('what an outside monitor reports reaches the node, at once or with its next link', async () => {
  const cluster = newCluster();
  const token = await enroll(cluster, 'a');
  const heard: PassedHealth[] = [];
  const report = () => ({ peers: [], groups: [groupAs('active')], decisions: [] });
  const first = open(cluster, 'a', token, { report, onHealth: (passed) => heard.push(passed) });
  await first.connected();
  const monitor = IssuedMonitorToken.parse(await put(`/v1/clusters/${cluster}/monitors/outside`));
  const say = async (healthy: boolean): Promise<boolean> => {
    const answer = await fetch(new URL(`/v1/clusters/${cluster}/groups/edge/nodes/a/health`, base), {
      method: 'POST',
      headers: { authorization: `Bearer ${monitor.token}` },
      body: JSON.stringify({ check: 'nginx', healthy }),
    });
    return answer.ok;
  };
  // The group is known once the node has reported it.
  await vi.waitFor(async () => expect(await say(false)).toBe(true), PATIENCE);
  await vi.waitFor(() => expect(heard).toMatchObject([{ check: 'nginx', healthy: false, in_a_row: 1 }]), PATIENCE);
  first.link.close();
  await vi.waitFor(async () => {
    const { nodes } = ClusterView.parse(await get(`/v1/clusters/${cluster}`));
    expect(nodes[0]?.connected).toBe(false);
  }, PATIENCE);
  expect(await say(false)).toBe(true);
  open(cluster, 'a', token, { report, incarnation: 2, onHealth: (passed) => heard.push(passed) });
  await vi.waitFor(() => expect(heard).toMatchObject([{ in_a_row: 1 }, { in_a_row: 2 }]), PATIENCE);
});
