const DELAY_MIN_MS = 100;
const DELAY_MAX_MS = 5_000;
const FIRST_SPREAD_MS = 400;
const REFUSED_DELAY_MS = 10_000;

/**
 * How long to wait before connection attempt `failures` + 1, in ms. A reset of the witness closes both nodes' links at
 * the same instant, so the whole span is random: two links that open together have kept an object from hibernating.
 *
 * @param random in 0..1
 */
export function reconnectDelayMs(failures: number, random: number): number {
  const ceiling = Math.min(DELAY_MAX_MS, DELAY_MIN_MS + FIRST_SPREAD_MS * 2 ** Math.min(failures, 10));
  return DELAY_MIN_MS + random * (ceiling - DELAY_MIN_MS);
}

/** The same after the witness has refused this node: only an operator can change that. 10 to 20 s. */
export function refusedDelayMs(random: number): number {
  return REFUSED_DELAY_MS * (1 + random);
}
