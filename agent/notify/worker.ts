/** The thread of the notifications: however long a command, a webhook or the disk takes, no vote waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { boottimeUs } from '../kernel/clock.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import type { GroupChange } from './change.ts';
import { Desk, type DeskReport } from './desk.ts';
import { JournalWriter } from './journal-writer.ts';
import type { Queued } from './queue.ts';
import type { Receiver } from './receiver.ts';
import { tell } from './tell.ts';

export type Assignment = {
  readonly receivers: readonly {
    readonly receiver: Receiver;
    readonly path: string;
    readonly waiting: readonly Queued[];
  }[];
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
  | { readonly type: 'report'; readonly report: DeskReport };

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');
const say = (word: Word): void => port.postMessage(word);

const { receivers, ownership }: Assignment = workerData;
const board = new OwnershipBoard(ownership);
const running = new AbortController();
const desks = receivers.map(({ receiver, path, waiting }) => {
  const journal = new JournalWriter(path, waiting);
  const desk = new Desk({
    receiver,
    waiting,
    journal,
    tell: (change, attempt) => tell(receiver, change, attempt, running.signal),
    owns: () => board.ownership(receiver.groupId, boottimeUs()) !== undefined,
    log: (level, fields, text) => say({ type: 'log', level, fields, text }),
    report: (report) => say({ type: 'report', report }),
  });
  return { group: receiver.group, desk };
});
for (const { desk } of desks) desk.start();

port.on('message', (order: Order) => {
  switch (order.type) {
    case 'changed':
      for (const { group, desk } of desks) if (group === order.change.group) desk.changed(order.change);
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
