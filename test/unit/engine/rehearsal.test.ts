import { expect, test } from 'vitest';
import { rehearseTakeovers } from '../../../agent/engine/rehearsal.ts';

test('every rehearsal takes the group over and hands it on', () => {
  expect(rehearseTakeovers(5)).toBe(5);
});
