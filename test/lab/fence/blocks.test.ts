import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { advertisement, announcement, ETHER_ARP, ETHER_IPV4, ipv4 } from './frames.ts';
import {
  CLIENT_ADDRESS,
  CLIENT_MAC,
  HOLDER_ADDRESS,
  HOLDER_MAC,
  type Holder,
  ip,
  Namespaces,
  run,
  VIRTUAL_ADDRESS,
} from './namespaces.ts';

const GROUP = 7;
const ROUTER_ID = 33;
const OTHER_ROUTER_ID = 34;
const LEASE_MS = 10_000;

// Counts in the client's namespace what really came over the cable, before anything could drop it.
const COUNTERS = `table netdev seen {
  counter arp_count { }
  counter advertisement_count { }
  counter address_count { }
  chain in {
    type filter hook ingress device eth0 priority -500
    arp saddr ip ${VIRTUAL_ADDRESS} counter name arp_count
    ip protocol 112 counter name advertisement_count
    ip saddr ${VIRTUAL_ADDRESS} counter name address_count
  }
}`;

let namespaces: Namespaces;

function options(egress: boolean): FenceOptions {
  return {
    groups: [
      {
        id: GROUP,
        addresses: [VIRTUAL_ADDRESS],
        virtualRouters: [{ interface: 'eth0', family: 'ipv4', virtualRouterId: ROUTER_ID }],
        gatewayInterfaces: [],
        intervalUs: 250_000,
      },
    ],
    interfaces: ['eth0'],
    sideband: [{ port: 3112, peers: ['10.77.0.2'] }],
    egress,
  };
}

async function seen(counter: 'arp' | 'advertisement' | 'address'): Promise<number> {
  const listing = await run(namespaces.client, 'nft', 'reset', 'counter', 'netdev', 'seen', `${counter}_count`);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

async function dropped(holder: Holder, frame: { etherType: number; hex: string }): Promise<boolean> {
  const sent = await holder.ask({ do: 'sendFrame', interface: 'eth0', ...frame });
  if (typeof sent !== 'object' || sent === null || !('ok' in sent)) throw new Error('not a result');
  if (sent.ok !== true) expect(sent).toMatchObject({ code: 'ENOBUFS' });
  return sent.ok !== true;
}

const arpFrame = (operation: 'request' | 'reply', address = VIRTUAL_ADDRESS) => ({
  etherType: ETHER_ARP,
  hex: announcement(operation, HOLDER_MAC, address),
});

const vrrpFrame = (routerId: number, priority: number) => ({
  etherType: ETHER_IPV4,
  hex: ipv4(HOLDER_ADDRESS, 255, advertisement(routerId, priority, VIRTUAL_ADDRESS)),
});

/** A fence as it is while nobody has opened it, and then again after it was opened. */
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

const open = (holder: Holder) => holder.ask({ do: 'open', group: GROUP, leaseMs: LEASE_MS });

beforeAll(async () => {
  namespaces = await Namespaces.create('b');
  await run(namespaces.client, 'nft', COUNTERS);
});

afterAll(() => namespaces.remove());

it('the host would answer if there were no fence', async () => {
  expect(await namespaces.answersArp()).toBe(true);
  expect(await namespaces.answersEcho()).toBe(true);
});

describe.each([true, false])('with egress hook: %s', (egress) => {
  it('a closed fence lets the host answer neither ARP nor IP; an open one does', () =>
    withFence(egress, async (holder) => {
      expect(await namespaces.answersArp()).toBe(false);
      expect(await namespaces.answersEcho()).toBe(false);
      expect(await open(holder)).toMatchObject({ confirmed: true });
      expect(await namespaces.answersEcho()).toBe(true);
      await open(holder);
      expect(await namespaces.answersArp()).toBe(true);
      expect(await holder.ask({ do: 'close', group: GROUP })).toEqual({ confirmed: true, by: 'packet' });
      expect(await namespaces.answersArp()).toBe(false);
      expect(await namespaces.answersEcho()).toBe(false);
    }));

  it("the host's other addresses are left alone", () =>
    withFence(egress, async (holder) => {
      await run(namespaces.client, 'ping', '-c1', '-W1', HOLDER_ADDRESS);
      await run(namespaces.holder, 'ping', '-c1', '-W1', CLIENT_ADDRESS);
      expect(await dropped(holder, arpFrame('request', HOLDER_ADDRESS))).toBe(false);
    }));

  it('local clients on a host that does not own the address get no answer either', () =>
    withFence(egress, async (holder) => {
      await expect(run(namespaces.holder, 'ping', '-c1', '-W0.2', VIRTUAL_ADDRESS)).rejects.toThrow();
      await open(holder);
      await run(namespaces.holder, 'ping', '-c1', '-W1', VIRTUAL_ADDRESS);
    }));

  it('nothing with the address as source leaves a host that does not own it', () =>
    withFence(egress, async (holder) => {
      await seen('address');
      await expect(
        run(namespaces.holder, 'ping', '-c1', '-W0.2', '-I', VIRTUAL_ADDRESS, CLIENT_ADDRESS),
      ).rejects.toThrow();
      expect(await seen('address')).toBe(0);
      await open(holder);
      await run(namespaces.holder, 'ping', '-c1', '-W1', '-I', VIRTUAL_ADDRESS, CLIENT_ADDRESS);
      expect(await seen('address')).toBe(1);
    }));

  it('announcements by others come in', () =>
    withFence(egress, async () => {
      await ip(`-n ${namespaces.holder} addr del ${VIRTUAL_ADDRESS}/32 dev eth0`);
      const other = namespaces.start(namespaces.client);
      for (const operation of ['request', 'reply'] as const) {
        await ip(
          `-n ${namespaces.holder} neigh replace ${VIRTUAL_ADDRESS} lladdr 02:00:00:00:00:66 nud stale dev eth0`,
        );
        const hex = announcement(operation, CLIENT_MAC, VIRTUAL_ADDRESS);
        await other.ask({ do: 'sendFrame', interface: 'eth0', etherType: ETHER_ARP, hex });
        expect(await ip(`-n ${namespaces.holder} neigh show to ${VIRTUAL_ADDRESS}`)).toContain(CLIENT_MAC);
      }
      await other.kill();
      await ip(`-n ${namespaces.holder} neigh flush to ${VIRTUAL_ADDRESS}`);
      await ip(`-n ${namespaces.holder} addr add ${VIRTUAL_ADDRESS}/32 dev eth0`);
    }));

  it('advertisements through a raw socket leave while open, and with priority 0 always', () =>
    withFence(egress, async (holder) => {
      const send = (priority: number) =>
        holder.ask({ do: 'sendVrrp', to: [10, 77, 0, 9], hex: advertisement(ROUTER_ID, priority, VIRTUAL_ADDRESS) });
      await seen('advertisement');
      await send(100);
      expect(await seen('advertisement')).toBe(0);
      await send(0);
      expect(await seen('advertisement')).toBe(1);
      await open(holder);
      await send(100);
      expect(await seen('advertisement')).toBe(1);
    }));
});

describe('with the egress hook, frames from packet sockets', () => {
  it('that announce the address leave only while open', () =>
    withFence(true, async (holder) => {
      await seen('arp');
      expect(await dropped(holder, arpFrame('request'))).toBe(true);
      expect(await dropped(holder, arpFrame('reply'))).toBe(true);
      expect(await seen('arp')).toBe(0);
      await open(holder);
      expect(await dropped(holder, arpFrame('request'))).toBe(false);
      expect(await dropped(holder, arpFrame('reply'))).toBe(false);
      expect(await seen('arp')).toBe(2);
    }));

  it('that advertise the virtual router leave only while open, priority 0 and other routers always', () =>
    withFence(true, async (holder) => {
      await seen('advertisement');
      expect(await dropped(holder, vrrpFrame(ROUTER_ID, 100))).toBe(true);
      expect(await dropped(holder, vrrpFrame(ROUTER_ID, 255))).toBe(true);
      expect(await dropped(holder, vrrpFrame(ROUTER_ID, 0))).toBe(false);
      expect(await dropped(holder, vrrpFrame(OTHER_ROUTER_ID, 100))).toBe(false);
      expect(await seen('advertisement')).toBe(2);
      await open(holder);
      expect(await dropped(holder, vrrpFrame(ROUTER_ID, 100))).toBe(false);
    }));
});

it("without the egress hook the kernel's own gratuitous ARP stays in", async () => {
  const announce = async () => {
    await seen('arp');
    await ip(`-n ${namespaces.holder} link set eth0 down`);
    await ip(`-n ${namespaces.holder} link set eth0 up`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return seen('arp');
  };
  await run(namespaces.holder, 'sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=1');
  expect(await announce()).toBeGreaterThan(0);
  await withFence(false, async () => {
    expect(await announce()).toBe(0);
  });
  await run(namespaces.holder, 'sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=0');
});

describe('what comes in', () => {
  // Behind the fence: what its hooks dropped at priority -500 never gets here.
  const BEHIND = `table inet behind {
    counter vrrp_count { }
    counter sideband_count { }
    counter local_count { }
    counter transit_count { }
    chain in {
      type filter hook input priority 0
      meta l4proto 112 counter name vrrp_count
      udp dport 3112 counter name sideband_count
      ip daddr ${VIRTUAL_ADDRESS} counter name local_count
    }
    chain through {
      type filter hook forward priority 0
      ip daddr ${VIRTUAL_ADDRESS} counter name transit_count
    }
  }`;

  async function behind(counter: 'vrrp' | 'sideband' | 'local' | 'transit'): Promise<number> {
    const listing = await run(namespaces.holder, 'nft', 'reset', 'counter', 'inet', 'behind', `${counter}_count`);
    return Number(/packets (\d+)/.exec(listing)?.[1]);
  }

  beforeAll(() => run(namespaces.holder, 'nft', BEHIND));

  const knock = () =>
    run(namespaces.client, 'bash', '-c', `echo x > /dev/udp/${VIRTUAL_ADDRESS}/9`).then(() => undefined);

  it('for the address reaches no socket of a host that does not own it', () =>
    withFence(true, async (holder) => {
      await ip(`-n ${namespaces.client} neigh replace ${VIRTUAL_ADDRESS} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
      await knock();
      expect(await behind('local')).toBe(0);
      await open(holder);
      await knock();
      expect(await behind('local')).toBe(1);
    }));

  it('for the address of another host is passed on', () =>
    withFence(true, async () => {
      await ip(`-n ${namespaces.client} neigh replace ${VIRTUAL_ADDRESS} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
      await ip(`-n ${namespaces.holder} addr del ${VIRTUAL_ADDRESS}/32 dev eth0`);
      await run(namespaces.holder, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
      await knock();
      expect(await behind('transit')).toBe(1);
      await run(namespaces.holder, 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
      await ip(`-n ${namespaces.holder} addr add ${VIRTUAL_ADDRESS}/32 dev eth0`);
      await ip(`-n ${namespaces.client} neigh del ${VIRTUAL_ADDRESS} dev eth0`);
    }));

  it('as VRRP must have a TTL of 255', () =>
    withFence(true, async () => {
      const other = namespaces.start(namespaces.client);
      const send = async (timeToLive: number) => {
        const advert = advertisement(ROUTER_ID, 100, VIRTUAL_ADDRESS);
        const hex = ipv4(CLIENT_ADDRESS, timeToLive, advert);
        await other.ask({ do: 'sendFrame', interface: 'eth0', etherType: ETHER_IPV4, hex });
        return behind('vrrp');
      };
      expect(await send(255)).toBe(1);
      expect(await send(254)).toBe(0);
      await other.kill();
    }));

  it('on a sideband port must come from a configured peer', () =>
    withFence(true, async () => {
      await ip(`-n ${namespaces.client} addr add 10.77.0.2/24 dev eth0`);
      const send = (source: string) =>
        run(
          namespaces.client,
          'bash',
          '-c',
          `ip route replace ${HOLDER_ADDRESS} dev eth0 src ${source} && echo x > /dev/udp/${HOLDER_ADDRESS}/3112`,
        );
      await send(CLIENT_ADDRESS);
      expect(await behind('sideband')).toBe(0);
      await send('10.77.0.2');
      expect(await behind('sideband')).toBe(1);
      await ip(`-n ${namespaces.client} route del ${HOLDER_ADDRESS} dev eth0`);
      await ip(`-n ${namespaces.client} addr del 10.77.0.2/24 dev eth0`);
    }));
});
