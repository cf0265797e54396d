import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedProgram } from '../program/index.ts';
import type { GroupChange } from './change.ts';
import type { Recorded } from './journal-writer.ts';
import {
  type Attempted,
  emptyQueue,
  type Queued,
  type QueueEffect,
  type QueueEvent,
  type QueueState,
  queueDueMs,
  stepQueue,
} from './queue.ts';
import { nameOf, type Receiver } from './receiver.ts';

export type DeskReport = {
  readonly receiver: string;
  readonly waiting: number;
  readonly trouble: string | null;
};

type FormerEnd = Extract<QueueEvent, { type: 'attempted' | 'former-over' }>;

export type DeskSurroundings = {
  readonly receiver: Receiver;
  readonly waiting: readonly Queued[];
  /** An attempt of an earlier run that has not come to its end: nothing is told before that, nor at the same time. */
  readonly former: Promise<FormerEnd> | undefined;
  readonly journal: { record(effect: Recorded): void };
  readonly tell: (
    change: GroupChange,
    attempt: number,
    onProgram: (program: StartedProgram) => void,
  ) => Promise<Attempted>;
  /** Whether this node owns the receiver's group at this moment. */
  readonly owns: () => boolean;
  readonly log: (level: 'info' | 'warn' | 'error', fields: Readonly<Record<string, unknown>>, text: string) => void;
  readonly report: (report: DeskReport) => void;
};

/** Tells one receiver what it is to be told: the queue, with its timer, its journal and the telling around it. */
export class Desk {
  readonly #around: DeskSurroundings;
  readonly #name: string;
  #state: QueueState;
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(around: DeskSurroundings) {
    this.#around = around;
    this.#name = nameOf(around.receiver);
    this.#state = emptyQueue(around.waiting, around.former !== undefined);
  }

  start(): void {
    const { former } = this.#around;
    if (former === undefined) this.#step({ type: 'tick' });
    else this.#telling = former.then((end) => this.#step(end));
  }

  changed(change: GroupChange): void {
    if (this.#around.receiver.states.includes(change.state)) this.#step({ type: 'changed', change });
  }

  /** Whatever it ailed from may be mended: what waits is tried now. */
  receiverChanged(): void {
    this.#step({ type: 'receiver-changed' });
  }

  /** Resolves when nothing is under way and nothing could be told at once, or nothing more will be. */
  async settled(): Promise<void> {
    do {
      await this.#telling;
      // What follows it has begun by then.
      await sleep(0);
    } while (this.#state.underWay && !this.#closed);
  }

  /** Nothing more is begun; what has not been told stays in the journal. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #step(event: QueueEvent): void {
    if (this.#closed) return;
    const { receiver, owns } = this.#around;
    const context = { kind: receiver.target.kind, nowMs: Date.now(), owns: owns(), random: Math.random() };
    const { state, effects } = stepQueue(this.#state, event, context);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#around.report({ receiver: receiver.key, waiting: state.waiting.length, trouble: state.trouble });
    clearTimeout(this.#timer);
    const dueMs = queueDueMs(state);
    if (Number.isFinite(dueMs)) {
      this.#timer = setTimeout(() => this.#step({ type: 'tick' }), Math.max(0, dueMs - Date.now()));
    }
  }

  #perform(effect: QueueEffect): void {
    switch (effect.type) {
      case 'record-queued':
      case 'record-attempt':
      case 'record-done':
        this.#record(effect);
        return;
      case 'tell': {
        const { change, attempt } = effect;
        const onProgram = (program: StartedProgram): void =>
          this.#record({ type: 'record-program', id: change.id, program });
        this.#telling = this.#around.tell(change, attempt, onProgram).then((outcome) => {
          this.#step({ type: 'attempted', outcome });
        });
        return;
      }
      case 'log': {
        const fields = { group: this.#around.receiver.group, change: effect.id };
        this.#around.log(effect.level, fields, `${effect.text} (${this.#name})`);
        return;
      }
    }
  }

  /** A full disk must not keep anybody from being told. */
  #record(effect: Recorded): void {
    try {
      this.#around.journal.record(effect);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const { group } = this.#around.receiver;
      this.#around.log('error', { group }, `${group}: a notification would be lost if the agent ended now: ${text}`);
    }
  }
}
