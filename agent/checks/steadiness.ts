/** A link that may flap: it counts as what it has been for long enough. Pure; the clock is the caller's. */
export type Steadiness = {
  /** What it counts as. */
  readonly counted: boolean;
  readonly seen: boolean;
  /** Since when it has been seen so. */
  readonly sinceMs: number;
};

export type Delays = { readonly upDelayMs: number; readonly downDelayMs: number };

/** What is seen first counts at once: nothing is known that it could be a flap of. */
export function steadiness(before: Steadiness | undefined, seen: boolean, nowMs: number, delays: Delays): Steadiness {
  if (before === undefined) return { counted: seen, seen, sinceMs: nowMs };
  const sinceMs = before.seen === seen ? before.sinceMs : nowMs;
  const delayMs = seen ? delays.upDelayMs : delays.downDelayMs;
  const counted = nowMs - sinceMs >= delayMs ? seen : before.counted;
  return { counted, seen, sinceMs };
}

/** When it will count as what it is seen as, if that stays so; undefined: it does already. */
export function countsAtMs({ counted, seen, sinceMs }: Steadiness, delays: Delays): number | undefined {
  if (counted === seen) return undefined;
  return sinceMs + (seen ? delays.upDelayMs : delays.downDelayMs);
}
