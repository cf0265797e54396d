import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '../../lab/analysis.ts';
import type { Observation } from '../../lab/observation.ts';
import { SoakWatch } from '../../lab/soak-watch.ts';
import { recordOf } from './record.ts';

function watched(record: readonly Observation[], cutsUs: readonly number[]): SoakWatch {
  const watch = new SoakWatch();
  const edges = [
    Number.NEGATIVE_INFINITY,
    ...[...cutsUs].sort((left, right) => left - right),
    Number.POSITIVE_INFINITY,
  ];
  for (const [index, fromUs] of edges.entries()) {
    const toUs = edges[index + 1];
    if (toUs !== undefined) watch.add(record.filter(({ atUs }) => atUs >= fromUs && atUs < toUs));
  }
  return watch;
}

const stray = (atUs: number): Observation => ({ kind: 'answer', atUs, by: 'a', via: 'arp' });

describe('a record that is read in slices', () => {
  test('shows the same as when it is read at once, wherever it is cut', () => {
    const owners = fc.array(fc.constantFrom('a', 'b', undefined), { minLength: 1, maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 0, max: 2_400_000 }), { maxLength: 6 });
    fc.assert(
      fc.property(owners, cuts, (segments, cutsUs) => {
        const record = recordOf(300 * segments.length, (atMs) => {
          const owner = segments[Math.floor((atMs - 1) / 300)];
          return owner === undefined ? [] : [owner];
        });
        const whole = watched(record, []);
        const sliced = watched(record, cutsUs);
        const moves = analyse(record).changes.map(({ from, to, atUs, gapMs }) => ({ from, to, atUs, gapMs }));
        expect(sliced.changes).toMatchObject(moves);
        expect(sliced.changes).toHaveLength(moves.length);
        expect(sliced.silences).toEqual(whole.silences);
        expect(sliced.twoOwners).toEqual(analyse(record).twoOwners);
        expect(sliced.availability).toBe(whole.availability);
      }),
    );
  });

  test('an answer of the old owner is seen wherever the border lies', () => {
    const record = [...recordOf(1_000, (at) => (at < 300 ? ['a'] : ['b'])), stray(500_500)].sort(
      (left, right) => left.atUs - right.atUs,
    );
    for (const cutUs of [500_000, 500_400, 500_501, 501_000, 502_200]) {
      expect(watched(record, [cutUs]).twoOwners, `cut at ${cutUs}`).toEqual([{ fromUs: 500_500, toUs: 502_500 }]);
    }
  });

  test('a gap longer than several slices is one gap and one move', () => {
    const record = recordOf(4_000, (at) => (at < 300 ? ['a'] : at < 3_500 ? [] : ['b']));
    const watch = watched(record, [500_000, 1_000_000, 2_000_000, 3_000_000, 3_700_000]);
    expect(watch.changes).toMatchObject([{ from: 'a', to: 'b' }]);
    expect(watch.changes[0]?.gapMs).toBeCloseTo(3_202, 0);
    expect(watch.silences).toHaveLength(1);
    expect(watch.availability).toBeCloseTo(1 - 3_200 / 3_900, 2);
  });

  test('while the prober itself slept nobody is said to have been silent', () => {
    const watch = watched(
      recordOf(
        1_000,
        () => ['a'],
        (at) => at > 300 && at < 500,
      ),
      [400_000],
    );
    expect(watch.silences).toEqual([]);
    expect(watch.longestStallMs).toBeCloseTo(198, 0);
  });
});
