import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fault, frozen, hostLost, linkCut, plannedStop } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs, other } from './system.ts';
import { type TiebreakSystem, tiebreakSystem, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { type HostName, NETWORK, Topology } from './topology.ts';
import { type Answer6, Watch6 } from './watch6.ts';

// Two real agents and their witness with an IPv6 virtual router: link-local address first, then a global one; one of the
// two sideband paths is IPv6 too.

const [VIRTUAL_LINK_LOCAL, VIRTUAL] = NETWORK.virtualAddresses6;
const READY_TIMEOUT_MS = 45_000;

let topology: Topology;
let system: TiebreakSystem;
let watch: Watch6;

beforeAll(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create({ ipv6: true });
  system = await tiebreakSystem(topology, DEFAULT_SCENARIO, { ...VIRTUAL_ROUTER_DEFAULTS, family: 6 });
  await Promise.all([system.agents.a.start(), system.agents.b.start()]);
  watch = await Watch6.start(topology, VIRTUAL);
  await steadyOwner();
});

afterAll(async () => {
  await system?.close();
  topology?.close();
});

async function steadyOwner(): Promise<HostName> {
  let missing: string | undefined = '';
  try {
    await waitFor('the steady state', READY_TIMEOUT_MS, async () => {
      missing = await system.unsettled();
      return missing === undefined ? true : undefined;
    });
  } catch (error) {
    throw new Error(`${String(error)} (${missing})\n${system.agents.a.log()}\n${system.agents.b.log()}`);
  }
  return (await system.agents.a.group())?.role === 'active' ? 'a' : 'b';
}

/** Injects the fault for a while and returns what the client saw; the pair is steady again afterwards. */
async function during(fault: Fault, holdMs: number): Promise<readonly Answer6[]> {
  const fromUs = watch.nowUs() - 300_000;
  await fault.inject();
  await sleep(holdMs);
  const answers = watch.since(fromUs);
  await fault.heal();
  await steadyOwner();
  return answers;
}

/** The time between the old owner's last answer and the new one's first, in ms; two owners make it negative. */
function gapMs(answers: readonly Answer6[], owner: HostName): number {
  const last = answers.findLast(({ by }) => by === owner)?.atUs ?? Number.NaN;
  const first = answers.find(({ by }) => by === other(owner))?.atUs ?? Number.NaN;
  return (first - last) / 1000;
}

async function hasAddress(host: HostName, address: string): Promise<boolean> {
  const shown = await topology.inside(host, 'ip', ['-6', '-o', 'addr', 'show', 'to', address]);
  return shown.includes(address);
}

test('the owner alone has both addresses and answers for them', async () => {
  const owner = await steadyOwner();
  for (const address of [VIRTUAL_LINK_LOCAL, VIRTUAL]) {
    expect(await hasAddress(owner, address)).toBe(true);
    expect(await hasAddress(other(owner), address)).toBe(false);
    await topology.inside('client', 'ping', ['-6', '-c1', '-W1', '-I', NETWORK.lanInterface, address]);
  }
  const fromUs = watch.nowUs();
  await sleep(1_000);
  const answers = watch.since(fromUs);
  expect(answers.length).toBeGreaterThan(50);
  expect(new Set(answers.map(({ by }) => by))).toEqual(new Set([owner]));
});

test('nobody is taken for a stranger who advertises the virtual router', () => {
  for (const agent of [system.agents.a, system.agents.b]) expect(agent.log()).not.toContain('is no configured peer');
});

test('SIGTERM to the owner moves the address at once', async () => {
  const owner = await steadyOwner();
  const answers = await during(plannedStop(system.agents[owner]), 2_000);
  const gap = gapMs(answers, owner);
  console.log(`planned stop, IPv6: gap ${gap.toFixed(1)} ms`);
  expect(gap).toBeGreaterThan(0);
  expect(gap).toBeLessThan(150);
});

test('the loss of the owner moves the address after the down time', async () => {
  const owner = await steadyOwner();
  const answers = await during(hostLost(topology, system.agents[owner]), 4_000);
  const gap = gapMs(answers, owner);
  console.log(`host lost, IPv6: gap ${gap.toFixed(0)} ms`);
  expect(gap).toBeGreaterThan(0);
  expect(gap).toBeLessThan(1.3 * masterDownMs(DEFAULT_SCENARIO, other(owner)));
});

test('a cut link moves nothing', async () => {
  const owner = await steadyOwner();
  const answers = await during(linkCut(topology), 3_000);
  expect(new Set(answers.map(({ by }) => by))).toEqual(new Set([owner]));
});

test('a frozen owner has the address still and answers neither solicitations nor echoes', async () => {
  const owner = await steadyOwner();
  const fault = frozen(topology, owner);
  const answers = await during(
    {
      inject: async () => {
        await fault.inject();
        await sleep(1_500);
        expect(await hasAddress(owner, VIRTUAL)).toBe(true);
        expect(await hasAddress(other(owner), VIRTUAL)).toBe(true);
        for (let round = 0; round < 20; round += 1) {
          await topology.inside('client', 'ip', ['-6', 'neigh', 'flush', 'to', VIRTUAL, 'dev', NETWORK.lanInterface]);
          await sleep(50);
        }
      },
      heal: fault.heal,
    },
    0,
  );
  expect(gapMs(answers, owner)).toBeGreaterThan(0);
  const advertised = answers.filter(({ by, kind }) => by === other(owner) && kind === 'advertisement');
  expect(advertised.length).toBeGreaterThan(10);
});

test('the end of both leaves no address behind', async () => {
  await Promise.all([system.agents.a.terminate(), system.agents.b.terminate()]);
  for (const host of ['a', 'b'] as const) {
    for (const address of NETWORK.virtualAddresses6) expect(await hasAddress(host, address)).toBe(false);
    expect(await topology.inside(host, 'nft', ['list', 'tables'])).not.toContain('tiebreak');
  }
});
