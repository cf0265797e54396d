/** How an undelivered message is tried again. Pure; times are of one clock, in ms. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** After the first attempt, the second, and so on: three days in all, by when somebody has looked. */
const WAITS_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  12 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
const JITTER = 0.2;

export type Outcome =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'failed'; readonly reason: string };

export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly atMs: number }
  /** 410: the receiver wants no more messages at all. */
  | { readonly kind: 'given_up'; readonly gone: boolean };

/**
 * @param attempts with the one that came out like this
 * @param random 0 to 1: receivers that were down together are not asked all at once
 */
export function afterAttempt(outcome: Outcome, attempts: number, nowMs: number, random: number): Verdict {
  if (outcome.kind === 'answered') {
    if (outcome.status >= 200 && outcome.status < 300) return { kind: 'delivered' };
    if (outcome.status === 410) return { kind: 'given_up', gone: true };
  }
  const waitMs = WAITS_MS[attempts - 1];
  if (waitMs === undefined) return { kind: 'given_up', gone: false };
  return { kind: 'again', atMs: nowMs + Math.round(waitMs * (1 + JITTER * random)) };
}
