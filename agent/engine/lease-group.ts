import {
  type Ballot,
  type Cause,
  type Claim,
  claimOf,
  type IdentityRecord,
  isAgreed,
  leavePatienceUs,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  nextDeadlineUs,
  ownsUnprotected,
  type Successor,
  startMember,
  stepMember,
  successorOf,
  type Verdict,
} from '@tiebreak/shared/lease';
import type { LeaseGroupConfig } from '../config/index.ts';
import type { Decision } from '../history/index.ts';
import type { Fence } from '../kernel/fence/index.ts';
import type { Logger } from '../log/index.ts';
import { Transitions } from '../metrics/counters/index.ts';
import type { KeptPromises } from '../state/kept-promises.ts';
import type { RegisterFile } from '../state/register-file.ts';
import type { Alarm, Clock } from './clock.ts';
import { ClockGap } from './clock-gap.ts';
import { explainPeer, explainTransition, isHeard, type Told, votesOf } from './explain.ts';
import { explainIdentity } from './explain-identity.ts';
import { explainPromises, explainProtection, promiseReasons } from './explain-promises.ts';
import { type Forced, tellForcedJoin, tellForcedTakeover } from './forced.ts';
import { type FenceRefusal, GroupFence } from './group-fence.ts';
import { GroupFitness } from './group-fitness.ts';
import type { GroupIdentity } from './group-identity.ts';
import { type GroupStanding, leaseStanding } from './group-standing.ts';
import type { HeardAdvertisement } from './heard-advertisement.ts';
import type { LeaseRefresh } from './lease-refresh.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { LinkedGroup, SidebandLink } from './sideband-link.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** The witness as a group sees it. */
export interface GroupWitness {
  vote(ballot: Ballot, promiseMs: number): void;
  release(ballot: Ballot): void;
  reachable(): boolean;
}

/** The record of this group's ballots in `state_dir` (L10). */
export interface BallotRecord {
  /** A counter that was seen may be needed soon. */
  foresee(counter: number): void;
  /** False: it lies beyond what is on disk, so it must not be sent, asked for or granted. */
  mayUse(counter: number): boolean;
}

/** A leaver waits so long for its departure to be noted, by a clock that may be slower. */
const LEAVING_MAX_US = (4 / 3) * leavePatienceUs(true);

/** A step that needs a ballot which cannot be recorded is tried again so often. */
const UNRECORDED_RETRY_US = 100_000;

export type GroupSurroundings = {
  readonly config: LeaseGroupConfig;
  readonly member: MemberConfig;
  readonly fence: Fence;
  readonly leaseRefresh: Pick<LeaseRefresh, 'ask' | 'forget'>;
  readonly witness: GroupWitness | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  /** RFC 9568 Skew_Time in µs of a priority */
  readonly skewUsOf: (priority: number) => number;
  /** Every change of role that people may ask about. */
  readonly onHistory: (decision: Decision) => void;
  readonly standing: Pick<GroupStanding, 'note' | 'again'>;
  readonly ballots: BallotRecord;
  readonly register: Pick<RegisterFile, 'found' | 'record'>;
  readonly kept: Pick<KeptPromises, 'found' | 'keep' | 'forget' | 'keepDeparted'>;
  /** What it begins with, and where its identity is kept (L16). */
  readonly identity: { readonly found: GroupIdentity['found'] | undefined; readonly keep: GroupIdentity['keep'] };
  /** It counts other votes from now on (L16). */
  readonly identityChanged: () => void;
  /** The fence had to be made anew, which closed these groups too. */
  readonly fenceReplaced: (alsoClosed: readonly number[]) => void;
};

/** The virtual routers of a group after a change, and those among them that are new. */
export type ReplacedRouters = { readonly routers: readonly VirtualRouter[]; readonly added: readonly VirtualRouter[] };

/** L16: an identity that differs costs the votes, settings a warning. */
export type PeerConfiguration = 'same' | keyof typeof DIFFERENCES;

const DIFFERENCES = {
  identity_differs:
    'is not configured for the same group (members, witness, policy, mode or version differ): neither votes for the other',
  settings_differ: 'has other addresses, intervals or gateway for this group: the two should be the same',
} as const;

/**
 * The loop of one group in lease mode: an event comes in, the pure core steps, its effects are performed in order, and
 * what the kernel says to an opening or a closing of the fence goes back in before anything else happens.
 */
export class LeaseGroup implements LinkedGroup {
  #config: LeaseGroupConfig;
  readonly fitness: GroupFitness;
  readonly transitions = new Transitions();
  #around: GroupSurroundings;
  readonly #alarm: Alarm;
  readonly #askSoon: Alarm;
  readonly #fence: GroupFence;
  readonly #complaints: RateLimitedLog;
  #links: readonly SidebandLink[] = [];
  #routers: readonly VirtualRouter[] = [];
  #state: MemberState;
  #verdict: Verdict | undefined;
  #heardOwner: { readonly node: string; readonly atUs: number } | undefined;
  #sinceMs = Date.now();
  /** why the role is what it is */
  #cause: Cause = 'started';
  readonly #startedUs: number;
  #lastProgressUs: number;
  /** The conflict that was told last: one line for each, however many heartbeats it takes. */
  #conflict: string | undefined;
  #ask: Extract<MemberEffect, { type: 'ask-witness' }> | undefined;
  #closed = false;
  readonly #clockGap = new ClockGap();
  /** By peer, once it has said something. */
  readonly #configurations = new Map<string, PeerConfiguration>();
  readonly #heardPeers = new Set<string>();
  #unprotected = false;
  /** The run in which the peer that departed last said so; undefined: this run has not heard it. */
  #departedIn: number | undefined;
  #announceStopped: () => void = () => {};
  readonly #stopped: Promise<void>;

  constructor(around: GroupSurroundings) {
    const { clock, config, log, member } = around;
    this.#around = around;
    this.#config = config;
    this.#alarm = clock.alarm(() => this.#dispatch({ type: 'tick' }));
    this.#askSoon = clock.alarm(() => this.#askWitness());
    this.#complaints = new RateLimitedLog(log, clock.nowUs);
    this.#fence = new GroupFence({
      fence: around.fence,
      group: config,
      complaints: this.#complaints,
      leaseRefresh: around.leaseRefresh,
      onRefreshed: (outcome) => this.#dispatch(outcome),
      replaced: around.fenceReplaced,
    });
    this.fitness = new GroupFitness({
      priority: config.priority,
      skewUsOf: around.skewUsOf,
      checks: config.checks,
      onChange: (fitness) => this.#dispatch({ type: 'fitness', fitness }),
    });
    this.#startedUs = clock.nowUs();
    this.#lastProgressUs = this.#startedUs;
    const { identity, kept, register } = around;
    const found = { ...kept.found, register: register.found, identity: identity.found };
    this.#state = startMember(member, this.#lastProgressUs, found);
    this.#stopped = new Promise((resolve) => {
      this.#announceStopped = resolve;
    });
  }

  get config(): LeaseGroupConfig {
    return this.#config;
  }

  get name(): string {
    return this.config.name;
  }

  get intervalUs(): number {
    return this.config.intervalUs;
  }

  get state(): MemberState {
    return this.#state;
  }

  get fenceLevel(): Fence['level'] {
    return this.#fence.level;
  }

  /** CLOCK_BOOTTIME: until when the kernel may answer for the addresses; undefined while it does not. */
  get fenceOpenUntilUs(): number | undefined {
    return this.#fence.openUntilUs;
  }

  /** Whose heartbeats claim ownership, and when the last one came; this node itself is not meant. */
  get heardOwner(): { readonly node: string; readonly atUs: number } | undefined {
    return this.#heardOwner;
  }

  get fenceRefusals(): ReadonlyMap<FenceRefusal, number> {
    return this.#fence.refusals.counts;
  }

  /** What keeps the group from being as it was configured to be, for a person. */
  get faults(): string[] {
    const reason = this.fitness.reason();
    return [
      ...(reason === undefined ? [] : [reason]),
      ...this.#routers.flatMap((router) => router.faults()),
      ...this.config.peers.flatMap(({ node }) => this.#differenceOf(node) ?? []),
    ];
  }

  /** How a peer's configuration compares with this node's; undefined: it has said nothing yet. */
  configurationOf(peer: string): PeerConfiguration | undefined {
    return this.#configurations.get(peer);
  }

  /** CLOCK_BOOTTIME: when this group's loop has something to do next, unless something comes before. */
  get nextDeadlineUs(): number {
    return nextDeadlineUs(this.#state);
  }

  /** Wall clock, ms: when the role last changed. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** CLOCK_BOOTTIME: when the loop last stepped. */
  get lastProgressUs(): number {
    return this.#lastProgressUs;
  }

  /** CLOCK_BOOTTIME: when the loop has to step again. */
  get dueUs(): number {
    return this.#closed ? Number.POSITIVE_INFINITY : nextDeadlineUs(this.#state);
  }

  start(links: readonly SidebandLink[], routers: readonly VirtualRouter[]): void {
    this.#links = links;
    this.#routers = routers;
    this.#tellOfPromises();
    this.#noteStanding();
    this.witnessReachable(this.#around.witness?.reachable() ?? false);
  }

  /**
   * Goes on with another configuration, which the fence has already: ballot, votes and ownership stay, and so does the
   * identity until every peer has the new one (L16). The fence of an owner is open for what is new. `replace` tells the
   * virtual routers of the new configuration.
   */
  configure(to: Pick<GroupSurroundings, 'config' | 'member' | 'skewUsOf'>, replace: () => ReplacedRouters): void {
    this.#config = to.config;
    this.#around = { ...this.#around, ...to };
    this.fitness.configure({
      priority: to.config.priority,
      skewUsOf: to.skewUsOf,
      checks: to.config.checks,
      interfaces: to.config.virtualRouters.map((router) => router.interface),
    });
    this.#dispatch({ type: 'configured', config: to.member, fitness: this.fitness.current });
    const { routers, added } = replace();
    this.#routers = routers;
    if (!this.#owns) return;
    for (const router of added) router.addAddresses();
    for (const router of added) router.announce();
    for (const router of routers) router.advertise(router.config.priority);
  }

  /** The links that lead to its peers now. */
  useLinks(links: readonly SidebandLink[]): void {
    this.#links = links;
  }

  /** Hands over if it owns, and leaves its vote to the survivor of two (L17); resolves when nothing is left to say. */
  stop(): Promise<void> {
    this.#dispatch({ type: 'depart' });
    return this.#stopped;
  }

  /** An operator vouches for it that whoever this node's vote is promised to does not own. */
  forceTakeover(): Forced {
    const before = this.#state;
    this.#dispatch({ type: 'force-takeover' });
    return tellForcedTakeover(before, this.#state, this.#around.clock.nowUs());
  }

  /** An operator frees this node from its departure (L17). */
  forceJoin(): Forced {
    const before = this.#state;
    this.#dispatch({ type: 'force-join' });
    return tellForcedJoin(before, this.#state);
  }

  /** Nothing that happens later is its business any more; the fence closes by itself. */
  close(): void {
    this.#closed = true;
    this.#alarm.clear();
    this.#askSoon.clear();
    this.#fence.forgetRefresh();
    this.#announceStopped();
  }

  /** The kernel's tables were made anew for another group's sake: this group's fence is closed. */
  fenceGone(): void {
    this.#dispatch({ type: 'fence-refused', reason: 'expired' });
  }

  /** The owner closes its fence and invites `to`, or the fittest peer; or says why it can invite nobody. */
  handOver(to: string | undefined): Successor {
    const successor = successorOf({ ...this.#state, nowUs: this.#around.clock.nowUs() }, to);
    if (successor.ok) this.#dispatch({ type: 'hand-over', to: successor.node });
    return successor;
  }

  claim(): Claim {
    return claimOf(this.#state);
  }

  heartbeatSent(to: string, sentAtUs: number): void {
    this.#dispatch({ type: 'heartbeat-sent', to, sentAtUs });
  }

  judge(from: string, claim: Claim): Verdict | undefined {
    if (claim.kind === 'owns') this.#heardOwner = { node: from, atUs: this.#around.clock.nowUs() };
    else if (this.#heardOwner?.node === from) this.#heardOwner = undefined;
    this.#compareConfiguration(from, claim);
    this.#dispatch({ type: 'claim', from, claim });
    const verdict = this.#verdict;
    this.#verdict = undefined;
    this.#joinReturned(from);
    return verdict;
  }

  /** L17: one that has come back without its state_dir knows of no departure and asks for nothing, but is bound no more. */
  #joinReturned(from: string): void {
    const { vote } = this.#state.departed;
    if (vote?.voter !== from || !vote.counts || this.#linkTo(from)?.met?.incarnation === this.#departedIn) return;
    // A run that has not heard the departure itself cannot tell yet whether the leaver is back or still on its way out.
    const { nowUs } = this.#around.clock;
    if (this.#departedIn === undefined && nowUs() < this.#startedUs + LEAVING_MAX_US) return;
    this.#dispatch({ type: 'join', from, departure: vote.departure });
  }

  verdict(from: string, sentAtUs: number, verdict: Verdict): void {
    this.#dispatch({ type: 'verdict', from, sentAtUs, verdict });
  }

  released(from: string, ballot: Ballot): void {
    this.#dispatch({ type: 'release', from, ballot });
  }

  transferred(from: string, ballot: Ballot, to: string): void {
    this.#dispatch({ type: 'transfer', from, ballot, to });
  }

  invited(from: string, ballot: Ballot): void {
    this.#dispatch({ type: 'invite', from, ballot });
  }

  /** From a configured peer's address; what strangers say starts nothing in lease mode (DESIGN section 5). */
  advertised({ advertisement }: HeardAdvertisement): void {
    this.#dispatch({ type: 'advertisement', priority: advertisement.priority });
  }

  departs(from: string, departure: Ballot): void {
    this.#departedIn = this.#linkTo(from)?.met?.incarnation;
    this.#dispatch({ type: 'peer-departs', from, departure });
  }

  departureNoted(from: string, departure: Ballot): void {
    this.#dispatch({ type: 'departure-noted', from, departure });
  }

  joins(from: string, departure: Ballot): void {
    this.#dispatch({ type: 'join', from, departure });
  }

  /** Whether the way to the witness carries: to be told whenever it changes. */
  witnessReachable(reachable: boolean): void {
    this.#dispatch({ type: 'witness-reachable', reachable });
  }

  witnessSaid(event: Extract<MemberEvent, { type: 'witness-granted' | 'witness-refused' | 'witness-freed' }>): void {
    this.#dispatch(event);
  }

  /** The link of an interface that a virtual router advertises on has been lost, or is back. */
  linkChanged(name: string, up: boolean): void {
    // The way to the peer may have gone with it, and what is said now is said once.
    if (!up) for (const link of this.#links) link.noDirectWay();
    this.fitness.linkChanged(name, up);
    const text = `${this.name}: the link of ${name} ${up ? 'is back' : 'is lost'}`;
    setImmediate(() => this.#around.log.warn({ group: this.name, interface: name, up }, text));
  }

  #dispatch(event: MemberEvent): void {
    if (this.#closed) return;
    const { clock } = this.#around;
    const nowUs = clock.nowUs();
    this.#lastProgressUs = nowUs;
    // Whatever it is that has woken this process: it must not rest on what was known before.
    if (this.#clockGap.note(nowUs, clock.monotonicUs()) > 0) this.#dispatch({ type: 'clock-gap' });
    const { state, effects } = stepMember(this.#state, event, nowUs);
    const { ballots } = this.#around;
    ballots.foresee(state.highestSeen.counter);
    if (!ballots.mayUse(highestInUse(state))) {
      this.#leaveUndone(event, nowUs, 'state_dir');
      return;
    }
    if (!this.#recordRegister(effects)) {
      this.#leaveUndone(event, nowUs, 'run_dir');
      return;
    }
    const before = this.#state;
    this.#state = state;
    this.#tellSoon([...explainPromises(before, state), ...explainIdentity(before, state)]);
    for (const effect of effects) {
      const outcome = this.#perform(effect);
      if (outcome !== undefined) this.#dispatch(outcome);
    }
    if (event.type === 'claim' && effects.some(({ type }) => type === 'announce')) this.#tellOfConflict(event);
    this.#alarm.set(nextDeadlineUs(this.#state));
    this.#noteStanding();
    this.#tellOfPeers(nowUs);
    this.#tellOfProtection(nowUs);
    // The link to the witness is to follow before anything else is heard, and after what this step has said to that of before.
    if (effects.some(({ type }) => type === 'identity-changed')) this.#around.identityChanged();
  }

  #noteStanding(): void {
    this.#around.standing.note(leaseStanding(this.#state, this.#cause));
  }

  /** A promise of an earlier run is why this one does not stand. */
  #tellOfPromises(): void {
    if (this.#state.kept.written === undefined) return;
    for (const reason of promiseReasons(this.#state, this.#around.clock.nowUs())) {
      this.#around.log.info({ group: this.name }, `${this.name}: this node ${reason}`);
    }
  }

  /** L16: what differs in its identity costs the votes, what differs in its settings a warning. */
  #compareConfiguration(from: string, claim: Claim): void {
    const { change, config } = this.#state;
    const agreed = isAgreed({ configHash: config.configHash, change }, claim);
    const compared = !agreed ? 'identity_differs' : claim.settings !== config.settings ? 'settings_differ' : 'same';
    this.#configurations.set(from, compared);
    const text = this.#differenceOf(from);
    if (text !== undefined) this.#complaints.warn('differs', { group: this.name, peer: from }, text);
  }

  #differenceOf(peer: string): string | undefined {
    const compared = this.#configurations.get(peer) ?? 'same';
    return compared === 'same' ? undefined : `${this.name}: peer ${peer} ${DIFFERENCES[compared]}`;
  }

  /** L8: an owner heard another one, whose ballot is lower. That one gives up as soon as it hears of ours. */
  #tellOfConflict({ from, claim: { ballot } }: Extract<MemberEvent, { type: 'claim' }>): void {
    const { role } = this.#state;
    if (role.name !== 'active') return;
    const conflict = `${from} ${ballot.counter} ${role.ballot.counter}`;
    if (conflict === this.#conflict) return;
    this.#conflict = conflict;
    const fields = { group: this.name, from, theirs: ballot, ours: role.ballot };
    const text = `${this.name}: conflict healed: announced again; ${from} claimed the group with ballot ${ballot.counter}.${ballot.node}, and this node's ${role.ballot.counter}.${role.ballot.node} is higher`;
    setImmediate(() => this.#around.log.warn(fields, text));
    const standing = leaseStanding(this.#state, 'conflict_healed');
    if (standing !== undefined) this.#around.standing.again(standing);
  }

  /** Lost redundancy is news even while nothing moves. */
  #tellOfPeers(nowUs: number): void {
    for (const peer of this.#state.config.peers) {
      const heard = isHeard(this.#state, peer, nowUs);
      if (heard === this.#heardPeers.has(peer)) continue;
      if (heard) this.#heardPeers.add(peer);
      else this.#heardPeers.delete(peer);
      this.#tellSoon([explainPeer(this.#state, peer, heard)]);
    }
  }

  /** Policy `available`: that there may be two owners is news at the moment when it becomes so. */
  #tellOfProtection(nowUs: number): void {
    const unprotected = ownsUnprotected(this.#state, nowUs);
    if (unprotected === this.#unprotected) return;
    this.#unprotected = unprotected;
    this.#tellSoon([explainProtection(this.#state, unprotected)]);
  }

  /** Not before the effects are done: a log line may cost a millisecond. */
  #tellSoon(told: readonly Told[]): void {
    if (told.length === 0) return;
    setImmediate(() => {
      for (const { level, fields, text } of told) this.#around.log[level](fields, text);
    });
  }

  /** L9: whether what the register now promises is on record. A record of freedom may lag: what it says too much only binds. */
  #recordRegister([first]: readonly MemberEffect[]): boolean {
    if (first?.type !== 'record-register') return true;
    return this.#around.register.record(first.record) || first.record.holder === null;
  }

  /** L9, L10: a ballot or a promise that cannot be recorded is not used. It is as if the event had not come. */
  #leaveUndone(event: MemberEvent, nowUs: number, where: 'state_dir' | 'run_dir'): void {
    const what = where === 'state_dir' ? 'a new ballot' : 'a promise';
    const text = `${this.name}: ${what} cannot be recorded in ${where}, so this node neither stands nor votes with it`;
    this.#complaints.error(`unrecorded in ${where}`, { group: this.name }, text);
    // What the kernel has just done cannot be left undone: it is taken back.
    if (event.type === 'fence-opened') this.#dispatch({ type: 'fence-refused', reason: 'unrecorded' });
    else if (event.type === 'tick') this.#alarm.set(nowUs + UNRECORDED_RETRY_US);
  }

  #perform(effect: MemberEffect): MemberEvent | undefined {
    switch (effect.type) {
      case 'open-fence':
        return this.#fence.open(effect.leaseEndUs);
      case 'refresh-fence':
        this.#fence.refreshSoon(effect.leaseEndUs, effect.restsOnWitness);
        return undefined;
      case 'close-fence':
        return this.#fence.close();
      case 'add-addresses':
        // A nested step may have ended the ownership in the meantime; what it began is not carried on (L7).
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.addAddresses();
        return undefined;
      case 'remove-addresses': {
        const remove = (): void => {
          for (const router of this.#routers) router.removeAddresses();
        };
        // Behind the whole fence nobody is answered for them, so that a successor need not wait for this.
        if (this.#fence.level === 'full') this.#afterAnswer(remove);
        else remove();
        return undefined;
      }
      case 'announce':
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.announce();
        return undefined;
      case 'advertise':
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.advertise(router.config.priority);
        return undefined;
      case 'advertise-release':
        this.#afterAnswer(() => {
          for (const router of this.#routers) router.advertise(0);
        });
        return undefined;
      case 'send-verdict':
        this.#verdict = effect.verdict;
        return undefined;
      case 'send-heartbeat':
        for (const link of this.#links) link.heartbeatSoon(this.name);
        return undefined;
      case 'send-release':
        for (const link of this.#links) link.release(this.name, effect.ballot);
        return undefined;
      case 'send-transfer':
        this.#afterAnswer(() => {
          for (const link of this.#links) link.transfer(this.name, effect.ballot, effect.to);
        });
        return undefined;
      case 'record-register':
        // Written before the state was taken over: no effect of a step may come before it.
        return undefined;
      case 'persist-promise': {
        const { promise } = effect;
        this.#around.kept.keep(promise, () => this.#dispatch({ type: 'promise-persisted', promise }));
        return undefined;
      }
      case 'forget-promise':
        this.#around.kept.forget();
        return undefined;
      case 'persist-departed': {
        const { departed } = effect;
        this.#around.kept.keepDeparted(departed, () => this.#dispatch({ type: 'departed-persisted', departed }));
        return undefined;
      }
      case 'persist-identity':
        this.#keepIdentity(effect.record);
        return undefined;
      case 'identity-changed':
        return undefined;
      case 'send-depart':
        this.#linkTo(effect.to)?.depart(this.name, effect.ballot, effect.departure);
        return undefined;
      case 'send-departed':
        this.#linkTo(effect.to)?.departed(this.name, effect.departure);
        return undefined;
      case 'send-join':
        this.#linkTo(effect.to)?.join(this.name, effect.departure);
        return undefined;
      case 'send-invite':
        this.#linkTo(effect.to)?.invite(this.name, effect.ballot);
        return undefined;
      case 'ask-witness':
        // The peer's answer may be here in less time than it takes to write to the witness: what has arrived goes first.
        this.#ask = effect;
        this.#askSoon.set(this.#around.clock.nowUs());
        return undefined;
      case 'release-witness':
        // Behind its own release a request would ask for what never lives again (L5): it is not sent at all.
        this.#askSoon.clear();
        this.#around.witness?.release(effect.ballot);
        return undefined;
      case 'transition':
        this.#sinceMs = Date.now();
        this.#cause = effect.cause;
        this.#tell(effect);
        return undefined;
      case 'stopped':
        this.#announceStopped();
        return undefined;
    }
  }

  #keepIdentity(record: IdentityRecord): void {
    const { joint } = record;
    this.#around.identity.keep(record, () => {
      if (joint !== undefined) this.#dispatch({ type: 'identity-persisted', configHash: joint.configHash });
    });
  }

  /** The vote that a successor waits for leaves with the answer to its claim: what follows it waits for that. */
  #afterAnswer(act: () => void): void {
    if (this.#verdict === undefined) act();
    else queueMicrotask(act);
  }

  #linkTo(peer: string): SidebandLink | undefined {
    return this.#links.find((link) => link.peer === peer);
  }

  get #owns(): boolean {
    return this.#state.role.name === 'active';
  }

  #askWitness(): void {
    if (this.#ask === undefined || this.#state.witness.asked === undefined) return;
    this.#around.witness?.vote(this.#ask.ballot, this.#ask.promiseMs);
  }

  /** Says it as it was at this moment, but only once the effects are done: a log line may cost a millisecond. */
  #tell(change: Extract<MemberEffect, { type: 'transition' }>): void {
    const reachable = this.#around.witness?.reachable() ?? false;
    const state = this.#state;
    const votes = votesOf(state, this.#around.clock.nowUs(), reachable);
    const atMs = Date.now();
    setImmediate(() => {
      this.transitions.count(change);
      const told = explainTransition(state, change, votes, atMs);
      this.#around.log[told.level](told.fields, told.text);
      // The attempts of a long outage would drive out what led to it.
      if (told.level !== 'debug') this.#around.onHistory(told.decision);
    });
  }
}

/** What this node has granted, stands with, or has asked the witness for. */
function highestInUse({ register, witness }: MemberState): number {
  return Math.max(register.highestGranted.counter, witness.asked?.counter ?? 0);
}
