import type { Pool, SeedSummary } from '../pool.ts';
import type { Planted } from './defects.ts';

/** `caught`: the lowest seed played that has noticed the defect. */
export type Hunt = { readonly caught: SeedSummary | undefined; readonly line: string };

/** Plays seeds with the defect planted until one notices it. */
export async function hunt(pool: Pool, { name, what }: Planted, seedsMax: number): Promise<Hunt> {
  const noticed: SeedSummary[] = [];
  await pool.run(1, seedsMax, { defect: name }, (summaries) => {
    noticed.push(...summaries.filter(({ violation }) => violation !== undefined));
    return noticed.length === 0 ? 'go on' : 'enough';
  });
  const caught = noticed.sort((left, right) => left.seed - right.seed)[0];
  const outcome =
    caught === undefined ? `SURVIVED ${seedsMax} seeds` : `seed ${caught.seed}: ${caught.violation?.rule}`;
  return { caught, line: `${name.padEnd(5)} ${what.padEnd(74)} ${outcome}` };
}
