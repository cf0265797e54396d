import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import { engineKilled } from './faults.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { signalAll, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs, other } from './system.ts';
import { type TiebreakAgent, tiebreakAgentOf } from './tiebreak.ts';
import type { HostName } from './topology.ts';

const WATCHED_MS = 4_000;
/** Eight intervals, but 2 s at least, and what it takes to see it and to hand over. */
const STUCK_MAX_MS = 4_000;

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak');
  await lab.steady();
});
// Nothing to close if the tools are missing.
afterAll(() => lab?.close());

const agentOf = (host: HostName): TiebreakAgent => tiebreakAgentOf(lab.system, host);

async function pidsOf(host: HostName): Promise<{ engine: number; guardian: number }> {
  const process = (await agentOf(host).status())?.process;
  if (process?.guardian_pid == null) throw new Error(`host ${host} has no guardian`);
  return { engine: process.engine_pid, guardian: process.guardian_pid };
}

/** What the client saw since then. */
function since(fromUs: number): Analysis {
  return analyse(lab.prober.between(fromUs, lab.prober.nowUs()));
}

function residentMb(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
}

test('the guardian is small', async () => {
  const { engine, guardian } = await pidsOf(await lab.steady());
  console.info(`PSS: guardian ${residentMb(guardian).toFixed(1)} MB, engine ${residentMb(engine).toFixed(1)} MB`);
  expect(residentMb(guardian)).toBeLessThan(0.7 * residentMb(engine));
});

test('an engine that is killed five times moves the group at most once each time, and never by itself afterwards', async () => {
  const gaps: number[] = [];
  for (let kill = 0; kill < 5; kill += 1) {
    const owner = await lab.steady();
    const fromUs = lab.prober.nowUs() - 300_000;
    await engineKilled(lab.system.agents[owner]).inject();
    await sleep(WATCHED_MS);
    const analysis = since(fromUs);
    expect(analysis).toMatchObject({ twoOwnersMs: 0, before: owner, after: other(owner) });
    expect(analysis.changes).toHaveLength(1);
    gaps.push(analysis.changes[0]?.gapMs ?? Number.NaN);
  }
  console.info(`the engine killed, gaps in ms: ${gaps.map((gap) => gap.toFixed(1)).join(', ')}`);
  const fromUs = lab.prober.nowUs();
  await sleep(2 * WATCHED_MS);
  expect(since(fromUs)).toMatchObject({ twoOwnersMs: 0, moved: false });
});

test('an engine that stands still is ended by its guardian, which hands over; nobody has to wait for its thaw', async () => {
  const owner = await lab.steady();
  const { engine } = await pidsOf(owner);
  const fromUs = lab.prober.nowUs() - 300_000;
  signalAll([engine], 'SIGSTOP');
  const fresh = await waitFor('a new engine', STUCK_MAX_MS + 20_000, async () => {
    const found = (await agentOf(owner).status())?.process.engine_pid;
    return found !== undefined && found !== engine ? found : undefined;
  });
  expect(fresh).not.toBe(engine);
  expect(agentOf(owner).log()).toContain('the engine made no progress for 2.');
  await lab.steady();
  const analysis = since(fromUs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, staleFrames: 0, before: owner, after: other(owner) });
  expect(analysis.changes).toHaveLength(1);
  expect(analysis.changes[0]?.gapMs).toBeLessThan(1.1 * masterDownMs(DEFAULT_SCENARIO, other(owner)));
});

test('a guardian that is killed alone costs nothing; its engine says so, and hands over in order when it is told to', async () => {
  const owner = await lab.steady();
  const { engine, guardian } = await pidsOf(owner);
  const fromUs = lab.prober.nowUs();
  signalAll([guardian], 'SIGKILL');
  await sleep(WATCHED_MS);
  expect(since(fromUs)).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect(agentOf(owner).log()).toContain('the guardian has died: the engine goes on without it');
  const orphan = await agentOf(owner).orphanStatus();
  expect(orphan?.process).toEqual({ engine_pid: engine, guardian_pid: null });
  expect(orphan?.groups[0]).toMatchObject({ role: 'active', reason: expect.stringContaining('the guardian has died') });

  const stopUs = lab.prober.nowUs() - 300_000;
  signalAll([engine], 'SIGTERM');
  await waitFor('the engine has ended', 5_000, async () =>
    (await lab.topology.pids(owner)).includes(engine) ? undefined : true,
  );
  await sleep(1_000);
  const analysis = since(stopUs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, staleFrames: 0, before: owner, after: other(owner) });
  expect(analysis.changes).toHaveLength(1);
  expect(analysis.changes[0]?.gapMs).toBeLessThan(0.1 * masterDownMs(DEFAULT_SCENARIO, other(owner)));
  await agentOf(owner).start();
  await lab.steady();
});
