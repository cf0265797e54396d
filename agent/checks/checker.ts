import { isDeepStrictEqual } from 'node:util';
import type { LocalCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import type { Logger } from '../log/index.ts';
import { SupervisedThread } from '../thread/index.ts';
import type { HealthSaid } from './check-view.ts';

/** One check of one group. */
export type Task = {
  readonly group: string;
  readonly check: LocalCheckConfig;
  /** Whom a command runs as; undefined: as the agent. */
  readonly runAs?: Account | undefined;
};
export type Order = { readonly type: 'tasks'; readonly tasks: readonly Task[] } | { readonly type: 'stop' };
export type TaskReport = { readonly group: string; readonly check: string; readonly said: HealthSaid };

const STOP_PATIENCE_MS = 1_000;

/** Has every task done again and again in a thread of its own, and hands on what was found. */
export class Checker {
  #tasks: readonly Task[];
  #isStarted = false;
  readonly #thread: SupervisedThread<Order, TaskReport>;

  constructor(options: {
    readonly tasks: readonly Task[];
    readonly onReport: (report: TaskReport) => void;
    readonly log: Logger;
  }) {
    const { tasks, onReport, log } = options;
    this.#tasks = tasks;
    // While it starts anew, what is known stays known: a bug there is no verdict on any service.
    this.#thread = new SupervisedThread({
      name: 'the thread of the checks',
      script: new URL('worker.ts', import.meta.url),
      data: () => this.#tasks,
      onMessage: onReport,
      log,
    });
  }

  start(): void {
    if (this.#tasks.length === 0) return;
    this.#isStarted = true;
    this.#thread.start();
  }

  /** From now on these; what is among them already goes on undisturbed. */
  change(tasks: readonly Task[]): void {
    if (isDeepStrictEqual(tasks, this.#tasks)) return;
    this.#tasks = tasks;
    if (this.#isStarted) this.#thread.post({ type: 'tasks', tasks });
    else this.start();
  }

  /** Ends what is under way, commands included. */
  async close(): Promise<void> {
    await this.#thread.close({ type: 'stop' }, STOP_PATIENCE_MS);
  }
}
