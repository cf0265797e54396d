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
import type { Fence, FenceAct } from '../kernel/fence/index.ts';
import { boottimeUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { Deadline } from './deadline.ts';
import { explainTransition, votesOf } from './explain.ts';
import type { LinkedGroup, SidebandLink } from './sideband-link.ts';
import type { HeardAdvertisement, VirtualRouter } from './virtual-router.ts';

/** The witness as a group sees it. */
export interface GroupWitness {
  vote(ballot: Ballot, promiseMs: number): void;
  release(ballot: Ballot): void;
  reachable(): boolean;
}

export type GroupSurroundings = {
  readonly config: LeaseGroupConfig;
  readonly member: MemberConfig;
  readonly fence: Fence;
  readonly witness: GroupWitness | undefined;
  readonly log: Logger;
  /** Called with every ballot counter that comes into use. */
  readonly noteCounter: (counter: number) => void;
};

/**
 * The loop of one group in lease mode: an event comes in, the pure core steps, its effects are performed in order, and
 * what the kernel says to a fence effect goes back in before anything else happens.
 */
export class LeaseGroup implements LinkedGroup {
  readonly config: LeaseGroupConfig;
  readonly #around: GroupSurroundings;
  readonly #alarm = new Deadline(() => this.#dispatch({ type: 'tick' }));
  #links: readonly SidebandLink[] = [];
  #routers: readonly VirtualRouter[] = [];
  #state: MemberState;
  #verdict: Verdict | undefined;
  #sinceMs = Date.now();
  #lastProgressUs = boottimeUs();
  #announceStopped: () => void = () => {};
  readonly #stopped: Promise<void>;

  constructor(around: GroupSurroundings) {
    this.#around = around;
    this.config = around.config;
    this.#state = startMember(around.member, boottimeUs());
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
    return this.#around.fence.level;
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

  claim(): Claim {
    return claimOf(this.#state);
  }

  heartbeatSent(to: string, sentAtUs: number): void {
    this.#dispatch({ type: 'heartbeat-sent', to, sentAtUs });
  }

  judge(from: string, claim: Claim): Verdict | undefined {
    this.#verdict = undefined;
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
    const nowUs = boottimeUs();
    this.#lastProgressUs = nowUs;
    const { state, effects } = stepMember(this.#state, event, nowUs);
    this.#state = state;
    this.#around.noteCounter(state.highestSeen.counter);
    for (const effect of effects) {
      const outcome = this.#perform(effect);
      if (outcome !== undefined) this.#dispatch(outcome);
    }
    this.#alarm.set(nextDeadlineUs(this.#state));
  }

  #perform(effect: MemberEffect): MemberEvent | undefined {
    const { fence, witness, config } = this.#around;
    switch (effect.type) {
      case 'open-fence':
        return opened(fence.open(config.id, effect.leaseEndUs), 'fence-opened');
      case 'refresh-fence':
        return opened(fence.refresh(config.id, effect.leaseEndUs), 'fence-refreshed');
      case 'close-fence':
        return { type: fence.close(config.id).confirmed ? 'fence-closed' : 'fence-close-failed' };
      case 'add-addresses':
        for (const router of this.#routers) router.addAddresses();
        return undefined;
      case 'remove-addresses':
        for (const router of this.#routers) router.removeAddresses();
        return undefined;
      case 'announce':
        for (const router of this.#routers) router.announce();
        return undefined;
      case 'advertise':
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
        // Started without a record, this agent waits for PROMISE_MAX in full (L9).
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
        setImmediate(() => witness?.vote(effect.ballot, effect.promiseMs));
        return undefined;
      case 'release-witness':
        witness?.release(effect.ballot);
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

  /** Says it as it was at this moment, but only once the effects are done: a log line may cost a millisecond. */
  #tell(change: Extract<MemberEffect, { type: 'transition' }>): void {
    const reachable = this.#around.witness?.reachable() ?? false;
    const state = this.#state;
    const votes = votesOf(state, boottimeUs(), reachable);
    setImmediate(() => {
      const told = explainTransition(state, change, votes);
      this.#around.log[told.level](told.fields, told.text);
    });
  }
}

function opened(act: FenceAct, type: 'fence-opened' | 'fence-refreshed'): MemberEvent {
  return act.confirmed ? { type, expiresAtUs: act.expiresAtUs } : { type: 'fence-refused', reason: act.reason };
}
