import { describe, expect, test } from 'vitest';
import type { SidebandDatagram } from '../../../agent/simulation/messages.ts';
import { World } from '../../../agent/simulation/world.ts';
import { backup, Machine } from './machine.ts';

// Courses of events that the simulator meets too seldom. Two owners in its kernel throw.

const SECOND_US = 1_000_000;
const INTERVAL_US = 250_000;
const BIAS = { name: 'bias', promiseMs: 60_000 } as const;
const A5 = { counter: 5, node: 'a' };

describe('a departure (L17)', () => {
  test('that the survivor has never heard of ends what was promised before it, once JOIN is answered (bias)', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US, policy: BIAS });
    world.settle();
    for (const node of ['a', 'b'] as const) world.cutBoth(node, 'w');
    world.runFor(10 * SECOND_US);
    world.cut('b', 'a');
    world.b.stop('depart');
    world.runFor(4 * SECOND_US);
    world.mend('b', 'a');
    world.b.start();
    world.runFor(3 * SECOND_US);
    expect([world.owner, world.role('b')]).toEqual(['a', 'backup']);
    world.cutBoth('a', 'b');
    world.mendBoth('b', 'w');
    world.runFor(30 * SECOND_US);
    expect(world.owner).toBe('b');
  });

  test('the same after a guardian’s vote of 10 s (safe)', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US });
    world.settle();
    world.cutBoth('b', 'w');
    world.a.crashEngine();
    world.runUntil(() => world.owner === 'b', SECOND_US, 1000);
    world.runUntil(() => world.role('a') === 'backup', SECOND_US, 1000);
    world.runFor(200_000);
    world.a.stop('depart');
    world.cut('a', 'b');
    world.runUntil(() => world.a.disk.content.includes('departed'), SECOND_US, 100);
    world.a.crash();
    world.mend('a', 'b');
    world.a.start();
    world.runFor(SECOND_US);
    world.cutBoth('a', 'b');
    world.runFor(10 * SECOND_US);
    expect(world.owner).toBe('a');
  });

  test('does not bind for ever by its record in run_dir, once JOIN has ended it', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US });
    world.settle();
    world.b.stop('depart');
    world.runFor(4 * SECOND_US);
    world.b.start();
    world.runFor(10 * SECOND_US);
    world.b.crash();
    world.b.start();
    world.runFor(5 * SECOND_US);
    world.a.crash();
    world.runFor(60 * SECOND_US);
    expect(world.owner).toBe('b');
  });

  test('under way is not driven out by a long promise, nor the other way round (bias)', () => {
    const machine = new Machine({ policy: BIAS }, { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } });
    const hearOwner = (): void => machine.hear('owns', A5, { witnessLost: true });
    machine.hear('owns', A5);
    for (let beat = 0; beat < 9; beat += 1) {
      machine.pass(500_000);
      hearOwner();
    }
    machine.pass(490_000);
    machine.step({ type: 'depart' });
    for (let beat = 0; beat < 5; beat += 1) {
      hearOwner();
      machine.pass(500_000);
    }
    expect(new Set(machine.told('persist-promise').map(({ promise }) => JSON.stringify(promise))).size).toBe(1);
  });
});

describe('a vote for an invited successor', () => {
  test('that comes after the owner has owned again frees nothing', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US, rates: { a: 1.08, b: 0.92 } });
    world.settle();
    const receive = world.b.receive.bind(world.b);
    world.b.receive = (datagram: SidebandDatagram, heardIn?: number) => {
      const { body } = datagram;
      if (body.kind === 'transfer') return;
      if (body.kind === 'ack' && body.verdict.kind === 'granted')
        world.schedule.after(2.5 * INTERVAL_US, () => receive(datagram, heardIn));
      else receive(datagram, heardIn);
    };
    world.b.hearAdvertisement = () => {};
    world.a.handOver('b');
    expect(world.runUntil(() => world.owner === undefined, SECOND_US, 100)).toBeDefined();
    world.runFor(2 * INTERVAL_US);
    world.a.hearAdvertisement(0);
    world.runFor(2 * SECOND_US);
  });

  test('counts for nothing once this node has voted for a later ballot', () => {
    const machine = backup();
    machine.hear('owns', A5);
    machine.step({ type: 'invite', from: 'a', ballot: A5 });
    const sentAtUs = machine.nowUs;
    const { ballot } = machine.claim();
    machine.pass(2_350_000);
    machine.hear('owns', { counter: ballot.counter + 1, node: 'a' });
    machine.pass(50_000);
    const verdict = { kind: 'granted', group: 'edge', ballot, promiseMs: 2500 } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.state.register.bound?.holder).toBe('a');
  });
});

test.each(['b', 'c'] as const)(
  'of three agents a and %s do not hear each other: a goes on by the third (L10)',
  (other) => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US, agents: 3 });
    world.settle();
    world.cutBoth('a', other);
    expect(world.runUntil(() => world.owner !== 'a', 60 * SECOND_US, 1000)).toBeUndefined();
  },
);

test('a ballot that was released before the start is passed in one step (L5)', () => {
  const record = { holder: null, ballot: A5, endUs: 0, highestGranted: A5, released: { counter: 50_000, node: 'a' } };
  const machine = new Machine({}, { register: { kind: 'recorded', record } });
  machine.pass(10 * SECOND_US);
  expect(machine.state.highestSeen.counter).toBeGreaterThan(50_000);
});
