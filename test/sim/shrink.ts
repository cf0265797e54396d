import { runSeed, type SeedOptions, type SeedResult } from './run-seed.ts';

const RUNS_MAX = 200;

/**
 * Leaves faults out, first many at once and then one by one, for as long as the same rule is still violated: what is left
 * is what it takes. Undefined: the seed violates nothing.
 */
export function shrink(seed: number, options: SeedOptions): readonly number[] | undefined {
  const whole = runSeed(seed, options);
  const rule = whole.violation?.rule;
  if (rule === undefined) return undefined;
  let runs = 0;
  let failed = whole;
  let kept = happened(whole, options.onlyFaults);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = kept.length; start > 0 && runs < RUNS_MAX; start -= size) {
      const without = kept.filter((_, index) => index < start - size || index >= start);
      if (without.length === kept.length) continue;
      runs++;
      const result = runSeed(seed, { ...options, onlyFaults: without });
      if (result.violation?.rule !== rule) continue;
      failed = result;
      kept = happened(failed, without);
      start = Math.min(start, kept.length + size);
    }
  }
  return kept;
}

/** Those that had begun when the rule was violated. */
function happened({ faults, violation }: SeedResult, only: readonly number[] | undefined): readonly number[] {
  const atUs = violation?.atUs ?? Number.POSITIVE_INFINITY;
  const begun = faults.filter((fault) => fault.atUs <= atUs).map(({ number }) => number);
  return only === undefined ? begun : begun.filter((number) => only.includes(number));
}
