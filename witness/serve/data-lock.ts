import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The starter, and its process group of the runtime once there is one: either of them may still write. */
const Holder = z.strictObject({ pid: z.int().positive(), startedAt: z.string(), group: z.int().positive().nullable() });
type Holder = z.infer<typeof Holder>;

export type DataLock = {
  /** The runtime's process group, which may outlive the starter. */
  readonly runs: (group: number) => void;
  readonly release: () => void;
};

export type LockedData =
  | { readonly ok: true; readonly lock: DataLock }
  | { readonly ok: false; readonly reason: string };

/**
 * Two witnesses on one folder would be two voters with one identity (L11, L14): the second is refused for as long as any
 * process of the first is left. What a dead one left behind is taken over. `folder` must exist.
 */
export function lockData(folder: string): LockedData {
  const path = join(folder, 'witness.lock');
  const own: Holder = { pid: process.pid, startedAt: startedAt(process.pid) ?? '', group: null };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (created(path, own)) return { ok: true, lock: held(path, own) };
    const text = read(path);
    const holder = text === undefined ? undefined : parse(text);
    if (holder !== undefined && isAlive(holder)) {
      const reason = `another witness (process ${holder.pid}) works with ${folder}: two of them would both give the one vote. Stop it first, or give this one a folder of its own`;
      return { ok: false, reason };
    }
    // Someone else may be taking it over at this very moment: only one of two moves it away, the other finds a new one.
    const aside = `${path}.${process.pid}`;
    if (text !== undefined && moved(path, aside)) {
      if (read(aside) !== text) {
        renameSync(aside, path);
        continue;
      }
      rmSync(aside, { force: true });
    }
  }
  return { ok: false, reason: `another witness is starting with ${folder}` };
}

function held(path: string, own: Holder): DataLock {
  return {
    runs: (group) => renameSync(written(path, { ...own, group }), path),
    release: () => rmSync(path, { force: true }),
  };
}

/** Beside the lock and under no other's name, so that nobody ever sees half of one. */
function written(path: string, own: Holder): string {
  const beside = `${path}.new-${process.pid}`;
  writeFileSync(beside, JSON.stringify(own));
  return beside;
}

function created(path: string, own: Holder): boolean {
  const beside = written(path, own);
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): Holder | undefined {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A process number is used again after a while, and then its start is another one. */
function isAlive({ pid, startedAt: since, group }: Holder): boolean {
  if (startedAt(pid) === since) return true;
  return group !== null && membersOf(group) > 0;
}

type Stat = { readonly state: string; readonly group: number; readonly startedAt: string };

/** proc(5): fields 3, 5 and 22, after the name in brackets, which may hold anything. A zombie writes no more. */
function stat(pid: number | string): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group = ''] = fields ?? [];
  return fields === undefined || state === 'Z'
    ? undefined
    : { state, group: Number(group), startedAt: fields[19] ?? '' };
}

function startedAt(pid: number): string | undefined {
  return stat(pid)?.startedAt;
}

function membersOf(group: number): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && stat(name)?.group === group).length;
}
