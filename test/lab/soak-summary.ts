import { formatMs, formatTable } from './demo-display.ts';
import type { SoakResult, Step } from './soak-run.ts';
import { median } from './table-outcome.ts';

/** A result in figures; the shape of `--json`. Times in ms. */
export type SoakSummary = {
  readonly system: string;
  readonly seed: number;
  readonly interval_ms: number;
  readonly minutes: number;
  readonly faults: number;
  readonly two_owners_ms: number;
  readonly moves: number;
  readonly unexplained_moves: readonly { readonly from: string; readonly to: string; readonly at: string }[];
  readonly longest_gap_ms: number;
  readonly availability: number;
  readonly longest_prober_stall_ms: number;
  readonly by_fault: readonly FaultSummary[];
  readonly problems: readonly string[];
};

type FaultSummary = {
  readonly fault: string;
  readonly times: number;
  readonly moved: number;
  readonly median_gap_ms: number;
  readonly two_owners_ms: number;
};

export type SoakSetting = {
  readonly system: string;
  readonly seed: number;
  readonly intervalMs: number;
  readonly elapsedMs: number;
};

export function summarise({ steps, watch, unexplained, problems }: SoakResult, setting: SoakSetting): SoakSummary {
  return {
    system: setting.system,
    seed: setting.seed,
    interval_ms: setting.intervalMs,
    minutes: round(setting.elapsedMs / 60_000),
    faults: steps.reduce((total, { titles }) => total + titles.length, 0),
    two_owners_ms: round(watch.twoOwners.reduce((total, { fromUs, toUs }) => total + (toUs - fromUs) / 1_000, 0)),
    moves: watch.changes.length,
    unexplained_moves: unexplained.map(({ change: { from, to, atUs } }) => ({ from, to, at: timeOf(atUs) })),
    longest_gap_ms: round(watch.silences.reduce((most, { fromUs, toUs }) => Math.max(most, toUs - fromUs), 0) / 1_000),
    availability: watch.availability,
    longest_prober_stall_ms: round(watch.longestStallMs),
    by_fault: byFault(steps),
    problems,
  };
}

/** Whether the run has shown what it is for. */
export function passed(summary: SoakSummary): boolean {
  return summary.two_owners_ms === 0 && summary.unexplained_moves.length === 0 && summary.problems.length === 0;
}

export function stepInWords({ titles, holdMs, atUs, changes, longestSilenceMs, twoOwnersMs }: Step): string {
  const moves = changes.map(({ from, to }) => `${from} to ${to}`).join(', then ');
  return [
    timeOf(atUs),
    `${(holdMs / 1_000).toFixed(1)} s`.padStart(6),
    titles.join(' and '),
    moves === '' ? 'stayed' : `moved ${moves}`,
    longestSilenceMs === 0 ? 'no gap' : `gap ${formatMs(longestSilenceMs)} ms`,
    twoOwnersMs === 0 ? 'one owner' : `TWO OWNERS for ${formatMs(twoOwnersMs)} ms`,
  ].join('  ');
}

export function summaryInWords(summary: SoakSummary): string {
  const rows = summary.by_fault.map(({ fault, times, moved, median_gap_ms, two_owners_ms }) =>
    [fault, times, moved, formatMs(median_gap_ms), formatMs(two_owners_ms)].map(String),
  );
  const unexplained = summary.unexplained_moves.length;
  return `${formatTable([['fault', 'times', 'moved', 'median gap (ms)', 'two owners (ms)'], ...rows])}

${summary.system}, ${summary.minutes} minutes at ${summary.interval_ms} ms, seed ${summary.seed}: ${summary.faults} faults
two owners      ${formatMs(summary.two_owners_ms)} ms
moves           ${summary.moves}, ${unexplained === 0 ? 'every one explained by a fault that was injected' : `${unexplained} UNEXPLAINED`}
longest gap     ${formatMs(summary.longest_gap_ms)} ms
availability    ${(100 * summary.availability).toFixed(3)} % of the client's echoes answered
prober          looked all the time but ${formatMs(summary.longest_prober_stall_ms)} ms at the longest
problems        ${summary.problems.length === 0 ? 'none' : summary.problems.join('\n')}`;
}

/** Two faults at once are a kind of their own. Hosts are taken together. */
function byFault(steps: readonly Step[]): FaultSummary[] {
  const kinds = Map.groupBy(steps, ({ titles }) => (titles.length === 1 ? kindOf(titles) : 'two faults at once'));
  return [...kinds].map(([fault, all]) => ({
    fault,
    times: all.length,
    moved: all.filter(({ changes }) => changes.length > 0).length,
    median_gap_ms: round(median(all.map(({ longestSilenceMs }) => longestSilenceMs))),
    two_owners_ms: round(all.reduce((total, { twoOwnersMs }) => total + twoOwnersMs, 0)),
  }));
}

function kindOf([title = '']: readonly string[]): string {
  return title.replace(/\b[ab]\b/, 'one');
}

function timeOf(us: number): string {
  return new Date(us / 1_000).toISOString();
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
