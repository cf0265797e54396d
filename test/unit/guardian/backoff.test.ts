import { expect, test } from 'vitest';
import { nextBackoffMs } from '../../../agent/guardian/backoff.ts';

test('engines that die one soon after the other are started ever more slowly, from 0.2 s up to 10 s', () => {
  const waits: number[] = [];
  for (let deaths = 0; deaths < 8; deaths += 1) waits.push(nextBackoffMs(waits.at(-1), 1_000));
  expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

test('one that has lived for 10 s is replaced as fast as the first', () => {
  expect(nextBackoffMs(6_400, 10_000)).toBe(200);
  expect(nextBackoffMs(6_400, 9_999)).toBe(10_000);
});
