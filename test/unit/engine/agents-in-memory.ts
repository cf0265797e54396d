import { setImmediate } from 'node:timers/promises';
import type { FoundRegister, Policy, RegisterRecord } from '@tiebreak/shared/lease';
import { LeaseGroup } from '../../../agent/engine/lease-group.ts';
import { LeaseRefresh } from '../../../agent/engine/lease-refresh.ts';
import type { VirtualRouter } from '../../../agent/engine/virtual-router.ts';
import { recordedLog } from './recorded-log.ts';
import { ScriptedDisk } from './scripted-disk.ts';
import { GROUP, HASH, INTERVAL_US, ROUTER, ScriptedFence } from './scripted-group.ts';
import { SidebandEnd } from './sideband-pair.ts';
import { VirtualTime } from './virtual-time.ts';

const ON_THE_WIRE_US = 100;
const DISK_US = 5_000;

type Run = {
  readonly group: LeaseGroup;
  readonly ends: readonly SidebandEnd[];
  readonly fence: ScriptedFence;
  readonly lines: () => { level: number; msg: string }[];
  readonly history: string[];
};

/** One host: what survives the agent on it, and the agent if it runs. */
type Host = {
  readonly node: string;
  readonly disk: ScriptedDisk;
  starts: number;
  record: RegisterRecord | undefined;
  run: Run | undefined;
};

/**
 * Two to five whole engines of one group, with their real links, on one clock in memory. The witness is reached or not,
 * and never answers.
 */
export class AgentsInMemory {
  readonly time = new VirtualTime();
  /** Pairs between which everything is lost, `a-b` in the order of the alphabet. */
  readonly cut = new Set<string>();
  readonly #hosts: readonly Host[];
  readonly #policy: Policy;
  readonly #witness: boolean;
  #reachable = true;

  constructor(nodes: readonly string[], options: { policy?: Policy; witness?: boolean } = {}) {
    this.#policy = options.policy ?? { name: 'safe' };
    this.#witness = options.witness ?? false;
    this.#hosts = nodes.map((node) => ({
      node,
      disk: new ScriptedDisk(),
      starts: 0,
      record: undefined,
      run: undefined,
    }));
    for (const { node, disk } of this.#hosts) {
      const written = this.time.alarm(() => disk.write());
      disk.asked = () => written.set(this.time.nowUs() + DISK_US);
      this.start(node);
    }
  }

  /** Those that may answer for the address by the kernel's word. */
  owners(): string[] {
    const nowUs = this.time.nowUs();
    return this.#hosts
      .filter(({ run }) => (run?.fence.openUntil ?? Number.NEGATIVE_INFINITY) > nowUs)
      .map(({ node }) => node);
  }

  group(node: string): LeaseGroup {
    return this.#running(node).group;
  }

  /** What its log says so far. Groups write once their effects are done. */
  async lines(node: string): Promise<{ level: number; msg: string }[]> {
    await setImmediate();
    return this.#running(node).lines();
  }

  disk(node: string): ScriptedDisk {
    return this.#host(node).disk;
  }

  isRunning(node: string): boolean {
    return this.#host(node).run !== undefined;
  }

  /** In the boot in which it ran before, if it did. */
  start(node: string): void {
    const host = this.#host(node);
    host.starts += 1;
    const found: FoundRegister =
      host.record === undefined
        ? { kind: 'new_boot', uptimeUs: 60_000_000 }
        : { kind: 'recorded', record: host.record };
    host.run = this.#runOf(host, found);
    host.run.group.start(
      host.run.ends.map(({ link }) => link),
      [router(host.run.history)],
    );
    for (const { link } of host.run.ends) link.start();
  }

  /** The process ends at once; the kernel's fence runs out by itself. */
  kill(node: string): void {
    const host = this.#host(node);
    host.disk.lose();
    this.#end(host);
  }

  /** As SIGTERM: returns at once, and the agent ends when it has nothing left to say. */
  stop(node: string): void {
    const host = this.#host(node);
    const run = this.#running(node);
    void run.group.stop();
    const look = this.time.alarm(() => {
      if (run.group.state.role.name === 'stopped') this.#end(host);
      else look.set(this.time.nowUs() + 1000);
    });
    look.set(this.time.nowUs() + 1000);
  }

  reachWitness(reachable: boolean): void {
    this.#reachable = reachable;
    for (const { run } of this.#hosts) run?.group.witnessReachable(reachable);
  }

  pass(lengthUs: number): void {
    this.time.pass(lengthUs);
  }

  /** Passes time until `condition` holds, and returns how long that took in µs. */
  until(condition: () => boolean, patienceUs: number): number {
    const fromUs = this.time.nowUs();
    while (!condition()) {
      if (this.time.nowUs() - fromUs > patienceUs) throw new Error(`not within ${patienceUs} µs`);
      this.time.pass(1000);
    }
    return this.time.nowUs() - fromUs;
  }

  #runOf(host: Host, found: FoundRegister): Run {
    const { node, disk } = host;
    const peers = this.#hosts.filter((other) => other !== host).map((other) => other.node);
    const { log, lines } = recordedLog();
    const history: string[] = [];
    const fence = new ScriptedFence(this.time, history);
    const group = new LeaseGroup({
      config: {
        ...GROUP,
        policy: this.#policy,
        peers: peers.map((peer) => ({ node: peer, addresses: [`10.0.0.${peer}`] })),
      },
      member: {
        node,
        group: 'edge',
        peers,
        witness: this.#witness,
        policy: this.#policy,
        intervalUs: INTERVAL_US,
        priority: 200 - 50 * this.#hosts.indexOf(host),
        preemptDelayUs: undefined,
        standNotBeforeUs: 0,
        settings: '000000bb',
        skewUs: INTERVAL_US * (0.2 + 0.2 * this.#hosts.indexOf(host)),
        configHash: HASH,
        guardUs: 20_000,
        usedCounter: 0,
        seed: 1 + this.#hosts.indexOf(host),
      },
      fence,
      leaseRefresh: new LeaseRefresh(fence, this.time),
      witness: { vote: () => {}, release: () => {}, reachable: () => this.#reachable },
      log,
      clock: this.time,
      skewUsOf: () => INTERVAL_US / 2,
      onHistory: () => {},
      standing: { note: () => {}, again: () => {} },
      ballots: { foresee: () => {}, mayUse: () => true },
      register: {
        found,
        record: (record) => {
          host.record = record;
          return true;
        },
      },
      kept: disk.open(),
      identity: { found: undefined, keep: () => {} },
      identityChanged: () => {},
      fenceReplaced: () => {},
    });
    const ends = peers.map((peer) => {
      const end = new SidebandEnd(this.time, node, peer, [group], { start: host.starts });
      end.sending = () => this.#carry(node, peer, end);
      return end;
    });
    return { group, ends, fence, lines, history };
  }

  #carry(from: string, to: string, end: SidebandEnd): void {
    for (const { datagram } of end.take()) {
      if (this.cut.has([from, to].sort().join('-'))) continue;
      const arrival = this.time.alarm(() => {
        const receiver = this.#host(to).run?.ends.find(({ link }) => link.peer === from);
        receiver?.inbox.receive(datagram, `10.0.0.${from}`);
      });
      arrival.set(this.time.nowUs() + ON_THE_WIRE_US);
    }
  }

  #end(host: Host): void {
    host.run?.group.close();
    for (const { link } of host.run?.ends ?? []) link.stop();
    host.run = undefined;
  }

  #host(node: string): Host {
    const host = this.#hosts.find((one) => one.node === node);
    if (host === undefined) throw new Error(`there is no host ${node}`);
    return host;
  }

  #running(node: string): Run {
    const { run } = this.#host(node);
    if (run === undefined) throw new Error(`nothing runs on ${node}`);
    return run;
  }
}

function router(history: string[]): VirtualRouter {
  return {
    config: ROUTER,
    primaryAddress: Uint8Array.of(192, 0, 2, 2),
    advertise: (priority) => history.push(`advertise ${priority}`),
    addAddresses: () => history.push('add addresses'),
    removeAddresses: () => {
      history.push('remove addresses');
      return true;
    },
    announce: () => history.push('announce'),
    faults: () => [],
    close: async () => {},
  };
}
