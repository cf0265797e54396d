import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { LocalCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import type { Logger } from '../log/index.ts';
import type { HealthSaid } from './check-view.ts';

/** One check of one group. */
export type Task = {
  readonly group: string;
  readonly check: LocalCheckConfig;
  /** Whom a command runs as; undefined: as the agent. */
  readonly runAs?: Account | undefined;
};
export type TaskReport = { readonly group: string; readonly check: string; readonly said: HealthSaid };

const RESTART_AFTER_MS = 1_000;
const STOP_PATIENCE_MS = 1_000;

/** Has every task done again and again in a thread of its own, and hands on what was found. */
export class Checker {
  readonly #tasks: readonly Task[];
  readonly #onReport: (report: TaskReport) => void;
  readonly #log: Logger;
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    readonly tasks: readonly Task[];
    readonly onReport: (report: TaskReport) => void;
    readonly log: Logger;
  }) {
    this.#tasks = options.tasks;
    this.#onReport = options.onReport;
    this.#log = options.log;
  }

  start(): void {
    if (this.#tasks.length === 0) return;
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: this.#tasks });
    this.#worker = worker;
    worker.on('message', (report: TaskReport) => this.#onReport(report));
    worker.on('error', (error) => this.#log.error({ err: error }, 'the thread of the checks failed'));
    worker.once('exit', () => {
      this.#worker = undefined;
      if (this.#closed) return;
      // What is known stays known until then: a bug here is no verdict on any service.
      this.#log.error(`the thread of the checks has ended; it starts again in ${RESTART_AFTER_MS} ms`);
      this.#restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
    });
  }

  /** Ends what is under way, commands included. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage('stop');
    const patience = new AbortController();
    await Promise.race([ended, sleep(STOP_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    // Not waited for: a thread that is in a call to a dead file system does not end.
    void worker.terminate();
  }
}
