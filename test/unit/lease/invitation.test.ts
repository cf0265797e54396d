import { boundTo, nextDeadlineUs } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, INVITATION_US, type Machine, owner } from './machine.ts';

const A5 = { counter: 5, node: 'a' };
const A50 = { counter: 50, node: 'a' };
const UNFIT = { priority: 128, skewUs: 0.5 * INTERVAL_US, unfit: 'check_failed' } as const;

/** Owns, has heard a, which votes for it, and is asked to hand over. */
function inviting(): Machine {
  const machine = owner();
  machine.hear('none', A5);
  machine.forget();
  machine.step({ type: 'hand-over', to: 'a' });
  return machine;
}

/** Votes for a, which owns, and has been invited by it. */
function invited(): Machine {
  const machine = backup();
  machine.hear('owns', A5);
  machine.forget();
  machine.step({ type: 'invite', from: 'a', ballot: A5 });
  return machine;
}

const types = (machine: Machine): string[] => machine.effects.map(({ type }) => type);

describe('the owner', () => {
  test('owns on while it waits, and closes when its successor is ready: then its vote is the answer', () => {
    const machine = inviting();
    expect(machine.told('send-invite')).toEqual([{ type: 'send-invite', to: 'a', ballot: machine.ballot }]);
    expect(machine.claim().kind).toBe('owns');
    machine.forget();
    machine.hear('ready', A50);
    const order = types(machine).filter((type) => /fence|verdict|transfer|remove/.test(type));
    expect(order).toEqual(['close-fence', 'send-verdict', 'remove-addresses', 'send-transfer']);
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'granted', ballot: A50 });
    expect(boundTo(machine.state.register, machine.nowUs)).toMatchObject({ holder: 'a', ballot: A50 });
    expect(machine.role).toBe('backup');
  });

  test('hands over by TRANSFER when nobody answers', () => {
    const machine = inviting();
    machine.pass(INVITATION_US - 1);
    expect(machine.role).toBe('active');
    machine.pass(1);
    expect(machine.told('send-transfer')).toHaveLength(1);
    machine.forget();
    machine.hear('ready', A50);
    expect(machine.told('send-verdict')).toEqual([]);
  });

  test.each<[string, (machine: Machine) => void]>([
    ['nobody was invited', () => {}],
    ['its ballot is not higher', (machine) => machine.hear('ready', { counter: 0, node: 'a' })],
    ['it is configured otherwise', (machine) => machine.hear('ready', A50, { configHash: '00000000000000bb' })],
    ['it cannot own', (machine) => machine.hear('ready', A50, { priority: 0 })],
  ])('does not close for a `ready` where %s', (why, hear) => {
    const machine = why === 'nobody was invited' ? owner() : inviting();
    if (why === 'nobody was invited') machine.hear('ready', A50);
    hear(machine);
    expect(machine.role).toBe('active');
    expect(machine.told('send-verdict')).toEqual([]);
  });

  test('gives no vote while its fence is not confirmed closed (L7), nor later for what was said before', () => {
    const machine = inviting();
    machine.fence.close = 'fail';
    machine.hear('ready', A50);
    expect(machine.role).toBe('closing');
    machine.fence.close = 'confirm';
    machine.pass(20_000);
    expect(machine.role).toBe('backup');
    expect(machine.told('send-verdict')).toEqual([]);
    expect(boundTo(machine.state.register, machine.nowUs)).toBeUndefined();
    expect(machine.told('send-transfer')).toHaveLength(1);
  });

  test('that is to leave leaves, also when it is to hand over for another reason meanwhile, or loses its lease', () => {
    const machine = owner();
    machine.hear('none', A5);
    machine.step({ type: 'stop' });
    machine.step({ type: 'hand-over', to: 'a' });
    machine.step({ type: 'fitness', fitness: UNFIT });
    machine.hear('ready', A50);
    expect(machine.role).toBe('leaving');
    const other = owner();
    other.hear('none', A5);
    other.step({ type: 'stop' });
    other.step({ type: 'clock-gap' });
    expect(other.role).toBe('leaving');
  });

  test('is not kept waiting by whoever is invited again and again', () => {
    const machine = inviting();
    machine.pass(INVITATION_US - 1);
    machine.step({ type: 'hand-over', to: 'a' });
    machine.pass(1);
    expect(machine.role).toBe('backup');
  });

  test('whose link is lost waits for nobody', () => {
    const machine = owner();
    machine.hear('none', A5);
    machine.step({ type: 'fitness', fitness: { ...UNFIT, unfit: 'link_lost' } });
    expect(machine.told('send-invite')).toEqual([]);
    expect(machine.told('send-transfer')).toHaveLength(1);
  });
});

describe('the successor', () => {
  test('says that it is ready, and votes for the owner as before', () => {
    const machine = invited();
    expect(types(machine)).toContain('send-heartbeat');
    expect(machine.claim()).toMatchObject({ kind: 'ready', ballot: { node: 'b' } });
    expect(machine.claim().ballot.counter).toBeGreaterThan(A5.counter);
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('a');
    machine.hear('owns', A5);
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
    expect(machine.role).toBe('backup');
  });

  test('opens its fence at once by the owner’s vote, counted from when it said that it was ready (L2)', () => {
    const machine = invited();
    const sentAtUs = machine.nowUs;
    const { ballot } = machine.claim();
    machine.nowUs += 30_000;
    machine.forget();
    const verdict = { kind: 'granted', group: 'edge', ballot, promiseMs: 1000 } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.told('open-fence')).toEqual([{ type: 'open-fence', leaseEndUs: sentAtUs + 750_000 }]);
    expect(machine.role).toBe('active');
    expect(machine.ballot).toEqual(ballot);
    // Nobody has to be asked any more.
    expect(types(machine).indexOf('send-heartbeat')).toBeGreaterThan(types(machine).indexOf('open-fence'));
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('b');
  });

  test.each<[string, Partial<{ counter: number; from: string; sentAtUs: number }>]>([
    ['for another ballot', { counter: 77 }],
    ['of another node', { from: 'c' }],
    ['on what was said before the invitation', { sentAtUs: -1 }],
  ])('stands by no vote %s', (_, { counter, from = 'a', sentAtUs = 0 }) => {
    const machine = invited();
    const { ballot } = machine.claim();
    machine.step({
      type: 'verdict',
      from,
      sentAtUs: machine.nowUs + sentAtUs,
      verdict: {
        kind: 'granted',
        group: 'edge',
        ballot: { ...ballot, counter: counter ?? ballot.counter },
        promiseMs: 1000,
      },
    });
    expect(machine.role).toBe('backup');
    expect(boundTo(machine.state.register, machine.nowUs)?.holder).toBe('a');
  });

  test('stands under the same ballot when the TRANSFER comes first, and the vote counts then', () => {
    const machine = invited();
    const sentAtUs = machine.nowUs;
    const { ballot } = machine.claim();
    machine.nowUs += 1000;
    machine.step({ type: 'transfer', from: 'a', ballot: A5, to: 'b' });
    expect(machine.ballot).toEqual(ballot);
    const verdict = { kind: 'granted', group: 'edge', ballot, promiseMs: 1000 } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.role).toBe('active');
  });

  test('stands above the owner’s ballot when that has grown since the invitation', () => {
    const machine = invited();
    machine.hear('owns', A50);
    machine.step({ type: 'transfer', from: 'a', ballot: A50, to: 'b' });
    expect(machine.role).toBe('candidate');
    expect(machine.ballot?.counter).toBeGreaterThan(A50.counter);
  });

  test('stands above what another candidate has released since the invitation', () => {
    const machine = invited();
    machine.step({ type: 'release', from: 'a', ballot: A50 });
    expect(machine.role).toBe('candidate');
    expect(machine.ballot?.counter).toBeGreaterThan(A50.counter);
  });

  test('is as before once the invitation has come to nothing', () => {
    const machine = invited();
    const before = machine.state.register;
    machine.pass(2.5 * INTERVAL_US - 1);
    expect(machine.claim().kind).toBe('ready');
    machine.pass(1);
    expect(machine.claim().kind).toBe('none');
    expect(machine.state.register).toEqual(before);
    expect(nextDeadlineUs(machine.state)).toBeGreaterThan(machine.nowUs);
  });

  test('takes one ballot for one owner, however often it is invited', () => {
    const machine = invited();
    const { ballot } = machine.claim();
    machine.step({ type: 'invite', from: 'a', ballot: A5 });
    expect(machine.claim().ballot).toEqual(ballot);
  });

  test.each<[string, (machine: Machine) => void]>([
    ['it may not own', (machine) => machine.step({ type: 'fitness', fitness: UNFIT })],
    ['it votes for somebody else', (machine) => machine.step({ type: 'invite', from: 'c', ballot: A50 })],
    ['the owner is configured otherwise', (machine) => machine.hear('owns', A5, { configHash: '00000000000000bb' })],
  ])('says nothing where %s', (why, act) => {
    const machine = backup();
    machine.hear('owns', A5);
    act(machine);
    if (!why.startsWith('it votes')) machine.step({ type: 'invite', from: 'a', ballot: A5 });
    expect(machine.claim().kind).toBe('none');
  });
});
