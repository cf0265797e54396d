const LINES_MAX = 20_000;

/** What happened, for a person to read; empty unless it is asked for, since most runs have nothing to tell. */
export class Timeline {
  readonly #wanted: boolean;
  readonly #lines: string[] = [];

  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  note(nowUs: number, who: string, what: () => string): void {
    if (!this.#wanted) return;
    this.#lines.push(`${(nowUs / 1000).toFixed(3).padStart(12)} ms  ${who.padEnd(2)} ${what()}`);
    if (this.#lines.length > LINES_MAX) this.#lines.splice(0, LINES_MAX / 2);
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
