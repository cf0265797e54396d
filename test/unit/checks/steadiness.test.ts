import { expect, test } from 'vitest';
import { countsAtMs, type Delays, type Steadiness, steadiness } from '../../../agent/checks/steadiness.ts';

const DELAYS: Delays = { upDelayMs: 5_000, downDelayMs: 200 };

function after(sightings: readonly (readonly [nowMs: number, seen: boolean])[], delays = DELAYS): Steadiness {
  let state: Steadiness | undefined;
  for (const [nowMs, seen] of sightings) state = steadiness(state, seen, nowMs, delays);
  if (state === undefined) throw new Error('nothing was seen');
  return state;
}

test('what is seen first counts at once', () => {
  expect(after([[0, false]]).counted).toBe(false);
  expect(after([[0, true]]).counted).toBe(true);
});

test('a change counts once it has lasted', () => {
  const down = after([
    [0, true],
    [1_000, false],
  ]);
  expect(down.counted).toBe(true);
  expect(countsAtMs(down, DELAYS)).toBe(1_200);
  expect(steadiness(down, false, 1_199, DELAYS).counted).toBe(true);
  const counted = steadiness(down, false, 1_200, DELAYS);
  expect(counted.counted).toBe(false);
  expect(countsAtMs(counted, DELAYS)).toBeUndefined();
});

test('one that flaps begins anew each time', () => {
  const flapping = after([
    [0, false],
    [1_000, true],
    [5_000, false],
    [5_100, true],
    [9_000, true],
  ]);
  expect(flapping.counted).toBe(false);
  expect(countsAtMs(flapping, DELAYS)).toBe(10_100);
});

test('without delays it counts as what it is', () => {
  const delays = { upDelayMs: 0, downDelayMs: 0 };
  expect(
    after(
      [
        [0, true],
        [1, false],
      ],
      delays,
    ).counted,
  ).toBe(false);
});
