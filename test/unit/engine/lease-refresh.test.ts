import { expect, test } from 'vitest';
import { LeaseRefresh, type RefreshedLease } from '../../../agent/engine/lease-refresh.ts';
import type { Fence, FenceAct } from '../../../agent/kernel/fence/index.ts';

const EXPIRED: FenceAct = { confirmed: false, reason: 'expired', text: 'not open' };

function refreshing(confirmedTogether: readonly number[] = [1, 2, 3]) {
  const soon: (() => void)[] = [];
  const settle = () => {
    for (const act of soon.splice(0)) act();
  };
  const acts: string[] = [];
  const fence: Pick<Fence, 'refresh' | 'refreshTogether'> = {
    refresh: (id, leaseEndUs) => {
      acts.push(`${id} alone to ${leaseEndUs}`);
      return EXPIRED;
    },
    refreshTogether: (leases) => {
      acts.push(Array.from(leases, ([id, leaseEndUs]) => `${id} to ${leaseEndUs}`).join(', '));
      return new Map([...leases].filter(([id]) => confirmedTogether.includes(id)));
    },
  };
  const outcomes: unknown[] = [];
  const lease = (groupId: number): RefreshedLease => ({
    groupId,
    refreshed: (act) => outcomes.push([groupId, act.confirmed ? act.expiresAtUs : act.reason]),
  });
  return { settle, acts, outcomes, lease, refresh: new LeaseRefresh(fence, { soon: (act) => soon.push(act) }) };
}

test('all that ask before anything else is due are refreshed by one act, each for the lease that it named last', () => {
  const { acts, lease, outcomes, refresh, settle } = refreshing();
  const [first, second] = [lease(1), lease(2)];
  refresh.ask(first, 100);
  refresh.ask(second, 200);
  refresh.ask(first, 90);
  expect(acts).toEqual([]);
  settle();
  expect(acts).toEqual(['1 to 90, 2 to 200']);
  expect(outcomes).toEqual([
    [1, 90],
    [2, 200],
  ]);
  settle();
  expect(acts).toHaveLength(1);
});

test('one that asks alone is refreshed alone, and so is whoever was not confirmed together with others', () => {
  const { acts, lease, outcomes, refresh, settle } = refreshing([1]);
  refresh.ask(lease(3), 100);
  settle();
  refresh.ask(lease(1), 100);
  refresh.ask(lease(2), 200);
  settle();
  expect(acts).toEqual(['3 alone to 100', '1 to 100, 2 to 200', '2 alone to 200']);
  expect(outcomes).toEqual([
    [3, 'expired'],
    [1, 100],
    [2, 'expired'],
  ]);
});

test('one that is about to close its fence is not refreshed any more, and may ask again later', () => {
  const { acts, lease, refresh, settle } = refreshing();
  const first = lease(1);
  refresh.ask(first, 100);
  refresh.forget(first);
  settle();
  expect(acts).toEqual([]);
  refresh.ask(first, 300);
  settle();
  expect(acts).toEqual(['1 alone to 300']);
});

test('one that closes its fence because of what became of another one is not refreshed any more', () => {
  const { acts, lease, refresh, settle } = refreshing([]);
  const second = lease(2);
  const first: RefreshedLease = { groupId: 1, refreshed: () => refresh.forget(second) };
  refresh.ask(first, 100);
  refresh.ask(second, 200);
  settle();
  expect(acts).toEqual(['1 to 100, 2 to 200', '1 alone to 100']);
});

test('one that closes its fence because of what became of another one hears what was done for it before', () => {
  const { lease, outcomes, refresh, settle } = refreshing([1, 2]);
  const second = lease(2);
  const first: RefreshedLease = { groupId: 1, refreshed: () => refresh.forget(second) };
  refresh.ask(first, 100);
  refresh.ask(second, 200);
  settle();
  expect(outcomes).toEqual([[2, 200]]);
});
