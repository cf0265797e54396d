import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hostLost, linkCut, oneDirectionCut } from './faults.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { run } from './process.ts';
import { type HostName, NETWORK, type PlaceName, Topology } from './topology.ts';

beforeAll(() => requireTools(LAB_TOOLS));

let topology: Topology;
// Nothing to close if the tools are missing.
afterEach(() => topology?.close());

async function reaches(from: PlaceName, address: string): Promise<boolean> {
  try {
    await topology.inside(from, 'ping', ['-c', '1', '-i', '0.3', '-w', '2', address]);
    return true;
  } catch {
    return false;
  }
}

const lanOf = (host: HostName): string => NETWORK.hosts[host].lan;
const uplinkOf = (host: HostName): string => NETWORK.hosts[host].uplink;

describe('the network', () => {
  test('hosts and client share the LAN; hosts and witness the uplink; client and witness share nothing', async () => {
    topology = await Topology.create();
    expect(await reaches('client', lanOf('a'))).toBe(true);
    expect(await reaches('client', lanOf('b'))).toBe(true);
    expect(await reaches('a', NETWORK.witness.uplink)).toBe(true);
    expect(await reaches('a', uplinkOf('b'))).toBe(true);
    expect(await reaches('client', NETWORK.witness.uplink)).toBe(false);
  });

  test('a cut link loses what the hosts send to each other on every path, and nothing else, until it is healed', async () => {
    topology = await Topology.create();
    const cut = linkCut(topology);
    await cut.inject();
    expect(await reaches('a', lanOf('b'))).toBe(false);
    expect(await reaches('b', uplinkOf('a'))).toBe(false);
    expect(await reaches('client', lanOf('a'))).toBe(true);
    expect(await reaches('client', lanOf('b'))).toBe(true);
    expect(await reaches('b', NETWORK.witness.uplink)).toBe(true);
    await cut.heal();
    // A question by ARP from the time of the cut may be under way, and its failure would be taken for one of now.
    await topology.ip('a', [`neigh flush dev ${NETWORK.lanInterface}`]);
    await topology.ip('b', [`neigh flush dev ${NETWORK.uplinkInterface}`]);
    expect(await reaches('a', lanOf('b'))).toBe(true);
    expect(await reaches('b', uplinkOf('a'))).toBe(true);
  });

  test('one direction cut loses that direction alone', async () => {
    topology = await Topology.create();
    await oneDirectionCut(topology, 'a').inject();
    const { lanInterface } = NETWORK;
    const echoesHeard = async (host: HostName): Promise<number> => {
      const lines = (await topology.inside(host, 'cat', ['/proc/net/snmp'])).split('\n');
      const [names = [], values = []] = lines.filter((line) => line.startsWith('Icmp:')).map((line) => line.split(' '));
      return Number(values[names.indexOf('InEchos')]);
    };
    // Without ARP, whose answer would have to come back.
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await topology.ip(from, [
        `neigh replace ${lanOf(to)} lladdr ${NETWORK.hosts[to].mac} dev ${lanInterface} nud permanent`,
      ]);
    }
    const before = { a: await echoesHeard('a'), b: await echoesHeard('b') };
    expect(await reaches('a', lanOf('b'))).toBe(false);
    expect(await echoesHeard('b')).toBe(before.b);
    expect(await reaches('b', lanOf('a'))).toBe(false);
    expect(await echoesHeard('a')).toBeGreaterThan(before.a);
  });

  test('a lost host passes no frame and has no process; it comes back without what it had configured', async () => {
    topology = await Topology.create();
    const sleeper = topology.spawn('a', {
      command: 'sleep',
      args: ['60'],
      logFile: join(topology.folder, 'sleeper.log'),
    });
    await topology.ip('a', [`addr add ${NETWORK.virtualAddress}/24 dev ${NETWORK.lanInterface}`]);
    expect(await reaches('client', NETWORK.virtualAddress)).toBe(true);
    let starts = 0;
    const agent = {
      host: 'a',
      running: false,
      start: async () => void starts++,
      terminate: async () => undefined,
      losePower: () => undefined,
      enginePid: async () => sleeper.pid,
      watcherPid: () => sleeper.pid,
      handOver: undefined,
      reportHealth: async () => undefined,
      log: () => '',
    } as const;
    const lost = hostLost(topology, agent);
    await lost.inject();
    await sleeper.exited;
    expect(await reaches('client', NETWORK.virtualAddress)).toBe(false);
    await lost.heal();
    expect(starts).toBe(1);
    expect(await reaches('client', lanOf('a'))).toBe(true);
    expect(await reaches('client', NETWORK.virtualAddress)).toBe(false);
  });
});

describe('what is left', () => {
  const ours = (): string[] => readdirSync('/run/netns').filter((name) => name.startsWith(`tb-lab-${process.pid}-`));

  test('closing ends the processes, also stopped ones, and removes namespaces and files', async () => {
    topology = await Topology.create();
    const stopped = topology.spawn('b', {
      command: 'sleep',
      args: ['60'],
      logFile: join(topology.folder, 'stopped.log'),
    });
    stopped.signal('SIGSTOP');
    expect(ours()).toHaveLength(5);
    topology.close();
    await stopped.exited;
    expect(ours()).toEqual([]);
    expect(existsSync(topology.folder)).toBe(false);
    expect(existsSync(`/proc/${stopped.pid}`)).toBe(false);
  });

  test('the next run removes what a crashed one left, and leaves those alone that still run', async () => {
    const deadPid = spawnSync('true').pid;
    const dead = `tb-lab-${deadPid}-0-a`;
    const living = `tb-lab-${process.ppid}-0-a`;
    await run('ip', ['netns', 'add', dead]);
    await run('ip', ['netns', 'add', living]);
    mkdirSync(join(tmpdir(), `${dead}-x`));
    try {
      topology = await Topology.create();
      const names = readdirSync('/run/netns');
      expect(names).not.toContain(dead);
      expect(names).toContain(living);
      expect(existsSync(join(tmpdir(), `${dead}-x`))).toBe(false);
    } finally {
      await run('ip', ['netns', 'del', living]);
    }
  });
});
