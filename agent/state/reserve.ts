/** How far ahead of use ballots are reserved, so that no fsync lies on the takeover path (L10). */
export const RESERVE = 1000;

/** The ceiling that is written for a counter about to be used. */
export function above(counter: number): number {
  return Math.min(counter + RESERVE, Number.MAX_SAFE_INTEGER);
}
