export type TransitionCount = {
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly count: number;
};

/** How often a group has changed its role, and why. */
export class Transitions {
  readonly #counts = new Map<string, TransitionCount>();
  #takeovers = 0;

  count({ from, to, cause }: Omit<TransitionCount, 'count'>): void {
    const key = `${from} ${to} ${cause}`;
    const before = this.#counts.get(key)?.count ?? 0;
    this.#counts.set(key, { from, to, cause, count: before + 1 });
    if (to === 'active') this.#takeovers += 1;
  }

  /** Those that have happened. */
  get counts(): readonly TransitionCount[] {
    return [...this.#counts.values()];
  }

  /** How often this node has become the owner. */
  get takeovers(): number {
    return this.#takeovers;
  }
}
