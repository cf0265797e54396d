import { beforeEach, expect, test } from 'vitest';
import type { RouteConfig } from '../../../agent/config/index.ts';
import { KeptRoutes } from '../../../agent/engine/kept-routes.ts';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import type { Link, RouteSpecification, Rtnetlink } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';
import { VirtualTime } from './virtual-time.ts';

type Row = RouteSpecification & { readonly ours: boolean };

/** The kernel's routes; who adds with this interface adds with our mark. */
class Kernel {
  present: Row[] = [];

  put(route: RouteSpecification, ours: boolean): void {
    this.present.push({ ...route, ours });
  }

  readonly rtnetlink: Pick<Rtnetlink, 'addRoute' | 'removeRoute'> = {
    addRoute: (route) => {
      if (this.present.some((row) => isSame(row, route))) return { ok: true, value: 'already-there' };
      this.put(route, true);
      return { ok: true, value: 'done' };
    },
    removeRoute: (route) => {
      const found = this.present.find((row) => isSame(row, route) && row.ours);
      this.present = this.present.filter((row) => row !== found);
      return { ok: true, value: found === undefined ? 'not-there' : 'done' };
    },
  };
}

function isSame(one: RouteSpecification, other: RouteSpecification): boolean {
  return one.to.join() === other.to.join() && one.prefixLength === other.prefixLength && one.metric === other.metric;
}

const ROUTE: RouteConfig = {
  family: 'ipv4',
  to: '203.0.113.0',
  prefixLength: 24,
  via: '192.0.2.254',
  interface: 'eth0',
  source: '192.0.2.100',
  metric: 50,
  table: null,
};
const SPECIFICATION = {
  family: 'ipv4' as const,
  to: Uint8Array.of(203, 0, 113, 0),
  prefixLength: 24,
  via: Uint8Array.of(192, 0, 2, 254),
  source: Uint8Array.of(192, 0, 2, 100),
  metric: 50,
  interfaceIndex: 2,
};

let kernel: Kernel;
let routes: KeptRoutes;
let lines: () => { msg: string }[];

beforeEach(() => {
  kernel = new Kernel();
  const recorded = recordedLog();
  lines = recorded.lines;
  routes = new KeptRoutes({
    routes: [ROUTE],
    links: [link('eth0', 2)],
    rtnetlink: kernel.rtnetlink,
    complaints: new RateLimitedLog(recorded.log, new VirtualTime().nowUs),
  });
});

function link(name: string, index: number): Link {
  const none = { kind: undefined, parentIndex: undefined, masterIndex: undefined };
  return { name, index, mac: new Uint8Array(6), mtu: 1_500, up: true, carrier: true, loopback: false, ...none };
}

test('a route is there while this node owns', () => {
  routes.add();
  expect(kernel.present).toEqual([{ ...SPECIFICATION, ours: true }]);
  routes.remove();
  expect(kernel.present).toEqual([]);
  expect(routes.faults).toEqual([]);
});

test('what another program removes is back at the next look, and told of', () => {
  routes.add();
  kernel.present = [];
  routes.reconcile();
  expect(kernel.present).toHaveLength(1);
  expect(lines().map(({ msg }) => msg)).toEqual([expect.stringContaining('203.0.113.0/24 had gone')]);
  routes.reconcile();
  expect(lines()).toHaveLength(1);
});

test('one with our mark goes from a node that does not own', () => {
  kernel.put(SPECIFICATION, true);
  routes.reconcile();
  expect(kernel.present).toEqual([]);
});

test('one of an earlier run is replaced', () => {
  kernel.put({ ...SPECIFICATION, interfaceIndex: 9 }, true);
  routes.add();
  expect(kernel.present).toEqual([{ ...SPECIFICATION, ours: true }]);
});

test("somebody else's stays and is told of, until it has gone", () => {
  kernel.put(SPECIFICATION, false);
  routes.reconcile();
  expect(kernel.present).toHaveLength(1);
  routes.add();
  expect(routes.faults).toEqual([expect.stringContaining('another program has made a route to there')]);
  kernel.present = [];
  routes.reconcile();
  expect(routes.faults).toEqual([]);
  expect(kernel.present).toEqual([{ ...SPECIFICATION, ours: true }]);
});

test('on an interface that comes, or comes again, an owner has its routes', () => {
  routes.linksChanged([]);
  routes.add();
  expect(routes.faults).toEqual([expect.stringContaining('there is no interface eth0')]);
  routes.linksChanged([link('eth0', 9)]);
  expect(kernel.present).toEqual([{ ...SPECIFICATION, interfaceIndex: 9, ours: true }]);
  expect(routes.faults).toEqual([]);
});

test('an owner that is configured otherwise keeps the routes that stay untouched', () => {
  const other = { ...ROUTE, metric: 60 };
  routes.add();
  const [kept] = kernel.present;
  routes.withdraw([{ ...ROUTE }, other]);
  routes.change([{ ...ROUTE }, other]);
  expect(kernel.present).toHaveLength(2);
  expect(kernel.present[0]).toBe(kept);
  routes.withdraw([other]);
  routes.change([other]);
  expect(kernel.present.map(({ metric }) => metric)).toEqual([60]);
  routes.remove();
  expect(kernel.present).toEqual([]);
});

test('a backup that is configured otherwise adds none', () => {
  const other = { ...ROUTE, metric: 60 };
  routes.withdraw([other]);
  routes.change([other]);
  expect(kernel.present).toEqual([]);
});
