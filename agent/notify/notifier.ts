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
  }

  /** Waits a little for what can be told at once. The rest stays on the disk for the next start. */
  async close(): Promise<void> {
    if (await this.#thread.close({ type: 'stop' }, STOP_PATIENCE_MS)) this.#recordUntaken();
    else this.#log.warn('a notification is still under way and is not waited for; the next start tells it again');
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
    for (const { key, group, states } of this.#receivers) {
      const changes = this.#untaken.filter((change) => change.group === group && states.includes(change.state));
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
        this.#untaken = this.#untaken.filter(({ id }) => id !== word.id);
        return;
      case 'report':
        this.#reports.set(word.report.receiver, word.report);
        return;
    }
  }
}
