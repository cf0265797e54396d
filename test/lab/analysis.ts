import type { Observation, Station } from './observation.ts';

/**
 * How the record is read.
 *
 * - A host's *span* runs from an answer of its own to the last one that follows in steps of at most `spanGapUs`.
 * - *Two owners* is the time in which spans of two hosts overlap: an answer of the old owner after the first of the new
 *   one, or two hosts answering the same probes. A single stray answer inside another's span counts one period.
 * - A *gap* lies between the last answer of one owner and the first of the next.
 * - The client's echo is *lost* when no answer came within `deadlineUs`. A *hole* is a run of echoes that were not
 *   answered within `promptUs`, at least one of them lost: those that waited at its end for the new owner belong to it,
 *   a mere delay does not. What was not sent cannot be lost: of a time without probes, at most `STALL_PERIODS` periods
 *   count.
 */
export type AnalysisOptions = {
  readonly periodUs: number;
  readonly spanGapUs: number;
  readonly promptUs: number;
  readonly deadlineUs: number;
};

export const ANALYSIS_DEFAULTS: AnalysisOptions = {
  periodUs: 2_000,
  spanGapUs: 20_000,
  promptUs: 20_000,
  deadlineUs: 100_000,
};

const STALL_PERIODS = 3;

export type Interval = { readonly fromUs: number; readonly toUs: number };

export type Change = {
  readonly from: Station;
  readonly to: Station;
  /** The first answer of the new owner. */
  readonly atUs: number;
  /** Zero when the old owner had not yet stopped. */
  readonly gapMs: number;
  /** How much of the gap no probe looked at; the true gap may be shorter by this. */
  readonly unobservedMs: number;
};

export type ClientView = {
  readonly sent: number;
  readonly lost: number;
  /** All holes together. */
  readonly lostMs: number;
  readonly longestHoleMs: number;
};

export type Analysis = {
  readonly probes: number;
  /** Who answered first and last; undefined when nobody did. */
  readonly before: Station | undefined;
  readonly after: Station | undefined;
  /** Also true when the address moved there and back. */
  readonly moved: boolean;
  readonly changes: readonly Change[];
  readonly twoOwnersMs: number;
  readonly twoOwners: readonly Interval[];
  readonly client: ClientView;
  /** Gratuitous ARP and advertisements (except priority 0) that an owner still sent after the first answer of the next. */
  readonly staleFrames: number;
  /** The longest time without a probe, less the period. */
  readonly longestStallMs: number;
};

type Answer = { readonly by: Station; readonly atUs: number };
type Span = Interval & { readonly by: Station };
type Request = { readonly tick: number; readonly atUs: number };

/** What a client saw. `observations` in any order. */
export function analyse(observations: readonly Observation[], options: AnalysisOptions = ANALYSIS_DEFAULTS): Analysis {
  const record = [...observations].sort((left, right) => left.atUs - right.atUs);
  const requests = record.flatMap((line): Request[] => (line.kind === 'request' ? [line] : []));
  const answers = record.flatMap((line): Answer[] =>
    line.kind === 'answer' || line.kind === 'client_answer' ? [line] : [],
  );
  const spans = spansOf(answers, options.spanGapUs);
  const changes = changesOf(spans, requests, options.periodUs);
  const twoOwners = overlapsOf(spans, options.periodUs);
  return {
    probes: requests.length,
    before: answers.at(0)?.by,
    after: answers.at(-1)?.by,
    moved: changes.length > 0,
    changes,
    twoOwnersMs: sum(twoOwners.map(({ fromUs, toUs }) => toUs - fromUs)) / 1_000,
    twoOwners,
    client: clientView(record, requests, options),
    staleFrames: staleFrames(record, changes),
    longestStallMs: longest(steps(requests).map((stepUs) => stepUs - options.periodUs)) / 1_000,
  };
}

/** In the order of their beginnings. */
function spansOf(answers: readonly Answer[], spanGapUs: number): Span[] {
  const open = new Map<Station, Span>();
  const spans: Span[] = [];
  for (const { by, atUs } of answers) {
    const span = open.get(by);
    if (span !== undefined && atUs - span.toUs <= spanGapUs) {
      open.set(by, { ...span, toUs: atUs });
    } else {
      if (span !== undefined) spans.push(span);
      open.set(by, { by, fromUs: atUs, toUs: atUs });
    }
  }
  return [...spans, ...open.values()].sort((left, right) => left.fromUs - right.fromUs);
}

function changesOf(spans: readonly Span[], requests: readonly Request[], periodUs: number): Change[] {
  return spans.flatMap((span, index): Change[] => {
    const former = spans[index - 1];
    if (former === undefined || former.by === span.by) return [];
    const gapUs = Math.max(0, span.fromUs - former.toUs);
    const inGap = requests.filter(({ atUs }) => atUs > former.toUs && atUs < span.fromUs).map(({ atUs }) => atUs);
    const looks = gapUs === 0 ? [] : [former.toUs, ...inGap, span.fromUs];
    const blindUs = sum(
      pairs(looks).map(([from, to]) => (to - from > STALL_PERIODS * periodUs ? to - from - periodUs : 0)),
    );
    return [{ from: former.by, to: span.by, atUs: span.fromUs, gapMs: gapUs / 1_000, unobservedMs: blindUs / 1_000 }];
  });
}

function staleFrames(record: readonly Observation[], changes: readonly Change[]): number {
  const claims = record.filter(
    (line) => line.kind === 'announcement' || (line.kind === 'advertisement' && line.priority > 0),
  );
  const stale = changes.map((change, index) => {
    const untilUs = changes[index + 1]?.atUs ?? Number.POSITIVE_INFINITY;
    return claims.filter(
      (line) => 'by' in line && line.by === change.from && line.atUs > change.atUs && line.atUs < untilUs,
    );
  });
  return stale.flat().length;
}

function overlapsOf(spans: readonly Span[], periodUs: number): Interval[] {
  const found: Interval[] = [];
  for (const [index, span] of spans.entries()) {
    for (const other of spans.slice(index + 1)) {
      if (other.fromUs > span.toUs) break;
      if (other.by === span.by) continue;
      const toUs = Math.max(Math.min(span.toUs, other.toUs), other.fromUs + periodUs);
      found.push({ fromUs: other.fromUs, toUs });
    }
  }
  return union(found);
}

/** Overlapping intervals as one, in order. */
export function union(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const next of [...intervals].sort((left, right) => left.fromUs - right.fromUs)) {
    const last = merged.at(-1);
    if (last !== undefined && next.fromUs <= last.toUs) {
      merged[merged.length - 1] = { fromUs: last.fromUs, toUs: Math.max(last.toUs, next.toUs) };
    } else {
      merged.push(next);
    }
  }
  return merged;
}

function clientView(
  record: readonly Observation[],
  requests: readonly Request[],
  options: AnalysisOptions,
): ClientView {
  const { periodUs, promptUs, deadlineUs } = options;
  const answeredAt = new Map<number, number>();
  for (const line of record) {
    if (line.kind === 'client_answer' && !answeredAt.has(line.tick)) answeredAt.set(line.tick, line.atUs);
  }
  const endUs = record.at(-1)?.atUs ?? 0;
  // Younger echoes may still be answered in time.
  const due = requests.filter(({ atUs }) => atUs <= endUs - deadlineUs);
  const holes: { lost: number; us: number }[] = [];
  let run = { lost: 0, us: 0 };
  for (const [index, { tick, atUs }] of due.entries()) {
    const waitedUs = (answeredAt.get(tick) ?? Number.POSITIVE_INFINITY) - atUs;
    if (waitedUs <= promptUs) {
      if (run.lost > 0) holes.push(run);
      run = { lost: 0, us: 0 };
      continue;
    }
    const nextUs = requests[index + 1]?.atUs ?? atUs + periodUs;
    const us = run.us + Math.min(nextUs - atUs, STALL_PERIODS * periodUs);
    run = { lost: run.lost + (waitedUs > deadlineUs ? 1 : 0), us };
  }
  const found = [...holes, run].filter(({ lost }) => lost > 0);
  return {
    sent: due.length,
    lost: sum(found.map(({ lost }) => lost)),
    lostMs: sum(found.map(({ us }) => us)) / 1_000,
    longestHoleMs: longest(found.map(({ us }) => us)) / 1_000,
  };
}

function steps(requests: readonly Request[]): number[] {
  return pairs(requests).map(([from, to]) => to.atUs - from.atUs);
}

function pairs<T>(values: readonly T[]): [T, T][] {
  return values.slice(1).flatMap((value, index): [T, T][] => {
    const former = values[index];
    return former === undefined ? [] : [[former, value]];
  });
}

/** Zero for none. A record is too long for the arguments of Math.max. */
function longest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
