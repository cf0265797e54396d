import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  guardUs,
  LIFETIME_MAX_MS,
  lifetimeLadderMs,
  lifetimeMs,
  STEP_MS,
  selfTestLifetimeMs,
  sentinelMs,
} from '../../../agent/kernel/fence/arithmetic.ts';

const HZ = [100, 250, 300, 1000];
const tickOf = (hz: number) => 1e6 / hz;

describe('the sentinel', () => {
  it.each([
    [250, 50_000, 12],
    [250, 100_000, 12],
    [250, 250_000, 31],
    [250, 400_000, 50],
    [250, 4_000_000, 50],
    [100, 140_000, 30],
    [300, 50_000, 10],
    [1000, 50_000, 6],
    [1000, 8_000, 3],
  ])('at HZ %i lives for an eighth of an interval of %i us, within bounds: %i ms', (hz, intervalUs, expectedMs) => {
    expect(sentinelMs(intervalUs, tickOf(hz))).toBe(expectedMs);
  });

  it('never lives for less than three ticks', () => {
    for (const hz of HZ) expect(sentinelMs(0, tickOf(hz)) * 1000).toBeGreaterThanOrEqual(3 * tickOf(hz) - 1e-6);
  });
});

describe.each(HZ)('the ladder of lifetimes at HZ %i', (hz) => {
  const ladder = lifetimeLadderMs(tickOf(hz));

  it('consists of ascending whole steps up to 1500 ms', () => {
    expect(ladder.every((lifetime) => lifetime % STEP_MS === 0)).toBe(true);
    expect(ladder).toEqual([...new Set(ladder)].sort((left, right) => left - right));
    expect(ladder.at(-1)).toBe(LIFETIME_MAX_MS);
  });

  it('is short, and rounding down costs little', () => {
    expect(ladder.length).toBeLessThan(100);
    const gaps = ladder.slice(1).map((upper, index) => (upper - (ladder[index] ?? 0)) / upper);
    expect(Math.max(...gaps.slice(8))).toBeLessThanOrEqual(1 / 8);
  });

  it('starts where two ticks are left', () => {
    expect((ladder[0] ?? 0) * 1000).toBeGreaterThanOrEqual(2 * tickOf(hz));
    expect(ladder).toContain(selfTestLifetimeMs(tickOf(hz)));
  });
});

describe('the lifetime', () => {
  const kernelTickUs = tickOf(250);
  const ladder = lifetimeLadderMs(kernelTickUs);
  const at = (leaseEndUs: number) => lifetimeMs(ladder, { leaseEndUs, armedUs: 1e9, sentinelMs: 12, kernelTickUs });

  it('leaves the guard and the whole sentinel before the end of the lease, rounded down to the ladder', () => {
    expect(at(1e9 + 12_000 + guardUs(kernelTickUs) + 100_000)).toBe(100);
    expect(at(1e9 + 12_000 + guardUs(kernelTickUs) + 99_999)).toBe(96);
    expect(at(1e9 + 12_000 + guardUs(kernelTickUs) + 520_000)).toBe(512);
  });

  it('is 1500 ms at most', () => {
    expect(at(1e9 + 60e6)).toBe(1500);
  });

  it('is none when the lease has ended or is about to', () => {
    expect(at(1e9 + 12_000 + guardUs(kernelTickUs) + 7_999)).toBeUndefined();
    expect(at(1e9)).toBeUndefined();
    expect(at(0)).toBeUndefined();
  });
});

/**
 * The kernel's side: timeouts are counted in whole ticks from the tick of the act, and an element is gone once its tick
 * has come; a tick may come late.
 */
class Kernel {
  readonly #tickUs: number;
  readonly #lateUs: number;
  readonly #phaseUs: number;

  constructor(tickUs: number, lateTicks: number, phase: number) {
    this.#tickUs = tickUs;
    this.#lateUs = lateTicks * tickUs;
    this.#phaseUs = phase * tickUs;
  }

  /** The first moment at which an element set at `atUs` for `lifetime` milliseconds is gone for certain. */
  expiryUs(atUs: number, lifetime: number): number {
    const tick = Math.floor((atUs - this.#phaseUs) / this.#tickUs);
    const ticks = Math.max(1, Math.floor((lifetime * 1000) / this.#tickUs + 1e-9));
    return (tick + ticks) * this.#tickUs + this.#phaseUs + this.#lateUs;
  }
}

it('whatever pause lies between the clock and the act, the kernel closes by the end of the lease', () => {
  fc.assert(
    fc.property(
      fc.record({
        hz: fc.constantFrom(...HZ),
        intervalUs: fc.integer({ min: 50_000, max: 4_000_000 }),
        armReturnUs: fc.integer({ min: 0, max: 60_000 }),
        pauseUs: fc.oneof(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 10_000_000 })),
        leaseUs: fc.integer({ min: 0, max: 6_000_000 }),
        phase: fc.double({ min: 0, max: 1, noNaN: true }),
        lateTicks: fc.integer({ min: 0, max: 4 }),
      }),
      ({ hz, intervalUs, armReturnUs, pauseUs, leaseUs, phase, lateTicks }) => {
        const tickUs = tickOf(hz);
        const kernel = new Kernel(tickUs, lateTicks, phase);
        const sentinel = sentinelMs(intervalUs, tickUs);
        const armedInKernelUs = 1e9;
        const armedUs = armedInKernelUs + armReturnUs;
        const question = { leaseEndUs: 1e9 + leaseUs, armedUs, sentinelMs: sentinel, kernelTickUs: tickUs };
        const lifetime = lifetimeMs(lifetimeLadderMs(tickUs), question);
        const actUs = armedUs + pauseUs;
        // Late ticks prolong the sentinel just as they prolong the lease: by no more than the guard in all.
        const taken = lifetime !== undefined && actUs < kernel.expiryUs(armedInKernelUs, sentinel) - lateTicks * tickUs;
        if (taken) expect(kernel.expiryUs(actUs, lifetime)).toBeLessThanOrEqual(question.leaseEndUs);
      },
    ),
    { numRuns: 5_000 },
  );
});
