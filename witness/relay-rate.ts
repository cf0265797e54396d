/** What one node may have passed on: a burst for all its groups at once, then so many a second. */
const BURST = 40;
const PER_SECOND = 20;

/** A bucket of tokens for each node, in this instance's memory: a new instance begins with full ones. */
export class RelayRate {
  readonly #buckets = new Map<string, { tokens: number; filledAtMs: number }>();

  /** Whether `node` may send one more now; if so, it is counted. `nowMs`: wall clock, which may be set back. */
  take(node: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(node) ?? { tokens: BURST, filledAtMs: nowMs };
    const gained = (Math.max(0, nowMs - bucket.filledAtMs) * PER_SECOND) / 1_000;
    const tokens = Math.min(BURST, bucket.tokens + gained);
    this.#buckets.set(node, { tokens: tokens < 1 ? tokens : tokens - 1, filledAtMs: nowMs });
    return tokens >= 1;
  }
}
