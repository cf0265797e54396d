const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * How long to wait after `failures` (1 and up) in a row, in ms: doubled from 1 s to a minute, half of it random. What
 * only a person can mend is tried each minute from the first time on. Never less than the cloud has asked for.
 *
 * @param random in 0..1
 */
export function backoffMs(failures: number, retryable: boolean, afterMs: number | null, random: number): number {
  const ceiling = retryable ? Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 10), LONGEST_MS) : LONGEST_MS;
  const own = ceiling * (0.5 + 0.5 * random);
  return afterMs === null ? own : Math.max(own, afterMs + random * FIRST_MS);
}
