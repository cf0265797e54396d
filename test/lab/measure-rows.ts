import { Laboratory, type Trial } from './laboratory.ts';
import type { Scenario, System } from './system.ts';
import type { Outcome } from './table-outcome.ts';
import { SERVICE_CHECK, TABLE_SCENARIO, type TableRow } from './table-rows.ts';

export type Progress = {
  readonly doing: (text: string) => void;
  /** Called with each laboratory as it comes, and with undefined when it is gone. */
  readonly watching: (lab: Laboratory | undefined) => void;
  readonly failed: (row: TableRow, why: string) => void;
  /** Called after each trial, while its laboratory still has the record of it. */
  readonly tried?: (lab: Laboratory, trial: Trial) => void;
};

type Order = {
  readonly name: System['name'];
  readonly scenario: Scenario;
  readonly runs: number;
  readonly progress: Progress;
};

/** Every row `runs` times with one system, in laboratories that are made anew where a row has left one in disorder. */
export async function measureRows(
  name: System['name'],
  rows: readonly TableRow[],
  runs: number,
  progress: Progress,
  scenario: Scenario = TABLE_SCENARIO,
): Promise<Map<TableRow, Outcome>> {
  const outcomes = new Map<TableRow, Outcome>();
  for (const needsCheck of [false, true]) {
    const waiting = rows.filter((row) => row.needsCheck === needsCheck);
    while (waiting.length > 0) await measureInOneLaboratory({ name, scenario, runs, progress }, waiting, outcomes);
  }
  return outcomes;
}

/** Takes rows off `waiting` until there are none, or one has failed. */
async function measureInOneLaboratory(
  { name, scenario, runs, progress }: Order,
  waiting: TableRow[],
  outcomes: Map<TableRow, Outcome>,
): Promise<void> {
  const [first] = waiting;
  progress.doing(`${name}: getting ready`);
  const lab = await Laboratory.create(
    name,
    first?.needsCheck === true ? { ...scenario, pushCheck: SERVICE_CHECK } : scenario,
  );
  progress.watching(lab);
  try {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      try {
        outcomes.set(row, await measureRow(lab, row, runs, progress));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        outcomes.set(row, { kind: 'failed', why });
        progress.failed(row, why);
        return;
      }
    }
  } finally {
    progress.watching(undefined);
    await lab.close();
  }
}

async function measureRow(lab: Laboratory, row: TableRow, runs: number, progress: Progress): Promise<Outcome> {
  const trials: Trial[] = [];
  for (let run = 1; run <= runs; run += 1) {
    progress.doing(`${lab.system.name}: ${row.title}${runs === 1 ? '' : `, ${run} of ${runs}`}`);
    const owner = await lab.steady();
    if (row.fault(lab, owner) === undefined) return { kind: 'none' };
    const trial = await lab.trial(
      (current) => {
        const fault = row.fault(lab, current);
        if (fault === undefined) throw new Error(`${row.title}: nothing to break`);
        return fault;
      },
      { holdMs: row.holdMs },
    );
    progress.tried?.(lab, trial);
    trials.push(trial);
  }
  return { kind: 'measured', trials };
}
