import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExtraHost } from '../../lab/extra-host.ts';
import { type LabProcess, waitFor } from '../../lab/process.ts';
import { agentScript } from '../../lab/tiebreak.ts';
import { NETWORK, Topology } from '../../lab/topology.ts';
import { LocalWitness } from '../../lab/witness.ts';
import { prepareNetwork, readCounts } from '../pair/network.ts';
import { memoryOf, processorNs } from '../process-cost.ts';
import { Collected, type Growth } from './growth.ts';

/** The laboratory has a port for a client, `lan-c`. */
const NAMES = ['a', 'b', 'x', 'y', 'z'] as const;
const CLUSTER = 'bench';
const INTERVAL_MS = 100;
const READY_TIMEOUT_MS = 60_000;
const HEAD_START_MS = 2_000;
const WARM_UP_MS = 8_000;
const WINDOWS = 3;
const WINDOW_MS = 5_000;

type Node = {
  readonly name: string;
  readonly lan: string;
  readonly namespace: string;
  readonly spawn: ExtraHost['spawn'];
};

/** One lease group with one virtual router, of 2 to 5 agents; an even number has the witness. */
export async function growAgents(sizes: readonly number[], doing: (text: string) => void): Promise<Growth> {
  const collected = new Collected();
  for (const size of sizes) {
    doing(`${size} agents`);
    try {
      await measure(size, collected);
    } catch (error) {
      collected.failed.push(`${size}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const sizesInWords = 'agents of one lease group, one virtual router, 100 ms';
  return { title: 'One group', sizes: sizesInWords, series: collected.series, failed: collected.failed };
}

async function measure(size: number, collected: Collected): Promise<void> {
  const topology = await Topology.create();
  const extra: ExtraHost[] = [];
  try {
    await prepareNetwork(topology, 1);
    const nodes = await nodesOf(topology, size, extra);
    const write = await configurations(topology, nodes);
    const started: LabProcess[] = [];
    for (const node of nodes) {
      started.push(node.spawn(await write(node)));
      // The first stands already when the others may vote, and so owns.
      if (node === nodes[0]) await sleep(HEAD_START_MS);
    }
    const rate = 1_000 / INTERVAL_MS;
    await waitFor('host a owns the group', READY_TIMEOUT_MS, async () => {
      const before = (await readCounts(topology)).advertisements.a;
      await sleep(1_000);
      return (await readCounts(topology)).advertisements.a - before >= 0.9 * rate || undefined;
    });
    await sleep(WARM_UP_MS);
    const [owner, backup] = [await topology.pids('a'), await topology.pids('b')];
    const watched = [];
    for (let count = 0; count < WINDOWS; count += 1) {
      const before = {
        owner: processorNs(owner),
        backup: processorNs(backup),
        counts: await readCounts(topology),
        atMs: performance.now(),
      };
      await sleep(WINDOW_MS);
      const seconds = (performance.now() - before.atMs) / 1_000;
      watched.push({
        owner: (processorNs(owner) - before.owner) / 1e7 / seconds,
        backup: (processorNs(backup) - before.backup) / 1e7 / seconds,
        datagrams: ((await readCounts(topology)).datagrams.a - before.counts.datagrams.a) / seconds,
      });
    }
    collected.add(
      'owner',
      '% of a core',
      size,
      watched.map((each) => each.owner),
    );
    collected.add(
      'a backup',
      '% of a core',
      size,
      watched.map((each) => each.backup),
    );
    collected.add(
      "owner's sideband",
      'datagrams a second',
      size,
      watched.map((each) => each.datagrams),
    );
    collected.add("owner's memory (PSS)", 'MiB', size, [
      owner.reduce((sum, pid) => sum + memoryOf(pid).pssKib, 0) / 1_024,
    ]);
    await Promise.all(started.map((agent) => agent.stop(10_000)));
  } finally {
    for (const host of extra) await host.close();
    topology.close();
  }
}

async function nodesOf(topology: Topology, size: number, extra: ExtraHost[]): Promise<Node[]> {
  const nodes: Node[] = [];
  for (const [index, name] of NAMES.slice(0, size).entries()) {
    if (name === 'a' || name === 'b') {
      const spawn: Node['spawn'] = (options) => topology.spawn(name, options);
      nodes.push({ name, lan: NETWORK.hosts[name].lan, namespace: topology.namespace(name), spawn });
      continue;
    }
    const lan = `10.77.0.${11 + index}`;
    const host = await ExtraHost.create(topology, name, `${lan}/${NETWORK.prefixLength}`, { to: 'lan' });
    extra.push(host);
    // The witness is reached by the uplink alone.
    await topology.ip('switch', [
      `link add up-${name} type veth peer name ${NETWORK.uplinkInterface} netns ${host.namespace}`,
      `link set up-${name} master uplink`,
      `link set up-${name} up`,
    ]);
    await host.ip(
      `link set ${NETWORK.uplinkInterface} up`,
      `addr add 198.18.7.${11 + index}/${NETWORK.prefixLength} dev ${NETWORK.uplinkInterface}`,
    );
    nodes.push({ name, lan, namespace: host.namespace, spawn: host.spawn });
  }
  return nodes;
}

/** Writes a node's files, and says how it is started. */
async function configurations(
  topology: Topology,
  nodes: readonly Node[],
): Promise<(node: Node) => Promise<Parameters<Node['spawn']>[0]>> {
  const folder = topology.folderOf('secrets');
  const keyFile = join(folder, 'edge.key');
  writeFileSync(keyFile, `1 ${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const witness = nodes.length % 2 === 0 ? await LocalWitness.create(topology) : undefined;
  await witness?.createCluster(CLUSTER);
  return async ({ name }) => {
    const tokenFile = join(folder, `${name}.token`);
    if (witness !== undefined) {
      writeFileSync(tokenFile, `${await witness.enrol(CLUSTER, name)}\n`, { mode: 0o600 });
    }
    const peers = nodes
      .filter((node) => node.name !== name)
      .map((node) => `{ node = "${node.name}", addresses = ["${node.lan}"] }`);
    const lines = [
      `node = "${name}"`,
      `state_dir = "${topology.folderOf(`state-${name}`)}"`,
      `run_dir = "${topology.runFolderOf(`tiebreak-${name}`)}"`,
      ...(witness === undefined
        ? []
        : ['[witness]', `url = "${witness.url}"`, `cluster = "${CLUSTER}"`, `token_file = "${tokenFile}"`]),
      ...['[[group]]', 'name = "edge"', `key_file = "${keyFile}"`, `peers = [${peers.join(', ')}]`],
      ...['[[group.virtual_router]]', `interface = "${NETWORK.lanInterface}"`, 'virtual_router_id = 33'],
      `priority = ${name === 'a' ? 200 : 100}`,
      `advertisement_interval = "${INTERVAL_MS}ms"`,
      `addresses = ["${NETWORK.virtualAddress}/${NETWORK.prefixLength}"]`,
    ];
    const file = join(topology.folderOf(`tiebreak-${name}`), 'tiebreak.toml');
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    const args = [agentScript(), 'run', '--config', file, '--log-level', 'warn'];
    return { command: process.execPath, args, logFile: join(topology.folder, `agent-${name}.log`) };
  };
}
