import { join } from 'node:path';
import type { Ballot, FoundRegister, RegisterRecord } from '@tiebreak/shared/lease';
import { isCount, isObject } from './json.ts';
import { PageFile, type ReadPage } from './page-file.ts';
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
  const path = join(options.runDir, `register-${options.group}`);
  const file = new PageFile(path);
  const found = whatIsLeft(path, file.read(), options);
  const record = (register: RegisterRecord): boolean => {
    const { bootId, incarnation } = options;
    const content: Content = { version: 1, boot_id: bootId, incarnation, register };
    const failure = file.write(JSON.stringify(content));
    if (failure !== undefined) options.onProblem(`${path}: cannot be written: ${failure}`);
    return failure === undefined;
  };
  // Not taken over, it is of no use to the next start, which then waits in full: safe, and no reason not to start.
  if (found.kind === 'recorded') record(found.record);
  return { found, record };
}

function whatIsLeft(
  path: string,
  page: ReadPage,
  { bootId, previous, nowUs, onProblem }: RegisterFileOptions,
): FoundRegister {
  const nothing: FoundRegister = { kind: 'nothing' };
  const read = readContent(page);
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

function readContent(page: ReadPage): Read {
  switch (page.kind) {
    case 'missing':
      return { ok: true, content: undefined };
    case 'unreadable':
      return { ok: false, error: `cannot be read: ${page.error}` };
    case 'damaged':
      return { ok: false, error: 'is damaged' };
    case 'text': {
      const content = contentOf(parse(page.text));
      return content === undefined ? { ok: false, error: 'is damaged' } : { ok: true, content };
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
