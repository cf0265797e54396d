export type Rate = {
  /** So many at once. */
  readonly burst: number;
  readonly perSecond: number;
};

/** For all groups of a node at once, then some. */
export const RELAY_RATE: Rate = { burst: 40, perSecond: 20 };
/** A new link tells of 512 groups, eight in a message, and of a thousand decisions, four in a message. */
export const REPORT_RATE: Rate = { burst: 320, perSecond: 5 };

/** A bucket of tokens for each node, in this instance's memory: a new instance begins with full ones. */
export class NodeRate {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, { tokens: number; filledAtMs: number }>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Whether `node` may send one more now; if so, it is counted. `nowMs`: wall clock, which may be set back. */
  take(node: string, nowMs: number): boolean {
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(node) ?? { tokens: burst, filledAtMs: nowMs };
    const gained = (Math.max(0, nowMs - bucket.filledAtMs) * perSecond) / 1_000;
    const tokens = Math.min(burst, bucket.tokens + gained);
    this.#buckets.set(node, { tokens: tokens < 1 ? tokens : tokens - 1, filledAtMs: nowMs });
    return tokens >= 1;
  }
}
