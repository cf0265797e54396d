import { expect, test } from 'vitest';
import { type MetricsSources, metricsReading } from '../../../agent/engine/metrics-reading.ts';
import { RouterTraffic } from '../../../agent/metrics/counters/index.ts';
import { HEALTHY } from '../metrics/reading-example.ts';
import { ROUTER, ScriptedMember } from './scripted-group.ts';
import { converse, SidebandEnd } from './sideband-pair.ts';
import { VirtualTime } from './virtual-time.ts';

const NONE: MetricsSources = {
  status: HEALTHY.status,
  healthy: true,
  engine: HEALTHY.engine,
  recentCrashes: 0,
  leaseGroups: [],
  vrrpGroups: [],
  routers: [],
  sideband: undefined,
  witness: undefined,
  fence: undefined,
  hopLimits: undefined,
  reconciler: undefined,
  history: undefined,
};

async function readingOf(member: ScriptedMember, more: Partial<MetricsSources> = {}) {
  // Transitions are told, and counted, once their effects are done.
  await new Promise(setImmediate);
  return metricsReading({ ...NONE, leaseGroups: [member.group], ...more });
}

test('an agent of which nothing is open yet has counted nothing', () => {
  expect(metricsReading(NONE)).toMatchObject({
    historyEntries: 0,
    networkMonitorOverruns: 0,
    fenceRecreations: 0,
    groups: [],
    sideband: [],
    witness: undefined,
  });
});

test('a takeover is counted with its cause, attempts included', async () => {
  const member = new ScriptedMember(new VirtualTime());
  member.own();
  const { groups } = await readingOf(member);
  expect(groups).toMatchObject([{ name: 'edge', takeovers: 1 }]);
  expect(groups[0]?.transitions).toEqual(
    expect.arrayContaining([
      { from: 'backup', to: 'candidate', cause: 'down_timer', count: 1 },
      { from: 'candidate', to: 'active', cause: 'votes_complete', count: 1 },
    ]),
  );
});

test('a peer differs in identity, in settings, or in nothing any more', async () => {
  const member = new ScriptedMember(new VirtualTime());
  const differs = async () => (await readingOf(member)).groups[0]?.peers;
  expect(await differs()).toEqual([{ node: 'a', differs: null }]);
  member.hear('none', 1, { settings: 'ffffffffffffffff' });
  expect(await differs()).toEqual([{ node: 'a', differs: 'settings' }]);
  member.hear('none', 1, { configHash: 'ffffffffffffffff' });
  expect(await differs()).toEqual([{ node: 'a', differs: 'identity' }]);
  member.hear('none', 1);
  expect(await differs()).toEqual([{ node: 'a', differs: null }]);
});

test('each group has its own virtual routers, with what they have counted', async () => {
  const traffic = new RouterTraffic();
  traffic.sent = 3;
  traffic.received = 2;
  traffic.discard('stranger');
  const corrections = { addressesRestored: 1, addressesRemoved: 2, foreignClaims: 3 };
  const router = {
    config: ROUTER,
    traffic,
    discarded: () => new Map([['stranger', 1] as const]),
    corrections: () => corrections,
  };
  const another = { ...router, config: { ...ROUTER, virtualRouterId: 34 } };
  const { groups } = await readingOf(new ScriptedMember(new VirtualTime()), { routers: [another, router] });
  expect(groups[0]?.routers).toEqual([
    {
      interface: 'eth0',
      virtualRouterId: 33,
      family: 'ipv4',
      advertisementsSent: 3,
      advertisementsReceived: 2,
      advertisementsDiscarded: new Map([['stranger', 1]]),
      ...corrections,
    },
  ]);
});

test('datagrams are counted as sent on each path, and as received once they are believed', () => {
  const time = new VirtualTime();
  const [a, b] = [
    new SidebandEnd(time, 'a', 'b', [], { addresses: ['10.0.0.2', '10.1.0.2'] }),
    new SidebandEnd(time, 'b', 'a', [], { addresses: ['10.0.0.1'] }),
  ];
  a.link.heartbeatNow();
  expect(a.link.traffic).toEqual({ sent: 2, received: 0 });
  converse(a, b);
  a.link.heartbeatNow();
  const { sent } = a.link.traffic;
  const { received } = b.link.traffic;
  converse(a, b);
  // Both paths brought it, and it counts once.
  expect(b.link.traffic.received).toBe(received + 1);
  expect(a.link.traffic.sent).toBe(sent);
  expect(b.link.refusals().get('duplicate')).toBeGreaterThan(0);
  const sideband = { links: [b.link], misdirected: () => new Map([['stranger', 1] as const]) };
  expect(metricsReading({ ...NONE, sideband })).toMatchObject({
    sideband: [{ peer: 'a', ...b.link.traffic, refused: b.link.refusals() }],
    sidebandMisdirected: new Map([['stranger', 1]]),
  });
});
