import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HistoryEntry } from '@tiebreak/shared/wire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HistoryLog, openHistoryFile } from '../../../agent/history/index.ts';
import { ENTRY } from '../api/sources.ts';

let folder: string;
let failures: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-history-'));
  failures = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (stateDir = folder) => openHistoryFile(stateDir, (text) => failures.push(text));
const entry = (counter: number): HistoryEntry => ({ ...ENTRY, ballot: { counter, node: 'a' } });
const counters = (entries: readonly HistoryEntry[]): number[] => entries.map(({ ballot }) => ballot.counter);

test('what was decided is known after a restart, in order', async () => {
  const first = open();
  const log = new HistoryLog({ ...first, incarnation: 3 });
  for (let counter = 1; counter <= 50; counter += 1) log.add(entry(counter));
  await first.flush();
  const again = open();
  expect(counters(again.earlier)).toEqual(counters(log.entries));
  expect(counters(again.earlier).at(-1)).toBe(50);
});

test('a line that a crash has cut short is skipped, the others are kept', async () => {
  const first = open();
  first.append(entry(1));
  await first.flush();
  appendFileSync(join(folder, 'history.jsonl'), '{"at":"2026-\n');
  appendFileSync(join(folder, 'history.jsonl'), `${JSON.stringify(entry(2))}\n`);
  expect(counters(open().earlier)).toEqual([1, 2]);
});

test('the file is bounded: one before it is kept, and no more', async () => {
  writeFileSync(join(folder, 'history.jsonl'), `${JSON.stringify(entry(1))}\n${'x'.repeat(2_000_001)}\n`);
  const file = open();
  file.append(entry(2));
  file.append(entry(3));
  await file.flush();
  expect(readFileSync(join(folder, 'history.jsonl'), 'utf8').split('\n')).toHaveLength(3);
  expect(counters(open().earlier)).toEqual([1, 2, 3]);
});

test('in memory the last thousand are kept', () => {
  const log = new HistoryLog({ earlier: [], append: () => {}, incarnation: 3 });
  for (let counter = 1; counter <= 1_500; counter += 1) log.add(entry(counter));
  expect(counters(log.entries)).toHaveLength(1_000);
  expect(counters(log.entries)[0]).toBe(501);
});

test('a disk that cannot be written is complained of, and nothing else', async () => {
  const file = open(join(folder, 'gone'));
  file.append(entry(1));
  await file.flush();
  expect(failures).toEqual([expect.stringContaining('history.jsonl: cannot be written')]);
});
