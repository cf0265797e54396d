import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClockGap } from '../../../agent/engine/clock-gap.ts';
import { boottimeUs, monotonicUs } from '../../../agent/kernel/index.ts';

const DAY_US = 86_400_000_000;

test('a host that slept before the agent started has not slept since', () => {
  const gap = new ClockGap();
  expect(gap.note(3 * DAY_US, DAY_US)).toBe(0);
  expect(gap.note(3 * DAY_US + 10, DAY_US + 10)).toBe(0);
});

test('a suspended host is noticed once, with its length', () => {
  const gap = new ClockGap();
  gap.note(1_000_000, 1_000_000);
  expect(gap.note(9_000_000, 2_000_000)).toBe(7_000_000);
  expect(gap.note(9_500_000, 2_500_000)).toBe(0);
  expect(gap.note(10_000_000, 2_600_000)).toBe(400_000);
});

test('up to 250 ms at a time is no gap', () => {
  const gap = new ClockGap();
  gap.note(0, 0);
  expect(gap.note(250_000, 0)).toBe(0);
  expect(gap.note(500_000, 0)).toBe(0);
  expect(gap.note(750_001, 0)).toBe(250_001);
});

test('a process that stands still, also between the two readings, has not slept', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ runUs: fc.nat(DAY_US), pauseUs: fc.nat(60_000_000) })), (readings) => {
      const gap = new ClockGap();
      let nowUs = 5_000_000;
      gap.note(nowUs, nowUs);
      for (const { runUs, pauseUs } of readings) {
        nowUs += runUs;
        expect(gap.note(nowUs, nowUs + pauseUs)).toBe(0);
        nowUs += pauseUs;
      }
    }),
  );
});

test("the kernel's own clocks, read in this order, show none", () => {
  const gap = new ClockGap();
  for (let readings = 0; readings < 100; readings += 1) expect(gap.note(boottimeUs(), monotonicUs())).toBe(0);
});
