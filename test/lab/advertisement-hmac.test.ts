import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs } from './system.ts';
import { TiebreakAgent, VIRTUAL_ROUTER_DEFAULTS, type VirtualRouterOptions } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

// Two agents in mode "vrrp" that sign their advertisements, on a real wire: the kernel itself has a say in IPv6's checksum.

beforeAll(() => requireTools(LAB_TOOLS));

let topology: Topology;
let agents: TiebreakAgent[] = [];
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.terminate()));
  topology?.close();
});

function keyFile(name: string): string {
  const path = join(topology.folder, name);
  writeFileSync(path, `1 ${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  return path;
}

function agent(host: HostName, options: Partial<VirtualRouterOptions>): TiebreakAgent {
  return new TiebreakAgent(topology, host, DEFAULT_SCENARIO, { ...VIRTUAL_ROUTER_DEFAULTS, ...options }, undefined);
}

async function rolesAfter(ms: number): Promise<(string | undefined)[]> {
  await sleep(ms);
  return Promise.all(agents.map(async (each) => (await each.group())?.role));
}

test.each<[string, Partial<VirtualRouterOptions>]>([
  ['IPv4, multicast', {}],
  ['IPv4, unicast, checksum of the message alone', { transport: 'unicast', checksum: 'message' }],
  ['IPv6, multicast', { family: 6 }],
  ['IPv6, unicast', { family: 6, transport: 'unicast' }],
])('%s: with the same key one owns, with another key neither believes the other', async (_, options) => {
  topology = await Topology.create({ ipv6: options.family === 6 });
  const shared = keyFile('shared.key');
  agents = [agent('a', { ...options, hmacKeyFile: shared }), agent('b', { ...options, hmacKeyFile: shared })];
  const [a, b] = agents;
  await a?.start();
  await waitFor('a owns', 15_000, async () => (await a?.group())?.role === 'active' || undefined);
  await b?.start();
  await waitFor('b runs', 10_000, () => b?.group());
  expect(await rolesAfter(3 * masterDownMs(DEFAULT_SCENARIO, 'b'))).toEqual(['active', 'backup']);
  for (const each of agents) expect(each.log()).not.toContain('refused');

  await b?.terminate();
  const stranger = agent('b', { ...options, hmacKeyFile: keyFile('other.key') });
  agents = [...agents.slice(0, 1), stranger];
  await stranger.start();
  await waitFor('both own', 15_000, async () => (await stranger.group())?.role === 'active' || undefined);
  expect(await rolesAfter(500)).toEqual(['active', 'active']);
  for (const each of agents) expect(each.log()).toMatch(/refused an advertisement of .*: a wrong HMAC/);
});
