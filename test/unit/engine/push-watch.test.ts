import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PushCheckConfig } from '../../../agent/config/index.ts';
import { GroupFitness } from '../../../agent/engine/group-fitness.ts';
import { operationsOn } from '../../../agent/engine/operations.ts';
import { PushWatch } from '../../../agent/engine/push-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(ttlMs: number | null, changes: Partial<PushCheckConfig> = {}) {
  const check: PushCheckConfig = { name: 'shop', kind: 'push', rise: 1, fall: 1, weight: 0, ttlMs, ...changes };
  const checks = [check];
  const fitness = new GroupFitness({ priority: 100, skewUsOf: () => 0, checks, onChange: () => {} });
  const group = { name: 'edge', config: { checks }, fitness, setMaintenance: () => {} };
  const watch = new PushWatch([group], () => Date.now() * 1_000);
  const file = { on: false, set: () => undefined };
  const { reportHealth } = operationsOn([], [group], file, (name, of) => watch.heard(name, of));
  const say = (healthy: boolean) => reportHealth('edge', 'shop', { healthy, detail: healthy ? 'well' : 'ill' });
  return { watch, say, state: () => fitness.checks.map(({ state, detail }) => `${state}: ${detail}`).join() };
}

describe('a push check with a ttl', () => {
  test('fails if nobody reports at all', () => {
    const { watch, state } = watched(2_500);
    watch.start();
    vi.advanceTimersByTime(2_499);
    expect(state()).toBe('unknown: nothing was reported yet');
    vi.advanceTimersByTime(2);
    expect(state()).toBe('failing: no report for 2.5s');
  });

  test('passes as long as the reports come, and again with the next one', () => {
    const { watch, say, state } = watched(1_000);
    watch.start();
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
    watch.start();
    say(true);
    say(false);
    expect(state()).toBe('passing: well');
    vi.advanceTimersByTime(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('is watched no longer when all is closed', () => {
    const { watch, say, state } = watched(1_000);
    watch.start();
    say(true);
    watch.close();
    vi.advanceTimersByTime(10_000);
    expect(state()).toBe('passing: well');
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('without a ttl the last report stands', () => {
  const { watch, say, state } = watched(null);
  watch.start();
  say(true);
  vi.advanceTimersByTime(3_600_000);
  expect(state()).toBe('passing: well');
});
