/** The thread of the checks: however long a look takes, no advertisement and no vote waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Task, TaskReport } from './checker.ts';
import { InterfaceWatch, type WatchedInterface } from './interfaces.ts';
import { type Look, turnedRound } from './outcome.ts';
import { ProcessWatch, type WatchedProcess } from './processes.ts';
import { repeat } from './repeat.ts';

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');

const tasks: readonly Task[] = workerData;
const running = new AbortController();
// The only message that ever comes: stop.
port.once('message', () => running.abort());

const processes: WatchedProcess[] = [];
const interfaces: WatchedInterface[] = [];
const repeated: Promise<void>[] = [];
for (const { group, check, runAs } of tasks) {
  const report = (said: TaskReport): void => port.postMessage(said);
  const say = (look: Look): void =>
    report({ group, check: check.name, said: check.reverse ? turnedRound(look) : look });
  switch (check.kind) {
    case 'process':
      processes.push({ check, say });
      break;
    case 'interface':
      interfaces.push({ check, say });
      break;
    default:
      repeated.push(repeat(check, say, running.signal, runAs));
  }
}
await Promise.all([
  ...repeated,
  new ProcessWatch(processes).run(running.signal),
  new InterfaceWatch(interfaces).run(running.signal),
]);
port.close();
