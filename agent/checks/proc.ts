import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ProcessStat, readProcessStat } from '../kernel/in-any-thread.ts';

const COMM_LENGTH_MAX = 15;

/** Every process of this process's namespace. */
export function readStats(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProcessStat(Number(name)) ?? []) : []));
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
