import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AntiReplay, ageS, isNew, nextSequence } from '../../../shared/vrrp/index.ts';

const TIME: AntiReplay = { kind: 'time', windowS: 5 };
const MONOTONIC: AntiReplay = { kind: 'monotonic' };
const S = 1_000_000;
const NOON = 1_800_000_000 * S;

describe('the sequence of a sender', () => {
  it('is the time of day, in 1/65536 s', () => {
    expect(nextSequence(undefined, NOON + S / 2, TIME)).toBe((1_800_000_000n << 32n) | (0x8000n << 16n));
  });

  it('grows also while the clock stands still, and when it is set back a little', () => {
    const first = nextSequence(undefined, NOON, TIME);
    expect(nextSequence(first, NOON, TIME)).toBe(first + 1n);
    expect(nextSequence(first, NOON - 3 * S, TIME)).toBe(first + 1n);
  });

  it('starts anew from a clock that was set back further than receivers bear; not if growing is all that counts', () => {
    const first = nextSequence(undefined, NOON, TIME);
    expect(nextSequence(first, NOON - 60 * S, TIME)).toBeLessThan(first);
    expect(nextSequence(first, NOON - 60 * S, MONOTONIC)).toBe(first + 1n);
  });

  it('outlives the wrap of its seconds in 2106', () => {
    const before = nextSequence(undefined, (2 ** 32 - 1) * S, TIME);
    const after = nextSequence(before, 2 ** 32 * S, TIME);
    expect(after).toBe(0n);
    expect(isNew(after, before, 2 ** 32 * S, TIME)).toBe(true);
    expect(ageS(before, 2 ** 32 * S)).toBe(1);
  });

  it('of a sender whose clock never goes back by more than the window is new each time', () => {
    const steps = fc.array(fc.integer({ min: -5, max: 100 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(steps, fc.constantFrom(TIME, MONOTONIC), (changes, antiReplay) => {
        let wallClockUs = NOON;
        let latestUs = NOON;
        let last: bigint | undefined;
        for (const change of changes) {
          wallClockUs = Math.max(latestUs - 5 * S, wallClockUs + change * S);
          latestUs = Math.max(latestUs, wallClockUs);
          const next = nextSequence(last, wallClockUs, antiReplay);
          expect(isNew(next, last, wallClockUs, antiReplay)).toBe(true);
          if (last !== undefined) expect(isNew(last, next, wallClockUs, MONOTONIC)).toBe(false);
          last = next;
        }
      }),
    );
  });
});

describe('a receiver', () => {
  it('takes no number twice, and none that lies below', () => {
    const last = nextSequence(undefined, NOON, TIME);
    for (const antiReplay of [TIME, MONOTONIC]) {
      expect(isNew(last, last, NOON, antiReplay)).toBe(false);
      expect(isNew(last - 1n, last, NOON, antiReplay)).toBe(false);
      expect(isNew(last + 1n, last, NOON, antiReplay)).toBe(true);
    }
  });

  it('lets a sender come back whose clock was ahead and is right again', () => {
    const ahead = nextSequence(undefined, NOON + 60 * S, TIME);
    const right = nextSequence(undefined, NOON, TIME);
    expect(isNew(right, ahead, NOON, TIME)).toBe(true);
    expect(isNew(right, ahead, NOON, MONOTONIC)).toBe(false);
  });
});
