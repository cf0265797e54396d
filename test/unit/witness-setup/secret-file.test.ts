import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PreparedFile, prepareSecretFile } from '../../../agent/witness-setup/index.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-secret-'));
  file = join(directory, 'new', 'witness.token');
});
afterEach(() => rmSync(directory, { recursive: true }));

function prepared(path: string, replace = true): PreparedFile {
  const made = prepareSecretFile(path, { replace });
  if (!made.ok) throw new Error(made.reason);
  return made.file;
}

const mode = (path: string) => statSync(path).mode & 0o777;

test('makes folder and file for this user alone, whatever the umask is', () => {
  const former = process.umask(0);
  try {
    expect(prepared(file).write('secret\n')).toEqual({ ok: true });
  } finally {
    process.umask(former);
  }
  expect([readFileSync(file, 'utf8'), mode(file), mode(join(directory, 'new'))]).toEqual(['secret\n', 0o600, 0o700]);
  expect(readdirSync(join(directory, 'new'))).toEqual(['witness.token']);
});

test('until it is written the former file is there, and nothing of an abandoned one stays', () => {
  prepared(file).write('former');
  chmodSync(file, 0o644);
  const fresh = prepared(file);
  expect(readFileSync(file, 'utf8')).toBe('former');
  fresh.abandon();
  expect(readdirSync(join(directory, 'new'))).toEqual(['witness.token']);
  expect(prepared(file).write('latter')).toEqual({ ok: true });
  expect([readFileSync(file, 'utf8'), mode(file)]).toEqual(['latter', 0o600]);
});

test('refuses what is there unless it may be replaced, also if it has come meanwhile', () => {
  const late = prepared(file, false);
  writeFileSync(file, "someone else's");
  const outcome = late.write('secret');
  expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining('EEXIST') });
  expect(readFileSync(file, 'utf8')).toBe("someone else's");
  // What was issued is not lost.
  const savedIn = outcome.ok ? undefined : outcome.savedIn;
  expect(savedIn === undefined ? undefined : [readFileSync(savedIn, 'utf8'), mode(savedIn)]).toEqual(['secret', 0o600]);
  expect(prepareSecretFile(file, { replace: false })).toEqual({ ok: false, reason: `${file} is there already` });
});

test('follows no symbolic link, be it to a file or to nothing', () => {
  const target = join(directory, 'target');
  writeFileSync(target, 'not to be touched', { mode: 0o644 });
  for (const to of [target, join(directory, 'nowhere')]) {
    const link = join(directory, 'link');
    symlinkSync(to, link);
    expect(prepareSecretFile(link, { replace: true })).toEqual({
      ok: false,
      reason: `${link} is a symbolic link: remove it, or name another place`,
    });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    rmSync(link);
  }
  expect(readFileSync(target, 'utf8')).toBe('not to be touched');
  expect(readdirSync(directory)).toEqual(['target']);
});

test('says what is in the way before there is a secret to lose', () => {
  mkdirSync(file, { recursive: true });
  expect(prepareSecretFile(file, { replace: true })).toMatchObject({
    reason: expect.stringContaining('is a directory'),
  });
  const plain = join(directory, 'plain');
  writeFileSync(plain, '');
  expect(prepareSecretFile(join(plain, 'witness.token'), { replace: true })).toMatchObject({
    ok: false,
    reason: expect.stringContaining(`${plain}/witness.token cannot be written`),
  });
});
