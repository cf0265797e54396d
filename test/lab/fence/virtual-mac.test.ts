import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FencedGroup, FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { announcement, ETHER_ARP } from './frames.ts';
import { CLIENT_ADDRESS, type Holder, ip, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

// The holder is a router between the client's segment and another one, and has the virtual address on a macvlan, up for
// good. The client has it as its default gateway, its neighbour entry the virtual MAC.

const GROUP = 7;
const VIRTUAL_MAC = '00:00:5e:00:01:21';
const OTHER_MAC = '00:00:5e:00:01:22';
const MACVLAN = 'tb33.eth0';
const BEYOND = '10.88.0.5';
const LEASE_MS = 10_000;

const GROUPS: readonly FencedGroup[] = [
  {
    id: GROUP,
    addresses: [VIRTUAL_ADDRESS],
    virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: 0x21, virtualMac: true }],
    gatewayInterfaces: [],
    intervalUs: 250_000,
  },
];

const FORWARDED = `table inet seen {
  counter forwarded_count { }
  chain through {
    type filter hook forward priority 0
    oifname "eth1" counter name forwarded_count
  }
}`;

const FROM_MAC = `table netdev seen {
  counter from_virtual { }
  counter from_other { }
  chain come {
    type filter hook ingress device "eth0" priority 0
    ether saddr ${VIRTUAL_MAC} counter name from_virtual
    ether saddr ${OTHER_MAC} counter name from_other
  }
}`;

let namespaces: Namespaces;

beforeAll(async () => {
  namespaces = await Namespaces.create('v');
  const { holder, client } = namespaces;
  await ip(`-n ${holder} addr del ${VIRTUAL_ADDRESS}/32 dev eth0`);
  for (const [name, mac] of [
    [MACVLAN, VIRTUAL_MAC],
    ['other.eth0', OTHER_MAC],
  ] as const) {
    await ip(`-n ${holder} link add ${name} link eth0 address ${mac} type macvlan mode vepa`);
    await run(holder, 'sysctl', '-qw', `net.ipv6.conf.${name.replace('.', '/')}.disable_ipv6=1`);
    await run(holder, 'sysctl', '-qw', `net.ipv4.conf.${name.replace('.', '/')}.arp_ignore=1`);
    await run(holder, 'sysctl', '-qw', `net.ipv4.conf.${name.replace('.', '/')}.rp_filter=0`);
    await ip(`-n ${holder} link set ${name} up`);
  }
  await run(holder, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.arp_ignore=1');
  await ip(`-n ${holder} addr add ${VIRTUAL_ADDRESS}/32 dev ${MACVLAN}`);
  await ip(`-n ${holder} link add eth1 type veth peer name far`);
  await ip(`-n ${holder} link set far up`);
  await ip(`-n ${holder} link set eth1 up`);
  await ip(`-n ${holder} addr add 10.88.0.1/24 dev eth1`);
  await run(holder, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await ip(`-n ${client} route add default via ${VIRTUAL_ADDRESS}`);
  await run(holder, 'nft', FORWARDED);
  await run(client, 'nft', FROM_MAC);
});

afterAll(() => namespaces.remove());

async function counted(namespace: string, family: string, counter: string): Promise<number> {
  const listing = await run(namespace, 'nft', 'reset', 'counter', family, 'seen', counter);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

/** How many of two packets that the client sends to `mac` for the segment beyond, this host passes on. */
async function forwarded(mac = VIRTUAL_MAC): Promise<number> {
  const { holder, client } = namespaces;
  await ip(`-n ${client} neigh replace ${VIRTUAL_ADDRESS} lladdr ${mac} nud permanent dev eth0`);
  await counted(holder, 'inet', 'forwarded_count');
  for (let sent = 0; sent < 2; sent += 1) await run(client, 'bash', '-c', `echo x > /dev/udp/${BEYOND}/9`);
  return counted(holder, 'inet', 'forwarded_count');
}

/** The MAC address that the client learns by asking. */
async function answered(): Promise<string | undefined> {
  const { client } = namespaces;
  await ip(`-n ${client} neigh flush to ${VIRTUAL_ADDRESS}`);
  await ip(`-n ${client} neigh del ${VIRTUAL_ADDRESS} dev eth0`).catch(() => undefined);
  await run(client, 'ping', '-c1', '-W0.2', VIRTUAL_ADDRESS).catch(() => undefined);
  return /lladdr (\S+)/.exec(await ip(`-n ${client} neigh show to ${VIRTUAL_ADDRESS}`))?.[1];
}

/** How many of two frames that a program sends from the virtual MAC reach the wire: one that says who it is, one that does not. */
async function sentFromVirtualMac(holder: Holder): Promise<number> {
  await counted(namespaces.client, 'netdev', 'from_virtual');
  const frames = [
    announcement('request', VIRTUAL_MAC, VIRTUAL_ADDRESS),
    announcement('request', VIRTUAL_MAC, '10.77.0.50'),
  ];
  for (const hex of frames) await holder.ask({ do: 'sendFrame', interface: MACVLAN, etherType: ETHER_ARP, hex });
  return counted(namespaces.client, 'netdev', 'from_virtual');
}

async function withFence(body: (holder: Holder) => Promise<void>): Promise<void> {
  const holder = namespaces.start();
  const options: FenceOptions = { groups: GROUPS, interfaces: ['eth0', 'eth1', MACVLAN, 'other.eth0'], sideband: [] };
  try {
    expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true, level: 'full' });
    await body(holder);
    expect(await holder.ask({ do: 'remove' })).toEqual({ ok: true });
  } finally {
    await holder.kill();
  }
}

const open = (holder: Holder, leaseMs = LEASE_MS) => holder.ask({ do: 'open', group: GROUP, leaseMs });
const close = (holder: Holder) => holder.ask({ do: 'close', group: GROUP });

it('closed: nothing comes in to the virtual MAC, not even what would only be forwarded, and nothing leaves from it', () =>
  withFence(async (holder) => {
    expect(await forwarded()).toBe(0);
    expect(await answered()).toBeUndefined();
    expect(await sentFromVirtualMac(holder)).toBe(0);
  }));

it('open: the virtual MAC answers, forwards and is heard; closed again, it is gone', () =>
  withFence(async (holder) => {
    await open(holder);
    expect(await forwarded()).toBe(2);
    expect(await answered()).toBe(VIRTUAL_MAC);
    expect(await sentFromVirtualMac(holder)).toBe(2);
    await close(holder);
    expect(await forwarded()).toBe(0);
    expect(await sentFromVirtualMac(holder)).toBe(0);
  }));

it('it ends by itself with the lease of a process that stands still', () =>
  withFence(async (holder) => {
    expect(await open(holder, 800)).toMatchObject({ confirmed: true });
    expect(await forwarded()).toBe(2);
    holder.signal('SIGSTOP');
    await sleep(900);
    expect(await forwarded()).toBe(0);
    expect(await answered()).toBeUndefined();
    holder.signal('SIGCONT');
  }));

it('other MAC addresses on the same wire are none of its business', () =>
  withFence(async (holder) => {
    expect(await forwarded(OTHER_MAC)).toBe(2);
    await counted(namespaces.client, 'netdev', 'from_other');
    const hex = announcement('request', OTHER_MAC, CLIENT_ADDRESS);
    await holder.ask({ do: 'sendFrame', interface: 'other.eth0', etherType: ETHER_ARP, hex });
    expect(await counted(namespaces.client, 'netdev', 'from_other')).toBe(1);
  }));
