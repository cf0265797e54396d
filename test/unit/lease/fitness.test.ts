import { type Fitness, nextDeadlineUs, successorOf } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, INVITATION_US, Machine, owner } from './machine.ts';

const DOWN_US = 3.5 * INTERVAL_US;
const TENURE_MIN_US = 10_000_000;
const FIT: Fitness = { priority: 128, skewUs: 0.5 * INTERVAL_US, unfit: undefined };
const UNFIT: Fitness = { ...FIT, unfit: 'link_lost' };
const A5 = { counter: 5, node: 'a' };

/** Owns, and has just heard a, which may own the group with `priority`. */
function ownerBeside(priority: number, wants = false): Machine {
  const machine = owner();
  machine.hear('none', A5, wants ? { priority, wants } : { priority });
  machine.forget();
  return machine;
}

/** Owns by the witness's vote, and has not heard its peer for more than two intervals. */
function ownerByWitness(): Machine {
  const machine = owner();
  machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
  machine.pass(0.3 * INTERVAL_US);
  machine.witnessGrants(machine.ballot ?? A5);
  machine.pass(2 * INTERVAL_US);
  return machine;
}

/** An owner for so long; its heartbeats are answered all the while. */
function own(machine: Machine, durationUs: number): void {
  const untilUs = machine.nowUs + durationUs;
  while (machine.nowUs < untilUs) {
    machine.acked();
    machine.pass(INTERVAL_US / 2);
  }
}

const order = (machine: Machine): string[] =>
  machine.effects
    .map(({ type }) => type)
    .filter((type) => ['close-fence', 'remove-addresses', 'send-transfer', 'send-release'].includes(type));

describe('an owner that becomes unfit', () => {
  test('closes its fence, then invites the peer that can own (L5)', () => {
    const machine = ownerBeside(100);
    machine.step({ type: 'fitness', fitness: UNFIT });
    expect(machine.role).toBe('backup');
    expect(machine.told('send-transfer')).toMatchObject([{ to: 'a' }]);
    expect(order(machine)).toEqual(['close-fence', 'remove-addresses', 'send-transfer']);
    expect(machine.told('transition')[0]).toMatchObject({ to: 'closing', cause: 'link_lost' });
  });

  test('releases the group to nobody if its peer cannot own either', () => {
    const machine = ownerBeside(0);
    machine.step({ type: 'fitness', fitness: UNFIT });
    expect(machine.told('send-transfer')).toEqual([]);
    expect(order(machine)).toEqual(['close-fence', 'remove-addresses', 'send-release']);
  });

  test('says so with its next heartbeat, which leaves at once', () => {
    const machine = ownerBeside(100);
    machine.step({ type: 'fitness', fitness: UNFIT });
    expect(machine.told('send-heartbeat')).not.toEqual([]);
    expect(machine.claim()).toMatchObject({ kind: 'none', priority: 0 });
  });

  test('before the kernel has opened, ends as soon as it has', () => {
    const machine = new Machine();
    machine.fence.open = 'lease_too_short';
    machine.pass(10_000_000 + DOWN_US);
    expect(machine.role).toBe('candidate');
    machine.state = { ...machine.state, fitness: UNFIT };
    machine.fence.open = 'confirm';
    machine.acked();
    expect(machine.role).toBe('backup');
    expect(machine.told('add-addresses').length).toBeLessThanOrEqual(1);
    expect(order(machine)).toContain('close-fence');
  });
});

describe('an unfit backup', () => {
  test('never stands, and votes as before', () => {
    const machine = backup();
    machine.step({ type: 'fitness', fitness: UNFIT });
    expect(nextDeadlineUs(machine.state)).toBe(Number.POSITIVE_INFINITY);
    machine.pass(60_000_000);
    expect(machine.role).toBe('backup');
    machine.hear('requests', { counter: 6, node: 'a' });
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
  });

  test('leaves the witness to others', () => {
    const machine = backup();
    machine.step({ type: 'fitness', fitness: UNFIT });
    machine.pass(60_000_000);
    expect(machine.told('ask-witness')).toEqual([]);
  });

  test('does not follow an invitation', () => {
    const machine = backup();
    machine.step({ type: 'fitness', fitness: UNFIT });
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'b' });
    expect(machine.role).toBe('backup');
  });

  test('waits for the down time after it has become fit', () => {
    const machine = backup();
    machine.step({ type: 'fitness', fitness: UNFIT });
    machine.pass(60_000_000);
    machine.step({ type: 'fitness', fitness: FIT });
    machine.pass(DOWN_US - 1);
    expect(machine.role).toBe('backup');
    machine.pass(1);
    expect(machine.role).toBe('candidate');
  });
});

test('a candidate that becomes unfit gives back what it got (L1)', () => {
  const machine = backup();
  machine.pass(DOWN_US);
  expect(machine.role).toBe('candidate');
  machine.step({ type: 'fitness', fitness: UNFIT });
  expect(machine.role).toBe('backup');
  expect(machine.told('send-release')).not.toEqual([]);
  expect(machine.state.register.bound).toBeUndefined();
});

test('a changed priority changes the skew', () => {
  const machine = backup();
  machine.step({ type: 'fitness', fitness: { priority: 255, skewUs: 0, unfit: undefined } });
  machine.hear('owns', A5);
  machine.pass(3 * INTERVAL_US - 1);
  expect(machine.role).toBe('backup');
  machine.pass(1);
  expect(machine.role).toBe('candidate');
});

describe('a planned handover', () => {
  test('goes to the peer that votes and can own, whose fence opens after ours is closed', () => {
    const machine = ownerBeside(100);
    machine.step({ type: 'hand-over', to: undefined });
    machine.pass(INVITATION_US);
    expect(order(machine)).toEqual(['close-fence', 'remove-addresses', 'send-transfer']);
    expect(machine.told('transition')[0]).toMatchObject({ to: 'closing', cause: 'handover' });
    // The former owner stays, votes for its successor, and stands again should that fail.
    machine.hear('requests', { counter: 100, node: 'a' });
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
  });

  test('stands again after the down time if nobody takes over', () => {
    const machine = ownerBeside(100);
    machine.step({ type: 'hand-over', to: 'a' });
    machine.pass(INVITATION_US + DOWN_US);
    expect(machine.role).toBe('candidate');
  });

  test.each([
    ['unfit', () => ownerBeside(0)],
    ['not_heard', ownerByWitness],
  ])('does nothing while the peer is %s', (reason, made) => {
    const machine = made();
    expect(successorOf({ ...machine.state, nowUs: machine.nowUs }, 'a')).toEqual({ ok: false, reason, node: 'a' });
    machine.step({ type: 'hand-over', to: 'a' });
    expect(machine.role).toBe('active');
  });

  test('does nothing while the peer is in its quarantine', () => {
    const machine = ownerBeside(100);
    const verdict = { kind: 'refused', group: 'edge', ballot: A5, reason: 'quarantined', remainingMs: 9000 } as const;
    machine.step({
      type: 'verdict',
      from: 'a',
      sentAtUs: machine.nowUs,
      verdict: { ...verdict, highest: { counter: 0, node: '' } },
    });
    const asked = successorOf({ ...machine.state, nowUs: machine.nowUs }, undefined);
    expect(asked).toEqual({ ok: false, reason: 'not_voting', node: 'a' });
    machine.step({ type: 'hand-over', to: undefined });
    expect(machine.role).toBe('active');
  });

  test('of a node that is no owner or to one that is no peer is refused', () => {
    const { state, nowUs } = backup();
    expect(successorOf({ ...state, nowUs }, undefined)).toMatchObject({ ok: false, reason: 'not_owner' });
    const machine = ownerBeside(100);
    expect(successorOf({ ...machine.state, nowUs: machine.nowUs }, 'z')).toMatchObject({ reason: 'not_a_peer' });
  });
});

describe('preemption', () => {
  /** A backup of the higher priority 128 that hears an owner of priority 100. */
  function superior(preemptDelayUs: number | undefined): Machine {
    const machine = new Machine({ preemptDelayUs });
    machine.pass(10_000_000);
    machine.hear('owns', A5, { priority: 100 });
    return machine;
  }

  test('is asked for only where it is configured', () => {
    expect(superior(undefined).claim().wants).toBeUndefined();
    expect(superior(0).claim().wants).toBe(true);
  });

  test('waits until an owner of lower priority has been heard for the delay', () => {
    const machine = superior(2 * INTERVAL_US);
    machine.pass(INTERVAL_US);
    machine.hear('owns', A5, { priority: 100 });
    expect(machine.claim().wants).toBeUndefined();
    machine.pass(INTERVAL_US);
    machine.hear('owns', A5, { priority: 100 });
    expect(machine.claim().wants).toBe(true);
    machine.hear('owns', A5, { priority: 128 });
    expect(machine.claim().wants).toBeUndefined();
  });

  test('makes an owner hand over, once it has owned for 10 s', () => {
    const machine = owner();
    machine.hear('none', A5, { priority: 200, wants: true });
    expect(machine.role).toBe('active');
    own(machine, TENURE_MIN_US);
    machine.forget();
    machine.hear('none', A5, { priority: 200, wants: true });
    machine.pass(INVITATION_US);
    expect(machine.told('transition')[0]).toMatchObject({ to: 'closing', cause: 'preempted' });
    expect(machine.told('send-transfer')).toMatchObject([{ to: 'a' }]);
  });

  test('moves nothing to a node of the same priority', () => {
    const machine = owner();
    own(machine, TENURE_MIN_US);
    machine.hear('none', A5, { priority: 128, wants: true });
    expect(machine.role).toBe('active');
  });
});

describe('after a crash loop', () => {
  test('a node does not stand of its own accord before its time', () => {
    const machine = new Machine({ standNotBeforeUs: 60_000_000 });
    machine.pass(59_999_999);
    expect(machine.role).toBe('backup');
    expect(machine.told('ask-witness')).toEqual([]);
    machine.pass(1);
    expect(machine.role).toBe('candidate');
  });

  test('it follows an invitation at once', () => {
    const machine = new Machine({ standNotBeforeUs: 60_000_000 });
    machine.pass(12_000_000);
    machine.hear('owns', A5);
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'b' });
    expect(machine.role).toBe('candidate');
  });
});

describe('after a suspension of the host', () => {
  test('an owner closes its fence before anything else, and stands again after the down time', () => {
    const machine = owner();
    machine.step({ type: 'clock-gap' });
    expect(machine.effects[0]).toMatchObject({ type: 'transition', to: 'closing', cause: 'clock_gap' });
    expect(machine.effects[1]).toMatchObject({ type: 'close-fence' });
    expect(machine.role).toBe('backup');
    machine.pass(DOWN_US - 1);
    expect(machine.role).toBe('backup');
    machine.pass(1);
    expect(machine.role).toBe('candidate');
  });

  test('a backup hears first whether anybody owns by now', () => {
    const machine = backup();
    machine.nowUs += 60_000_000;
    machine.step({ type: 'clock-gap' });
    expect(machine.role).toBe('backup');
    machine.pass(DOWN_US);
    expect(machine.role).toBe('candidate');
  });
});
