import {
  decideWitness,
  type VotingRequest,
  type WitnessAnswer,
  type WitnessEffect,
  type WitnessRegister,
  type WitnessStep,
  type WitnessVoter,
  wakeWitness,
  witnessTimerRanOut,
} from '@tiebreak/shared/lease';
import type { WitnessResult } from '@tiebreak/shared/wire';

/** What survives an instance. Only the one that was started last can write it. */
export class Disk {
  newest: Instance | null = null;
  serial = 0;
  recovering = false;
  readonly registers = new Map<string, WitnessRegister>();
  readonly answers = new Map<string, WitnessAnswer>();

  copy(): Disk {
    const copy = new Disk();
    copy.serial = this.serial;
    copy.recovering = this.recovering;
    for (const [group, register] of this.registers) copy.registers.set(group, register);
    for (const [node, answer] of this.answers) copy.answers.set(node, answer);
    return copy;
  }
}

class Superseded extends Error {}

/** One instance of the witness: performs effects on a disk, and runs timers on a clock that no jump can reach. */
export class Instance {
  readonly disk: Disk;
  readonly freed: string[] = [];
  voter: WitnessVoter;
  elapsedMs = 0;
  wallMs: number;
  readonly #timers = new Map<number, number>();

  constructor(disk: Disk, wallMs: number) {
    this.disk = disk;
    disk.newest = this;
    this.wallMs = wallMs;
    const woken = wakeWitness(disk, wallMs);
    this.voter = woken.voter;
    this.#perform(woken);
  }

  get timersPending(): number {
    return this.#timers.size;
  }

  ask(node: string, request: VotingRequest, rivalHashes: readonly string[] = []): WitnessResult {
    const { result, ...step } = decideWitness(this.voter, { node, request, rivalHashes }, this.wallMs);
    this.#perform(step);
    return result;
  }

  /** As `ask`, of one that may have been superseded; null: it cannot write, which ends it, and nothing is answered (L11). */
  askWhileItLasts(node: string, request: VotingRequest): WitnessResult | null {
    return this.#whileItLasts(() => this.ask(node, request));
  }

  /** As `pass`, of one that may have been superseded. False: it had to write, and has ended. */
  passWhileItLasts(ms: number): boolean {
    return this.#whileItLasts(() => this.pass(ms)) !== null;
  }

  /** Lets time pass on both clocks, timers included. */
  pass(ms: number): void {
    const endMs = this.elapsedMs + ms;
    for (;;) {
      const next = [...this.#timers].sort(([, left], [, right]) => left - right)[0];
      if (next === undefined || next[1] > endMs) break;
      const [timer, dueMs] = next;
      this.#timers.delete(timer);
      this.wallMs += dueMs - this.elapsedMs;
      this.elapsedMs = dueMs;
      this.#perform(witnessTimerRanOut(this.voter, timer, this.wallMs));
    }
    this.wallMs += endMs - this.elapsedMs;
    this.elapsedMs = endMs;
  }

  #whileItLasts<Result>(act: () => Result): Result | null {
    try {
      return act();
    } catch (error) {
      if (error instanceof Superseded) return null;
      throw error;
    }
  }

  #perform({ voter, effects }: WitnessStep): void {
    this.voter = voter;
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: WitnessEffect): void {
    if (effect.kind.startsWith('store') && this.disk.newest !== this) throw new Superseded();
    switch (effect.kind) {
      case 'store_vote':
        this.disk.registers.set(effect.group, effect.register);
        this.disk.serial = effect.serial;
        if (effect.answered !== null) this.disk.answers.set(effect.answered.node, effect.answered.answer);
        return;
      case 'store_answer':
        this.disk.answers.set(effect.node, effect.answer);
        return;
      case 'store_recovery':
        this.disk.serial = effect.serial;
        this.disk.recovering = effect.recovering;
        return;
      case 'start_timer':
        this.#timers.set(effect.timer, this.elapsedMs + effect.delayMs);
        return;
      case 'stop_timer':
        this.#timers.delete(effect.timer);
        return;
      case 'announce_free':
        this.freed.push(effect.group);
        return;
    }
  }
}

export const HASH = '0123456789abcdef';

let sequence = 0;

/** Numbers grow with each request made here, whoever makes it. */
export function envelope(instance: Instance, serial = 0) {
  sequence += 1;
  return { sequence, incarnation: 1, stamp_ms: instance.wallMs, stamp_age_ms: 0, serial };
}

export function vote(instance: Instance, node: string, counter: number, promise_ms = 5_000, serial = 0) {
  const ballot = { counter, node };
  return { type: 'vote', group: 'edge', ballot, promise_ms, config_hash: HASH, ...envelope(instance, serial) } as const;
}

export function release(instance: Instance, node: string, counter: number) {
  return { type: 'release', group: 'edge', ballot: { counter, node }, ...envelope(instance) } as const;
}
