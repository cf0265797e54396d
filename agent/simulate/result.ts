import type { Fault } from './faults.ts';
import type { Trial } from './trial.ts';

/** One way in which a fault ended, and how often. Nodes as the simulated world names them. */
export type Outcome = Pick<Trial, 'owners' | 'ownersAfter' | 'ownersAtLast'> & { readonly runs: number };

/** What one fault came to in many runs. Times in µs. */
export type FaultResult = {
  readonly fault: Fault;
  readonly runs: number;
  /** The most frequent one first. */
  readonly outcomes: readonly [Outcome, ...Outcome[]];
  /** How long nobody owned: Infinity when nobody did at the end of the fault. */
  readonly nobodyUs: { readonly median: number; readonly worst: number };
  /** How long there was an owner at least before nobody was; Infinity when there always was one. */
  readonly keptUs: number;
  /** The longest time with two owners. */
  readonly twoOwnersUs: number;
  readonly broken: readonly Pick<Trial, 'seed' | 'broken'>[];
};

/** @throws RangeError without any trial */
export function resultOf(fault: Fault, trials: readonly Trial[]): FaultResult {
  const nobody = trials
    .map(({ ownersAfter, nobodyUs }) => (ownersAfter.length === 0 ? Number.POSITIVE_INFINITY : nobodyUs))
    .sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  const [first, ...others] = outcomesOf(trials);
  if (first === undefined) throw new RangeError('a fault that was never tried');
  return {
    fault,
    runs: trials.length,
    outcomes: [first, ...others],
    nobodyUs: { median: nobody[Math.floor((nobody.length - 1) / 2)] ?? 0, worst: nobody.at(-1) ?? 0 },
    keptUs: Math.min(...trials.map(({ keptUs }) => keptUs ?? Number.POSITIVE_INFINITY)),
    twoOwnersUs: Math.max(...trials.map(({ twoOwnersUs }) => twoOwnersUs)),
    broken: trials.filter(({ broken }) => broken !== undefined),
  };
}

/** Nothing of this may ever be but under policy "available". */
export function hadTwoOwners({ twoOwnersUs, broken }: FaultResult): boolean {
  return twoOwnersUs > 0 || broken.length > 0;
}

/** Somebody owned the whole time, and nobody else ever did. */
export function stayed({ outcomes, nobodyUs }: FaultResult): boolean {
  return nobodyUs.worst === 0 && outcomes.every(({ owners }) => owners.length === 1);
}

function outcomesOf(trials: readonly Trial[]): Outcome[] {
  const outcomes = new Map<string, Outcome>();
  for (const { owners, ownersAfter, ownersAtLast } of trials) {
    const key = JSON.stringify([owners, ownersAfter, ownersAtLast]);
    outcomes.set(key, { owners, ownersAfter, ownersAtLast, runs: (outcomes.get(key)?.runs ?? 0) + 1 });
  }
  return [...outcomes.values()].sort((left, right) => right.runs - left.runs);
}
