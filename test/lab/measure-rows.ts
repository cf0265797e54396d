import { Laboratory, type Trial } from './laboratory.ts';
import type { System } from './system.ts';
import type { Outcome } from './table-outcome.ts';
import { SERVICE_CHECK, TABLE_SCENARIO, type TableRow } from './table-rows.ts';

export type Progress = {
  readonly doing: (text: string) => void;
  /** Called with each laboratory as it comes, and with undefined when it is gone. */
  readonly watching: (lab: Laboratory | undefined) => void;
  readonly failed: (row: TableRow, why: string) => void;
};

/** Every row `runs` times with one system, in laboratories that are made anew where a row has left one in disorder. */
export async function measureRows(
  name: System['name'],
  rows: readonly TableRow[],
  runs: number,
  progress: Progress,
): Promise<Map<TableRow, Outcome>> {
  const outcomes = new Map<TableRow, Outcome>();
  for (const needsCheck of [false, true]) {
    const waiting = rows.filter((row) => row.needsCheck === needsCheck);
    while (waiting.length > 0) await measureInOneLaboratory(name, waiting, runs, progress, outcomes);
  }
  return outcomes;
}

/** Takes rows off `waiting` until there are none, or one has failed. */
async function measureInOneLaboratory(
  name: System['name'],
  waiting: TableRow[],
  runs: number,
  progress: Progress,
  outcomes: Map<TableRow, Outcome>,
): Promise<void> {
  const [first] = waiting;
  const scenario = first?.needsCheck === true ? { ...TABLE_SCENARIO, pushCheck: SERVICE_CHECK } : TABLE_SCENARIO;
  progress.doing(`${name}: getting ready`);
  const lab = await Laboratory.create(name, scenario);
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
    trials.push(
      await lab.trial(
        (current) => {
          const fault = row.fault(lab, current);
          if (fault === undefined) throw new Error(`${row.title}: nothing to break`);
          return fault;
        },
        { holdMs: row.holdMs },
      ),
    );
  }
  return { kind: 'measured', trials };
}
