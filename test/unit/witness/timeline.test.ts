import type { ClusterEvent } from '@tiebreak/shared/wire';
import { describe, expect, test } from 'vitest';
import { tenures } from '../../../witness/pages/timeline.tsx';
import { instant, seconds } from '../../../witness/pages/words.ts';

function change(atMs: number, to: string | null, group = 'edge'): ClusterEvent {
  const event = { kind: 'owner', group, from: null, to, ballot: { counter: 1, node: 'a' } } as const;
  return { id: 1, at: new Date(atMs).toISOString(), text: '', event };
}

describe('who owned a group when', () => {
  const EDGE = { group: 'edge', owner: null };
  const SPAN = { fromMs: 1_000, toMs: 2_000 };

  test('each owner from its change to the next one, the last one until now', () => {
    const changes = [change(1_700, 'a'), change(1_600, null), change(1_200, 'b')];
    expect(tenures(changes, EDGE, SPAN)).toEqual([
      { owner: 'b', fromMs: 1_200, toMs: 1_600 },
      { owner: null, fromMs: 1_600, toMs: 1_700 },
      { owner: 'a', fromMs: 1_700, toMs: 2_000 },
    ]);
  });

  test('whoever owned it at the beginning did so before it, and what is older is not shown', () => {
    expect(tenures([change(900, 'a'), change(500, 'b')], EDGE, SPAN)).toEqual([
      { owner: 'a', fromMs: 1_000, toMs: 2_000 },
    ]);
  });

  test('nothing is known before the first change, or of another group', () => {
    expect(tenures([change(1_500, 'a', 'other'), change(1_400, 'a')], EDGE, SPAN)).toEqual([
      { owner: 'a', fromMs: 1_400, toMs: 2_000 },
    ]);
    expect(tenures([], EDGE, SPAN)).toEqual([]);
  });

  test('of a group that is not among the changes, its owner has owned it as far back as they go', () => {
    const changes = [change(1_500, 'a', 'other'), change(1_400, 'b', 'another')];
    expect(tenures(changes, { ...EDGE, owner: 'a' }, SPAN)).toEqual([{ owner: 'a', fromMs: 1_400, toMs: 2_000 }]);
    expect(tenures([], { ...EDGE, owner: 'a' }, SPAN)).toEqual([{ owner: 'a', ...SPAN }]);
  });
});

test.each([
  [0, '0.0 s'],
  [4_960, '5.0 s'],
  [12_400, '12 s'],
  [300_000, '5 min'],
  [5 * 3_600_000, '5 h'],
  [9 * 86_400_000, '9 d'],
])('%i ms are %s', (ms, text) => {
  expect(seconds(ms)).toBe(text);
});

test('an instant is read to the second', () => {
  expect(instant('2026-11-26T03:12:09.123Z')).toBe('2026-11-26 03:12:09');
});
