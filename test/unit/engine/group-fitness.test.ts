import type { Fitness } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import type { CheckConfig, PushCheckConfig } from '../../../agent/config/index.ts';
import { GroupFitness } from '../../../agent/engine/group-fitness.ts';

const check = (name: string, changes: Partial<PushCheckConfig> = {}): CheckConfig => ({
  name,
  kind: 'push',
  rise: 1,
  fall: 1,
  weight: 0,
  ttlMs: null,
  ...changes,
});

function fitnessWith(checks: readonly CheckConfig[] = [], priority = 100) {
  const changes: Fitness[] = [];
  const fitness = new GroupFitness({
    priority,
    skewUsOf: (given) => 256 - given,
    checks,
    onChange: (changed) => changes.push(changed),
  });
  return { fitness, changes };
}

describe('links', () => {
  test('one that is lost makes unfit, until it is back', () => {
    const { fitness, changes } = fitnessWith();
    fitness.linkChanged('eth0', false);
    fitness.linkChanged('eth1', false);
    expect(fitness.reason()).toBe('no link on eth0, eth1');
    fitness.linkChanged('eth0', true);
    fitness.linkChanged('eth1', true);
    expect(changes.map(({ unfit }) => unfit)).toEqual(['link_lost', undefined]);
    expect(fitness.reason()).toBeUndefined();
  });
});

describe('checks', () => {
  test('one without weight gives the group up when it fails', () => {
    const { fitness, changes } = fitnessWith([check('nginx')]);
    expect(fitness.current.unfit).toBeUndefined();
    expect(fitness.report('nginx', { healthy: false, detail: '502' })).toBe(true);
    expect(changes).toMatchObject([{ unfit: 'check_failed', priority: 100 }]);
    expect(fitness.reason()).toBe('check failing: nginx: 502');
    expect(fitness.report('mysql', { healthy: false, detail: '' })).toBe(false);
  });

  test('fall and rise count reports in a row', () => {
    const { fitness } = fitnessWith([check('nginx', { fall: 3, rise: 2 })]);
    fitness.report('nginx', { healthy: true, detail: '' });
    fitness.report('nginx', { healthy: false, detail: '' });
    fitness.report('nginx', { healthy: false, detail: '' });
    fitness.report('nginx', { healthy: true, detail: '' });
    fitness.report('nginx', { healthy: false, detail: '' });
    fitness.report('nginx', { healthy: false, detail: '' });
    expect(fitness.current.unfit).toBeUndefined();
    fitness.report('nginx', { healthy: false, detail: '' });
    expect(fitness.current.unfit).toBe('check_failed');
    fitness.report('nginx', { healthy: true, detail: '' });
    expect(fitness.current.unfit).toBe('check_failed');
    fitness.report('nginx', { healthy: true, detail: '' });
    expect(fitness.current.unfit).toBeUndefined();
  });

  test('counts the reports that others have heard in between', () => {
    const { fitness } = fitnessWith([check('nginx', { fall: 3 })]);
    fitness.report('nginx', { healthy: true, detail: '' });
    fitness.report('nginx', { healthy: false, detail: '', inARow: 2 });
    expect(fitness.current.unfit).toBeUndefined();
    fitness.report('nginx', { healthy: false, detail: '', inARow: 3 });
    expect(fitness.current.unfit).toBe('check_failed');
  });

  test.each([
    [20, 120, 100],
    [-20, 100, 80],
    [-254, 100, 1],
    [254, 254, 100],
  ])('a weight of %i makes the priority %i while passing and %i while failing', (weight, passing, failing) => {
    const { fitness } = fitnessWith([check('nginx', { weight })]);
    fitness.report('nginx', { healthy: true, detail: '' });
    expect(fitness.current).toEqual({ priority: passing, skewUs: 256 - passing, unfit: undefined });
    fitness.report('nginx', { healthy: false, detail: '' });
    expect(fitness.current).toEqual({ priority: failing, skewUs: 256 - failing, unfit: undefined });
  });

  test("the priority of an address's own host has no weights", () => {
    const { fitness } = fitnessWith([check('nginx', { weight: -50 })], 255);
    fitness.report('nginx', { healthy: false, detail: '' });
    expect(fitness.current.priority).toBe(255);
  });

  test('a report that changes nothing is no change', () => {
    const { fitness, changes } = fitnessWith([check('nginx')]);
    fitness.report('nginx', { healthy: true, detail: '' });
    fitness.report('nginx', { healthy: true, detail: '' });
    expect(changes).toEqual([]);
  });
});

test('maintenance comes before everything else', () => {
  const { fitness, changes } = fitnessWith([check('nginx')]);
  fitness.linkChanged('eth0', false);
  fitness.setMaintenance(true);
  expect(fitness.reason()).toContain('tiebreak maintenance off');
  fitness.setMaintenance(false);
  expect(changes.map(({ unfit }) => unfit)).toEqual(['link_lost', 'maintenance', 'link_lost']);
});

test('a check of the same name and kind is as it was under another configuration, until it is looked at again', () => {
  const push = (name: string) => ({ name, kind: 'push', rise: 1, fall: 1, weight: 0, ttlMs: null }) as const;
  const told: unknown[] = [];
  const fitness = new GroupFitness({
    priority: 100,
    skewUsOf: (priority) => priority,
    checks: [push('web'), push('gone')],
    onChange: (current) => told.push(current),
  });
  fitness.report('web', { healthy: false, detail: 'down' });
  fitness.report('gone', { healthy: false, detail: 'down' });
  fitness.linkChanged('eth9', false);
  told.length = 0;
  const to = { priority: 150, skewUsOf: () => 7, checks: [{ ...push('web'), weight: -20 }, push('new')] };
  fitness.configure({ ...to, interfaces: ['eth0'] });
  expect(fitness.current).toEqual({ priority: 130, skewUs: 7, unfit: undefined });
  expect(fitness.checks.map(({ config, state }) => [config.name, state])).toEqual([
    ['web', 'failing'],
    ['new', 'unknown'],
  ]);
  expect(told).toEqual([]);
});
