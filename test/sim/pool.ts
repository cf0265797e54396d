import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Kind } from './plan.ts';
import type { SeedResult } from './run-seed.ts';

export type Order = {
  readonly seeds: readonly number[];
  /** the name of the one that is planted; none without */
  readonly defect?: string | undefined;
  readonly intervalUs?: number | undefined;
  readonly kind?: Kind | undefined;
};

export type SeedSummary = Omit<SeedResult, 'timeline' | 'votes' | 'faults'>;

const SEEDS_AT_ONCE = 8;

/** Threads that play seeds. A seed is played alike whichever thread has it. */
export class Pool {
  readonly #workers: Worker[];

  constructor(threads: number = availableParallelism()) {
    this.#workers = Array.from({ length: threads }, () => new Worker(new URL('worker.ts', import.meta.url)));
  }

  /**
   * Plays `count` seeds from `first` on, and tells of each few as they are done; ends early, with what is under way, once
   * `done` says that it is enough. One call at a time.
   */
  async run(
    first: number,
    count: number,
    order: Omit<Order, 'seeds'>,
    done: (summaries: readonly SeedSummary[]) => 'go on' | 'enough',
  ): Promise<void> {
    let next = first;
    let enough = false;
    const work = async (worker: Worker): Promise<void> => {
      while (!enough && next < first + count) {
        const size = Math.min(SEEDS_AT_ONCE, first + count - next);
        const seeds = Array.from({ length: size }, (_, index) => next + index);
        next += size;
        if (done(await answerOf(worker, { ...order, seeds })) === 'enough') enough = true;
      }
    };
    await Promise.all(this.#workers.map(work));
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function answerOf(worker: Worker, order: Order): Promise<readonly SeedSummary[]> {
  return new Promise((resolve, reject) => {
    const heard = (summaries: readonly SeedSummary[]): void => {
      worker.off('error', reject);
      resolve(summaries);
    };
    worker.once('message', heard);
    worker.once('error', reject);
    worker.postMessage(order);
  });
}
