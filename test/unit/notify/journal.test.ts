import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetOtherJournals, journalPath, readJournal, untold } from '../../../agent/notify/journal.ts';
import { JournalWriter } from '../../../agent/notify/journal-writer.ts';
import { change } from './changes.ts';

let stateDir = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'tiebreak-notify-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const first = change(1, 'backup');
const second = change(2, 'active');

it('holds what was queued and not told, with the attempts, in order', () => {
  const path = journalPath(stateDir, 'pager');
  const journal = new JournalWriter(path, []);
  journal.record({ type: 'record-queued', change: first });
  journal.record({ type: 'record-queued', change: second });
  journal.record({ type: 'record-attempt', id: first.id });
  expect(readJournal(path)).toEqual([
    { change: first, attempts: 1 },
    { change: second, attempts: 0 },
  ]);
  journal.record({ type: 'record-done', id: first.id });
  expect(readJournal(path)).toEqual([{ change: second, attempts: 0 }]);
  journal.close();
});

it('names the program that is being told, until the attempt has come to its end', () => {
  const path = journalPath(stateDir, 'pager');
  const program = { bootId: 'boot', pid: 7, startTicks: '123' };
  const journal = new JournalWriter(path, []);
  journal.record({ type: 'record-queued', change: first });
  journal.record({ type: 'record-queued', change: second });
  journal.record({ type: 'record-program', id: first.id, program });
  expect(readJournal(path)).toEqual([
    { change: first, attempts: 0, program },
    { change: second, attempts: 0 },
  ]);
  journal.record({ type: 'record-attempt', id: first.id });
  expect(readJournal(path)?.[0]).toEqual({ change: first, attempts: 1 });
  journal.record({ type: 'record-program', id: first.id, program });
  journal.record({ type: 'record-done', id: first.id });
  expect(readJournal(path)).toEqual([{ change: second, attempts: 0 }]);
  journal.close();
});

it('is empty once everything has been told, and its owner’s alone', () => {
  const path = journalPath(stateDir, 'pager');
  const journal = new JournalWriter(path, []);
  journal.record({ type: 'record-queued', change: first });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  journal.record({ type: 'record-done', id: first.id });
  expect(readFileSync(path, 'utf8')).toBe('');
  journal.close();
});

it('goes on where an earlier run ended, whose last line may be cut anywhere', () => {
  const path = journalPath(stateDir, 'pager');
  const earlier = new JournalWriter(path, []);
  earlier.record({ type: 'record-queued', change: first });
  earlier.record({ type: 'record-queued', change: second });
  earlier.close();
  const whole = readFileSync(path, 'utf8');
  for (let length = 0; length <= whole.length; length += 1) {
    const ids = untold(whole.slice(0, length)).map((queued) => queued.change.id);
    expect([[], [first.id], [first.id, second.id]]).toContainEqual(ids);
  }
  const waiting = readJournal(path);
  const later = new JournalWriter(path, waiting);
  later.record({ type: 'record-done', id: first.id });
  expect(readJournal(path)).toEqual([{ change: second, attempts: 0 }]);
  later.record({ type: 'record-done', id: second.id });
  expect(readFileSync(path, 'utf8')).toBe('');
  later.close();
});

it('that could not be read is never emptied: what it holds may be readable at the next start', () => {
  const path = journalPath(stateDir, 'pager');
  const earlier = new JournalWriter(path, []);
  earlier.record({ type: 'record-queued', change: first });
  earlier.close();
  const later = new JournalWriter(path, undefined);
  later.record({ type: 'record-queued', change: second });
  later.record({ type: 'record-done', id: second.id });
  later.close();
  expect(readJournal(path)).toEqual([{ change: first, attempts: 0 }]);
  mkdirSync(journalPath(stateDir, 'folder'));
  expect(readJournal(journalPath(stateDir, 'folder'))).toBeUndefined();
  expect(readJournal(journalPath(stateDir, 'none'))).toEqual([]);
});

it('that cannot be opened is written as soon as it can', () => {
  const path = journalPath(stateDir, 'pager');
  writeFileSync(join(stateDir, 'notify'), 'in the way');
  const journal = new JournalWriter(path, []);
  expect(() => journal.record({ type: 'record-queued', change: first })).toThrow();
  rmSync(join(stateDir, 'notify'));
  journal.record({ type: 'record-queued', change: second });
  journal.close();
  expect(readJournal(path)).toEqual([{ change: second, attempts: 0 }]);
});

it('of a receiver that is configured no more is removed, and what it held is told of', () => {
  const journal = new JournalWriter(journalPath(stateDir, 'former'), []);
  journal.record({ type: 'record-queued', change: first });
  journal.close();
  new JournalWriter(journalPath(stateDir, 'pager'), []).close();
  expect(forgetOtherJournals(stateDir, ['pager'])).toEqual([{ change: first, attempts: 0 }]);
  expect(readdirSync(join(stateDir, 'notify'))).toEqual(['pager.jsonl']);
  expect(forgetOtherJournals(join(stateDir, 'none'), [])).toEqual([]);
});
