import { describe, expect, test } from 'vitest';
import { analyse } from '../../lab/analysis.ts';
import { judge, type Outcome, outcomeInWords } from '../../lab/table-outcome.ts';
import { limitMs, type Target } from '../../lab/table-rows.ts';
import { recordOf } from './record.ts';

const movedAfter = (...gapsMs: readonly number[]): Outcome => ({
  kind: 'measured',
  trials: gapsMs.map((gapMs) => ({
    owner: 'a',
    analysis: analyse(recordOf(1_500, (at) => (at < 300 ? ['a'] : at < 298 + gapMs ? [] : ['b']))),
  })),
});
const record = (answering: (atMs: number) => readonly string[]): Outcome => ({
  kind: 'measured',
  trials: [{ owner: 'a', analysis: analyse(recordOf(1_500, answering)) }],
});
const STAYED = record(() => ['a']);
const BOTH = record((at) => (at < 400 ? ['a'] : ['a', 'b']));
const NONE: Outcome = { kind: 'none' };

describe('a row that must stay', () => {
  const target: Target = { kind: 'stays' };
  test('is met only if nothing moved and no echo was lost', () => {
    expect(judge(target, STAYED, NONE)).toEqual({ safe: true, met: true });
    expect(judge(target, movedAfter(50), NONE)).toEqual({ safe: false, met: false });
    expect(
      judge(
        target,
        record((at) => (at === 300 ? [] : ['a'])),
        NONE,
      ),
    ).toEqual({ safe: true, met: false });
  });
});

describe('a row that must move', () => {
  const target: Target = { kind: 'moves', medianMs: 20, worstMs: 40 };
  test('is met only within the limits of the median and of the worst', () => {
    expect(judge(target, movedAfter(10, 18, 38), NONE).met).toBe(true);
    expect(judge(target, movedAfter(10, 18, 48), NONE)).toEqual({ safe: true, met: false });
    expect(judge(target, movedAfter(10, 26, 38), NONE)).toEqual({ safe: true, met: false });
  });

  test('is not met when it stayed, showed two owners, or could not be measured', () => {
    const briefly = record((at) => (at < 300 ? ['a'] : at < 304 ? ['a', 'b'] : ['b']));
    for (const outcome of [STAYED, BOTH, briefly, NONE, { kind: 'failed', why: 'no' } as const]) {
      expect(judge(target, outcome, NONE)).toEqual({ safe: false, met: false });
    }
  });

  test('within the master-down time of the host that takes over', () => {
    const byLease: Target = { kind: 'moves_within_master_down', share: 1.1 };
    expect(judge(byLease, movedAfter(limitMs(1.1, 'b') - 6), NONE).met).toBe(true);
    expect(judge(byLease, movedAfter(limitMs(1.1, 'b') + 6), NONE).met).toBe(false);
  });

  test("as fast as the other system, if that one's figure means anything", () => {
    const asFast: Target = { kind: 'moves_as_fast', share: 1.05 };
    expect(judge(asFast, movedAfter(330), movedAfter(320)).met).toBe(true);
    expect(judge(asFast, movedAfter(350), movedAfter(320)).met).toBe(false);
    expect(judge(asFast, movedAfter(350), BOTH).met).toBeUndefined();
  });
});

test('a cell says what the client saw', () => {
  expect(outcomeInWords(STAYED)).toBe('no move, no gap');
  expect(outcomeInWords(movedAfter(20, 40, 30))).toBe('gap 30 (worst 40) ms');
  expect(outcomeInWords(BOTH)).toMatch(/^two owners 1100 ms/);
  expect(outcomeInWords(NONE)).toBe('(none)');
});
