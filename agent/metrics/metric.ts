import type { Reading } from './reading.ts';

export type Sample<Label extends string = string> = {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
};

/** One metric family, and how it is read. A family without samples is told all the same, by its help text. */
export type Metric = {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (reading: Reading) => readonly Sample[];
};

type Read<Label extends string> = (reading: Reading) => readonly Sample<Label>[];

/** `labels`: in the order in which they are shown; every sample has them all. */
export function gauge<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
  read: Read<Label>,
): Metric {
  return { name, type: 'gauge', help, labels, read };
}

/** Its name must end in `_total`; a sample never falls but with a new start of the engine. */
export function counter<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
  read: Read<Label>,
): Metric {
  return { name, type: 'counter', help, labels, read };
}

/** The one sample of a metric without labels. */
export function single(value: number): readonly Sample<never>[] {
  return [{ labels: {}, value }];
}

/** A sample for each state, 1 for the present one and 0 for every other (OpenMetrics calls that a StateSet). */
export function stateSet<Label extends string, State extends string>(
  states: readonly State[],
  present: State,
  labelsOf: (state: State) => Readonly<Record<Label, string>>,
): readonly Sample<Label>[] {
  return states.map((state) => ({ labels: labelsOf(state), value: truth(state === present) }));
}

export function truth(is: boolean): 0 | 1 {
  return is ? 1 : 0;
}
