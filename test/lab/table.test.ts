import { beforeAll, expect, test } from 'vitest';
import { measureRows, type Progress } from './measure-rows.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { judge, type Outcome, outcomeInWords } from './table-outcome.ts';
import { rowOf, type TableRow } from './table-rows.ts';

// The short form of `npm run lab:table`: the rows that no other test of the lab measures, once each, and the partition, at
// which the two systems must differ. Limits in ms are the long form's: one run on a shared machine says little of them.

const PARTITION = rowOf('partition');
const ROWS = [
  rowOf('planned handover'),
  rowOf("the owner's LAN link lost, uplink alive"),
  PARTITION,
  rowOf('service check fails'),
];
const ONCE = 1;
const QUIETLY: Progress = { doing: () => undefined, watching: () => undefined, failed: () => undefined };
const TABLE_TIMEOUT_MS = 240_000;

let keepalived: Map<TableRow, Outcome>;
let tiebreak: Map<TableRow, Outcome>;
beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived']);
  keepalived = await measureRows('keepalived', [PARTITION], ONCE, QUIETLY);
  tiebreak = await measureRows('tiebreak', ROWS, ONCE, QUIETLY);
}, TABLE_TIMEOUT_MS);

const NOTHING: Outcome = { kind: 'none' };

test.each(ROWS)('$title: the address goes where it must, and never has two owners', (row) => {
  const outcome = tiebreak.get(row) ?? NOTHING;
  const said = outcome.kind === 'failed' ? outcome.why : outcomeInWords(outcome);
  console.info(`${row.title}: ${said}`);
  expect(judge(row.target, outcome, NOTHING).safe, said).toBe(true);
});

test('keepalived shows two owners in the partition of the same table', () => {
  const outcome = keepalived.get(PARTITION) ?? NOTHING;
  expect(outcomeInWords(outcome)).toMatch(/^two owners/);
  expect(judge(PARTITION.target, outcome, NOTHING)).toEqual({ safe: false, met: false });
});
