import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lanLinkLost } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs, other } from './system.ts';
import { type TiebreakSystem, tiebreakSystem } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

/** Slow enough to stop the owner after 1.5 intervals of silence and well before the backup's promise of 2.5 has run out. */
const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 4_000 };
const SILENT_MS = 1.6 * SCENARIO.advertisementIntervalMs;

let topology: Topology;
let system: TiebreakSystem;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  system = await tiebreakSystem(topology, SCENARIO, undefined, 'lan only');
  await Promise.all([system.agents.a.start(), system.agents.b.start()]);
  await waitFor('one owner', 60_000, async () => ((await system.unsettled()) === undefined ? true : undefined));
});

afterEach(() => topology?.close());

async function ownerNow(): Promise<HostName> {
  return (await system.agents.a.group())?.role === 'active' ? 'a' : 'b';
}

test('a planned stop hands over through the witness when the LAN is gone, long before any promise ends (L5, L17)', async () => {
  const owner = await ownerNow();
  const backup = other(owner);
  await lanLinkLost(topology, owner).inject();
  await sleep(SILENT_MS);
  expect((await system.agents[owner].group())?.role).toBe('active');
  const stoppedAtMs = performance.now();
  const stopped = system.agents[owner].terminate();
  const group = await waitFor('the backup owns', 15_000, async () => {
    const status = await system.agents[backup].group();
    return status?.role === 'active' ? status : undefined;
  });
  const tookMs = performance.now() - stoppedAtMs;
  await stopped;
  console.log(
    `the backup owned ${Math.round(tookMs)} ms after the stop; master-down time ${masterDownMs(SCENARIO, backup)} ms`,
  );
  expect(tookMs).toBeLessThan(masterDownMs(SCENARIO, backup) / 10);
  expect(group.peers[0]?.paths.map(({ address }) => address)).toContain('witness');
  expect(group.quorum.votes).toContainEqual(expect.objectContaining({ voter: 'witness', state: 'granted' }));
});
