import { expect, it } from 'vitest';
import { NodeRate, RELAY_RATE } from '../../../witness/node-rate.ts';

function taken(rate: NodeRate, node: string, nowMs: number): number {
  let count = 0;
  while (rate.take(node, nowMs)) count += 1;
  return count;
}

it('allows a burst of 40, then 20 a second, and each node has its own', () => {
  const rate = new NodeRate(RELAY_RATE);
  expect(taken(rate, 'a', 0)).toBe(40);
  expect(taken(rate, 'a', 1_000)).toBe(20);
  expect(taken(rate, 'a', 1_049)).toBe(0);
  expect(taken(rate, 'a', 1_050)).toBe(1);
  expect(taken(rate, 'b', 1_050)).toBe(40);
  expect(taken(rate, 'a', 3_600_000)).toBe(40);
});

it('neither gives nor forgets anything when the wall clock is set back', () => {
  const rate = new NodeRate(RELAY_RATE);
  expect(taken(rate, 'a', 10_000)).toBe(40);
  expect(taken(rate, 'a', 5_000)).toBe(0);
  expect(taken(rate, 'a', 6_000)).toBe(20);
});
