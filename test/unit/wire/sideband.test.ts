import { createHmac } from 'node:crypto';
import type { Claim, Verdict } from '@tiebreak/shared/lease';
import {
  decodeSideband,
  type MetPeer,
  type SessionKey,
  type SidebandMessage,
  SidebandSession,
} from '@tiebreak/shared/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const KEY = { id: 1, key: new Uint8Array(32).fill(7) };
const NEXT_KEY = { id: 2, key: new Uint8Array(32).fill(9) };

function session(
  node: string,
  peer: string,
  start = 1,
  keys: readonly [SessionKey, ...SessionKey[]] = [KEY],
  met?: MetPeer,
) {
  const hmac = (key: Uint8Array, data: Uint8Array) => createHmac('sha256', key).update(data).digest();
  const nonce = new Uint8Array(8).fill(start * 16 + node.charCodeAt(0));
  return new SidebandSession({ node, peer, keys, hmac, nonce, incarnation: start, met });
}

/** Both have shown each other that they are there now. */
function introduce(left: SidebandSession, right: SidebandSession): void {
  const first = right.open(left.seal({ kind: 'hello' }).datagram);
  if (first.ok || first.introduce === undefined) throw new Error('a first datagram cannot echo anything');
  expect(left.open(right.seal({ kind: 'hello' }, first.introduce).datagram).ok).toBe(true);
  expect(right.open(left.seal({ kind: 'hello' }).datagram).ok).toBe(true);
}

function pair() {
  const a = session('a', 'b');
  const b = session('b', 'a');
  introduce(a, b);
  return { a, b };
}

const name = fc.stringMatching(/^[a-z0-9]{1,20}$/);
const ballot = fc.record({ counter: fc.nat(), node: name });
const milliseconds = fc.integer({ min: 0, max: 10_000 });
const plainClaim: fc.Arbitrary<Claim> = fc.record({
  group: name,
  kind: fc.constantFrom('none', 'owns', 'requests', 'ready'),
  ballot,
  configHash: fc.stringMatching(/^[0-9a-f]{16}$/),
  promiseMs: milliseconds,
  priority: fc.nat(255),
  settings: fc.stringMatching(/^[0-9a-f]{8}$/),
});
const next = fc.record({ configHash: fc.stringMatching(/^[0-9a-f]{16}$/), joint: fc.boolean() });
const claim = fc.oneof(
  plainClaim,
  plainClaim.map((said): Claim => ({ ...said, witnessLost: true })),
  plainClaim.map((said): Claim => ({ ...said, wants: true })),
  // On the way to another identity (L16), and after some.
  fc.tuple(plainClaim, next).map(([said, to]): Claim => ({ ...said, next: to })),
  fc
    .tuple(plainClaim, next, fc.integer({ min: 1, max: 0xffff_ffff }))
    .map(([said, to, generation]): Claim => ({ ...said, next: to, generation, wants: true })),
  fc.tuple(plainClaim, fc.integer({ min: 1, max: 9 })).map(([said, generation]): Claim => ({ ...said, generation })),
);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ kind: fc.constant('granted' as const), group: name, ballot, promiseMs: milliseconds }),
  // A long promise of policy bias travels in whole seconds.
  fc
    .record({
      kind: fc.constant('granted' as const),
      group: name,
      ballot,
      promiseMs: fc.integer({ min: 66, max: 3600 }),
    })
    .map((given) => ({ ...given, promiseMs: given.promiseMs * 1000 })),
  fc.record({
    kind: fc.constant('refused' as const),
    group: name,
    ballot,
    reason: fc.constantFrom('bound', 'lower_ballot', 'quarantined', 'config_mismatch', 'unknown_group'),
    remainingMs: milliseconds,
    highest: ballot,
  }),
);
const message: fc.Arbitrary<SidebandMessage> = fc.oneof(
  fc.constant({ kind: 'hello' as const }),
  fc.record({ kind: fc.constant('heartbeat' as const), claims: fc.array(claim, { maxLength: 20 }) }),
  fc.record({
    kind: fc.constant('ack' as const),
    sequence: fc.nat(),
    verdicts: fc.array(verdict, { maxLength: 20 }),
  }),
  fc.record({ kind: fc.constantFrom('release' as const, 'invite' as const), group: name, ballot }),
  fc.record({ kind: fc.constant('depart' as const), group: name, ballot, departure: ballot }),
  fc.record({ kind: fc.constantFrom('departed' as const, 'join' as const), group: name, departure: ballot }),
  fc.record({ kind: fc.constant('transfer' as const), group: name, ballot, to: name }),
);

describe('sideband datagrams', () => {
  test('what one side says is what the other side hears', () => {
    const { a, b } = pair();
    fc.assert(
      fc.property(message, (said) => {
        const heard = b.open(a.seal(said).datagram);
        expect(heard).toMatchObject({ ok: true, message: said });
      }),
    );
  });

  test('every promise is rounded down: a voter is not believed for longer than it has promised (L2)', () => {
    const { a, b } = pair();
    const granted = { kind: 'granted', group: 'edge', ballot: { counter: 1, node: 'a' }, promiseMs: 187.9 } as const;
    const heard = b.open(a.seal({ kind: 'ack', sequence: 1, verdicts: [granted] }).datagram);
    expect(heard).toMatchObject({ ok: true, message: { verdicts: [{ promiseMs: 187 }] } });
  });

  test('a ballot beyond all that can ever be reached is refused: it would leave no room for the next one (L10)', () => {
    const { a, b } = pair();
    const release = (counter: number) => a.seal({ kind: 'release', group: 'edge', ballot: { counter, node: 'a' } });
    expect(b.open(release(2 ** 48).datagram).ok).toBe(true);
    expect(b.open(release(2 ** 48 + 1).datagram)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  test('one changed bit anywhere is refused', () => {
    const { a, b } = pair();
    const { datagram } = a.seal({ kind: 'release', group: 'edge', ballot: { counter: 5, node: 'a' } });
    for (let bit = 0; bit < datagram.length * 8; bit += 1) {
      const changed = datagram.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(b.open(changed).ok).toBe(false);
    }
    expect(b.open(datagram).ok).toBe(true);
  });

  test('random and mutated bytes are refused and never throw', () => {
    const { a, b } = pair();
    const valid = a.seal({ kind: 'heartbeat', claims: [] }).datagram;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }),
          fc.tuple(fc.nat(valid.length - 1), fc.uint8Array({ minLength: 1, maxLength: 60 })).map(([at, bytes]) => {
            const mutated = valid.slice();
            mutated.set(bytes.subarray(0, valid.length - at), at);
            // A mutation that changes nothing is no mutation.
            mutated[at] = (valid[at] ?? 0) ^ 0x55;
            return mutated;
          }),
        ),
        (bytes) => {
          expect(b.open(bytes).ok).toBe(false);
          decodeSideband(bytes);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  test('the decoder takes any body behind a true header without throwing', () => {
    const { a } = pair();
    const header = a.seal({ kind: 'hello' }).datagram.subarray(0, 44);
    fc.assert(
      fc.property(fc.nat(6), fc.uint8Array({ maxLength: 300 }), (kind, body) => {
        const bytes = new Uint8Array(header.length + body.length);
        bytes.set(header);
        bytes.set(body, header.length);
        bytes[4] = kind;
        const decoded = decodeSideband(bytes);
        if (!decoded.ok) expect(decoded.reason).toBe('malformed');
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('sideband sessions', () => {
  test('a datagram counts once, whichever path or recorder brings it again', () => {
    const { a, b } = pair();
    const { datagram } = a.seal({ kind: 'heartbeat', claims: [] });
    expect(b.open(datagram).ok).toBe(true);
    expect(b.open(datagram)).toMatchObject({ ok: false, reason: 'duplicate' });
  });

  test('reordered datagrams count, those older than the window do not', () => {
    const { a, b } = pair();
    const sealed = Array.from({ length: 400 }, () => a.seal({ kind: 'heartbeat', claims: [] }).datagram);
    const [oldest, ...rest] = sealed;
    if (oldest === undefined) throw new Error('nothing was sealed');
    for (const datagram of rest.reverse().slice(0, 200)) expect(b.open(datagram).ok).toBe(true);
    expect(b.open(oldest)).toMatchObject({ ok: false, reason: 'duplicate' });
  });

  test('what was recorded before a restart of the receiver is not believed after it', () => {
    const { a, b } = pair();
    const recorded = a.seal({ kind: 'release', group: 'edge', ballot: { counter: 9, node: 'a' } }).datagram;
    expect(b.open(recorded).ok).toBe(true);
    const restarted = session('b', 'a', 2);
    expect(restarted.open(recorded)).toMatchObject({ ok: false, reason: 'no_session' });
    introduce(a, restarted);
    expect(restarted.open(recorded)).toMatchObject({ ok: false, reason: 'no_session' });
  });

  test('what was recorded from an earlier run of the sender is not believed after its restart', () => {
    const { a, b } = pair();
    const recorded = a.seal({ kind: 'heartbeat', claims: [] }).datagram;
    const restarted = session('a', 'b', 2);
    introduce(restarted, b);
    expect(b.open(recorded)).toMatchObject({ ok: false, reason: 'old_incarnation' });
    expect(b.open(restarted.seal({ kind: 'heartbeat', claims: [] }).datagram).ok).toBe(true);
  });

  test('who speaks in the place of a dead run, knowing whom that had met, is believed at once and believes no recording', () => {
    const { a, b } = pair();
    const recorded = b.seal({ kind: 'heartbeat', claims: [] }).datagram;
    const successor = session('a', 'b', 2, [KEY], a.peer);
    expect(
      b.open(successor.seal({ kind: 'release', group: 'edge', ballot: { counter: 9, node: 'a' } }).datagram).ok,
    ).toBe(true);
    expect(successor.open(recorded)).toMatchObject({ ok: false, reason: 'no_session' });
    expect(successor.open(b.seal({ kind: 'heartbeat', claims: [] }).datagram).ok).toBe(true);
    expect(b.open(a.seal({ kind: 'heartbeat', claims: [] }).datagram)).toMatchObject({
      ok: false,
      reason: 'old_incarnation',
    });
  });

  test('a datagram for or from another node is foreign, also under the same key', () => {
    const { b } = pair();
    const stranger = session('c', 'b');
    expect(b.open(stranger.seal({ kind: 'hello' }).datagram)).toMatchObject({ ok: false, reason: 'foreign' });
    const misdirected = session('a', 'c');
    expect(b.open(misdirected.seal({ kind: 'hello' }).datagram)).toMatchObject({ ok: false, reason: 'foreign' });
    expect(b.open(b.seal({ kind: 'hello' }).datagram)).toMatchObject({ ok: false, reason: 'foreign' });
  });

  test('keys rotate: the first signs, all verify, an unknown or wrong one is refused', () => {
    const old = session('a', 'b', 1, [KEY]);
    const rotated = session('b', 'a', 1, [NEXT_KEY, KEY]);
    expect(rotated.open(old.seal({ kind: 'hello' }).datagram)).toMatchObject({ reason: 'no_session' });
    expect(old.open(rotated.seal({ kind: 'hello' }).datagram)).toMatchObject({ reason: 'unknown_key' });
    const wrong = session('b', 'a', 1, [{ id: 1, key: NEXT_KEY.key }]);
    expect(old.open(wrong.seal({ kind: 'hello' }).datagram)).toMatchObject({ reason: 'wrong_mac' });
  });
});
