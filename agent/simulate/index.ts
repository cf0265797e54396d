import type { Tampering } from '../simulation/index.ts';
import { type Advice, adviseOn, isTooLong } from './advice.ts';
import { faultsOf } from './faults.ts';
import { type FaultResult, resultOf } from './result.ts';
import { masterDownUs, type Setting } from './setting.ts';
import { runTrial, simulatedUs, type Trial } from './trial.ts';

export type { Advice } from './advice.ts';
export { namesOf } from './faults.ts';
export { type FaultResult, hadTwoOwners, type Outcome, stayed } from './result.ts';
export { hasVotingWitness, masterDownUs, nameOf, type Setting, settingOf } from './setting.ts';

const RUNS_MAX = 20;
const RUNS_MIN = 5;
/** Intervals that are simulated for one link between two nodes, in all runs: ten seconds of a processor, roughly. */
const LINK_INTERVALS = 250_000;

const LONG_US = 1_000_000;
const DOWN_TIMES = 1.1;

export type SimulateOptions = {
  /** The first of the seeds; the same one has the same course. */
  readonly seed: number;
  /** How long nobody may own before a change is looked for; without: 1.1 down times, a second at most. */
  readonly longestUs: number | undefined;
  /** How often each fault is played, at other moments each time; without: 20, fewer where that takes long. */
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
  const { seed, progress, tampering } = options;
  const longestUs = options.longestUs ?? Math.min(DOWN_TIMES * masterDownUs(setting), LONG_US);
  const faults = faultsOf(setting);
  const runs = options.runs ?? affordableRuns(setting);
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

/** How often each fault is played: 20 times, or less where that would take much longer than for a usual pair. */
export function affordableRuns(setting: Setting): number {
  const agents = setting.nodes.length;
  const links = (agents * (agents - 1)) / 2;
  const sumUs = faultsOf(setting).reduce((sum, fault) => sum + simulatedUs(setting, fault), 0);
  const affordable = Math.floor((LINK_INTERVALS * setting.intervalUs) / (links * sumUs));
  return Math.min(RUNS_MAX, Math.max(RUNS_MIN, affordable));
}
