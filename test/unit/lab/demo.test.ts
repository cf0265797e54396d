import { describe, expect, test } from 'vitest';
import { analyse } from '../../lab/analysis.ts';
import { formatMs, formatTable } from '../../lab/demo-display.ts';
import { faultsFound } from '../../lab/demo-rows.ts';
import { recordOf } from './record.ts';

describe('a row of the demo', () => {
  test('that must stay is good when nothing moved and nothing was lost', () => {
    expect(faultsFound('stays', 'a', analyse(recordOf(600, () => ['a'])))).toEqual([]);
  });

  test('that must stay is bad when a single echo was lost', () => {
    const analysis = analyse(recordOf(600, (at) => (at === 200 ? [] : ['a'])));
    expect(faultsFound('stays', 'a', analysis)).toEqual(['the client lost packets']);
  });

  test('that must stay is bad when the address moved', () => {
    const analysis = analyse(recordOf(600, (at) => [at < 300 ? 'a' : 'b']));
    expect(faultsFound('stays', 'a', analysis)).toEqual(['the address moved']);
  });

  test('that must move is good after one move, whatever the gap', () => {
    const analysis = analyse(recordOf(600, (at) => (at < 100 ? ['a'] : at < 400 ? [] : ['b'])));
    expect(faultsFound('moves', 'a', analysis)).toEqual([]);
  });

  test('that must move is bad when nobody took over, or the address came back', () => {
    const nobody = analyse(recordOf(600, (at) => (at < 100 ? ['a'] : [])));
    const andBack = analyse(recordOf(600, (at) => [at < 100 || at > 400 ? 'a' : 'b']));
    const complaint = ['the address did not move just once, to the other host'];
    expect(faultsFound('moves', 'a', nobody)).toEqual(complaint);
    expect(faultsFound('moves', 'a', andBack)).toEqual(complaint);
  });

  test('is bad whenever two answered', () => {
    const analysis = analyse(recordOf(600, (at) => (at < 100 ? ['a'] : at < 104 ? ['a', 'b'] : ['b'])));
    expect(faultsFound('moves', 'a', analysis)).toEqual(['two hosts answered']);
  });
});

test('a little is never shown as nothing', () => {
  expect([0, 0.01, 3.1428, 12.6].map(formatMs)).toEqual(['0', '0.1', '3.1', '13']);
});

test('columns are as wide as their widest cell', () => {
  expect(
    formatTable([
      ['fault', 'ms'],
      ['host lost', '319'],
    ]),
  ).toBe(['fault     | ms', '----------|----', 'host lost | 319'].join('\n'));
});
