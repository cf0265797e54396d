import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../log/index.ts';
import type { GroupChange } from './change.ts';
import type { DeskReport } from './desk.ts';
import { forgetOtherJournals, journalPath, readJournal } from './journal.ts';
import { nameOf, type Receiver } from './receiver.ts';
import type { Assignment, Order, Word } from './worker.ts';

const RESTART_AFTER_MS = 1_000;
/** For the commands that are told that the agent stops: systemd waits for 10 s, and the handover comes before. */
const STOP_PATIENCE_MS = 2_000;

/** How one receiver fares. */
export type ReceiverView = {
  readonly group: string;
  readonly kind: 'command' | 'webhook';
  readonly target: string;
  readonly waiting: number;
  readonly trouble: string | null;
};

/** Has everyone told, in a thread of its own, who wants to know of the changes of a group. */
export class Notifier {
  readonly #receivers: readonly Receiver[];
  readonly #stateDir: string;
  readonly #ownership: SharedArrayBuffer;
  readonly #log: Logger;
  readonly #reports = new Map<string, DeskReport>();
  /** What came while no thread ran. */
  #unsaid: GroupChange[] = [];
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    readonly receivers: readonly Receiver[];
    readonly stateDir: string;
    readonly ownership: SharedArrayBuffer;
    readonly log: Logger;
  }) {
    this.#receivers = options.receivers;
    this.#stateDir = options.stateDir;
    this.#ownership = options.ownership;
    this.#log = options.log;
  }

  get receivers(): ReceiverView[] {
    return this.#receivers.map((receiver) => {
      const { waiting = 0, trouble = null } = this.#reports.get(receiver.key) ?? {};
      return { group: receiver.group, kind: receiver.target.kind, target: nameOf(receiver), waiting, trouble };
    });
  }

  start(): void {
    const keys = this.#receivers.map(({ key }) => key);
    for (const { change } of forgetOtherJournals(this.#stateDir, keys)) {
      const text = `${change.group}: that it became ${change.state} here at ${change.at} was never told: who was to be told is not configured any more`;
      this.#log.warn({ group: change.group, change: change.id }, text);
    }
    this.#startThread();
  }

  changed(change: GroupChange): void {
    const order: Order = { type: 'changed', change };
    if (this.#worker === undefined) this.#unsaid.push(change);
    else this.#worker.postMessage(order);
  }

  /** Waits a little for what can be told at once. The rest stays on the disk for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const stop: Order = { type: 'stop' };
    worker.postMessage(stop);
    const patience = new AbortController();
    await Promise.race([
      ended,
      sleep(STOP_PATIENCE_MS, undefined, { signal: patience.signal }).then(
        () => this.#log.warn('a notification is still under way and is not waited for; the next start tells it again'),
        () => {},
      ),
    ]);
    patience.abort();
    void worker.terminate();
  }

  #startThread(): void {
    if (this.#receivers.length === 0) return;
    const assignment: Assignment = {
      receivers: this.#receivers.map((receiver) => {
        const path = journalPath(this.#stateDir, receiver.key);
        return { receiver, path, waiting: readJournal(path) };
      }),
      ownership: this.#ownership,
    };
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: assignment });
    this.#worker = worker;
    for (const change of this.#unsaid.splice(0)) this.changed(change);
    worker.on('message', (word: Word) => this.#heard(word));
    worker.on('error', (error) => this.#log.error({ err: error }, 'the thread of the notifications failed'));
    worker.once('exit', () => {
      this.#worker = undefined;
      if (this.#closed) return;
      this.#log.error(`the thread of the notifications has ended; it starts again in ${RESTART_AFTER_MS} ms`);
      this.#restart = setTimeout(() => this.#startThread(), RESTART_AFTER_MS);
    });
  }

  #heard(word: Word): void {
    switch (word.type) {
      case 'log':
        this.#log[word.level](word.fields, word.text);
        return;
      case 'report':
        this.#reports.set(word.report.receiver, word.report);
        return;
    }
  }
}
