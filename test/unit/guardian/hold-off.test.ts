import { expect, test } from 'vitest';
import { holdOffMs, recentCrashes } from '../../../agent/guardian/hold-off.ts';

test('one crash is no crash loop; each further one doubles the time for which the next engine does not stand, to a minute', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(holdOffMs)).toEqual([
    0, 0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});

test('a crash counts for 10 minutes', () => {
  expect(recentCrashes([0, 1, 500_000], 600_000)).toEqual([1, 500_000]);
  expect(recentCrashes([0, 1, 500_000], 599_999)).toHaveLength(3);
});
