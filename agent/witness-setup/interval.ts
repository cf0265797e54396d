/**
 * The owner asks the witness while its peer's vote still counts, and VRRP's down timer still runs at the peer: that leaves
 * room for two round trips in an interval that is 2.1 times as long as the slowest of them (DESIGN section 3).
 */
const ROUND_TRIPS = 2.1;
const DEFAULT_MS = 250;
const MOST_MS = 4_000;
const STEP_MS = 50;

export type IntervalAdvice = {
  /** Below it a vote may come too late; the host's kernel and the mode have limits of their own. */
  readonly leastMs: number;
  /** Null: this witness is too far away for any. */
  readonly advisedMs: number | null;
};

/** Which advertisement interval goes with votes that take so long. */
export function adviseInterval(voteP99Ms: number): IntervalAdvice {
  const leastMs = Math.ceil(ROUND_TRIPS * voteP99Ms);
  const advisedMs = Math.max(DEFAULT_MS, Math.ceil(leastMs / STEP_MS) * STEP_MS);
  return { leastMs, advisedMs: advisedMs > MOST_MS ? null : advisedMs };
}

/** The advice in a person's words. */
export function adviceText({ leastMs, advisedMs }: IntervalAdvice): string {
  if (advisedMs === null)
    return `none: at this distance it would have to be ${leastMs} ms, and ${MOST_MS} ms is the most`;
  if (advisedMs === DEFAULT_MS)
    return `${DEFAULT_MS} ms, the default, is long enough: the votes want ${leastMs} ms at least`;
  return `${advisedMs} ms: below ${leastMs} ms a vote may come too late`;
}
