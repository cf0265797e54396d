import { describe, expect, test } from 'vitest';
import { World } from '../../../agent/simulation/world.ts';

const INTERVAL_US = 250_000;

function settled(agents = 2): World {
  const world = new World({ seed: 7, intervalUs: INTERVAL_US, agents, preemptDelayUs: undefined });
  world.settle();
  expect(world.owner).toBe('a');
  return world;
}

describe('the guardian of an engine that dies alone', () => {
  test('hands over within an interval, and while the witness is down too', () => {
    const world = settled();
    for (const node of world.nodes) world.cutBoth(node, 'w');
    world.a.crashEngine();
    expect(world.runUntil(() => world.owner === 'b', INTERVAL_US, 1000)).toBeDefined();
    expect(world.a.lastWord).toBe('b');
  });

  test('starts a new engine, which goes on as a backup of the one that was voted for', () => {
    const world = settled();
    const { incarnation } = world.a;
    world.a.crashEngine();
    world.runFor(2_000_000);
    expect(world.a.incarnation).toBe(incarnation + 2);
    expect([world.role('a'), world.owner]).toEqual(['backup', 'b']);
  });

  test('says nothing for a backup: its vote is not its own', () => {
    const world = settled();
    world.b.crashEngine();
    world.runFor(2_000_000);
    expect(world.b.lastWord).toBeUndefined();
    expect([world.role('b'), world.owner, world.monitor.moves]).toEqual(['backup', 'a', 0]);
  });

  test('frozen, it leaves the fence to run out by itself, and is still believed by nobody else’s leave', () => {
    const world = settled();
    world.a.crashEngine();
    world.a.guardian.pause(20_000_000);
    world.runFor(10_000_000);
    expect(world.owner).toBe('b');
    expect(world.a.running).toBe(false);
    world.runFor(15_000_000);
    expect([world.role('a'), world.owner, world.monitor.moves]).toEqual(['backup', 'b', 1]);
  });
});
