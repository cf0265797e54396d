import { alignColumns } from '../../../agent/cli/table.ts';
import { quantile } from '../figures.ts';
import type { Measured } from './measure.ts';

/** A row for each figure, with and without hanging checks, and what they add. */
export function latenessRows(quiet: Measured, hanging: Measured): string {
  const rows: [string, (measured: Measured) => number][] = [
    ['check, median of 5', ({ checkMs }) => quantile(checkMs, 0.5)],
    ['status, median of 5', ({ statusMs }) => quantile(statusMs, 0.5)],
    ['reload (API), median of 5', ({ reloadMs }) => quantile(reloadMs, 0.5)],
    ['advertisement late, p50', ({ latenessMs }) => quantile(latenessMs, 0.5)],
    ['advertisement late, p99', ({ latenessMs }) => quantile(latenessMs, 0.99)],
    ['advertisement late, most', ({ latenessMs }) => quantile(latenessMs, 1)],
  ];
  const shown = rows.map(([what, of]) => {
    const [without, withChecks] = [of(quiet), of(hanging)];
    return [what, `${without.toFixed(1)} ms`, `${withChecks.toFixed(1)} ms`, `${(withChecks - without).toFixed(1)} ms`];
  });
  const counts = ['advertisements seen', `${quiet.latenessMs.length}`, `${hanging.latenessMs.length}`, ''];
  return alignColumns([['', 'no checks', 'each hangs', 'more'], ...shown, counts]);
}
