import { describe, expect, test } from 'vitest';
import { GROUP, World } from '../../../agent/simulation/world.ts';
import { INTERVAL_US, Machine } from './machine.ts';

const SECOND_US = 1_000_000;
const B1 = { counter: 1, node: 'b' };

/** b of three agents, whose witness has no vote. */
function candidateOfThree(): Machine {
  const machine = new Machine({ peers: ['a', 'c'] }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
  machine.pass(3.5 * INTERVAL_US);
  expect([machine.role, machine.ballot]).toEqual(['candidate', B1]);
  machine.forget();
  return machine;
}

describe('three to five agents', () => {
  test('where their number is odd the witness is never asked, and its vote would not count', () => {
    const machine = candidateOfThree();
    machine.witnessGrants(B1);
    machine.pass(INTERVAL_US);
    expect(machine.told('ask-witness')).toHaveLength(0);
    expect(machine.role).toBe('candidate');
    machine.acked();
    expect(machine.role).toBe('active');
  });

  test('of two candidates the lower ballot yields and gives its vote; the higher one does not', () => {
    const machine = candidateOfThree();
    machine.hear('requests', { counter: 1, node: 'a' });
    expect(machine.role).toBe('candidate');
    machine.hear('requests', { counter: 2, node: 'a' });
    expect(machine.role).toBe('backup');
    expect(machine.told('send-release')).toHaveLength(1);
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
  });

  test('after a RELEASE the one with the highest priority stands first', () => {
    const machine = new Machine({ peers: ['a', 'c'] }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    machine.hear('owns', { counter: 5, node: 'a' });
    machine.step({ type: 'release', from: 'a', ballot: { counter: 5, node: 'a' } });
    expect(machine.role).toBe('backup');
    machine.pass(machine.state.config.skewUs);
    expect(machine.role).toBe('candidate');
  });

  test.each([3, 4, 5])('%i agents: one owner, a handover, and the loss of one', (agents) => {
    const world = new World({ seed: 7, intervalUs: 250_000, agents });
    world.settle();
    expect(world.owner).toBe('a');
    world.a.stop();
    world.runFor(5 * SECOND_US);
    const second = world.owner;
    expect(second).not.toBe('a');
    expect(second).toBeDefined();
    world.a.start();
    world.runFor(5 * SECOND_US);
    world.receiver(second ?? '')?.crash();
    world.runFor(10 * SECOND_US);
    expect(world.owner).toBeDefined();
    expect(world.owner).not.toBe(second);
  });

  test('a part without a majority owns nothing, however long it is alone', () => {
    const world = new World({ seed: 7, intervalUs: 250_000, agents: 5 });
    world.settle();
    for (const left of ['a', 'b'] as const) for (const right of ['c', 'd', 'e'] as const) world.cutBoth(left, right);
    world.runFor(10 * SECOND_US);
    expect(['c', 'd', 'e']).toContain(world.owner);
    world.runFor(60 * SECOND_US);
    expect(['active', 'closing']).not.toContain(world.role('a'));
    expect(world.witness.holder(GROUP)).toBeUndefined();
  });
});
