import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FencedGroup, FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { HOLDER_MAC, type Holder, ip, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

// The holder is a router between the client's segment and another one. The client has the virtual address as its default
// gateway, and a neighbour entry that still names this host: it has missed the new owner's announcement.

const GROUP = 7;
const OTHER_GROUP = 8;
const LEASE_MS = 10_000;
const VIRTUAL6 = 'fd77::100';
const BEYOND = '10.88.0.5';
const BEYOND6 = 'fd88::5';

const SEEN = `table inet seen {
  counter forwarded_count { }
  chain through {
    type filter hook forward priority 0
    oifname "eth1" counter name forwarded_count
  }
}`;

let namespaces: Namespaces;

const group = (id: number, addresses: readonly string[], gatewayInterfaces: readonly string[]): FencedGroup => ({
  id,
  addresses,
  virtualRouters: [],
  gatewayInterfaces,
  intervalUs: 250_000,
});

beforeAll(async () => {
  namespaces = await Namespaces.create('g');
  const { holder, client } = namespaces;
  await ip(`-n ${holder} link add eth1 type veth peer name far`);
  await ip(`-n ${holder} link set far up`);
  await ip(`-n ${holder} link set eth1 up`);
  await ip(`-n ${holder} addr add 10.88.0.1/24 dev eth1`);
  await ip(`-n ${holder} addr add fd88::1/64 dev eth1 nodad`);
  await ip(`-n ${holder} addr add ${VIRTUAL6}/64 dev eth0 nodad`);
  await ip(`-n ${client} addr add fd77::9/64 dev eth0 nodad`);
  await run(holder, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  await ip(`-n ${client} route add default via ${VIRTUAL_ADDRESS}`);
  await ip(`-6 -n ${client} route add default via ${VIRTUAL6}`);
  await run(holder, 'nft', SEEN);
});

afterAll(() => namespaces.remove());

/** How many of two packets to the segment beyond, one of each family, this host passes on. */
async function forwarded(): Promise<number> {
  const { holder, client } = namespaces;
  for (const gateway of [VIRTUAL_ADDRESS, VIRTUAL6]) {
    await ip(`-n ${client} neigh replace ${gateway} lladdr ${HOLDER_MAC} nud stale dev eth0`);
  }
  await run(holder, 'nft', 'reset', 'counters');
  for (const address of [BEYOND, BEYOND6]) await run(client, 'bash', '-c', `echo x > /dev/udp/${address}/9`);
  const listing = await run(holder, 'nft', 'reset', 'counter', 'inet', 'seen', 'forwarded_count');
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

async function withFence(groups: readonly FencedGroup[], body: (holder: Holder) => Promise<void>): Promise<void> {
  const holder = namespaces.start();
  const options: FenceOptions = { groups, interfaces: ['eth0', 'eth1'], sideband: [] };
  try {
    expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true });
    await body(holder);
    expect(await holder.ask({ do: 'remove' })).toEqual({ ok: true });
  } finally {
    await holder.kill();
  }
}

const open = (holder: Holder, id = GROUP) => holder.ask({ do: 'open', group: id, leaseMs: LEASE_MS });
const close = (holder: Holder, id = GROUP) => holder.ask({ do: 'close', group: id });

it('a client that missed the announcement is routed by an ex-owner whose address is not said to be a gateway', () =>
  withFence([group(GROUP, [VIRTUAL_ADDRESS, VIRTUAL6], [])], async () => {
    expect(await forwarded()).toBe(2);
  }));

it('gateway: while the group is closed nothing that comes in on that interface is forwarded', () =>
  withFence([group(GROUP, [VIRTUAL_ADDRESS, VIRTUAL6], ['eth0'])], async (holder) => {
    expect(await forwarded()).toBe(0);
    await open(holder);
    expect(await forwarded()).toBe(2);
    await close(holder);
    expect(await forwarded()).toBe(0);
  }));

it('what comes in on another interface is forwarded all the same', () =>
  withFence([group(GROUP, [VIRTUAL_ADDRESS, VIRTUAL6], ['eth1'])], async () => {
    expect(await forwarded()).toBe(2);
  }));

it('of two groups on one interface, one that is open is enough, and one that closes takes nothing from the other', () =>
  withFence(
    [group(GROUP, [VIRTUAL_ADDRESS, VIRTUAL6], ['eth0']), group(OTHER_GROUP, ['10.77.0.101'], ['eth0'])],
    async (holder) => {
      await open(holder);
      await open(holder, OTHER_GROUP);
      await close(holder, GROUP);
      expect(await forwarded()).toBe(2);
      await close(holder, OTHER_GROUP);
      expect(await forwarded()).toBe(0);
    },
  ));
