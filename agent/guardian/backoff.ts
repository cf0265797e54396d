const FIRST_MS = 200;
const LONGEST_MS = 10_000;
/** An engine that lived for so long did not die of its start. */
const HEALTHY_AFTER_MS = 10_000;

/** How long to wait, in ms, before the next engine is started: doubled while one dies soon after the other. */
export function nextBackoffMs(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= HEALTHY_AFTER_MS) return FIRST_MS;
  return Math.min(2 * previousMs, LONGEST_MS);
}
