import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import { KeepalivedAgent } from './keepalived.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import { type Agent, DEFAULT_SCENARIO, masterDownMs, type Scenario } from './system.ts';
import { TiebreakAgent, type TiebreakSystem, tiebreakSystem, type VirtualRouterOptions } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

// docs/migrate-from-keepalived.md, step by step: as keepalived's tutorials have it, version 2 and 1 s.

const SCENARIO: Scenario = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 1_000 };
const ROUTER: VirtualRouterOptions = {
  ...{ version: 2, family: 4, transport: 'unicast', preempt: true, checksum: 'pseudo-header', authPass: 'k33pRi9h' },
};
/** Who owns is judged by so much of the record. */
const GLANCE_MS = 800;
/** What an agent that starts waits for, and some more (section 3, L9). */
const START_MS = 12_000;
const PATIENCE_MS = 45_000;

let topology: Topology;
let prober: Prober;
let system: TiebreakSystem | undefined;
const started: Agent[] = [];

beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived']);
  topology = await Topology.create();
  prober = await Prober.start(topology);
});
afterAll(async () => {
  await Promise.all(started.map((agent) => agent.terminate()));
  await system?.close();
  await prober?.stop();
  topology?.close();
});

async function start<T extends Agent>(agent: T): Promise<T> {
  started.push(agent);
  await agent.start();
  return agent;
}

function since(fromUs: number): Analysis {
  return analyse(prober.between(fromUs, prober.nowUs()));
}

/** Until that host alone has answered everything for a while. */
async function owns(host: HostName): Promise<void> {
  await waitFor(`host ${host} owns the address`, PATIENCE_MS, async () => {
    const { before, moved, twoOwnersMs, client } = since(prober.nowUs() - GLANCE_MS * 1_000);
    return before === host && !moved && twoOwnersMs === 0 && client.sent > 0 && client.lost === 0 ? true : undefined;
  });
}

async function isBackup(agent: TiebreakAgent): Promise<void> {
  await waitFor(`tiebreak on ${agent.host} is backup`, PATIENCE_MS, async () =>
    (await agent.group())?.role === 'backup' ? true : undefined,
  );
}

/** What the client saw while `change` went on, until `host` owns. */
async function seen(host: HostName, change: () => Promise<void>): Promise<Analysis> {
  const fromUs = prober.nowUs();
  await change();
  await owns(host);
  return since(fromUs);
}

test('from keepalived to mode "lease", with a gap only where an owner leaves that cannot hand over', {
  timeout: 300_000,
}, async () => {
  const keepalived = (host: HostName) => new KeepalivedAgent(topology, host, SCENARIO, ROUTER);
  const plain = (host: HostName) => new TiebreakAgent(topology, host, SCENARIO, ROUTER, undefined);
  const before = { a: await start(keepalived('a')), b: await start(keepalived('b')) };
  await owns('a');

  const backup = await seen('a', async () => {
    await before.b.terminate();
    await isBackup(await start(plain('b')));
  });
  expect({ moved: backup.moved, lost: backup.client.lost }).toEqual({ moved: false, lost: 0 });

  const master = await seen('a', async () => {
    await before.a.terminate();
    await owns('b');
    await start(plain('a'));
  });
  // Plain VRRP: a master that preempts owns until the other one has heard so.
  expect(master.twoOwnersMs).toBeLessThan(SCENARIO.advertisementIntervalMs);
  expect(master.client.longestHoleMs).toBeLessThan(masterDownMs(SCENARIO, 'b'));

  const [a, b] = started
    .filter((agent) => agent instanceof TiebreakAgent)
    .toSorted((left, right) => left.host.localeCompare(right.host));
  system = await tiebreakSystem(topology, SCENARIO, ROUTER, 'lan only');
  const { agents } = system;
  const firstLease = await seen('a', async () => {
    await b?.terminate();
    await agents.b.start();
    await isBackup(agents.b);
    await sleep(START_MS);
  });
  expect({ moved: firstLease.moved, lost: firstLease.client.lost }).toEqual({ moved: false, lost: 0 });
  expect((await agents.b.group())?.witness.state).toBe('connected');

  const secondLease = await seen('b', async () => {
    await a?.terminate();
    await agents.a.start();
  });
  expect(secondLease.twoOwnersMs).toBe(0);
  expect(secondLease.client.longestHoleMs).toBeLessThan(masterDownMs(SCENARIO, 'b'));

  await waitFor('both vote', PATIENCE_MS, async () => ((await system?.unsettled()) === undefined ? true : undefined));
  const handover = await seen('a', async () => {
    expect(await agents.b.handOver()).toEqual({ taken: true });
  });
  expect(handover.twoOwnersMs).toBe(0);
  expect(handover.client.longestHoleMs).toBeLessThan(master.client.longestHoleMs);
  const holes = [master, secondLease, handover].map(({ client }) => client.longestHoleMs.toFixed(1));
  console.info(`the client lost ${holes.join(', ')} ms; two owners for ${master.twoOwnersMs} ms in mode "vrrp"`);
});
