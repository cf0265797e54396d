import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tokenReader } from '../../../agent/engine/witness-token.ts';

const WITNESS = 'aa'.repeat(16);
const [FORMER, LATTER] = ['01', '02'].map((byte) => `tbn1.${WITNESS}.${byte.repeat(32)}`);
const FOREIGN = `tbn1.${'bb'.repeat(16)}.${'03'.repeat(32)}`;

let directory: string;
let file: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-token-'));
  file = join(directory, 'witness.token');
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const reader = () =>
  tokenReader(
    () => file,
    WITNESS,
    (text) => warnings.push(text),
  );

test('reads what the file holds now', () => {
  writeFileSync(file, `${FORMER}\n`, { mode: 0o600 });
  const read = reader();
  expect(read()).toBe(FORMER);
  writeFileSync(file, `${LATTER}\n`);
  expect(read()).toBe(LATTER);
  expect(warnings).toEqual([]);
});

test('does not take the token of another witness, and says so once (L14)', () => {
  writeFileSync(file, FOREIGN, { mode: 0o600 });
  const read = reader();
  expect([read(), read()]).toEqual([undefined, undefined]);
  expect(warnings).toEqual([
    `${file} holds the token of another witness: 'tiebreak reload' on every node goes over to that one`,
  ]);
});

test('tells what is wrong with the file, once, and never what it holds', () => {
  const read = reader();
  expect([read(), read()]).toEqual([undefined, undefined]);
  writeFileSync(file, `${FORMER}0`, { mode: 0o600 });
  expect(read()).toBeUndefined();
  expect(warnings).toEqual([
    `${file}: there is no such file`,
    `${file}: is not a token of a witness: it starts with tbn1. and is one line`,
  ]);
});
