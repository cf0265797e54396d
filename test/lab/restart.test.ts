import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Prober } from './prober.ts';
import { signalAll, waitFor } from './process.ts';
import { SettledPair } from './settled-pair.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import type { TiebreakSystem } from './tiebreak.ts';
import type { HostName, Topology } from './topology.ts';

/** A start takes about 1 s, also on a busy machine less than the lease of 1.9 intervals that the owner lives on meanwhile. */
const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 4_000 };
/** Longer than the quarantine of an agent that knows nothing, and than any promise. */
const WATCHED_MS = 13_000;

let pair: SettledPair;
let topology: Topology;
let system: TiebreakSystem;
let prober: Prober;

beforeEach(async () => {
  pair = await SettledPair.start(SCENARIO);
  ({ topology, system, prober } = pair);
});

afterEach(() => pair?.close());

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
  const owner = await pair.owner();
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
  const analysis = pair.seenSince(fromUs);
  expect(analysis).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect((await system.agents[owner].group())?.role).toBe('active');
});

test.each([
  ['is lost', (path: string) => rmSync(path)],
  ['is damaged', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -5))],
])('a restarted backup whose record %s waits until every promise has run out (L9)', async (_what, spoil) => {
  const owner = await pair.owner();
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
