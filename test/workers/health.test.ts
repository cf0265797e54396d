import { evictDurableObject } from 'cloudflare:test';
import {
  AlertsTaken,
  EventsPage,
  HealthTaken,
  IssuedMonitorToken,
  type PassedHealth,
  Problem,
} from '@tiebreak/shared/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, type Agent, type Cluster, call, type Draft, type Link, newCluster, put } from './cluster-fixture.ts';

let cluster: Cluster;
let a: Agent;
let monitor: string;
beforeEach(async () => {
  cluster = await newCluster('a', 'b');
  a = cluster.agent('a');
  const issued = await put(`/v1/clusters/${cluster.name}/monitors/outside`);
  monitor = IssuedMonitorToken.parse(await issued.json()).token;
  await a.welcome();
  await a.ask(a.vote(1));
});

const pathOf = (node = 'a', group = 'edge') => `/v1/clusters/${cluster.name}/groups/${group}/nodes/${node}/health`;

function post(path: string, body: unknown, token = monitor): Promise<Response> {
  return call(path, token, { method: 'POST', body: JSON.stringify(body) });
}

async function said(healthy: boolean, more: Draft = {}): Promise<boolean> {
  const response = await post(pathOf(), { check: 'nginx', healthy, ...more });
  expect(response.status).toBe(200);
  return HealthTaken.parse(await response.json()).delivered;
}

async function passed(link: Link): Promise<PassedHealth> {
  const message = a.verify(await link.next());
  if (message.type !== 'health') throw new Error(`no report: ${message.type}`);
  return message.report;
}

async function codeOf(response: Response): Promise<string> {
  return Problem.parse(await response.json()).code;
}

async function healthEvents(): Promise<string[]> {
  const response = await call(`/v1/clusters/${cluster.name}/events?kind=health`, ADMIN);
  return EventsPage.parse(await response.json()).events.map(({ text }) => text);
}

function alert(status: 'firing' | 'resolved', labels: Draft = {}): Draft {
  const about = { tiebreak_node: 'a', tiebreak_group: 'edge', tiebreak_check: 'nginx' };
  return {
    status,
    labels: { alertname: 'NginxDown', ...about, ...labels },
    annotations: { summary: '502 since 3 min' },
  };
}

describe('a report of an outside monitor', () => {
  it('goes to the node it is about, signed for it, and to no other', async () => {
    const [link, other] = [await a.connect(), await cluster.agent('b').connect()];
    expect(await said(false, { detail: '502' })).toBe(true);
    const report = await passed(link);
    expect(report).toMatchObject({ group: 'edge', check: 'nginx', healthy: false, detail: '502', in_a_row: 1 });
    expect(await said(false)).toBe(true);
    const second = await passed(link);
    expect(second.in_a_row).toBe(2);
    expect(second.stamp_ms).toBeGreaterThan(report.stamp_ms);
    await other.ping();
    expect(other.unread).toEqual([]);
  });

  it('waits for a node that is away, with how often it was said, also over an eviction', async () => {
    expect(await said(true)).toBe(false);
    expect(await said(false)).toBe(false);
    expect(await said(false)).toBe(false);
    await evictDurableObject(cluster.stub);
    const link = await a.connect();
    expect(await link.ask(a.hello())).toEqual({ kind: 'welcome', protocol: 1 });
    expect(await passed(link)).toMatchObject({ check: 'nginx', healthy: false, in_a_row: 2 });
  });

  it('is an event when it says something new', async () => {
    await said(false, { detail: '502' });
    await said(false, { detail: '502' });
    await said(true);
    expect(await healthEvents()).toEqual([
      'edge: outside reports nginx of a as well',
      'edge: outside reports nginx of a as failed: 502',
    ]);
  });

  it.each([
    ['an unknown node', () => pathOf('c'), 'unknown_node'],
    ['an unknown group', () => pathOf('a', 'core'), 'unknown_group'],
    ['a name that is none', () => pathOf('a', 'EDGE'), 'bad_name'],
  ])('about %s is refused', async (_, path, code) => {
    expect(await codeOf(await post(path(), { check: 'nginx', healthy: false }))).toBe(code);
  });

  it.each([
    ['no check', { healthy: true }],
    ['a check whose name is markup', { check: '<b>', healthy: true }],
    ['a long detail', { check: 'nginx', healthy: true, detail: 'x'.repeat(501) }],
    ['more than belongs there', { check: 'nginx', healthy: true, priority: 255 }],
  ])('with %s is refused', async (_, body) => {
    expect(await codeOf(await post(pathOf(), body))).toBe('bad_request');
  });

  it('is taken from no one else, and changes no vote', async () => {
    const before = cluster.agent('a').serial;
    for (const token of [ADMIN, a.token, monitor.replace('tbm1', 'tbv1'), `tbm1.${'0'.repeat(32)}.${'0'.repeat(64)}`]) {
      expect(await codeOf(await post(pathOf(), { check: 'nginx', healthy: false }, token))).toBe('unauthorized');
    }
    expect(await healthEvents()).toEqual([]);
    await said(false);
    expect(await a.ask(a.rehearsal())).toEqual({ kind: 'rehearsed' });
    expect(a.serial).toBe(before);
  });

  it('is refused once the monitor is revoked, and reads nothing before', async () => {
    expect((await call(`/v1/clusters/${cluster.name}`, monitor)).status).toBe(401);
    expect((await call(`/v1/clusters/${cluster.name}/monitors/outside`, ADMIN, { method: 'DELETE' })).status).toBe(204);
    expect(await codeOf(await post(pathOf(), { check: 'nginx', healthy: false }))).toBe('unauthorized');
  });

  it('comes a hundred times at once, and then five times a second', async () => {
    const codes = new Map<number, number>();
    for (let count = 0; count < 120; count += 1) {
      const { status } = await post(pathOf(), { check: 'nginx', healthy: false });
      codes.set(status, (codes.get(status) ?? 0) + 1);
    }
    expect(codes.get(200)).toBeGreaterThanOrEqual(100);
    expect(codes.get(429)).toBeGreaterThan(0);
  });

  it('is about a thousand checks at most', async () => {
    // By way of alerts, of which one message holds many.
    const alerts = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => alert('firing', { tiebreak_check: `c${from + index}` }));
    for (let from = 0; from < 1_000; from += 200) {
      const response = await post(`/v1/clusters/${cluster.name}/alerts`, { version: '4', alerts: alerts(from, 200) });
      expect(AlertsTaken.parse(await response.json()).taken).toBe(200);
    }
    expect(await codeOf(await post(pathOf(), { check: 'one-more', healthy: false }))).toBe('too_many_checks');
    expect(await said(true, { check: 'c7' })).toBe(false);
  });
});

describe("Alertmanager's webhook", () => {
  const alerts = (...list: Draft[]) => ({
    version: '4',
    status: 'firing',
    receiver: 'tiebreak',
    groupKey: '{}',
    alerts: list,
  });

  it('is a report for each alert that says what it is about', async () => {
    const link = await a.connect();
    const body = alerts(alert('firing'), alert('firing', { tiebreak_node: 'c' }), {
      status: 'firing',
      labels: { alertname: 'Other' },
    });
    const response = await post(`/v1/clusters/${cluster.name}/alerts`, body);
    expect(AlertsTaken.parse(await response.json())).toEqual({
      taken: 1,
      ignored: [
        { alert: 'NginxDown', reason: 'unknown_node' },
        { alert: 'Other', reason: 'no_labels' },
      ],
    });
    expect(await passed(link)).toMatchObject({ check: 'nginx', healthy: false, detail: '502 since 3 min' });
    await post(`/v1/clusters/${cluster.name}/alerts`, alerts(alert('resolved')));
    expect(await passed(link)).toMatchObject({ check: 'nginx', healthy: true });
  });

  it('may be longer than other messages, and is refused where it is longer still', async () => {
    const padded = (length: number) => alerts(alert('firing', { padding: 'x'.repeat(length) }));
    expect((await post(`/v1/clusters/${cluster.name}/alerts`, padded(100_000))).status).toBe(200);
    expect(await codeOf(await post(`/v1/clusters/${cluster.name}/alerts`, padded(300_000)))).toBe('too_large');
    expect(await codeOf(await post(pathOf(), { check: 'nginx', healthy: true, detail: 'x'.repeat(70_000) }))).toBe(
      'too_large',
    );
  });
});
