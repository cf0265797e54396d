import { fitting, type HistoryEntry } from '@tiebreak/shared/wire';

const ENTRIES_MAX = 1_000;

/** What a group decides; its number comes with the log that it goes into. */
export type Decision = Omit<HistoryEntry, 'id'>;

export type HistoryLogOptions = {
  /** Oldest first. */
  readonly earlier: readonly HistoryEntry[];
  /** Must not hold up the caller, who is on the takeover path. */
  readonly append: (entry: HistoryEntry) => void;
  /** Of this agent. */
  readonly incarnation: number;
};

/** What was decided here, oldest first: the last thousand entries in memory, and a file that survives the process. */
export class HistoryLog {
  readonly #entries: HistoryEntry[];
  readonly #append: (entry: HistoryEntry) => void;
  readonly #incarnation: number;
  #added = 0;

  constructor({ earlier, append, incarnation }: HistoryLogOptions) {
    this.#entries = earlier.slice(-ENTRIES_MAX);
    this.#append = append;
    this.#incarnation = incarnation;
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  /** How many have been added since the start. */
  get added(): number {
    return this.#added;
  }

  add(decision: Decision): void {
    this.#added += 1;
    const entry = { id: `${this.#incarnation}-${this.#added}`, ...decision, text: fitting(decision.text) };
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift();
    this.#append(entry);
  }
}
