import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegisterRecord } from '@tiebreak/shared/lease';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PageFile } from '../../../agent/state/page-file.ts';
import { openRegisterFile, type RegisterFileOptions } from '../../../agent/state/register-file.ts';

let folder: string;
let problems: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-register-'));
  problems = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const RECORD: RegisterRecord = {
  holder: 'a',
  ballot: { counter: 7, node: 'a' },
  endUs: 5_250_000.125,
  highestGranted: { counter: 7, node: 'a' },
  released: { counter: 6, node: 'b' },
};

function path(): string {
  return join(folder, 'run', 'register-edge');
}

/** The second run of this boot, unless told otherwise. */
function open(changes: Partial<RegisterFileOptions> = {}) {
  return openRegisterFile({
    runDir: join(folder, 'run'),
    group: 'edge',
    bootId: 'this boot',
    incarnation: 2,
    previous: { incarnation: 1, bootId: 'this boot' },
    nowUs: 3_000_000,
    onProblem: (text) => problems.push(text),
    ...changes,
  });
}

function recordedByTheFirstRun(record = RECORD): void {
  expect(open({ incarnation: 1, previous: { incarnation: 0, bootId: undefined } }).record(record)).toBe(true);
}

describe('what a start finds (L9)', () => {
  test.each([RECORD, { ...RECORD, endUs: null }, { ...RECORD, holder: null }])(
    'the record of the last run, if it was this boot: %j',
    (record) => {
      recordedByTheFirstRun(record);
      expect(open().found).toEqual({ kind: 'recorded', record });
    },
  );

  test('a run that changes nothing hands the record on to the next', () => {
    recordedByTheFirstRun();
    open();
    const third = open({ incarnation: 3, previous: { incarnation: 2, bootId: 'this boot' } });
    expect(third.found).toEqual({ kind: 'recorded', record: RECORD });
  });

  test('a record that a later run has not kept up (another run_dir meanwhile) counts for nothing', () => {
    recordedByTheFirstRun();
    const third = open({ incarnation: 3, previous: { incarnation: 2, bootId: 'this boot' } });
    expect(third.found).toEqual({ kind: 'nothing' });
  });

  test('no record, and the agent has run in this boot: nothing', () => {
    expect(open().found).toEqual({ kind: 'nothing' });
  });

  test('no record, and state_dir knows of no run at all: nothing, for it may have been lost', () => {
    expect(open({ previous: { incarnation: 0, bootId: undefined } }).found).toEqual({ kind: 'nothing' });
  });

  test.each(['no record', 'a record of the boot before'])(
    '%s, in a boot in which it has not run: the uptime',
    (what) => {
      if (what !== 'no record') recordedByTheFirstRun();
      const next = open({ bootId: 'next boot', previous: { incarnation: 1, bootId: 'this boot' } });
      expect(next.found).toEqual({ kind: 'new_boot', uptimeUs: 3_000_000 });
    },
  );

  test.each([
    ['empty', () => ''],
    ['cut off', (text: string) => text.slice(0, -9)],
    ['a mixture of two records', (text: string) => text.replace('5250000', '5350000')],
  ])('a damaged file (%s) counts as nothing, and is told of', (_what, damage) => {
    recordedByTheFirstRun();
    writeFileSync(path(), damage(readFileSync(path(), 'utf8')));
    expect(open({ bootId: 'next boot' }).found).toEqual({ kind: 'nothing' });
    expect(problems).toEqual([expect.stringMatching(/register-edge: is damaged; every promise/)]);
  });
});

test.each([
  ['another version', (text: string) => text.replace('"version":1', '"version":2')],
  ['no end', (text: string) => text.replace('"endUs"', '"end"')],
])('a whole record with %s counts as damaged too', (_what, change) => {
  recordedByTheFirstRun();
  const page = new PageFile(path());
  const read = page.read();
  if (read.kind !== 'text') throw new Error(read.kind);
  expect(page.write(change(read.text))).toBeUndefined();
  expect(open().found).toEqual({ kind: 'nothing' });
  expect(problems).toEqual([expect.stringMatching(/register-edge: is damaged/)]);
});

describe('recording', () => {
  test('only the agent reads it', () => {
    recordedByTheFirstRun();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test('a run_dir that has gone is made again', () => {
    const file = open();
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    expect(file.record(RECORD)).toBe(true);
    expect(existsSync(path())).toBe(true);
  });

  test('a failure is an answer, leaves the old record, and is told of', () => {
    recordedByTheFirstRun();
    const file = open();
    const before = readFileSync(path(), 'utf8');
    expect(file.record({ ...RECORD, holder: 'b'.repeat(2000) })).toBe(false);
    expect(readFileSync(path(), 'utf8')).toBe(before);
    expect(problems.at(-1)).toMatch(/register-edge: cannot be written/);
  });
});
