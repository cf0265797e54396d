import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describeFileError } from '../failure-text.ts';

/** More than any token takes. */
const RESERVED_BYTES = 4_096;

export type Prepared =
  | { readonly ok: true; readonly file: PreparedFile }
  | { readonly ok: false; readonly reason: string };

/** `savedIn`: the text is not lost, it is in this file. */
export type Written =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly savedIn: string | undefined };

/**
 * Makes ready to write a secret into `path`: whatever can go wrong goes wrong here, before the secret is asked for. The
 * folder is there then, and a file beside the place has room on the disk. Mode 0600; a symbolic link is never followed.
 */
export function prepareSecretFile(path: string, { replace }: { readonly replace: boolean }): Prepared {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const former = lstatSync(path, { throwIfNoEntry: false });
    if (former !== undefined && !former.isFile()) return { ok: false, reason: notPlain(path, former) };
    if (former !== undefined && !replace) return { ok: false, reason: `${path} is there already` };
    return { ok: true, file: new PreparedFile(path, former) };
  } catch (error) {
    return { ok: false, reason: `${path} cannot be written: ${describeFileError(error)}` };
  }
}

/** Why nothing is written in the place of what is there. */
export function notPlain(path: string, present: Stats): string {
  const kind = present.isSymbolicLink() ? 'a symbolic link' : present.isDirectory() ? 'a directory' : 'no plain file';
  return `${path} is ${kind}: remove it, or name another place`;
}

export class PreparedFile {
  readonly #path: string;
  readonly #beside: string;
  readonly #file: number;
  readonly #replaces: boolean;

  constructor(path: string, former: Stats | undefined) {
    this.#path = path;
    this.#beside = `${path}.${randomBytes(6).toString('hex')}.new`;
    this.#replaces = former !== undefined;
    this.#file = openSync(this.#beside, 'wx', 0o600);
    try {
      // Whoever could read the former file by owning it reads this one too: the agent need not be root.
      const { uid, gid } = fstatSync(this.#file);
      if (former !== undefined && (former.uid !== uid || former.gid !== gid)) {
        fchownSync(this.#file, former.uid, former.gid);
      }
      this.#writeAll(Buffer.alloc(RESERVED_BYTES, ' '));
      fsyncSync(this.#file);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** The file is there as a whole, or not at all. Where none was to be replaced, none is. */
  write(text: string): Written {
    let complete = false;
    try {
      const bytes = Buffer.from(text);
      this.#writeAll(bytes);
      ftruncateSync(this.#file, bytes.length);
      fsyncSync(this.#file);
      closeSync(this.#file);
      complete = true;
      if (this.#replaces) renameSync(this.#beside, this.#path);
      else {
        linkSync(this.#beside, this.#path);
        rmSync(this.#beside);
      }
      syncFolder(dirname(this.#path));
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: describeFileError(error), savedIn: complete ? this.#beside : undefined };
    }
  }

  /** Nothing is left of it. */
  abandon(): void {
    closeSync(this.#file);
    rmSync(this.#beside, { force: true });
  }

  #writeAll(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at, bytes.length - at, at);
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
