import {
  decideWitness,
  NO_BALLOT,
  type VotingRequest,
  type WitnessEffect,
  type WitnessMemory,
  type WitnessStep,
  type WitnessVoter,
  wakeWitness,
  witnessHoldsVotes,
  witnessOwesWaiting,
  witnessTimerRanOut,
} from '@tiebreak/shared/lease';
import type { WitnessResult } from '@tiebreak/shared/wire';
import type { Alarm } from './alarm.ts';
import type { ClusterMonitor } from './cluster-monitor.ts';
import type { Credentials } from './credentials.ts';
import type { Links } from './links.ts';
import { GROUPS_MAX } from './monitor.ts';
import type { ClusterStorage, Identity } from './storage.ts';

/** Later than any vote of this instance ends: only a vote whose instance was lost is left for the alarm (L12). */
const ALARM_AFTER_MS = 20_000;
/** For as long as whoever asked shows that it has no vote of this witness. */
const FULL_FOR_MS = 10_000;
const TOO_MANY_GROUPS = {
  kind: 'refused',
  reason: 'too_many_groups',
  remaining_ms: FULL_FOR_MS,
  highest: { ...NO_BALLOT },
  holder: null,
} as const;

export type VotingSurroundings = {
  readonly identity: Identity;
  readonly storage: ClusterStorage;
  readonly credentials: Credentials;
  readonly links: Links;
  readonly monitor: ClusterMonitor;
  readonly alarm: Alarm;
  /** Ends this instance at once; the next one knows what is stored and nothing else. */
  readonly abandon: (why: string) => void;
};

/** Performs what the pure core decides about the votes of one cluster. It never awaits: see `ClusterWitness`. */
export class Voting {
  readonly #around: VotingSurroundings;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #voter: WitnessVoter;
  #whenSettled: (() => void)[] = [];

  /** Starts what an instance that was just woken has to wait for (L12). */
  constructor(around: VotingSurroundings, memory: WitnessMemory, nowMs: number) {
    this.#around = around;
    const woken = wakeWitness(memory, nowMs);
    this.#voter = woken.voter;
    this.#perform(woken);
  }

  get voter(): WitnessVoter {
    return this.#voter;
  }

  decide(node: string, request: VotingRequest, nowMs: number): WitnessResult {
    const group = 'group' in request ? request.group : null;
    const { links, monitor } = this.#around;
    const before = this.#voter;
    if (group !== null && !before.votes.has(group) && before.votes.size >= GROUPS_MAX) {
      const result = { ...TOO_MANY_GROUPS, group };
      monitor.decided({ before, after: before, asked: { node, request, result } }, nowMs);
      return result;
    }
    const rivalHashes = group === null ? [] : links.rivalHashes(node, group, nowMs);
    const { result, ...step } = decideWitness(before, { node, request, rivalHashes }, nowMs);
    this.#perform(step);
    monitor.decided({ before, after: step.voter, asked: { node, request, result } }, nowMs);
    return result;
  }

  /** Its credential is void: requests under it can no longer come, so what they were answered is forgotten. */
  forgetAnswers(node: string): void {
    const answers = new Map(this.#voter.answers);
    answers.delete(node);
    this.#voter = { ...this.#voter, answers };
  }

  /** Once this instance has waited for what a former one may have promised. */
  async settled(): Promise<void> {
    if (witnessOwesWaiting(this.#voter)) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  /** As long as anything is held, an alarm stands behind it. It is moved only when it rings. */
  keepAlarm(): void {
    const { alarm } = this.#around;
    if (!alarm.stands && witnessHoldsVotes(this.#voter)) alarm.wantAt(Date.now() + ALARM_AFTER_MS);
  }

  /** Of a cluster that is no more: nothing is decided, and nobody waits. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #perform({ voter, effects }: WitnessStep): void {
    this.#voter = voter;
    try {
      for (const effect of effects) this.#performOne(effect);
    } catch (error) {
      // L11: a repeated request would be answered from memory, as if this had been stored.
      this.#around.abandon('a decision about a vote could not be stored');
      throw error;
    }
    this.keepAlarm();
    if (witnessOwesWaiting(voter)) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #performOne(effect: WitnessEffect): void {
    const { storage } = this.#around;
    switch (effect.kind) {
      case 'store_vote': {
        const { group, register, serial, answered } = effect;
        if (answered === null) storage.saveRegister(group, register, serial);
        else storage.saveAnsweredRegister(group, register, serial, answered, this.#voter.answers);
        return;
      }
      case 'store_answer':
        storage.saveAnswer(effect.node, effect.answer);
        return;
      case 'store_recovery':
        storage.saveRecovery(effect.serial, effect.recovering);
        return;
      case 'start_timer': {
        const { timer, delayMs } = effect;
        this.#timers.set(
          timer,
          setTimeout(() => {
            this.#timers.delete(timer);
            this.#timePassed(timer, Date.now());
          }, delayMs),
        );
        return;
      }
      case 'stop_timer':
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.delete(effect.timer);
        return;
      case 'announce_free':
        this.#announceFree(effect.group, effect.except);
        return;
    }
  }

  #announceFree(group: string, except: string): void {
    const { credentials, identity, links } = this.#around;
    const freed = { type: 'freed', witness_id: identity.witnessId, group } as const;
    links.send(except, (node) => {
      const replyKey = credentials.replyKeyOf(node);
      return replyKey?.sign(freed) ?? null;
    });
  }

  #timePassed(timer: number, nowMs: number): void {
    const before = this.#voter;
    const step = witnessTimerRanOut(before, timer, nowMs);
    this.#perform(step);
    this.#around.monitor.decided({ before, after: step.voter, asked: null }, nowMs);
  }
}
