import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../agent/config/duration.ts';

it.each([
  ['0s', 0],
  ['1us', 1],
  ['250ms', 250_000],
  ['0.29s', 290_000],
  ['1.5s', 1_500_000],
  ['1m', 60_000_000],
  ['24h', 86_400_000_000],
])('%s is %d microseconds', (text, us) => {
  expect(parseDuration(text)).toBe(us);
});

it.each([
  '',
  '1',
  's',
  '-1s',
  '+1s',
  '1 s',
  '1S',
  '1.s',
  '.5s',
  '1e3ms',
  '0.5us',
  '25h',
  '1d',
  '1s\n',
  '9'.repeat(400),
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

it('what is formatted reads back as the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 86_400_000_000 }), (us) => {
      expect(parseDuration(formatDuration(us))).toBe(us);
    }),
  );
});
