import type { WitnessRequest } from '@tiebreak/shared/wire';
import { describe, expect, test } from 'vitest';
import { type Effect, type Path, WitnessSession } from '../../../agent/witness-link/session.ts';
import {
  GROUPS,
  granted,
  INCARNATION,
  NODE,
  REPLY_KEY,
  type ReplyMessage,
  refused,
  reply,
  signed,
  signedText,
  WITNESS_ID,
} from './signed.ts';

const MS = 1_000;
const BALLOT = { counter: 3, node: NODE };
const STAMP = 1_700_000_000_000;

function newSession(serial = 0, lastSequence = 0): WitnessSession {
  return new WitnessSession({
    lastSequence,
    node: NODE,
    incarnation: INCARNATION,
    witnessId: WITNESS_ID,
    replyKey: REPLY_KEY,
    serial,
    groups: () => GROUPS,
  });
}

function sends(effects: Effect[]): { path: Path; request: WitnessRequest }[] {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [{ path: effect.path, request: effect.request }] : []));
}

function onlySend(effects: Effect[]): { path: Path; request: WitnessRequest } {
  const [send, ...others] = sends(effects);
  if (!send || others.length > 0) throw new Error(`expected one send, saw ${JSON.stringify(effects)}`);
  return send;
}

/** A session whose socket is open and whose hello has been answered at 0 ms. */
function connectedSession(serial = 0): WitnessSession {
  const session = newSession(serial);
  const { request } = onlySend(session.socketOpened(0));
  expect(session.receive('socket', signed(reply(request, { kind: 'welcome', protocol: 1 })), 0)).toEqual([
    { kind: 'welcome', path: 'socket' },
  ]);
  return session;
}

function askVote(session: WitnessSession, nowUs: number): { requestId: number; path: Path; request: WitnessRequest } {
  const { effects, requestId } = session.vote('edge', BALLOT, 5_000, nowUs);
  return { requestId, ...onlySend(effects) };
}

test('numbers go on from an earlier session of the same incarnation, or its answers would be repeated (L13)', () => {
  const session = newSession(0, 41);
  expect(onlySend(session.socketOpened(0)).request.sequence).toBe(42);
  expect(session.lastSequence).toBe(42);
});

describe('what is believed (L14)', () => {
  function answerWith(change: (message: ReplyMessage) => string): { effects: Effect[]; stillOpen: Effect[] } {
    const session = connectedSession();
    const { request } = askVote(session, 10 * MS);
    const good = reply(request, granted(request));
    const effects = session.receive('socket', change(good), 20 * MS);
    return { effects, stillOpen: session.receive('socket', signed(good), 30 * MS) };
  }

  test.each<[string, string, (message: ReplyMessage) => string]>([
    ['a reply under another key', 'bad_mac', (good) => signed(good, Buffer.alloc(32, 1))],
    [
      'a reply whose body was changed after it was signed',
      'bad_mac',
      (good) => signed(good).replace('\\"promise_ms\\":5000', '\\"promise_ms\\":9000'),
    ],
    ['a reply without a mac', 'no_frame', (good) => JSON.stringify({ body: JSON.stringify(good) })],
    ['a reply that is no JSON', 'no_frame', () => '{'],
    ['an endless reply', 'no_frame', (good) => signed(good) + ' '.repeat(50_000)],
    ["another witness's reply", 'wrong_witness', (good) => signed({ ...good, witness_id: 'cd'.repeat(16) })],
    ['a reply to another node', 'wrong_node', (good) => signed({ ...good, node: 'b' })],
    [
      'a reply to a former incarnation',
      'wrong_incarnation',
      (good) => signed({ ...good, incarnation: INCARNATION - 1 }),
    ],
    ['a reply to a request never made', 'not_outstanding', (good) => signed({ ...good, sequence: good.sequence + 1 })],
    [
      'a grant of another ballot',
      'wrong_result',
      (good) =>
        signed({
          ...good,
          result: { kind: 'granted', group: 'edge', ballot: { counter: 9, node: NODE }, promise_ms: 5_000 },
        }),
    ],
    [
      'a release as the answer to a vote',
      'wrong_result',
      (good) => signed({ ...good, result: { kind: 'released', group: 'edge' } }),
    ],
  ])('%s is dropped and leaves the request open', (_name, reason, change) => {
    const { effects, stillOpen } = answerWith(change);
    expect(effects).toEqual([{ kind: 'dropped', reason }]);
    expect(stillOpen).toMatchObject([{ kind: 'reply', reply: { result: { kind: 'granted' } } }]);
  });

  test('a signed message that this version does not know is dropped', () => {
    const news = signedText(JSON.stringify({ type: 'news' }));
    expect(connectedSession().receive('socket', news, 0)).toEqual([{ kind: 'dropped', reason: 'bad_body' }]);
  });

  test('a hint that a vote is free is passed on', () => {
    const hint = signed({ type: 'freed', witness_id: WITNESS_ID, group: 'edge' });
    expect(connectedSession().receive('socket', hint, 0)).toEqual([{ kind: 'freed', group: 'edge' }]);
  });

  test.each([
    ['another witness', signed({ type: 'passed_on', witness_id: 'cd'.repeat(16), from: 'b', datagram: 'AAAA' })],
    [
      'another key',
      signed({ type: 'passed_on', witness_id: WITNESS_ID, from: 'b', datagram: 'AAAA' }, Buffer.alloc(32)),
    ],
  ])('a datagram that %s passes on is dropped', (_who, frame) => {
    expect(connectedSession().receive('socket', frame, 0)).toMatchObject([{ kind: 'dropped' }]);
  });

  test("another witness's hint is dropped", () => {
    const hint = signed({ type: 'freed', witness_id: 'cd'.repeat(16), group: 'edge' });
    expect(connectedSession().receive('socket', hint, 0)).toEqual([{ kind: 'dropped', reason: 'wrong_witness' }]);
  });

  test('a replayed reply is dropped', () => {
    const session = connectedSession();
    const { request } = askVote(session, 10 * MS);
    const frame = signed(reply(request, granted(request)));
    expect(session.receive('socket', frame, 20 * MS)).toHaveLength(1);
    expect(session.receive('https', frame, 30 * MS)).toEqual([{ kind: 'dropped', reason: 'not_outstanding' }]);
  });

  test('a grant that comes after the release is dropped (L5)', () => {
    const session = connectedSession();
    const { request } = askVote(session, 10 * MS);
    session.release('edge', BALLOT, 20 * MS);
    expect(session.receive('socket', signed(reply(request, granted(request))), 30 * MS)).toEqual([
      { kind: 'dropped', reason: 'not_outstanding' },
    ]);
  });

  test('a grant that comes after its promise has ended is dropped', () => {
    const session = connectedSession();
    const { request } = askVote(session, 0);
    expect(session.tick(5_000 * MS)).toContainEqual(expect.objectContaining({ kind: 'unanswered', ageUs: 5_000 * MS }));
    expect(session.receive('socket', signed(reply(request, granted(request))), 5_001 * MS)).toEqual([
      { kind: 'dropped', reason: 'not_outstanding' },
    ]);
  });
});

describe('how requests prove that they were sent just now (L13)', () => {
  test('each carries the last stamp, its age on the own clock, and a growing sequence', () => {
    const session = connectedSession();
    const first = askVote(session, 1_500 * MS).request;
    const second = askVote(session, 1_700 * MS).request;
    expect(first).toMatchObject({ incarnation: INCARNATION, stamp_ms: STAMP, stamp_age_ms: 1_500 });
    expect(second).toMatchObject({ stamp_ms: STAMP, stamp_age_ms: 1_700, config_hash: '00112233445566aa' });
    expect(second.sequence).toBeGreaterThan(first.sequence);
  });

  test('a vote refused as stale is asked again at once with the fresh stamp, and its new send time counts (L2)', () => {
    const session = connectedSession();
    const { request, requestId } = askVote(session, 10 * MS);
    const stale = signed(reply(request, refused('stale'), { stamp_ms: STAMP + 99_000 }));
    const again = onlySend(session.receive('socket', stale, 30 * MS));
    expect(again).toMatchObject({ path: 'socket', request: { stamp_ms: STAMP + 99_000, stamp_age_ms: 0 } });
    expect(again.request.sequence).toBeGreaterThan(request.sequence);
    const result = granted(again.request);
    expect(session.receive('socket', signed(reply(again.request, result)), 45 * MS)).toEqual([
      { kind: 'reply', reply: { requestId, sentAtUs: 30 * MS, receivedAtUs: 45 * MS, result } },
    ]);
  });

  test('a third stale refusal in a row reaches the caller', () => {
    const session = connectedSession();
    let { request } = askVote(session, 0);
    for (const nowMs of [10, 20]) {
      request = onlySend(session.receive('socket', signed(reply(request, refused('stale'))), nowMs * MS)).request;
    }
    expect(session.receive('socket', signed(reply(request, refused('stale'))), 30 * MS)).toMatchObject([
      { kind: 'reply', reply: { sentAtUs: 20 * MS, result: { reason: 'stale' } } },
    ]);
  });

  test('any other refusal reaches the caller at once', () => {
    const session = connectedSession();
    const { request } = askVote(session, 0);
    expect(session.receive('socket', signed(reply(request, refused('bound'))), 10 * MS)).toMatchObject([
      { kind: 'reply', reply: { result: { reason: 'bound' } } },
    ]);
  });

  test('a vote asked before a stamp is known waits for the answer to hello and counts from its own send', () => {
    const session = newSession();
    const hello = onlySend(session.socketOpened(0)).request;
    const { effects, requestId } = session.vote('edge', BALLOT, 5_000, 1 * MS);
    expect(effects).toEqual([]);
    const welcomed = session.receive('socket', signed(reply(hello, { kind: 'welcome', protocol: 1 })), 4 * MS);
    const { path, request } = onlySend(welcomed);
    expect({ path, request }).toMatchObject({
      path: 'socket',
      request: { type: 'vote', stamp_ms: STAMP, stamp_age_ms: 0 },
    });
    expect(session.receive('socket', signed(reply(request, granted(request))), 8 * MS)).toMatchObject([
      { kind: 'reply', reply: { requestId, sentAtUs: 4 * MS } },
    ]);
  });

  test('a reply that took over a second does not replace a younger stamp', () => {
    const session = connectedSession();
    const slow = askVote(session, 0).request;
    session.receive('https', signed(reply(slow, granted(slow), { stamp_ms: STAMP + 1 })), 1_001 * MS);
    expect(askVote(session, 1_100 * MS).request).toMatchObject({ stamp_ms: STAMP, stamp_age_ms: 1_100 });
  });
});

describe('the second way', () => {
  test('an unanswered vote is repeated over HTTPS after 500 ms under the same sequence, and counts from its first send (L2)', () => {
    const session = connectedSession();
    const { path, request, requestId } = askVote(session, 100 * MS);
    expect(path).toBe('socket');
    expect(session.nextDeadlineUs()).toBe(600 * MS);
    expect(session.tick(599 * MS)).toEqual([]);
    const repeat = onlySend(session.tick(600 * MS));
    expect(repeat).toMatchObject({ path: 'https', request: { type: 'vote', sequence: request.sequence } });
    expect(session.tick(601 * MS)).toEqual([]);
    expect(session.receive('https', signed(reply(request, granted(request))), 640 * MS)).toMatchObject([
      { kind: 'reply', reply: { requestId, sentAtUs: 100 * MS, receivedAtUs: 640 * MS } },
    ]);
  });

  test('an unanswered release is repeated over HTTPS too', () => {
    const session = connectedSession();
    const { request } = onlySend(session.release('edge', BALLOT, 0).effects);
    expect(onlySend(session.tick(500 * MS))).toMatchObject({
      path: 'https',
      request: { type: 'release', sequence: request.sequence },
    });
  });

  test('without a socket a vote goes over HTTPS at once, and a stale refusal there brings the first stamp', () => {
    const session = newSession();
    const { path, request } = askVote(session, 0);
    expect({ path, stamp: request.stamp_ms }).toEqual({ path: 'https', stamp: 0 });
    const again = onlySend(session.receive('https', signed(reply(request, refused('stale'))), 10 * MS));
    expect(again).toMatchObject({ path: 'https', request: { stamp_ms: STAMP } });
  });

  test('when the socket falls, its votes go over HTTPS at once, and a rehearsal does not', () => {
    const session = connectedSession();
    onlySend(session.rehearse(0));
    const { request } = askVote(session, 0);
    expect(onlySend(session.socketClosed(50 * MS))).toMatchObject({
      path: 'https',
      request: { sequence: request.sequence },
    });
    expect(session.rehearse(60 * MS)).toEqual([]);
  });

  test('a vote that waits for hello does not wait for more than 500 ms', () => {
    const session = newSession();
    session.socketOpened(0);
    session.vote('edge', BALLOT, 5_000, 0);
    expect(onlySend(session.tick(500 * MS))).toMatchObject({ path: 'https', request: { type: 'vote' } });
  });

  test('over HTTPS one request is under way at a time, and the next is numbered and counted when it goes (L2)', () => {
    const session = newSession();
    const first = askVote(session, 0);
    const second = session.release('edge', BALLOT, 5 * MS);
    expect(second.effects).toEqual([]);
    expect(session.receive('https', signed(reply(first.request, granted(first.request))), 20 * MS)).toEqual([
      { kind: 'dropped', reason: 'not_outstanding' },
    ]);
    const { request } = onlySend(session.httpsDone(first.request.sequence, 20 * MS));
    const released = signed(reply(request, { kind: 'released', group: 'edge' }));
    expect(session.receive('https', released, 30 * MS)).toMatchObject([
      { kind: 'reply', reply: { requestId: second.requestId, sentAtUs: 20 * MS } },
    ]);
  });

  test('a request that HTTPS does not answer holds up the others for 500 ms only', () => {
    const session = newSession();
    askVote(session, 0);
    session.vote('edge', { counter: 4, node: NODE }, 5_000, 10 * MS);
    expect(session.nextDeadlineUs()).toBe(500 * MS);
    expect(onlySend(session.tick(500 * MS)).request).toMatchObject({ ballot: { counter: 4 } });
  });

  test('a rehearsal does not get into the way of a vote', () => {
    const session = connectedSession();
    askVote(session, 0);
    expect(session.rehearse(1 * MS)).toEqual([]);
  });

  test('an HTTPS request that failed is sent again soon, four sends in all', () => {
    const session = newSession();
    const { request } = askVote(session, 0);
    for (const nowMs of [10, 200, 400]) {
      session.httpsDone(request.sequence, nowMs * MS);
      expect(onlySend(session.tick((nowMs + 100) * MS)).request.sequence).toBe(request.sequence);
    }
    session.httpsDone(request.sequence, 600 * MS);
    expect(session.tick(4_999 * MS)).toEqual([]);
  });
});

describe('serial and rehearsals', () => {
  test('a grown serial is told before the reply that carried it, and shown in the next request (L14)', () => {
    const session = connectedSession(5);
    const { request } = askVote(session, 0);
    expect(request.serial).toBe(5);
    const effects = session.receive('socket', signed(reply(request, granted(request), { serial: 8 })), 1 * MS);
    expect(effects.map(({ kind }) => kind)).toEqual(['serial', 'reply']);
    expect(askVote(session, 2 * MS).request.serial).toBe(8);
  });

  test('a witness with a lower serial does not lower what is shown to it (L14)', () => {
    const session = connectedSession(5);
    const { request } = askVote(session, 0);
    session.receive('socket', signed(reply(request, granted(request), { serial: 2 })), 1 * MS);
    expect(askVote(session, 2 * MS).request.serial).toBe(5);
  });

  test('a rehearsal measures from its send to its answer', () => {
    const session = connectedSession();
    const { request } = onlySend(session.rehearse(100 * MS));
    expect(session.receive('socket', signed(reply(request, { kind: 'rehearsed' })), 112 * MS)).toEqual([
      { kind: 'rehearsed', durationUs: 12 * MS },
    ]);
  });

  test('a vote for a group that is not configured is a mistake of the caller', () => {
    expect(() => connectedSession().vote('other', BALLOT, 5_000, 0)).toThrow(/unknown group other/);
  });
});

describe('datagrams that the witness passes on (L17)', () => {
  const DATAGRAM = Buffer.from('sealed');

  test('go over the open socket only, and are not kept for another one', () => {
    expect(newSession().relay('b', DATAGRAM, 0)).toEqual([]);
    const session = connectedSession();
    expect(onlySend(session.relay('b', DATAGRAM, MS))).toMatchObject({
      path: 'socket',
      request: { type: 'relay', to: 'b', datagram: DATAGRAM.toString('base64') },
    });
    expect(session.socketClosed(2 * MS)).toEqual([]);
    expect(sends(session.tick(2_000 * MS))).toEqual([]);
  });

  test('are dropped above 2 KiB, which the witness would not read', () => {
    const session = connectedSession();
    expect(sends(session.relay('b', Buffer.alloc(2_048), 0))).toHaveLength(1);
    expect(session.relay('b', Buffer.alloc(2_049), 0)).toEqual([]);
  });

  test.each([
    [{ kind: 'relayed', delivered: true } as const, []],
    [{ kind: 'relayed', delivered: false } as const, [{ kind: 'not_relayed', to: 'b', reason: 'no_link' }]],
    [{ kind: 'relay_refused', reason: 'rate' } as const, [{ kind: 'not_relayed', to: 'b', reason: 'rate' }]],
  ])('%j is told where it went wrong', (result, told) => {
    const session = connectedSession();
    const { request } = onlySend(session.relay('b', DATAGRAM, 0));
    expect(session.receive('socket', signed(reply(request, result)), MS)).toEqual(told);
  });
});
