import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../agent/simulation/random.ts';
import { type Fault, frozen } from './faults.ts';
import { Laboratory, type Trial } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { PROBE_PERIOD_MS } from './prober.ts';
import { DEFAULT_SCENARIO, masterDownMs, other } from './system.ts';

// A frozen host cannot stop itself: its kernel must, at whatever point of its work the freeze has hit it.

const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 100 };
const FREEZES = 50;
/** More than three times the master-down time: the successor has long been answering when the old owner thaws. */
const FREEZE_MS = 1_200;
/** Every phase of advertisements, heartbeats and the lease's refreshing is within one interval. */
const PHASE_MAX_MS = SCENARIO.advertisementIntervalMs;
const TEST_TIMEOUT_MS = 400_000;

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak', SCENARIO);
  await lab.steady();
});
afterAll(() => lab?.close());

function afterDelay(fault: Fault, delayMs: number): Fault {
  return {
    inject: async () => {
      await sleep(delayMs);
      await fault.inject();
    },
    heal: fault.heal,
  };
}

/** What speaks against the trial, in words. */
function complaints({ owner, analysis }: Trial): string[] {
  const limitMs = 1.1 * masterDownMs(SCENARIO, other(owner));
  const [change] = analysis.changes;
  return [
    ...(analysis.twoOwnersMs > 0 ? [`${analysis.twoOwnersMs} ms of two owners`] : []),
    ...(analysis.staleFrames > 0 ? [`${analysis.staleFrames} frames that still claimed the address`] : []),
    ...(analysis.changes.length !== 1 || analysis.before !== owner || analysis.after !== other(owner)
      ? [
          `did not move just once: ${analysis.changes.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'nowhere'}`,
        ]
      : []),
    ...(change !== undefined && change.gapMs - change.unobservedMs > limitMs ? [`a gap of ${change.gapMs} ms`] : []),
    // Zero means something only if the prober looked all the time.
    ...(analysis.probes < (0.8 * FREEZE_MS) / PROBE_PERIOD_MS ? [`only ${analysis.probes} probes`] : []),
  ];
}

test(`${FREEZES} of ${FREEZES} freezes at random phases: not one answer of the old owner after the first of the new`, {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const seed = Number(process.env.TIEBREAK_LAB_SEED ?? Date.now() % 1_000_000);
  console.info(`phases from seed ${seed}; to repeat them, set TIEBREAK_LAB_SEED=${seed}`);
  const random = new Random(seed);
  const found: string[] = [];
  const gapsMs: number[] = [];
  for (let run = 1; run <= FREEZES; run += 1) {
    const delayMs = random.between(0, PHASE_MAX_MS);
    const trial = await lab.trial((owner) => afterDelay(frozen(lab.topology, owner), delayMs), {
      holdMs: FREEZE_MS,
    });
    gapsMs.push(trial.analysis.changes[0]?.gapMs ?? Number.NaN);
    const against = complaints(trial);
    if (against.length > 0) found.push(`freeze ${run} of host ${trial.owner}: ${against.join('; ')}`);
  }
  const sorted = gapsMs.sort((left, right) => left - right);
  console.info(`gaps: median ${sorted[FREEZES / 2]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`);
  expect(found).toEqual([]);
});
