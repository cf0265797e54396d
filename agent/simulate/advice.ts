import { type Change, changesFor } from './changes.ts';
import { type FaultResult, resultOf } from './result.ts';
import type { Setting } from './setting.ts';
import { runTrial, type Trial } from './trial.ts';

/** What comes of a fault that leaves nobody for too long, or two; `better` undefined: no one line helps. */
export type Advice = {
  readonly result: FaultResult;
  readonly better: { readonly change: Change; readonly result: FaultResult } | undefined;
};

const RUNS = 6;
const BETTER = 0.9;
const KEEPS_LONGER = 1.2;
/** Less is what is left of a lease. */
const KEPT_MIN_US = 5_000_000;

/** Tries the changes one after the other on the same fault, and takes the first that is enough, else that helps most. */
export function adviseOn(setting: Setting, result: FaultResult, longestUs: number, seed: number): Advice {
  const tried = changesFor(setting, result).map((change) => {
    const play = (_: unknown, index: number): Trial => runTrial(change.setting, result.fault, seed + index);
    return { change, result: resultOf(result.fault, Array.from({ length: RUNS }, play)) };
  });
  const helpful = tried.filter((one) => isBetter(result, one.result));
  // Of intervals the longest that is enough, or the shortest of all; of other changes the first is nearest at hand.
  const endsByItself = result.twoOwnersUs === 0 && result.nobodyUs.worst < Number.POSITIVE_INFINITY;
  const enough = helpful.find((one) => one.result.nobodyUs.worst <= longestUs);
  return { result, better: endsByItself ? (enough ?? helpful.at(-1)) : helpful[0] };
}

/** Whether somebody should be told. */
export function isTooLong({ nobodyUs, twoOwnersUs }: FaultResult, longestUs: number): boolean {
  return nobodyUs.worst > longestUs || twoOwnersUs > 0;
}

function isBetter(before: FaultResult, after: FaultResult): boolean {
  if (after.broken.length > 0 || after.twoOwnersUs > 0) return false;
  if (before.twoOwnersUs > 0) return true;
  if (before.nobodyUs.worst < Number.POSITIVE_INFINITY) return after.nobodyUs.worst <= BETTER * before.nobodyUs.worst;
  return after.nobodyUs.worst < Number.POSITIVE_INFINITY || after.keptUs > KEEPS_LONGER * before.keptUs + KEPT_MIN_US;
}
