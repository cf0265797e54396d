const LONGEST_MS = 3_600_000;

/**
 * For how many ms a cloud that has had enough wants no other request: by Retry-After (seconds or a date), else by
 * RateLimit-Reset (a Unix time). At most an hour; null if it does not say. Times are compared with the answer's own
 * Date, since this host's clock may be wrong.
 *
 * @param resetAtMostMs for clouds whose RateLimit-Reset is the end of the whole quota, while single requests come back
 *   much sooner
 */
export function retryAfterMs(
  headers: ReadonlyMap<string, string>,
  wallClockMs: number,
  resetAtMostMs: number = LONGEST_MS,
): number | null {
  const date = Date.parse(headers.get('date') ?? '');
  const sentMs = Number.isNaN(date) ? wallClockMs : date;
  const wanted = headers.get('retry-after');
  if (wanted !== undefined) {
    const untilMs = /^\d{1,9}$/.test(wanted) ? sentMs + Number(wanted) * 1_000 : Date.parse(wanted);
    if (!Number.isNaN(untilMs)) return within(untilMs - sentMs, LONGEST_MS);
  }
  const reset = headers.get('ratelimit-reset') ?? '';
  return /^\d{9,11}$/.test(reset) ? within(Number(reset) * 1_000 - sentMs, resetAtMostMs) : null;
}

function within(ms: number, mostMs: number): number {
  return Math.min(Math.max(ms, 0), mostMs);
}
