import { describe, expect, test } from 'vitest';
import type { Change } from '../../lab/analysis.ts';
import { type Episode, explain, type Taken } from '../../lab/soak-explain.ts';

const move: Change = { from: 'a', to: 'b', atUs: 5_000_000, gapMs: 300, unobservedMs: 0 };
const episode = (takes: readonly Taken[], fromUs = 4_000_000, untilUs = Number.POSITIVE_INFINITY): Episode => ({
  title: takes.join(' and '),
  takes,
  fromUs,
  untilUs,
});

describe('a move is explained', () => {
  test('by what struck the old owner', () => {
    expect(explain(move, [episode(['a'])])).toHaveLength(1);
  });

  test('by the loss of both other votes', () => {
    expect(explain(move, [episode(['link']), episode(['witness of a'])])).toHaveLength(2);
    expect(explain(move, [episode(['link', 'witness of a'])])).toHaveLength(1);
    expect(explain(move, [episode(['b']), episode(['witness of a'])])).toHaveLength(2);
  });

  test('by what is felt after it was mended, or was over only when the gap had begun', () => {
    expect(explain(move, [episode(['a'], 1_000_000, 4_900_000)])).toHaveLength(1);
  });
});

describe('a move is not explained', () => {
  test.each<[string, Episode[]]>([
    ['without any fault', []],
    ['by a partition alone', [episode(['link'])]],
    ['by the loss of the witness alone', [episode(['witness of a', 'witness of b'])]],
    ["by the loss of the other host's witness", [episode(['link']), episode(['witness of b'])]],
    ['by what struck the new owner alone', [episode(['b'])]],
    ['by what was over before', [episode(['a'], 1_000_000, 4_600_000)]],
    ['by what came after', [episode(['a'], 5_000_001)]],
    ['by losses that take nothing from it', [episode([])]],
  ])('%s', (_what, episodes) => {
    expect(explain(move, episodes)).toEqual([]);
  });
});
