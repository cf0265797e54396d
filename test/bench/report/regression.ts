import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Measurement, ratioOf } from './measurement.ts';

/** A ratio that differs by more from run to run says nothing of a regression of 30 %. */
export const STABLE = 0.15;
export const WORSE_BY_MOST = 0.3;

/** The ratios of several short forms on one kind of processor, one after the other. */
const Reference = z.object({
  machine: z.string(),
  ratios: z.record(
    z.string(),
    z.object({
      median: z.number().positive(),
      least: z.number().positive(),
      most: z.number().positive(),
      runs: z.int().min(1),
      measured: z.iso.date(),
    }),
  ),
});
export type Reference = z.infer<typeof Reference>;
export type ReferenceRatio = Reference['ratios'][string];

/** By the processor's model: a system call and a step of V8 do not cost the same there and here. */
const References = z.record(z.string(), Reference);
export type References = z.infer<typeof References>;

export const REFERENCE_FILE = new URL('../reference.json', import.meta.url);

export function readReferences(): References {
  return References.parse(JSON.parse(readFileSync(REFERENCE_FILE, 'utf8')));
}

/**
 * What a measurement on this processor is judged by; undefined: nothing stable is known. Of a ratio that was never measured on
 * it, the reference of the other processors that asks for least.
 */
export function referenceFor(
  { id, goal }: Measurement,
  processor: string,
  references: References,
): ReferenceRatio | undefined {
  const own = references[processor]?.ratios[id];
  if (own !== undefined) return isStable(own) ? own : undefined;
  const others = Object.values(references)
    .flatMap(({ ratios }) => ratios[id] ?? [])
    .filter(isStable)
    .toSorted((left, right) => left.median - right.median);
  return others.at(goal.kind === 'least' ? 0 : -1);
}

type Spread = Pick<ReferenceRatio, 'median' | 'least' | 'most'>;

/** How far the runs lie apart, over their median. */
export function spreadOf({ median, least, most }: Spread): number {
  return (most - least) / median;
}

export function isStable(ratio: Spread): boolean {
  return spreadOf(ratio) <= STABLE;
}

/** What is wrong with a measurement beside its reference; undefined: nothing. */
export function regression(measurement: Measurement, reference: Pick<ReferenceRatio, 'median'>): string | undefined {
  const ratio = ratioOf(measurement);
  if (ratio === undefined) return `${measurement.id}: there is no ratio`;
  const more = measurement.goal.kind === 'least';
  const limit = more ? reference.median / (1 + WORSE_BY_MOST) : reference.median * (1 + WORSE_BY_MOST);
  if (more ? ratio >= limit : ratio <= limit) return undefined;
  const words = `ratio ${ratio.toFixed(2)}, reference ${reference.median.toFixed(2)}, limit ${limit.toFixed(2)}`;
  return `${measurement.title} is more than 30 % worse than it was: ${words}. If it must be so: npm run bench -- --record`;
}
