import type { Policy } from '@tiebreak/shared/lease';
import { AgentShell, type AgentTroubles, FENCE_GUARD_US } from './agent-shell.ts';
import { Clock } from './clock.ts';
import { KernelFence } from './kernel-fence.ts';
import type { SidebandDatagram } from './messages.ts';
import { Monitor } from './monitor.ts';
import { GOOD_LINK, type LinkQuality, Network } from './network.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';
import { Timeline } from './timeline.ts';
import { WitnessAccess } from './witness-access.ts';
import { WITNESS, WitnessHost } from './witness-host.ts';

export const GROUP = 'edge';

export type WorldOptions = {
  readonly seed: number;
  readonly intervalUs: number;
  /** each node's clock against real time */
  readonly rates?: { readonly a: number; readonly b: number; readonly w: number };
  /** kernel ticks run at real time's rate even while the clocks are slewed */
  readonly unslewedTicks?: boolean;
  readonly sessions?: boolean;
  readonly sideband?: LinkQuality;
  readonly uplink?: LinkQuality;
  readonly configHashes?: { readonly a: string; readonly b: string };
  readonly policy?: Policy;
  readonly recorded?: boolean;
};

const PRIORITIES = { a: 200, b: 100 } as const;
const HASH = '0123456789abcdef';

export type NodeName = keyof typeof PRIORITIES;
export type Place = NodeName | typeof WITNESS;

/** Two agents and a witness, and everything that can happen to them. */
export class World {
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly network: Network;
  readonly timeline: Timeline;
  readonly monitor: Monitor;
  readonly a: AgentShell;
  readonly b: AgentShell;
  readonly witness: WitnessHost;
  readonly intervalUs: number;
  readonly policy: Policy;
  /** When the last outage that has begun so far is over. */
  troubledUntilUs = 0;
  readonly #lateCopies: SidebandDatagram[] = [];

  constructor(options: WorldOptions) {
    const { seed, intervalUs, rates = { a: 1, b: 1, w: 1 } } = options;
    this.intervalUs = intervalUs;
    this.policy = options.policy ?? { name: 'safe' };
    this.random = new Random(seed);
    this.timeline = new Timeline(options.recorded ?? false);
    this.monitor = new Monitor(this.schedule, this.timeline, GROUP);
    const usual = (from: string, to: string): LinkQuality =>
      (from === WITNESS || to === WITNESS ? options.uplink : options.sideband) ?? GOOD_LINK;
    this.network = new Network(this.schedule, this.random, usual);
    const clockOf = (rate: number): Clock => new Clock(this.random.integer(1e12), rate);
    const { schedule, network, random, monitor, timeline } = this;
    const around = { schedule, network, random, monitor, timeline, intervalUs };
    const accesses = new Map<string, WitnessAccess>();
    this.witness = new WitnessHost({
      around,
      clock: clockOf(rates.w),
      agents: ['a', 'b'],
      hear: (node, frame) => accesses.get(node)?.hear(frame),
    });
    const makeAgent = (node: NodeName, peer: NodeName): AgentShell => {
      const configHash = options.configHashes?.[node] ?? HASH;
      return new AgentShell({
        around,
        config: {
          node,
          group: GROUP,
          peers: [peer],
          witness: true,
          policy: this.policy,
          intervalUs,
          skewUs: ((256 - PRIORITIES[node]) * intervalUs) / 256,
          configHash,
          guardUs: FENCE_GUARD_US,
          usedCounter: 0,
          seed,
        },
        clock: clockOf(rates[node]),
        fence: new KernelFence(options.unslewedTicks ? 1 : rates[node]),
        witness: (agent) => {
          const hash = (): string => agent.state?.config.configHash ?? configHash;
          const access = new WitnessAccess({ around, agent, host: this.witness, group: GROUP, configHash: hash });
          accesses.set(node, access);
          return access;
        },
        deliver: (to, datagram) => this.#deliver(to, datagram),
        advertise: (from, priority) => {
          network.send(from, peer, () => this.agent(peer).hearAdvertisement(priority));
        },
        sessions: options.sessions ?? true,
      });
    };
    this.a = makeAgent('a', 'b');
    this.b = makeAgent('b', 'a');
    monitor.watch([this.a, this.b], this.witness);
  }

  get nowUs(): number {
    return this.schedule.nowUs;
  }

  get owner(): string | undefined {
    return this.monitor.owner();
  }

  agent(node: NodeName): AgentShell {
    return node === 'a' ? this.a : this.b;
  }

  role(node: NodeName): string {
    return this.agent(node).state?.role.name ?? 'gone';
  }

  runFor(durationUs: number): void {
    this.schedule.runUntil(this.schedule.nowUs + durationUs);
  }

  /** Until `reached`, looked at every `stepUs`; the time that it took, or undefined if it never was within `limitUs`. */
  runUntil(reached: () => boolean, limitUs: number, stepUs = this.intervalUs / 50): number | undefined {
    const startUs = this.nowUs;
    while (this.nowUs < startUs + limitUs) {
      if (reached()) return this.nowUs - startUs;
      this.runFor(stepUs);
    }
    return reached() ? this.nowUs - startUs : undefined;
  }

  /** Both agents started, past their quarantine, and one of them owner on the other's vote alone. */
  settle(): void {
    this.a.start();
    this.b.start();
    this.runFor(12_000_000 + 8 * this.intervalUs);
  }

  cut(from: Place, to: Place): void {
    this.note(() => `${from} no longer reaches ${to}`);
    this.network.cut(from, to);
  }

  mend(from: Place, to: Place): void {
    this.note(() => `${from} reaches ${to} again`);
    this.network.mend(from, to);
  }

  cutBoth(left: Place, right: Place): void {
    this.cut(left, right);
    this.cut(right, left);
  }

  mendBoth(left: Place, right: Place): void {
    this.mend(left, right);
    this.mend(right, left);
  }

  setTroubles(troubles: AgentTroubles): void {
    this.a.setTroubles(troubles);
    this.b.setTroubles(troubles);
  }

  /** Plays datagrams again that were sent long ago, as someone with a recording could. */
  replay(): void {
    for (const datagram of this.#lateCopies.splice(0)) {
      this.agent(datagram.from === 'a' ? 'b' : 'a').receive(datagram);
    }
  }

  note(what: () => string): void {
    this.timeline.note(this.nowUs, '--', what);
  }

  #deliver(to: string, datagram: SidebandDatagram): void {
    const receiver = this.agent(to === 'a' ? 'a' : 'b');
    if (this.random.chance(0.01) && this.#lateCopies.length < 16) this.#lateCopies.push(datagram);
    this.network.send(datagram.from, to, () => {
      if (datagram.body.kind === 'release' || datagram.body.kind === 'transfer') {
        this.timeline.note(this.nowUs, to, () => `hears ${datagram.body.kind} of ${datagram.from}`);
      }
      receiver.receive(datagram);
    });
  }
}
