import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FencedGroup, FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { type Holder, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

const GROUP = 7;
const OTHER_GROUP = 8;
const ADDED = '10.77.0.101';
const LEASE_MS = 10_000;
/** The longest lifetime of an element. */
const LIFETIME_MAX_MS = 1_500;

const group: FencedGroup = {
  id: GROUP,
  addresses: [VIRTUAL_ADDRESS, ADDED],
  virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 33 }],
  gatewayInterfaces: [],
  intervalUs: 250_000,
};
const FAR = { interface: 'eth0', family: 'ipv4', virtualRouterId: 33, unicast: ['10.77.0.2'], minTtl: 64 } as const;
const other: FencedGroup = { ...group, id: OTHER_GROUP, addresses: ['10.77.0.110', 'fd00::110'], virtualRouters: [] };
const options = (...groups: FencedGroup[]): FenceOptions => ({ groups, interfaces: ['eth0'], sideband: [] });

let namespaces: Namespaces;
let holder: Holder;

beforeEach(async () => {
  namespaces = await Namespaces.create('c');
  holder = namespaces.start();
});

afterEach(() => namespaces.remove());

async function installed(first: FenceOptions): Promise<void> {
  expect(await holder.ask({ do: 'install', options: first })).toEqual({ ok: true, level: 'full' });
}

const open = (id = GROUP) => holder.ask({ do: 'open', group: id, leaseMs: LEASE_MS });
const refresh = (id = GROUP) => holder.ask({ do: 'refresh', group: id, leaseMs: LEASE_MS });

/** The groups that are open, and for how many ms still. */
async function openGroups(): Promise<ReadonlyMap<number, number>> {
  const text = await run(namespaces.holder, 'nft', '-j', 'list', 'set', 'inet', 'tiebreak', 'alive');
  const elements = text.matchAll(/"val": (\d+).*?"expires": (\d+)/g);
  return new Map([...elements].map(([, id, expires]) => [Number(id), Number(expires) * 1000]));
}

/** What becomes of packets for an address, in nft's words. */
async function verdictOn(address: string): Promise<string | undefined> {
  const text = await run(namespaces.holder, 'nft', 'list', 'map', 'inet', 'tiebreak', 'lease4');
  return [...text.matchAll(/(\d+\.\d+\.\d+\.\d+) : ([^,}]+)/g)].find(([, key]) => key === address)?.[2]?.trim();
}

async function tables(): Promise<string> {
  const texts = await Promise.all(
    ['netdev', 'inet'].map((family) => run(namespaces.holder, 'nft', 'list', 'table', family, 'tiebreak')),
  );
  return texts.join('');
}

it('an open group stays open, and what it has more hangs on the same lease', async () => {
  const before = options({ ...group, addresses: [VIRTUAL_ADDRESS] });
  await installed(before);
  const [opened, changed] = await holder.askAll([
    { do: 'open', group: GROUP, leaseMs: LEASE_MS },
    { do: 'change', options: options(group, other) },
  ]);
  expect([opened, changed]).toMatchObject([{ confirmed: true }, { ok: true }]);
  expect(await namespaces.answersEcho()).toBe(true);
  expect(await verdictOn(ADDED)).toBe(`jump while_g${GROUP}_open`);
  expect(await verdictOn('10.77.0.110')).toBe(`jump while_g${OTHER_GROUP}_open`);
  expect(await refresh()).toMatchObject({ confirmed: true });
  expect(await open(OTHER_GROUP)).toMatchObject({ confirmed: true });
  expect([...(await openGroups()).keys()].sort()).toEqual([GROUP, OTHER_GROUP]);
});

it('a change opens nothing and prolongs nothing', async () => {
  await installed(options({ ...group, addresses: [VIRTUAL_ADDRESS] }));
  await holder.askAll([
    { do: 'open', group: GROUP, leaseMs: LEASE_MS },
    { do: 'sleep', ms: 400 },
    { do: 'change', options: options(group, other) },
  ]);
  const left = await openGroups();
  expect([...left.keys()]).toEqual([GROUP]);
  expect(left.get(GROUP)).toBeLessThanOrEqual(LIFETIME_MAX_MS - 400);
  // The fence's own bound counts the sentinel in full.
  await holder.ask({ do: 'sleep', ms: LIFETIME_MAX_MS - 400 + 100 });
  expect(await refresh()).toMatchObject({ confirmed: false, reason: 'expired' });
  expect(await holder.ask({ do: 'change', options: options(group) })).toEqual({ ok: true });
  expect((await openGroups()).size).toBe(0);
  expect(await namespaces.answersEcho()).toBe(false);
});

it('what is withdrawn is closed at once, held back still, and never opened again', async () => {
  await installed(options(group));
  await open();
  expect(await namespaces.answersEcho()).toBe(true);
  const withdrawn = { addresses: [VIRTUAL_ADDRESS], virtualRouters: [] };
  const without = { ...group, addresses: [ADDED] };
  expect(await holder.ask({ do: 'change', options: options({ ...without, withdrawn }) })).toEqual({ ok: true });
  expect(await namespaces.answersEcho()).toBe(false);
  expect(await refresh()).toMatchObject({ confirmed: true });
  expect(await namespaces.answersEcho()).toBe(false);
  expect(await verdictOn(VIRTUAL_ADDRESS)).toBe('drop');
  expect(await verdictOn(ADDED)).toBe(`jump while_g${GROUP}_open`);
  expect(await holder.ask({ do: 'change', options: options(without) })).toEqual({ ok: true });
  expect(await tables()).not.toContain(VIRTUAL_ADDRESS);
  expect(await refresh()).toMatchObject({ confirmed: true });
});

it('a peer that may be further away is heard from so far once the fence has changed', async () => {
  await installed(options(group));
  const far = { ...group, virtualRouters: [FAR] };
  expect(await holder.ask({ do: 'change', options: options(far) })).toEqual({ ok: true });
  const rule = 'ip saddr 10.77.0.2 ip daddr != 224.0.0.0/4 @th,8,8 0x21 ip ttl >= 64 accept';
  expect(await tables()).toContain(rule);
  // As long as its router only goes, it is heard.
  const going = { ...group, virtualRouters: [], withdrawn: { addresses: [], virtualRouters: [FAR] } };
  expect(await holder.ask({ do: 'change', options: options(going) })).toEqual({ ok: true });
  expect(await tables()).toContain(rule);
  expect(await holder.ask({ do: 'change', options: options(group) })).toEqual({ ok: true });
  expect(await tables()).not.toContain('ip ttl >= 64');
  expect(await tables()).toContain('counter hop_limit4');
});

it('a group that is open cannot be left out; a closed one goes without a trace', async () => {
  await installed(options(group, other));
  await open(OTHER_GROUP);
  expect(await holder.ask({ do: 'change', options: options(group) })).toMatchObject({ ok: false });
  await holder.ask({ do: 'close', group: OTHER_GROUP });
  expect(await holder.ask({ do: 'change', options: options(group) })).toEqual({ ok: true });
  const left = await tables();
  expect(left).not.toContain('_g8_');
  expect(left).not.toContain('10.77.0.110');
  expect(await holder.ask({ do: 'isIntact' })).toBe(true);
});

it('the changed tables are those that an installation makes', async () => {
  const before = options({ ...group, gatewayInterfaces: ['eth0'], refused: [ADDED] });
  const after: FenceOptions = {
    ...options({ ...group, addresses: [ADDED], intervalUs: 100_000 }, other),
    sideband: [{ port: 3112, peers: ['192.0.2.2'] }],
  };
  await installed(before);
  await open();
  expect(await holder.ask({ do: 'change', options: after })).toEqual({ ok: true });
  const changed = sorted(await tables());
  expect(await holder.ask({ do: 'recreate' })).toEqual({ ok: true });
  expect(changed).toEqual(sorted(await tables()));
});

/** Without secrets, elements of leases, and the order in which the kernel lists sets and chains. */
function sorted(text: string): string[] {
  return text
    .replace(/\n\t\telements = \{[^}]*expires[^}]*\}/g, '')
    .replace(/^(table .*|\})$/gm, '')
    .split(/\n\n/)
    .map((part) => part.replace(/@th,64,128 != 0x[0-9a-f]+/, '@th,64,128 != SECRET').trim())
    .sort();
}
