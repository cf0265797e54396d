import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { METRICS } from '../../../agent/metrics/index.ts';

const NAMES = new Set(METRICS.map(({ name }) => name));

const Rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.enum(['critical', 'warning', 'info']) }),
          annotations: z.object({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});
const RuleTests = z.object({
  tests: z.array(
    z.object({
      input_series: z.array(z.object({ series: z.string() })),
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()).optional() })),
    }),
  ),
});
const Dashboard = z.object({
  templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.unknown() })) }),
  panels: z.array(
    z.object({
      id: z.int(),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string() })).min(1),
    }),
  ),
});

function read(path: string): string {
  return readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');
}

/** Ours, and those of the process; `up` is Prometheus's own. */
function metricsIn(text: string): string[] {
  return text.match(/\b(?:tiebreak|process|nodejs)_[a-z0-9_]+/g) ?? [];
}

/** Each label that a metric is selected by: `name{label="…"}`. `cluster`, `job` and `instance` are Prometheus's. */
function selectorsIn(text: string): { name: string; label: string }[] {
  return [...text.matchAll(/\b([a-z0-9_]+)\{([^}]*)\}/g)].flatMap(([, name = '', inside = '']) =>
    [...inside.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => ({ name, label })),
  );
}

function expectKnown(text: string): void {
  for (const name of metricsIn(text)) expect(NAMES, `${name} is no metric of the agent`).toContain(name);
  for (const { name, label } of selectorsIn(text)) {
    if (!NAMES.has(name) || ['cluster', 'job', 'instance'].includes(label)) continue;
    const labels = METRICS.find((metric) => metric.name === name)?.labels;
    expect(labels, `${name} has no label ${label}`).toContain(label);
  }
}

test('docs/metrics.md has every metric as the code has it, and no other', () => {
  const rows = read('metrics.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const told = rows.map(([, name = '', type, labels = '', help]) => ({
    name: name.replaceAll('`', ''),
    type,
    labels: labels === '' ? [] : labels.split(', ').map((label) => label.replaceAll('`', '')),
    help,
  }));
  const byName = (left: { name: string }, right: { name: string }) => left.name.localeCompare(right.name);
  const known = METRICS.map(({ name, type, labels, help }) => ({ name, type, labels: [...labels], help }));
  expect(told.toSorted(byName)).toEqual(known.toSorted(byName));
});

describe('the alert rules', () => {
  const rules = Rules.parse(parse(read('monitoring/alerts.yml'))).groups.flatMap((group) => group.rules);

  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s speaks of metrics that there are', (_name, rule) => {
    expect(rule.alert).toMatch(/^Tiebreak[A-Z]/);
    expectKnown(rule.expr);
  });

  test('bear each name once, and each has a test that makes it fire', () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const { tests } = RuleTests.parse(parse(read('monitoring/alerts.test.yml')));
    const fired = tests.flatMap(({ alert_rule_test: expected }) =>
      expected.filter(({ exp_alerts: alerts = [] }) => alerts.length > 0).map(({ alertname }) => alertname),
    );
    expect([...new Set(fired)].toSorted()).toEqual(names.toSorted());
    for (const { input_series: series } of tests) for (const { series: text } of series) expectKnown(text);
  });
});

describe('the dashboard', () => {
  const { panels, templating } = Dashboard.parse(JSON.parse(read('monitoring/grafana-dashboard.json')));

  test('speaks of metrics that there are', () => {
    for (const { query } of templating.list) expectKnown(JSON.stringify(query).replaceAll('\\"', '"'));
    for (const { targets } of panels) for (const { expr } of targets) expectKnown(expr);
  });

  test('has panels of different ids that lie nowhere upon each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, number>();
    for (const { id, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x} ${y}`), `panel ${id} lies upon another one`).toBeUndefined();
          taken.set(`${x} ${y}`, id);
        }
      }
    }
  });
});
