import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../log/index.ts';

const RESTART_AFTER_MS = 1_000;

export type SupervisedThreadOptions<Word> = {
  /** For the log: `the thread of the checks`. */
  readonly name: string;
  readonly script: URL;
  /** What it is given whenever it starts. */
  readonly data: () => unknown;
  /** A message of the thread. */
  readonly onMessage: (message: Word) => void;
  readonly log: Logger;
};

/**
 * A thread for what may take its time beside the engine. Should it end by a bug, it starts again. What is posted while there is
 * none, or was not taken by one that ended, is lost: `data` has what must not be.
 */
export class SupervisedThread<Order, Word> {
  readonly #options: SupervisedThreadOptions<Word>;
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SupervisedThreadOptions<Word>) {
    this.#options = options;
  }

  start(): void {
    const { name, script, data, onMessage, log } = this.#options;
    let worker: Worker;
    try {
      worker = new Worker(script, { workerData: data() });
    } catch (error) {
      // The system is short of threads or of memory: that must not end the engine.
      log.error({ err: error }, `${name} cannot be started; it is tried again in ${RESTART_AFTER_MS} ms`);
      this.#restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
      return;
    }
    this.#worker = worker;
    worker.on('message', onMessage);
    worker.on('error', (error) => log.error({ err: error }, `${name} failed`));
    worker.once('exit', () => {
      this.#worker = undefined;
      if (this.#closed) return;
      log.error(`${name} has ended; it starts again in ${RESTART_AFTER_MS} ms`);
      this.#restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
    });
  }

  post(message: Order): void {
    this.#worker?.postMessage(message);
  }

  /** Sends `last`, upon which the thread is to end, and waits for that; false: it did not in time, which the log says. */
  async close(last: Order, patienceMs: number): Promise<boolean> {
    this.#closed = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return true;
    const ended = new Promise<boolean>((resolve) => worker.once('exit', () => resolve(true)));
    worker.postMessage(last);
    const patience = new AbortController();
    const late = sleep(patienceMs, false, { signal: patience.signal }).catch(() => false);
    const inTime = await Promise.race([ended, late]);
    patience.abort();
    if (inTime) return true;
    const { name, log } = this.#options;
    log.error(`${name} does not end within ${patienceMs} ms (a dead file system?): the agent ends without it`);
    void worker.terminate();
    return false;
  }
}
