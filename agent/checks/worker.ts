/** The thread of the checks: however long a look takes, no advertisement and no vote waits for it. */
import { isDeepStrictEqual } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { Order, Task, TaskReport } from './checker.ts';
import { type InterfaceMemory, InterfaceWatch, type WatchedInterface } from './interfaces.ts';
import { type Look, turnedRound } from './outcome.ts';
import { ProcessWatch, type WatchedProcess } from './processes.ts';
import { repeat } from './repeat.ts';

const port = parentPort;
if (port === null) throw new Error('this runs as a worker thread');

/** What is under way for some tasks, until it is ended. */
type Job = { readonly tasks: readonly Task[]; readonly end: () => void; readonly ended: Promise<void> };

let jobs: readonly Job[] = [];

function saying({ group, check }: Task): (look: Look) => void {
  return (look) => {
    const said = check.reverse ? turnedRound(look) : look;
    port?.postMessage({ group, check: check.name, said } satisfies TaskReport);
  };
}

/** By group and name. One watch looks after all interfaces, and begins anew when any of them is added or changed. */
const memories = new Map<string, { readonly check: Task['check']; readonly memory: InterfaceMemory }>();
const nameOf = ({ group, check }: Task): string => `${group} ${check.name}`;

function memoryOf(task: Task): InterfaceMemory {
  const known = memories.get(nameOf(task));
  if (known !== undefined && isDeepStrictEqual(known.check, task.check)) return known.memory;
  const memory = { steadiness: undefined };
  memories.set(nameOf(task), { check: task.check, memory });
  return memory;
}

function begin(tasks: readonly Task[]): Job {
  const running = new AbortController();
  const processes: WatchedProcess[] = [];
  const interfaces: WatchedInterface[] = [];
  const repeated: Promise<void>[] = [];
  for (const task of tasks) {
    const { check, runAs } = task;
    const say = saying(task);
    switch (check.kind) {
      case 'process':
        processes.push({ check, say });
        break;
      case 'interface':
        interfaces.push({ check, say, memory: memoryOf(task) });
        break;
      default:
        repeated.push(repeat(check, say, running.signal, runAs));
    }
  }
  const ended = Promise.all([
    ...repeated,
    new ProcessWatch(processes).run(running.signal),
    new InterfaceWatch(interfaces).run(running.signal),
  ]);
  return { tasks, end: () => running.abort(), ended: ended.then(() => undefined) };
}

/** One watch looks after all processes, and one after all interfaces; everything else is looked at by itself. */
function jobsFor(tasks: readonly Task[]): (readonly Task[])[] {
  const watched = (kind: 'process' | 'interface') => tasks.filter(({ check }) => check.kind === kind);
  const alone = tasks.filter(({ check }) => check.kind !== 'process' && check.kind !== 'interface');
  return [watched('process'), watched('interface'), ...alone.map((task) => [task])].filter(({ length }) => length > 0);
}

/** Jobs that are wanted still go on as they are. */
function use(tasks: readonly Task[]): void {
  const names = new Set(tasks.map(nameOf));
  for (const name of memories.keys()) if (!names.has(name)) memories.delete(name);
  const left = [...jobs];
  const wanted = jobsFor(tasks).map((own): Job | readonly Task[] => {
    const index = left.findIndex((job) => isDeepStrictEqual(job.tasks, own));
    return (index === -1 ? undefined : left.splice(index, 1)[0]) ?? own;
  });
  for (const job of left) job.end();
  jobs = wanted.map((job) => ('end' in job ? job : begin(job)));
}

use(workerData);
port.on('message', (order: Order) => {
  switch (order.type) {
    case 'tasks':
      use(order.tasks);
      return;
    case 'stop':
      for (const job of jobs) job.end();
      void Promise.all(jobs.map(({ ended }) => ended)).then(() => port.close());
      return;
  }
});
