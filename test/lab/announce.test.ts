import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Capture } from './capture.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO } from './system.ts';
import { TiebreakAgent, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { NETWORK, Topology } from './topology.ts';

// When an owner's announcements are on the wire, as a client sees them.

const START_MS = 15_000;
/** From one frame to the next, on a machine that is busy. */
const LATE_MS = 400;

let topology: Topology;
let capture: Capture;
let agent: TiebreakAgent | undefined;
let seenUs: number[];

beforeEach(async () => {
  requireTools(LAB_TOOLS);
});

afterEach(async () => {
  await agent?.terminate();
  await capture?.stop();
  topology?.close();
});

/** Starts an owner with this table `announce`; ends when `count` frames have come. Returns their times in ms after the first. */
async function announced(family: 4 | 6, announce: string, count: number): Promise<number[]> {
  topology = await Topology.create({ ipv6: family === 6 });
  seenUs = [];
  const { lanInterface, virtualAddress, hosts } = NETWORK;
  // A neighbour advertisement (136) of the link-local virtual address: its first and its last 16 bits.
  const filter =
    family === 4
      ? `arp and arp[14:4] = ${ipv4Number(virtualAddress)} and ether src ${hosts.a.mac}`
      : `icmp6 and ip6[40] = 136 and ip6[48:2] = 0xfe80 and ip6[62:2] = ${lastGroup(NETWORK.virtualAddresses6[0])} and ether src ${hosts.a.mac}`;
  capture = await Capture.start(topology, { place: 'client', interfaceName: lanInterface, filter }, ({ atUs }) => {
    seenUs.push(atUs);
  });
  agent = new TiebreakAgent(
    topology,
    'a',
    DEFAULT_SCENARIO,
    { ...VIRTUAL_ROUTER_DEFAULTS, family, announce },
    undefined,
  );
  await agent.start();
  await waitFor(`${count} announcements`, START_MS, async () => (seenUs.length >= count ? true : undefined));
  const [first = 0] = seenUs;
  return seenUs.slice(0, count).map((atUs) => (atUs - first) / 1000);
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => 256 * sum + Number(part), 0);
}

function lastGroup(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(':') + 1), 16);
}

/** Each is at its time or a little later, and never earlier. */
function expectAt(times: readonly number[], wantedMs: readonly number[]): void {
  expect(times).toHaveLength(wantedMs.length);
  for (const [index, wanted] of wantedMs.entries()) {
    // The frame that all are measured from may itself have been held up.
    expect(times[index], `${times}`).toBeGreaterThan(wanted - LATE_MS);
    expect(times[index], `${times}`).toBeLessThan(wanted + LATE_MS);
  }
}

test('gratuitous ARP: three copies 100 ms apart, again after 2 s, then two copies every 3 s', async () => {
  const table = '{ repeat_after = ["2s"], copies = 3, refresh = "3s", refresh_copies = 2, spacing = "100ms" }';
  const times = await announced(4, table, 10);
  expectAt(times, [0, 100, 200, 2_000, 2_100, 2_200, 5_000, 5_100, 8_000, 8_100]);
  for (const [earlier, later] of [
    [0, 1],
    [1, 2],
    [3, 4],
    [6, 7],
  ] as const) {
    expect((times[later] ?? 0) - (times[earlier] ?? 0), `${times}`).toBeGreaterThan(90);
  }
});

test('neighbour advertisements, twice in all', async () => {
  const times = await announced(6, '{ repeat_after = [], copies = 2 }', 2);
  expectAt(times, [0, 0]);
  await sleep(2_000);
  expect(seenUs).toHaveLength(2);
});
