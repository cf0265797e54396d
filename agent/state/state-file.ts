import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile, replaceFileInBackground } from './replace-file.ts';
import { above, RESERVE } from './reserve.ts';

const Content = z.object({
  version: z.literal(1),
  /** grows with each start of the agent; the one after it is its guardian's */
  incarnation: z.int().min(0),
  /** the boot of the host in which the agent last started (L9) */
  boot_id: z.string().optional(),
  /** by group: ballot counters up to this one may have been used (L10) */
  ballot_ceilings: z.record(z.string(), z.int().min(0)),
  /** by witness id: the highest grant serial seen (L14) */
  witness_serials: z.record(z.string(), z.int().min(0)),
});
type Content = z.infer<typeof Content>;

/** What someone only claims to have seen is reserved ahead this far at most: a lie must not use the numbers up. */
const FORESIGHT_MAX = 1_000_000;
/** A disk that cannot be written is left alone for so long. */
const RETRY_US = 1_000_000;

/** The last start before this one. Incarnation 0 and no boot: none that the file knows of. */
export type PreviousRun = { readonly incarnation: number; readonly bootId: string | undefined };

/**
 * What an agent must remember over restarts and reboots: one small file in `state_dir`, replaced as a whole. Once it is
 * open, a disk that fails is told to `onFailure` and never thrown.
 */
export interface StateFile {
  readonly incarnation: number;
  readonly previous: PreviousRun;
  /** Ballot counters at or below this one may have been used by an earlier run. */
  usedCounter(group: string): number;
  /** A counter that others use or have seen: the reserve follows it, off the event loop. */
  foresee(group: string, counter: number): void;
  /**
   * Whether the ballot may be used, that is: sent, asked for or granted (L10). False only if it lies beyond all that is
   * on disk and cannot be written now; blocks for a write only if `counter` has leapt beyond the reserve.
   */
  mayUse(group: string, counter: number): boolean;
  witnessSerial(witnessId: string): number;
  /** Written off the event loop: a serial comes with every grant, also on the takeover path. */
  noteWitnessSerial(witnessId: string, serial: number): void;
  /** Writes what is still to be written. */
  close(): void;
}

export type OpenedStateFile =
  | { readonly ok: true; readonly state: StateFile }
  | { readonly ok: false; readonly error: string };

/**
 * Reads the file, or begins one; reserves ballots for this run and writes it back, fsynced, before it returns.
 * `wallClockMs` keeps incarnations growing when the file was lost.
 */
export function openStateFile(options: {
  stateDir: string;
  groups: readonly string[];
  wallClockMs: number;
  bootId: string;
  nowUs: () => number;
  onFailure: (text: string) => void;
}): OpenedStateFile {
  const { stateDir, groups } = options;
  const path = join(stateDir, 'agent.json');
  const read = readContent(path);
  if (!read.ok) return read;
  const before = read.content;
  const content: Content = {
    ...before,
    incarnation: Math.max(before.incarnation + 2, options.wallClockMs),
    boot_id: options.bootId,
    ballot_ceilings: { ...before.ballot_ceilings },
    witness_serials: { ...before.witness_serials },
  };
  for (const group of groups) content.ballot_ceilings[group] = above(before.ballot_ceilings[group] ?? 0);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    replaceFile(path, textOf(content));
  } catch (cause) {
    return { ok: false, error: `${path}: cannot be written: ${reasonOf(cause)}. Check state_dir and its owner.` };
  }
  return { ok: true, state: new OpenStateFile(path, before, content, options) };
}

class OpenStateFile implements StateFile {
  readonly incarnation: number;
  readonly previous: PreviousRun;
  readonly #path: string;
  readonly #before: Content;
  readonly #wanted: Content;
  readonly #nowUs: () => number;
  readonly #onFailure: (text: string) => void;
  /** The ceilings that are on disk for certain. */
  #recorded: Readonly<Record<string, number>>;
  #unwritten = false;
  #inBackground = false;
  /** Counts the writes that were begun: a later one must not be overtaken by an earlier one. */
  #writes = 0;
  #nextTryUs = Number.NEGATIVE_INFINITY;

  constructor(
    path: string,
    before: Content,
    content: Content,
    { nowUs, onFailure }: { nowUs: () => number; onFailure: (text: string) => void },
  ) {
    this.incarnation = content.incarnation;
    this.previous = { incarnation: before.incarnation, bootId: before.boot_id };
    this.#path = path;
    this.#before = before;
    this.#wanted = content;
    this.#recorded = { ...content.ballot_ceilings };
    this.#nowUs = nowUs;
    this.#onFailure = onFailure;
  }

  usedCounter(group: string): number {
    return this.#before.ballot_ceilings[group] ?? 0;
  }

  foresee(group: string, counter: number): void {
    const recorded = this.#recorded[group] ?? 0;
    this.#want(group, Math.min(counter, recorded + FORESIGHT_MAX));
    this.#writeSoon();
  }

  mayUse(group: string, counter: number): boolean {
    this.#want(group, counter);
    const recorded = this.#recorded[group] ?? 0;
    if (counter > recorded && (this.#wanted.ballot_ceilings[group] ?? 0) > recorded) this.#writeNow();
    else this.#writeSoon();
    return counter <= (this.#recorded[group] ?? 0);
  }

  witnessSerial(witnessId: string): number {
    return this.#wanted.witness_serials[witnessId] ?? 0;
  }

  noteWitnessSerial(witnessId: string, serial: number): void {
    if (serial > this.witnessSerial(witnessId)) {
      this.#wanted.witness_serials[witnessId] = serial;
      this.#unwritten = true;
    }
    this.#writeSoon();
  }

  close(): void {
    this.#nextTryUs = Number.NEGATIVE_INFINITY;
    if (this.#unwritten || this.#inBackground) this.#writeNow();
  }

  #want(group: string, counter: number): void {
    const ceiling = this.#wanted.ballot_ceilings[group] ?? 0;
    if (counter <= ceiling - RESERVE / 2) return;
    const wanted = above(Math.max(counter, ceiling));
    if (wanted === ceiling) return;
    this.#wanted.ballot_ceilings[group] = wanted;
    this.#unwritten = true;
  }

  #writeNow(): void {
    if (this.#nowUs() < this.#nextTryUs) return;
    this.#writes += 1;
    try {
      replaceFile(this.#path, textOf(this.#wanted));
      this.#unwritten = false;
      this.#record({ ...this.#wanted.ballot_ceilings });
    } catch (cause) {
      this.#failed(cause);
    }
  }

  #writeSoon(): void {
    if (!this.#unwritten || this.#inBackground || this.#nowUs() < this.#nextTryUs) return;
    this.#inBackground = true;
    void this.#writeInBackground().finally(() => {
      this.#inBackground = false;
      this.#writeSoon();
    });
  }

  async #writeInBackground(): Promise<void> {
    this.#writes += 1;
    const write = this.#writes;
    const ceilings = { ...this.#wanted.ballot_ceilings };
    this.#unwritten = false;
    try {
      const text = textOf(this.#wanted);
      if (await replaceFileInBackground(this.#path, text, () => write === this.#writes)) this.#record(ceilings);
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** A write that ends late has written less than what is on disk by then. */
  #record(ceilings: Readonly<Record<string, number>>): void {
    const recorded = { ...this.#recorded };
    for (const [group, ceiling] of Object.entries(ceilings)) {
      recorded[group] = Math.max(recorded[group] ?? 0, ceiling);
    }
    this.#recorded = recorded;
  }

  #failed(cause: unknown): void {
    this.#unwritten = true;
    this.#nextTryUs = this.#nowUs() + RETRY_US;
    this.#onFailure(`${this.#path}: cannot be written: ${reasonOf(cause)}`);
  }
}

function textOf(content: Content): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

function readContent(path: string): { ok: true; content: Content } | { ok: false; error: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return { ok: true, content: { version: 1, incarnation: 0, ballot_ceilings: {}, witness_serials: {} } };
    }
    return { ok: false, error: `${path}: cannot be read: ${reasonOf(cause)}` };
  }
  const remedy = 'Delete it only if no agent with this node name has run for 10 s; its ballots then start anew.';
  try {
    const parsed = Content.safeParse(JSON.parse(text));
    return parsed.success ? { ok: true, content: parsed.data } : { ok: false, error: `${path}: is damaged. ${remedy}` };
  } catch {
    return { ok: false, error: `${path}: is damaged. ${remedy}` };
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
