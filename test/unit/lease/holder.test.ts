import { nextDeadlineUs } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { GUARD_US, INTERVAL_US, INVITATION_US, type Machine, owner, PROMISE_US } from './machine.ts';

function fenceEndUs(machine: Machine): number {
  const { role } = machine.state;
  return role.name === 'active' || role.name === 'closing' ? role.fenceExpiresAtUs : Number.NaN;
}

describe('holder', () => {
  test('each ack lets the fence be refreshed, never to the lease’s very end (L2)', () => {
    const machine = owner();
    machine.pass(INTERVAL_US / 2);
    machine.acked();
    expect(machine.told('refresh-fence')).not.toHaveLength(0);
    expect(fenceEndUs(machine)).toBeLessThanOrEqual(machine.nowUs + 0.75 * PROMISE_US - GUARD_US);
  });

  test('without votes the fence is closed by its own end, and the vote goes back only then (L5)', () => {
    const machine = owner();
    machine.pass(INTERVAL_US);
    expect(machine.role).toBe('active');
    machine.pass(INTERVAL_US);
    expect(machine.role).toBe('backup');
    const order = machine.effects.map(({ type }) => type);
    expect(order.indexOf('close-fence')).toBeLessThan(order.indexOf('remove-addresses'));
    expect(order.indexOf('remove-addresses')).toBeLessThan(order.indexOf('send-release'));
  });

  test('a refresh that was not confirmed ends the ownership', () => {
    const machine = owner();
    machine.pass(INTERVAL_US / 2);
    machine.fence.open = 'refuse';
    machine.acked();
    expect(machine.role).toBe('backup');
    expect(machine.told('transition').map(({ cause }) => cause)).toContain('fence_lost');
  });

  test('an unconfirmed refresh may hold the fence open for its longest, before it counts as run out', () => {
    const machine = owner();
    machine.pass(INTERVAL_US / 2);
    machine.fence = { open: 'refuse', close: 'fail' };
    machine.acked();
    expect(machine.role).toBe('closing');
    machine.pass(1_550_000 + GUARD_US);
    expect(machine.role).toBe('closing');
    expect(machine.told('send-release')).toHaveLength(0);
    machine.pass(1_000_000);
    expect(machine.role).not.toBe('closing');
  });

  test('what was refreshed before a closing that fails counts until when the fence may be open', () => {
    const machine = owner();
    machine.pass(INTERVAL_US / 2);
    machine.fence.close = 'fail';
    machine.step({ type: 'clock-gap' });
    expect(machine.role).toBe('closing');
    const expiresAtUs = machine.nowUs + 1_450_000;
    machine.step({ type: 'fence-refreshed', expiresAtUs, restsOnWitness: false });
    expect(fenceEndUs(machine)).toBe(expiresAtUs);
    machine.step({ type: 'fence-refreshed', expiresAtUs: machine.nowUs + 10_000, restsOnWitness: false });
    expect(fenceEndUs(machine)).toBe(expiresAtUs);
    machine.pass(1_450_000 + GUARD_US);
    expect(machine.told('send-release')).toHaveLength(0);
  });

  test('a refresh that gained less than it could is not repeated at once', () => {
    const machine = owner();
    machine.pass(INTERVAL_US / 2);
    machine.acked();
    machine.forget();
    machine.step({ type: 'fence-refreshed', expiresAtUs: machine.nowUs + 100_000, restsOnWitness: false });
    expect(machine.told('refresh-fence')).toHaveLength(0);
    expect(nextDeadlineUs(machine.state)).toBeGreaterThan(machine.nowUs);
  });

  test('the owner advertises once an interval, whatever else happens', () => {
    const machine = owner();
    for (let beat = 0; beat < 20; beat++) {
      machine.acked();
      machine.pass(INTERVAL_US / 2 - 1000);
    }
    expect(machine.told('advertise')).toHaveLength(10);
  });

  test('advertisements missed in a pause are not made up for', () => {
    const machine = owner();
    machine.nowUs += 1.2 * INTERVAL_US;
    machine.acked();
    expect(machine.told('advertise').length).toBeLessThanOrEqual(1);
  });

  test('a planned stop hands over to a peer that is there, and answers it before it leaves', () => {
    const machine = owner();
    const { ballot } = machine;
    machine.hear('none', { counter: 0, node: '' });
    machine.step({ type: 'stop' });
    machine.pass(INVITATION_US);
    expect(machine.told('send-transfer')).toEqual([{ type: 'send-transfer', ballot, to: 'a' }]);
    expect(machine.told('send-release')).toHaveLength(0);
    expect(machine.role).toBe('leaving');
    machine.hear('requests', { counter: 20, node: 'a' });
    expect(machine.told('send-verdict')[0]?.verdict.kind).toBe('granted');
    machine.hear('owns', { counter: 20, node: 'a' });
    machine.pass(INTERVAL_US / 4);
    expect(machine.role).toBe('stopped');
    expect(nextDeadlineUs(machine.state)).toBe(Number.POSITIVE_INFINITY);
  });

  test('with nobody there it releases and is gone', () => {
    const machine = owner();
    machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
    machine.pass(0.5 * INTERVAL_US);
    machine.witnessGrants(machine.told('ask-witness')[0]?.ballot ?? { counter: 0, node: '' });
    machine.pass(2.5 * INTERVAL_US);
    machine.forget();
    machine.step({ type: 'stop' });
    expect(machine.told('send-transfer')).toHaveLength(0);
    expect(machine.told('send-release')).toHaveLength(1);
    expect(machine.role).toBe('stopped');
  });

  test('after a pause beyond its fence’s end an owner is none, whatever the event says that comes first', () => {
    const machine = owner();
    machine.nowUs += 5 * INTERVAL_US;
    machine.hear('owns', { counter: 0, node: 'a' });
    expect(machine.role).toBe('backup');
    expect(machine.told('announce')).toHaveLength(0);
  });

  test('a refresh that the kernel confirms after the former end has kept the fence open: the owner stays', () => {
    const machine = owner();
    machine.nowUs = fenceEndUs(machine) + 1;
    machine.step({ type: 'fence-refreshed', expiresAtUs: machine.nowUs + 1_000_000, restsOnWitness: false });
    expect(machine.role).toBe('active');
    expect(fenceEndUs(machine)).toBe(machine.nowUs + 1_000_000);
  });

  test('a lease that shrinks to normal promises is followed before fast kernel ticks could close the fence', () => {
    const machine = owner();
    machine.step({ type: 'fence-refreshed', expiresAtUs: machine.nowUs + 1_500_000, restsOnWitness: false });
    const { role } = machine.state;
    if (role.name !== 'active') throw new Error('not the owner');
    expect(role.fenceOpenUntilUs).toBeLessThan(machine.nowUs + 0.91 * 1_500_000);
  });
});
