import { describe, expect, test } from 'vitest';
import { backup, CONFIG, INTERVAL_US, Machine, PROMISE_US } from './machine.ts';

const FITNESS = { priority: 50, skewUs: 0.8 * INTERVAL_US, unfit: undefined };
const FASTER = { ...CONFIG, intervalUs: INTERVAL_US / 4, priority: 50, skewUs: FITNESS.skewUs };

function owner(): Machine {
  const machine = new Machine();
  machine.pass(10_000_000 + 3.5 * INTERVAL_US);
  machine.acked();
  if (machine.role !== 'active') throw new Error(`it is ${machine.role}`);
  machine.forget();
  return machine;
}

describe('a node that goes over to another configuration of the same identity', () => {
  test('owns on with its ballot, and says so', () => {
    const machine = owner();
    const { ballot } = machine;
    machine.step({ type: 'configured', config: FASTER, fitness: FITNESS });
    expect([machine.role, machine.ballot]).toEqual(['active', ballot]);
    expect(machine.told('transition')).toEqual([]);
    expect(machine.told('send-heartbeat')).not.toHaveLength(0);
    expect(machine.claim()).toMatchObject({ kind: 'owns', priority: 50, promiseMs: (2.5 * INTERVAL_US) / 4 / 1000 });
    machine.forget();
    machine.pass(INTERVAL_US / 4);
    expect(machine.told('advertise')).toHaveLength(1);
  });

  test('is bound by what it has promised before, for as long as it has (L1)', () => {
    const machine = backup();
    machine.hear('owns', { counter: 5, node: 'a' });
    const { register } = machine.state;
    machine.step({ type: 'configured', config: FASTER, fitness: FITNESS });
    expect(machine.state.register).toEqual(register);
    machine.hear('owns', { counter: 5, node: 'a' }, { promiseMs: PROMISE_US / 4 / 1000 });
    expect(machine.state.register.bound?.untilUs).toBe(register.bound?.untilUs);
  });

  test('and it may not own any more hands over', () => {
    const machine = owner();
    machine.step({ type: 'configured', config: CONFIG, fitness: { ...FITNESS, unfit: 'check_failed' } });
    machine.pass(INTERVAL_US);
    expect(machine.role).not.toBe('active');
  });

  test('never becomes another group', () => {
    const other = { ...CONFIG, group: 'core' };
    expect(() => owner().step({ type: 'configured', config: other, fitness: FITNESS })).toThrow('another one');
  });
});
