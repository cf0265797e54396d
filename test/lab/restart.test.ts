import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { analyse } from './analysis.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { signalAll, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { type TiebreakSystem, tiebreakSystem } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

/** A start takes about 1 s, also on a busy machine less than the lease of 1.9 intervals that the owner lives on meanwhile. */
const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 4_000 };
/** Longer than the quarantine of an agent that knows nothing, and than any promise. */
const WATCHED_MS = 13_000;

let topology: Topology;
let system: TiebreakSystem;
let prober: Prober;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  system = await tiebreakSystem(topology, SCENARIO);
  prober = await Prober.start(topology);
  await Promise.all([system.agents.a.start(), system.agents.b.start()]);
  await waitFor('one owner', 60_000, async () => ((await system.unsettled()) === undefined ? true : undefined));
});

afterEach(async () => {
  await prober?.stop();
  topology?.close();
});

async function ownerNow(): Promise<HostName> {
  return (await system.agents.a.group())?.role === 'active' ? 'a' : 'b';
}

async function kill(host: HostName): Promise<void> {
  signalAll(await topology.pids(host), 'SIGKILL');
  await waitFor(`host ${host} is empty`, 5_000, async () =>
    (await topology.pids(host)).length === 0 && !system.agents[host].running ? true : undefined,
  );
}

function lastStart(host: HostName): string {
  const log = system.agents[host].log();
  return log.slice(log.lastIndexOf('runs edge'));
}

test('a restarted backup acks its owner at once, so that with the witness gone nothing moves and nothing is lost (L9)', async () => {
  const owner = await ownerNow();
  const backup = other(owner);
  await system.witness?.stop();
  const fromUs = prober.nowUs();
  await kill(backup);
  await system.agents[backup].start();
  const group = await waitFor('the backup votes', 7_000, async () => {
    const status = await system.agents[backup].group();
    return status?.role === 'backup' && status.owner === owner ? status : undefined;
  });
  expect(group.quorum.votes[0]).toMatchObject({ voter: backup, state: 'bound_elsewhere' });
  expect(lastStart(backup)).toContain('the votes of an earlier run bind on as they were recorded');
  await sleep(WATCHED_MS);
  const analysis = analyse(prober.between(fromUs, prober.nowUs()));
  expect(analysis).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect((await system.agents[owner].group())?.role).toBe('active');
});

test.each([
  ['is lost', (path: string) => rmSync(path)],
  ['is damaged', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -5))],
])('a restarted backup whose record %s waits until every promise has run out (L9)', async (_what, spoil) => {
  const owner = await ownerNow();
  const backup = other(owner);
  await kill(backup);
  spoil(join(topology.runFolderOf(`tiebreak-${backup}`), 'register-edge'));
  await system.agents[backup].start();
  const group = await waitFor('the backup answers', 7_000, () => system.agents[backup].group());
  expect(group.role).toBe('initialize');
  expect(group.reason).toContain('waits until every promise of an earlier run has run out');
  await waitFor('its quarantine is over', 12_000, async () =>
    (await system.agents[backup].group())?.role === 'backup' ? true : undefined,
  );
});
