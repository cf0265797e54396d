import {
  INITIALIZE,
  nextDeadlineUs,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
  step,
} from '@tiebreak/shared/vrrp';
import { expect, test } from 'vitest';
import { address } from './addresses.ts';

/** Two routers on one virtual wire: time jumps from deadline to deadline, advertisements arrive at once. */
class Pair {
  nowUs = 1_000_000;
  cut = false;
  readonly states: [RouterState, RouterState] = [INITIALIZE, INITIALIZE];
  readonly sent: { atUs: number; by: number; priority: number }[] = [];
  readonly #routers: readonly [RouterParameters, RouterParameters];

  constructor(routers: readonly [RouterParameters, RouterParameters]) {
    this.#routers = routers;
  }

  happens(who: 0 | 1, event: RouterEvent): void {
    const router = this.#routers[who];
    const stepped = step(router, this.states[who], event, this.nowUs);
    this.states[who] = stepped.state;
    for (const effect of stepped.effects) {
      if (effect.kind !== 'send-advertisement') continue;
      this.sent.push({ atUs: this.nowUs, by: who, priority: effect.priority });
      const { primaryAddress: source, intervalUs } = router;
      if (!this.cut)
        this.happens(who === 0 ? 1 : 0, { kind: 'advertisement', priority: effect.priority, source, intervalUs });
    }
  }

  runUntil(endUs: number): void {
    for (;;) {
      const [left, right] = this.states.map((state) => nextDeadlineUs(state) ?? Number.POSITIVE_INFINITY);
      const who = (left ?? Number.POSITIVE_INFINITY) <= (right ?? Number.POSITIVE_INFINITY) ? 0 : 1;
      const dueUs = nextDeadlineUs(this.states[who]) ?? Number.POSITIVE_INFINITY;
      if (dueUs > endUs) break;
      this.nowUs = dueUs;
      this.happens(who, { kind: 'timer' });
    }
    this.nowUs = endUs;
  }

  get kinds(): string[] {
    return this.states.map((state) => state.kind);
  }
}

const base = { version: 3, intervalUs: 100_000, preempt: true, preemptDelayUs: 0 } as const;
const strong: RouterParameters = { ...base, priority: 200, primaryAddress: address('192.0.2.1') };
const weak: RouterParameters = { ...base, priority: 100, primaryAddress: address('192.0.2.2') };

function started(routers: readonly [RouterParameters, RouterParameters]): Pair {
  const pair = new Pair(routers);
  pair.happens(0, { kind: 'startup' });
  pair.happens(1, { kind: 'startup' });
  pair.runUntil(pair.nowUs + 2_000_000);
  return pair;
}

test('of two routers the one with the higher priority is Active, and stays so', () => {
  const pair = started([strong, weak]);
  expect(pair.kinds).toEqual(['active', 'backup']);
  expect(new Set(pair.sent.map((each) => each.by))).toEqual(new Set([0]));
});

test('of two equal routers exactly one ends up Active', () => {
  const pair = started([{ ...strong, priority: 100 }, weak]);
  expect(pair.kinds.toSorted()).toEqual(['active', 'backup']);
});

test('a clean stop hands over after the skew time', () => {
  const pair = started([strong, weak]);
  const stoppedUs = pair.nowUs;
  pair.happens(0, { kind: 'shutdown' });
  pair.runUntil(stoppedUs + 1_000_000);
  expect(pair.kinds).toEqual(['initialize', 'active']);
  const firstOfWeak = pair.sent.find((each) => each.by === 1);
  expect(firstOfWeak?.atUs).toBe(stoppedUs + (156 * 100_000) / 256);
});

test('a router that returns preempts, unless it is told not to', () => {
  for (const preempt of [true, false]) {
    const pair = started([{ ...strong, preempt }, weak]);
    pair.happens(0, { kind: 'shutdown' });
    pair.runUntil(pair.nowUs + 1_000_000);
    pair.happens(0, { kind: 'startup' });
    pair.runUntil(pair.nowUs + 1_000_000);
    expect(pair.kinds).toEqual(preempt ? ['active', 'backup'] : ['backup', 'active']);
  }
});

test('after a cut that made both Active one advertisement settles it, without a storm', () => {
  const pair = started([strong, weak]);
  pair.cut = true;
  pair.runUntil(pair.nowUs + 1_000_000);
  expect(pair.kinds).toEqual(['active', 'active']);

  pair.cut = false;
  const before = pair.sent.length;
  pair.happens(1, { kind: 'advertisement', priority: 200, source: strong.primaryAddress, intervalUs: 100_000 });
  expect(pair.kinds).toEqual(['active', 'backup']);

  pair.runUntil(pair.nowUs + 1_000_000);
  expect(pair.kinds).toEqual(['active', 'backup']);
  expect(pair.sent.length - before).toBeLessThanOrEqual(11);
});

test('the loser of a healed cut is put right by the winner at once, whoever speaks first', () => {
  const pair = started([strong, weak]);
  pair.cut = true;
  pair.runUntil(pair.nowUs + 1_000_000);
  pair.cut = false;
  const weakDueUs = nextDeadlineUs(pair.states[1]) ?? Number.NaN;
  pair.nowUs = weakDueUs;
  pair.happens(1, { kind: 'timer' });
  expect(pair.sent.slice(-2)).toEqual([
    { atUs: weakDueUs, by: 1, priority: 100 },
    { atUs: weakDueUs, by: 0, priority: 200 },
  ]);
  expect(pair.kinds).toEqual(['active', 'backup']);
});
