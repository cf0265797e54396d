export const PING_INTERVAL_MS = 1_000;
export const PONG_DEADLINE_MS = 2_500;

/**
 * Which pings still wait for their pong. All pongs are alike, but a stream keeps their order, so the n-th pong answers
 * the n-th ping.
 */
export class Heartbeat {
  #unansweredUs: number[] = [];

  pinged(nowUs: number): void {
    this.#unansweredUs.push(nowUs);
  }

  ponged(): void {
    this.#unansweredUs.shift();
  }

  /** True once the oldest ping has waited for too long. */
  missed(nowUs: number): boolean {
    const [oldestUs] = this.#unansweredUs;
    return oldestUs !== undefined && nowUs - oldestUs >= PONG_DEADLINE_MS * 1_000;
  }
}
