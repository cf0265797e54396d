import type { Policy } from '@tiebreak/shared/lease';
import { skewTimeUs } from '@tiebreak/shared/vrrp';
import { AgentShell } from './agent-shell.ts';
import { Clock } from './clock.ts';
import { FENCE_GUARD_US } from './fence-hands.ts';
import {
  type GroupIdentity,
  Identities,
  identityOf,
  isWitness,
  WITNESSES,
  type WitnessName,
} from './group-identity.ts';
import { KernelFence } from './kernel-fence.ts';
import type { SidebandDatagram } from './messages.ts';
import { Monitor } from './monitor.ts';
import { GOOD_LINK, type LinkQuality, Network } from './network.ts';
import { Random } from './random.ts';
import { Relay } from './relay.ts';
import { Schedule } from './schedule.ts';
import { NO_TAMPERING, type Tampering } from './tampering.ts';
import { Tenures } from './tenures.ts';
import { Timeline } from './timeline.ts';
import { type AgentTroubles, NO_TROUBLES } from './troubles.ts';
import { WitnessAccess } from './witness-access.ts';
import { WitnessHost } from './witness-host.ts';

export const GROUP = 'edge';

export type WorldOptions = {
  readonly seed: number;
  readonly intervalUs: number;
  /** each node's clock against real time */
  readonly rates?: Readonly<Partial<Record<Place, number>>>;
  /** two to five; two without */
  readonly agents?: number;
  /** whether there is a witness; it votes if the number of agents is even */
  readonly hasWitness?: boolean;
  /** each node's interval in parts of the common one; 1 without */
  readonly paces?: Readonly<Partial<Record<NodeName, number>>>;
  /** kernel ticks run at real time's rate even while the clocks are slewed */
  readonly unslewedTicks?: boolean;
  readonly sessions?: boolean;
  readonly sideband?: LinkQuality;
  readonly uplink?: LinkQuality;
  /** W refuses a first vote while the other node's link reports another configuration (L16) */
  readonly comparesHashes?: boolean;
  readonly policy?: Policy;
  /** what nodes may be configured for besides (L16); without, there is no second witness */
  readonly otherIdentities?: readonly Omit<GroupIdentity, 'foreign'>[];
  /** 1 to 255; each node has its usual one without */
  readonly priorities?: Readonly<Partial<Record<NodeName, number>>>;
  /** of the virtual routers, on which the skew hangs; 3 without */
  readonly version?: 2 | 3;
  /** how long a node of higher priority hears another one own before it asks for the group; without it none does */
  readonly preemptDelayUs?: number | undefined;
  /** what no later message says again goes through the witness as well while the way between two agents is cut */
  readonly relays?: boolean;
  readonly tampering?: Tampering;
  readonly recorded?: boolean;
};

const PRIORITIES = { a: 200, b: 100, c: 150, d: 150, e: 50 } as const;
const HASH = '0123456789abcdef';
const FOREIGN_HASH = 'fedcba9876543210';

const RECORDED_SHARE = 0.01;
const RECORDED_MAX = 16;

export type NodeName = keyof typeof PRIORITIES;
export const NODE_NAMES: readonly NodeName[] = ['a', 'b', 'c', 'd', 'e'];
export type Place = NodeName | WitnessName;

/** `heardIn`: the receiver's run that has got it already. */
type Recorded = { readonly to: string; readonly datagram: SidebandDatagram; heardIn: number | undefined };

/** Two to five agents and their witness, or two of them, and everything that can happen to them. */
export class World {
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly network: Network;
  readonly timeline: Timeline;
  readonly monitor: Monitor;
  readonly tenures = new Tenures();
  readonly a: AgentShell;
  readonly b: AgentShell;
  readonly nodes: readonly NodeName[];
  readonly agents: readonly AgentShell[];
  readonly hasWitness: boolean;
  readonly witness: WitnessHost;
  /** `w`, and `x` where nodes may be configured for that */
  readonly witnesses: ReadonlyMap<WitnessName, WitnessHost>;
  readonly intervalUs: number;
  readonly policy: Policy;
  readonly preemptDelayUs: number | undefined;
  /** what nodes may be configured for; the first one to begin with */
  readonly identities: readonly [GroupIdentity, ...GroupIdentity[]];
  /** the group's name under other members */
  readonly foreign: GroupIdentity;
  /** When the last outage that has begun so far is over. */
  troubledUntilUs = 0;
  readonly #byName: ReadonlyMap<string, AgentShell>;
  readonly #recorded: Recorded[] = [];
  readonly #relay: Relay | undefined;
  #troubles = NO_TROUBLES;

  constructor(options: WorldOptions) {
    const { seed, intervalUs, rates = {} } = options;
    this.nodes = NODE_NAMES.slice(0, options.agents ?? 2);
    this.hasWitness = options.hasWitness ?? true;
    this.intervalUs = intervalUs;
    this.policy = options.policy ?? { name: 'safe' };
    this.preemptDelayUs = options.preemptDelayUs;
    this.random = new Random(seed);
    this.timeline = new Timeline(options.recorded ?? false);
    this.monitor = new Monitor(this.schedule, this.timeline, GROUP);
    const usual = (from: string, to: string): LinkQuality =>
      (isWitness(from) || isWitness(to) ? options.uplink : options.sideband) ?? GOOD_LINK;
    this.network = new Network(this.schedule, this.random, usual);
    this.#relay = options.relays ? new Relay(this.network, this.schedule) : undefined;
    const clockOf = (rate: number): Clock => new Clock(this.random.integer(1e12), rate);
    const { schedule, network, random, monitor, timeline } = this;
    const tampering = options.tampering ?? NO_TAMPERING;
    const around = { schedule, network, random, monitor, timeline, intervalUs, tampering };
    const first: GroupIdentity = { configHash: HASH, witness: this.hasWitness ? 'w' : undefined, policy: this.policy };
    this.identities = [first, ...(options.otherIdentities ?? [])];
    this.foreign = { ...first, configHash: FOREIGN_HASH, foreign: true };
    const identities = new Identities([...this.identities, this.foreign]);
    const pings = this.identities.some(({ policy }) => policy.name === 'bias');
    const accesses = new Map<string, ReadonlyMap<WitnessName, WitnessAccess>>();
    const makeWitness = (name: WitnessName): WitnessHost =>
      new WitnessHost({
        name,
        around,
        clock: clockOf(rates[name] ?? 1),
        agents: this.nodes,
        comparesHashes: options.comparesHashes ?? false,
        hear: (node, message) => accesses.get(node)?.get(name)?.hear(message),
      });
    this.witness = makeWitness('w');
    const others = WITNESSES.slice(1).filter((name) => this.identities.some(({ witness }) => witness === name));
    const all = [this.witness, ...others.map(makeWitness)];
    this.witnesses = new Map(all.map((host) => [host.name, host]));
    const makeAgent = (node: NodeName): AgentShell => {
      const peers = this.nodes.filter((other) => other !== node);
      const paceUs = intervalUs * (options.paces?.[node] ?? 1);
      const priority = options.priorities?.[node] ?? PRIORITIES[node];
      return new AgentShell({
        around,
        config: {
          node,
          group: GROUP,
          peers,
          ...identityOf(first),
          intervalUs: paceUs,
          priority,
          skewUs: skewTimeUs(options.version ?? 3, priority, paceUs),
          preemptDelayUs: options.preemptDelayUs,
          standNotBeforeUs: 0,
          settings: '000000bb',
          guardUs: FENCE_GUARD_US,
          usedCounter: 0,
          seed,
        },
        identities,
        identity: first,
        clock: clockOf(rates[node] ?? 1),
        fence: new KernelFence(options.unslewedTicks ? 1 : (rates[node] ?? 1), (nowUs, openUntilUs) =>
          this.tenures.note(node, nowUs, openUntilUs),
        ),
        witnesses: (agent) => {
          // A node that counts no witness's vote, as a joint one, contradicts nobody.
          const configHash = (): string | undefined =>
            agent.state?.config.witness ? agent.state.config.configHash : undefined;
          const made = all.map(
            (host) => [host.name, new WitnessAccess({ around, agent, host, group: GROUP, configHash, pings })] as const,
          );
          const own = new Map(made);
          accesses.set(node, own);
          return own;
        },
        deliver: (to, datagram) => this.#deliver(to, datagram),
        advertise: (from, priority) => {
          for (const peer of peers) network.send(from, peer, () => this.agent(peer).hearAdvertisement(priority));
        },
        sessions: options.sessions ?? true,
      });
    };
    const [a, b] = [makeAgent('a'), makeAgent('b')];
    this.a = a;
    this.b = b;
    this.agents = [a, b, ...this.nodes.slice(2).map(makeAgent)];
    this.#byName = new Map(this.agents.map((agent) => [agent.node, agent]));
    monitor.watch(this.agents, this.witnesses, identities);
  }

  get nowUs(): number {
    return this.schedule.nowUs;
  }

  get owner(): string | undefined {
    return this.monitor.owner();
  }

  agent(node: NodeName): AgentShell {
    const agent = this.agents[this.nodes.indexOf(node)];
    if (agent === undefined) throw new RangeError(`there is no node ${node}`);
    return agent;
  }

  /** @throws RangeError if there are not so many */
  identity(index: number): GroupIdentity {
    const identity = this.identities[index];
    if (identity === undefined) throw new RangeError(`there is no identity ${index}`);
    return identity;
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
    for (const agent of this.agents) agent.start();
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

  addTroubles(more: Partial<AgentTroubles>): void {
    this.setTroubles({ ...this.#troubles, ...more });
  }

  setTroubles(troubles: AgentTroubles): void {
    this.#troubles = troubles;
    for (const agent of this.agents) agent.setTroubles(troubles);
  }

  /**
   * The witness forgets. Whoever remembers a later serial says so as its link comes back, before anyone asks for a vote:
   * without that a witness that has forgotten everything cannot know it, and L14 promises nothing. Hence nothing is lost
   * while the newest grant is known to no agent that has a link to it, as when its reply is still under way.
   */
  rollBackWitness(everything: boolean, witness = this.witness): void {
    const linked = this.agents.flatMap((agent) => (agent.witness?.name === witness.name ? [agent.witness] : []));
    if (!linked.some(({ knownSerial }) => knownSerial >= witness.serial)) {
      this.note(() => `nobody knows yet of ${witness.name}'s newest grant: its storage stays`);
      return;
    }
    witness.rollBack(everything);
    for (const access of linked) access.reopen();
    this.monitor.witnessForgot();
    this.monitor.witnessChanged();
  }

  /** Plays again what was sent long ago, as someone with a recording could. */
  replay(): void {
    for (const { to, datagram, heardIn } of this.#recorded.splice(0)) this.receiver(to)?.receive(datagram, heardIn);
    for (const witness of this.witnesses.values()) witness.replay();
  }

  grantByAnotherWitness(node: NodeName): void {
    this.agent(node).witness?.hearAnotherWitness();
  }

  note(what: () => string): void {
    this.timeline.note(this.nowUs, '--', what);
  }

  receiver(node: string): AgentShell | undefined {
    return this.#byName.get(node);
  }

  #deliver(to: string, datagram: SidebandDatagram): void {
    const receiver = this.receiver(to);
    if (receiver === undefined) return;
    this.#relay?.passOn(to, datagram, () => receiver.receive(datagram));
    const copy: Recorded = { to, datagram, heardIn: undefined };
    if (this.random.chance(RECORDED_SHARE) && this.#recorded.length < RECORDED_MAX) this.#recorded.push(copy);
    this.network.send(datagram.from, to, () => {
      if (receiver.running) copy.heardIn = receiver.incarnation;
      if (datagram.body.kind !== 'heartbeat' && datagram.body.kind !== 'ack') {
        this.timeline.note(this.nowUs, to, () => `hears ${datagram.body.kind} of ${datagram.from}`);
      }
      receiver.receive(datagram);
    });
  }
}
