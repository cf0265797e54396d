import { beforeAll, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from '../../lab/prerequisites.ts';
import { measureSections, SHORT_FORM } from '../plan.ts';
import type { Measurement } from '../report/measurement.ts';
import { isStable, readReference, regression } from '../report/regression.ts';
import { tableOf } from '../report/table.ts';

// Ratios, never times: they hold on another machine too. Which of them are stable enough, reference.json says by its spread.

const { ratios } = readReference();
const JUDGED = Object.entries(ratios).filter(([, ratio]) => isStable(ratio));
let measurements: readonly Measurement[];

beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived']);
  measurements = await measureSections(SHORT_FORM, () => undefined);
  console.info(tableOf(measurements));
});

test('everything could be measured', () => {
  expect(measurements.flatMap(({ title, broken }) => (broken === undefined ? [] : [`${title}: ${broken}`]))).toEqual(
    [],
  );
});

test('there are ratios to judge', () => {
  expect(JUDGED.length).toBeGreaterThan(0);
});

test.each(JUDGED)('%s is not more than 30 %% worse than its reference', (id, reference) => {
  const measurement = measurements.find((each) => each.id === id);
  expect(
    measurement && regression(measurement, reference),
    measurement?.title ?? `${id} was not measured`,
  ).toBeUndefined();
  expect(measurement).toBeDefined();
});
