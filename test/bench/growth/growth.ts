import { quantile } from '../figures.ts';

/** What one quantity was at each size; the values are those of several windows. */
export type Series = { readonly name: string; readonly unit: string; readonly points: readonly Point[] };
export type Point = { readonly size: number; readonly values: readonly number[] };

export type Growth = {
  readonly title: string;
  readonly sizes: string;
  /** Drawn on top of each other where the unit is the same. */
  readonly series: readonly Series[];
  /** Sizes that did not work, and why. */
  readonly failed: readonly string[];
};

/** Collects the values of many series, size by size. */
export class Collected {
  readonly #series = new Map<string, { readonly unit: string; readonly points: Point[] }>();
  readonly failed: string[] = [];

  add(name: string, unit: string, size: number, values: readonly number[]): void {
    const series = this.#series.get(name) ?? { unit, points: [] };
    series.points.push({ size, values });
    this.#series.set(name, series);
  }

  get series(): Series[] {
    return [...this.#series].map(([name, { unit, points }]) => ({ name, unit, points }));
  }
}

export function middleOf({ values }: Point): number {
  return quantile(values, 0.5);
}

/** By least squares over the medians; undefined for fewer than two sizes. */
export function slopeOf({ points }: Series): number | undefined {
  if (points.length < 2) return undefined;
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(({ size }) => size), mean(middleOf)];
  const above = points.reduce((sum, point) => sum + (point.size - x) * (middleOf(point) - y), 0);
  return above / points.reduce((sum, { size }) => sum + (size - x) ** 2, 0);
}
