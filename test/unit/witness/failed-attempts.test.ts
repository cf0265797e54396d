import { expect, it } from 'vitest';
import { FailedAttempts } from '../../../witness/failed-attempts.ts';

const [SITE, OTHER] = ['192.0.2.1', '198.51.100.1'];

function guess(attempts: FailedAttempts, count: number, nowMs: number): void {
  for (let index = 0; index < count; index += 1) attempts.failed(SITE, `guess-${index}`, nowMs);
}

it('lets an address fail sixty times, and then once a second', () => {
  const attempts = new FailedAttempts();
  guess(attempts, 59, 0);
  expect(attempts.mayTry(SITE, 'another', 0)).toBe(true);
  guess(attempts, 1, 0);
  expect(attempts.mayTry(SITE, 'another', 999)).toBe(false);
  expect(attempts.mayTry(SITE, 'another', 1_000)).toBe(true);
  expect(attempts.mayTry(OTHER, 'another', 0)).toBe(true);
});

it('does not shut out a node whose token was good, whoever guesses behind the same address', () => {
  const attempts = new FailedAttempts();
  attempts.succeeded('good');
  guess(attempts, 1_000, 0);
  expect(attempts.mayTry(SITE, 'good', 0)).toBe(true);
  expect(attempts.mayTry(SITE, 'bad', 0)).toBe(false);
  // It was revoked meanwhile.
  attempts.failed(SITE, 'good', 0);
  expect(attempts.mayTry(SITE, 'good', 0)).toBe(false);
});

it('remembers ten thousand tokens, and forgets the one that was not used for longest', () => {
  const attempts = new FailedAttempts();
  attempts.succeeded('first');
  attempts.succeeded('second');
  for (let index = 0; index < 9_998; index += 1) attempts.succeeded(`token-${index}`);
  attempts.succeeded('first');
  attempts.succeeded('one more');
  guess(attempts, 60, 0);
  expect(attempts.mayTry(SITE, 'first', 0)).toBe(true);
  expect(attempts.mayTry(SITE, 'second', 0)).toBe(false);
});
