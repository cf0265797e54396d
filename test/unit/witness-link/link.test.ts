import { createHmac } from 'node:crypto';
import type { WitnessRequest } from '@tiebreak/shared/wire';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type LinkLog,
  openWitnessLink,
  type Reply,
  type WitnessLink,
  type WitnessLinkOptions,
} from '../../../agent/witness-link/index.ts';
import { type Answer, FakeWitness } from './fake-witness.ts';
import { FlakyPath } from './flaky-path.ts';
import {
  GROUPS,
  granted,
  INCARNATION,
  NODE,
  type ReplyMessage,
  reply,
  SECRET,
  signed,
  TOKEN,
  WITNESS_ID,
} from './signed.ts';

const BALLOT = { counter: 1, node: NODE };
const PATIENCE = { timeout: 4_000, interval: 5 };

function messageFor(request: WitnessRequest): ReplyMessage {
  switch (request.type) {
    case 'hello':
      return reply(request, { kind: 'welcome', protocol: 1 });
    case 'rehearsal':
      return reply(request, { kind: 'rehearsed' });
    case 'release':
      return reply(request, { kind: 'released', group: request.group });
    case 'relay':
      return reply(request, { kind: 'relayed', delivered: true });
    case 'report':
      return reply(request, { kind: 'reported', decided: null });
    case 'vote':
      return reply(request, granted(request));
  }
}

const obliging: Answer = (request) => signed(messageFor(request));

/** Everything that the links of this file have logged: the token may never be in it. */
const logged: LinkLog[] = [];
afterEach(() => expect(JSON.stringify(logged)).not.toContain(SECRET));

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function open(port: number, options: Partial<WitnessLinkOptions> = {}) {
  const replies: Reply[] = [];
  const states: string[] = [];
  const freed: string[] = [];
  const passedOn: { from: string; text: string }[] = [];
  const link = openWitnessLink({
    url: `http://localhost:${port}`,
    cluster: 'branch-7',
    node: NODE,
    token: TOKEN,
    incarnation: INCARNATION,
    serial: 0,
    groups: () => GROUPS,
    report: () => ({ peers: [], groups: [], decisions: [] }),
    nowUs,
    chooseSource: () => undefined,
    random: () => 0,
    onReply: (answer) => replies.push(answer),
    onFreed: (group) => freed.push(group),
    onHealth: () => {},
    onPassedOn: (from, datagram) => passedOn.push({ from, text: Buffer.from(datagram).toString() }),
    onState: ({ kind }) => states.push(kind),
    onSerial: () => {},
    log: (event) => logged.push(event),
    ...options,
  });
  onTestFinished(() => link.close());
  return { link, replies, states, freed, passedOn };
}

async function startWitness(answer: Answer = obliging): Promise<{ witness: FakeWitness; port: number }> {
  const witness = new FakeWitness(answer);
  const port = await witness.listen();
  onTestFinished(() => witness.close());
  return { witness, port };
}

function connected(link: WitnessLink): Promise<void> {
  return vi.waitFor(() => expect(link.state().kind).toBe('connected'), PATIENCE);
}

describe('the warm link', () => {
  test('says hello first, with the token in the header and on the path of its cluster', async () => {
    const { port, witness } = await startWitness();
    const { link, states } = open(port);
    await connected(link);
    expect(witness.upgrades).toEqual([{ url: '/v1/clusters/branch-7/link', authorization: `Bearer ${TOKEN}` }]);
    expect(witness.seen[0]).toMatchObject({ path: 'socket', request: { type: 'hello', protocols: [1] } });
    expect(states).toEqual(['connected']);
  });

  test('carries a vote and its reply, counted from before its send (L2)', async () => {
    const { port } = await startWitness();
    const { link, replies } = open(port);
    await connected(link);
    const beforeUs = nowUs();
    const requestId = link.vote('edge', BALLOT, 5_000);
    const afterUs = nowUs();
    await vi.waitFor(() => expect(replies).toHaveLength(1), PATIENCE);
    expect(replies).toMatchObject([{ requestId, result: { kind: 'granted', ballot: BALLOT } }]);
    expect(replies[0]?.sentAtUs).toBeGreaterThanOrEqual(beforeUs);
    expect(replies[0]?.sentAtUs).toBeLessThanOrEqual(afterUs);
    expect(replies[0]?.receivedAtUs).toBeGreaterThan(afterUs);
  });

  test('counts the votes that it asks for, what becomes of them, and how often it is lost', async () => {
    const { port, witness } = await startWitness();
    const { link, replies } = open(port);
    expect(link.counts()).toEqual({ votesRequested: 0, votesGranted: 0, votesRefused: new Map(), linkLosses: 0 });
    await connected(link);
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(1), PATIENCE);
    witness.answer = (request) =>
      request.type === 'vote'
        ? signed(
            reply(request, {
              kind: 'refused',
              group: 'edge',
              reason: 'bound',
              remaining_ms: 100,
              highest: BALLOT,
              holder: 'b',
            }),
          )
        : obliging(request, 'socket');
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(2), PATIENCE);
    expect(link.counts()).toMatchObject({ votesRequested: 2, votesGranted: 1, votesRefused: new Map([['bound', 1]]) });
    for (const socket of witness.sockets) socket.destroy();
    await vi.waitFor(() => expect(link.counts().linkLosses).toBe(1), PATIENCE);
  });

  test('rehearses five times at the first connection', async () => {
    const { port, witness } = await startWitness();
    const { link } = open(port);
    await connected(link);
    const rehearsals = () => witness.seen.filter(({ request }) => request.type === 'rehearsal').length;
    await vi.waitFor(() => expect(rehearsals()).toBe(5), PATIENCE);
    await vi.waitFor(() => expect(link.voteTimes().p99Ms).toBeGreaterThan(0), PATIENCE);
    expect(link.voteTimes().p50Ms).toBeLessThanOrEqual(link.voteTimes().p99Ms ?? 0);
  });

  test('passes on the hint that a vote is free', async () => {
    const { port, witness } = await startWitness();
    const { freed, link } = open(port);
    await connected(link);
    witness.push(signed({ type: 'freed', witness_id: WITNESS_ID, group: 'edge' }));
    await vi.waitFor(() => expect(freed).toEqual(['edge']), PATIENCE);
  });

  test('passes on what another node has sent, with its name, and sends what is for another node (L17)', async () => {
    const { port, witness } = await startWitness();
    const { link, passedOn } = open(port);
    link.relay('b', Buffer.from('lost: there is no link yet'));
    await connected(link);
    link.relay('b', Buffer.from('sealed'));
    await vi.waitFor(() => {
      const relays = witness.seen.filter(({ request }) => request.type === 'relay');
      expect(relays).toMatchObject([{ path: 'socket', request: { to: 'b', datagram: 'c2VhbGVk' } }]);
    }, PATIENCE);
    witness.push(signed({ type: 'passed_on', witness_id: WITNESS_ID, from: 'b', datagram: 'b3RoZXI=' }));
    await vi.waitFor(() => expect(passedOn).toEqual([{ from: 'b', text: 'other' }]), PATIENCE);
  });

  test('comes back by itself after the witness was reset', async () => {
    const { port, witness } = await startWitness();
    const { link, states } = open(port);
    await connected(link);
    witness.reset();
    await vi.waitFor(() => expect(states).toEqual(['connected', 'connecting', 'connected']), PATIENCE);
    expect(witness.upgrades).toHaveLength(2);
  });
});

describe('when the path fails', () => {
  test('a half-open link is down within 3.6 s of the cut, its vote is answered on a fresh connection', async () => {
    const { port, witness } = await startWitness();
    const path = new FlakyPath(port);
    const flakyPort = await path.listen();
    onTestFinished(() => path.close());
    const { link, replies, states } = open(flakyPort);
    await connected(link);
    await vi.waitFor(() => expect(witness.warmUps).toBe(1), PATIENCE);
    // The answer to the warm-up has to be through the relay, so that an idle connection is cut too.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const cutUs = nowUs();
    path.freeze();
    await vi.waitFor(() => expect(states).toContain('connecting'), { timeout: 6_000, interval: 5 });
    expect((nowUs() - cutUs) / 1_000).toBeLessThan(3_800);
    const requestId = link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toMatchObject([{ requestId, result: { kind: 'granted' } }]), PATIENCE);
    // Over a frozen connection it would have taken 500 ms until the repeat.
    expect(((replies[0]?.receivedAtUs ?? 0) - (replies[0]?.sentAtUs ?? 0)) / 1_000).toBeLessThan(400);
    await connected(link);
  }, 15_000);

  test('a witness that answers no ping is left, and the old connection does not stay', async () => {
    const { port, witness } = await startWitness();
    witness.answersPings = false;
    const { link } = open(port);
    await connected(link);
    await vi.waitFor(() => expect(witness.upgrades).toHaveLength(2), { timeout: 6_000, interval: 5 });
    await vi.waitFor(() => expect(witness.sockets.size).toBe(1), PATIENCE);
  }, 15_000);

  test('a half-open HTTPS connection delays a vote by the 500 ms of its repeat only', async () => {
    const { port, witness } = await startWitness();
    witness.handshakeStatus = 503;
    const path = new FlakyPath(port);
    const flakyPort = await path.listen();
    onTestFinished(() => path.close());
    const { link, replies } = open(flakyPort);
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(1), PATIENCE);
    path.freeze();
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(2), PATIENCE);
    expect(((replies[1]?.receivedAtUs ?? 0) - (replies[1]?.sentAtUs ?? 0)) / 1_000).toBeLessThan(1_200);
  });

  test('two agents with one token, who throw each other out, do so ever more slowly', async () => {
    const { port, witness } = await startWitness((request, path) => {
      setTimeout(() => witness.reset(), 5);
      return obliging(request, path);
    });
    open(port, { random: () => 1 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    // At 0.2, 0.7, 1.6 s; the next one comes at 3.3 s.
    expect(witness.upgrades).toHaveLength(3);
  });

  test('a vote that the socket leaves unanswered is answered over HTTPS under the same sequence (L13)', async () => {
    const silent: Answer = (request, path) =>
      request.type === 'vote' && path === 'socket' ? null : obliging(request, path);
    const { port, witness } = await startWitness(silent);
    const { link, replies } = open(port);
    await connected(link);
    const askedUs = nowUs();
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(1), PATIENCE);
    const votes = witness.seen.filter(({ request }) => request.type === 'vote');
    expect(votes.map(({ path }) => path)).toEqual(['socket', 'https']);
    expect(new Set(votes.map(({ request }) => request.sequence)).size).toBe(1);
    expect((replies[0]?.sentAtUs ?? 0) - askedUs).toBeLessThan(100_000);
    expect((replies[0]?.receivedAtUs ?? 0) - askedUs).toBeGreaterThan(490_000);
  });

  test('while there is no socket a vote goes over HTTPS at once', async () => {
    const { port, witness } = await startWitness();
    witness.handshakeStatus = 503;
    const { link, replies } = open(port);
    link.vote('edge', BALLOT, 5_000);
    link.release('edge', BALLOT);
    await vi.waitFor(() => expect(replies).toMatchObject([{ result: { kind: 'released' } }]), PATIENCE);
    const asked = witness.seen.filter(({ request }) => request.type === 'vote' || request.type === 'release');
    expect(asked.map(({ path }) => path)).toEqual(['https', 'https']);
  });

  test.each([403, 503])(
    'where a proxy answers WebSockets with %i, HTTPS carries everything else',
    async (status) => {
      const { port, witness } = await startWitness();
      witness.handshakeStatus = status;
      const peers = [{ node: 'b', state: 'heard', rtt_ms: 1 } as const];
      const { link, replies, states } = open(port, { report: () => ({ peers, groups: [], decisions: [] }) });
      await connected(link);
      expect(link.state().detail).toContain('by HTTPS alone');
      expect(link.state().detail).toContain(String(status));
      await vi.waitFor(() => expect(link.voteTimes().count).toBeGreaterThan(0), PATIENCE);
      await vi.waitFor(() => expect(witness.seen.map(({ request }) => request.type)).toContain('report'), PATIENCE);
      link.vote('edge', BALLOT, 5_000);
      await vi.waitFor(() => expect(replies).toMatchObject([{ result: { kind: 'granted' } }]), PATIENCE);
      expect(witness.seen.every(({ path }) => path === 'https')).toBe(true);
      expect(witness.seen.filter(({ request }) => request.type === 'hello')).toHaveLength(1);
      // The socket is tried all the same, and once it gets through it carries everything.
      witness.handshakeStatus = 101;
      await vi.waitFor(() => expect(witness.sockets.size).toBe(1), { timeout: 25_000, interval: 50 });
      await vi.waitFor(() => expect(link.state().detail).not.toContain('HTTPS'), PATIENCE);
      expect(states.at(-1)).toBe('connected');
    },
    30_000,
  );

  test('a witness that answers by HTTPS alone is unreachable once it is silent there too', async () => {
    const { port, witness } = await startWitness();
    witness.handshakeStatus = 503;
    const { link } = open(port);
    await connected(link);
    witness.answer = () => null;
    await vi.waitFor(() => expect(link.state().kind).toBe('unreachable'), { timeout: 15_000, interval: 50 });
    witness.answer = obliging;
    // A hello that is still unanswered holds the next one up for 5 s.
    await vi.waitFor(() => expect(link.state().kind).toBe('connected'), { timeout: 10_000, interval: 20 });
  }, 30_000);

  test('an unreachable witness is told within 3 s', async () => {
    const { port, witness } = await startWitness();
    await witness.close();
    const { link, states } = open(port);
    await vi.waitFor(() => expect(states).toEqual(['unreachable']), PATIENCE);
    expect(link.state().detail).toContain('ECONNREFUSED');
  });
});

describe('when only an operator can help', () => {
  test.each([
    [401, /token_file/],
    [403, /a proxy/],
    [404, /url and cluster/],
  ])('a handshake refused with %i says what to do and is not tried again at once', async (status, advice) => {
    const { port, witness } = await startWitness(() => null);
    witness.handshakeStatus = status;
    const { link, states } = open(port);
    await vi.waitFor(() => expect(states).toEqual(['refused']), PATIENCE);
    expect(link.state().detail).toMatch(advice);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(witness.upgrades).toHaveLength(1);
  });

  test('a refused node goes on with its new token as soon as it has one, over both ways', async () => {
    const secret = 'fedcba9876543210'.repeat(4);
    const token = `tbn1.${WITNESS_ID}.${secret}`;
    const key = createHmac('sha256', Buffer.from(secret, 'hex')).update('tiebreak witness reply').digest();
    const { port, witness } = await startWitness();
    let current = TOKEN;
    let reads = 0;
    const { link, replies, states } = open(port, {
      // It would not come back by itself before the test is over.
      random: () => 1,
      rereadToken: () => {
        reads += 1;
        return current;
      },
    });
    await connected(link);
    expect(reads).toBe(0);
    witness.handshakeStatus = 401;
    witness.reset();
    await vi.waitFor(() => expect(states.at(-1)).toBe('refused'), PATIENCE);
    await vi.waitFor(() => expect(reads).toBeGreaterThan(0), PATIENCE);
    const asked = witness.upgrades.length;
    current = token;
    witness.handshakeStatus = 101;
    witness.answer = (request) => signed(messageFor(request), key);
    await connected(link);
    expect(witness.upgrades.slice(asked)).toEqual([
      { url: '/v1/clusters/branch-7/link', authorization: `Bearer ${token}` },
    ]);
    witness.answer = (request, path) => (path === 'https' ? signed(messageFor(request), key) : null);
    link.vote('edge', BALLOT, 5_000);
    await vi.waitFor(() => expect(replies).toHaveLength(1), PATIENCE);
    expect(witness.authorizations.at(-1)).toBe(`Bearer ${token}`);
    expect(JSON.stringify(logged)).not.toContain(secret);
    const before = reads;
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(reads).toBe(before);
  });

  test('so does one whose WebSockets do not get through: nobody tells it that its token is void', async () => {
    const secret = 'fedcba9876543210'.repeat(4);
    const token = `tbn1.${WITNESS_ID}.${secret}`;
    const key = createHmac('sha256', Buffer.from(secret, 'hex')).update('tiebreak witness reply').digest();
    const { port, witness } = await startWitness(() => null);
    witness.handshakeStatus = 503;
    const { link, states } = open(port, { rereadToken: () => token });
    witness.answer = (request) =>
      witness.authorizations.at(-1) === `Bearer ${token}` ? signed(messageFor(request), key) : null;
    await vi.waitFor(() => expect(states).toContain('unreachable'), PATIENCE);
    await vi.waitFor(() => expect(link.state().kind).toBe('connected'), { timeout: 10_000, interval: 20 });
    expect(witness.authorizations.at(-1)).toBe(`Bearer ${token}`);
  }, 20_000);

  test('another witness at the same URL is refused (L14)', async () => {
    const other: Answer = (request) =>
      signed(reply(request, { kind: 'welcome', protocol: 1 }, { witness_id: 'cd'.repeat(16) }));
    const { port } = await startWitness(other);
    const { link, states } = open(port);
    await vi.waitFor(() => expect(states).toEqual(['refused']), PATIENCE);
    expect(link.state().detail).toMatch(/another witness/);
    expect(link.dropped().wrong_witness).toBe(1);
  });

  test('a witness that speaks other versions of the link is refused, and both are told', async () => {
    const newer: Answer = (request) => signed(reply(request, { kind: 'protocol_refused', protocols: [2, 3] }));
    const { port } = await startWitness(newer);
    const { link, states } = open(port);
    await vi.waitFor(() => expect(states).toEqual(['refused']), PATIENCE);
    expect(link.state().detail).toContain('it speaks version 2, 3 of the link, this agent 1: update the older one');
  });

  test('a witness that cannot sign with the token is refused (L14)', async () => {
    const other: Answer = (request) => signed(reply(request, { kind: 'welcome', protocol: 1 }), Buffer.alloc(32, 7));
    const { port } = await startWitness(other);
    const { link, states } = open(port);
    await vi.waitFor(() => expect(states).toEqual(['refused']), PATIENCE);
    expect(link.dropped().bad_mac).toBe(1);
  });

  test('a malformed token is a mistake that does not repeat the token', () => {
    expect(() => open(1, { token: `tbn1.${SECRET}` })).toThrow(/^(?!.*0123456789abcdef).*enroll/);
  });
});

test('after close nothing is called and no connection stays', async () => {
  const { port, witness } = await startWitness();
  const { link, replies, states } = open(port);
  await connected(link);
  link.vote('edge', BALLOT, 5_000);
  link.close();
  await vi.waitFor(() => expect(witness.sockets.size).toBe(0), PATIENCE);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(states).toEqual(['connected']);
  expect(replies).toEqual([]);
  expect(witness.upgrades).toHaveLength(1);
});

test('closed from within its own callback, it does not connect again', async () => {
  const { port, witness } = await startWitness();
  const { link } = open(port, { onState: ({ kind }) => kind === 'connecting' && link.close() });
  await connected(link);
  witness.reset();
  await vi.waitFor(() => expect(link.state().kind).toBe('connecting'), PATIENCE);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(witness.upgrades).toHaveLength(1);
});
