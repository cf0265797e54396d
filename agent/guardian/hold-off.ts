/** A crash is forgotten after so long. */
const WINDOW_MS = 600_000;
const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

/** How many of the crashes, at these times in ms, still count at `nowMs`. */
export function recentCrashes(crashedAtMs: readonly number[], nowMs: number): number[] {
  return crashedAtMs.filter((atMs) => nowMs - atMs < WINDOW_MS);
}

/**
 * How long after its start an engine does not stand of its own accord, in ms, so that a crash loop does not drag the group
 * to and fro: after one crash not at all, then doubled with each, up to a minute. An invitation counts all the same.
 */
export function holdOffMs(crashes: number): number {
  return crashes < 2 ? 0 : Math.min(FIRST_MS * 2 ** (crashes - 2), LONGEST_MS);
}
