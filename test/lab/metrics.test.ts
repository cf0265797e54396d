import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ExtraHost } from './extra-host.ts';
import { type HardeningLab, hardeningLab } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { other } from './system.ts';
import { GROUP, tiebreakAgentOf } from './tiebreak.ts';
import { type HostName, NETWORK } from './topology.ts';

// What real agents tell Prometheus, of themselves and of what others do to them.

const SENDER = fileURLToPath(new URL('vrrp-sender.ts', import.meta.url));

let bench: HardeningLab;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  bench = await hardeningLab();
  await bench.lab.steady();
});
afterAll(() => bench?.lab.close());

/** The sum of all series of a metric that carry these labels; undefined: there is none. */
async function metric(node: HostName, name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const text = await tiebreakAgentOf(bench.system, node).metrics();
  const values = text.split('\n').flatMap((line) => {
    const [, of = '', value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    const fits = Object.entries(labels).every(([label, wanted]) => line.includes(`${label}="${wanted}"`));
    return of === name && fits ? [Number(value)] : [];
  });
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** Waits until it is at least so much. */
function reaches(node: HostName, name: string, labels: Record<string, string>, least: number): Promise<number> {
  return waitFor(`${name} on ${node} reaches ${least}`, 5_000, async () => {
    const value = (await metric(node, name, labels)) ?? 0;
    return value >= least ? value : undefined;
  });
}

test('owner and backup tell who owns, by which votes, and who is heard', async () => {
  const owner = await bench.lab.steady();
  const backup = other(owner);
  for (const node of [owner, backup]) {
    expect(await metric(node, 'tiebreak_build_info', { node })).toBe(1);
    expect(await metric(node, 'tiebreak_healthy')).toBe(1);
    expect(await metric(node, 'tiebreak_guardian_running')).toBe(1);
    expect(await metric(node, 'tiebreak_group_owner', { group: GROUP })).toBe(node === owner ? 1 : 0);
    expect(await metric(node, 'tiebreak_group_owner_known', { group: GROUP })).toBe(1);
    expect(await metric(node, 'tiebreak_fence_open', { group: GROUP })).toBe(node === owner ? 1 : 0);
    expect(await metric(node, 'tiebreak_peer_heard', { group: GROUP, peer: other(node) })).toBe(1);
    expect(await metric(node, 'tiebreak_peer_config_differs')).toBe(0);
    expect(await metric(node, 'tiebreak_witness_link_state', { state: 'connected' })).toBe(1);
    expect(await metric(node, 'tiebreak_witness_round_trip_p99_seconds')).toBeGreaterThan(0);
    await reaches(node, 'tiebreak_sideband_datagrams_received_total', { peer: other(node) }, 10);
    expect(await metric(node, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
  }
  expect(await metric(owner, 'tiebreak_group_votes_held')).toBe(2);
  await reaches(owner, 'tiebreak_virtual_router_advertisements_sent_total', { virtual_router_id: '33' }, 10);
  await reaches(backup, 'tiebreak_virtual_router_advertisements_received_total', { virtual_router_id: '33' }, 10);
});

test('a handover is a takeover of one, and a transition with its cause of both', async () => {
  const owner = await bench.lab.steady();
  const successor = other(owner);
  const before = (await metric(successor, 'tiebreak_group_takeovers_total')) ?? Number.NaN;
  const ballot = (await metric(successor, 'tiebreak_group_ballot')) ?? Number.NaN;
  await tiebreakAgentOf(bench.system, owner).handOver();
  await reaches(successor, 'tiebreak_group_takeovers_total', {}, before + 1);
  expect(await bench.lab.steady()).toBe(successor);
  expect(await metric(successor, 'tiebreak_group_transitions_total', { to: 'active' })).toBe(before + 1);
  expect(await metric(owner, 'tiebreak_group_transitions_total', { from: 'active', cause: 'handover' })).toBe(1);
  expect(await metric(successor, 'tiebreak_group_ballot')).toBeGreaterThan(ballot);
  expect(await metric(owner, 'tiebreak_group_owner')).toBe(0);
});

test('what other programs take away is counted as it is put back', async () => {
  const owner = await bench.lab.steady();
  const { topology } = bench;
  expect(await metric(owner, 'tiebreak_virtual_router_addresses_restored_total')).toBe(0);
  await topology.inside(owner, 'ip', ['address', 'del', `${NETWORK.virtualAddress}/24`, 'dev', 'eth0']);
  await reaches(owner, 'tiebreak_virtual_router_addresses_restored_total', { interface: 'eth0' }, 1);
  expect(await metric(owner, 'tiebreak_fence_recreations_total')).toBe(0);
  await topology.inside(owner, 'nft', ['flush', 'ruleset']);
  await reaches(owner, 'tiebreak_fence_recreations_total', {}, 1);
  expect(await bench.lab.steady()).toBe(owner);
});

test('packets that nobody should have sent are counted by what was wrong with them', async () => {
  const owner = await bench.lab.steady();
  const host = await ExtraHost.create(bench.topology, 'talker', '10.77.0.66/24', { to: 'lan' });
  try {
    // A whole header of version 3 with a wrong checksum, then one of version 7.
    const messages = ['3121640100190000', '7121640100190000'].map((header) => `${header}0a4d00c8`);
    const logFile = join(bench.topology.folder, 'talker.log');
    const talker = host.spawn({ command: process.execPath, args: [SENDER, '10.77.0.66', ...messages], logFile });
    await talker.exited;
    const name = 'tiebreak_virtual_router_advertisements_discarded_total';
    const router = { group: GROUP, interface: 'eth0', virtual_router_id: '33', family: 'ipv4' };
    expect(await reaches(owner, name, { ...router, reason: 'bad-checksum' }, 1), talker.log).toBe(1);
    expect(await reaches(owner, name, { ...router, reason: 'unknown-version' }, 1), talker.log).toBe(1);
  } finally {
    await host.close();
  }
  expect(await bench.lab.steady()).toBe(owner);
});
