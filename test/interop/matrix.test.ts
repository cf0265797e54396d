import { beforeAll, describe, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from '../lab/prerequisites.ts';
import { runBatch } from './matrix/batch.ts';
import { CELLS, type PeerName, type Side } from './matrix/cells.ts';
import { requireFrr } from './matrix/frr.ts';
import { complaintOf, isGreen, table, type Verdict } from './matrix/verdict.ts';

// docs/interop.md: mode "vrrp" beside keepalived and FRR, every combination that both sides know.

const BATCHES: readonly (readonly [PeerName, Side])[] = [
  ['keepalived', 'ours'],
  ['keepalived', 'theirs'],
  ['FRR', 'ours'],
  ['FRR', 'theirs'],
];

let verdicts: Verdict[];

beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived', 'tshark']);
  requireFrr();
  const done = await Promise.all(
    BATCHES.map(([peer, stronger]) => {
      const cells = CELLS.filter((cell) => cell.peer === peer && cell.stronger === stronger);
      return runBatch(peer, stronger, cells);
    }),
  );
  verdicts = done.flat();
  console.info(table(verdicts));
}, 240_000);

test('every cell has been looked at', () => {
  expect(verdicts.map(({ cell }) => cell)).toHaveLength(CELLS.length);
});

describe.each(BATCHES)('%s, the stronger one is %s', (peer, stronger) => {
  test('exactly one owns, the right one, and both understand each other', () => {
    const red = verdicts.filter(
      (verdict) => verdict.cell.peer === peer && verdict.cell.stronger === stronger && !isGreen(verdict),
    );
    expect(red.map(complaintOf).join('\n\n')).toBe('');
  });
});
