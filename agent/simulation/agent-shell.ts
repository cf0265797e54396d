/**
 * One simulated agent: the real member core, and around it what `agent/engine` does. Effects are performed in order and
 * depth first, fence outcomes go back in at once, a refresh waits for what has come in before it, the next tick comes at nextDeadlineUs, heartbeats leave twice an interval.
 * Everything the process does is a row of small operations, and the process may be paused before any of them: between
 * the reading of the clock and the step, between two effects, between the arming of a fence and the act.
 */
import {
  type Claim,
  claimOf,
  type Fitness,
  type FoundAtStart,
  type IdentityRecord,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  nextDeadlineUs,
  startMember,
  stepMember,
  type Unfitness,
} from '@tiebreak/shared/lease';
import type { Clock } from './clock.ts';
import { Disk } from './disk.ts';
import { FenceHands } from './fence-hands.ts';
import { type GroupIdentity, type Identities, identityOf, type WitnessName } from './group-identity.ts';
import { Guardian } from './guardian.ts';
import type { KernelFence } from './kernel-fence.ts';
import type { SidebandDatagram } from './messages.ts';
import { Process } from './process.ts';
import { type Answering, Sideband } from './sideband.ts';
import type { Surroundings } from './surroundings.ts';
import { type AgentTroubles, NO_TROUBLES } from './troubles.ts';
import type { WitnessAccess } from './witness-access.ts';

export { type AgentTroubles, NO_TROUBLES } from './troubles.ts';

export type AgentOptions = {
  readonly around: Surroundings;
  readonly config: MemberConfig;
  readonly identities: Identities;
  /** what it is configured for at first */
  readonly identity: GroupIdentity;
  readonly clock: Clock;
  readonly fence: KernelFence;
  readonly witnesses: (agent: AgentShell) => ReadonlyMap<WitnessName, WitnessAccess>;
  readonly deliver: (to: string, datagram: SidebandDatagram) => void;
  readonly advertise: (from: string, priority: number) => void;
  /** refuse duplicates and datagrams of earlier runs, as the real session does; without it everything comes through */
  readonly sessions: boolean;
};

export class AgentShell {
  readonly node: string;
  readonly clock: Clock;
  readonly fence: KernelFence;
  readonly disk: Disk;
  readonly guardian: Guardian;
  troubles: AgentTroubles = NO_TROUBLES;
  /** for whom the guardian has voted in the place of the engine that is gone */
  lastWord: string | undefined;
  state: MemberState | undefined;
  /** The state in which its last process ended. */
  lastState: MemberState | undefined;
  /** Grows by two with each start: between two runs lies the guardian's. */
  incarnation = 0;
  /** How often the witness was asked. */
  asks = 0;
  readonly #options: AgentOptions;
  readonly #witnesses: ReadonlyMap<WitnessName, WitnessAccess>;
  readonly #process: Process;
  readonly #hands: FenceHands;
  readonly #sideband: Sideband;
  #configured: GroupIdentity;
  /** What of it the process that runs has read. */
  #inForce: GroupIdentity;
  /** The witness that its link leads to; none while it runs without, and before it runs. */
  #witness: WitnessAccess | undefined;
  #identityWanted: IdentityRecord | undefined;
  #stopping = false;
  #startedAtUs = 0;
  #unfit: { readonly why: Unfitness; readonly untilUs: number } | undefined;
  /** What the fence is to be refreshed with once all that waits now is dealt with. */
  #refreshDue: Extract<MemberEffect, { type: 'refresh-fence' }> | undefined;
  #dueOf: MemberState | undefined;
  #dueAtUs = Number.POSITIVE_INFINITY;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { around, config } = options;
    this.node = config.node;
    this.clock = options.clock;
    this.fence = options.fence;
    this.disk = new Disk(around);
    this.#configured = options.identity;
    this.#inForce = options.identity;
    this.#hands = new FenceHands(around, this, config.intervalUs);
    this.#sideband = new Sideband(this.node, options.sessions, options.deliver);
    const { schedule, random } = around;
    this.#process = new Process({
      name: this.node,
      schedule,
      random,
      dueUs: () => this.#dueUs(),
      tick: () => this.dispatch({ type: 'tick' }),
    });
    this.#witnesses = options.witnesses(this);
    const { sessions, deliver } = options;
    const { group, peers } = config;
    this.guardian = new Guardian({ around, agent: this, group, peers, sessions, deliver });
  }

  get witness(): WitnessAccess | undefined {
    return this.#witness;
  }

  get running(): boolean {
    return this.state !== undefined;
  }

  /** What the node's own clock shows. */
  localUs(): number {
    return this.clock.localUs(this.#options.around.schedule.nowUs);
  }

  /** A new process: it clears what a former one left behind, and knows what is in its directories (L9, L10). */
  start(configured = this.#configured): void {
    const { around } = this.#options;
    this.#configured = configured;
    this.#inForce = configured;
    this.guardian.end();
    this.lastWord = undefined;
    this.incarnation += 2;
    this.#startedAtUs = around.schedule.nowUs;
    this.fence.close(this.#options.around.schedule.nowUs);
    this.#stopping = false;
    this.#sideband.begin(this.incarnation);
    const { usedCounter } = this.disk;
    const started = { ...this.#config, usedCounter, seed: around.random.integer(2 ** 31) };
    const nowUs = this.localUs();
    const found = this.#find(nowUs);
    this.state = startMember(started, nowUs, around.tampering.found?.(found) ?? found);
    this.disk.noteRun();
    this.#process.start();
    around.monitor.started(this, found);
    this.note(() => `starts, and finds of its register: ${found.register.kind}`);
    this.#connect();
    this.#beat(this.incarnation);
    if (this.#unfit !== undefined) this.#tellFitness();
    this.#process.run();
  }

  /**
   * Its configuration is another one from now on: a process that runs reads it anew, the next one in any case. Its link leads
   * to another witness once the group goes by no identity of the one before, as the real one does.
   */
  configure(configured: GroupIdentity): void {
    this.#configured = configured;
    if (this.state === undefined) return;
    this.note(() => `is configured for ${configured.configHash}`);
    this.#process.take(() => {
      if (this.state === undefined) return;
      this.#inForce = configured;
      const { usedCounter, seed } = this.state.config;
      this.dispatch({ type: 'configured', config: { ...this.#config, usedCounter, seed }, fitness: this.#fitness });
    });
    this.#process.take(() => this.#followWitness());
  }

  /** What it is configured for. */
  get configured(): GroupIdentity {
    return this.#configured;
  }

  get #config(): MemberConfig {
    return { ...this.#options.config, ...identityOf(this.#inForce) };
  }

  #find(nowUs: number): FoundAtStart {
    const { identity: record, ...found } = this.disk.find(nowUs);
    const identity = this.#options.identities.found(record, this.#configured);
    if (identity !== undefined) return { ...found, identity };
    // Before it says a word: the next run may be configured for another one.
    this.disk.keep({ identity: { generation: 0, agreed: identityOf(this.#configured), joint: undefined } });
    return found;
  }

  /** The identity that the node goes by has changed, or the one that it is configured for. */
  #followWitness(): void {
    const { state } = this;
    if (state === undefined) return;
    if (state.change !== undefined && state.change.stage !== 'joint') return;
    this.#connect();
    this.dispatch({ type: 'witness-reachable', reachable: false });
  }

  /** Opens the link to the configured witness, or says hello anew if there is one. */
  #connect(): void {
    const { witness } = this.#inForce;
    const wanted = witness === undefined ? undefined : this.#witnesses.get(witness);
    if (this.#witness !== wanted) this.#witness?.end();
    this.#witness = wanted;
    wanted?.start(this.incarnation);
  }

  /** The vote of one witness never counts as another's, wherever the link leads while a change is under way (L16). */
  get #votingWitness(): WitnessAccess | undefined {
    const { state } = this;
    if (this.#options.around.tampering.anyWitnessCounts) return this.#witness;
    const name = state && this.#options.identities.of(state.config.configHash).witness;
    return this.#witness?.name === name ? this.#witness : undefined;
  }

  /** Someone empties `run_dir` while no process runs. */
  loseRunDir(): void {
    if (this.state === undefined) this.disk.loseRunDir();
  }

  /** The host goes down and comes up: nothing stays but what is in `state_dir`. */
  reboot(): void {
    this.crash();
    this.fence.close(this.#options.around.schedule.nowUs);
    this.disk.boot(this.localUs());
    this.note(() => 'reboots');
  }

  /** The process is gone with everything it knew; what is in the kernel and in `run_dir` stays. */
  crash(): void {
    this.guardian.end();
    if (this.state === undefined) return;
    this.note(() => 'crashes');
    this.#end();
  }

  /** The engine alone is gone: its guardian has its last duties to do, and starts the next one. */
  crashEngine(): void {
    if (this.state === undefined) return;
    this.note(() => 'loses its engine');
    this.#end();
    const livedUs = this.#options.around.schedule.nowUs - this.#startedAtUs;
    this.guardian.engineDied(livedUs);
  }

  #refreshSoon(effect: Extract<MemberEffect, { type: 'refresh-fence' }>): void {
    const isUnderWay = this.#refreshDue !== undefined;
    this.#refreshDue = effect;
    if (isUnderWay) return;
    this.#process.take(() => {
      const due = this.#refreshDue;
      this.#refreshDue = undefined;
      if (due !== undefined) this.#hands.extend(due);
    });
  }

  #end(): void {
    this.#refreshDue = undefined;
    this.lastState = this.state;
    this.state = undefined;
    this.#process.end();
    this.#witness?.end();
    this.#witness = undefined;
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

  handOver(to: string | undefined): void {
    this.#process.take(() => this.dispatch({ type: 'hand-over', to }));
  }

  /** A link, a check or an operator forbids it to own for so long: whatever process runs is told. */
  becomeUnfit(why: Unfitness, lastsUs: number): void {
    const { schedule } = this.#options.around;
    const untilUs = schedule.nowUs + lastsUs;
    if (this.#unfit !== undefined && this.#unfit.untilUs > untilUs) return;
    this.#unfit = { why, untilUs };
    this.#tellFitness();
    schedule.at(untilUs, () => {
      if (this.#unfit?.untilUs !== untilUs) return;
      this.#unfit = undefined;
      this.#tellFitness();
    });
  }

  stop(how: 'stop' | 'depart' = 'stop'): void {
    this.#stopping = true;
    this.#process.take(() => this.dispatch({ type: how }));
  }

  /** SIGSTOP, a hypervisor that schedules others, a long garbage collection. */
  pause(durationUs: number): void {
    this.note(() => `is frozen for ${(durationUs / 1000).toFixed(1)} ms`);
    this.#process.pause(durationUs);
  }

  /** The moment between the reading of the clock and the kernel's act. */
  pauseBeforeAct(): void {
    const { random } = this.#options.around;
    if (random.chance(this.troubles.fencePauseChance)) this.pause(random.logBetween(1000, this.troubles.pauseMaxUs));
  }

  setTroubles(troubles: AgentTroubles): void {
    this.troubles = troubles;
    const { pauseChance, pauseMaxUs } = troubles;
    this.#process.setPauses(pauseChance, pauseMaxUs);
    this.guardian.setPauses(pauseChance, pauseMaxUs);
  }

  /** `heardIn`: the run in which it has been received before, for what is played again. */
  receive(datagram: SidebandDatagram, heardIn?: number): void {
    if (this.state === undefined) {
      this.guardian.receive(datagram);
      return;
    }
    this.#process.take(() => {
      const heard = this.#sideband.open(datagram);
      if (heard === undefined) return;
      const { monitor } = this.#options.around;
      if (this.#options.sessions && heardIn === this.incarnation) monitor.believedTwice(this, datagram.body.kind);
      this.dispatch(heard.event, heard.answering);
    });
  }

  /** An advertisement: anybody can have sent it. */
  hearAdvertisement(priority: number): void {
    this.#process.take(() => this.dispatch({ type: 'advertisement', priority }));
  }

  /** Something comes in: queued like everything else that does. */
  take(operation: () => void): void {
    this.#process.take(operation);
  }

  /** To be done next, before all that has been waiting. */
  next(operation: () => void): void {
    this.#process.push(operation);
  }

  /** Reads the clock, and steps; between the two, time may pass. */
  dispatch(event: MemberEvent, answering?: Answering): void {
    const nowUs = this.localUs();
    this.#process.push(() => this.#step(event, nowUs, answering));
  }

  claim(): Claim | undefined {
    return this.state === undefined ? undefined : claimOf(this.state);
  }

  note(what: () => string): void {
    const { schedule, timeline } = this.#options.around;
    timeline.note(schedule.nowUs, this.node, what);
  }

  #step(event: MemberEvent, nowUs: number, answering: Answering | undefined): void {
    const before = this.state;
    if (before === undefined) return;
    const { tampering, monitor } = this.#options.around;
    const taken = tampering.event?.(event, before, nowUs) ?? event;
    const stepped = stepMember(before, taken, nowUs);
    const state = tampering.state?.(stepped.state, before, taken) ?? stepped.state;
    const tamper = tampering.effect;
    const effects =
      tamper === undefined ? stepped.effects : stepped.effects.map((effect) => tamper(effect, state, taken));
    this.state = state;
    this.disk.usedCounter = Math.max(this.disk.usedCounter, state.highestSeen.counter);
    monitor.memberStepped(this, before, event, effects);
    for (let index = effects.length - 1; index >= 0; index--) {
      const effect = effects[index];
      if (effect !== undefined) this.#process.push(() => this.#perform(effect, answering));
    }
  }

  #perform(effect: MemberEffect, answering: Answering | undefined): void {
    const { around, advertise } = this.#options;
    switch (effect.type) {
      case 'open-fence':
        this.#hands.extend(effect);
        return;
      case 'refresh-fence':
        this.#refreshSoon(effect);
        return;
      case 'close-fence':
        this.#refreshDue = undefined;
        this.#hands.close(answering);
        return;
      case 'record-register':
        this.disk.record(effect.record);
        return;
      case 'persist-promise':
        this.#persist(() => {
          this.disk.keep({ promise: effect.promise });
          return { type: 'promise-persisted', promise: effect.promise };
        });
        return;
      case 'persist-departed':
        this.#persist(() => {
          this.disk.keep({ departed: effect.departed });
          return { type: 'departed-persisted', departed: effect.departed };
        });
        return;
      case 'persist-identity':
        this.#keepIdentity(effect.record);
        return;
      case 'identity-changed':
        this.note(() => this.#identityInWords());
        this.#process.take(() => this.#followWitness());
        return;
      case 'forget-promise':
        this.#persist(() => {
          this.disk.keep({ promise: undefined });
          return { type: 'tick' };
        });
        return;
      case 'send-depart':
        this.#sideband.send(effect.to, { kind: 'depart', departure: effect.departure });
        return;
      case 'send-departed':
        this.#sideband.send(effect.to, { kind: 'departed', departure: effect.departure });
        return;
      case 'send-join':
        this.#sideband.send(effect.to, { kind: 'join', departure: effect.departure });
        return;
      case 'send-verdict':
        if (answering === undefined) throw new Error('a verdict without a claim');
        this.#sideband.send(answering.to, { kind: 'ack', ...answering, verdict: effect.verdict });
        return;
      case 'send-heartbeat':
        this.#heartbeats();
        return;
      case 'send-release':
        around.monitor.releaseSent(this);
        for (const peer of this.#options.config.peers)
          this.#sideband.send(peer, { kind: 'release', ballot: effect.ballot });
        return;
      case 'send-transfer':
        around.monitor.releaseSent(this);
        for (const peer of this.#options.config.peers) {
          this.#sideband.send(peer, { kind: 'transfer', ballot: effect.ballot, to: effect.to });
        }
        return;
      case 'send-invite':
        this.#sideband.send(effect.to, { kind: 'invite', ballot: effect.ballot });
        return;
      case 'ask-witness':
        this.asks++;
        this.note(() => `asks W for ${effect.ballot.counter}.${effect.ballot.node}`);
        this.#votingWitness?.vote(effect.ballot, effect.promiseMs);
        return;
      case 'release-witness':
        this.note(() => `gives W's vote for ${effect.ballot.counter}.${effect.ballot.node} back`);
        around.monitor.witnessReleased(this);
        this.#votingWitness?.release(effect.ballot);
        return;
      case 'advertise':
        if (this.fence.isOpen(around.schedule.nowUs)) advertise(this.node, 100);
        return;
      case 'advertise-release':
        advertise(this.node, 0);
        return;
      case 'transition':
        this.note(() => `${effect.from} -> ${effect.to}: ${effect.cause}`);
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

  get #fitness(): Fitness {
    const { priority, skewUs } = this.#options.config;
    return { priority, skewUs, unfit: this.#unfit?.why };
  }

  #tellFitness(): void {
    this.#process.take(() => this.dispatch({ type: 'fitness', fitness: this.#fitness }));
  }

  #identityInWords(): string {
    const { state } = this;
    if (state === undefined) return '';
    const { change, config, generation } = state;
    const towards = change === undefined ? '' : `, ${change.stage} with ${change.to.configHash}`;
    return `goes by ${config.configHash} (${generation})${towards}`;
  }

  /** One write after the other, each until it is done or the next one takes its place. */
  #keepIdentity(record: IdentityRecord): void {
    this.#identityWanted = record;
    const { joint } = record;
    const event: MemberEvent =
      joint === undefined ? { type: 'tick' } : { type: 'identity-persisted', configHash: joint.configHash };
    this.#persist(
      () => {
        this.disk.keep({ identity: record });
        return this.#identityWanted === record ? event : undefined;
      },
      () => {
        if (this.#identityWanted === record) this.#keepIdentity(record);
      },
    );
  }

  /** Without `again` the core asks once more by itself. */
  #persist(write: () => MemberEvent | undefined, again?: () => void): void {
    const { incarnation } = this;
    const isGone = (): boolean => this.incarnation !== incarnation || this.state === undefined;
    this.disk.persist(
      () => {
        if (isGone()) return undefined;
        const event = write();
        this.note(() => `has written down: ${this.disk.content}`);
        return event;
      },
      (event) => this.#process.take(() => this.dispatch(event)),
      () => {
        if (!isGone()) again?.();
      },
    );
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
        this.#sideband.remember(this.#sideband.send(peer, { kind: 'heartbeat', claim }), sentAtUs);
        this.dispatch({ type: 'heartbeat-sent', to: peer, sentAtUs });
      });
    }
  }

  #dueUs(): number {
    const { state } = this;
    if (state === this.#dueOf) return this.#dueAtUs;
    const dueUs = state === undefined ? Number.POSITIVE_INFINITY : nextDeadlineUs(state);
    this.#dueOf = state;
    this.#dueAtUs = dueUs === Number.POSITIVE_INFINITY ? dueUs : this.clock.firstRealUsAtOrAfter(dueUs);
    return this.#dueAtUs;
  }
}
