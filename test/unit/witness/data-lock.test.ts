import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type DataLock, type LockedData, lockData } from '../../../witness/serve/data-lock.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tiebreak-lock-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

function got(locked: LockedData): DataLock {
  if (!locked.ok) throw new Error(locked.reason);
  return locked.lock;
}

/** A process in a group of its own, until the test ends it. */
async function sleeper(): Promise<{ pid: number; end: () => Promise<void> }> {
  const child: ChildProcess = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error('no process');
  const end = async (): Promise<void> => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(end);
  return { pid, end };
}

test('a second witness on the same folder is refused while the first one lives, and told who it is', () => {
  const data = folder();
  const first = got(lockData(data));
  expect(lockData(data)).toMatchObject({ ok: false, reason: expect.stringContaining(`process ${process.pid}`) });
  expect(lockData(folder()).ok).toBe(true);
  first.release();
  expect(lockData(data).ok).toBe(true);
});

test.each([
  ['of a process that is no more', { pid: 4_194_305, startedAt: '1', group: null }],
  ['of an earlier process with this number', { pid: process.pid, startedAt: '1', group: null }],
  ['whose runtime is no more either', { pid: 4_194_305, startedAt: '1', group: 4_194_305 }],
])('a lock %s is taken over', (_whose, left) => {
  const data = folder();
  writeFileSync(join(data, 'witness.lock'), JSON.stringify(left));
  expect(lockData(data).ok).toBe(true);
  expect(lockData(data).ok).toBe(false);
});

test('a lock that was cut off in the middle is taken over', () => {
  const data = folder();
  writeFileSync(join(data, 'witness.lock'), '{"pid":');
  expect(lockData(data).ok).toBe(true);
});

test('a runtime that has outlived its starter still holds the folder', async () => {
  const data = folder();
  const { pid, end } = await sleeper();
  got(lockData(data)).runs(pid);
  const path = join(data, 'witness.lock');
  const left: { startedAt: string } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...left, startedAt: '1' }));
  expect(lockData(data).ok).toBe(false);
  await end();
  expect(lockData(data).ok).toBe(true);
});
