import { boundTo } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { backup, INTERVAL_US, Machine, PROMISE_US } from './machine.ts';

const A5 = { counter: 5, node: 'a' };
const B6 = { counter: 6, node: 'b' };

function candidate(): Machine {
  const machine = backup();
  machine.step({ type: 'release', from: 'a', ballot: A5 });
  expect(machine.role).toBe('candidate');
  machine.forget();
  return machine;
}

describe('candidate', () => {
  test('nobody stands while its own vote is promised to someone else (L1)', () => {
    const machine = backup();
    machine.hear('owns', A5, { promiseMs: 8000 });
    machine.pass(7_999_999);
    expect(machine.role).toBe('backup');
    machine.pass(1);
    expect(machine.role).toBe('candidate');
  });

  test('a candidate binds its own register for one promise at most and never extends it (L1)', () => {
    const machine = candidate();
    const untilUs = machine.nowUs + PROMISE_US;
    expect(boundTo(machine.state.register, machine.nowUs)).toEqual({ holder: 'b', ballot: B6, untilUs });
    machine.pass(INTERVAL_US);
    machine.witnessRefuses('lower_ballot', { counter: 8, node: 'a' });
    expect(machine.ballot).toEqual({ counter: 9, node: 'b' });
    expect(boundTo(machine.state.register, machine.nowUs)?.untilUs).toBe(untilUs);
  });

  test('while it stands it votes for nobody else (L1)', () => {
    const machine = candidate();
    machine.hear('requests', { counter: 6, node: 'c' });
    expect(machine.told('send-verdict')[0]?.verdict).toMatchObject({
      kind: 'refused',
      reason: 'bound',
      remainingMs: PROMISE_US / 1000,
    });
  });

  test('without a majority it releases what it got, frees itself, and stands again within skew + one interval (L1)', () => {
    const machine = candidate();
    machine.pass(PROMISE_US);
    expect(machine.role).toBe('backup');
    expect(machine.told('send-release')).toEqual([{ type: 'send-release', ballot: B6 }]);
    expect(machine.told('release-witness')).toHaveLength(1);
    expect(boundTo(machine.state.register, machine.nowUs)).toBeUndefined();
    machine.pass(1.5 * INTERVAL_US);
    expect(machine.role).toBe('candidate');
    expect(machine.ballot).toEqual({ counter: 7, node: 'b' });
  });

  test('the peer’s vote or the witness’s makes a majority, and only the kernel’s word makes an owner', () => {
    const machine = candidate();
    machine.fence.open = 'lease_too_short';
    machine.acked();
    expect(machine.told('open-fence')).toHaveLength(1);
    expect(machine.role).toBe('candidate');
    machine.fence.open = 'confirm';
    machine.witnessGrants(B6);
    expect(machine.role).toBe('active');
    const order = machine.effects.map(({ type }) => type);
    expect(order.slice(order.lastIndexOf('open-fence'), order.lastIndexOf('send-heartbeat') + 1)).toEqual([
      'open-fence',
      'transition',
      'add-addresses',
      'announce',
      'advertise',
      'send-heartbeat',
    ]);
  });

  test('a vote is counted from the send time of its own request, and three quarters of it (L2)', () => {
    const machine = candidate();
    const sentAtUs = machine.nowUs;
    machine.acked(2500, 400_000);
    expect(machine.state.peers.a?.voteUntilUs).toBe(sentAtUs + 0.75 * 2_500_000);
  });

  test('a vote that came too late to believe in opens nothing (L2, L6)', () => {
    const machine = candidate();
    const sentAtUs = machine.nowUs;
    machine.pass(0.75 * PROMISE_US);
    const verdict = { kind: 'granted', group: 'edge', ballot: B6, promiseMs: 2500 } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.told('open-fence')).toHaveLength(0);
  });

  test('a vote for an earlier candidacy counts for nothing: it was released since (L5)', () => {
    const machine = candidate();
    const sentAtUs = machine.nowUs;
    machine.pass(PROMISE_US + 1.5 * INTERVAL_US);
    expect(machine.ballot?.counter).toBe(7);
    const verdict = { kind: 'granted', group: 'edge', ballot: B6, promiseMs: 10_000 } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.role).toBe('candidate');
    expect(machine.told('open-fence')).toHaveLength(0);
  });

  test('the witness’s grant is given back when it is no longer wanted (L6)', () => {
    const machine = backup();
    machine.pass(1.2 * INTERVAL_US);
    expect(machine.told('ask-witness')).toMatchObject([{ ballot: B6 }]);
    machine.hear('owns', A5);
    expect(machine.told('release-witness')).toMatchObject([{ ballot: B6 }]);
    machine.forget();
    machine.witnessGrants(B6);
    expect(machine.told('release-witness')).toMatchObject([{ ballot: B6 }]);
    expect(machine.role).toBe('backup');
  });

  test('an opening that was not confirmed may have taken effect: the fence is closed before any vote goes back', () => {
    const machine = candidate();
    machine.fence = { open: 'refuse', close: 'fail' };
    machine.acked();
    expect(machine.role).toBe('closing');
    machine.pass(100_000);
    expect(machine.told('send-release')).toHaveLength(0);
    expect(machine.told('release-witness')).toHaveLength(0);
    machine.fence.close = 'confirm';
    machine.pass(100_000);
    expect(machine.role).toBe('backup');
    const order = machine.effects.map(({ type }) => type);
    expect(order.lastIndexOf('close-fence')).toBeLessThan(order.indexOf('send-release'));
  });

  test('a higher ballot that someone has granted raises the candidacy above it (L10)', () => {
    const machine = candidate();
    const sentAtUs = machine.nowUs;
    const verdict = {
      kind: 'refused',
      group: 'edge',
      ballot: B6,
      reason: 'lower_ballot',
      remainingMs: 0,
      highest: { counter: 12, node: 'a' },
    } as const;
    machine.step({ type: 'verdict', from: 'a', sentAtUs, verdict });
    expect(machine.ballot).toEqual({ counter: 13, node: 'b' });
    expect(machine.told('send-heartbeat')).toHaveLength(1);
  });

  test('the same seed stands again at the same times, another at others (L1)', () => {
    const standsAgainUs = (seed: number): number => {
      const machine = new Machine({ seed });
      machine.pass(10_000_000 + 3.5 * INTERVAL_US + PROMISE_US);
      const { role } = machine.state;
      return role.name === 'backup' ? role.standAtUs : Number.NaN;
    };
    expect(standsAgainUs(1)).toBe(standsAgainUs(1));
    expect(standsAgainUs(1)).not.toBe(standsAgainUs(2));
  });
});
