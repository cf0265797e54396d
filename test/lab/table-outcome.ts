import type { Analysis } from './analysis.ts';
import { formatMs } from './demo-display.ts';
import type { Trial } from './laboratory.ts';
import { other } from './system.ts';
import { limitMs, type Target } from './table-rows.ts';

/** What became of one row with one system. */
export type Outcome =
  | { readonly kind: 'measured'; readonly trials: readonly Trial[] }
  /** The system has no such part. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly why: string };

export type Verdict = {
  /** Never two owners, and the address moved or stayed as it must. */
  readonly safe: boolean;
  /** Also within the limits. undefined: there is nothing to compare with. */
  readonly met: boolean | undefined;
};

/** @param reference the same row with the system that is compared with */
export function judge(target: Target, outcome: Outcome, reference: Outcome): Verdict {
  if (outcome.kind !== 'measured' || outcome.trials.length === 0) return { safe: false, met: false };
  const { trials } = outcome;
  const single = trials.every(({ analysis }) => analysis.twoOwnersMs === 0);
  if (target.kind === 'stays') {
    const safe = single && trials.every(({ analysis }) => !analysis.moved);
    return { safe, met: safe && trials.every(({ analysis }) => analysis.client.lost === 0) };
  }
  const safe = single && trials.every(movedOnce);
  return { safe, met: safe ? withinLimits(target, trials, reference) : false };
}

function withinLimits(
  target: Exclude<Target, { kind: 'stays' }>,
  trials: readonly Trial[],
  reference: Outcome,
): boolean | undefined {
  const gaps = gapsMs(trials);
  switch (target.kind) {
    case 'moves':
      return Math.max(...gaps) <= target.worstMs && median(gaps) <= (target.medianMs ?? target.worstMs);
    case 'moves_within_master_down':
      return trials.every((trial) => gapMs(trial) <= limitMs(target.share, other(trial.owner)));
    case 'moves_as_fast': {
      if (reference.kind !== 'measured' || !reference.trials.every(movedOnce)) return undefined;
      return median(gaps) <= target.share * median(gapsMs(reference.trials));
    }
  }
}

/** The cell of the table. */
export function outcomeInWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'none':
      return '(none)';
    case 'failed':
      return 'could not be measured';
    case 'measured':
      return trialsInWords(outcome.trials);
  }
}

function trialsInWords(trials: readonly Trial[]): string {
  const analyses = trials.map(({ analysis }) => analysis);
  const two = analyses.map(({ twoOwnersMs }) => twoOwnersMs);
  const words = Math.max(...two) > 0 ? [`two owners ${spread(two)} ms`] : [];
  if (trials.every(movedOnce)) {
    return [...words, `gap ${spread(gapsMs(trials))} ms`].join(', ');
  }
  const moves = analyses.map(({ changes }) => changes.length);
  const lost = analyses.map(lostMs);
  return [
    ...words,
    Math.max(...moves) === 0 ? 'no move' : `moves ${moves.join(', ')}`,
    Math.max(...lost) === 0 ? 'no gap' : `client lost ${spread(lost)} ms`,
  ].join(', ');
}

/** The address went to the other host, once. */
export function movedOnce({ owner, analysis }: Trial): boolean {
  return analysis.changes.length === 1 && analysis.before === owner && analysis.after === other(owner);
}

function gapsMs(trials: readonly Trial[]): number[] {
  return trials.map(gapMs);
}

export function gapMs({ analysis }: Trial): number {
  return analysis.changes[0]?.gapMs ?? Number.POSITIVE_INFINITY;
}

function lostMs({ client }: Analysis): number {
  return client.lostMs;
}

function spread(values: readonly number[]): string {
  const middle = formatMs(median(values));
  return values.length === 1 ? middle : `${middle} (worst ${formatMs(Math.max(...values))})`;
}

/** The upper one of two middles. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
