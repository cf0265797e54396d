import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Queued, QueueEffect } from './queue.ts';

export type Recorded = Extract<QueueEffect, { type: 'record-queued' | 'record-attempt' | 'record-done' }>;

/** The journal of one receiver, for a thread that may wait for the disk. Empty whenever everything has been told. */
export class JournalWriter {
  readonly #file: number;
  readonly #untold = new Set<string>();

  /** Throws if the file cannot be opened. `waiting`: what it holds already, which is written anew. */
  constructor(path: string, waiting: readonly Queued[]) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = openSync(path, 'a', 0o600);
    if (waiting.length === 0) ftruncateSync(this.#file);
    for (const { change } of waiting) this.#untold.add(change.id);
  }

  /** Throws if it cannot be written. What is queued is on the disk when this returns; the rest at worst is done twice. */
  record(effect: Recorded): void {
    switch (effect.type) {
      case 'record-queued':
        this.#untold.add(effect.change.id);
        this.#write({ queued: effect.change });
        fdatasyncSync(this.#file);
        return;
      case 'record-attempt':
        this.#write({ attempt: effect.id });
        return;
      case 'record-done':
        this.#untold.delete(effect.id);
        if (this.#untold.size === 0) ftruncateSync(this.#file);
        else this.#write({ done: effect.id });
        return;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: object): void {
    // Not writeSync: a disk that is nearly full takes a part of the text without an error. The first newline ends a cut line.
    writeFileSync(this.#file, `\n${JSON.stringify(line)}`);
  }
}
