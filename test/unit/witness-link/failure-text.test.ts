import { expect, test } from 'vitest';
import { failureText } from '../../../agent/witness-link/socket.ts';

function failure(code: string): Error {
  return Object.assign(new Error('the library says so'), { code });
}

test('a clock that a dead battery has set back is named as the cause, with what it says', () => {
  const text = failureText(failure('CERT_NOT_YET_VALID'), 42_000);
  expect(text).toContain('clock (1970-01-01)');
  expect(text).toContain('set the clock');
});

test('an expired certificate may be the clock too', () => {
  expect(failureText(failure('CERT_HAS_EXPIRED'), Date.UTC(2040, 4, 1))).toContain('clock (2040-05-01)');
});

test('any other failure is its code, or what the library says', () => {
  expect(failureText(failure('ECONNREFUSED'))).toBe('ECONNREFUSED');
  expect(failureText(new Error('odd'))).toBe('odd');
});
