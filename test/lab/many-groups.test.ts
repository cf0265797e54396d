import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BusyPair } from '../bench/pair/busy-pair.ts';
import { readCounts } from '../bench/pair/network.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { signalAll, waitFor } from './process.ts';
import { other } from './system.ts';
import type { HostName } from './topology.ts';

// One loop carries all groups. What a change costs must not grow with the groups beside it, or votes run out during the
// changes of others, which are changes again. At the interval that is the default, so that two shared cores carry both hosts.

const GROUPS = 250;
const INTERVAL_MS = 250;
const OWNED_WITHIN_MS = 15_000;
const WATCHED_S = 3;
const DUE = (WATCHED_S * GROUPS * 1_000) / INTERVAL_MS;

let pair: BusyPair;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  const system = { program: 'tiebreak', arrangement: 'a lease group each' } as const;
  pair = await BusyPair.start(system, { routers: GROUPS, intervalMs: INTERVAL_MS }, 'together');
});
afterAll(() => pair?.close());

/** The groups that `host` owns, by its own word. */
async function ownedBy(host: HostName): Promise<string[]> {
  const status = await waitFor(`the status of ${host}`, 5_000, () => pair.status(host));
  return status.groups.flatMap(({ name, role }) => (role === 'active' ? [name] : []));
}

async function advertised(): Promise<Readonly<Record<HostName, number>>> {
  const before = await readCounts(pair.topology);
  await sleep(WATCHED_S * 1_000);
  const after = await readCounts(pair.topology);
  const of = (host: HostName) => after.advertisements[host] - before.advertisements[host];
  return { a: of('a'), b: of('b') };
}

test(`${GROUPS} lease groups on two hosts that start together have an owner each, and keep it`, async () => {
  const owned = await waitFor('every group owned', OWNED_WITHIN_MS, async () => {
    const [a, b] = [await ownedBy('a'), await ownedBy('b')];
    return a.length + b.length === GROUPS ? { a, b } : undefined;
  });
  expect(new Set([...owned.a, ...owned.b]).size).toBe(GROUPS);
  const { a, b } = await advertised();
  expect(a + b).toBeGreaterThan(0.9 * DUE);
  expect({ a: await ownedBy('a'), b: await ownedBy('b') }).toEqual(owned);
});

test('those of a host that is lost move to the other all at once, and stay there', async () => {
  const lost: HostName = (await ownedBy('a')).length > GROUPS / 2 ? 'a' : 'b';
  const left = other(lost);
  signalAll(await pair.pids(lost), 'SIGKILL');
  await waitFor(`${left} owning every group`, OWNED_WITHIN_MS, async () =>
    (await ownedBy(left)).length === GROUPS ? true : undefined,
  );
  const sent = await advertised();
  expect(sent[lost]).toBe(0);
  expect(sent[left]).toBeGreaterThan(0.9 * DUE);
  expect(await ownedBy(left)).toHaveLength(GROUPS);
});
