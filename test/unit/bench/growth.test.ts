import { expect, test } from 'vitest';
import { Collected, slopeOf } from '../../bench/growth/growth.ts';
import { plot } from '../../bench/growth/plot.ts';

function collected(values: readonly (readonly [number, number[]])[]): Collected {
  const all = new Collected();
  for (const [size, seen] of values) all.add('memory', 'MiB', size, seen);
  return all;
}

test('the slope is that of a line through the medians', () => {
  const { series } = collected([
    [1, [12]],
    [3, [15, 16, 90]],
    [5, [20]],
  ]);
  expect(series.map(slopeOf)).toEqual([2]);
});

test('one size has no slope', () => {
  expect(collected([[1, [12]]]).series.map(slopeOf)).toEqual([undefined]);
});

test('a plot has both axes from zero and a point for each size', () => {
  const { series } = collected([
    [50, [100]],
    [100, [200]],
  ]);
  const svg = plot('One host', 'virtual routers', series);
  // The plane is 370 by 225 from (70, 255): half of each, then all of each.
  expect(svg).toContain('<polyline points="255.0,142.5 440.0,30.0"');
  expect(svg).toContain('One host (MiB)');
  expect(svg).toContain('virtual routers</text>');
});
