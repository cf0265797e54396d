import { randomBytes } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../../agent/api/status.ts';
import { type LabProcess, waitFor } from '../../lab/process.ts';
import { agentScript, statusOver } from '../../lab/tiebreak.ts';
import { type HostName, Topology } from '../../lab/topology.ts';
import { LocalWitness } from '../../lab/witness.ts';
import { memoryOf, processorNs } from '../process-cost.ts';
import {
  type Arrangement,
  keepalivedManyRouters,
  type Lease,
  type Load,
  tiebreakManyRouters,
} from './configuration.ts';
import { type Counts, prepareNetwork, readCounts } from './network.ts';

const CLUSTER = 'bench';
/** Lease groups wait for the promises of a former life first. */
const READY_TIMEOUT_MS = 40_000;
/** Of the advertisements that are due in a second, so many must be seen for all to be active. */
const ALL = 0.97;

export type BusySystem =
  | { readonly program: 'keepalived'; readonly realTimePriority?: number }
  | {
      readonly program: 'tiebreak';
      readonly arrangement: Arrangement;
      /** a runs a copy of Node.js, of which it shares no page with anybody. */
      readonly ownBinary?: boolean;
    };

/** What a stretch of time has cost both hosts. */
export type Window = {
  readonly seconds: number;
  readonly senderNs: number;
  readonly receiverNs: number;
  readonly advertisements: number;
  /** What b has advertised: it thought that a had fallen silent. */
  readonly usurped: number;
  readonly datagramsSent: number;
  /** On the owner's loopback, where the lease packets are. */
  readonly loopbackPackets: number;
};

/** Many virtual routers on two hosts: a owns them all and advertises, b listens. Started together, each owns a part. */
export class BusyPair {
  readonly topology: Topology;
  readonly #agents: Readonly<Record<HostName, LabProcess>>;

  private constructor(topology: Topology, agents: Readonly<Record<HostName, LabProcess>>) {
    this.topology = topology;
    this.#agents = agents;
  }

  /** Returns when a owns nearly all of them and b has been started after it; or when both, started together, do. */
  static async start(system: BusySystem, load: Load, order: 'a first' | 'together' = 'a first'): Promise<BusyPair> {
    const topology = await Topology.create();
    try {
      await prepareNetwork(topology, load.routers);
      const lease = await leaseFor(topology, system);
      const start = (host: HostName) => spawned(topology, host, system, load, lease);
      const a = start('a');
      const b = order === 'together' ? start('b') : undefined;
      const rate = (load.routers * 1_000) / load.intervalMs;
      const seen: number[] = [];
      try {
        await waitFor(`${rate} advertisements a second`, READY_TIMEOUT_MS, async () => {
          if (!a.running || b?.running === false) throw new Error('it has ended');
          const before = await readCounts(topology);
          await sleep(1_000);
          const after = await readCounts(topology);
          const sent = sum(after.advertisements) - sum(before.advertisements);
          seen.push(sent);
          return sent >= ALL * rate || undefined;
        });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(
          `${system.program}: ${why}; the last were ${seen.slice(-3).join(', ')}: ${[a, ...(b === undefined ? [] : [b])].map(({ log }) => lastWords(log)).join('; ')}`,
        );
      }
      return new BusyPair(topology, { a, b: b ?? start('b') });
    } catch (error) {
      topology.close();
      throw error;
    }
  }

  /** The agent's processes on `host`. */
  pids(host: HostName): Promise<number[]> {
    return this.topology.pids(host);
  }

  /** Of tiebreak's agent on `host`; undefined: it does not answer. */
  status(host: HostName): Promise<Status | undefined> {
    return statusOver(join(this.topology.runFolderOf(`tiebreak-${host}`), 'api.sock'));
  }

  /** What the agent of `host` takes, and how much of it is the process that its service manager knows. */
  async memory(host: HostName): Promise<{ readonly allKib: number; readonly watcherKib: number }> {
    const pssKib = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + memoryOf(pid).pssKib, 0);
    return { allKib: pssKib(await this.pids(host)), watcherKib: pssKib([this.#agents[host].pid]) };
  }

  /** Watches for `seconds`. */
  async window(seconds: number): Promise<Window> {
    const pids = { a: await this.pids('a'), b: await this.pids('b') };
    const before = await this.#reading(pids);
    await sleep(seconds * 1_000);
    const after = await this.#reading(pids);
    return {
      seconds: (after.atMs - before.atMs) / 1_000,
      senderNs: after.senderNs - before.senderNs,
      receiverNs: after.receiverNs - before.receiverNs,
      advertisements: after.counts.advertisements.a - before.counts.advertisements.a,
      usurped: after.counts.advertisements.b - before.counts.advertisements.b,
      datagramsSent: after.counts.datagrams.a - before.counts.datagrams.a,
      loopbackPackets: after.loopbackPackets - before.loopbackPackets,
    };
  }

  async close(): Promise<void> {
    try {
      await Promise.all([this.#agents.a.stop(10_000), this.#agents.b.stop(10_000)]);
    } finally {
      this.topology.close();
    }
  }

  async #reading(pids: Readonly<Record<HostName, readonly number[]>>): Promise<Reading> {
    const loopbackPackets = Number(await this.topology.inside('a', 'cat', ['/sys/class/net/lo/statistics/tx_packets']));
    const counts = await readCounts(this.topology);
    return {
      atMs: performance.now(),
      loopbackPackets,
      counts,
      senderNs: processorNs(pids.a),
      receiverNs: processorNs(pids.b),
    };
  }
}

type Reading = {
  readonly atMs: number;
  readonly loopbackPackets: number;
  readonly counts: Counts;
  readonly senderNs: number;
  readonly receiverNs: number;
};

function sum({ a, b }: Readonly<Record<HostName, number>>): number {
  return a + b;
}

function spawned(
  topology: Topology,
  host: HostName,
  system: BusySystem,
  load: Load,
  lease: Readonly<Record<HostName, Lease>> | undefined,
): LabProcess {
  const folder = topology.folderOf(`${system.program}-${host}`);
  const logFile = join(folder, 'log');
  switch (system.program) {
    case 'keepalived': {
      const file = join(folder, 'keepalived.conf');
      writeFileSync(file, keepalivedManyRouters(host, load, system.realTimePriority), { mode: 0o600 });
      const pidFiles = ['--pid', join(folder, 'keepalived.pid'), '--vrrp_pid', join(folder, 'vrrp.pid')];
      const args = ['--dont-fork', '--log-console', '--vrrp', '--use-file', file, ...pidFiles];
      return topology.spawn(host, { command: 'keepalived', args, logFile });
    }
    case 'tiebreak': {
      const file = join(folder, 'tiebreak.toml');
      const folders = { state: topology.folderOf(`state-${host}`), run: topology.runFolderOf(`tiebreak-${host}`) };
      const { arrangement } = system;
      const groups =
        arrangement === 'vrrp' || lease === undefined
          ? ({ arrangement: 'vrrp' } as const)
          : { arrangement, lease: lease[host] };
      writeFileSync(file, tiebreakManyRouters(host, load, folders, groups), { mode: 0o600 });
      const args = [agentScript(), 'run', '--config', file, '--log-level', 'warn'];
      const command = system.ownBinary === true && host === 'a' ? join(topology.folder, 'node') : process.execPath;
      if (command !== process.execPath) copyFileSync(process.execPath, command);
      return topology.spawn(host, { command, args, logFile });
    }
  }
}

async function leaseFor(
  topology: Topology,
  system: BusySystem,
): Promise<Readonly<Record<HostName, Lease>> | undefined> {
  if (system.program !== 'tiebreak' || system.arrangement === 'vrrp') return undefined;
  const witness = await LocalWitness.create(topology);
  await witness.createCluster(CLUSTER);
  const folder = topology.folderOf('secrets');
  const keyFile = join(folder, 'edge.key');
  writeFileSync(keyFile, `1 ${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const leaseOf = async (host: HostName): Promise<Lease> => {
    const tokenFile = join(folder, `${host}.token`);
    writeFileSync(tokenFile, `${await witness.enrol(CLUSTER, host)}\n`, { mode: 0o600 });
    return { witnessUrl: witness.url, cluster: CLUSTER, tokenFile, keyFile };
  };
  return { a: await leaseOf('a'), b: await leaseOf('b') };
}

/** Of the program's own log, short enough for a line below a table. */
function lastWords(log: string): string {
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  return (/"msg":"(.*)"/.exec(line)?.[1] ?? line).slice(0, 200);
}
