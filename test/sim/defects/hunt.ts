import type { Pool, SeedSummary } from '../pool.ts';
import type { Planted } from './defects.ts';

/** Plays seeds with the defect planted until one notices it. */
export async function hunt(pool: Pool, defect: Planted, seedsMax: number): Promise<{ caught: boolean; line: string }> {
  const { name, what } = defect;
  let first: SeedSummary | undefined;
  await pool.run(1, seedsMax, { defect: name }, (summaries) => {
    for (const summary of summaries) {
      if (summary.violation !== undefined && (first === undefined || summary.seed < first.seed)) first = summary;
    }
    return first === undefined ? 'go on' : 'enough';
  });
  const outcome = first === undefined ? `SURVIVED ${seedsMax} seeds` : `seed ${first.seed}: ${first.violation?.rule}`;
  return { caught: first !== undefined, line: `${name.padEnd(5)} ${what.padEnd(72)} ${outcome}` };
}
