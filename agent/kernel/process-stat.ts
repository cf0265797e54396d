import { readFileSync } from 'node:fs';

/** What /proc/PID/stat says. `pid` and `startTicks` together are one process and no other. */
export type ProcessStat = {
  readonly pid: number;
  /** The name that the kernel has of it, at most 15 bytes. */
  readonly comm: string;
  readonly startTicks: string;
  /** It has ended, and its parent has not asked for its exit status yet. */
  readonly ended: boolean;
};

/** Fields of /proc/PID/stat after the name, which may hold anything: state is the first of them, starttime the twentieth. */
const START_TICKS = 19;

/** undefined: there is no such process. Never waits for the process. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  return parseProcessStat(pid, text);
}

export function parseProcessStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[START_TICKS];
  if (state === undefined || startTicks === undefined) return undefined;
  // As bytes, as the kernel limits it.
  const comm = Buffer.from(text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), 'latin1').toString();
  return { pid, comm, startTicks, ended: state === 'Z' || state === 'X' };
}
