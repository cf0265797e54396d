import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rehearseHandover } from '../../../agent/guardian/rehearsal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-rehearsal-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('every rehearsal goes all the way, to the vote for the imaginary successor, and leaves nothing behind', async () => {
  for (let round = 0; round < 3; round += 1) expect(await rehearseHandover(folder)).toBe('successor');
  expect(readdirSync(folder)).toEqual([]);
});

test('a rehearsal that fails harms nobody', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(await rehearseHandover(file)).toBeUndefined();
});
