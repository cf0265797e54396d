/** The thread of the notifications: however long a command, a webhook or the disk takes, no vote waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { boottimeUs } from '../kernel/clock.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import type { GroupChange } from './change.ts';
import { Desk, type DeskReport } from './desk.ts';
import { readJournal } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';
import type { Receiver } from './receiver.ts';
import { tell } from './tell.ts';

export type Assignment = {
  readonly receivers: readonly { readonly receiver: Receiver; readonly path: string }[];
  /** What no thread before this one has taken, in order. */
  readonly changes: readonly GroupChange[];
  readonly ownership: SharedArrayBuffer;
};

export type Order = { readonly type: 'changed'; readonly change: GroupChange } | { readonly type: 'stop' };

export type Word =
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly text: string;
    }
  /** The change is in this thread's hands. */
  | { readonly type: 'taken'; readonly id: string }
  | { readonly type: 'report'; readonly report: DeskReport };

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');
const say = (word: Word): void => port.postMessage(word);

const { receivers, changes, ownership }: Assignment = workerData;
const board = new OwnershipBoard(ownership);
const running = new AbortController();
const desks = receivers.map(({ receiver, path }) => {
  const { group } = receiver;
  const found = readJournal(path);
  if (found === undefined) {
    const text = `${group}: ${path} cannot be read: what an earlier run left untold is not told`;
    say({ type: 'log', level: 'error', fields: { group }, text });
  }
  const waiting = found ?? [];
  const journal = new JournalWriter(path, found);
  const desk = new Desk({
    receiver,
    waiting,
    journal,
    tell: (change, attempt) => tell(receiver, change, attempt, running.signal),
    owns: () => board.ownership(receiver.groupId, boottimeUs()) !== undefined,
    log: (level, fields, text) => say({ type: 'log', level, fields, text }),
    report: (report) => say({ type: 'report', report }),
  });
  return { group, desk };
});
for (const { desk } of desks) desk.start();

function take(change: GroupChange): void {
  // First: one that ends the thread must not end the next one too.
  say({ type: 'taken', id: change.id });
  for (const { group, desk } of desks) if (group === change.group) desk.changed(change);
}
for (const change of changes) take(change);

port.on('message', (order: Order) => {
  switch (order.type) {
    case 'changed':
      take(order.change);
      return;
    case 'stop':
      // What was said before this is told if that goes without waiting; the rest is in the journals.
      void Promise.all(desks.map(({ desk }) => desk.settled())).then(() => {
        for (const { desk } of desks) desk.close();
        running.abort();
        port.close();
      });
      return;
  }
});
