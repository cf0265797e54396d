import {
  boundTo,
  currentLeaseEndUs,
  type DepartedVote,
  type FoundAtStart,
  type KeptPromise,
} from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { World } from '../../../agent/simulation/world.ts';
import { backup, INTERVAL_US, INVITATION_US, Machine, owner, PROMISE_US } from './machine.ts';

const A5 = { counter: 5, node: 'a' };
const B6 = { counter: 6, node: 'b' };
const SECOND_US = 1_000_000;
const FOREVER = Number.POSITIVE_INFINITY;
const KEPT: KeptPromise = { kind: 'departed', holder: 'a', ballot: A5, departure: B6 };
const RECENT_BOOT: FoundAtStart = { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } };

describe('the leaver (L17)', () => {
  test('votes for the owner, writes down that it does for good, tells it, and goes once that is noted', () => {
    const machine = backup();
    machine.step({ type: 'depart' });
    expect(machine.role).toBe('leaving');
    machine.hear('owns', A5);
    expect(machine.told('persist-promise')).toEqual([{ type: 'persist-promise', promise: KEPT }]);
    expect(machine.told('send-depart')).toHaveLength(0);
    machine.step({ type: 'promise-persisted', promise: KEPT });
    expect(machine.told('send-depart')).toEqual([{ type: 'send-depart', to: 'a', ballot: A5, departure: B6 }]);
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(FOREVER);
    machine.step({ type: 'departure-noted', from: 'a', departure: { counter: 4, node: 'b' } });
    expect(machine.role).toBe('leaving');
    machine.step({ type: 'departure-noted', from: 'a', departure: B6 });
    expect(machine.role).toBe('stopped');
    expect(machine.state.recorded).toMatchObject({ holder: 'a', endUs: null });
  });

  test('that owns hands over first', () => {
    const machine = owner();
    machine.hear('none', { counter: 0, node: '' });
    machine.step({ type: 'depart' });
    machine.pass(INVITATION_US);
    expect(machine.told('send-transfer')).toHaveLength(1);
    machine.hear('owns', { counter: 20, node: 'a' });
    expect(machine.told('persist-promise')[0]?.promise).toMatchObject({ kind: 'departed', holder: 'a' });
  });

  test('goes without, when nobody is there or the disk does not answer', () => {
    const alone = new Machine({}, RECENT_BOOT);
    alone.pass(1);
    alone.step({ type: 'depart' });
    expect(alone.role).toBe('stopped');
    const machine = backup();
    machine.step({ type: 'depart' });
    machine.pass(3 * SECOND_US);
    expect(machine.role).toBe('stopped');
  });

  test('that comes back acks the survivor, asks to join, and is free only by its answer', () => {
    const machine = new Machine({}, { ...RECENT_BOOT, promise: KEPT });
    machine.hear('owns', A5);
    expect(machine.told('send-verdict')[0]?.verdict.kind).toBe('granted');
    expect(machine.told('send-join')).toEqual([{ type: 'send-join', to: 'a', departure: B6 }]);
    machine.pass(3600 * SECOND_US);
    machine.step({ type: 'release', from: 'a', ballot: A5 });
    machine.step({ type: 'join', from: 'a', departure: { counter: 4, node: 'b' } });
    machine.step({ type: 'force-takeover' });
    expect(machine.role).toBe('backup');
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(FOREVER);
    machine.step({ type: 'join', from: 'a', departure: B6 });
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(machine.nowUs + PROMISE_US);
    expect(machine.told('forget-promise')).toHaveLength(1);
  });

  test.each([
    ['the survivor’s fence, which may rest on the departed vote', 100, 2_000],
    ['the survivor’s own, longer promise', 4_000, 4_000],
  ])('stays bound after the answer for %s', (_, promiseMs, boundMs) => {
    const machine = new Machine({ intervalUs: 0.1 * SECOND_US }, { ...RECENT_BOOT, promise: KEPT });
    machine.hear('owns', A5, { promiseMs });
    machine.step({ type: 'join', from: 'a', departure: B6 });
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(machine.nowUs + 1000 * boundMs);
  });

  test('gives no long promise before it has joined: its departure would be lost with it (bias)', () => {
    const policy = { name: 'bias', promiseMs: 60_000 } as const;
    const machine = new Machine({ policy }, { ...RECENT_BOOT, promise: KEPT });
    machine.pass(6 * SECOND_US);
    machine.hear('owns', A5, { witnessLost: true });
    expect(machine.told('send-verdict')[0]?.verdict.kind).toBe('granted');
    expect(machine.told('persist-promise')).toEqual([]);
  });

  test('takes an answer that comes once more for no question, or the two would answer each other for ever', () => {
    const machine = new Machine({}, { ...RECENT_BOOT, promise: KEPT });
    machine.hear('owns', A5);
    machine.step({ type: 'join', from: 'a', departure: B6 });
    machine.forget();
    machine.step({ type: 'join', from: 'a', departure: B6 });
    expect([...machine.told('send-join'), ...machine.told('persist-departed')]).toEqual([]);
  });

  test('join --force frees it without an answer', () => {
    const machine = new Machine({}, { ...RECENT_BOOT, promise: KEPT });
    machine.step({ type: 'force-join' });
    expect(machine.role).toBe('candidate');
    expect(machine.told('forget-promise')).toHaveLength(1);
  });
});

describe('the survivor (L17)', () => {
  const A9 = { counter: 9, node: 'a' };
  const COUNTS: DepartedVote = { voter: 'a', departure: A9, counts: true };

  test('counts the departed vote once that is written down, and never without', () => {
    const machine = owner();
    machine.step({ type: 'peer-departs', from: 'a', departure: A9 });
    expect(machine.told('persist-departed')).toEqual([{ type: 'persist-departed', departed: COUNTS }]);
    expect(currentLeaseEndUs(machine.state)).not.toBe(FOREVER);
    expect(machine.told('send-departed')).toHaveLength(0);
    machine.step({ type: 'departed-persisted', departed: COUNTS });
    expect(currentLeaseEndUs(machine.state)).toBe(FOREVER);
    expect(machine.told('send-departed')).toEqual([{ type: 'send-departed', to: 'a', departure: A9 }]);
    machine.forget();
    machine.pass(60 * SECOND_US);
    expect([machine.role, machine.told('ask-witness').length]).toEqual(['active', 0]);
  });

  test('owns with its own and the departed vote after a restart', () => {
    const machine = new Machine({}, { ...RECENT_BOOT, departed: COUNTS });
    machine.pass(3.6 * INTERVAL_US);
    expect(machine.role).toBe('active');
  });

  test('answers JOIN only once it lives on the returned one’s acks and has written that down', () => {
    const machine = owner();
    machine.step({ type: 'peer-departs', from: 'a', departure: A9 });
    machine.step({ type: 'departed-persisted', departed: COUNTS });
    machine.pass(60 * SECOND_US);
    machine.step({ type: 'join', from: 'a', departure: A9 });
    expect(machine.told('persist-departed')).toHaveLength(1);
    machine.acked();
    machine.step({ type: 'join', from: 'a', departure: A9 });
    const departed = { ...COUNTS, counts: false };
    expect(machine.told('persist-departed')[1]).toEqual({ type: 'persist-departed', departed });
    expect(currentLeaseEndUs(machine.state)).not.toBe(FOREVER);
    expect(machine.told('send-join')).toHaveLength(0);
    machine.step({ type: 'departed-persisted', departed });
    expect(machine.told('send-join')).toEqual([{ type: 'send-join', to: 'a', departure: A9 }]);
  });

  test('does not count a departure again of which it has answered JOIN, however late it hears of it', () => {
    const machine = owner();
    machine.step({ type: 'join', from: 'a', departure: A9 });
    machine.step({ type: 'departed-persisted', departed: { ...COUNTS, counts: false } });
    machine.forget();
    machine.step({ type: 'peer-departs', from: 'a', departure: A9 });
    machine.step({ type: 'peer-departs', from: 'a', departure: { counter: 8, node: 'a' } });
    expect(machine.told('persist-departed')).toHaveLength(0);
  });
});

describe('two agents and a witness (L17)', () => {
  test('one departs, the witness dies, and the other owns for an hour; then all is as before', () => {
    const world = new World({ seed: 7, intervalUs: 250_000 });
    world.settle();
    world.a.stop('depart');
    world.runFor(2 * SECOND_US);
    expect([world.owner, world.role('a')]).toEqual(['b', 'gone']);
    for (const node of ['a', 'b'] as const) world.cutBoth(node, 'w');
    expect(world.runUntil(() => world.owner !== 'b', 600 * SECOND_US, 10_000)).toBeUndefined();
    world.a.start();
    expect(world.runUntil(() => world.owner !== 'b', 20 * SECOND_US, 1000)).toBeUndefined();
    for (const node of ['a', 'b'] as const) world.mendBoth(node, 'w');
    world.b.crash();
    world.runFor(20 * SECOND_US);
    expect(world.owner).toBe('a');
  });

  test('a late answer to a departure that is over is not answered again, or two nodes would do so for ever', () => {
    const machine = new Machine({}, { ...RECENT_BOOT, promise: KEPT });
    machine.step({ type: 'join', from: 'a', departure: B6 });
    machine.step({ type: 'join', from: 'a', departure: B6 });
    expect(machine.told('send-join')).toHaveLength(0);
    expect(machine.told('persist-departed')).toHaveLength(0);
  });

  test('one departs, the other dies, the first returns: only join --force lets it own', () => {
    const world = new World({ seed: 7, intervalUs: 250_000 });
    world.settle();
    world.a.stop('depart');
    world.runFor(2 * SECOND_US);
    world.b.crash();
    world.a.start();
    world.runFor(60 * SECOND_US);
    expect(world.owner).toBeUndefined();
    world.a.forceJoin();
    world.runFor(5 * SECOND_US);
    expect(world.owner).toBe('a');
  });
});
