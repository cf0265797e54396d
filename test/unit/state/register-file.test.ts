import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegisterRecord } from '@tiebreak/shared/lease';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
  return join(folder, 'run', 'register-edge.json');
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
    ['of another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['without an end', (text: string) => text.replace('"endUs"', '"end"')],
  ])('a damaged file (%s) counts as nothing, and is told of', (_what, damage) => {
    recordedByTheFirstRun();
    writeFileSync(path(), damage(readFileSync(path(), 'utf8')));
    expect(open({ bootId: 'next boot' }).found).toEqual({ kind: 'nothing' });
    expect(problems).toEqual([expect.stringMatching(/register-edge\.json: is damaged; every promise/)]);
  });
});

describe('recording', () => {
  test('what a crash has left half written is not looked at', () => {
    recordedByTheFirstRun();
    writeFileSync(`${path()}.new`, '{"vers');
    expect(open().found.kind).toBe('recorded');
  });

  test('only the agent reads it', () => {
    recordedByTheFirstRun();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path()}.new`)).toBe(false);
  });

  test('a run_dir that has gone is made again', () => {
    const file = open();
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    expect(file.record(RECORD)).toBe(true);
    expect(existsSync(path())).toBe(true);
  });

  test('a failure is an answer, leaves the old record, and is told of', () => {
    recordedByTheFirstRun();
    const before = readFileSync(path(), 'utf8');
    mkdirSync(`${path()}.new`);
    const file = open();
    expect(file.record({ ...RECORD, holder: 'b' })).toBe(false);
    expect(readFileSync(path(), 'utf8')).toBe(before);
    expect(problems.at(-1)).toMatch(/register-edge\.json: cannot be written/);
  });
});
