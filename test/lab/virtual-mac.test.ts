import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Capture } from './capture.ts';
import { everythingKilled, type Fault, frozen, plannedStop } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { type LabProcess, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { TiebreakAgent, tiebreakSystem, VIRTUAL_ROUTER_DEFAULTS, type VirtualRouterOptions } from './tiebreak.ts';
import { type HostName, NETWORK, PORTS, Topology } from './topology.ts';

// With one virtual MAC for both hosts a frame does not tell who sent it: the switch's port by which it came in does.

const READY_MS = 45_000;
const SETTLE_MS = 1_500;
const VIRTUAL_MAC = '00:00:5e:00:01:21';
const VIRTUAL_MAC6 = '00:00:5e:00:02:21';
const MACVLAN = 'tb33.eth0';
const BEYOND = NETWORK.witness.uplink;
const DISCARD_PORT = 9;

let topology: Topology | undefined;

afterEach(() => {
  topology?.close();
  topology = undefined;
});

type Hosts<T> = Readonly<Record<HostName, T>>;
type Agents = Hosts<TiebreakAgent>;

async function build(options: { readonly ipv6?: boolean } = {}): Promise<Topology> {
  requireTools(LAB_TOOLS);
  const made = await Topology.create(options);
  topology = made;
  for (const host of ['a', 'b'] as const) await made.inside(host, 'sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  return made;
}

/** A pair in lease mode, both agents settled, and who of them owns. */
async function leasedPair(made: Topology, options: VirtualRouterOptions): Promise<{ agents: Agents; owner: HostName }> {
  const system = await tiebreakSystem(made, DEFAULT_SCENARIO, options);
  await Promise.all([system.agents.a.start(), system.agents.b.start()]);
  await settled(system);
  return { agents: system.agents, owner: await ownerOf(system.agents) };
}

function settled(system: { unsettled(): Promise<string | undefined> }): Promise<true> {
  return waitFor('the steady state', READY_MS, async () =>
    (await system.unsettled()) === undefined ? true : undefined,
  );
}

function ownerOf(agents: Agents, except?: HostName): Promise<HostName> {
  return waitFor('an owner', READY_MS, async () => {
    for (const host of ['a', 'b'] as const) {
      if (host !== except && (await agents[host].group())?.role === 'active') return host;
    }
    return undefined;
  });
}

/** What came in from each host that only an owner may say or forward, by the kernel's clock. */
class OwnersRecord {
  readonly answers: Hosts<number[]> = { a: [], b: [] };
  /** The sequence numbers of the client's datagrams to a host beyond its router. */
  readonly forwarded: Hosts<Map<number, number>> = { a: new Map(), b: new Map() };

  #captures: readonly Capture[] = [];

  static async start(made: Topology, virtualAddress: string): Promise<OwnersRecord> {
    const record = new OwnersRecord();
    const captures: Capture[] = [];
    for (const host of ['a', 'b'] as const) {
      const filter = `ether src ${VIRTUAL_MAC} or (arp and src host ${virtualAddress}) or (icmp[icmptype] = icmp-echoreply and src host ${virtualAddress})`;
      const lan = { place: 'switch', interfaceName: PORTS[host].lan, filter, incomingOnly: true } as const;
      captures.push(await Capture.start(made, lan, ({ atUs }) => record.answers[host].push(atUs)));
      const uplink = {
        place: 'switch',
        interfaceName: PORTS[host].uplink,
        filter: `udp dst port ${DISCARD_PORT} and src host ${NETWORK.client.lan}`,
        incomingOnly: true,
      } as const;
      captures.push(
        await Capture.start(made, uplink, ({ atUs, bytes }) =>
          record.forwarded[host].set(bytes.readUInt32BE(42), atUs),
        ),
      );
    }
    record.#captures = captures;
    return record;
  }

  async stop(): Promise<void> {
    for (const capture of this.#captures) await capture.stop();
  }

  /** How often the former owner still spoke or forwarded after the first time that the new one did. */
  overlap(from: HostName, to: HostName): { answers: number; forwarded: number; twice: number } {
    const after = (former: readonly number[], first: number | undefined): number =>
      first === undefined ? Number.NaN : former.filter((atUs) => atUs > first).length;
    const twice = [...this.forwarded[from].keys()].filter((sequence) => this.forwarded[to].has(sequence)).length;
    return {
      answers: after(this.answers[from], this.answers[to][0]),
      forwarded: after([...this.forwarded[from].values()], this.forwarded[to].values().next().value),
      twice,
    };
  }
}

/** Every 5 ms a numbered datagram from the client to a host beyond its router. */
const TRAFFIC = `const socket = require('node:dgram').createSocket('udp4', () => {});
socket.on('error', () => {});
let sequence = 0;
setInterval(() => {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(sequence++);
  socket.send(number, ${DISCARD_PORT}, '${BEYOND}', () => {});
}, 5);`;

function trafficOfClient(made: Topology): LabProcess {
  return made.spawn('client', {
    command: process.execPath,
    args: ['-e', TRAFFIC],
    logFile: join(made.folder, 'traffic.log'),
  });
}

async function routerOfClient(made: Topology, address: string): Promise<string | undefined> {
  const entries: { lladdr?: string }[] = JSON.parse(
    await made.inside('client', 'ip', ['-j', 'neigh', 'show', 'to', address]),
  );
  return entries[0]?.lladdr;
}

/** The client uses the address and what lies behind it; the owner fails; the other one takes over. */
async function takeover(
  made: Topology,
  agents: Agents,
  owner: HostName,
  fault: Fault,
): Promise<{
  overlap: ReturnType<OwnersRecord['overlap']>;
  arpBefore: string | undefined;
  arpAfter: string | undefined;
  longestHoleMs: number;
}> {
  const { virtualAddress } = NETWORK;
  await made.inside('client', 'ip', ['route', 'replace', 'default', 'via', virtualAddress]);
  const record = await OwnersRecord.start(made, virtualAddress);
  // Its probes ask for the address all the time. What it records is of no use: it tells hosts by their MAC.
  const prober = await Prober.start(made);
  const traffic = trafficOfClient(made);
  await waitFor('the client is served and routed by the owner', 10_000, () =>
    record.forwarded[owner].size > 50 && record.answers[owner].length > 50 ? true : undefined,
  );
  const arpBefore = await routerOfClient(made, virtualAddress);
  await fault.inject();
  await ownerOf(agents, owner);
  await sleep(SETTLE_MS);
  const arpAfter = await routerOfClient(made, virtualAddress);
  await fault.heal();
  await sleep(SETTLE_MS);
  await prober.stop();
  await traffic.stop(2_000);
  await record.stop();
  const overlap = record.overlap(owner, other(owner));
  const times = [...record.forwarded.a.values(), ...record.forwarded.b.values()].sort((left, right) => left - right);
  const longestHoleMs = Math.max(...times.slice(1).map((atUs, at) => (atUs - (times[at] ?? atUs)) / 1000));
  console.log(
    `longest hole of what is routed ${longestHoleMs.toFixed(1)} ms; forwarded ${record.forwarded.a.size} + ${record.forwarded.b.size}`,
  );
  return { overlap, arpBefore, arpAfter, longestHoleMs };
}

const NONE = { answers: 0, forwarded: 0, twice: 0 };

test('a planned stop and a freeze: the client keeps the MAC, and no frame of the old owner follows the first of the new', async () => {
  const made = await build();
  const options = { ...VIRTUAL_ROUTER_DEFAULTS, virtualMac: true };
  const system = await tiebreakSystem(made, DEFAULT_SCENARIO, options);
  const { agents } = system;
  await Promise.all([agents.a.start(), agents.b.start()]);
  await settled(system);
  const first = await ownerOf(agents);
  const stopped = await takeover(made, agents, first, plannedStop(agents[first]));
  expect(stopped, agents[first].log()).toMatchObject({ overlap: NONE, arpBefore: VIRTUAL_MAC, arpAfter: VIRTUAL_MAC });
  expect(stopped.longestHoleMs).toBeLessThan(60);

  await settled(system);
  const second = await ownerOf(agents);
  expect(second).toBe(other(first));
  const froze = await takeover(made, agents, second, frozen(made, second));
  expect(froze, agents[second].log()).toMatchObject({ overlap: NONE, arpBefore: VIRTUAL_MAC, arpAfter: VIRTUAL_MAC });
});

test('without a virtual MAC, as a gateway: no former owner forwards beside the new one either', async () => {
  const made = await build();
  const { agents, owner } = await leasedPair(made, { ...VIRTUAL_ROUTER_DEFAULTS, gateway: true });
  const { hosts } = NETWORK;
  const seen = await takeover(made, agents, owner, frozen(made, owner));
  expect(seen).toMatchObject({ overlap: NONE, arpBefore: hosts[owner].mac, arpAfter: hosts[other(owner)].mac });
});

test('mode "vrrp": the guard holds the virtual MAC of a frozen owner back', async () => {
  const made = await build();
  const agent = (host: HostName): TiebreakAgent =>
    new TiebreakAgent(made, host, DEFAULT_SCENARIO, { ...VIRTUAL_ROUTER_DEFAULTS, virtualMac: true }, undefined);
  const agents = { a: agent('a'), b: agent('b') };
  await agents.a.start();
  await ownerOf(agents, 'b');
  await agents.b.start();
  await waitFor('b is backup', READY_MS, async () => ((await agents.b.group())?.role === 'backup' ? true : undefined));
  const froze = { inject: frozen(made, 'a').inject, heal: async () => {} };
  expect(await takeover(made, agents, 'a', froze)).toMatchObject({
    overlap: NONE,
    arpBefore: VIRTUAL_MAC,
    arpAfter: VIRTUAL_MAC,
  });
});

test('the macvlan is there from the start, quiet; a killed agent leaves it and the next one clears it; a stop leaves nothing', async () => {
  const made = await build();
  const { agents, owner } = await leasedPair(made, { ...VIRTUAL_ROUTER_DEFAULTS, virtualMac: true });
  const backup = other(owner);
  const inside = (host: HostName, command: string, ...args: string[]): Promise<string> =>
    made.inside(host, command, args);
  const setting = async (host: HostName, path: string): Promise<string> =>
    (await inside(host, 'cat', `/proc/sys/net/${path}`)).trim();

  for (const host of [owner, backup]) {
    expect(await inside(host, 'ip', '-d', 'link', 'show', MACVLAN)).toMatch(
      /UP[\s\S]*00:00:5e:00:01:21[\s\S]*macvlan mode vepa/,
    );
    expect(await setting(host, `ipv4/conf/${MACVLAN}/arp_ignore`)).toBe('1');
    expect(await setting(host, `ipv4/conf/${MACVLAN}/forwarding`)).toBe('1');
    expect(await setting(host, 'ipv4/conf/eth0/arp_ignore')).toBe('1');
    expect(await setting(host, 'ipv4/conf/eth0/arp_announce')).toBe('2');
    expect(await inside(host, 'nft', 'list', 'chains')).toContain('in_tb33.eth0');
  }
  expect(await inside(owner, 'ip', '-br', 'addr', 'show', MACVLAN)).toContain(NETWORK.virtualAddress);
  expect(await inside(backup, 'ip', '-br', 'addr', 'show', MACVLAN)).not.toContain('10.77');
  // The host's own way to its network is its own interface.
  expect(await inside(owner, 'ip', 'route', 'get', NETWORK.client.lan)).toContain('dev eth0');

  const killed = everythingKilled(made, agents[owner]);
  await killed.inject();
  await ownerOf(agents, owner);
  expect(await inside(owner, 'ip', '-br', 'addr', 'show', MACVLAN)).toContain(NETWORK.virtualAddress);
  await killed.heal();
  await waitFor('the agent runs again', READY_MS, async () =>
    (await agents[owner].group()) === undefined ? undefined : true,
  );
  expect(agents[owner].log()).toContain(`removed ${MACVLAN}, left by an earlier run`);
  expect(await inside(owner, 'ip', '-br', 'addr', 'show', MACVLAN)).not.toContain('10.77');

  // What the last owner says when its fence is closed already must not teach the switch the way to the virtual MAC.
  const releases: string[] = [];
  const filter = 'ip proto 112 and ip[22] = 0';
  const port = { place: 'switch', interfaceName: PORTS[backup].lan, filter, incomingOnly: true } as const;
  const capture = await Capture.start(made, port, ({ bytes }) => releases.push(bytes.toString('hex', 6, 12)));
  for (const host of [owner, backup]) {
    await agents[host].terminate();
    expect(await inside(host, 'ip', '-br', 'link')).not.toContain('tb33');
    expect(await inside(host, 'nft', 'list', 'tables')).not.toContain('tiebreak');
  }
  await capture.stop();
  expect(releases).toEqual([NETWORK.hosts[backup].mac.replaceAll(':', '')]);
  expect(await setting(backup, 'ipv4/conf/eth0/arp_ignore')).toBe('0');
  expect(await setting(backup, 'ipv4/conf/eth0/arp_announce')).toBe('0');
});

test('IPv6: the client keeps 00:00:5e:00:02:21 over a planned stop', async () => {
  const made = await build({ ipv6: true });
  const { agents, owner } = await leasedPair(made, { ...VIRTUAL_ROUTER_DEFAULTS, family: 6, virtualMac: true });
  const learns = async (): Promise<void> => {
    await made.inside('client', 'ip', ['neigh', 'flush', 'dev', NETWORK.lanInterface]);
    for (const address of NETWORK.virtualAddresses6) {
      const zone = address.startsWith('fe80') ? `%${NETWORK.lanInterface}` : '';
      await made.inside('client', 'bash', ['-c', `echo x > /dev/udp/${address}${zone}/${DISCARD_PORT}`]);
      const learnt = await waitFor('an answer', 3_000, () => routerOfClient(made, address));
      expect(learnt).toBe(VIRTUAL_MAC6);
    }
  };
  await learns();
  await agents[owner].terminate();
  await ownerOf(agents, owner);
  await learns();
  const [ours] = JSON.parse(await made.inside(other(owner), 'ip', ['-j', '-6', 'addr', 'show', 'dev', 'tb33v6.eth0']));
  const present = ours.addr_info.map(({ local }: { local: string }) => local);
  expect(present.toSorted()).toEqual([...NETWORK.virtualAddresses6].toSorted());
});
