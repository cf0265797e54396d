import { expect, it } from 'vitest';
import { CallerRate, RELAY_RATE } from '../../../witness/caller-rate.ts';

function taken(rate: CallerRate, node: string, nowMs: number): number {
  let count = 0;
  while (rate.take(node, nowMs)) count += 1;
  return count;
}

it('allows a burst of 40, then 20 a second, and each node has its own', () => {
  const rate = new CallerRate(RELAY_RATE);
  expect(taken(rate, 'a', 0)).toBe(40);
  expect(taken(rate, 'a', 1_000)).toBe(20);
  expect(taken(rate, 'a', 1_049)).toBe(0);
  expect(taken(rate, 'a', 1_050)).toBe(1);
  expect(taken(rate, 'b', 1_050)).toBe(40);
  expect(taken(rate, 'a', 3_600_000)).toBe(40);
});

it('neither gives nor forgets anything when the wall clock is set back', () => {
  const rate = new CallerRate(RELAY_RATE);
  expect(taken(rate, 'a', 10_000)).toBe(40);
  expect(taken(rate, 'a', 5_000)).toBe(0);
  expect(taken(rate, 'a', 6_000)).toBe(20);
});

it('looks without counting, and keeps ten thousand callers at most', () => {
  const rate = new CallerRate({ burst: 1, perSecond: 0 });
  expect(rate.has('a', 0)).toBe(true);
  expect(taken(rate, 'a', 0)).toBe(1);
  expect(rate.has('a', 0)).toBe(false);
  for (let index = 0; index < 9_999; index += 1) rate.take(`caller-${index}`, 0);
  expect(rate.has('a', 0)).toBe(false);
  rate.take('one more', 0);
  expect(rate.has('a', 0)).toBe(true);
});
