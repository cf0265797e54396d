/**
 * The numbers of DESIGN section 4, 'How the lease is refreshed'. Why no pause can hurt:
 *
 *     ARM takes effect   <=  t1          (its return was awaited before the clock was read)
 *     REFRESH takes effect < t1 + S      (later the sentinel is gone, and the kernel refuses)
 *     the fence closes   <=  t1 + S + T  <=  D - guard
 *
 * whatever time lies between the reading of t1 and the kernel's act. The guard pays for ticks that come late.
 */

/** The unit in which a lifetime travels: step n stands for 4 ms x n. */
export const STEP_MS = 4;

/** No lifetime is longer, whatever the lease gives: this bounds what a frozen and thawed guest can do (section 4). */
export const LIFETIME_MAX_MS = 1500;

const SENTINEL_MAX_MS = 50;
const SENTINEL_MIN_TICKS = 3;
const GUARD_TICKS = 5;
// Shorter than this the kernel's rounding to ticks may leave nothing.
const LIFETIME_MIN_TICKS = 2;
// Beyond a sentinel and what an ordinary machine stands still for.
const SELF_TEST_MIN_TICKS = 6;
const SELF_TEST_MIN_MS = 20;

/**
 * S, the lifetime of a sentinel in whole milliseconds: an eighth of the interval, but no less than three ticks and no
 * more than 50 ms.
 */
export function sentinelMs(intervalUs: number, kernelTickUs: number): number {
  const shortestMs = Math.ceil((SENTINEL_MIN_TICKS * kernelTickUs) / 1000);
  return Math.min(SENTINEL_MAX_MS, Math.max(shortestMs, Math.floor(intervalUs / 8000)));
}

/** The distance that is kept from the lease's end, in microseconds. */
export function guardUs(kernelTickUs: number): number {
  return GUARD_TICKS * kernelTickUs;
}

/**
 * The lifetimes that the ruleset knows, in ascending milliseconds, each a multiple of `STEP_MS`. Every one is a chain
 * in both tables, so the spacing grows with the lifetime: rounding down costs 3 % on average instead of 375 chains.
 */
export function lifetimeLadderMs(kernelTickUs: number): readonly number[] {
  const ladder: number[] = [];
  let lifetimeMs = 0;
  while (lifetimeMs < LIFETIME_MAX_MS) {
    lifetimeMs = Math.min(LIFETIME_MAX_MS, lifetimeMs + spacingMs(lifetimeMs));
    if (lifetimeMs * 1000 >= LIFETIME_MIN_TICKS * kernelTickUs) ladder.push(lifetimeMs);
  }
  return ladder;
}

/** The one lifetime of the self-test's group: long enough for a refresh before it ends, short enough to wait for it. */
export function selfTestLifetimeMs(kernelTickUs: number): number {
  const leastMs = Math.max(SELF_TEST_MIN_MS, (SELF_TEST_MIN_TICKS * kernelTickUs) / 1000);
  const lifetime = lifetimeLadderMs(kernelTickUs).find((candidateMs) => candidateMs >= leastMs);
  return lifetime ?? LIFETIME_MAX_MS;
}

function spacingMs(aboveMs: number): number {
  if (aboveMs < 128) return STEP_MS;
  if (aboveMs < 256) return 2 * STEP_MS;
  if (aboveMs < 512) return 4 * STEP_MS;
  return aboveMs < 1024 ? 8 * STEP_MS : 16 * STEP_MS;
}

export interface LifetimeQuestion {
  /** D: when the lease ends, in CLOCK_BOOTTIME microseconds. */
  readonly leaseEndUs: number;
  /** t1: the same clock, read after ARM was confirmed. */
  readonly armedUs: number;
  /** S, as `sentinelMs` gives it. */
  readonly sentinelMs: number;
  readonly kernelTickUs: number;
}

/**
 * T, the longest lifetime of `ladderMs` (ascending) that ends before D - guard even if the kernel acts at the last
 * moment of the sentinel; undefined if the lease is too short for the shortest one.
 */
export function lifetimeMs(ladderMs: readonly number[], question: LifetimeQuestion): number | undefined {
  const { leaseEndUs, armedUs, kernelTickUs } = question;
  const budgetUs = leaseEndUs - guardUs(kernelTickUs) - (armedUs + question.sentinelMs * 1000);
  return ladderMs.findLast((candidateMs) => candidateMs * 1000 <= budgetUs);
}
