import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { unsolicitedNeighbourAdvertisementFrame } from '../../../agent/kernel/frames.ts';
import { parseAddress } from '../../../shared/vrrp/index.ts';
import { advertisement, ETHER_IPV6, ipv6 } from './frames.ts';
import { CLIENT_MAC, HOLDER_MAC, type Holder, ip, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

const GROUP = 7;
const ROUTER_ID = 33;
const OTHER_ROUTER_ID = 34;
const LEASE_MS = 10_000;
const ETHERNET_HEADER = 14;

const VIRTUAL = 'fd77::100';
const VIRTUAL_LINK_LOCAL = 'fe80::100';
const HOLDER = 'fd77::1';
const CLIENT = 'fd77::9';
const PEER = 'fd77::2';
// As the agent adds it: not for the host's own traffic.
const DEPRECATED = 'preferred_lft 0';

// Counts in the client's namespace what really came over the cable.
const SEEN = `table netdev seen {
  counter advertisement_count { }
  counter address_count { }
  chain in {
    type filter hook ingress device eth0 priority -500
    ip6 nexthdr 112 counter name advertisement_count
    ip6 saddr ${VIRTUAL} counter name address_count
  }
}`;

// Behind the fence: what its hooks dropped at priority -500 never gets here.
const BEHIND = `table inet behind {
  counter local_count { }
  counter sideband_count { }
  counter vrrp_count { }
  chain in {
    type filter hook input priority 0
    ip6 daddr ${VIRTUAL} counter name local_count
    udp dport 3112 counter name sideband_count
    ip6 nexthdr 112 counter name vrrp_count
  }
}`;

let namespaces: Namespaces;

const options = (egress: boolean): FenceOptions => ({
  groups: [
    {
      id: GROUP,
      addresses: [VIRTUAL_ADDRESS, VIRTUAL_LINK_LOCAL, VIRTUAL],
      virtualRouters: [
        { interface: 'eth0', family: 'ipv4', virtualRouterId: OTHER_ROUTER_ID },
        { interface: 'eth0', family: 'ipv6', virtualRouterId: ROUTER_ID, unicast: [PEER], minTtl: 64 },
      ],
      gatewayInterfaces: [],
      intervalUs: 250_000,
    },
  ],
  interfaces: ['eth0'],
  sideband: [{ port: 3112, peers: [PEER, '10.77.0.2'] }],
  egress,
});

beforeAll(async () => {
  namespaces = await Namespaces.create('6');
  const { holder, client } = namespaces;
  for (const [namespace, address] of [
    [holder, `${HOLDER}/64`],
    [holder, `${VIRTUAL}/128 ${DEPRECATED}`],
    [holder, `${VIRTUAL_LINK_LOCAL}/128 ${DEPRECATED}`],
    [client, `${CLIENT}/64`],
    [client, `${PEER}/64`],
  ] as const) {
    await ip(`-n ${namespace} addr add ${address} dev eth0 nodad`);
  }
  await run(client, 'nft', SEEN);
  await run(holder, 'nft', BEHIND);
});

afterAll(() => namespaces.remove());

async function counted(namespace: string, table: string, counter: string): Promise<number> {
  const [family, name] = table.split(' ');
  const listing = await run(namespace, 'nft', 'reset', 'counter', family ?? '', name ?? '', `${counter}_count`);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

const seen = (counter: 'advertisement' | 'address') => counted(namespaces.client, 'netdev seen', counter);
const behind = (counter: 'local' | 'sideband' | 'vrrp') => counted(namespaces.holder, 'inet behind', counter);
const open = (holder: Holder) => holder.ask({ do: 'open', group: GROUP, leaseMs: LEASE_MS });
const close = (holder: Holder) => holder.ask({ do: 'close', group: GROUP });

async function withFence(egress: boolean, body: (holder: Holder) => Promise<void>): Promise<void> {
  const holder = namespaces.start();
  try {
    const installed = await holder.ask({ do: 'install', options: options(egress) });
    expect(installed).toEqual({ ok: true, level: egress ? 'full' : 'no_egress' });
    await body(holder);
    expect(await holder.ask({ do: 'remove' })).toEqual({ ok: true });
  } finally {
    await holder.kill();
  }
}

const echo = (namespace: string, ...how: string[]) =>
  run(namespace, 'ping', '-6', '-c1', '-W0.3', ...how).then(
    () => true,
    () => false,
  );

/** Whether a neighbour solicitation for the address is answered: multicast first, then unicast to its MAC. */
async function answersSolicitation(address: string): Promise<boolean> {
  await ip(`-n ${namespaces.client} neigh flush to ${address} dev eth0`);
  await echo(namespaces.client, '-I', 'eth0', address);
  return (await ip(`-n ${namespaces.client} neigh show to ${address} dev eth0`)).includes(HOLDER_MAC);
}

async function answersEcho(address: string): Promise<boolean> {
  await ip(`-n ${namespaces.client} neigh replace ${address} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
  const answered = await echo(namespaces.client, '-I', 'eth0', address);
  await ip(`-n ${namespaces.client} neigh del ${address} dev eth0`);
  return answered;
}

async function dropped(holder: Holder, hex: string): Promise<boolean> {
  const sent = await holder.ask({ do: 'sendFrame', interface: 'eth0', etherType: ETHER_IPV6, hex });
  if (typeof sent !== 'object' || sent === null || !('ok' in sent)) throw new Error('not a result');
  if (sent.ok !== true) expect(sent).toMatchObject({ code: 'ENOBUFS' });
  return sent.ok !== true;
}

/** An unsolicited neighbour advertisement, or (the solicited flag set) the form of an answer. */
function announcementOf(address: string, mac: string, solicited = false): string {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error('no address');
  const hardware = Uint8Array.from(mac.split(':'), (digits) => Number.parseInt(digits, 16));
  const frame = unsolicitedNeighbourAdvertisementFrame({ mac: hardware, address: bytes, router: false });
  const packet = Buffer.from(frame.subarray(ETHERNET_HEADER));
  if (solicited) packet.writeUInt8(packet.readUInt8(44) | 0x40, 44);
  return packet.toString('hex');
}

it('the host would answer if there were no fence', async () => {
  for (const address of [VIRTUAL, VIRTUAL_LINK_LOCAL]) {
    expect(await answersSolicitation(address)).toBe(true);
    expect(await answersEcho(address)).toBe(true);
  }
});

describe.each([true, false])('IPv6, with egress hook: %s', (egress) => {
  it('a closed fence lets the host answer neither solicitations nor echoes; an open one does', () =>
    withFence(egress, async (holder) => {
      for (const address of [VIRTUAL, VIRTUAL_LINK_LOCAL]) {
        await close(holder);
        expect(await answersSolicitation(address)).toBe(false);
        expect(await answersEcho(address)).toBe(false);
        await open(holder);
        expect(await answersSolicitation(address)).toBe(true);
        await open(holder);
        expect(await answersEcho(address)).toBe(true);
        await close(holder);
        expect(await answersEcho(address)).toBe(false);
      }
    }));

  it('one lease packet opens the IPv4 addresses of the group as well', () =>
    withFence(egress, async (holder) => {
      expect(await namespaces.answersEcho()).toBe(false);
      await open(holder);
      expect(await namespaces.answersEcho()).toBe(true);
    }));

  it("the host's other addresses are left alone", () =>
    withFence(egress, async (holder) => {
      expect(await answersSolicitation(HOLDER)).toBe(true);
      expect(await echo(namespaces.holder, CLIENT)).toBe(true);
      expect(await dropped(holder, announcementOf(HOLDER, HOLDER_MAC))).toBe(false);
    }));

  it('local clients on a host that does not own the address get no answer either', () =>
    withFence(egress, async (holder) => {
      expect(await echo(namespaces.holder, VIRTUAL)).toBe(false);
      await open(holder);
      expect(await echo(namespaces.holder, VIRTUAL)).toBe(true);
    }));

  it('nothing with the address as source leaves a host that does not own it', () =>
    withFence(egress, async (holder) => {
      await seen('address');
      await echo(namespaces.holder, '-I', VIRTUAL, CLIENT);
      expect(await seen('address')).toBe(0);
      await open(holder);
      expect(await echo(namespaces.holder, '-I', VIRTUAL, CLIENT)).toBe(true);
      expect(await seen('address')).toBeGreaterThan(0);
    }));

  it("a host that does not own the address does not spoil another one's duplicate address detection", async () => {
    const detected = async () => {
      await ip(`-n ${namespaces.client} addr add ${VIRTUAL}/64 dev eth0`);
      let shown = '';
      for (
        let round = 0;
        round < 60 && (round === 0 || / tentative(?! dadfailed)|optimistic/.test(shown));
        round += 1
      ) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        shown = (await ip(`-n ${namespaces.client} -o addr show dev eth0 to ${VIRTUAL}`)).replace(
          'dadfailed tentative',
          'tentative dadfailed',
        );
      }
      await ip(`-n ${namespaces.client} addr del ${VIRTUAL}/64 dev eth0`);
      return shown.includes('dadfailed') ? 'taken' : 'free';
    };
    await withFence(egress, async (holder) => {
      expect(await detected()).toBe('free');
      await open(holder);
      expect(await detected()).toBe('taken');
    });
  });

  it('announcements by others come in', () =>
    withFence(egress, async () => {
      const { holder, client } = namespaces;
      await ip(`-n ${holder} addr del ${VIRTUAL}/128 dev eth0`);
      await ip(`-n ${holder} neigh replace ${VIRTUAL} lladdr 02:00:00:00:00:66 nud stale dev eth0`);
      const other = namespaces.start(client);
      expect(await dropped(other, announcementOf(VIRTUAL, CLIENT_MAC))).toBe(false);
      expect(await ip(`-n ${holder} neigh show to ${VIRTUAL}`)).toContain(CLIENT_MAC);
      await other.kill();
      await ip(`-n ${holder} neigh flush to ${VIRTUAL}`);
      await ip(`-n ${holder} addr add ${VIRTUAL}/128 ${DEPRECATED} dev eth0 nodad`);
    }));

  it('the host that does not own the address still reaches it at the owner', () =>
    withFence(egress, async () => {
      const { holder, client } = namespaces;
      await ip(`-n ${holder} addr del ${VIRTUAL}/128 dev eth0`);
      await ip(`-n ${client} addr add ${VIRTUAL}/64 dev eth0 nodad`);
      expect(await echo(holder, VIRTUAL)).toBe(true);
      await ip(`-n ${client} addr del ${VIRTUAL}/64 dev eth0`);
      await ip(`-n ${holder} neigh flush to ${VIRTUAL}`);
      await ip(`-n ${holder} addr add ${VIRTUAL}/128 ${DEPRECATED} dev eth0 nodad`);
    }));

  it('advertisements through a raw socket leave while open, and with priority 0 always', () =>
    withFence(egress, async (holder) => {
      const send = (priority: number) =>
        holder.ask({ do: 'sendVrrp6', to: CLIENT, hex: advertisement(ROUTER_ID, priority, VIRTUAL_LINK_LOCAL) });
      await echo(namespaces.holder, CLIENT);
      await seen('advertisement');
      await send(100);
      expect(await seen('advertisement')).toBe(0);
      await send(0);
      expect(await seen('advertisement')).toBe(1);
      await open(holder);
      await send(100);
      expect(await seen('advertisement')).toBe(1);
    }));

  it('what comes for the address reaches no socket of a host that does not own it', () =>
    withFence(egress, async (holder) => {
      await ip(`-n ${namespaces.client} neigh replace ${VIRTUAL} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
      const knock = () => run(namespaces.client, 'bash', '-c', `echo x > /dev/udp/${VIRTUAL}/9`);
      await behind('local');
      await knock();
      expect(await behind('local')).toBe(0);
      await open(holder);
      await knock();
      expect(await behind('local')).toBe(1);
      await ip(`-n ${namespaces.client} neigh del ${VIRTUAL} dev eth0`);
    }));

  it('what comes on a sideband port must come from a configured peer', () =>
    withFence(egress, async () => {
      const send = (source: string) =>
        run(
          namespaces.client,
          'bash',
          '-c',
          `ip -6 route replace ${HOLDER} dev eth0 src ${source} && echo x > /dev/udp/${HOLDER}/3112`,
        );
      await send(CLIENT);
      expect(await behind('sideband')).toBe(0);
      await send(PEER);
      expect(await behind('sideband')).toBe(1);
      await ip(`-6 -n ${namespaces.client} route del ${HOLDER} dev eth0`);
    }));
});

it('VRRP over IPv6 must have a hop limit of 255, but for what a unicast peer sends to this host', () =>
  withFence(true, async () => {
    const other = namespaces.start(namespaces.client);
    const send = async (source: string, hopLimit: number, destination: string) => {
      const advert = advertisement(ROUTER_ID, 100, VIRTUAL_LINK_LOCAL);
      const hex = ipv6(source, hopLimit, advert, destination);
      await other.ask({ do: 'sendFrame', interface: 'eth0', etherType: ETHER_IPV6, hex });
      return behind('vrrp');
    };
    await behind('vrrp');
    try {
      expect(await send(CLIENT, 255, HOLDER)).toBe(1);
      expect(await send(CLIENT, 64, HOLDER)).toBe(0);
      expect(await send(PEER, 64, HOLDER)).toBe(1);
      expect(await send(PEER, 255, 'ff02::1')).toBe(1);
      expect(await send(PEER, 64, 'ff02::1')).toBe(0);
    } finally {
      await other.kill();
    }
  }));

describe('with the egress hook, IPv6 frames from packet sockets', () => {
  it.each([false, true])(
    'that advertise the address as a neighbour leave only while open (solicited: %s)',
    (solicited) =>
      withFence(true, async (holder) => {
        const hex = announcementOf(VIRTUAL, HOLDER_MAC, solicited);
        expect(await dropped(holder, hex)).toBe(true);
        await open(holder);
        expect(await dropped(holder, hex)).toBe(false);
        await close(holder);
        expect(await dropped(holder, hex)).toBe(true);
      }),
  );

  it('that advertise the virtual router leave only while open, priority 0 and other routers always', () =>
    withFence(true, async (holder) => {
      const frame = (routerId: number, priority: number) =>
        ipv6('fe80::1', 255, advertisement(routerId, priority, VIRTUAL_LINK_LOCAL));
      expect(await dropped(holder, frame(ROUTER_ID, 100))).toBe(true);
      expect(await dropped(holder, frame(ROUTER_ID, 0))).toBe(false);
      // The IPv4 virtual router of that number is another one.
      expect(await dropped(holder, frame(OTHER_ROUTER_ID, 100))).toBe(false);
      await open(holder);
      expect(await dropped(holder, frame(ROUTER_ID, 100))).toBe(false);
    }));
});
