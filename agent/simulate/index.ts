import type { Tampering } from '../simulation/index.ts';
import { type Advice, adviseOn, isTooLong } from './advice.ts';
import { faultsOf } from './faults.ts';
import { type FaultResult, resultOf } from './result.ts';
import { masterDownUs, type Setting } from './setting.ts';
import { runTrial, type Trial } from './trial.ts';

export type { Advice } from './advice.ts';
export { namesOf } from './faults.ts';
export { type FaultResult, hadTwoOwners, type Outcome, stayed } from './result.ts';
export { hasVotingWitness, masterDownUs, nameOf, type Setting, settingOf } from './setting.ts';

export const RUNS = 20;

const LONG_US = 1_000_000;
const DOWN_TIMES = 1.1;

export type SimulateOptions = {
  /** The first of the seeds; the same one has the same course. */
  readonly seed: number;
  /** How long nobody may own before a change is looked for; without: 1.1 down times, a second at most. */
  readonly longestUs: number | undefined;
  /** How often each fault is played, at other moments each time. */
  readonly runs?: number;
  /** Told now and then: the share that is done, 0 to 1. */
  readonly progress?: (share: number) => void;
  /** Breaks a rule on purpose, to see that it is noticed. */
  readonly tampering?: Tampering;
};

export type Simulated = {
  readonly setting: Setting;
  readonly longestUs: number;
  readonly results: readonly FaultResult[];
  /** One for each fault that leaves nobody for longer than `longestUs`, or two. */
  readonly advice: readonly Advice[];
};

/** The whole fault table for one group: pure, the same for the same seed. A usual pair takes some seconds. */
export function simulate(setting: Setting, options: SimulateOptions): Simulated {
  const { seed, runs = RUNS, progress, tampering } = options;
  const longestUs = options.longestUs ?? Math.min(DOWN_TIMES * masterDownUs(setting), LONG_US);
  const faults = faultsOf(setting);
  const results = faults.map((fault, row) => {
    const play = (_: unknown, run: number): Trial => {
      progress?.((row * runs + run) / (faults.length * runs));
      return runTrial(setting, fault, seed + run, tampering);
    };
    return resultOf(fault, Array.from({ length: runs }, play));
  });
  const advice = results
    .filter((result) => result.broken.length === 0 && isTooLong(result, longestUs))
    .map((result) => adviseOn(setting, result, longestUs, seed));
  return { setting, longestUs, results, advice };
}
