import type { HistoryEntry } from '../api/index.ts';

const ENTRIES_MAX = 1_000;

/** What was decided here, oldest first: the last thousand entries in memory, and a file that survives the process. */
export class HistoryLog {
  readonly #entries: HistoryEntry[];
  readonly #append: (entry: HistoryEntry) => void;

  /** `append` must not hold up the caller, who is on the takeover path. */
  constructor(earlier: readonly HistoryEntry[], append: (entry: HistoryEntry) => void) {
    this.#entries = earlier.slice(-ENTRIES_MAX);
    this.#append = append;
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift();
    this.#append(entry);
  }
}
