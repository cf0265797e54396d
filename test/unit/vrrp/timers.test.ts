import { activeDownIntervalUs, announcedIntervalCs, announcedIntervalS, skewTimeUs } from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';

describe('skew and down interval are exact, fractions of a microsecond included', () => {
  test.each([
    { version: 2, priority: 100, intervalUs: 1_000_000, skewUs: 609_375, downUs: 3_609_375 },
    { version: 2, priority: 254, intervalUs: 1_000_000, skewUs: 7_812.5, downUs: 3_007_812.5 },
    { version: 2, priority: 1, intervalUs: 1_000_000, skewUs: 996_093.75, downUs: 3_996_093.75 },
    { version: 3, priority: 100, intervalUs: 1_000_000, skewUs: 609_375, downUs: 3_609_375 },
    { version: 3, priority: 200, intervalUs: 1_000_000, skewUs: 218_750, downUs: 3_218_750 },
    { version: 3, priority: 254, intervalUs: 10_000, skewUs: 78.125, downUs: 30_078.125 },
    { version: 3, priority: 100, intervalUs: 4_000_000, skewUs: 2_437_500, downUs: 14_437_500 },
    { version: 3, priority: 255, intervalUs: 56_000, skewUs: 218.75, downUs: 168_218.75 },
  ] as const)(
    'version $version, priority $priority, $intervalUs us',
    ({ version, priority, intervalUs, skewUs, downUs }) => {
      expect(skewTimeUs(version, priority, intervalUs)).toBe(skewUs);
      expect(activeDownIntervalUs(version, priority, intervalUs)).toBe(downUs);
    },
  );
});

test('the skew of version 2 is a part of one second, whatever the interval (RFC 3768 section 6.1)', () => {
  expect(skewTimeUs(2, 100, 5_000_000)).toBe(609_375);
  expect(activeDownIntervalUs(2, 100, 5_000_000)).toBe(15_609_375);
});

test('two priorities never share a skew, at any version 3 interval', () => {
  for (const intervalUs of [10_000, 56_000, 1_000_000, 40_950_000]) {
    const skews = Array.from({ length: 255 }, (_, index) => skewTimeUs(3, index + 1, intervalUs));
    expect(new Set(skews).size).toBe(255);
    expect(Math.min(...skews)).toBeGreaterThan(0);
  }
});

test('an interval between two centiseconds is announced as the longer one', () => {
  expect(announcedIntervalCs(56_000)).toBe(6);
  expect(announcedIntervalCs(60_000)).toBe(6);
  expect(announcedIntervalCs(1)).toBe(1);
  expect(announcedIntervalCs(40_950_000)).toBe(4095);
});

test('an interval that version 3 cannot announce is an error, not a wrapped number', () => {
  for (const intervalUs of [0, -1, 40_950_001, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => announcedIntervalCs(intervalUs)).toThrow(RangeError);
  }
});

test('version 2 announces whole seconds from 1 to 255 only', () => {
  expect(announcedIntervalS(1_000_000)).toBe(1);
  expect(announcedIntervalS(255_000_000)).toBe(255);
  for (const intervalUs of [0, 999_999, 1_500_000, 256_000_000, Number.NaN]) {
    expect(() => announcedIntervalS(intervalUs)).toThrow(RangeError);
  }
});
