export type Rate = {
  /** So many at once. */
  readonly burst: number;
  readonly perSecond: number;
};

/** For all groups of a node at once, then some. */
export const RELAY_RATE: Rate = { burst: 40, perSecond: 20 };
/** A new link tells of 512 groups, eight in a message, and of a thousand decisions, four in a message. */
export const REPORT_RATE: Rate = { burst: 320, perSecond: 5 };
/** More than 512 groups at an interval of 100 ms ask for; whoever asks for more holds up nobody but the own cluster. */
export const REQUEST_RATE: Rate = { burst: 10_000, perSecond: 5_000 };
/** Of one monitor: some alerts in a message, every few seconds. */
export const HEALTH_RATE: Rate = { burst: 100, perSecond: 5 };

/** Whoever has made so many others forgotten had to call from as many addresses. */
const CALLERS_MAX = 10_000;

type Bucket = { readonly tokens: number; readonly filledAtMs: number };

/** A bucket of tokens for each caller, in this instance's memory: a new instance begins with full ones. */
export class CallerRate {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Whether `caller` may do one more now; it is not counted. `nowMs`: wall clock, which may be set back. */
  has(caller: string, nowMs: number): boolean {
    return this.#tokens(caller, nowMs) >= 1;
  }

  /** As `has`; if so, it is counted. */
  take(caller: string, nowMs: number): boolean {
    const tokens = this.#tokens(caller, nowMs);
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: tokens < 1 ? tokens : tokens - 1, filledAtMs: nowMs });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= CALLERS_MAX) break;
      this.#buckets.delete(oldest);
    }
    return tokens >= 1;
  }

  #tokens(caller: string, nowMs: number): number {
    const { burst, perSecond } = this.#rate;
    const { tokens, filledAtMs } = this.#buckets.get(caller) ?? { tokens: burst, filledAtMs: nowMs };
    return Math.min(burst, tokens + (Math.max(0, nowMs - filledAtMs) * perSecond) / 1_000);
  }
}
