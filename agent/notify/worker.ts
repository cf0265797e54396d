/** The thread of the notifications: however long a command, a webhook or the disk takes, no vote waits for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { boottimeUs } from '../kernel/clock.ts';
import { OwnershipBoard } from '../ownership/index.ts';
import { endOfProgram, isRunning, type StartedProgram } from '../program/index.ts';
import type { GroupChange } from './change.ts';
import { Desk, type DeskReport } from './desk.ts';
import { readJournal } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';
import type { QueueEvent } from './queue.ts';
import { nameOf, type Receiver } from './receiver.ts';
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
  /** What is under way has so long to end. */
  | { readonly type: 'stop'; readonly patienceMs: number };

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

type Open = {
  readonly key: string;
  readonly group: string;
  readonly desk: Desk;
  /** The same one with other settings: what is under way ends by the former ones. */
  readonly take: (receiver: Receiver) => void;
  readonly close: () => void;
};

const { receivers, changes, ownership }: Assignment = workerData;
const board = new OwnershipBoard(ownership);
let desks: readonly Open[] = [];
/** Not told any more, but for what is under way. */
const leaving = new Set<Open>();

function open({ receiver, path }: Assignment['receivers'][number]): Open {
  const { group } = receiver;
  const found = readJournal(path);
  if (found === undefined) {
    const text = `${group}: ${path} cannot be read: what an earlier run left untold is not told`;
    say({ type: 'log', level: 'error', fields: { group }, text });
  }
  const waiting = found ?? [];
  const left = waiting.find(({ program }) => program !== undefined && isRunning(program))?.program;
  const journal = new JournalWriter(path, found);
  const running = new AbortController();
  let current = receiver;
  const desk = new Desk({
    receiver,
    waiting,
    former: left === undefined ? undefined : formerEnd(receiver, left, running.signal),
    journal,
    tell: (change, attempt, onProgram) => tell(current, change, attempt, running.signal, onProgram),
    owns: () => board.ownership(current.groupId, boottimeUs()) !== undefined,
    log: (level, fields, text) => say({ type: 'log', level, fields, text }),
    report: (report) => say({ type: 'report', report }),
  });
  desk.start();
  return {
    key: receiver.key,
    group,
    desk,
    take(changed) {
      if (isDeepStrictEqual(current, changed)) return;
      current = changed;
      desk.receiverChanged();
    },
    close() {
      desk.close();
      running.abort();
      journal.close();
    },
  };
}

/** Who is told already goes on being told; who is not any more, is told what can be told without waiting. */
function use(wanted: Assignment['receivers']): void {
  for (const open of desks) if (wanted.every(({ receiver }) => receiver.key !== open.key)) void leave(open);
  desks = wanted.map((one) => {
    const known = desks.find(({ key }) => key === one.receiver.key);
    known?.take(one.receiver);
    return known ?? open(one);
  });
}

async function leave(open: Open): Promise<void> {
  leaving.add(open);
  await open.desk.settled();
  leaving.delete(open);
  open.close();
}

use(receivers);

/** An engine that dies leaves its programs running; how one of them ends is known to nobody. */
async function formerEnd(
  receiver: Receiver,
  program: StartedProgram,
  signal: AbortSignal,
): Promise<Extract<QueueEvent, { type: 'attempted' | 'former-over' }>> {
  const { group, timeoutMs } = receiver;
  const text = `${group}: ${nameOf(receiver)} still runs for an agent that has ended (process ${program.pid}): waited for, ${timeoutMs} ms from its start at the most`;
  say({ type: 'log', level: 'info', fields: { group }, text });
  const end = await endOfProgram(program, timeoutMs, signal);
  if (end === 'ended') return { type: 'former-over' };
  return { type: 'attempted', outcome: { kind: 'failed', text: `no answer within ${timeoutMs} ms` } };
}

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
    case 'receivers':
      use(order.receivers);
      return;
    case 'stop': {
      // What was said before this is told if that goes without waiting; the rest is in the journals.
      const told = Promise.all([...desks, ...leaving].map(({ desk }) => desk.settled())).then(() => true);
      void Promise.race([told, sleep(order.patienceMs, false, { ref: false })]).then(end);
      return;
    }
  }
});

/** A program that was left running would meet the one that the next start begins. */
function end(isAllTold: boolean): void {
  const text = 'a notification is still under way and is not waited for; the next start tells it again';
  if (!isAllTold) say({ type: 'log', level: 'warn', fields: {}, text });
  for (const open of [...desks, ...leaving]) open.close();
  port?.close();
}
