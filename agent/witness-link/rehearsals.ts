const INTERVAL_MS = 600_000;
const BURST = 5;
const BURST_SPACING_MS = 50;
/** A link that comes and goes must not use up the account's written rows. */
const SINGLE_SPACING_MS = 60_000;

/**
 * When to rehearse: five in a row at the first connection, so that a p99 means something, then every 10 minutes, which
 * also keeps the witness's stamp fresh (L13).
 */
export class Rehearsals {
  readonly #rehearse: () => void;
  readonly #nowUs: () => number;
  #lastBurstUs = Number.NEGATIVE_INFINITY;
  #lastUs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(rehearse: () => void, nowUs: () => number) {
    this.#rehearse = rehearse;
    this.#nowUs = nowUs;
  }

  connected(): void {
    const nowUs = this.#nowUs();
    if (nowUs - this.#lastBurstUs >= INTERVAL_MS * 1_000) {
      this.#lastBurstUs = nowUs;
      this.#run(BURST);
    } else if (nowUs - this.#lastUs >= SINGLE_SPACING_MS * 1_000) this.#run(1);
    else this.#run(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #run(left: number): void {
    clearTimeout(this.#timer);
    if (left > 0) {
      this.#lastUs = this.#nowUs();
      this.#rehearse();
    }
    const delayMs = left > 1 ? BURST_SPACING_MS : INTERVAL_MS;
    this.#timer = setTimeout(() => this.#run(Math.max(1, left - 1)), delayMs);
  }
}
