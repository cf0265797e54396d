import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { everythingKilled, lanCarrierLost } from '../lab/faults.ts';
import { LAB_TOOLS, requireTools } from '../lab/prerequisites.ts';
import { waitFor } from '../lab/process.ts';
import { NETWORK } from '../lab/topology.ts';
import { Pair, type PairOptions } from './pair.ts';

// A tiebreak agent in mode "vrrp" is host a, keepalived is host b.

beforeAll(() => requireTools([...LAB_TOOLS, 'keepalived', 'tshark']));

let pair: Pair;
// Nothing to close if the tools are missing.
afterEach(() => pair?.close());

/** A start, on a machine that is busy. */
const START_MS = 10_000;

const OURS_HIGHER = { tiebreakPriority: 200, keepalivedPriority: 100 } as const;
const THEIRS_HIGHER = { tiebreakPriority: 100, keepalivedPriority: 200 } as const;

/** The first that runs owns, whatever the priorities, unless the other preempts. */
async function runningInOrder(options: PairOptions, first: 'tiebreak' | 'keepalived'): Promise<void> {
  pair = await Pair.create(options);
  const second = first === 'tiebreak' ? 'keepalived' : 'tiebreak';
  await pair[first].start();
  await pair.ownedBy(pair[first].host, START_MS);
  await pair[second].start();
}

/** We are there, and have heard who owns. */
async function weListen(): Promise<void> {
  await waitFor('we are backup', START_MS, async () =>
    (await pair.tiebreak.group())?.role === 'backup' ? true : undefined,
  );
  await sleep(2 * pair.scenario.advertisementIntervalMs);
}

const skewMs = (host: 'a' | 'b'): number => pair.masterDownMs(host) - 3 * pair.scenario.advertisementIntervalMs;

describe.for(['multicast', 'unicast'] as const)('version 3, %s', (transport) => {
  test('we own, and a lower keepalived stays backup', async () => {
    await runningInOrder({ ...OURS_HIGHER, transport }, 'tiebreak');
    expect(await pair.ownersDuring(4 * pair.masterDownMs('b'))).toEqual(['a']);
    expect(pair.keepalived.log()).toMatch(/BACKUP STATE/);
    expect(pair.keepalived.log()).not.toMatch(/checksum|invalid|mismatch/i);
  });

  test('a higher keepalived owns, and we stay backup', async () => {
    await runningInOrder({ ...THEIRS_HIGHER, transport }, 'keepalived');
    expect(await pair.ownersDuring(4 * pair.masterDownMs('a'))).toEqual(['b']);
  });

  test('keepalived leaves with priority 0: we own after the skew, long before the master-down time', async () => {
    await runningInOrder({ ...THEIRS_HIGHER, transport }, 'keepalived');
    await weListen();
    const left = pair.keepalived.terminate();
    const tookMs = await pair.ownedBy('a', 3_000);
    await left;
    expect(tookMs, pair.logs()).toBeLessThan(skewMs('a') + 2 * pair.scenario.advertisementIntervalMs);
  });

  test('we leave with priority 0: keepalived owns after its skew', async () => {
    await runningInOrder({ ...OURS_HIGHER, transport }, 'tiebreak');
    await sleep(START_MS / 5);
    const left = pair.tiebreak.terminate();
    const tookMs = await pair.ownedBy('b', 3_000);
    await left;
    expect(tookMs, pair.logs()).toBeLessThan(skewMs('b') + 2 * pair.scenario.advertisementIntervalMs);
    expect((await pair.record.sentByHost('pseudo-header')).at(-1)?.priority).toBe(0);
  });

  test('keepalived is killed: we own after the master-down time', async () => {
    await runningInOrder({ ...THEIRS_HIGHER, transport }, 'keepalived');
    await weListen();
    await everythingKilled(pair.topology, pair.keepalived).inject();
    // Its kernel keeps the address.
    await pair.topology.ip('b', [`addr del ${NETWORK.virtualAddress}/24 dev ${NETWORK.lanInterface}`]);
    expect(await pair.ownedBy('a', 5_000)).toBeLessThan(1.2 * pair.masterDownMs('a'));
  });
});

describe('preemption', () => {
  test('we take over from a lower keepalived when told to', async () => {
    await runningInOrder({ ...OURS_HIGHER, tiebreakPreempts: true }, 'keepalived');
    await pair.ownedBy('a', START_MS);
  });

  test('we leave a lower keepalived alone otherwise', async () => {
    await runningInOrder({ ...OURS_HIGHER, tiebreakPreempts: false }, 'keepalived');
    expect(await pair.ownersDuring(START_MS / 2)).toEqual(['b']);
  });

  test('a higher keepalived takes over from us when told to, and we step back', async () => {
    await runningInOrder({ ...THEIRS_HIGHER, keepalivedPreempts: true }, 'tiebreak');
    await pair.ownedBy('b', START_MS);
  });

  test('a higher keepalived leaves us alone otherwise', async () => {
    await runningInOrder({ ...THEIRS_HIGHER, keepalivedPreempts: false }, 'tiebreak');
    expect(await pair.ownersDuring(START_MS / 2)).toEqual(['a']);
  });
});

describe('tshark finds nothing wrong with any advertisement that we sent', () => {
  test.for<[string, Omit<PairOptions, 'tiebreakPriority' | 'keepalivedPriority'>]>([
    ['version 3, multicast, pseudo-header checksum', { checksum: 'pseudo-header' }],
    ['version 3, multicast, message checksum', { checksum: 'message' }],
    ['version 3, unicast, pseudo-header checksum', { transport: 'unicast' }],
    ['version 2, multicast', { version: 2 }],
    ['version 3, IPv6, multicast', { family: 6 }],
  ])('%s', async ([, options]) => {
    pair = await Pair.create({ ...OURS_HIGHER, ...options });
    await pair.tiebreak.start();
    await pair.ownedBy('a', START_MS);
    await sleep(4 * pair.scenario.advertisementIntervalMs);
    await pair.tiebreak.terminate();
    const sent = await pair.record.sentByHost(options.checksum ?? 'pseudo-header');
    const version = options.version ?? 3;
    const unitMs = version === 2 ? 1_000 : 10;
    expect(sent.length).toBeGreaterThanOrEqual(4);
    for (const [index, advertisement] of sent.entries()) {
      expect(advertisement).toEqual({
        version,
        virtualRouterId: pair.scenario.virtualRouterId,
        priority: index === sent.length - 1 ? 0 : pair.scenario.priority.a,
        interval: pair.scenario.advertisementIntervalMs / unitMs,
        addresses: options.family === 6 ? [...NETWORK.virtualAddresses6] : [NETWORK.virtualAddress],
        hopLimit: 255,
        checksumGood: true,
        complaints: [],
      });
    }
  });
});

describe('version 2 with a password', () => {
  const FLAGS = { version: 2 } as const;

  test.each([
    ['we', OURS_HIGHER, 'tiebreak', ['a']],
    ['keepalived', THEIRS_HIGHER, 'keepalived', ['b']],
  ] as const)('the same on both sides: %s own, and the other stays backup', async (_, priorities, first, owners) => {
    const authPass = { tiebreak: 'swordfis', keepalived: 'swordfis' };
    await runningInOrder({ ...priorities, ...FLAGS, authPass }, first);
    expect(await pair.ownersDuring(2 * pair.masterDownMs('a'))).toEqual(owners);
    expect(pair.keepalived.log()).not.toMatch(/auth|invalid|mismatch/i);
  });

  test.each([
    ['another one', 'other'],
    ['none', undefined],
  ])('%s at keepalived: neither hears the other, and both say why', async (_, theirs) => {
    const authPass = { tiebreak: 'swordfis', keepalived: theirs };
    await runningInOrder({ ...OURS_HIGHER, ...FLAGS, authPass }, 'tiebreak');
    await sleep(2 * pair.masterDownMs('b'));
    expect(pair.tiebreak.log()).toMatch(/refused an advertisement of .*(another auth_pass|authentication type 0)/);
    expect(pair.logs()).not.toContain('swordfis');
  });
});

test('a weight lowers our priority on the wire, and a check without one gives the router up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tb-interop-checks-'));
  const [weighed, vital] = [join(folder, 'weighed'), join(folder, 'vital')];
  const serve = (): void => {
    for (const path of [weighed, vital]) writeFileSync(path, '');
  };
  try {
    serve();
    const checks = (): string => `
[[group.check]]
name = "weighed"
file = "${weighed}"
weight = -150
interval = "200ms"
[[group.check]]
name = "vital"
file = "${vital}"
interval = "200ms"
`;
    const preempting = { tiebreakPreempts: true, keepalivedPreempts: true };
    await runningInOrder({ ...OURS_HIGHER, ...preempting, checks }, 'tiebreak');
    rmSync(weighed);
    await pair.ownedBy('b', START_MS);
    expect((await pair.record.sentByHost('pseudo-header')).at(-1)?.priority).toBe(50);
    serve();
    await pair.ownedBy('a', START_MS);
    rmSync(vital);
    await pair.ownedBy('b', START_MS);
    expect((await pair.record.sentByHost('pseudo-header')).at(-1)?.priority).toBe(0);
    serve();
    await pair.ownedBy('a', START_MS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('who has lost its own link gives the address up, as keepalived does, and has it again with the link', async () => {
  await runningInOrder({ ...OURS_HIGHER, tiebreakPreempts: true }, 'tiebreak');
  await sleep(START_MS / 5);
  const { inject, heal } = lanCarrierLost(pair.topology, 'a');
  await inject();
  await pair.ownedBy('b', START_MS);
  await heal();
  await pair.ownedBy('a', START_MS);
});
