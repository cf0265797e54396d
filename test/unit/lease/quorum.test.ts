import { leaseEndUs, voterCount, votesNeeded } from '@tiebreak/shared/lease';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('quorum', () => {
  test.each([
    [2, true, 3, 2],
    [2, false, 2, 2],
    [3, true, 3, 2],
    [3, false, 3, 2],
    [4, true, 5, 3],
    [4, false, 4, 3],
    [5, false, 5, 3],
  ])('%i agents, witness %s: %i voters, %i votes needed', (agents, witness, voters, needed) => {
    expect(voterCount(agents, witness)).toBe(voters);
    expect(votesNeeded(agents, witness)).toBe(needed);
  });

  test('two majorities of the configured voters always have one in common', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.boolean(), (agents, witness) => {
        expect(2 * votesNeeded(agents, witness)).toBeGreaterThan(voterCount(agents, witness));
      }),
    );
  });

  test('with two votes needed the lease lasts as long as the longest other vote', () => {
    expect(leaseEndUs([100, 700], 2)).toBe(700);
    expect(leaseEndUs([], 2)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('the lease never outlasts the moment at which fewer than needed - 1 others still promise', () => {
    const votes = fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 8 });
    fc.assert(
      fc.property(votes, fc.integer({ min: 2, max: 5 }), (untilUs, needed) => {
        const endUs = leaseEndUs(untilUs, needed);
        const promisingAt = (timeUs: number): number => untilUs.filter((voteUs) => voteUs > timeUs).length;
        if (Number.isFinite(endUs)) expect(promisingAt(endUs - 1)).toBeGreaterThanOrEqual(needed - 1);
        else expect(untilUs.length).toBeLessThan(needed - 1);
        if (Number.isFinite(endUs)) expect(promisingAt(endUs)).toBeLessThan(needed - 1);
      }),
    );
  });
});
