/** The thread of the notifications: however long a command, a webhook or the disk takes, no vote waits for it. */
import { isDeepStrictEqual } from 'node:util';
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

export type Order =
  | { readonly type: 'changed'; readonly change: GroupChange }
  | { readonly type: 'receivers'; readonly receivers: Assignment['receivers'] }
  | { readonly type: 'stop' };

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

type Open = { readonly receiver: Receiver; readonly desk: Desk; readonly close: () => void };

const { receivers, changes, ownership }: Assignment = workerData;
const board = new OwnershipBoard(ownership);
let desks: readonly Open[] = [];

function open({ receiver, path }: Assignment['receivers'][number]): Open {
  const { group } = receiver;
  const found = readJournal(path);
  if (found === undefined) {
    const text = `${group}: ${path} cannot be read: what an earlier run left untold is not told`;
    say({ type: 'log', level: 'error', fields: { group }, text });
  }
  const waiting = found ?? [];
  const journal = new JournalWriter(path, found);
  const running = new AbortController();
  const desk = new Desk({
    receiver,
    waiting,
    journal,
    tell: (change, attempt) => tell(receiver, change, attempt, running.signal),
    owns: () => board.ownership(receiver.groupId, boottimeUs()) !== undefined,
    log: (level, fields, text) => say({ type: 'log', level, fields, text }),
    report: (report) => say({ type: 'report', report }),
  });
  desk.start();
  return {
    receiver,
    desk,
    close() {
      desk.close();
      running.abort();
      journal.close();
    },
  };
}

/** Who is told already goes on being told; who is not any more, is told what can be told without waiting. */
function use(wanted: Assignment['receivers']): void {
  const kept = desks.filter(({ receiver }) => wanted.some((other) => isDeepStrictEqual(other.receiver, receiver)));
  for (const open of desks.filter((candidate) => !kept.includes(candidate))) {
    // Two cannot have one journal: what this one leaves in it is the other one's to tell.
    if (wanted.some(({ receiver }) => receiver.key === open.receiver.key)) open.close();
    else void open.desk.settled().then(() => open.close());
  }
  desks = wanted.map((one) => kept.find(({ receiver }) => isDeepStrictEqual(receiver, one.receiver)) ?? open(one));
}

use(receivers);

function take(change: GroupChange): void {
  // First: one that ends the thread must not end the next one too.
  say({ type: 'taken', id: change.id });
  for (const { receiver, desk } of desks) if (receiver.group === change.group) desk.changed(change);
}
for (const change of changes) take(change);
/** What was posted while there was no thread comes both ways. */
const taken = new Set(changes.map(({ id }) => id));

port.on('message', (order: Order) => {
  switch (order.type) {
    case 'changed':
      if (!taken.delete(order.change.id)) take(order.change);
      return;
    case 'receivers':
      use(order.receivers);
      return;
    case 'stop':
      // What was said before this is told if that goes without waiting; the rest is in the journals.
      void Promise.all(desks.map(({ desk }) => desk.settled())).then(() => {
        for (const desk of desks) desk.close();
        port.close();
      });
      return;
  }
});
