import { boundTo, type KeptPromise, ownsUnprotected, type Policy } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { World } from '../../../agent/simulation/world.ts';
import { INTERVAL_US, Machine, PROMISE_US } from './machine.ts';

const A5 = { counter: 5, node: 'a' };
const SECOND_US = 1_000_000;
const BIAS: Policy = { name: 'bias', promiseMs: 60_000 };
const KEPT: KeptPromise = { kind: 'bias', holder: 'a', ballot: A5, durationUs: 60 * SECOND_US };

/** b, which has not reached the witness for as long as it has run, and hears a say the same. */
function cutOffBackup(): Machine {
  const machine = new Machine({ policy: BIAS }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
  machine.pass(5 * SECOND_US);
  machine.hear('owns', A5, { witnessLost: true });
  return machine;
}

function promised(machine: Machine): number | undefined {
  const verdict = machine.told('send-verdict').at(-1)?.verdict;
  return verdict?.kind === 'granted' ? verdict.promiseMs : undefined;
}

describe('policy bias', () => {
  test('a long promise is given only once it is on disk', () => {
    const machine = cutOffBackup();
    expect(machine.told('persist-promise')).toEqual([{ type: 'persist-promise', promise: KEPT }]);
    expect(promised(machine)).toBe(PROMISE_US / 1000);
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.hear('owns', A5, { witnessLost: true });
    expect(promised(machine)).toBe(60_000);
  });

  test('one write covers all its renewals', () => {
    const machine = cutOffBackup();
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.forget();
    for (let beat = 0; beat < 100; beat++) {
      machine.hear('owns', A5, { witnessLost: true });
      machine.pass(INTERVAL_US / 2);
    }
    expect(machine.told('persist-promise')).toHaveLength(0);
    expect(machine.told('record-register').length).toBeLessThan(10);
  });

  test.each([
    ['the owner still reaches the witness', { witnessLost: false, reachable: false }],
    ['the backup still reaches the witness', { witnessLost: true, reachable: true }],
  ])('none is given while %s', (_, { witnessLost, reachable }) => {
    const machine = new Machine({ policy: BIAS }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    machine.step({ type: 'witness-reachable', reachable });
    machine.pass(8 * SECOND_US);
    machine.hear('owns', A5, witnessLost ? { witnessLost: true } : {});
    expect(machine.told('persist-promise')).toHaveLength(0);
    expect(promised(machine)).toBe(PROMISE_US / 1000);
  });

  test('the witness counts as lost after 5 s, and at once no longer', () => {
    const machine = new Machine({ policy: BIAS }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    machine.pass(5 * SECOND_US - 1);
    machine.hear('owns', A5, { witnessLost: true });
    expect(machine.told('persist-promise')).toHaveLength(0);
    machine.pass(1);
    machine.hear('owns', A5, { witnessLost: true });
    expect(machine.told('persist-promise')).toHaveLength(1);
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.step({ type: 'witness-reachable', reachable: true });
    machine.hear('owns', A5, { witnessLost: true });
    expect(promised(machine)).toBe(PROMISE_US / 1000);
  });

  test('it is restored in full after a reboot, and its holder is acked even in the quarantine', () => {
    const machine = new Machine({ policy: BIAS }, { register: { kind: 'nothing' }, promise: KEPT });
    machine.hear('owns', A5);
    expect(promised(machine)).toBe(PROMISE_US / 1000);
    machine.pass(60 * SECOND_US - 1);
    expect(machine.role).toBe('backup');
    machine.pass(1);
    expect(machine.role).toBe('candidate');
    expect(machine.told('forget-promise')).toHaveLength(1);
  });

  test('a challenger leaves the witness alone while its own vote is bound for longer than a normal promise (L18)', () => {
    const machine = cutOffBackup();
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.hear('owns', A5, { witnessLost: true });
    machine.step({ type: 'witness-reachable', reachable: true });
    machine.forget();
    machine.pass(60 * SECOND_US - PROMISE_US - 1);
    expect(machine.told('ask-witness')).toHaveLength(0);
    machine.pass(1);
    expect(machine.told('ask-witness')).toHaveLength(1);
  });

  test('a release ends it, on disk too', () => {
    const machine = cutOffBackup();
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.hear('owns', A5, { witnessLost: true });
    machine.step({ type: 'release', from: 'a', ballot: A5 });
    expect(machine.role).toBe('candidate');
    expect(machine.told('forget-promise')).toHaveLength(1);
  });

  test('takeover --force frees the own vote, and only that: without another vote nobody owns', () => {
    const machine = cutOffBackup();
    machine.step({ type: 'promise-persisted', promise: KEPT });
    machine.hear('owns', A5, { witnessLost: true });
    machine.step({ type: 'force-takeover' });
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('b');
    expect(machine.told('transition').at(-1)).toMatchObject({ to: 'candidate', cause: 'forced' });
    expect(machine.told('open-fence')).toHaveLength(0);
    const ballot = machine.ballot ?? A5;
    machine.witnessGrants(ballot);
    expect(machine.role).toBe('active');
  });

  test('the witness lost, then the link cut: the owner stays for three quarters of the promise, then nobody until the link is back', () => {
    const world = new World({ seed: 7, intervalUs: 250_000, policy: BIAS });
    world.settle();
    for (const node of ['a', 'b'] as const) world.cutBoth(node, 'w');
    world.runFor(10 * SECOND_US);
    world.cutBoth('a', 'b');
    expect(world.runUntil(() => world.owner !== 'a', 43 * SECOND_US, 1000)).toBeUndefined();
    expect(world.runUntil(() => world.owner === undefined, 3 * SECOND_US, 1000)).toBeDefined();
    world.mendBoth('a', 'b');
    expect(world.runUntil(() => world.owner !== undefined, 3 * SECOND_US, 1000)).toBeDefined();
  });

  test('a backup that departed during a long outage of the witness and is back: its long promise counts no more (L17)', () => {
    const world = new World({ seed: 7, intervalUs: 250_000, policy: BIAS });
    world.settle();
    for (const node of ['a', 'b'] as const) world.cutBoth(node, 'w');
    world.runFor(10 * SECOND_US);
    world.b.stop('depart');
    world.runFor(2 * SECOND_US);
    expect(world.role('b')).toBe('gone');
    world.b.start();
    world.runFor(3 * SECOND_US);
    expect(world.role('b')).toBe('backup');
    // a alone reaches nobody; b has the witness.
    world.cutBoth('a', 'b');
    world.mendBoth('b', 'w');
    expect(world.runUntil(() => world.owner === 'b', 30 * SECOND_US, 1000)).toBeDefined();
    world.runFor(60 * SECOND_US);
    expect(world.owner).toBe('b');
  });

  test('takeover --force: the former owner that comes back is backup, for the higher ballot wins (L8)', () => {
    const world = new World({ seed: 7, intervalUs: 250_000, policy: BIAS });
    world.settle();
    for (const node of ['a', 'b'] as const) world.cutBoth(node, 'w');
    world.runFor(10 * SECOND_US);
    world.a.crash();
    for (const node of ['a', 'b'] as const) world.mendBoth(node, 'w');
    world.runFor(10 * SECOND_US);
    expect(world.owner).toBeUndefined();
    world.b.forceTakeover();
    world.runFor(SECOND_US);
    expect(world.owner).toBe('b');
    world.a.start();
    world.runFor(15 * SECOND_US);
    expect([world.owner, world.role('a')]).toEqual(['b', 'backup']);
  });
});

describe('policy available', () => {
  function alone(): Machine {
    const machine = new Machine({ policy: { name: 'available' } });
    beats(machine, 10 * SECOND_US + 3.5 * INTERVAL_US);
    return machine;
  }

  /** Time passes, and nobody answers the heartbeats. */
  function beats(machine: Machine, durationUs: number): void {
    const endUs = machine.nowUs + durationUs;
    while (machine.nowUs < endUs) {
      machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
      machine.pass(Math.min(INTERVAL_US / 2, endUs - machine.nowUs));
    }
  }

  test('a candidate that hears nobody owns by its own vote after an interval, and says that it is unprotected', () => {
    const machine = alone();
    expect(machine.role).toBe('candidate');
    beats(machine, INTERVAL_US);
    expect(machine.role).toBe('active');
    expect(ownsUnprotected(machine.state, machine.nowUs)).toBe(true);
    beats(machine, 20 * SECOND_US);
    expect(machine.role).toBe('active');
  });

  test('a candidate whose peer is there, or which the witness refuses for another holder, does not', () => {
    const heard = alone();
    heard.hear('none', { counter: 0, node: '' });
    heard.pass(INTERVAL_US);
    expect(heard.role).not.toBe('active');
    const refused = alone();
    const highest = { counter: 0, node: '' };
    refused.step({ type: 'witness-refused', reason: 'bound', remainingMs: 5000, highest, holder: 'a' });
    refused.pass(INTERVAL_US);
    expect(refused.role).not.toBe('active');
  });

  test('an owner that loses its votes goes on', () => {
    const machine = alone();
    machine.acked();
    expect([machine.role, ownsUnprotected(machine.state, machine.nowUs)]).toEqual(['active', false]);
    beats(machine, 10 * SECOND_US);
    expect([machine.role, ownsUnprotected(machine.state, machine.nowUs)]).toEqual(['active', true]);
  });

  test('the fence is open for no longer than the peer waits after the last heartbeat, with the votes and without', () => {
    for (const machine of [new Machine({ policy: { name: 'available' } }), alone()]) {
      beats(machine, 20 * SECOND_US);
      machine.acked();
      beats(machine, INTERVAL_US / 2);
      for (const { leaseEndUs } of machine.told('refresh-fence'))
        expect(leaseEndUs).toBeLessThan(machine.nowUs + 2 * INTERVAL_US);
      // It has stood still, as far as anybody heard.
      machine.pass(2 * INTERVAL_US);
      expect(machine.role).toBe('backup');
    }
  });

  test('of two owners the one with the higher ballot stays (L8)', () => {
    const machine = alone();
    beats(machine, INTERVAL_US);
    machine.hear('owns', { counter: 99, node: 'a' });
    expect(machine.role).toBe('backup');
  });
});
