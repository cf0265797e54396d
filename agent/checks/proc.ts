import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ProcessStat } from './census.ts';

/** proc(5): what the kernel knows of processes. */

const COMM_LENGTH_MAX = 15;
/** Fields of /proc/PID/stat after the name, which may hold anything: state is the first of them, starttime the twentieth. */
const START_TICKS = 19;

/** undefined: there is no such process. Never waits for the process. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  return parseStat(pid, text);
}

export function parseStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[START_TICKS];
  if (state === undefined || startTicks === undefined) return undefined;
  // As bytes, as the kernel limits it.
  const comm = Buffer.from(text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), 'latin1').toString();
  return { pid, comm, startTicks, ended: state === 'Z' || state === 'X' };
}

/** Every process of this process's namespace. */
export function readStats(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
}

/**
 * What the arguments call a process, which is longer than comm may be, and lasts where comm is a thread's name: the base name
 * of the program, or of the script that an interpreter runs by that name. May wait for a process whose memory is locked.
 */
export async function readArgumentName({ pid, comm }: ProcessStat): Promise<string | undefined> {
  try {
    return argumentName(await readFile(`/proc/${pid}/cmdline`, 'utf8'), comm);
  } catch {
    return undefined;
  }
}

export function argumentName(commandLine: string, comm: string): string | undefined {
  const [program = '', script = ''] = commandLine.split('\0').map((word) => basename(word));
  const runsScript = Buffer.byteLength(comm) === COMM_LENGTH_MAX && script.startsWith(comm);
  return (runsScript ? script : program) || undefined;
}
