import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PushCheckConfig } from '../../../agent/config/index.ts';
import { GroupFitness } from '../../../agent/engine/group-fitness.ts';
import { operationsOn } from '../../../agent/engine/operations.ts';
import { PushWatch } from '../../../agent/engine/push-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SHOP: PushCheckConfig = { name: 'shop', kind: 'push', rise: 1, fall: 1, weight: 0, ttlMs: 1_000 };

function watched(ttlMs: number | null, changes: Partial<PushCheckConfig> = {}) {
  const config: { checks: readonly PushCheckConfig[] } = { checks: [{ ...SHOP, ttlMs, ...changes }] };
  const skewUsOf = () => 0;
  const fitness = new GroupFitness({ priority: 100, skewUsOf, checks: config.checks, onChange: () => {} });
  const group = { name: 'edge', config, fitness, setMaintenance: () => {} };
  const watch = new PushWatch(
    () => [group],
    () => Date.now() * 1_000,
  );
  const { reportHealth } = operationsOn({
    leases: () => [],
    plains: () => [group],
    maintenance: { on: false, set: () => undefined },
    onPush: (name, of) => watch.heard(name, of),
    reload: async () => ({ ok: true, detail: 'reloaded' }),
  });
  const reload = (...checks: PushCheckConfig[]): void => {
    config.checks = checks;
    fitness.configure({ priority: 100, skewUsOf, checks, interfaces: [] });
    watch.change();
  };
  const say = (healthy: boolean) => reportHealth('edge', 'shop', { healthy, detail: healthy ? 'well' : 'ill' });
  return { watch, reload, say, state: () => fitness.checks.map(({ state, detail }) => `${state}: ${detail}`).join() };
}

describe('a push check with a ttl', () => {
  test('fails if nobody reports at all', () => {
    const { watch, state } = watched(2_500);
    watch.change();
    vi.advanceTimersByTime(2_499);
    expect(state()).toBe('unknown: nothing was reported yet');
    vi.advanceTimersByTime(2);
    expect(state()).toBe('failing: no report for 2.5s');
  });

  test('passes as long as the reports come, and again with the next one', () => {
    const { watch, say, state } = watched(1_000);
    watch.change();
    for (let reports = 0; reports < 5; reports += 1) {
      say(true);
      vi.advanceTimersByTime(900);
      expect(state()).toBe('passing: well');
    }
    vi.advanceTimersByTime(101);
    expect(state()).toBe('failing: no report for 1s');
    say(true);
    expect(state()).toBe('passing: well');
    vi.advanceTimersByTime(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('counts no report as often as it takes', () => {
    const { watch, say, state } = watched(1_000, { fall: 3 });
    watch.change();
    say(true);
    say(false);
    expect(state()).toBe('passing: well');
    vi.advanceTimersByTime(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('is watched no longer when all is closed', () => {
    const { watch, say, state } = watched(1_000);
    watch.change();
    say(true);
    watch.close();
    vi.advanceTimersByTime(10_000);
    expect(state()).toBe('passing: well');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('after a reload', () => {
  test('a report that was awaited is due when it was, by the new fall', () => {
    const { watch, reload, state } = watched(1_000);
    watch.change();
    vi.advanceTimersByTime(900);
    reload({ ...SHOP, fall: 3 });
    vi.advanceTimersByTime(99);
    expect(state()).toBe('unknown: nothing was reported yet');
    vi.advanceTimersByTime(2);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('another ttl counts from there, and so does the first report on a check that is new', () => {
    const { watch, reload, state } = watched(1_000);
    watch.change();
    vi.advanceTimersByTime(900);
    reload({ ...SHOP, ttlMs: 2_000 }, { ...SHOP, name: 'bar' });
    vi.advanceTimersByTime(1_001);
    expect(state()).toBe('unknown: nothing was reported yet,failing: no report for 1s');
    vi.advanceTimersByTime(1_000);
    expect(state()).toBe('failing: no report for 2s,failing: no report for 1s');
  });

  test('a check that has gone, or has no ttl any more, is not watched', () => {
    const { watch, reload, state } = watched(1_000);
    watch.change();
    reload({ ...SHOP, ttlMs: null });
    expect(vi.getTimerCount()).toBe(0);
    reload(SHOP);
    reload();
    expect([state(), vi.getTimerCount()]).toEqual(['', 0]);
  });
});

test('without a ttl the last report stands', () => {
  const { watch, say, state } = watched(null);
  watch.change();
  say(true);
  vi.advanceTimersByTime(3_600_000);
  expect(state()).toBe('passing: well');
});
