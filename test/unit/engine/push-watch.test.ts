import { describe, expect, test } from 'vitest';
import type { PushCheckConfig } from '../../../agent/config/index.ts';
import { GroupFitness } from '../../../agent/engine/group-fitness.ts';
import { operationsOn } from '../../../agent/engine/operations.ts';
import { PushWatch } from '../../../agent/engine/push-watch.ts';
import { VirtualTime } from './virtual-time.ts';

function watched(ttlMs: number | null, changes: Partial<PushCheckConfig> = {}) {
  const check: PushCheckConfig = { name: 'shop', kind: 'push', rise: 1, fall: 1, weight: 0, ttlMs, ...changes };
  const checks = [check];
  const fitness = new GroupFitness({ priority: 100, skewUsOf: () => 0, checks, onChange: () => {} });
  const group = { name: 'edge', config: { checks }, fitness, setMaintenance: () => {} };
  const time = new VirtualTime();
  const watch = new PushWatch([group], time);
  const file = { on: false, set: () => undefined };
  const { reportHealth } = operationsOn([], [group], file, (name, of) => watch.heard(name, of));
  const say = (healthy: boolean) => reportHealth('edge', 'shop', { healthy, detail: healthy ? 'well' : 'ill' });
  const pass = (ms: number) => time.pass(ms * 1_000);
  return { watch, pass, say, state: () => fitness.checks.map(({ state, detail }) => `${state}: ${detail}`).join() };
}

describe('a push check with a ttl', () => {
  test('fails if nobody reports at all', () => {
    const { watch, pass, state } = watched(2_500);
    watch.start();
    pass(2_499);
    expect(state()).toBe('unknown: nothing was reported yet');
    pass(2);
    expect(state()).toBe('failing: no report for 2.5s');
  });

  test('passes as long as the reports come, and again with the next one', () => {
    const { watch, pass, say, state } = watched(1_000);
    watch.start();
    for (let reports = 0; reports < 5; reports += 1) {
      say(true);
      pass(900);
      expect(state()).toBe('passing: well');
    }
    pass(101);
    expect(state()).toBe('failing: no report for 1s');
    say(true);
    expect(state()).toBe('passing: well');
    pass(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('counts no report as often as it takes', () => {
    const { watch, pass, say, state } = watched(1_000, { fall: 3 });
    watch.start();
    say(true);
    say(false);
    expect(state()).toBe('passing: well');
    pass(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('is watched no longer when all is closed', () => {
    const { watch, pass, say, state } = watched(1_000);
    watch.start();
    say(true);
    watch.close();
    pass(10_000);
    expect(state()).toBe('passing: well');
  });
});

test('without a ttl the last report stands', () => {
  const { watch, pass, say, state } = watched(null);
  watch.start();
  say(true);
  pass(3_600_000);
  expect(state()).toBe('passing: well');
});
