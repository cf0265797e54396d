import { advertisementV3 } from '@tiebreak/shared/vrrp';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { victim } from '../../fuzz/victim.ts';

// What a group has decided, promised or been promised hangs on authenticated datagrams of this run alone (L3 to L5).

test.for(['backup', 'active'] as const)('no unauthenticated bytes change anything of a node that is %s', (role) => {
  const { member, recorded, receive, decided } = victim(role);
  const before = decided();
  member.done();
  const any = fc.constantFrom(...recorded);
  const flipped = fc
    .tuple(any, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }))
    .map(([genuine, flips]) => {
      const bytes = genuine.slice();
      for (const [at, mask] of flips) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
      return bytes;
    });
  const cut = fc.tuple(any, fc.nat()).map(([genuine, length]) => genuine.slice(0, length % genuine.length));
  const spliced = fc.tuple(any, any, fc.nat()).map(([head, tail, at]) => {
    const cutAt = at % Math.min(head.length, tail.length);
    return Uint8Array.from([...head.subarray(0, cutAt), ...tail.subarray(cutAt)]);
  });
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), any, flipped, cut, spliced);
  fc.assert(
    fc.property(bytes, (datagram) => {
      receive(datagram);
      expect(decided()).toBe(before);
      expect(member.role).toBe(role);
    }),
    { numRuns: 5_000 },
  );
  expect(member.done()).toEqual([]);
});

test.for(['backup', 'active'] as const)('advertisements change no vote of a node that is %s (L4)', (role) => {
  const { member } = victim(role);
  const votes = (): string => {
    const { register, peers, witness, role: now } = member.group.state;
    const voted = Object.values(peers).map(({ voteUntilUs }) => voteUntilUs);
    return JSON.stringify([register, voted, witness, now.name]);
  };
  const before = votes();
  fc.assert(
    fc.property(fc.nat(255), fc.integer({ min: 1, max: 4095 }), (priority, intervalCs) => {
      const addresses = [Uint8Array.of(192, 0, 2, 100)];
      const advertisement = advertisementV3({ virtualRouterId: 33, priority, family: 'ipv4', intervalCs, addresses });
      member.group.advertised({ advertisement, source: Uint8Array.of(10, 0, 0, 1) });
      expect(votes()).toBe(before);
    }),
  );
});
