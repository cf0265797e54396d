import { measureRows } from '../../lab/measure-rows.ts';
import type { Scenario } from '../../lab/system.ts';
import { rowOf, TABLE_SCENARIO } from '../../lab/table-rows.ts';
import type { Goal, Measurement } from '../report/measurement.ts';
import { brokenInWords, gapsMs } from './takeover.ts';

const MS = 'ms';
const PLANNED: Goal = { kind: 'most', p50: 5, p99: 10 };
const ROWS: readonly { readonly title: string; readonly id: string; readonly goal: Goal }[] = [
  { title: 'planned handover', id: 'handover', goal: PLANNED },
  { title: 'clean stop', id: 'stop', goal: PLANNED },
  { title: 'service check fails', id: 'check', goal: PLANNED },
  { title: 'the engine dies', id: 'engine', goal: { kind: 'most', p99: 25 } },
];

export type PlannedPlan = { readonly intervalMs: number; readonly trials: number };

/** What is over before anybody's timer runs out: how long nobody answers. keepalived has no order to hand over. */
export async function planned(
  { intervalMs, trials }: PlannedPlan,
  doing: (text: string) => void,
): Promise<Measurement[]> {
  const scenario: Scenario = { ...TABLE_SCENARIO, advertisementIntervalMs: intervalMs };
  // A takeover by keepalived's timer must fit in as well.
  const rows = ROWS.map(({ title }) => ({ ...rowOf(title), holdMs: 1_000 + 4 * intervalMs }));
  const progress = { doing, watching: () => undefined, failed: () => undefined };
  // Its own timers, in seconds where the goal is milliseconds: few runs show them.
  const keepalived = await measureRows('keepalived', rows, Math.ceil(trials / 3), progress, scenario);
  const tiebreak = await measureRows('tiebreak', rows, trials, progress, scenario);
  return ROWS.map(({ title, id, goal }, index): Measurement => {
    const row = rows[index];
    const outcomes = {
      keepalived: (row && keepalived.get(row)) ?? { kind: 'none' as const },
      tiebreak: (row && tiebreak.get(row)) ?? { kind: 'failed' as const, why: 'not tried' },
    };
    const broken = brokenInWords('tiebreak', outcomes.tiebreak);
    const theirs = gapsMs(outcomes.keepalived);
    return {
      id: `${id}-${intervalMs}ms`,
      title: `${title}, ${intervalMs} ms`,
      goal,
      tiebreak: { values: gapsMs(outcomes.tiebreak), unit: MS },
      ...(theirs.length === 0 ? {} : { compared: { with: 'keepalived', figure: { values: theirs, unit: MS } } }),
      ...(broken === undefined ? {} : { broken }),
    };
  });
}
