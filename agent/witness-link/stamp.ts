/** Above this round trip a stamp may be a stored reply's, which was old when it came. */
const ROUND_TRIP_MAX_US = 1_000_000;

/**
 * The witness's last stamp and when it came: echoed in each request, it proves that the request was sent just now
 * without comparing two machines' clocks (L13).
 */
export class Stamp {
  #last: { stampMs: number; receivedAtUs: number } | null = null;

  get known(): boolean {
    return this.#last !== null;
  }

  /** @param needed the last one was refused as stale: any other is better */
  learn(stampMs: number, sentAtUs: number, receivedAtUs: number, needed: boolean): void {
    if (this.#last && !needed && receivedAtUs - sentAtUs > ROUND_TRIP_MAX_US) return;
    this.#last = { stampMs, receivedAtUs };
  }

  echo(nowUs: number): { stamp_ms: number; stamp_age_ms: number } {
    if (!this.#last) return { stamp_ms: 0, stamp_age_ms: 0 };
    return {
      stamp_ms: this.#last.stampMs,
      stamp_age_ms: Math.max(0, Math.floor((nowUs - this.#last.receivedAtUs) / 1_000)),
    };
  }
}
