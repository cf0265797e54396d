import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from '../lab/prerequisites.ts';
import { waitFor } from '../lab/process.ts';
import { NETWORK } from '../lab/topology.ts';
import type { Decoded } from './advertisements.ts';
import { Pair } from './pair.ts';

// What keepalived does with IPv6 that RFC 9568 has otherwise: unicast leaves with the kernel's hop limit of 64 unless told otherwise,
// and the addresses are advertised in the order of its configuration.

beforeAll(() => requireTools([...LAB_TOOLS, 'keepalived', 'tshark']));

let pair: Pair;
afterEach(() => pair?.close());

const START_MS = 10_000;
const UNICAST6 = {
  tiebreakPriority: 100,
  keepalivedPriority: 200,
  family: 6,
  transport: 'unicast',
} as const;

/** keepalived gives up on an address that still waits for duplicate address detection. */
async function startKeepalivedFirst(): Promise<void> {
  await waitFor('every address is there for good', START_MS, async () => {
    const [a, b] = await Promise.all(
      (['a', 'b'] as const).map((host) => pair.topology.inside(host, 'ip', ['-6', 'addr', 'show', 'tentative'])),
    );
    return a === '' && b === '' ? true : undefined;
  });
  await pair.keepalived.start();
  await pair.ownedBy('b', START_MS);
  await pair.tiebreak.start();
}

async function droppedIpv6(): Promise<number> {
  const line = /^tiebreak_fence_hop_limit_drops_total\{family="ipv6"\} (\d+)$/m.exec(await pair.tiebreak.metrics());
  return Number(line?.[1]);
}

async function theirAdvertisements(): Promise<Decoded[]> {
  const all = await pair.record.sightings('pseudo-header');
  return all.filter(({ bySelf }) => !bySelf).map(({ decoded }) => decoded);
}

test('keepalived as it is by default: not heard, which the log explains and a counter counts', async () => {
  pair = await Pair.create(UNICAST6);
  await startKeepalivedFirst();
  await waitFor('the fence counts', START_MS, async () =>
    (await pair.tiebreak.metrics().then(droppedIpv6, () => 0)) > 0 ? true : undefined,
  );
  const theirs = await theirAdvertisements();
  expect(new Set(theirs.map(({ hopLimit }) => hopLimit))).toEqual(new Set([64]));
  const from = `from ${NETWORK.hosts.b.lan6} on ${NETWORK.lanInterface} (virtual router ${pair.scenario.virtualRouterId})`;
  expect(pair.tiebreak.log()).toContain(from);
  expect(pair.tiebreak.log()).toContain('set unicast_ttl 255');
  // The counters begin anew with new tables; what was counted stays.
  const before = await droppedIpv6();
  await pair.topology.inside('a', 'nft', ['flush', 'ruleset']);
  await waitFor('it counts on', START_MS, async () => ((await droppedIpv6()) > before ? true : undefined));
});

test('with unicast_ttl 255 it is heard, and nothing is dropped', async () => {
  pair = await Pair.create({ ...UNICAST6, unicastTtl: 255 });
  await startKeepalivedFirst();
  expect(await pair.ownersDuring(4 * pair.masterDownMs('a'))).toEqual(['b']);
  await sleep(6_000);
  expect(await droppedIpv6()).toBe(0);
});

test('a global address first: heard, and the log says what to do', async () => {
  pair = await Pair.create({ ...UNICAST6, transport: 'multicast', globalFirst: true });
  await startKeepalivedFirst();
  expect(await pair.ownersDuring(4 * pair.masterDownMs('a'))).toEqual(['b']);
  const [theirs] = await theirAdvertisements();
  expect(theirs?.addresses).toEqual([...NETWORK.virtualAddresses6].reverse());
  const [, global] = NETWORK.virtualAddresses6;
  expect(pair.tiebreak.log()).toContain(`advertises ${global} first, which is no link-local address`);
});
