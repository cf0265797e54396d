/** Without an answer for so long, a request holds up those behind it no longer. */
const STUCK_AFTER_US = 500_000;

/**
 * The order of requests over HTTPS: one at a time. The witness answers requests in the order of their sequence only, and
 * one that waits here has no sequence yet, so nothing overtakes it.
 */
export class HttpsLane {
  readonly #waiting = new Set<number>();
  #underWay: { sequence: number; sinceUs: number } | null = null;

  add(requestId: number): void {
    this.#waiting.add(requestId);
  }

  waits(requestId: number): boolean {
    return this.#waiting.has(requestId);
  }

  carries(sequence: number): boolean {
    return this.#underWay?.sequence === sequence;
  }

  /** Takes out whose turn it is; null while another is under way, or if nobody waits. */
  next(): number | null {
    if (this.#underWay) return null;
    const [first] = this.#waiting;
    if (first === undefined) return null;
    this.#waiting.delete(first);
    return first;
  }

  sent(sequence: number, nowUs: number): void {
    this.#underWay = { sequence, sinceUs: nowUs };
  }

  done(sequence: number): void {
    if (this.carries(sequence)) this.#underWay = null;
  }

  giveWayIfStuck(nowUs: number): void {
    if (this.#underWay && nowUs - this.#underWay.sinceUs >= STUCK_AFTER_US) this.#underWay = null;
  }

  /** When those that wait go on even without an answer; Infinity: nobody waits. */
  stuckAtUs(): number {
    if (!this.#underWay || this.#waiting.size === 0) return Number.POSITIVE_INFINITY;
    return this.#underWay.sinceUs + STUCK_AFTER_US;
  }
}
