import { lifetimeLadderMs, STEP_MS, selfTestLifetimeMs } from './arithmetic.ts';
import type { FencedGroup } from './config.ts';
import { LEASES_PER_PACKET, SELF_TEST_GROUP } from './lease-packet.ts';

/** Each lifetime is a chain more in both tables, which the start pays for. Shorter ones are those of intervals below some 60 ms. */
const TOGETHER_MIN_MS = 60;

/** The lifetimes that the ruleset has for a group, ascending, in milliseconds. */
export function lifetimesMs(group: FencedGroup, kernelTickUs: number): readonly number[] {
  if (group.heldMs !== undefined) return [group.heldMs];
  return group.id === SELF_TEST_GROUP ? [selfTestLifetimeMs(kernelTickUs)] : lifetimeLadderMs(kernelTickUs);
}

/** The step by which lease packets name a lifetime: 1 for the only one of a held group, however long that is. */
export function stepOf(group: FencedGroup, lifetimeMs: number): number {
  return group.heldMs === undefined ? lifetimeMs / STEP_MS : 1;
}

/** How many leases a lease packet lists that refreshes several: as many as there may be, 0 if there are not even two. */
export function listedTogether(groups: readonly FencedGroup[]): number {
  const leases = groups.filter(({ heldMs }) => heldMs === undefined).length;
  return leases < 2 ? 0 : Math.min(leases, LEASES_PER_PACKET);
}

/** The lifetimes, ascending, in milliseconds, that a lease packet may give to several groups at once. */
export function togetherLifetimesMs(kernelTickUs: number): readonly number[] {
  return lifetimeLadderMs(kernelTickUs).filter((lifetimeMs) => lifetimeMs >= TOGETHER_MIN_MS);
}
