import { describe, expect, test } from 'vitest';
import { lateLoop, stuckAfterUs } from '../../../agent/engine/progress.ts';

const NOW_US = 60_000_000;
const LATE_MAX_US = 500_000;

function late(dueUs: number, lastProgressUs: number) {
  return lateLoop([{ name: 'edge', dueUs, lastProgressUs }], NOW_US, LATE_MAX_US);
}

describe('a loop makes progress', () => {
  test.each([
    ['that has nothing to do yet, however long ago it stepped', NOW_US + 1, 0],
    ['that never has to do anything again', Number.POSITIVE_INFINITY, 0],
    ['that is a little late', NOW_US - LATE_MAX_US, 0],
    ['that has tried since it had to, and could not write it down', 0, NOW_US - 100_000],
  ])('%s', (_what, dueUs, lastProgressUs) => {
    expect(late(dueUs, lastProgressUs)).toBeUndefined();
  });
});

test('a loop that has not stepped since it had to is late, and by how much', () => {
  expect(late(NOW_US - LATE_MAX_US - 1, 0)).toEqual({ name: 'edge', lateUs: LATE_MAX_US + 1 });
  expect(late(0, NOW_US - 2_000_000)).toEqual({ name: 'edge', lateUs: 2_000_000 });
});

test('one late loop is enough', () => {
  const well = { name: 'web', dueUs: NOW_US + 1, lastProgressUs: NOW_US };
  expect(lateLoop([well, { name: 'edge', dueUs: 0, lastProgressUs: 0 }, well], NOW_US, LATE_MAX_US)?.name).toBe('edge');
});

test('an engine is stuck after 8 of its fastest intervals, after 2 s at the earliest and 10 s at the latest', () => {
  expect(stuckAfterUs([50_000, 1_000_000])).toBe(2_000_000);
  expect(stuckAfterUs([1_000_000, 4_000_000])).toBe(8_000_000);
  expect(stuckAfterUs([40_950_000])).toBe(10_000_000);
});
