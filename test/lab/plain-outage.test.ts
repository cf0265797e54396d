import { afterEach, beforeEach, expect, test } from 'vitest';
import { lanCarrierLost } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO } from './system.ts';
import { TiebreakAgent, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { NETWORK, Topology } from './topology.ts';

// Two agents in mode "vrrp": what a node does that may not own for a while.

const START_MS = 15_000;

let topology: Topology;
let a: TiebreakAgent;
let b: TiebreakAgent;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  a = new TiebreakAgent(topology, 'a', DEFAULT_SCENARIO, VIRTUAL_ROUTER_DEFAULTS, undefined);
  b = new TiebreakAgent(topology, 'b', DEFAULT_SCENARIO, VIRTUAL_ROUTER_DEFAULTS, undefined);
  await a.start();
  await role(a, 'active');
  await b.start();
  await role(b, 'backup');
});
afterEach(() => topology?.close());

async function role(agent: TiebreakAgent, wanted: string): Promise<void> {
  await waitFor(`${agent.host} is ${wanted}`, START_MS, async () =>
    (await agent.group())?.role === wanted ? true : undefined,
  );
}

async function addresses(): Promise<string> {
  return topology.inside('a', 'ip', ['-brief', 'address', 'show', 'dev', 'eth0']);
}

test('a node whose link is lost gives its virtual routers up, and stands again when it has returned', async () => {
  const { inject, heal } = lanCarrierLost(topology, 'a');
  await inject();
  await role(a, 'fault');
  expect((await a.group())?.reason).toContain('no link on eth0');
  expect(await addresses()).not.toContain(NETWORK.virtualAddress);
  await role(b, 'active');
  await heal();
  await role(a, 'backup');
  await b.terminate();
  await role(a, 'active');
});

test('maintenance gives them up with priority 0, over a restart, until it ends', async () => {
  await a.setMaintenance(true);
  await role(a, 'maintenance');
  await role(b, 'active');
  expect(await addresses()).not.toContain(NETWORK.virtualAddress);
  await a.terminate();
  await a.start();
  await role(a, 'maintenance');
  await a.setMaintenance(false);
  await role(a, 'backup');
  await b.setMaintenance(true);
  await role(a, 'active');
});
