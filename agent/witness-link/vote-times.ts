const KEPT = 64;

/** The last 64 durations of rehearsal votes: the measure of the way to the witness. */
export class VoteTimes {
  #durationsMs: number[] = [];

  add(durationMs: number): void {
    this.#durationsMs.push(durationMs);
    if (this.#durationsMs.length > KEPT) this.#durationsMs.shift();
  }

  get count(): number {
    return this.#durationsMs.length;
  }

  /** By nearest rank, hence always a duration that was measured; null before the first. */
  percentileMs(percent: number): number | null {
    const sorted = this.#durationsMs.toSorted((left, right) => left - right);
    return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? null;
  }
}
