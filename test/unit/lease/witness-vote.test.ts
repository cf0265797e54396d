import type { MemberConfig } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, INVITATION_US, Machine, owner } from './machine.ts';

/** An owner whose peer is late: the witness has granted its vote, and the refresh on the strength of that waits. */
function restingOnTheWitnessSoon(): Machine {
  const machine = owner();
  machine.pass(0.3 * INTERVAL_US);
  machine.refreshesLater = true;
  machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
  machine.pass(0.25 * INTERVAL_US);
  machine.forget();
  if (machine.ballot !== undefined) machine.witnessGrants(machine.ballot);
  return machine;
}

const SHORT_US = 100_000;
const SHORT_PROMISE_US = 2.5 * SHORT_US;
/** A lone node at an interval at which a candidacy is over before a busy witness answers; it has just asked. */
function asking(config: Partial<MemberConfig> = {}): Machine {
  const machine = new Machine({ intervalUs: SHORT_US, skewUs: 0.5 * SHORT_US, ...config });
  machine.step({ type: 'witness-reachable', reachable: true });
  machine.pass(10_000_000 + 3.5 * SHORT_US);
  expect(machine.told('ask-witness')).toMatchObject([{ ballot: { counter: 1, node: 'b' } }]);
  expect(machine.role).toBe('candidate');
  machine.forget();
  return machine;
}

describe('the witness’s vote', () => {
  test('an owner whose acks are in time never asks', () => {
    const machine = owner();
    for (let beat = 0; beat < 200; beat++) {
      machine.acked(2500, 100_000);
      machine.pass(INTERVAL_US / 2 - 100_000);
    }
    expect(machine.told('ask-witness')).toHaveLength(0);
    expect(machine.told('release-witness')).toHaveLength(0);
  });

  test('the owner asks when an ack is 0.2 intervals late (L18)', () => {
    const machine = owner();
    machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
    machine.pass(0.2 * INTERVAL_US - 1);
    expect(machine.told('ask-witness')).toHaveLength(0);
    machine.pass(1);
    expect(machine.told('ask-witness')).toMatchObject([{ ballot: machine.ballot, promiseMs: 5000 }]);
  });

  test('a challenger asks 1.2 intervals after the last heartbeat, and no earlier (L18)', () => {
    const machine = backup();
    machine.pass(1.2 * INTERVAL_US - 1);
    expect(machine.told('ask-witness')).toHaveLength(0);
    machine.pass(1);
    expect(machine.told('ask-witness')).toHaveLength(1);
    expect(machine.role).toBe('backup');
  });

  test('what the witness gave while the down timer ran opens the fence when it fires, without another round trip', () => {
    const machine = backup();
    machine.pass(1.2 * INTERVAL_US);
    machine.witnessGrants({ counter: 6, node: 'b' });
    machine.pass(2.3 * INTERVAL_US);
    expect(machine.role).toBe('active');
    expect(machine.ballot).toEqual({ counter: 6, node: 'b' });
  });

  test('a vote that is needed is renewed each second, after a minute every two', () => {
    const machine = owner();
    machine.pass(0.5 * INTERVAL_US);
    machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
    const asksIn = (seconds: number): number => {
      machine.forget();
      for (let beat = 0; beat < 10 * seconds; beat++) {
        machine.pass(100_000);
        if (machine.ballot !== undefined) machine.witnessGrants(machine.ballot);
      }
      return machine.told('ask-witness').length;
    };
    expect(asksIn(20)).toBeGreaterThanOrEqual(19);
    expect(machine.role).toBe('active');
    asksIn(45);
    expect(asksIn(20)).toBe(10);
  });

  test('it goes back as soon as the peer votes again, but never while the fence still rests on it (L12)', () => {
    const machine = owner();
    machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
    machine.pass(0.25 * INTERVAL_US);
    if (machine.ballot !== undefined) machine.witnessGrants(machine.ballot);
    machine.pass(0.5 * INTERVAL_US);
    machine.fence.open = 'lease_too_short';
    machine.forget();
    machine.acked();
    machine.pass(0.1 * INTERVAL_US);
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.fence.open = 'confirm';
    machine.acked();
    machine.pass(0.1 * INTERVAL_US);
    expect(machine.told('release-witness')).toHaveLength(1);
    const { role, peers } = machine.state;
    expect(role.name === 'active' && role.fenceExpiresAtUs).toBeLessThanOrEqual(peers.a?.voteUntilUs ?? 0);
  });

  test('it does not go back while a refresh waits that was asked for on the strength of it (L12)', () => {
    const machine = restingOnTheWitnessSoon();
    expect(machine.told('refresh-fence')).toMatchObject([{ restsOnWitness: true }]);
    const restsUs = machine.told('refresh-fence')[0]?.leaseEndUs ?? 0;
    machine.acked(2500, 0);
    expect(machine.state.witness.returning).toBe(true);
    machine.pass(0.05 * INTERVAL_US);
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.pass(0.1 * INTERVAL_US);
    expect(machine.told('refresh-fence').at(-1)).toMatchObject({ restsOnWitness: false });
    expect(machine.told('refresh-fence').at(-1)?.leaseEndUs).toBeLessThan(restsUs);
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.refresh();
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('it does not go back when what was refreshed meanwhile is the lease that still counted it (L12)', () => {
    const machine = restingOnTheWitnessSoon();
    machine.acked(2500, 0);
    expect(machine.state.witness.returning).toBe(true);
    machine.refresh();
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.pass(0.15 * INTERVAL_US);
    machine.refresh();
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('it does not go back while a fence that rested on it cannot be closed (L5, L12)', () => {
    const machine = owner();
    machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
    machine.pass(0.25 * INTERVAL_US);
    if (machine.ballot !== undefined) machine.witnessGrants(machine.ballot);
    machine.pass(1.5 * INTERVAL_US);
    machine.forget();
    machine.fence.close = 'fail';
    machine.step({ type: 'stop' });
    machine.pass(INVITATION_US);
    expect(machine.role).toBe('closing');
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.fence.close = 'confirm';
    machine.pass(20_000);
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('what was given back never lives again: the owner asks anew under a higher ballot (L5)', () => {
    const machine = owner();
    const late = (): void => {
      machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
      machine.pass(0.2 * INTERVAL_US);
    };
    late();
    const first = machine.ballot;
    machine.acked();
    machine.pass(0.1 * INTERVAL_US);
    expect(machine.told('release-witness')).toMatchObject([{ ballot: first }]);
    machine.forget();
    late();
    expect(machine.told('ask-witness')[0]?.ballot.counter).toBe((first?.counter ?? 0) + 1);
    expect(machine.role).toBe('active');
  });

  test('an answer that takes longer than one candidacy is in time for the next, which asks nothing again', () => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US + 1.5 * SHORT_US);
    expect(machine.role).toBe('candidate');
    expect(machine.ballot).toEqual({ counter: 1, node: 'b' });
    // Come late, it would free what is granted to the same ballot by then (L5).
    expect(machine.told('send-release')).toHaveLength(0);
    expect(machine.told('release-witness')).toHaveLength(0);
    expect(machine.told('ask-witness')).toHaveLength(0);
    machine.witnessGrants({ counter: 1, node: 'b' });
    expect(machine.role).toBe('active');
  });

  test('an answer that comes between two candidacies is kept for the second', () => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US);
    expect(machine.role).toBe('backup');
    machine.witnessGrants({ counter: 1, node: 'b' });
    expect(machine.role).toBe('backup');
    machine.pass(1.5 * SHORT_US);
    expect(machine.role).toBe('active');
    expect(machine.told('release-witness')).toHaveLength(0);
  });

  test('between two candidacies it goes back once an owner is heard, and what comes then counts for nothing', () => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US);
    machine.hear('owns', { counter: 5, node: 'a' });
    expect(machine.told('release-witness')).toMatchObject([{ ballot: { counter: 1, node: 'b' } }]);
    machine.witnessGrants({ counter: 1, node: 'b' });
    machine.pass(1.1 * SHORT_US);
    expect(machine.role).toBe('backup');
    expect(machine.state.witness.voteUntilUs).toBe(Number.NEGATIVE_INFINITY);
  });

  test('where a peer is heard nothing waits for it: the next candidacy has a ballot that the peer can vote for', () => {
    const machine = asking();
    machine.hear('requests', { counter: 1, node: 'a' });
    machine.pass(SHORT_PROMISE_US);
    expect(machine.told('release-witness')).toHaveLength(1);
    machine.pass(1.5 * SHORT_US);
    expect(machine.ballot).toEqual({ counter: 2, node: 'b' });
  });

  test('between two candidacies it goes back from a node that may not own', () => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US);
    machine.step({ type: 'fitness', fitness: { ...machine.state.fitness, unfit: 'maintenance' } });
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test.for<[string, (machine: Machine) => void]>([
    ['an advertisement moves the time to stand', (machine) => machine.step({ type: 'advertisement', priority: 100 })],
    [
      'a peer gets this node’s vote',
      (machine) => machine.hear('requests', { counter: 2, node: 'a' }, { promiseMs: SHORT_PROMISE_US / 1000 }),
    ],
    ['a pause moves the time to stand', (machine) => machine.step({ type: 'clock-gap' })],
  ])('between two candidacies it goes back when %s', ([, happens]) => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US);
    machine.witnessGrants({ counter: 1, node: 'b' });
    expect(machine.told('release-witness')).toHaveLength(0);
    happens(machine);
    expect(machine.told('release-witness')).toMatchObject([{ ballot: { counter: 1, node: 'b' } }]);
  });

  test('between two candidacies it goes back when a peer turns out to go by another configuration', () => {
    const machine = asking();
    machine.pass(SHORT_PROMISE_US);
    machine.witnessGrants({ counter: 1, node: 'b' });
    machine.hear('none', { counter: 0, node: 'a' }, { configHash: '00000000000000bb' });
    machine.pass(1.5 * SHORT_US);
    expect(machine.role).toBe('backup');
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('nobody waits for a witness that is out of reach', () => {
    const machine = asking();
    machine.step({ type: 'witness-reachable', reachable: false });
    machine.pass(SHORT_PROMISE_US);
    expect(machine.told('release-witness')).toHaveLength(1);
    expect(machine.told('send-release')).toHaveLength(1);
  });

  test('where the witness’s vote is not enough nothing waits for it', () => {
    const machine = asking({ peers: ['a', 'c', 'd'] });
    machine.pass(SHORT_PROMISE_US);
    expect(machine.told('release-witness')).toHaveLength(1);
    expect(machine.told('send-release')).toHaveLength(1);
  });

  test('an answer is waited for as long as the witness may take the request for fresh (L13)', () => {
    const machine = asking();
    machine.pass(1_999_999);
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.pass(SHORT_PROMISE_US + 1.5 * SHORT_US);
    expect(machine.told('release-witness')).toMatchObject([{ ballot: { counter: 1, node: 'b' } }]);
    expect(machine.told('send-release')).toMatchObject([{ ballot: { counter: 1, node: 'b' } }]);
    machine.pass(1.5 * SHORT_US);
    expect(machine.ballot).toEqual({ counter: 2, node: 'b' });
  });

  test('a candidacy that the witness has refused gives the request back with everything else (L1)', () => {
    const machine = asking();
    machine.witnessRefuses('bound', { counter: 0, node: '' }, 5_000);
    machine.pass(SHORT_PROMISE_US);
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('a grant that was not enough is given back with everything else (L1)', () => {
    const machine = asking();
    machine.fence.open = 'lease_too_short';
    machine.witnessGrants({ counter: 1, node: 'b' });
    machine.pass(SHORT_PROMISE_US);
    expect(machine.role).toBe('backup');
    expect(machine.told('release-witness')).toHaveLength(1);
  });

  test('without a witness nobody is asked', () => {
    const machine = new Machine({ witness: false });
    machine.pass(60_000_000);
    expect(machine.told('ask-witness')).toHaveLength(0);
    expect(machine.told('release-witness')).toHaveLength(0);
  });
});
