import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ballot, FoundRegister, RegisterRecord } from '@tiebreak/shared/lease';
import { isCount, isObject } from './json.ts';
import type { PreviousRun } from './state-file.ts';

type Content = {
  readonly version: 1;
  /** of the host, as the kernel names it: the times below mean nothing in another boot */
  readonly boot_id: string;
  /** of the run that goes by this record: if a later one kept its record elsewhere, this one is out of date */
  readonly incarnation: number;
  readonly register: RegisterRecord;
};

/** One group's register in `run_dir` (L9). */
export interface RegisterFile {
  /** What an earlier run has left. */
  readonly found: FoundRegister;
  /**
   * Replaces the record, at once: after a crash of the process there is the old one or the new. False: it could not be
   * written, so nothing that depends on it may leave.
   */
  record(record: RegisterRecord): boolean;
}

export type RegisterFileOptions = {
  readonly runDir: string;
  readonly group: string;
  readonly bootId: string;
  readonly incarnation: number;
  readonly previous: PreviousRun;
  /** CLOCK_BOOTTIME */
  readonly nowUs: number;
  readonly onProblem: (text: string) => void;
};

/**
 * Reads what an earlier run has recorded, and takes the record over in this run's name. Not to be called while that
 * earlier run may go on.
 */
export function openRegisterFile(options: RegisterFileOptions): RegisterFile {
  const path = join(options.runDir, `register-${options.group}.json`);
  // The folder is volatile: a crash of the host needs no fsync, for it loses the file in any case.
  const record = (register: RegisterRecord): boolean => {
    const { bootId, incarnation } = options;
    const content: Content = { version: 1, boot_id: bootId, incarnation, register };
    const text = JSON.stringify(content);
    try {
      try {
        replace(path, text);
      } catch (cause) {
        if (!isMissing(cause)) throw cause;
        mkdirSync(options.runDir, { recursive: true, mode: 0o755 });
        replace(path, text);
      }
      return true;
    } catch (cause) {
      options.onProblem(`${path}: cannot be written: ${reasonOf(cause)}`);
      return false;
    }
  };
  const found = whatIsLeft(path, options);
  // Not taken over, it is of no use to the next start, which then waits in full: safe, and no reason not to start.
  if (found.kind === 'recorded') record(found.record);
  return { found, record };
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function whatIsLeft(path: string, { bootId, previous, nowUs, onProblem }: RegisterFileOptions): FoundRegister {
  const nothing: FoundRegister = { kind: 'nothing' };
  const read = readContent(path);
  if (!read.ok) {
    onProblem(`${path}: ${read.error}; every promise that it may have held is waited out`);
    return nothing;
  }
  const { content } = read;
  if (content?.boot_id === bootId) {
    return content.incarnation === previous.incarnation ? { kind: 'recorded', record: content.register } : nothing;
  }
  if (previous.bootId === undefined || previous.bootId === bootId) return nothing;
  return { kind: 'new_boot', uptimeUs: nowUs };
}

type Read =
  | { readonly ok: true; readonly content: Content | undefined }
  | { readonly ok: false; readonly error: string };

function readContent(path: string): Read {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return { ok: true, content: undefined };
    return { ok: false, error: `cannot be read: ${reasonOf(cause)}` };
  }
  try {
    const content = contentOf(JSON.parse(text));
    return content === undefined ? { ok: false, error: 'is damaged' } : { ok: true, content };
  } catch {
    return { ok: false, error: 'is damaged' };
  }
}

function contentOf(value: unknown): Content | undefined {
  if (!isObject(value) || value.version !== 1) return undefined;
  const { boot_id, incarnation } = value;
  const register = recordOf(value.register);
  if (typeof boot_id !== 'string' || !isCount(incarnation) || register === undefined) return undefined;
  return { version: 1, boot_id, incarnation, register };
}

function recordOf(value: unknown): RegisterRecord | undefined {
  if (!isObject(value)) return undefined;
  const { holder, endUs } = value;
  const ballot = ballotOf(value.ballot);
  const highestGranted = ballotOf(value.highestGranted);
  const released = ballotOf(value.released);
  if (ballot === undefined || highestGranted === undefined || released === undefined) return undefined;
  if (holder !== null && typeof holder !== 'string') return undefined;
  if (endUs !== null && !(typeof endUs === 'number' && Number.isFinite(endUs))) return undefined;
  return { holder, ballot, endUs, highestGranted, released };
}

function ballotOf(value: unknown): Ballot | undefined {
  if (!isObject(value)) return undefined;
  const { counter, node } = value;
  return isCount(counter) && typeof node === 'string' ? { counter, node } : undefined;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
