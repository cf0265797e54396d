import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Status } from '../../agent/api/status.ts';
import { BusyPair } from '../bench/pair/busy-pair.ts';
import { readCounts } from '../bench/pair/network.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import type { HostName } from './topology.ts';

// One loop carries all groups. What a change costs must not grow with the groups beside it, or votes run out during the
// changes of others, which are changes again: two such hosts that started together never came to own anything.

const GROUPS = 250;
const INTERVAL_MS = 100;
const TAKES_OVER_WITHIN_MS = 15_000;
const WATCHED_S = 3;

let pair: BusyPair;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  const system = { program: 'tiebreak', arrangement: 'a lease group each' } as const;
  pair = await BusyPair.start(system, { routers: GROUPS, intervalMs: INTERVAL_MS }, 'together');
});
afterAll(() => pair?.close());

async function groupsOf(host: HostName): Promise<Status['groups']> {
  return waitFor(`the status of ${host}`, 5_000, async () => (await pair.status(host))?.groups);
}

async function advertised(): Promise<Readonly<Record<HostName, number>>> {
  const before = await readCounts(pair.topology);
  await sleep(WATCHED_S * 1_000);
  const after = await readCounts(pair.topology);
  const of = (host: HostName) => after.advertisements[host] - before.advertisements[host];
  return { a: of('a'), b: of('b') };
}

function active(groups: Status['groups']): string[] {
  return groups.filter(({ role }) => role === 'active').map(({ name }) => name);
}

const DUE = (WATCHED_S * GROUPS * 1_000) / INTERVAL_MS;

test(`${GROUPS} lease groups on two hosts that start together have an owner each, and keep it`, async () => {
  const [ofA, ofB] = [active(await groupsOf('a')), active(await groupsOf('b'))];
  expect(new Set([...ofA, ...ofB]).size).toBe(GROUPS);
  expect(ofA.length + ofB.length).toBe(GROUPS);
  const { a, b } = await advertised();
  expect(a + b).toBeGreaterThan(0.9 * DUE);
  expect(active(await groupsOf('a'))).toEqual(ofA);
  expect(active(await groupsOf('b'))).toEqual(ofB);
});

test('those of a host that is lost move to the other all at once, and stay there', async () => {
  for (const pid of await pair.pids('a')) process.kill(pid, 'SIGKILL');
  await waitFor('b owning every group', TAKES_OVER_WITHIN_MS, async () =>
    active(await groupsOf('b')).length === GROUPS ? true : undefined,
  );
  const { a, b } = await advertised();
  expect(a).toBe(0);
  expect(b).toBeGreaterThan(0.9 * DUE);
  expect(active(await groupsOf('b'))).toHaveLength(GROUPS);
});
