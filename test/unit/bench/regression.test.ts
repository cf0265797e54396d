import { expect, test } from 'vitest';
import type { Goal, Measurement } from '../../bench/report/measurement.ts';
import { verdictOf } from '../../bench/report/measurement.ts';
import { isStable, referenceFor, regression } from '../../bench/report/regression.ts';
import { tableOf } from '../../bench/report/table.ts';

const REFERENCE = { median: 2, least: 1.9, most: 2.1 };

function measured(goal: Goal, tiebreak: number[], keepalived: number[]): Measurement {
  const compared = { with: 'keepalived', figure: { values: keepalived, unit: 'us' } };
  return { id: 'cpu', title: 'CPU', goal, tiebreak: { values: tiebreak, unit: 'us' }, compared };
}

test('a ratio may be 30 % worse than its reference, and no more', () => {
  const goal = { kind: 'ratio', most: 1 } as const;
  expect(regression(measured(goal, [25], [10]), REFERENCE)).toBeUndefined();
  expect(regression(measured(goal, [27], [10]), REFERENCE)).toContain('ratio 2.70, reference 2.00, limit 2.60');
});

test('where more is better, less is worse', () => {
  const goal = { kind: 'least', p50: 3 } as const;
  expect(regression(measured(goal, [40], [10]), REFERENCE)).toBeUndefined();
  expect(regression(measured(goal, [15], [10]), REFERENCE)).toContain('ratio 1.50');
});

test('nothing divided by nothing is no ratio', () => {
  expect(regression(measured({ kind: 'reported' }, [0], [0]), REFERENCE)).toBe('cpu: there is no ratio');
});

test('a ratio whose runs lie far apart is not judged', () => {
  expect(isStable(REFERENCE)).toBe(true);
  expect(isStable({ median: 2, least: 1.8, most: 2.2 })).toBe(false);
});

test('a ratio is judged by what it was on the same kind of processor, elsewhere by the reference that asks for least', () => {
  const [slower, faster] = [
    { ...REFERENCE, runs: 5, measured: '2026-11-27' },
    { median: 1.4, least: 1.35, most: 1.45, runs: 5, measured: '2026-11-27' },
  ];
  const unstable = { ...slower, most: 4 };
  const references = {
    A: { machine: 'a', ratios: { cpu: slower, vote: unstable } },
    B: { machine: 'b', ratios: { cpu: faster, vote: faster } },
  };
  const cpu = measured({ kind: 'ratio', most: 1 }, [1], [1]);
  expect(referenceFor(cpu, 'A', references)).toBe(slower);
  expect(referenceFor(cpu, 'B', references)).toBe(faster);
  expect(referenceFor(cpu, 'C', references)).toBe(slower);
  expect(referenceFor({ ...cpu, goal: { kind: 'least', p50: 3 } }, 'C', references)).toBe(faster);
  expect(referenceFor({ ...cpu, id: 'vote' }, 'A', references)).toBeUndefined();
  expect(referenceFor({ ...cpu, id: 'vote' }, 'C', references)).toBe(faster);
  expect(referenceFor({ ...cpu, id: 'start' }, 'A', references)).toBeUndefined();
});

test('a goal is met by the medians, by median and 99th percentile, or not at all where something broke', () => {
  expect(verdictOf(measured({ kind: 'ratio', most: 1.05 }, [10, 10, 99], [10, 10, 10]))).toBe('yes');
  expect(verdictOf(measured({ kind: 'ratio', most: 1.05 }, [11], [10]))).toBe('NO');
  expect(verdictOf(measured({ kind: 'most', p50: 5, p99: 10 }, [2, 2, 11], []))).toBe('NO');
  expect(verdictOf(measured({ kind: 'most', p50: 5 }, [2, 2, 11], []))).toBe('yes');
  expect(verdictOf(measured({ kind: 'most', p50: 5 }, [], []))).toBe('NO');
  expect(verdictOf({ ...measured({ kind: 'reported' }, [2], [1]), broken: 'two owners' })).toBe('NO');
});

test('the table shows goal, both systems and the ratio, and below it what the figures do not say', () => {
  const text = tableOf([{ ...measured({ kind: 'ratio', most: 1 }, [20, 22, 24], [10, 11, 12]), note: 'one run' }]);
  expect(text).toContain('| <= 1 x | 22.0 us (20.0 to 24.0, n 3) | 11.0 us (10.0 to 12.0, n 3) | 2.00  | NO');
  expect(text).toContain('CPU: one run');
});
