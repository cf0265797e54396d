import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PageFile } from '../../../agent/state/page-file.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-page-'));
  path = join(folder, 'run', 'page');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what is written is read, by another process too, whatever was there before', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const trimmed = text.replace(/ +$/, '');
      expect(new PageFile(path).write(trimmed)).toBeUndefined();
      expect(new PageFile(path).read()).toEqual({ kind: 'text', text: trimmed });
    }),
  );
});

test('a mixture of two texts is never taken for one', () => {
  const [before, after] = ['{"holder":"a","endUs":5000000}', '{"holder":"b","endUs":7000000}'].map((text) => {
    expect(new PageFile(path).write(text)).toBeUndefined();
    return readFileSync(path);
  });
  if (before === undefined || after === undefined) throw new Error('unreachable');
  // One that broke off anywhere is the old text, the new one, or none.
  const kinds = Array.from({ length: after.length + 1 }, (_, end) => {
    writeFileSync(path, Buffer.concat([after.subarray(0, end), before.subarray(end)]));
    const read = new PageFile(path).read();
    return read.kind === 'text' ? read.text.slice(11, 12) : read.kind;
  });
  expect(kinds[0]).toBe('a');
  expect(kinds.at(-1)).toBe('b');
  expect(kinds).toContain('damaged');
  expect([...new Set(kinds)].sort()).toEqual(['a', 'b', 'damaged']);
  expect(kinds.lastIndexOf('a')).toBeLessThan(kinds.indexOf('b'));
});

test('what cannot be: no file, a folder in its place, a text that is too long', () => {
  expect(new PageFile(path).read()).toEqual({ kind: 'missing' });
  expect(new PageFile(folder).read()).toEqual({ kind: 'unreadable', error: expect.stringContaining('EISDIR') });
  expect(new PageFile(folder).write('text')).toContain('EISDIR');
  const page = new PageFile(path);
  expect(page.write('kept')).toBeUndefined();
  expect(page.write('x'.repeat(2039))).toBe('2049 bytes are more than the 2048 that it has');
  expect(page.write('x'.repeat(2038))).toBeUndefined();
  expect(page.read()).toEqual({ kind: 'text', text: 'x'.repeat(2038) });
});

test('a full disk is an answer', () => {
  symlinkSync('/dev/full', join(folder, 'full'));
  expect(new PageFile(join(folder, 'full')).write('text')).toContain('ENOSPC');
});
