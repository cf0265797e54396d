import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../log/index.ts';
import { SupervisedThread } from '../thread/index.ts';
import type { GroupChange } from './change.ts';
import type { DeskReport } from './desk.ts';
import { forgetOtherJournals, journalPath } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';
import { nameOf, type Receiver } from './receiver.ts';
import type { Assignment, Order, Word } from './worker.ts';

/** For the commands that are told that the agent stops: systemd waits for 10 s, and the handover comes before. */
const STOP_PATIENCE_MS = 2_000;
/** A thread that has taken no change for so long is in a call that does not return, as to a dead file system. */
const TAKE_PATIENCE_MS = 10_000;
const NOT_TAKEN = `the thread of the notifications has taken no change for ${TAKE_PATIENCE_MS / 1_000} s (a dead file system?)`;
/** For the thread to end what is under way after that. */
const END_PATIENCE_MS = 500;

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
  #receivers: readonly Receiver[];
  #isStarted = false;
  readonly #stateDir: string;
  readonly #log: Logger;
  readonly #thread: SupervisedThread<Order, Word>;
  readonly #reports = new Map<string, DeskReport>();
  /** What no thread has in its hands yet, in order. */
  #untaken: readonly GroupChange[] = [];
  #patience: NodeJS.Timeout | undefined;
  #isStuck = false;

  constructor(options: {
    readonly receivers: readonly Receiver[];
    readonly stateDir: string;
    readonly ownership: SharedArrayBuffer;
    readonly log: Logger;
  }) {
    const { receivers, stateDir, ownership, log } = options;
    this.#receivers = receivers;
    this.#stateDir = stateDir;
    this.#log = log;
    this.#thread = new SupervisedThread({
      name: 'the thread of the notifications',
      script: new URL('worker.ts', import.meta.url),
      data: (): Assignment => ({
        receivers: this.#withJournals(),
        changes: this.#untaken,
        ownership,
      }),
      onMessage: (word) => this.#heard(word),
      log,
    });
  }

  get receivers(): ReceiverView[] {
    return this.#receivers.map((receiver) => {
      const { waiting = 0, trouble = null } = this.#reports.get(receiver.key) ?? {};
      return {
        group: receiver.group,
        kind: receiver.target.kind,
        target: nameOf(receiver),
        waiting: waiting + this.#untakenBy(receiver).length,
        trouble: this.#isStuck ? NOT_TAKEN : trouble,
      };
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

  /** From now on these are told; those that were told before go on undisturbed. */
  change(receivers: readonly Receiver[]): void {
    if (isDeepStrictEqual(receivers, this.#receivers)) return;
    this.#receivers = receivers;
    if (this.#isStarted) this.#thread.post({ type: 'receivers', receivers: this.#withJournals() });
    else this.#startThread();
  }

  changed(change: GroupChange): void {
    if (this.#receivers.length === 0) return;
    this.#untaken = [...this.#untaken, change];
    this.#thread.post({ type: 'changed', change });
    this.#patience ??= this.#watched();
  }

  /** Waits a little for what can be told at once. The rest stays on the disk for the next start. */
  async close(): Promise<void> {
    clearTimeout(this.#patience);
    const patienceMs = STOP_PATIENCE_MS;
    if (await this.#thread.close({ type: 'stop', patienceMs }, patienceMs + END_PATIENCE_MS)) this.#recordUntaken();
  }

  #watched(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#isStuck = true;
      this.#log.error(`${NOT_TAKEN}: nobody is told anything until it goes on; ${this.#untaken.length} change(s) wait`);
    }, TAKE_PATIENCE_MS).unref();
  }

  #hasTaken(id: string): void {
    this.#untaken = this.#untaken.filter((change) => change.id !== id);
    clearTimeout(this.#patience);
    this.#patience = this.#untaken.length === 0 ? undefined : this.#watched();
    if (this.#isStuck) this.#log.warn('the thread of the notifications goes on');
    this.#isStuck = false;
  }

  #untakenBy({ group, states }: Receiver): GroupChange[] {
    return this.#untaken.filter((change) => change.group === group && states.includes(change.state));
  }

  #startThread(): void {
    if (this.#receivers.length === 0) return;
    this.#isStarted = true;
    this.#thread.start();
  }

  #withJournals(): Assignment['receivers'] {
    return this.#receivers.map((receiver) => ({ receiver, path: journalPath(this.#stateDir, receiver.key) }));
  }

  /** For the next start: the thread ended by a bug, and no other one came after it. */
  #recordUntaken(): void {
    for (const receiver of this.#receivers) {
      const { key, group } = receiver;
      const changes = this.#untakenBy(receiver);
      if (changes.length === 0) continue;
      const journal = new JournalWriter(journalPath(this.#stateDir, key), undefined);
      try {
        for (const change of changes) journal.record({ type: 'record-queued', change });
      } catch (error) {
        this.#log.error({ err: error, group }, `${group}: ${changes.length} change(s) are never told: no journal`);
      }
      journal.close();
    }
    this.#untaken = [];
  }

  #heard(word: Word): void {
    switch (word.type) {
      case 'log':
        this.#log[word.level](word.fields, word.text);
        return;
      case 'taken':
        this.#hasTaken(word.id);
        return;
      case 'report':
        this.#reports.set(word.report.receiver, word.report);
        return;
    }
  }
}
