import {
  type Ballot,
  type Claim,
  claimOf,
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  nextDeadlineUs,
  startMember,
  stepMember,
  type Verdict,
} from '@tiebreak/shared/lease';
import type { LeaseGroupConfig } from '../config/index.ts';
import type { Fence } from '../kernel/fence/index.ts';
import type { Logger } from '../log/index.ts';
import type { RegisterFile } from '../state/register-file.ts';
import type { Alarm, Clock } from './clock.ts';
import { explainPeer, explainTransition, isHeard, votesOf } from './explain.ts';
import { GroupFence } from './group-fence.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { LinkedGroup, SidebandLink } from './sideband-link.ts';
import type { HeardAdvertisement, VirtualRouter } from './virtual-router.ts';

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

/** A step that needs a ballot which cannot be recorded is tried again so often. */
const UNRECORDED_RETRY_US = 100_000;

export type GroupSurroundings = {
  readonly config: LeaseGroupConfig;
  readonly member: MemberConfig;
  readonly fence: Fence;
  readonly witness: GroupWitness | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly ballots: BallotRecord;
  readonly register: Pick<RegisterFile, 'found' | 'record'>;
  /** The fence had to be made anew, which closed these groups too. */
  readonly fenceReplaced: (alsoClosed: readonly number[]) => void;
};

/**
 * The loop of one group in lease mode: an event comes in, the pure core steps, its effects are performed in order, and
 * what the kernel says to a fence effect goes back in before anything else happens.
 */
export class LeaseGroup implements LinkedGroup {
  readonly config: LeaseGroupConfig;
  readonly #around: GroupSurroundings;
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
  #lastProgressUs: number;
  #ask: Extract<MemberEffect, { type: 'ask-witness' }> | undefined;
  #closed = false;
  readonly #heardPeers = new Set<string>();
  #announceStopped: () => void = () => {};
  readonly #stopped: Promise<void>;

  constructor(around: GroupSurroundings) {
    const { clock, config, log, member } = around;
    this.#around = around;
    this.config = config;
    this.#alarm = clock.alarm(() => this.#dispatch({ type: 'tick' }));
    this.#askSoon = clock.alarm(() => this.#askWitness());
    this.#complaints = new RateLimitedLog(log, clock.nowUs);
    this.#fence = new GroupFence({
      fence: around.fence,
      group: config,
      complaints: this.#complaints,
      replaced: around.fenceReplaced,
    });
    this.#lastProgressUs = clock.nowUs();
    this.#state = startMember(member, this.#lastProgressUs, { register: around.register.found });
    this.#stopped = new Promise((resolve) => {
      this.#announceStopped = resolve;
    });
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

  /** What keeps the addresses from being where they belong, for a person. */
  get faults(): string[] {
    return this.#routers.flatMap((router) => router.faults());
  }

  /** Wall clock, ms: when the role last changed. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** CLOCK_BOOTTIME: when the loop last stepped. */
  get lastProgressUs(): number {
    return this.#lastProgressUs;
  }

  start(links: readonly SidebandLink[], routers: readonly VirtualRouter[]): void {
    this.#links = links;
    this.#routers = routers;
    this.#dispatch({ type: 'tick' });
  }

  /** Hands over if it owns; resolves when nothing is left to say. */
  stop(): Promise<void> {
    this.#dispatch({ type: 'stop' });
    return this.#stopped;
  }

  /** Nothing that happens later is its business any more; the fence closes by itself. */
  close(): void {
    this.#closed = true;
    this.#alarm.clear();
    this.#askSoon.clear();
    this.#announceStopped();
  }

  /** The kernel's tables were made anew for another group's sake: this group's fence is closed. */
  fenceGone(): void {
    this.#dispatch({ type: 'fence-refused', reason: 'expired' });
  }

  claim(): Claim {
    return claimOf(this.#state);
  }

  heartbeatSent(to: string, sentAtUs: number): void {
    this.#dispatch({ type: 'heartbeat-sent', to, sentAtUs });
  }

  judge(from: string, claim: Claim): Verdict | undefined {
    this.#verdict = undefined;
    if (claim.kind === 'owns') this.#heardOwner = { node: from, atUs: this.#around.clock.nowUs() };
    else if (this.#heardOwner?.node === from) this.#heardOwner = undefined;
    this.#dispatch({ type: 'claim', from, claim });
    return this.#verdict;
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

  /** From a configured peer's address; what strangers say starts nothing in lease mode (DESIGN section 5). */
  advertised({ advertisement }: HeardAdvertisement): void {
    this.#dispatch({ type: 'advertisement', priority: advertisement.priority });
  }

  witnessSaid(event: Extract<MemberEvent, { type: 'witness-granted' | 'witness-refused' | 'witness-freed' }>): void {
    this.#dispatch(event);
  }

  #dispatch(event: MemberEvent): void {
    if (this.#closed) return;
    const nowUs = this.#around.clock.nowUs();
    this.#lastProgressUs = nowUs;
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
    this.#state = state;
    for (const effect of effects) {
      const outcome = this.#perform(effect);
      if (outcome !== undefined) this.#dispatch(outcome);
    }
    this.#alarm.set(nextDeadlineUs(this.#state));
    this.#tellOfPeers(nowUs);
  }

  /** Lost redundancy is news even while nothing moves. */
  #tellOfPeers(nowUs: number): void {
    for (const peer of this.#state.config.peers) {
      const heard = isHeard(this.#state, peer, nowUs);
      if (heard === this.#heardPeers.has(peer)) continue;
      if (heard) this.#heardPeers.add(peer);
      else this.#heardPeers.delete(peer);
      const told = explainPeer(this.#state, peer, heard);
      setImmediate(() => this.#around.log[told.level](told.fields, told.text));
    }
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
        return this.#fence.refresh(effect.leaseEndUs);
      case 'close-fence':
        return this.#fence.close();
      case 'add-addresses':
        // A nested step may have ended the ownership in the meantime; what it began is not carried on (L7).
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.addAddresses();
        return undefined;
      case 'remove-addresses':
        for (const router of this.#routers) router.removeAddresses();
        return undefined;
      case 'announce':
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.announce();
        return undefined;
      case 'advertise':
        if (!this.#owns) return undefined;
        for (const router of this.#routers) router.advertise(router.config.priority);
        return undefined;
      case 'advertise-release':
        for (const router of this.#routers) router.advertise(0);
        return undefined;
      case 'send-verdict':
        this.#verdict = effect.verdict;
        return undefined;
      case 'send-heartbeat':
        for (const link of this.#links) link.heartbeatNow();
        return undefined;
      case 'send-release':
        for (const link of this.#links) link.release(this.name, effect.ballot);
        return undefined;
      case 'send-transfer':
        for (const link of this.#links) link.transfer(this.name, effect.ballot, effect.to);
        return undefined;
      case 'record-register':
        // Written before the state was taken over: no effect of a step may come before it.
        return undefined;
      case 'persist-promise':
      case 'forget-promise':
      case 'persist-departed':
      case 'send-depart':
      case 'send-departed':
      case 'send-join':
        // Policy `bias` and a departure ask for these; this agent starts neither yet, and so hears of neither.
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
        this.#tell(effect);
        return undefined;
      case 'stopped':
        this.#announceStopped();
        return undefined;
    }
  }

  get #owns(): boolean {
    return this.#state.role.name === 'active';
  }

  #askWitness(): void {
    if (this.#ask !== undefined) this.#around.witness?.vote(this.#ask.ballot, this.#ask.promiseMs);
  }

  /** Says it as it was at this moment, but only once the effects are done: a log line may cost a millisecond. */
  #tell(change: Extract<MemberEffect, { type: 'transition' }>): void {
    const reachable = this.#around.witness?.reachable() ?? false;
    const state = this.#state;
    const votes = votesOf(state, this.#around.clock.nowUs(), reachable);
    setImmediate(() => {
      const told = explainTransition(state, change, votes);
      this.#around.log[told.level](told.fields, told.text);
    });
  }
}

/** What this node has granted, stands with, or has asked the witness for. */
function highestInUse({ register, witness }: MemberState): number {
  return Math.max(register.highestGranted.counter, witness.asked?.counter ?? 0);
}
