import { cpus } from 'node:os';
import workerd from 'workerd/package.json' with { type: 'json' };

/** The value below which that part of the sorted list lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** Median of the runs, and how far they lie apart. */
export function ofRuns(values: readonly number[], digits: number): string {
  const [least, middle, most] = [Math.min(...values), quantile(values, 0.5), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

export const workerdVersion: string = workerd.version;

export function machine(): string {
  const cores = cpus();
  return `${cores[0]?.model ?? 'unknown cpu'}, ${cores.length} cores; node ${process.version}, workerd ${workerdVersion}`;
}
