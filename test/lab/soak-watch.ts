import { ANALYSIS_DEFAULTS, analyse, type Change, type Interval, union } from './analysis.ts';
import type { Observation } from './observation.ts';

/** So much of what has been read is read again with the next slice: more than any rule of the analysis looks back. */
const OVERLAP_US = 400_000;
/** A silence with fewer probes in it is the prober's. */
const PROBES_AT_LEAST = 3;

/**
 * Reads a record of any length in slices. Nothing is lost or counted twice at their borders: what began before a border
 * (a gap, an overlap, an echo that waits for its answer) is carried over, from before the last answer that was heard.
 */
export class SoakWatch {
  readonly changes: Change[] = [];
  /** Times in which nobody answered, except such as the prober slept through. */
  readonly silences: Interval[] = [];
  #twoOwners: Interval[] = [];
  #echoes = 0;
  #lost = 0;
  #longestStallMs = 0;
  #carried: readonly Observation[] = [];
  /** Changes and silences that end at or before it have been counted. */
  #heardUntilUs = Number.NEGATIVE_INFINITY;
  /** Echoes sent before it have been counted. */
  #echoesUntilUs = Number.NEGATIVE_INFINITY;

  /** The next slice, whose lines are all younger than those of the former one, in the order of their time stamps. */
  add(slice: readonly Observation[]): void {
    const record = [...this.#carried, ...slice];
    const endUs = record.at(-1)?.atUs;
    if (endUs === undefined) return;
    const { changes, twoOwners, longestStallMs } = analyse(record);
    this.changes.push(...changes.filter(({ atUs }) => atUs > this.#heardUntilUs));
    this.silences.push(...silencesOf(record).filter(({ toUs }) => toUs > this.#heardUntilUs));
    this.#twoOwners = union([...this.#twoOwners, ...twoOwners]);
    this.#longestStallMs = Math.max(this.#longestStallMs, longestStallMs);
    this.#countEchoes(record, endUs - ANALYSIS_DEFAULTS.deadlineUs);
    this.#heardUntilUs = Math.max(this.#heardUntilUs, record.findLast(isAnswer)?.atUs ?? Number.NEGATIVE_INFINITY);
    const keepUs = Math.min(this.#heardUntilUs, this.#echoesUntilUs) - OVERLAP_US;
    this.#carried = record.filter(({ atUs }) => atUs >= keepUs);
  }

  get twoOwners(): readonly Interval[] {
    return this.#twoOwners;
  }

  get longestStallMs(): number {
    return this.#longestStallMs;
  }

  /** The share of the client's echoes that were answered in time. 1 before the first. */
  get availability(): number {
    return this.#echoes === 0 ? 1 : 1 - this.#lost / this.#echoes;
  }

  #countEchoes(record: readonly Observation[], untilUs: number): void {
    const answeredUs = new Map<number, number>();
    for (const line of record) {
      if (line.kind === 'client_answer' && !answeredUs.has(line.tick)) answeredUs.set(line.tick, line.atUs);
    }
    for (const line of record) {
      if (line.kind !== 'request' || line.atUs < this.#echoesUntilUs || line.atUs >= untilUs) continue;
      const waitedUs = (answeredUs.get(line.tick) ?? Number.POSITIVE_INFINITY) - line.atUs;
      this.#echoes += 1;
      if (waitedUs > ANALYSIS_DEFAULTS.deadlineUs) this.#lost += 1;
    }
    this.#echoesUntilUs = Math.max(this.#echoesUntilUs, untilUs);
  }
}

function isAnswer({ kind }: Observation): boolean {
  return kind === 'answer' || kind === 'client_answer';
}

function silencesOf(record: readonly Observation[]): Interval[] {
  const found: Interval[] = [];
  let heardUs: number | undefined;
  let probes = 0;
  for (const line of record) {
    if (line.kind === 'request') probes += 1;
    if (!isAnswer(line)) continue;
    if (heardUs !== undefined && line.atUs - heardUs > ANALYSIS_DEFAULTS.spanGapUs && probes >= PROBES_AT_LEAST) {
      found.push({ fromUs: heardUs, toUs: line.atUs });
    }
    heardUs = line.atUs;
    probes = 0;
  }
  return found;
}
