import { beforeAll, describe, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from '../lab/prerequisites.ts';
import { batchesOf, runBatch } from './matrix/batch.ts';
import { CELLS, type PeerName } from './matrix/cells.ts';
import { requireFrr } from './matrix/frr.ts';
import { refusalOfMessageChecksum } from './matrix/message-checksum.ts';
import { complaintOf, isGreen, table, type Verdict } from './matrix/verdict.ts';

// docs/interop.md: mode "vrrp" beside keepalived and FRR, in every combination that both sides know.

const PEERS: readonly PeerName[] = ['keepalived', 'FRR'];

let verdicts: Verdict[];

beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived', 'tshark']);
  requireFrr();
  verdicts = (await Promise.all(batchesOf(CELLS).map(runBatch))).flat();
  console.info(table(verdicts));
}, 240_000);

test('every cell has been looked at', () => {
  expect(new Set(verdicts.map(({ cell }) => cell))).toEqual(new Set(CELLS));
});

describe.each(PEERS)('beside %s', (peer) => {
  // Why the matrix has one form of it alone. Later versions of both know the other one.
  test('a checksum of the message alone is refused', async () => {
    expect(await refusalOfMessageChecksum(peer)).toMatch(/checksum/i);
  });

  test('exactly one owns, the right one, and each understands the other', () => {
    const red = verdicts.filter((verdict) => verdict.cell.peer === peer && !isGreen(verdict));
    expect(red.map(complaintOf).join('\n\n')).toBe('');
  });
});
