import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '../../lab/analysis.ts';
import type { Observation } from '../../lab/observation.ts';
import { recordOf } from './record.ts';

describe('two owners', () => {
  test('nobody else answers: no time with two', () => {
    const { twoOwnersMs, moved, before, after, changes } = analyse(recordOf(1_000, () => ['a']));
    expect({ twoOwnersMs, moved, before, after, changes }).toEqual({
      twoOwnersMs: 0,
      moved: false,
      before: 'a',
      after: 'a',
      changes: [],
    });
  });

  test('an answer of the old owner after the first of the new counts from the one to the other', () => {
    const found = analyse(recordOf(1_000, (at) => (at < 400 ? ['a'] : at < 700 ? ['a', 'b'] : ['b'])));
    expect(found.twoOwnersMs).toBeCloseTo(298, 0);
    expect(found.changes).toMatchObject([{ from: 'a', to: 'b', gapMs: 0 }]);
  });

  test('one stray answer of a thawed owner counts, however short', () => {
    const record = recordOf(1_000, (at) => (at < 300 ? ['a'] : ['b']));
    const stray: Observation = { kind: 'answer', atUs: 700_500, by: 'a', via: 'arp' };
    const { twoOwnersMs, twoOwners } = analyse([...record, stray]);
    expect(twoOwnersMs).toBe(2);
    expect(twoOwners).toEqual([{ fromUs: 700_500, toUs: 702_500 }]);
  });

  test('a stray answer that only the ordinary client got counts as well', () => {
    const record = recordOf(500, () => ['b']);
    expect(analyse([...record, { kind: 'client_answer', atUs: 250_001, by: 'a', tick: 125 }]).twoOwnersMs).toBe(2);
  });

  test('a clean handover at one probe is no time with two', () => {
    expect(analyse(recordOf(1_000, (at) => (at < 500 ? ['a'] : ['b']))).twoOwnersMs).toBe(0);
  });

  test('a move there and back is no time with two', () => {
    const found = analyse(recordOf(1_000, (at) => (at < 300 || at >= 600 ? ['a'] : ['b'])));
    expect(found.twoOwnersMs).toBe(0);
    expect(found.moved).toBe(true);
    expect(found.changes.map(({ to }) => to)).toEqual(['b', 'a']);
  });

  test('two owners for good count to the end of the record, and overlapping times count once', () => {
    const { twoOwnersMs } = analyse(recordOf(1_000, (at) => (at < 500 ? ['a'] : ['a', 'b', 'c'])));
    expect(twoOwnersMs).toBeCloseTo(500, -1);
  });

  test('never negative, never longer than the record, whoever answers when', () => {
    const answers = fc.array(fc.subarray(['a', 'b']), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(answers, (script) => {
        const found = analyse(recordOf(script.length * 2, (at) => script[at / 2 - 1] ?? []));
        expect(found.twoOwnersMs).toBeGreaterThanOrEqual(0);
        expect(found.twoOwnersMs).toBeLessThanOrEqual(script.length * 2 + 2);
        if (script.some((both) => both.length === 2)) expect(found.twoOwnersMs).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('gap', () => {
  test('lies between the last answer of the old owner and the first of the new', () => {
    const { changes } = analyse(recordOf(1_000, (at) => (at < 300 ? ['a'] : at < 620 ? [] : ['b'])));
    expect(changes).toHaveLength(1);
    expect(changes[0]?.gapMs).toBeCloseTo(322, 0);
    expect(changes[0]?.unobservedMs).toBe(0);
  });

  test('says how much of it the prober did not look at', () => {
    const record = recordOf(
      1_000,
      (at) => (at < 300 ? ['a'] : ['b']),
      (at) => at >= 300 && at < 350,
    );
    const { changes } = analyse(record);
    expect(changes[0]?.gapMs).toBeCloseTo(52, 0);
    expect(changes[0]?.unobservedMs).toBeCloseTo(50, 0);
  });

  test('the owner falling silent and coming back is no change of owner', () => {
    const found = analyse(recordOf(1_000, (at) => (at < 300 || at >= 600 ? ['a'] : [])));
    expect(found.moved).toBe(false);
    expect(found.client.longestHoleMs).toBeCloseTo(300, 0);
  });
});

describe('the ordinary client', () => {
  test('loses the echoes that were sent and not answered', () => {
    const { client } = analyse(recordOf(1_000, (at) => (at >= 400 && at < 500 ? [] : ['a'])));
    expect(client).toMatchObject({ lost: 50, lostMs: 100, longestHoleMs: 100 });
  });

  test('loses nothing while the prober does not run', () => {
    const record = recordOf(
      1_000,
      () => ['a'],
      (at) => at >= 400 && at < 500,
    );
    const found = analyse(record);
    expect(found.client.lost).toBe(0);
    expect(found.longestStallMs).toBeCloseTo(100, 0);
  });

  test('a lost echo before a stall of the prober stands for three periods at most', () => {
    const record = recordOf(
      1_000,
      (at) => (at === 398 ? [] : ['a']),
      (at) => at >= 400 && at < 500,
    );
    expect(analyse(record).client).toMatchObject({ lost: 1, lostMs: 6 });
  });

  test('an answer after the deadline is a lost echo', () => {
    const record = recordOf(1_000, () => ['a']).map((line): Observation => {
      return line.kind === 'client_answer' && line.tick === 100 ? { ...line, atUs: line.atUs + 150_000 } : line;
    });
    expect(analyse(record).client.lost).toBe(1);
  });

  test('an answer that is late, but in time, is no hole by itself', () => {
    const record = recordOf(1_000, () => ['a']).map((line): Observation => {
      return line.kind === 'client_answer' && line.tick >= 100 && line.tick < 140 ? { ...line, atUs: 298_000 } : line;
    });
    expect(analyse(record).client).toMatchObject({ lost: 0, lostMs: 0 });
  });

  test('nor is it at the end of the record', () => {
    const record = recordOf(300, () => ['a']).map((line): Observation => {
      return line.kind === 'client_answer' && line.tick >= 80 ? { ...line, atUs: line.atUs + 50_000 } : line;
    });
    expect(analyse(record).client).toMatchObject({ lost: 0, lostMs: 0, longestHoleMs: 0 });
  });

  test('echoes that waited at the end of a hole for the new owner belong to it', () => {
    const waited = (tick: number): boolean => tick >= 170 && tick < 200;
    const record = recordOf(1_000, (at) => (at >= 200 && at < 340 ? [] : ['a'])).map((line): Observation => {
      return line.kind === 'client_answer' && waited(line.tick) ? { ...line, atUs: 424_000 } : line;
    });
    expect(analyse(record).client).toMatchObject({ lost: 70, lostMs: 200, longestHoleMs: 200 });
  });

  test('echoes whose deadline lies beyond the record are not judged', () => {
    const { client } = analyse(recordOf(200, (at) => (at <= 150 ? ['a'] : [])));
    expect(client.lost).toBe(0);
  });

  test('adds up several holes and names the longest', () => {
    const { client } = analyse(
      recordOf(1_000, (at) => ((at >= 100 && at < 120) || (at >= 300 && at < 340) ? [] : ['a'])),
    );
    expect(client).toMatchObject({ lostMs: 60, longestHoleMs: 40 });
  });
});

describe('stale frames', () => {
  const moved = recordOf(1_000, (at) => [at < 500 ? 'a' : 'b']);

  test('what the old owner still announces or advertises after the move counts', () => {
    const late: Observation[] = [
      { kind: 'announcement', atUs: 600_000, by: 'a' },
      { kind: 'advertisement', atUs: 700_000, by: 'a', priority: 100 },
    ];
    expect(analyse([...moved, ...late]).staleFrames).toBe(2);
  });

  test("its farewell, what it sent before, and the new owner's own do not", () => {
    const fair: Observation[] = [
      { kind: 'announcement', atUs: 400_000, by: 'a' },
      { kind: 'advertisement', atUs: 600_000, by: 'a', priority: 0 },
      { kind: 'announcement', atUs: 499_000, by: 'b' },
      { kind: 'advertisement', atUs: 600_000, by: 'b', priority: 100 },
    ];
    expect(analyse([...moved, ...fair]).staleFrames).toBe(0);
  });
});

test('the order in which lines arrive does not matter', () => {
  const record = recordOf(200, (at) => (at < 100 ? ['a'] : ['a', 'b']));
  fc.assert(
    fc.property(fc.shuffledSubarray(record, { minLength: record.length }), (shuffled) => {
      expect(analyse(shuffled)).toEqual(analyse(record));
    }),
    { numRuns: 25 },
  );
});

test('an empty record says nothing', () => {
  expect(analyse([])).toMatchObject({ probes: 0, before: undefined, moved: false, twoOwnersMs: 0, longestStallMs: 0 });
});
