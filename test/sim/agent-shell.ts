/**
 * One simulated agent: the real member core, and around it what `agent/engine` does. Effects are performed in order and
 * depth first, fence outcomes go back in at once, the next tick comes at nextDeadlineUs, heartbeats leave twice an interval.
 * Everything the process does is a row of small operations, and the process may be paused before any of them: between
 * the reading of the clock and the step, between two effects, between the arming of a fence and the act.
 */
import {
  type Claim,
  claimOf,
  type DepartedVote,
  type FoundRegister,
  type KeptPromise,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  nextDeadlineUs,
  type RegisterRecord,
  startMember,
  stepMember,
} from '@tiebreak/shared/lease';
import { guardUs, lifetimeLadderMs, lifetimeMs, sentinelMs } from '../../agent/kernel/fence/arithmetic.ts';
import type { Clock } from './clock.ts';
import type { FenceAct, FenceCare, KernelFence } from './kernel-fence.ts';
import type { SidebandBody, SidebandDatagram } from './messages.ts';
import { Process } from './process.ts';
import type { Surroundings } from './surroundings.ts';
import type { Tampering } from './tampering.ts';
import type { WitnessAccess } from './witness-access.ts';

/** Which heartbeat a step answers. */
type Answering = { readonly to: string; readonly incarnation: number; readonly sequence: number };

const KERNEL_TICK_US = 4000;
const LADDER_MS = lifetimeLadderMs(KERNEL_TICK_US);
const SENT_REMEMBERED = 64;

export type AgentTroubles = {
  /** how often the process is paused before an operation, and for how long at most */
  pauseChance: number;
  pauseMaxUs: number;
  /** how often it is paused between the reading of the clock and the kernel's act */
  fencePauseChance: number;
  /** how often the kernel acts and its confirmation is lost */
  unconfirmedChance: number;
  /** how often a close fails */
  closeFailureChance: number;
};

export const NO_TROUBLES: AgentTroubles = {
  pauseChance: 0,
  pauseMaxUs: 0,
  fencePauseChance: 0,
  unconfirmedChance: 0,
  closeFailureChance: 0,
};

export type AgentOptions = {
  readonly around: Surroundings;
  readonly config: MemberConfig;
  readonly clock: Clock;
  readonly fence: KernelFence;
  readonly witness: (agent: AgentShell) => WitnessAccess;
  readonly deliver: (to: string, datagram: SidebandDatagram) => void;
  readonly advertise: (from: string, priority: number) => void;
  /** refuse duplicates and datagrams of earlier runs, as the real session does; without it everything comes through */
  readonly sessions: boolean;
};

export class AgentShell {
  readonly node: string;
  readonly clock: Clock;
  readonly fence: KernelFence;
  troubles: AgentTroubles = NO_TROUBLES;
  state: MemberState | undefined;
  incarnation = 0;
  /** How often the register was written down. */
  records = 0;
  /** How often the witness was asked. */
  asks = 0;
  readonly #options: AgentOptions;
  readonly #witness: WitnessAccess;
  readonly #process: Process;
  #configHash: string;
  #stopping = false;
  #sequence = 0;
  #sent = new Map<number, number>();
  #heard = new Map<string, { incarnation: number; sequences: Set<number> }>();
  #usedCounter = 0;
  #diskFreeUs = 0;
  #runDir: RegisterRecord | undefined;
  #stateDir: { promise?: KeptPromise | undefined; departed?: DepartedVote | undefined } = {};
  /** by the node's own clock; undefined: in this boot the agent has run */
  #bootedAtUs: number | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.node = options.config.node;
    this.clock = options.clock;
    this.fence = options.fence;
    this.#configHash = options.config.configHash;
    const { schedule, random } = options.around;
    this.#process = new Process({
      name: this.node,
      schedule,
      random,
      dueUs: () => this.#dueUs(),
      tick: () => this.dispatch({ type: 'tick' }),
    });
    this.#witness = options.witness(this);
  }

  get running(): boolean {
    return this.state !== undefined;
  }

  /** What the node's own clock shows. */
  localUs(): number {
    return this.clock.localUs(this.#options.around.schedule.nowUs);
  }

  /** A new process: it clears what a former one left behind, and knows what is in its directories (L9, L10). */
  start(configHash = this.#configHash): void {
    const { around, config } = this.#options;
    this.#configHash = configHash;
    this.incarnation++;
    this.fence.close();
    this.#stopping = false;
    this.#sequence = 0;
    this.#heard.clear();
    const started = { ...config, configHash, usedCounter: this.#usedCounter, seed: around.random.integer(2 ** 31) };
    const register = this.#find();
    const found = { register, ...this.#stateDir };
    this.state = startMember(started, this.localUs(), around.tampering.found?.(found) ?? found);
    this.#bootedAtUs = undefined;
    this.#process.start();
    this.#note(() => `starts, and finds of its register: ${register.kind}`);
    this.#witness.start(this.incarnation);
    this.#beat(this.incarnation);
    this.#process.run();
  }

  /** What the shell finds of a former run: in `run_dir`, and by the boot id in `state_dir` (L9). */
  #find(): FoundRegister {
    if (this.#runDir !== undefined) return { kind: 'recorded', record: this.#runDir };
    if (this.#bootedAtUs !== undefined) return { kind: 'new_boot', uptimeUs: this.localUs() - this.#bootedAtUs };
    return { kind: 'nothing' };
  }

  /** Someone empties `run_dir` while no process runs. */
  loseRunDir(): void {
    if (this.state === undefined) this.#runDir = undefined;
  }

  /** The host goes down and comes up: nothing stays but what is in `state_dir`. */
  reboot(): void {
    this.crash();
    this.fence.close();
    this.#runDir = undefined;
    this.#bootedAtUs = this.localUs();
    this.#note(() => 'reboots');
  }

  /** The process is gone with everything it knew; what is in the kernel and in `run_dir` stays. */
  crash(): void {
    if (this.state === undefined) return;
    this.#note(() => 'crashes');
    this.state = undefined;
    this.#process.end();
    this.#sent.clear();
    this.#witness.end();
  }

  /** Whether the process has been asked to leave. */
  get stopping(): boolean {
    return this.state !== undefined && this.#stopping;
  }

  forceJoin(): void {
    this.#process.take(() => this.dispatch({ type: 'force-join' }));
  }

  /** An operator who knows what the node cannot know. */
  forceTakeover(): void {
    this.#process.take(() => this.dispatch({ type: 'force-takeover' }));
  }

  stop(how: 'stop' | 'depart' = 'stop'): void {
    this.#stopping = true;
    this.#process.take(() => this.dispatch({ type: how }));
  }

  /** SIGSTOP, a hypervisor that schedules others, a long garbage collection. */
  pause(durationUs: number): void {
    this.#note(() => `is frozen for ${(durationUs / 1000).toFixed(1)} ms`);
    this.#process.pause(durationUs);
  }

  setTroubles(troubles: AgentTroubles): void {
    this.troubles = troubles;
    this.#process.setPauses(troubles.pauseChance, troubles.pauseMaxUs);
  }

  receive(datagram: SidebandDatagram): void {
    this.#process.take(() => {
      if (!this.#isFresh(datagram)) return;
      this.#hear(datagram);
    });
  }

  /** An advertisement: anybody can have sent it. */
  hearAdvertisement(priority: number): void {
    this.#process.take(() => this.dispatch({ type: 'advertisement', priority }));
  }

  /** Word from the way to the witness: queued like everything else that comes in. */
  take(operation: () => void): void {
    this.#process.take(operation);
  }

  /** Reads the clock, and steps; between the two, time may pass. */
  dispatch(event: MemberEvent, answering?: Answering): void {
    const nowUs = this.localUs();
    this.#process.push(() => this.#step(event, nowUs, answering));
  }

  claim(): Claim | undefined {
    return this.state === undefined ? undefined : claimOf(this.state);
  }

  #step(event: MemberEvent, nowUs: number, answering: Answering | undefined): void {
    const before = this.state;
    if (before === undefined) return;
    const { tampering } = this.#options.around;
    const taken = tampering.event?.(event, before, nowUs) ?? event;
    const stepped = stepMember(before, taken, nowUs);
    const state = tampering.state?.(stepped.state, before, taken) ?? stepped.state;
    const effects = stepped.effects.map((effect) => tampering.effect?.(effect, state, taken) ?? effect);
    this.state = state;
    this.#usedCounter = Math.max(this.#usedCounter, state.highestSeen.counter);
    const { monitor } = this.#options.around;
    monitor.memberStepped(this, before, event, effects);
    for (const effect of [...effects].reverse()) this.#process.push(() => this.#perform(effect, answering));
  }

  #perform(effect: MemberEffect, answering: Answering | undefined): void {
    const { around, advertise } = this.#options;
    switch (effect.type) {
      case 'open-fence':
        this.#extendFence('open', effect.leaseEndUs);
        return;
      case 'refresh-fence':
        this.#extendFence('refresh', effect.leaseEndUs);
        return;
      case 'close-fence':
        this.#closeFence();
        return;
      case 'record-register':
        this.#runDir = effect.record;
        this.records++;
        return;
      case 'persist-promise':
        this.#persist(() => {
          this.#stateDir = { ...this.#stateDir, promise: effect.promise };
          return { type: 'promise-persisted', promise: effect.promise };
        });
        return;
      case 'persist-departed':
        this.#persist(() => {
          this.#stateDir = { ...this.#stateDir, departed: effect.departed };
          return { type: 'departed-persisted', departed: effect.departed };
        });
        return;
      case 'forget-promise':
        this.#persist(() => {
          this.#stateDir = { ...this.#stateDir, promise: undefined };
          return { type: 'tick' };
        });
        return;
      case 'send-depart':
        this.#send(effect.to, { kind: 'depart', departure: effect.departure });
        return;
      case 'send-departed':
        this.#send(effect.to, { kind: 'departed', departure: effect.departure });
        return;
      case 'send-join':
        this.#send(effect.to, { kind: 'join', departure: effect.departure });
        return;
      case 'send-verdict':
        if (answering === undefined) throw new Error('a verdict without a claim');
        this.#send(answering.to, { kind: 'ack', ...answering, verdict: effect.verdict });
        return;
      case 'send-heartbeat':
        this.#heartbeats();
        return;
      case 'send-release':
        around.monitor.releaseSent(this);
        for (const peer of this.#options.config.peers) this.#send(peer, { kind: 'release', ballot: effect.ballot });
        return;
      case 'send-transfer':
        around.monitor.releaseSent(this);
        for (const peer of this.#options.config.peers) {
          this.#send(peer, { kind: 'transfer', ballot: effect.ballot, to: effect.to });
        }
        return;
      case 'ask-witness':
        this.asks++;
        this.#note(() => `asks W for ${effect.ballot.counter}.${effect.ballot.node}`);
        this.#witness.vote(effect.ballot, effect.promiseMs);
        return;
      case 'release-witness':
        this.#note(() => `gives W's vote for ${effect.ballot.counter}.${effect.ballot.node} back`);
        this.#witness.release(effect.ballot);
        return;
      case 'advertise':
        if (this.fence.isOpen(around.schedule.nowUs)) advertise(this.node, 100);
        return;
      case 'advertise-release':
        advertise(this.node, 0);
        return;
      case 'transition':
        this.#note(() => `${effect.from} -> ${effect.to}: ${effect.cause}`);
        return;
      case 'stopped':
        this.crash();
        return;
      case 'add-addresses':
      case 'remove-addresses':
      case 'announce':
        return;
    }
  }

  /** ARM, read the clock, act, and hear what the kernel says: DESIGN section 4. */
  #extendFence(kind: FenceAct, leaseEndUs: number): void {
    const { around, config } = this.#options;
    const { schedule, monitor, random } = around;
    const shortMs = sentinelMs(config.intervalUs, KERNEL_TICK_US);
    const refused = (reason: string): void => this.dispatch({ type: 'fence-refused', reason });
    const lifetimeAt = (armedUs: number): number | undefined =>
      lifetimeMs(LADDER_MS, { leaseEndUs, armedUs, sentinelMs: shortMs, kernelTickUs: KERNEL_TICK_US });
    if (lifetimeAt(this.localUs()) === undefined) {
      refused('lease_too_short');
      return;
    }
    this.fence.arm(schedule.nowUs, shortMs * 1000);
    this.#process.push(() => {
      const armedUs = this.localUs();
      const wholeMs = Math.min(1500, Math.floor((leaseEndUs - armedUs) / 1000));
      const lifetime = around.tampering.fence === 'full_lifetime' ? wholeMs : lifetimeAt(armedUs);
      if (lifetime === undefined) {
        refused('lease_too_short');
        return;
      }
      if (random.chance(this.troubles.fencePauseChance)) this.pause(random.logBetween(1000, this.troubles.pauseMaxUs));
      this.#process.push(() => {
        const wasOpen = this.fence.isOpen(schedule.nowUs);
        const { fence } = around.tampering;
        const effective = this.fence.act(kind, schedule.nowUs, lifetime * 1000, careOf(kind, fence));
        if (effective) monitor.fenceExtended(this, wasOpen);
        if (!effective || random.chance(this.troubles.unconfirmedChance)) {
          this.#note(() => `${kind} of the fence not confirmed${effective ? ', though it took effect' : ''}`);
          refused('not_confirmed');
          return;
        }
        const expiresAtUs = armedUs + (shortMs + lifetime) * 1000;
        this.dispatch({ type: kind === 'open' ? 'fence-opened' : 'fence-refreshed', expiresAtUs });
      });
    });
  }

  #closeFence(): void {
    if (this.#options.around.random.chance(this.troubles.closeFailureChance)) {
      this.#note(() => 'fence cannot be closed');
      this.dispatch({ type: 'fence-close-failed' });
      return;
    }
    this.fence.close();
    this.dispatch({ type: 'fence-closed' });
  }

  /** An fsync takes its time, and the process may be gone before it is done or before it hears of it; none overtakes. */
  #persist(write: () => MemberEvent): void {
    const { schedule, random, tampering } = this.#options.around;
    if (tampering.noFsync) {
      const stateDir = this.#stateDir;
      const event = write();
      this.#stateDir = stateDir;
      this.#process.take(() => this.dispatch(event));
      return;
    }
    const { incarnation } = this;
    const failed = random.chance(0.05);
    this.#diskFreeUs = Math.max(schedule.nowUs, this.#diskFreeUs) + random.logBetween(200, 200_000);
    schedule.at(this.#diskFreeUs, () => {
      if (failed || this.incarnation !== incarnation || this.state === undefined) return;
      const event = write();
      this.#note(() => `has written down: ${JSON.stringify(this.#stateDir)}`);
      this.#process.take(() => this.dispatch(event));
    });
  }

  #beat(incarnation: number): void {
    if (this.incarnation !== incarnation || this.state === undefined) return;
    const { schedule } = this.#options.around;
    this.#process.take(() => this.#heartbeats());
    const nextUs = this.localUs() + this.#options.config.intervalUs / 2;
    schedule.at(this.clock.firstRealUsAtOrAfter(nextUs), () => this.#beat(incarnation));
  }

  /** The send time is read before the datagram leaves (L2). */
  #heartbeats(): void {
    for (const peer of this.#options.config.peers) {
      const sentAtUs = this.localUs();
      this.#process.push(() => {
        const claim = this.claim();
        if (claim === undefined) return;
        const sequence = this.#send(peer, { kind: 'heartbeat', claim });
        this.#sent.set(sequence, sentAtUs);
        for (const oldest of this.#sent.keys()) {
          if (this.#sent.size <= SENT_REMEMBERED) break;
          this.#sent.delete(oldest);
        }
        this.dispatch({ type: 'heartbeat-sent', to: peer, sentAtUs });
      });
    }
  }

  #send(to: string, body: SidebandBody): number {
    this.#sequence++;
    const datagram = { from: this.node, incarnation: this.incarnation, sequence: this.#sequence, body };
    this.#options.deliver(to, datagram);
    return this.#sequence;
  }

  #hear({ from, incarnation, sequence, body }: SidebandDatagram): void {
    switch (body.kind) {
      case 'heartbeat':
        this.dispatch({ type: 'claim', from, claim: body.claim }, { to: from, incarnation, sequence });
        return;
      case 'ack': {
        // L3: an ack of anything that this run has not sent, or long ago, counts for nothing.
        const sentAtUs = body.incarnation === this.incarnation ? this.#sent.get(body.sequence) : undefined;
        if (sentAtUs === undefined) return;
        if (this.#options.sessions) this.#sent.delete(body.sequence);
        this.dispatch({ type: 'verdict', from, sentAtUs, verdict: body.verdict });
        return;
      }
      case 'release':
        this.dispatch({ type: 'release', from, ballot: body.ballot });
        return;
      case 'transfer':
        this.dispatch({ type: 'transfer', from, ballot: body.ballot, to: body.to });
        return;
      case 'depart':
        this.dispatch({ type: 'peer-departs', from, departure: body.departure });
        return;
      case 'departed':
        this.dispatch({ type: 'departure-noted', from, departure: body.departure });
        return;
      case 'join':
        this.dispatch({ type: 'join', from, departure: body.departure });
        return;
    }
  }

  #isFresh({ from, incarnation, sequence }: SidebandDatagram): boolean {
    if (!this.#options.sessions) return true;
    let heard = this.#heard.get(from);
    if (heard === undefined || heard.incarnation < incarnation) {
      heard = { incarnation, sequences: new Set() };
      this.#heard.set(from, heard);
    }
    if (heard.incarnation > incarnation || heard.sequences.has(sequence)) return false;
    heard.sequences.add(sequence);
    if (heard.sequences.size > 4096) heard.sequences.clear();
    return true;
  }

  #dueUs(): number {
    const dueUs = this.state === undefined ? Number.POSITIVE_INFINITY : nextDeadlineUs(this.state);
    return dueUs === Number.POSITIVE_INFINITY ? dueUs : this.clock.firstRealUsAtOrAfter(dueUs);
  }

  #note(what: () => string): void {
    const { schedule, timeline } = this.#options.around;
    timeline.note(schedule.nowUs, this.node, what);
  }
}

function careOf(kind: FenceAct, fence: Tampering['fence']): FenceCare {
  if (fence === 'no_sentinel' && kind === 'open') return 'nothing';
  if (fence === 'plain_set' && kind === 'refresh') return 'nothing';
  return fence === 'full_lifetime' && kind === 'refresh' ? 'element' : 'all';
}

export const FENCE_GUARD_US = guardUs(KERNEL_TICK_US);
