import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GroupStatus } from '../../agent/api/status.ts';
import { type Analysis, analyse } from './analysis.ts';
import { everythingKilled, linkCut } from './faults.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { PROBE_PERIOD_MS } from './prober.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other, type WitnessControl, witnessOf } from './system.ts';
import { type TiebreakAgent, tiebreakAgentOf } from './tiebreak.ts';
import type { HostName } from './topology.ts';

/** Long enough for an agent to be started again on a slow machine within the three quarters in which its holder believes. */
const SCENARIO = { ...DEFAULT_SCENARIO, biasPromiseMs: 25_000 };
/** The witness counts as lost after 5 s; the rest is for slow machines. */
const ARMED_TIMEOUT_MS = 15_000;
const CUT_MS = 5_000;
const FENCE_MAX_MS = 1_500;

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak', SCENARIO);
  await lab.steady();
});
// Nothing to close if the tools are missing.
afterAll(() => lab?.close());

const agent = (host: HostName): TiebreakAgent => tiebreakAgentOf(lab.system, host);

const witness = (): WitnessControl => witnessOf(lab.system);

/** Waits until what `host` says of its group is as wanted. */
function groupOf(host: HostName, what: string, is: (group: GroupStatus) => boolean): Promise<GroupStatus> {
  return waitFor(`host ${host}: ${what}`, ARMED_TIMEOUT_MS, async () => {
    const group = await agent(host).group();
    return group !== undefined && is(group) ? group : undefined;
  });
}

/** The witness ends, and the backup gives the owner long promises. Returns the backup's view. */
async function arm(owner: HostName): Promise<GroupStatus> {
  await witness().stop();
  await groupOf(owner, 'it is armed', ({ reason }) => reason?.includes('has promised its vote for long') === true);
  return groupOf(other(owner), 'it is bound', bindsForLong(owner));
}

function bindsForLong(owner: HostName): (group: GroupStatus) => boolean {
  return ({ reason }) => reason?.includes(`has promised its vote to ${owner}`) === true;
}

function voteOf(group: GroupStatus, voter: string): string | undefined {
  return group.quorum.votes.find((vote) => vote.voter === voter)?.state;
}

function promiseOnDisk(host: HostName): unknown {
  const path = join(lab.topology.folderOf(`tiebreak-${host}`, 'state'), 'promises-edge.json');
  return JSON.parse(readFileSync(path, 'utf8')).promise;
}

async function forgotten(host: HostName): Promise<void> {
  await waitFor('the promise is forgotten', 5_000, () => (promiseOnDisk(host) === null ? true : undefined));
}

/** Zero means something only if the prober looked all the time. */
function seenSince(fromUs: number): Analysis {
  const nowUs = lab.prober.nowUs();
  const analysis = analyse(lab.prober.between(fromUs, nowUs));
  expect(analysis.probes).toBeGreaterThan((0.8 * (nowUs - fromUs)) / 1000 / PROBE_PERIOD_MS);
  expect(analysis.longestStallMs).toBeLessThan(SCENARIO.advertisementIntervalMs / 2);
  return analysis;
}

describe('policy bias', () => {
  test('the witness lost and then the link cut: the owner stays and nobody notices; then the promise is forgotten', async () => {
    const owner = await lab.steady();
    const fromUs = lab.prober.nowUs();
    await arm(owner);
    expect(promiseOnDisk(other(owner))).toMatchObject({ kind: 'bias', holder: owner });
    const cut = linkCut(lab.topology);
    await cut.inject();
    await sleep(CUT_MS);
    expect((await agent(owner).group())?.role).toBe('active');
    await cut.heal();
    await sleep(1_000);
    await witness().start();
    expect(await lab.steady()).toBe(owner);
    expect(seenSince(fromUs)).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
    // A promise is forgotten when it binds for no longer than any other, and on disk a moment later.
    await forgotten(other(owner));
  });

  test('a backup that is killed and started again is bound still: also with the witness back and the owner dead', async () => {
    const owner = await lab.steady();
    const backup = other(owner);
    const fromUs = lab.prober.nowUs();
    await arm(owner);
    const restart = everythingKilled(lab.topology, agent(backup));
    await restart.inject();
    await waitFor(`host ${backup} is empty`, 5_000, async () => (agent(backup).running ? undefined : true));
    await restart.heal();
    const bound = await groupOf(backup, 'it is bound', bindsForLong(owner));
    expect(agent(backup).log()).toContain(`this node has promised its vote to ${owner}`);
    const boundMs = bound.quorum.votes[0]?.remaining_ms ?? 0;
    expect(boundMs).toBeGreaterThan(SCENARIO.biasPromiseMs / 2);
    expect(seenSince(fromUs)).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });

    const death = everythingKilled(lab.topology, agent(owner));
    await death.inject();
    await witness().start();
    await waitFor('the backup owns', 2 * SCENARIO.biasPromiseMs, async () =>
      (await agent(backup).group())?.role === 'active' ? true : undefined,
    );
    await sleep(500);
    const { twoOwnersMs, changes } = seenSince(fromUs);
    expect(twoOwnersMs).toBe(0);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.gapMs).toBeGreaterThan(boundMs - 2 * FENCE_MAX_MS);
    await death.heal();
  });
});

test('a planned stop leaves the vote behind: the survivor needs no witness, and the leaver returns, joins and votes (L17)', async () => {
  const leaver = await lab.steady();
  const survivor = other(leaver);
  const fromUs = lab.prober.nowUs();
  await sleep(400);
  await agent(leaver).terminate();
  const alone = await groupOf(survivor, 'it owns', ({ role }) => role === 'active');
  expect(voteOf(alone, leaver)).toBe('departed');
  await witness().stop();
  await sleep(6_000);
  expect(await agent(survivor).group()).toMatchObject({ role: 'active', protected: true });

  await agent(leaver).start();
  await groupOf(leaver, 'it is backup', ({ role, owner }) => role === 'backup' && owner === survivor);
  await groupOf(survivor, 'the leaver votes', (group) => voteOf(group, leaver) === 'granted');
  // The acks count before both sides have written so: first the survivor, then, told by its JOIN, the leaver.
  await forgotten(leaver);
  await witness().start();
  expect(await lab.steady()).toBe(survivor);
  const analysis = seenSince(fromUs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, before: leaver, after: survivor });
  expect(analysis.changes).toHaveLength(1);
});
