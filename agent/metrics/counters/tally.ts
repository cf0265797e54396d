/** How often each of a few things has happened. To count one that was counted before allocates nothing. */
export class Tally<Kind extends string> {
  readonly #counts = new Map<Kind, number>();

  count(kind: Kind, times = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + times);
  }

  /** Without what has never happened. */
  get counts(): ReadonlyMap<Kind, number> {
    return this.#counts;
  }
}
