import { boundTo } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, Machine, owner, PROMISE_US } from './machine.ts';

const A5 = { counter: 5, node: 'a' };

describe('voter', () => {
  test('a backup promises its vote to the owner for 2.5 intervals from receipt (L2, L3)', () => {
    const machine = backup();
    machine.hear('owns', A5);
    expect(machine.told('send-verdict')[0]?.verdict).toEqual({
      kind: 'granted',
      group: 'edge',
      ballot: A5,
      promiseMs: PROMISE_US / 1000,
    });
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(machine.nowUs + PROMISE_US);
  });

  test('of two intervals the longer promise counts (L16)', () => {
    const machine = backup();
    machine.hear('owns', A5, { promiseMs: 7000 });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ promiseMs: 7000 });
    machine.forget();
    machine.hear('owns', A5, { promiseMs: 100 });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ promiseMs: 2500 });
    machine.forget();
    machine.hear('owns', A5, { promiseMs: 60_000 });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ promiseMs: 10_000 });
  });

  test('a refusal says for how long the voter is bound, and the highest ballot it has granted (L1, L10)', () => {
    const machine = owner();
    machine.hear('requests', { counter: 9, node: 'a' });
    const [told] = machine.told('send-verdict');
    expect(told?.verdict).toMatchObject({ kind: 'refused', reason: 'bound', highest: machine.ballot });
    expect(told?.verdict.kind === 'refused' && told.verdict.remainingMs).toBeGreaterThan(0);
  });

  test('a ballot below the highest granted is refused, and does not restart the down timer (L4, L10)', () => {
    const machine = backup();
    const { role } = machine.state;
    machine.pass(INTERVAL_US / 4);
    machine.hear('owns', { counter: 4, node: 'a' });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'refused', reason: 'lower_ballot' });
    expect(machine.state.role).toEqual(role);
  });

  test('another configuration gets no vote (L16)', () => {
    const machine = backup();
    machine.hear('owns', { counter: 6, node: 'a' }, { configHash: 'ffffffffffffffff' });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'refused', reason: 'config_mismatch' });
    expect(machine.state.register.bound?.ballot).toEqual(A5);
  });

  test('advertisements start timers, and touch no vote (L4)', () => {
    const machine = backup();
    for (const priority of [0, 1, 255]) machine.step({ type: 'advertisement', priority });
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('a');
    machine.step({ type: 'advertisement', priority: 0 });
    machine.pass(0.6 * INTERVAL_US);
    expect(machine.role).toBe('backup');
    machine.pass(PROMISE_US);
    expect(machine.role).toBe('candidate');
  });

  test('a RELEASE of the holder frees the vote, and the way is open at once (L5)', () => {
    const machine = backup();
    machine.step({ type: 'release', from: 'a', ballot: A5 });
    expect(machine.role).toBe('candidate');
    expect(machine.ballot).toEqual({ counter: 6, node: 'b' });
  });

  test('an invitation is followed at once also when the promise has run out before it came (L5)', () => {
    const machine = backup();
    machine.pass(PROMISE_US);
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'b' });
    expect(machine.role).toBe('candidate');
  });

  test('an invitation of someone superseded, or while the vote is bound to another node, is not (L5)', () => {
    const machine = backup();
    machine.step({ type: 'transfer', from: 'a', ballot: { counter: 4, node: 'a' }, to: 'b' });
    expect(machine.role).toBe('backup');
    machine.pass(PROMISE_US);
    machine.step({ type: 'transfer', from: 'a', ballot: { counter: 4, node: 'a' }, to: 'b' });
    expect(machine.role).toBe('backup');
  });

  test('a RELEASE by anyone else, or of an earlier ballot, frees nothing (L5)', () => {
    const machine = backup();
    machine.step({ type: 'release', from: 'c', ballot: { counter: 9, node: 'c' } });
    machine.step({ type: 'release', from: 'a', ballot: { counter: 4, node: 'a' } });
    expect(machine.role).toBe('backup');
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('a');
  });

  test('TRANSFER is an invitation: the invited node requests the vote for a higher ballot (L5)', () => {
    const machine = backup();
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'b' });
    expect(machine.role).toBe('candidate');
    expect(machine.told('send-heartbeat')).toHaveLength(1);
    expect(machine.told('open-fence')).toHaveLength(0);
    machine.acked();
    expect(machine.role).toBe('active');
  });

  test('who was not invited waits for its down timer (L5)', () => {
    const machine = backup();
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'c' });
    machine.pass(3.4 * INTERVAL_US);
    expect(machine.role).toBe('backup');
    machine.pass(0.2 * INTERVAL_US);
    expect(machine.role).toBe('candidate');
  });

  test('an owner that hears a higher ballot closes its fence before it acks anyone (L7, L8)', () => {
    const machine = owner();
    machine.hear('owns', { counter: 99, node: 'a' });
    const order = machine.effects.map(({ type }) => type);
    expect(order.indexOf('close-fence')).toBeLessThan(order.indexOf('send-verdict'));
    expect(machine.told('send-verdict')[0]?.verdict.kind).toBe('refused');
    expect(machine.role).toBe('backup');
    machine.forget();
    machine.hear('owns', { counter: 99, node: 'a' });
    expect(machine.told('send-verdict')[0]?.verdict.kind).toBe('granted');
  });

  test('while its fence cannot be closed it votes for nobody (L7)', () => {
    const machine = owner();
    machine.fence.close = 'fail';
    machine.hear('owns', { counter: 99, node: 'a' });
    machine.pass(500_000);
    machine.forget();
    machine.hear('owns', { counter: 99, node: 'a' });
    expect(machine.role).toBe('closing');
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'refused', reason: 'bound' });
  });

  test('an owner with the higher ballot stays, and announces itself again (L8)', () => {
    const machine = owner();
    machine.hear('owns', { counter: 0, node: 'a' });
    expect(machine.role).toBe('active');
    expect(machine.told('announce')).toHaveLength(1);
  });

  test('a restarted agent neither votes nor stands for PROMISE_MAX (L9)', () => {
    const machine = new Machine();
    machine.hear('owns', A5);
    machine.pass(9_999_999);
    machine.hear('requests', A5);
    expect(machine.told('send-verdict').map(({ verdict }) => verdict)).toMatchObject([
      { kind: 'refused', reason: 'quarantined', remainingMs: 10_000 },
      { kind: 'refused', reason: 'quarantined', remainingMs: 1 },
    ]);
    expect(machine.role).toBe('initialize');
    machine.pass(1);
    machine.hear('owns', A5);
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
  });

  test('it refuses and outbids what an earlier run has used (L10)', () => {
    const machine = new Machine({ usedCounter: 40 });
    machine.pass(10_000_000);
    machine.hear('requests', { counter: 40, node: 'a' });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'refused', reason: 'lower_ballot' });
    machine.pass(4 * INTERVAL_US);
    expect(machine.ballot).toEqual({ counter: 41, node: 'b' });
  });
});

describe('a peer with another configuration (L16)', () => {
  const OTHERWISE = { configHash: 'ffffffffffffffff' };

  test.each(['none', 'owns', 'requests'] as const)(
    "that said '%s' last is not stood against: its votes may be others, and it may have a majority of those",
    (kind) => {
      const machine = backup();
      machine.hear(kind, { counter: 6, node: 'a' }, OTHERWISE);
      machine.forget();
      machine.pass(60 * INTERVAL_US);
      machine.witnessGrants({ counter: 7, node: 'b' });
      machine.pass(60 * INTERVAL_US);
      expect(machine.role).toBe('backup');
      expect(machine.told('transition')).toHaveLength(0);
    },
  );

  test.each<[string, (machine: Machine) => void]>([
    ['it releases', (machine) => machine.step({ type: 'release', from: 'a', ballot: { counter: 6, node: 'a' } })],
    [
      'it invites',
      (machine) => machine.step({ type: 'transfer', from: 'a', ballot: { counter: 6, node: 'a' }, to: 'b' }),
    ],
    ['its configuration is the same again', (machine) => machine.hear('owns', { counter: 6, node: 'a' })],
    ['an operator forces it', (machine) => machine.step({ type: 'force-takeover' })],
  ])('until %s', (_what, happens) => {
    const machine = backup();
    machine.hear('owns', { counter: 6, node: 'a' }, OTHERWISE);
    machine.pass(30 * INTERVAL_US);
    happens(machine);
    machine.pass(4 * INTERVAL_US);
    expect(machine.told('transition').map(({ to }) => to)).toContain('candidate');
  });
});
