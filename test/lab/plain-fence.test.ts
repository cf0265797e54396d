import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { analyse } from './analysis.ts';
import { everythingKilled, type Fault, frozen } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs } from './system.ts';
import { TiebreakAgent, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { NETWORK, Topology } from './topology.ts';

// Two agents in mode "vrrp", without votes and without a witness: what the fence can promise there.

const START_MS = 15_000;
const HOLD_MS = 3_000;

let topology: Topology;
let a: TiebreakAgent;
let b: TiebreakAgent;
let prober: Prober;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  a = new TiebreakAgent(topology, 'a', DEFAULT_SCENARIO, VIRTUAL_ROUTER_DEFAULTS, undefined);
  b = new TiebreakAgent(topology, 'b', DEFAULT_SCENARIO, VIRTUAL_ROUTER_DEFAULTS, undefined);
  prober = await Prober.start(topology);
  await a.start();
  await waitFor('a owns', START_MS, async () => ((await a.group())?.role === 'active' ? true : undefined));
  await b.start();
  await waitFor('b is backup', START_MS, async () => ((await b.group())?.role === 'backup' ? true : undefined));
  await sleep(500);
});

afterEach(async () => {
  await prober?.stop();
  topology?.close();
});

/** What the client sees of the fault, until it is healed. */
async function during(fault: Fault): Promise<ReturnType<typeof analyse>> {
  const fromUs = prober.nowUs() - 300_000;
  await fault.inject();
  await sleep(HOLD_MS);
  const seen = analyse(prober.between(fromUs, prober.nowUs()));
  await fault.heal();
  return seen;
}

test('status is honest: fenced, open at the owner alone, and not protected', async () => {
  const owner = await a.group();
  expect(owner).toMatchObject({ protected: false, fence: { level: 'full', open: true } });
  expect(owner?.fence.expires_in_ms).toBeGreaterThan(0);
  expect(owner?.fence.expires_in_ms).toBeLessThanOrEqual(masterDownMs(DEFAULT_SCENARIO, 'a'));
  expect(await b.group()).toMatchObject({ fence: { level: 'full', open: false, expires_in_ms: null } });
});

test.for<[string, () => Fault]>([
  ['frozen', () => frozen(topology, 'a')],
  ['killed', () => everythingKilled(topology, a)],
])('an owner that is %s answers no longer than the down time, and never beside the other one', async ([_, fault]) => {
  const { twoOwnersMs, staleFrames, before, after, changes } = await during(fault());
  console.log(`gap ${changes.map(({ gapMs }) => gapMs.toFixed(0)).join(' ')} ms`);
  expect({ twoOwnersMs, staleFrames, before, after }).toEqual({
    twoOwnersMs: 0,
    staleFrames: 0,
    before: 'a',
    after: 'b',
  });
});

test('an owner that was frozen and is the better one takes the address back, and clients follow', async () => {
  await during(frozen(topology, 'a'));
  await waitFor('a answers alone', 5_000, () => {
    const { before, moved, twoOwnersMs, client } = analyse(prober.between(prober.nowUs() - 500_000, prober.nowUs()));
    return before === 'a' && !moved && twoOwnersMs === 0 && client.lost === 0 ? true : undefined;
  });
  expect(await b.group()).toMatchObject({ role: 'backup', fence: { open: false } });
});

test('SIGTERM leaves no rule and no address behind', async () => {
  await a.terminate();
  expect(await topology.inside('a', 'nft', ['list', 'tables'])).not.toContain('tiebreak');
  expect(await topology.inside('a', 'ip', ['-brief', 'addr'])).not.toContain(NETWORK.virtualAddress);
});
