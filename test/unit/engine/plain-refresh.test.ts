import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PlainGuard } from '../../../agent/engine/plain-guard.ts';
import { type Advertiser, PlainRefresh } from '../../../agent/engine/plain-refresh.ts';
import type { HeldRefresh, HoldingFence } from '../../../agent/kernel/fence/index.ts';
import { boottimeUs } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

class Held implements Advertiser {
  readonly id: number;
  failures = 0;

  constructor(id: number) {
    this.id = id;
  }

  refreshFailed(): void {
    this.failures += 1;
  }
}

function refreshWith(outcome: HeldRefresh) {
  const asked: { ids: readonly number[]; notAfterUs: number }[] = [];
  const refreshHeld = (ids: readonly number[], notAfterUs: number) => {
    asked.push({ ids, notAfterUs });
    return outcome;
  };
  return { asked, refresh: new PlainRefresh({ refreshHeld }) };
}

it('virtual routers that advertise together share a lease packet, which holds by the oldest advertisement', () => {
  const { asked, refresh } = refreshWith('confirmed');
  for (const [index, id] of [5, 6, 7].entries()) refresh.advertised(new Held(id), 1_000 * (index + 1));
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(8);
  expect(asked).toEqual([{ ids: [5, 6, 7], notAfterUs: 21_000 }]);
  vi.advanceTimersByTime(100);
  expect(asked).toHaveLength(1);
});

it('a packet has no more of them than it can carry', () => {
  const { asked, refresh } = refreshWith('confirmed');
  for (let id = 1; id <= 40; id += 1) refresh.advertised(new Held(id), 0);
  vi.advanceTimersByTime(8);
  expect(asked.map(({ ids }) => ids.length)).toEqual([32, 8]);
});

it('one that gave up meanwhile is left out', () => {
  const { asked, refresh } = refreshWith('confirmed');
  const [stays, goes] = [new Held(1), new Held(2)];
  refresh.advertised(stays, 0);
  refresh.advertised(goes, 0);
  refresh.forget(goes);
  vi.advanceTimersByTime(8);
  expect(asked.map(({ ids }) => ids)).toEqual([[1]]);
});

it.each<[HeldRefresh, number]>([
  ['confirmed', 0],
  ['late', 0],
  ['refused', 1],
])('%s: each of them hears of a refusal, and of nothing else', (outcome, failures) => {
  const { refresh } = refreshWith(outcome);
  const both = [new Held(1), new Held(2)];
  for (const held of both) refresh.advertised(held, 0);
  vi.advanceTimersByTime(8);
  expect(both.map((held) => held.failures)).toEqual([failures, failures]);
});

it('a guard that is about to close, or in doubt, is refreshed alone and before its advertisement', () => {
  const acts: string[] = [];
  const fence = { openUntilUs: 0, held: 'confirmed' as HeldRefresh };
  const act = (name: string) => () => {
    acts.push(name);
    fence.openUntilUs = boottimeUs() + 60_000_000;
    return { confirmed: true, expiresAtUs: fence.openUntilUs } as const;
  };
  const kernel: HoldingFence = {
    level: 'full',
    open: act('open'),
    refresh: act('refresh'),
    refreshTogether: () => new Map(),
    refreshHeld: () => {
      acts.push('refresh-held');
      return fence.held;
    },
    close: () => ({ confirmed: true, by: 'packet' }),
    openUntilUs: () => fence.openUntilUs,
    isIntact: () => true,
    rehearse: () => {},
    recreate: () => ({ ok: true }),
    change: () => ({ ok: true }),
    addInterface: () => ({ ok: true }),
    remove: () => ({ ok: true }),
  };
  const guard = new PlainGuard(kernel, 7, new PlainRefresh(kernel), recordedLog().log);
  fence.openUntilUs = boottimeUs() + 10_000;
  guard.hold(boottimeUs());
  expect(acts.splice(0)).toEqual(['refresh']);
  guard.hold(boottimeUs());
  vi.advanceTimersByTime(8);
  expect(acts.splice(0)).toEqual(['refresh-held']);
  fence.held = 'refused';
  guard.hold(boottimeUs());
  vi.advanceTimersByTime(8);
  expect(guard.refusals.counts.get('not_confirmed')).toBe(1);
  acts.splice(0);
  guard.hold(boottimeUs());
  expect(acts).toEqual(['refresh']);
});
