/**
 * The sequence numbers of `auth_hmac`: time of day in 1/65536 s with a counter below. Pure; compared as serial numbers
 * (RFC 1982), so that they outlive the wrap of their seconds.
 */

/**
 * `time`: receivers want a number of theirs and the sender's clock to lie within `windowS` of each other. `monotonic`: that each
 * sender's numbers grow is enough.
 */
export type AntiReplay =
  | { readonly kind: 'time' /** 1 to 300 */; readonly windowS: number }
  | { readonly kind: 'monotonic' };

const SECONDS_SHIFT = 32n;

/** @param wallClockUs since 1970 */
export function sequenceAt(wallClockUs: number): bigint {
  const seconds = BigInt(Math.floor(wallClockUs / 1e6)) & 0xffff_ffffn;
  const fraction = BigInt(Math.floor(((wallClockUs % 1e6) * 65_536) / 1e6));
  return (seconds << SECONDS_SHIFT) | (fraction << 16n);
}

/** The next number of a sender, above its last one. */
export function nextSequence(last: bigint | undefined, wallClockUs: number, antiReplay: AntiReplay): bigint {
  const now = sequenceAt(wallClockUs);
  if (last === undefined || isAfter(now, last)) return now;
  // The clock was set back, further than receivers would bear: with the time of day the numbers start anew from it.
  if (antiReplay.kind === 'time' && secondsBetween(last, now) > antiReplay.windowS) return now;
  return BigInt.asUintN(64, last + 1n);
}

/** How old a number is by this receiver's clock, in s; negative: it is ahead. */
export function ageS(sequence: bigint, wallClockUs: number): number {
  return secondsBetween(sequenceAt(wallClockUs), sequence);
}

/** Whether a sender may come with that number after `last`, the highest that is proven of it. */
export function isNew(
  sequence: bigint,
  last: bigint | undefined,
  wallClockUs: number,
  antiReplay: AntiReplay,
): boolean {
  if (last === undefined || isAfter(sequence, last)) return true;
  // What lies outside of the window orders only what the window refuses anyway: a sender whose clock was set right comes back.
  return antiReplay.kind === 'time' && Math.abs(ageS(last, wallClockUs)) > antiReplay.windowS;
}

function isAfter(left: bigint, right: bigint): boolean {
  return BigInt.asIntN(64, left - right) > 0n;
}

function secondsBetween(later: bigint, earlier: bigint): number {
  return Number(BigInt.asIntN(32, (later >> SECONDS_SHIFT) - (earlier >> SECONDS_SHIFT)));
}
