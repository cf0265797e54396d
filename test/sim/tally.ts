import type { SeedSummary } from './pool.ts';

/** What many seeds came to. */
export class Tally {
  readonly failures = new Map<string, SeedSummary[]>();
  seeds = 0;
  moves = 0;
  readonly #settledUs = new Map<number, number>();
  readonly #startedAtMs = performance.now();
  #simulatedUs = 0;
  #events = 0;
  #eventsMax = 0;

  add(summary: SeedSummary): void {
    this.seeds++;
    this.moves += summary.moves;
    this.#simulatedUs += summary.simulatedUs;
    this.#events += summary.events;
    this.#eventsMax = Math.max(this.#eventsMax, summary.events);
    const { violation, settledAfterUs, intervalUs } = summary;
    if (settledAfterUs !== undefined) {
      this.#settledUs.set(intervalUs, Math.max(settledAfterUs, this.#settledUs.get(intervalUs) ?? 0));
    }
    if (violation === undefined) return;
    this.failures.set(violation.rule, [...(this.failures.get(violation.rule) ?? []), summary]);
  }

  get failed(): number {
    return [...this.failures.values()].reduce((sum, { length }) => sum + length, 0);
  }

  get firstFailure(): SeedSummary | undefined {
    return [...this.failures.values()].flat().sort((left, right) => left.seed - right.seed)[0];
  }

  /** A pair-hour: an hour of one group's life, whatever the number of its agents. */
  progress(): string {
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    const hours = this.#simulatedUs / 3.6e9;
    const rate = `${(hours / seconds).toFixed(2)} pair-hours/s, ${Math.round(this.#events / seconds)} events/s`;
    return `${this.seeds} seeds, ${hours.toFixed(1)} pair-hours, ${this.moves} moves, ${this.failed} failed; ${rate}`;
  }

  summary(): string[] {
    const settled = [...this.#settledUs].sort(([left], [right]) => left - right);
    return [
      ...settled.map(
        ([us, worst]) => `interval ${us / 1000} ms: settled ${(worst / 1000).toFixed(0)} ms after the faults at worst`,
      ),
      `the longest seed had ${this.#eventsMax} events`,
      ...[...this.failures].map(([rule, failed]) => {
        const some = failed.slice(0, 8).map(({ seed }) => seed);
        return `${rule}: ${failed.length} of ${this.seeds} seeds, e.g. ${some.join(' ')}`;
      }),
    ];
  }
}
