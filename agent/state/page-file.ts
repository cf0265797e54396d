import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

/** Less than a page of memory on every architecture, and more than any record takes. */
const FILE_BYTES = 2048;
const CHECK_DIGITS = 8;
const CHECKED = /^([0-9a-f]{8}) (.*?) *\n$/s;

export type ReadPage =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly error: string }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'text'; readonly text: string };

/**
 * A short text in a volatile folder that is replaced in the midst of a takeover: in place, where a new file and a rename take
 * many times as long. It is written by one call and lies in one page, so that a crash of the process leaves the old text or
 * the new; should it ever leave a mixture, the check tells.
 */
export class PageFile {
  readonly #path: string;
  readonly #bytes = Buffer.alloc(FILE_BYTES);

  constructor(path: string) {
    this.#path = path;
  }

  read(): ReadPage {
    let content: string;
    try {
      content = readFileSync(this.#path, 'utf8');
    } catch (cause) {
      return isMissing(cause) ? { kind: 'missing' } : { kind: 'unreadable', error: reasonOf(cause) };
    }
    const [, check, text] = CHECKED.exec(content) ?? [];
    return text === undefined || check !== checkOf(text) ? { kind: 'damaged' } : { kind: 'text', text };
  }

  /** A text without spaces at its end. Makes the file, for its owner alone to read, and its folder. Returns why it could not. */
  write(text: string): string | undefined {
    const length = CHECK_DIGITS + 1 + Buffer.byteLength(text) + 1;
    if (length > FILE_BYTES) return `${length} bytes are more than the ${FILE_BYTES} that it has`;
    this.#bytes.fill(' ');
    this.#bytes.write(`${checkOf(text)} ${text}`);
    this.#bytes.write('\n', FILE_BYTES - 1);
    try {
      this.#replace();
      return undefined;
    } catch (cause) {
      return reasonOf(cause);
    }
  }

  #replace(): void {
    const file = this.#open();
    try {
      const written = writeSync(file, this.#bytes, 0, FILE_BYTES, 0);
      if (written !== FILE_BYTES) throw new Error(`only ${written} of ${FILE_BYTES} bytes were written`);
    } finally {
      closeSync(file);
    }
  }

  /** Each time, by its name: what is written to a file that somebody has removed is found by nobody. */
  #open(): number {
    try {
      return openSync(this.#path, 'r+');
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
    }
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 });
    return openSync(this.#path, 'w', 0o600);
  }
}

function checkOf(text: string): string {
  return crc32(text).toString(16).padStart(CHECK_DIGITS, '0');
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
