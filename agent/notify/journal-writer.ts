import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StartedProgram } from '../program/index.ts';
import type { Queued, QueueEffect } from './queue.ts';

export type Recorded =
  | Extract<QueueEffect, { type: 'record-queued' | 'record-attempt' | 'record-done' }>
  /** The program that is told of the change: it may outlive this process. */
  | { readonly type: 'record-program'; readonly id: string; readonly program: StartedProgram };

/**
 * The journal of one receiver, for a thread that may wait for the disk. Empty whenever everything has been told. A file that
 * cannot be opened is tried again with each record.
 */
export class JournalWriter {
  readonly #path: string;
  readonly #untold = new Set<string>();
  /** What it holds beyond `#untold` is not known, so it is never emptied. */
  readonly #keepsAll: boolean;
  #file: number | undefined;

  /** @param waiting what the file holds already; undefined: it could not be read */
  constructor(path: string, waiting: readonly Queued[] | undefined) {
    this.#path = path;
    this.#keepsAll = waiting === undefined;
    for (const { change } of waiting ?? []) this.#untold.add(change.id);
    try {
      this.#opened();
    } catch {
      // The first record says so.
    }
  }

  /** Throws if it cannot be written. What is queued is on the disk when this returns; the rest at worst is done twice. */
  record(effect: Recorded): void {
    switch (effect.type) {
      case 'record-queued': {
        this.#untold.add(effect.change.id);
        const file = this.#opened();
        write(file, { queued: effect.change });
        fdatasyncSync(file);
        return;
      }
      case 'record-program':
        // Not waited for: if the host ends, so does the program.
        write(this.#opened(), { program: effect.program, id: effect.id });
        return;
      case 'record-attempt':
        write(this.#opened(), { attempt: effect.id });
        return;
      case 'record-done':
        this.#untold.delete(effect.id);
        if (this.#untold.size === 0 && !this.#keepsAll) ftruncateSync(this.#opened());
        else write(this.#opened(), { done: effect.id });
        return;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #opened(): number {
    if (this.#file !== undefined) return this.#file;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const file = openSync(this.#path, 'a', 0o600);
    this.#file = file;
    // Everything that an earlier run wrote has been told.
    if (this.#untold.size === 0 && !this.#keepsAll) ftruncateSync(file);
    return file;
  }
}

function write(file: number, line: object): void {
  // Not writeSync: a disk that is nearly full takes a part of the text without an error. The first newline ends a cut line.
  writeFileSync(file, `\n${JSON.stringify(line)}`);
}
