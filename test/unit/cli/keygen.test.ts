import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseKeyFile } from '../../../agent/config/index.ts';
import { tiebreak } from './command.ts';

vi.setConfig({ testTimeout: 30_000 });

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-keygen-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('prints what the file of its kind is to hold, another one each time', async () => {
  const [first, second] = [await tiebreak('keygen'), await tiebreak('keygen', 'group', '--id', '7')];
  expect(first).toEqual({ code: 0, stderr: '', stdout: expect.stringMatching(/^1 [0-9a-f]{64}\n$/) });
  expect(second.stdout).toMatch(/^7 [0-9a-f]{64}\n$/);
  expect(second.stdout.slice(2)).not.toBe(first.stdout.slice(2));
  expect((await tiebreak('keygen', 'webhook')).stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
  expect((await tiebreak('keygen', 'api')).stdout).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
});

it('writes a file for nobody else’s eyes, and over none', async () => {
  const file = join(folder, 'a', 'edge.key');
  expect(await tiebreak('keygen', '--out', file)).toEqual({ code: 0, stdout: '', stderr: `tiebreak: wrote ${file}\n` });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = readFileSync(file, 'utf8');
  const again = await tiebreak('keygen', '--out', file);
  expect(again).toEqual({ code: 1, stdout: '', stderr: `tiebreak: ${file} is there already\n` });
  expect(readFileSync(file, 'utf8')).toBe(before);
});

it('adds a key as the last one, under an ID that is free', async () => {
  const file = join(folder, 'edge.key');
  await tiebreak('keygen', '--out', file);
  const [first] = readFileSync(file, 'utf8').split('\n');
  expect((await tiebreak('keygen', '--add', file)).code).toBe(0);
  expect((await tiebreak('keygen', '--add', file, '--id', '2')).stderr).toContain('the key ID 2 is there already');
  const parsed = parseKeyFile(readFileSync(file, 'utf8'));
  expect(parsed.ok && parsed.value.map(({ id }) => id)).toEqual([1, 2]);
  expect(readFileSync(file, 'utf8').split('\n')[0]).toBe(first);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it.each([
  [['keygen', 'webhook', '--id', '2'], "--add and --id are for a group's key"],
  [['keygen', '--id', '256'], 'It must be a number from 1 to 255.'],
  [['keygen', 'node'], 'Allowed choices are group, webhook, api'],
  [['keygen', '--add', 'x', '--out', 'y'], '--add and --out exclude each other'],
])('%j is wrong usage', async (args, message) => {
  const { code, stderr } = await tiebreak(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
