import { readdirSync, readFileSync } from 'node:fs';

/**
 * The time that the processes have had a processor so far, in ns: the first figure of every thread's schedstat. What the
 * kernel does in their name (a send down to the receiver's socket) is in it, for whichever program.
 */
export function processorNs(pids: readonly number[]): number {
  return pids
    .flatMap(threadsOf)
    .reduce((sum, schedstat) => sum + Number(readFileSync(schedstat, 'utf8').split(' ')[0]), 0);
}

/** In KiB. The memory that is the process's own, and its share of what it has in common with others; proc(5). */
export type Memory = { readonly pssKib: number; readonly rssKib: number };

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}: +([0-9]+) kB$`, 'm').exec(text)?.[1]);
  return { pssKib: field('Pss'), rssKib: field('Rss') };
}

function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
}
