import { type Ballot, boundTo, compareBallots, NO_BALLOT, type Register } from '@tiebreak/shared/lease';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bind, FREE_REGISTER, release } from '../../../shared/lease/register.ts';

const ballot = (counter: number, node: string): Ballot => ({ counter, node });

function bound(register: Register, holder: string, of: Ballot, untilUs: number, nowUs: number): Register {
  const outcome = bind(register, holder, of, untilUs, nowUs);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.register;
}

describe('register', () => {
  test('until it expires it binds the voter towards everyone else, and says for how long (L1)', () => {
    const register = bound(FREE_REGISTER, 'a', ballot(1, 'a'), 1000, 0);
    expect(bind(register, 'b', ballot(9, 'b'), 5000, 400)).toEqual({ ok: false, reason: 'bound', remainingUs: 600 });
    expect(bind(register, 'b', ballot(9, 'b'), 5000, 1000).ok).toBe(true);
  });

  test('its holder may extend, never shorten it (L1)', () => {
    const register = bound(FREE_REGISTER, 'a', ballot(1, 'a'), 1000, 0);
    expect(boundTo(bound(register, 'a', ballot(1, 'a'), 500, 100), 100)?.untilUs).toBe(1000);
    expect(boundTo(bound(register, 'a', ballot(1, 'a'), 2000, 100), 100)?.untilUs).toBe(2000);
  });

  test('a ballot below the highest granted is refused even when the register is free (L10)', () => {
    const register = bound(FREE_REGISTER, 'b', ballot(7, 'b'), 1000, 0);
    expect(bind(register, 'a', ballot(7, 'a'), 5000, 2000)).toMatchObject({ ok: false, reason: 'lower_ballot' });
    expect(bind(register, 'a', ballot(8, 'a'), 5000, 2000).ok).toBe(true);
  });

  test('a released ballot never lives again, a higher one of the same node does (L5)', () => {
    const register = release(bound(FREE_REGISTER, 'a', ballot(3, 'a'), 1000, 0), 'a', ballot(3, 'a'));
    expect(boundTo(register, 1)).toBeUndefined();
    expect(bind(register, 'a', ballot(3, 'a'), 5000, 1)).toMatchObject({ ok: false, reason: 'lower_ballot' });
    expect(bind(register, 'a', ballot(4, 'a'), 5000, 1).ok).toBe(true);
  });

  test('a late release of an earlier ballot frees nothing (L5)', () => {
    const register = bound(FREE_REGISTER, 'a', ballot(4, 'a'), 1000, 0);
    expect(boundTo(release(register, 'a', ballot(3, 'a')), 1)?.holder).toBe('a');
  });

  test('nobody can release what another holds (L5)', () => {
    const register = bound(FREE_REGISTER, 'a', ballot(4, 'a'), 1000, 0);
    expect(boundTo(release(register, 'b', ballot(99, 'b')), 1)?.holder).toBe('a');
  });

  const node = fc.constantFrom('a', 'b', 'c');
  const act = fc.record({
    kind: fc.constantFrom('bind', 'release'),
    node,
    counter: fc.integer({ min: 1, max: 6 }),
    forUs: fc.integer({ min: 1, max: 50 }),
    afterUs: fc.integer({ min: 0, max: 30 }),
  });

  test('whatever happens, an unexpired register leaves its holder by that holder’s release alone, and ballots never sink', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        let register = FREE_REGISTER;
        let nowUs = 0;
        let highest = NO_BALLOT;
        for (const { kind, node: by, counter, forUs, afterUs } of acts) {
          nowUs += afterUs;
          const before = boundTo(register, nowUs);
          const outcome = kind === 'bind' ? bind(register, by, ballot(counter, by), nowUs + forUs, nowUs) : undefined;
          if (outcome?.ok) register = outcome.register;
          if (kind === 'release') register = release(register, by, ballot(counter, by));
          const after = boundTo(register, nowUs);
          if (before !== undefined && after?.holder !== before.holder) {
            expect({ kind, by }).toEqual({ kind: 'release', by: before.holder });
          }
          if (before !== undefined && after !== undefined) {
            expect(after.untilUs).toBeGreaterThanOrEqual(before.untilUs);
          }
          expect(compareBallots(register.highestGranted, highest)).toBeGreaterThanOrEqual(0);
          highest = register.highestGranted;
        }
      }),
    );
  });
});
