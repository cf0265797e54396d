import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { DepartedVote, FoundAtStart, KeptPromise } from '@tiebreak/shared/lease';
import { z } from 'zod';
import { promisesPath, VERSION } from './dead-agents-promise.ts';
import { KeptIdentity } from './kept-identity.ts';
import { replaceFile, replaceFileInBackground } from './replace-file.ts';

const Ballot = z.object({ counter: z.int().min(0), node: z.string() });
const Content = z.object({
  version: z.literal(VERSION),
  /** whom this node's vote is promised to beyond any restart or reboot; null: to nobody */
  promise: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('bias'), holder: z.string(), ballot: Ballot, durationUs: z.number().positive() }),
      z.object({ kind: z.literal('departed'), holder: z.string(), ballot: Ballot, departure: Ballot }),
    ])
    .nullable(),
  /** whose vote this node counts while that one is away (L17); null: nobody has ever departed */
  departed: z.object({ voter: z.string(), departure: Ballot, counts: z.boolean() }).nullable(),
  /** null: the agent has never run with one that is kept */
  identity: KeptIdentity.nullable().default(null),
});
type Content = z.infer<typeof Content>;

const NOTHING_KEPT: Content = { version: 1, promise: null, departed: null, identity: null };
/** A disk that cannot be written is left alone for so long. */
const RETRY_MS = 1_000;

/**
 * One group's promises that outlive the process and the boot (policy `bias`, L17), and its identity (L16): a file in
 * `state_dir`, replaced as a whole and fsynced off the event loop. Writes follow one another in the order in which they were asked for; what has been
 * superseded before its turn is left out.
 */
export interface KeptPromises {
  /** What an earlier run has left, whatever the boot. */
  readonly found: Pick<FoundAtStart, 'promise' | 'departed'> & { readonly identity?: KeptIdentity | undefined };
  /** `onDisk` is called once it is on disk, and never if something else is asked for before that. */
  keep(promise: KeptPromise, onDisk: () => void): void;
  forget(): void;
  keepDeparted(departed: DepartedVote, onDisk: () => void): void;
  keepIdentity(identity: KeptIdentity, onDisk: () => void): void;
  /** Before anything is said or asked for: on disk when it returns. Throws what the file system answers. */
  beginWith(identity: KeptIdentity): void;
  /** Writes what is still to be written; one attempt. Nothing is called any more. */
  close(): Promise<void>;
}

export type OpenedKeptPromises =
  | { readonly ok: true; readonly kept: KeptPromises }
  | { readonly ok: false; readonly error: string };

export type KeptPromisesOptions = {
  readonly stateDir: string;
  readonly group: string;
  readonly onFailure: (text: string) => void;
};

/** Reads the file. `state_dir` must be there. */
export function openKeptPromises(options: KeptPromisesOptions): OpenedKeptPromises {
  const read = readContent(options.stateDir, options.group);
  return read.ok ? { ok: true, kept: new OpenKeptPromises(read.content, options) } : read;
}

class OpenKeptPromises implements KeptPromises {
  readonly found: KeptPromises['found'];
  readonly #path: string;
  readonly #onFailure: (text: string) => void;
  #wanted: Content;
  /** Something was asked for since the last write began, or that one has failed. */
  #unwritten = false;
  #promiseKept: (() => void) | undefined;
  #departedKept: (() => void) | undefined;
  #identityKept: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(content: Content, { stateDir, group, onFailure }: KeptPromisesOptions) {
    const { departed, identity, promise } = content;
    this.found = {
      promise: promise ?? undefined,
      departed: departed ?? undefined,
      identity: identity ?? undefined,
    };
    this.#path = promisesPath(stateDir, group);
    this.#onFailure = onFailure;
    this.#wanted = content;
  }

  keep(promise: KeptPromise, onDisk: () => void): void {
    this.#promiseKept = onDisk;
    this.#want({ ...this.#wanted, promise });
  }

  forget(): void {
    this.#promiseKept = undefined;
    this.#want({ ...this.#wanted, promise: null });
  }

  keepDeparted(departed: DepartedVote, onDisk: () => void): void {
    this.#departedKept = onDisk;
    this.#want({ ...this.#wanted, departed });
  }

  keepIdentity(identity: KeptIdentity, onDisk: () => void): void {
    this.#identityKept = onDisk;
    this.#want({ ...this.#wanted, identity });
  }

  beginWith(identity: KeptIdentity): void {
    this.#wanted = { ...this.#wanted, identity };
    replaceFile(this.#path, textOf(this.#wanted));
  }

  async close(): Promise<void> {
    this.#promiseKept = undefined;
    this.#departedKept = undefined;
    this.#identityKept = undefined;
    await this.#writing;
    clearTimeout(this.#retry);
    if (this.#unwritten) await this.#write();
  }

  #want(wanted: Content): void {
    this.#wanted = wanted;
    this.#unwritten = true;
    if (this.#writing === undefined && this.#retry === undefined) this.#writing = this.#writeAll();
  }

  /** One write at a time, each of what is wanted by then. */
  async #writeAll(): Promise<void> {
    let written: boolean;
    do written = await this.#write();
    while (written && this.#unwritten);
    this.#writing = undefined;
    if (written) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#writing = this.#writeAll();
    }, RETRY_MS).unref();
  }

  async #write(): Promise<boolean> {
    const content = this.#wanted;
    this.#unwritten = false;
    try {
      await replaceFileInBackground(this.#path, textOf(content), () => true);
    } catch (cause) {
      this.#unwritten = true;
      this.#onFailure(`${this.#path}: cannot be written: ${reasonOf(cause)}`);
      return false;
    }
    this.#tell(content);
    return true;
  }

  #tell(written: Content): void {
    if (isDeepStrictEqual(this.#wanted.promise, written.promise)) {
      const told = this.#promiseKept;
      this.#promiseKept = undefined;
      told?.();
    }
    if (isDeepStrictEqual(this.#wanted.departed, written.departed)) {
      const told = this.#departedKept;
      this.#departedKept = undefined;
      told?.();
    }
    if (isDeepStrictEqual(this.#wanted.identity, written.identity)) {
      const told = this.#identityKept;
      this.#identityKept = undefined;
      told?.();
    }
  }
}

function textOf(content: Content): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

function readContent(stateDir: string, group: string): { ok: true; content: Content } | { ok: false; error: string } {
  const path = promisesPath(stateDir, group);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      return { ok: true, content: NOTHING_KEPT };
    return { ok: false, error: `${path}: cannot be read: ${reasonOf(cause)}` };
  }
  const remedy = 'Delete it only while no agent of this group runs on any node, and delete the same file there too.';
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
