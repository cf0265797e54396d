import { expect, test } from 'vitest';
import { LOOK_EVERY_MS, Silence } from '../../../agent/guardian/silence.ts';

test('an engine without progress is silent for as long as the guardian has looked on', () => {
  const silence = new Silence(1_000);
  const lengths = [1, 2, 3].map((looks) => silence.look(1_000 + looks * LOOK_EVERY_MS));
  expect(lengths).toEqual([LOOK_EVERY_MS, 2 * LOOK_EVERY_MS, 3 * LOOK_EVERY_MS]);
});

test('progress ends the silence', () => {
  const silence = new Silence(0);
  silence.look(LOOK_EVERY_MS);
  silence.end();
  expect(silence.look(2 * LOOK_EVERY_MS)).toBe(LOOK_EVERY_MS);
});

test('time in which the guardian stood still itself says next to nothing about the engine', () => {
  const silence = new Silence(0);
  expect(silence.look(60_000)).toBe(2 * LOOK_EVERY_MS);
});
