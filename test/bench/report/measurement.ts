import { quantile } from '../figures.ts';

/** What was measured once for each run, or once for each event of a run. */
export type Figure = { readonly values: readonly number[]; readonly unit: string };

export type Goal =
  /** Of the medians. */
  | { readonly kind: 'ratio'; readonly most: number }
  | { readonly kind: 'most'; readonly p50?: number; readonly p99?: number }
  | { readonly kind: 'least'; readonly p50: number }
  | { readonly kind: 'reported' };

export type Measurement = {
  /** How the file of reference ratios calls it. */
  readonly id: string;
  readonly title: string;
  readonly goal: Goal;
  readonly tiebreak: Figure;
  /** What tiebreak's figure is divided by. */
  readonly compared?: { readonly with: string; readonly figure: Figure };
  /** What a reader must know beside the figures. */
  readonly note?: string;
  /** Something went wrong that no figure shows: the goal is not met. */
  readonly broken?: string;
};

export type Verdict = 'yes' | 'NO' | 'reported' | 'nothing to compare with';

export function ratioOf({ tiebreak, compared }: Measurement): number | undefined {
  if (compared === undefined) return undefined;
  const ratio = median(tiebreak) / median(compared.figure);
  return Number.isFinite(ratio) ? ratio : undefined;
}

export function verdictOf(measurement: Measurement): Verdict {
  const { goal, tiebreak, broken } = measurement;
  if (broken !== undefined) return 'NO';
  switch (goal.kind) {
    case 'reported':
      return 'reported';
    case 'ratio': {
      const ratio = ratioOf(measurement);
      if (ratio === undefined) return 'nothing to compare with';
      return ratio <= goal.most ? 'yes' : 'NO';
    }
    case 'most': {
      const { p50 = Number.POSITIVE_INFINITY, p99 = Number.POSITIVE_INFINITY } = goal;
      return median(tiebreak) <= p50 && quantile(tiebreak.values, 0.99) <= p99 ? 'yes' : 'NO';
    }
    case 'least':
      return median(tiebreak) >= goal.p50 ? 'yes' : 'NO';
  }
}

export function median({ values }: Figure): number {
  return quantile(values, 0.5);
}
