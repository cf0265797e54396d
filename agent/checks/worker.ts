/** The thread of the checks: however long a look takes, no advertisement and no vote waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Task, TaskReport } from './checker.ts';
import { repeat } from './repeat.ts';

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');

const tasks: readonly Task[] = workerData;
const running = new AbortController();
// The only message that ever comes: stop.
port.once('message', () => running.abort());
await Promise.all(
  tasks.map(({ group, check }) => {
    const say = (report: TaskReport): void => port.postMessage(report);
    return repeat(check, (said) => say({ group, check: check.name, said }), running.signal);
  }),
);
port.close();
