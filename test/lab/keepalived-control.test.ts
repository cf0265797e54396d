import { afterAll, beforeAll, expect, test } from 'vitest';
import { frozen, hostLost, linkCut, oneDirectionCut, plannedStop } from './faults.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { DEFAULT_SCENARIO, masterDownMs } from './system.ts';

// The positive control: a system that is known to go to two owners must be seen doing so, or 0 ms elsewhere means nothing.

let lab: Laboratory;
beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived']);
  lab = await Laboratory.create('keepalived');
});
// Nothing to close if the tools are missing.
afterAll(() => lab?.close());

const HOLD_MS = 3_000;
/** The backup has priority 100 whenever a owns, and that is when it takes longest. */
const MASTER_DOWN_MS = masterDownMs(DEFAULT_SCENARIO, 'b');
/** From the first missing advertisement to the takeover, at the latest. */
const TWO_OWNERS_AT_LEAST_MS = HOLD_MS - 1.2 * MASTER_DOWN_MS;

test('without a fault one host answers every probe', async () => {
  const { analysis } = await lab.trial(() => ({ inject: async () => undefined, heal: async () => undefined }), {
    holdMs: 2_000,
  });
  expect(analysis).toMatchObject({ moved: false, twoOwnersMs: 0, client: { lost: 0 } });
  expect(analysis.probes).toBeGreaterThan(900);
});

test('keepalived shows two owners while the link is cut', async () => {
  const { analysis } = await lab.trial(() => linkCut(lab.topology), { holdMs: HOLD_MS });
  expect(analysis.twoOwnersMs).toBeGreaterThan(TWO_OWNERS_AT_LEAST_MS);
  expect(analysis.staleFrames).toBeGreaterThan(0);
});

test('keepalived shows two owners while one direction is cut', async () => {
  const { analysis } = await lab.trial((owner) => oneDirectionCut(lab.topology, owner), { holdMs: HOLD_MS });
  expect(analysis.twoOwnersMs).toBeGreaterThan(TWO_OWNERS_AT_LEAST_MS);
});

test('keepalived shows two owners while the owner is frozen', async () => {
  const { analysis } = await lab.trial((owner) => frozen(lab.topology, owner), { holdMs: HOLD_MS });
  expect(analysis.twoOwnersMs).toBeGreaterThan(TWO_OWNERS_AT_LEAST_MS);
});

test('a planned stop is seen as one move with a gap and no time with two', async () => {
  const { owner, analysis } = await lab.trial((current) => plannedStop(lab.system.agents[current]), { holdMs: 1_500 });
  expect(analysis.twoOwnersMs).toBe(0);
  expect(analysis.before).toBe(owner);
  expect(analysis.changes).toHaveLength(1);
  // Priority 0 leaves the skew alone to wait for.
  expect(analysis.changes[0]?.gapMs).toBeGreaterThan(10);
  expect(analysis.changes[0]?.gapMs).toBeLessThan(DEFAULT_SCENARIO.advertisementIntervalMs * 1.2);
});

test('a lost host is seen as one move after the master-down time', async () => {
  const { analysis } = await lab.trial((owner) => hostLost(lab.topology, lab.system.agents[owner]), {
    holdMs: HOLD_MS,
  });
  expect(analysis.twoOwnersMs).toBe(0);
  expect(analysis.changes).toHaveLength(1);
  const gapMs = analysis.changes[0]?.gapMs ?? 0;
  // The fault came somewhere within one interval after the last advertisement.
  expect(gapMs).toBeGreaterThan(2 * DEFAULT_SCENARIO.advertisementIntervalMs * 0.9);
  expect(gapMs).toBeLessThan(MASTER_DOWN_MS * 1.1);
  expect(analysis.client.longestHoleMs).toBeGreaterThan(0.9 * gapMs);
});
