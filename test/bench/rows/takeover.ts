import type { Laboratory, Trial } from '../../lab/laboratory.ts';
import { measureRows } from '../../lab/measure-rows.ts';
import { masterDownMs, other, type Scenario, type System } from '../../lab/system.ts';
import { gapMs, movedOnce, type Outcome } from '../../lab/table-outcome.ts';
import { rowOf, TABLE_SCENARIO, type TableRow } from '../../lab/table-rows.ts';
import type { Figure, Measurement } from '../report/measurement.ts';

const MS = 'ms';
const GAP_GOAL = { kind: 'ratio', most: 1.05 } as const;
const FIRST_FRAME_GOAL = { kind: 'most', p50: 0.5, p99: 2 } as const;

export type TakeoverPlan = {
  readonly mode: 'lease' | 'vrrp';
  readonly intervalMs: number;
  readonly trials: number;
};

type Seen = { readonly gaps: Figure; readonly firstFrames: Figure; readonly broken: string | undefined };

/**
 * A lost host, so many times with each system: how long nobody answers and, where VRRP's own timer decides, how long after
 * that timer was due the new owner's first frame leaves.
 */
export async function takeover(plan: TakeoverPlan, doing: (text: string) => void): Promise<Measurement[]> {
  const { mode, intervalMs, trials } = plan;
  // The same priority on both hosts, and so the same skew whichever takes over.
  const scenario: Scenario = {
    ...TABLE_SCENARIO,
    mode,
    advertisementIntervalMs: intervalMs,
    priority: { a: 150, b: 150 },
  };
  const row: TableRow = { ...rowOf('host lost'), holdMs: 1_000 + 4 * intervalMs };
  const keepalived = await seen('keepalived', row, trials, scenario, doing);
  const tiebreak = await seen('tiebreak', row, trials, scenario, doing);
  const { broken } = tiebreak;
  const where = `mode "${mode}", ${intervalMs} ms`;
  const measurements: Measurement[] = [
    {
      id: `takeover-${mode}-${intervalMs}ms`,
      title: `takeover after a lost host, ${where}`,
      goal: GAP_GOAL,
      tiebreak: tiebreak.gaps,
      compared: { with: 'keepalived', figure: keepalived.gaps },
      ...(broken === undefined ? {} : { broken }),
      ...(keepalived.broken === undefined ? {} : { note: keepalived.broken }),
    },
  ];
  if (mode === 'vrrp') {
    measurements.push({
      id: `first-frame-${mode}-${intervalMs}ms`,
      title: `from the timer to the first frame out, ${where}`,
      goal: FIRST_FRAME_GOAL,
      tiebreak: tiebreak.firstFrames,
      compared: { with: 'keepalived', figure: keepalived.firstFrames },
      note: "from the last advertisement of the lost owner plus the master-down time to the first frame of the new one, both by the kernel's time stamps at the client: the receiver's wake-up and the tick of its timer are in it",
    });
  }
  return measurements;
}

async function seen(
  name: System['name'],
  row: TableRow,
  trials: number,
  scenario: Scenario,
  doing: (text: string) => void,
): Promise<Seen> {
  const firstFramesMs: number[] = [];
  const outcome = (
    await measureRows(
      name,
      [row],
      trials,
      {
        doing,
        watching: () => undefined,
        failed: () => undefined,
        tried: (lab, trial) => firstFramesMs.push(...firstFrameMs(lab, trial, scenario)),
      },
      scenario,
    )
  ).get(row) ?? { kind: 'failed', why: 'not tried' };
  return {
    gaps: { values: gapsMs(outcome), unit: MS },
    firstFrames: { values: firstFramesMs, unit: MS },
    broken: brokenInWords(name, outcome),
  };
}

/** Empty where the record does not show both ends. */
function firstFrameMs({ prober }: Laboratory, { owner, analysis }: Trial, scenario: Scenario): number[] {
  const change = analysis.changes[0];
  if (change === undefined) return [];
  const downUs = masterDownMs(scenario, other(owner)) * 1_000;
  const record = prober.between(change.atUs - 2 * downUs, change.atUs + downUs);
  const last = record.findLast((line) => line.kind === 'advertisement' && line.by === owner && line.atUs < change.atUs);
  if (last === undefined) return [];
  const first = record.find(
    (line) =>
      (line.kind === 'advertisement' || line.kind === 'announcement') && line.by === change.to && line.atUs > last.atUs,
  );
  return first === undefined ? [] : [(first.atUs - last.atUs - downUs) / 1_000];
}

export function gapsMs(outcome: Outcome): number[] {
  return outcome.kind === 'measured' ? outcome.trials.filter(movedOnce).map(gapMs) : [];
}

/** What no gap shows: two owners, an address that did not move once, a laboratory that failed. */
export function brokenInWords(name: System['name'], outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'none':
      return undefined;
    case 'failed':
      return `${name}: ${outcome.why.split('\n')[0]}`;
    case 'measured': {
      const twoMs = Math.max(...outcome.trials.map(({ analysis }) => analysis.twoOwnersMs));
      if (twoMs > 0) return `${name}: two owners for ${twoMs} ms`;
      const odd = outcome.trials.filter((trial) => !movedOnce(trial)).length;
      return odd === 0
        ? undefined
        : `${name}: in ${odd} of ${outcome.trials.length} runs the address did not move just once`;
    }
  }
}
