import { describe, expect, test } from 'vitest';
import { runSeed } from '../../sim/run-seed.ts';
import { World } from '../../sim/world.ts';

const FIXED = 300;
const FRESH = 60;

function failuresOf(first: number, count: number): string[] {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const { violation, kind, intervalUs } = runSeed(seed);
    if (violation === undefined) continue;
    const how = `node test/sim/run.ts --from ${seed} --seeds 1`;
    failures.push(`seed ${seed} (${kind}, ${intervalUs / 1000} ms): ${violation.message}; see it with ${how}`);
  }
  return failures;
}

describe('simulation', () => {
  test(`${FIXED} seeds: never two owners, always one in the end`, { timeout: 240_000 }, () => {
    expect(failuresOf(1, FIXED)).toEqual([]);
  });

  const base = Math.floor(Math.random() * 1e9);
  test(`${FRESH} fresh seeds from ${base} on`, { timeout: 120_000 }, () => {
    expect(failuresOf(base, FRESH)).toEqual([]);
  });

  test('a seed reproduces its run to the last event', () => {
    const [once, again] = [runSeed(4), runSeed(4)];
    expect(again).toEqual(once);
    expect(once.events).toBeGreaterThan(1000);
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
