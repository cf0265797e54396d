import { describe, expect, test } from 'vitest';
import type { PushCheckConfig } from '../../../agent/config/index.ts';
import { GroupFitness } from '../../../agent/engine/group-fitness.ts';
import { operationsOn } from '../../../agent/engine/operations.ts';
import { PushWatch } from '../../../agent/engine/push-watch.ts';
import { VirtualTime } from './virtual-time.ts';

const SHOP: PushCheckConfig = { name: 'shop', kind: 'push', rise: 1, fall: 1, weight: 0, ttlMs: 1_000 };

function watched(ttlMs: number | null, changes: Partial<PushCheckConfig> = {}) {
  const config: { checks: readonly PushCheckConfig[] } = { checks: [{ ...SHOP, ttlMs, ...changes }] };
  const skewUsOf = () => 0;
  const fitness = new GroupFitness({ priority: 100, skewUsOf, checks: config.checks, onChange: () => {} });
  const group = { name: 'edge', config, fitness, setMaintenance: () => {} };
  const time = new VirtualTime();
  const watch = new PushWatch(() => [group], time);
  const pass = (ms: number) => time.pass(ms * 1_000);
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
  return {
    watch,
    pass,
    reload,
    say,
    state: () => fitness.checks.map(({ state, detail }) => `${state}: ${detail}`).join(),
  };
}

describe('a push check with a ttl', () => {
  test('fails if nobody reports at all', () => {
    const { watch, pass, state } = watched(2_500);
    watch.change();
    pass(2_499);
    expect(state()).toBe('unknown: nothing was reported yet');
    pass(2);
    expect(state()).toBe('failing: no report for 2.5s');
  });

  test('passes as long as the reports come, and again with the next one', () => {
    const { watch, pass, say, state } = watched(1_000);
    watch.change();
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
    watch.change();
    say(true);
    say(false);
    expect(state()).toBe('passing: well');
    pass(1_001);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('is watched no longer when all is closed', () => {
    const { watch, pass, say, state } = watched(1_000);
    watch.change();
    say(true);
    watch.close();
    pass(10_000);
    expect(state()).toBe('passing: well');
  });
});

describe('after a reload', () => {
  test('a report that was awaited is due when it was, by the new fall', () => {
    const { watch, pass, reload, state } = watched(1_000);
    watch.change();
    pass(900);
    reload({ ...SHOP, fall: 3 });
    pass(99);
    expect(state()).toBe('unknown: nothing was reported yet');
    pass(2);
    expect(state()).toBe('failing: no report for 1s');
  });

  test('another ttl counts from there, and so does the first report on a check that is new', () => {
    const { watch, pass, reload, state } = watched(1_000);
    watch.change();
    pass(900);
    reload({ ...SHOP, ttlMs: 2_000 }, { ...SHOP, name: 'bar' });
    pass(1_001);
    expect(state()).toBe('unknown: nothing was reported yet,failing: no report for 1s');
    pass(1_000);
    expect(state()).toBe('failing: no report for 2s,failing: no report for 1s');
  });

  test('a check that has gone, or has no ttl any more, is not watched', () => {
    const { watch, pass, reload, state } = watched(1_000);
    watch.change();
    reload({ ...SHOP, ttlMs: null });
    pass(10_000);
    expect(state()).toBe('unknown: nothing was reported yet');
    reload(SHOP);
    reload();
    pass(10_000);
    expect(state()).toBe('');
  });
});

test('without a ttl the last report stands', () => {
  const { watch, pass, say, state } = watched(null);
  watch.change();
  say(true);
  pass(3_600_000);
  expect(state()).toBe('passing: well');
});
