import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import {
  cutOffFromBoth,
  engineKilled,
  everythingKilled,
  type Fault,
  frozen,
  hostLost,
  linkCut,
  oneDirectionCut,
  plannedStop,
  witnessSilent,
  witnessStopped,
} from './faults.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { PROBE_PERIOD_MS } from './prober.ts';
import { DEFAULT_SCENARIO, masterDownMs, other, type WitnessControl, witnessOf } from './system.ts';
import type { HostName } from './topology.ts';

/** Longer than any promise that binds a voter, so that whatever could go wrong in a partition has gone wrong. */
const PARTITION_MS = 6_000;
const FAULT_MS = 4_000;
/** The witness's object hibernates after 10 s without a message. */
const HIBERNATION_MS = 12_000;

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak');
  await lab.steady();
});
// Nothing to close if the tools are missing.
afterAll(() => lab?.close());

/** Zero means something only if the prober looked all the time. */
function expectWatched({ probes, longestStallMs }: Analysis, atLeastMs: number): void {
  expect(probes).toBeGreaterThan((0.8 * atLeastMs) / PROBE_PERIOD_MS);
  expect(longestStallMs).toBeLessThan(DEFAULT_SCENARIO.advertisementIntervalMs / 2);
}

function expectUntouched(analysis: Analysis, holdMs: number): void {
  expectWatched(analysis, holdMs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
}

/** Returns the gap in ms. */
function expectMovedOnce(analysis: Analysis, owner: HostName, holdMs: number): number {
  expectWatched(analysis, holdMs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, staleFrames: 0, before: owner, after: other(owner) });
  expect(analysis.changes).toHaveLength(1);
  return analysis.changes[0]?.gapMs ?? Number.NaN;
}

const witness = (): WitnessControl => witnessOf(lab.system);

const masterDownAfter = (owner: HostName): number => masterDownMs(DEFAULT_SCENARIO, other(owner));

describe('a partition moves nothing, loses nothing, and never shows two owners', () => {
  test.for<[string, (owner: HostName) => Fault]>([
    ['link cut', () => linkCut(lab.topology)],
    ["the owner's direction cut", (owner) => oneDirectionCut(lab.topology, owner)],
    ["the backup's direction cut", (owner) => oneDirectionCut(lab.topology, other(owner))],
    ['witness silent', () => witnessSilent(witness())],
    ['witness stopped and started', () => witnessStopped(witness())],
  ])('%s', async ([, faultFor]) => {
    const { analysis } = await lab.trial(faultFor, { holdMs: PARTITION_MS });
    expectUntouched(analysis, PARTITION_MS);
  });
});

describe('an owner that can no longer renew is replaced once, and never answers beside its successor', () => {
  test('frozen and thawed', async () => {
    const { owner, analysis } = await lab.trial((current) => frozen(lab.topology, current), { holdMs: FAULT_MS });
    expect(expectMovedOnce(analysis, owner, FAULT_MS)).toBeLessThan(1.1 * masterDownAfter(owner));
  });

  test('cut off from peer and witness', async () => {
    const { owner, analysis } = await lab.trial((current) => cutOffFromBoth(lab.topology, current), {
      holdMs: FAULT_MS,
    });
    expect(expectMovedOnce(analysis, owner, FAULT_MS)).toBeLessThan(1.1 * masterDownAfter(owner));
  });

  test('engine and guardian killed at once', async () => {
    const { owner, analysis } = await lab.trial(
      (current) => everythingKilled(lab.topology, lab.system.agents[current]),
      { holdMs: FAULT_MS },
    );
    expect(expectMovedOnce(analysis, owner, FAULT_MS)).toBeLessThan(1.1 * masterDownAfter(owner));
  });
});

/** 25 ms at any interval; the machine of the tests is shared, so the median of three, as a share of what others wait. */
async function medianShareOfKills(): Promise<number> {
  const shares: number[] = [];
  for (let run = 0; run < 3; run++) {
    const { owner, analysis } = await lab.trial((current) => engineKilled(lab.system.agents[current]), {
      holdMs: FAULT_MS,
    });
    shares.push(expectMovedOnce(analysis, owner, FAULT_MS) / masterDownAfter(owner));
  }
  console.info(`the engine killed: ${shares.map((share) => share.toFixed(3)).join(', ')} of the master-down time`);
  const [, median = Number.NaN] = shares.sort((left, right) => left - right);
  return median;
}

describe('an engine that is killed is spoken for by its guardian', () => {
  test('the group moves in a small part of the master-down time', async () => {
    expect(await medianShareOfKills()).toBeLessThan(0.1);
  });

  test('also without the witness', async () => {
    const owner = await lab.steady();
    await witness().stop();
    try {
      const fromUs = lab.prober.nowUs();
      await sleep(500);
      await engineKilled(lab.system.agents[owner]).inject();
      await sleep(FAULT_MS);
      const analysis = analyse(lab.prober.between(fromUs, lab.prober.nowUs()));
      expect(expectMovedOnce(analysis, owner, FAULT_MS)).toBeLessThan(0.1 * masterDownAfter(owner));
    } finally {
      await witness().start();
    }
  });
});

test('a planned stop hands over in a small part of the master-down time, in the median of three', async () => {
  const shares: number[] = [];
  for (let run = 0; run < 3; run++) {
    const { owner, analysis } = await lab.trial((current) => plannedStop(lab.system.agents[current]), {
      holdMs: 1_500,
    });
    shares.push(expectMovedOnce(analysis, owner, 1_500) / masterDownAfter(owner));
  }
  const [, median = Number.NaN] = shares.sort((left, right) => left - right);
  expect(median).toBeLessThan(0.04);
});

test('after the witness has hibernated, a lost host costs the master-down time and one vote', async () => {
  const before = await lab.steady();
  await sleep(HIBERNATION_MS);
  const voteMs = await lab.system.voteMs(other(before));
  const { owner, analysis } = await lab.trial((current) => hostLost(lab.topology, lab.system.agents[current]), {
    holdMs: FAULT_MS,
  });
  expect(owner).toBe(before);
  const gapMs = expectMovedOnce(analysis, owner, FAULT_MS);
  expect(voteMs).toBeDefined();
  expect(gapMs).toBeLessThan(1.1 * (masterDownAfter(owner) + (voteMs ?? Number.NaN)));
});
