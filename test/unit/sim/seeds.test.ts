import { describe, expect, test } from 'vitest';
import type { Tampering } from '../../../agent/simulation/tampering.ts';
import { World } from '../../../agent/simulation/world.ts';
import { runSeed } from '../../sim/run-seed.ts';
import { shrink } from '../../sim/shrink.ts';
import { commandFor } from '../../sim/story.ts';

/** Everyone's vote is taken for longer than it was given for. */
const GREEDY: Tampering = {
  event: (event) =>
    event.type === 'verdict' && event.verdict.kind === 'granted'
      ? { ...event, verdict: { ...event.verdict, promiseMs: 2 * event.verdict.promiseMs } }
      : event,
};

describe('simulation', () => {
  test('a seed reproduces its run to the last event', () => {
    const [once, again] = [runSeed(4), runSeed(4)];
    expect(again).toEqual(once);
    expect(once.events).toBeGreaterThan(1000);
  });

  test('a run can be played again without some of its faults, and the others stay what they were', () => {
    const whole = runSeed(4, { kind: 'chaos', recorded: true });
    const none = runSeed(4, { kind: 'chaos', recorded: true, onlyFaults: [] });
    expect(none.faults).toEqual(whole.faults);
    expect(whole.timeline.some((line) => line.includes('fault '))).toBe(true);
    expect(none.timeline.some((line) => line.includes('fault '))).toBe(false);
    expect(none.violation).toBeUndefined();
  });

  test('a failing seed shrinks to the faults that it takes, and still breaks the same rule with them alone', () => {
    const options = { kind: 'chaos', intervalUs: 250_000, tampering: GREEDY } as const;
    const whole = runSeed(3, options);
    const enough = shrink(3, options);
    expect(whole.violation?.rule).toBe('belief exceeds the register');
    expect(enough?.length).toBeLessThan(whole.faults.length);
    expect(runSeed(3, { ...options, onlyFaults: enough }).violation?.rule).toBe(whole.violation?.rule);
    expect(shrink(3, { kind: 'chaos', intervalUs: 250_000 })).toBeUndefined();
  });

  test('the command that reproduces a failure names all that it depends on', () => {
    expect(commandFor(7, 'link', 250_000, [3, 7])).toBe(
      'npm run sim -- --from 7 --seeds 1 --kind link --interval-ms 250 --only-faults 3,7',
    );
  });

  test('a run that goes round in circles ends with a violation of its own', () => {
    const { schedule } = new World({ seed: 1, intervalUs: 250_000 });
    schedule.limits = { events: 1000, untilUs: 5_000_000 };
    schedule.at(6_000_000, () => undefined);
    expect(() => schedule.runUntil(7_000_000)).toThrow('does not end');
    schedule.limits = { ...schedule.limits, untilUs: 10_000_000 };
    const again = (): void => schedule.after(0, again);
    again();
    expect(() => schedule.runUntil(8_000_000)).toThrow('does not end');
  });

  test('the monitor sees two owners in the kernel', () => {
    const world = new World({ seed: 1, intervalUs: 250_000 });
    world.settle();
    world.monitor.ignored.add('lease containment');
    world.b.fence.arm(world.nowUs, 50_000);
    world.b.fence.act('open', world.nowUs, 1_000_000);
    expect(() => world.monitor.fenceExtended(world.b, false)).toThrow('two owners in the kernel');
  });

  test('the kernel’s fence opens only under a live sentinel, and extends only what is still open', () => {
    const { fence } = new World({ seed: 1, intervalUs: 250_000 }).a;
    expect(fence.act('open', 0, 1_000_000)).toBe(false);
    fence.arm(0, 48_000);
    expect(fence.act('open', 60_000, 1_000_000)).toBe(false);
    fence.arm(60_000, 48_000);
    expect(fence.act('refresh', 61_000, 1_000_000)).toBe(false);
    expect(fence.act('open', 61_000, 1_000_000)).toBe(true);
    expect(fence.act('refresh', 62_000, 1_000_000)).toBe(false);
    fence.arm(1_000_000, 48_000);
    expect(fence.act('refresh', 1_040_000, 1_000_000)).toBe(true);
    expect([fence.isOpen(2_030_000), fence.isOpen(2_041_000)]).toEqual([true, false]);
  });
});
