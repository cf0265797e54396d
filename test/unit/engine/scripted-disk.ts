import type { DepartedVote, KeptPromise } from '@tiebreak/shared/lease';
import type { KeptPromises } from '../../../agent/state/kept-promises.ts';

type Kept = Pick<KeptPromises, 'found' | 'keep' | 'forget' | 'keepDeparted'>;

/** A state_dir that takes what it is given only when the test says so, and survives the agent. */
export class ScriptedDisk {
  promise: KeptPromise | undefined;
  departed: DepartedVote | undefined;
  /** Nothing is written, and nobody hears of it. */
  broken = false;
  /** Something waits to be written. */
  asked: () => void = () => {};
  #waiting: (() => void)[] = [];

  /** For one run of an agent. */
  open(): Kept {
    return {
      found: { promise: this.promise, departed: this.departed },
      keep: (promise, onDisk) =>
        this.#add(() => {
          this.promise = promise;
          onDisk();
        }),
      forget: () =>
        this.#add(() => {
          this.promise = undefined;
        }),
      keepDeparted: (departed, onDisk) =>
        this.#add(() => {
          this.departed = departed;
          onDisk();
        }),
    };
  }

  /** How many writes wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Everything that waits is written, and what that leads to. */
  write(): void {
    if (this.broken) return;
    while (this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  /** The power fails: nothing of what waits is written. */
  lose(): void {
    this.#waiting = [];
  }

  #add(write: () => void): void {
    this.#waiting.push(write);
    this.asked();
  }
}
