import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programProblem } from '../../../agent/program/program-safety.ts';

let folder: string;
let program: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-program-'));
  mkdirSync(join(folder, 'inner'));
  program = join(folder, 'inner', 'check');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(mode: number): void {
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, mode);
}

test('a program that only its owner may change may be run', () => {
  written(0o755);
  expect(programProblem(program)).toBeUndefined();
  expect(programProblem('/bin/sh')).toBeUndefined();
});

test('says which path and mode is wrong, and what to do', () => {
  written(0o757);
  expect(programProblem(program)).toBe(
    `${program}: everyone may write to ${program} (mode 0757): chmod o-w ${program}`,
  );
  written(0o644);
  expect(programProblem(program)).toContain(`chmod +x ${program}`);
  expect(programProblem(join(folder, 'none'))).toBe(`${join(folder, 'none')}: there is no such file`);
  expect(programProblem(folder)).toBe(`${folder} is no file`);
});

test('a folder above it counts as well, and where a link leads', () => {
  written(0o755);
  const inner = join(folder, 'inner');
  const link = join(folder, 'link');
  symlinkSync(program, link);
  chmodSync(inner, 0o777);
  expect(programProblem(link)).toContain(`everyone may write to ${inner} (mode 0777)`);
  chmodSync(inner, 0o755);
  expect(programProblem(link)).toBeUndefined();
});

test('so does a folder in which a link on the way could be exchanged', () => {
  written(0o755);
  const open = join(folder, 'open');
  mkdirSync(open);
  symlinkSync(program, join(open, 'check'));
  const way = join(folder, 'way');
  symlinkSync(join(open, 'check'), way);
  expect(programProblem(way)).toBeUndefined();
  chmodSync(open, 0o777);
  expect(programProblem(way)).toContain(`everyone may write to ${open} (mode 0777)`);
});

test.runIf(process.getuid?.() === 0)('whoever owns the file could change it', () => {
  written(0o755);
  chownSync(program, 65_534, 0);
  expect(programProblem(program)).toContain('belongs to user 65534');
  chownSync(program, 0, 65_534);
  chmodSync(program, 0o775);
  expect(programProblem(program)).toContain('group 65534 may write');
});
