import { lifetimeLadderMs, STEP_MS, selfTestLifetimeMs } from './arithmetic.ts';
import type { FencedGroup } from './config.ts';
import { SELF_TEST_GROUP } from './lease-packet.ts';

/** The lifetimes that the ruleset has for a group, ascending, in milliseconds. */
export function lifetimesMs(group: FencedGroup, kernelTickUs: number): readonly number[] {
  if (group.heldMs !== undefined) return [group.heldMs];
  return group.id === SELF_TEST_GROUP ? [selfTestLifetimeMs(kernelTickUs)] : lifetimeLadderMs(kernelTickUs);
}

/** The step by which lease packets name a lifetime: 1 for the only one of a held group, however long that is. */
export function stepOf(group: FencedGroup, lifetimeMs: number): number {
  return group.heldMs === undefined ? lifetimeMs / STEP_MS : 1;
}
