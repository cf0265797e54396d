import { describe, expect, it } from 'vitest';
import { firstVacancyUs, ownedUs, Tenures } from '../../../agent/simulation/tenures.ts';

const CLOSED = Number.NEGATIVE_INFINITY;

describe('who owned when', () => {
  it('an extended fence is one tenure, which ends when it runs out', () => {
    const tenures = new Tenures();
    tenures.note('a', 0, 100);
    tenures.note('a', 50, 150);
    expect(tenures.all).toEqual([{ node: 'a', fromUs: 0, untilUs: 150 }]);
  });

  it('one that is closed ends at once, and one that has run out begins anew', () => {
    const tenures = new Tenures();
    tenures.note('a', 0, 100);
    tenures.note('a', 30, CLOSED);
    tenures.note('a', 60, 90);
    tenures.note('a', 95, CLOSED);
    expect(tenures.all).toEqual([
      { node: 'a', fromUs: 0, untilUs: 30 },
      { node: 'a', fromUs: 60, untilUs: 90 },
    ]);
  });

  it('counts the time with one owner and with two, within a span', () => {
    const tenures = [
      { node: 'a', fromUs: 0, untilUs: 100 },
      { node: 'b', fromUs: 80, untilUs: 300 },
      { node: 'a', fromUs: 400, untilUs: 900 },
    ];
    expect(ownedUs(tenures, 1, 50, 500)).toBe(250 + 100);
    expect(ownedUs(tenures, 2, 0, 1000)).toBe(20);
    expect(ownedUs(tenures, 2, 100, 1000)).toBe(0);
  });

  it('a successor that opens at the moment of the end is no second owner', () => {
    const tenures = [
      { node: 'b', fromUs: 100, untilUs: 200 },
      { node: 'a', fromUs: 0, untilUs: 100 },
    ];
    expect(ownedUs(tenures, 2, 0, 200)).toBe(0);
    expect(ownedUs(tenures, 1, 0, 200)).toBe(200);
    expect(firstVacancyUs(tenures, 0, 200)).toBeUndefined();
  });

  it('finds when nobody owned for the first time', () => {
    const tenures = [
      { node: 'a', fromUs: 0, untilUs: 100 },
      { node: 'b', fromUs: 90, untilUs: 300 },
    ];
    expect(firstVacancyUs(tenures, 50, 1000)).toBe(300);
    expect(firstVacancyUs(tenures, 350, 1000)).toBe(350);
    expect(firstVacancyUs(tenures, 50, 300)).toBeUndefined();
  });
});
