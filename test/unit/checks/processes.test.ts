import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HealthSaid } from '../../../agent/checks/check-view.ts';
import { ProcessWatch } from '../../../agent/checks/processes.ts';
import { processCheck } from './checked.ts';

// Longer than the kernel's name of a process may be, and nobody else's.
const NAME = `tb-service-${process.pid}-abc`;
let folder: string;
let running: AbortController;
let said: HealthSaid[];
let ended: Promise<void>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-process-'));
  copyFileSync('/bin/sleep', join(folder, NAME));
  running = new AbortController();
  said = [];
});
afterEach(async () => {
  running.abort();
  await ended;
  rmSync(folder, { recursive: true });
});

function watch(changes: { quorum?: number; intervalMs?: number } = {}): void {
  const check = processCheck(NAME, changes);
  ended = new ProcessWatch([{ check, say: (found) => said.push(found) }]).run(running.signal);
}

function start(): () => void {
  const child = spawn(join(folder, NAME), ['60'], { stdio: 'ignore' });
  return () => void child.kill('SIGKILL');
}

async function until(healthy: boolean): Promise<void> {
  await expect.poll(() => said.at(-1)?.healthy, { timeout: 10_000, interval: 20 }).toBe(healthy);
}

test('passes while a process of that name runs', async () => {
  watch();
  await until(false);
  expect(said.at(-1)?.detail).toContain(`0 processes named ${NAME} (`);
  const stop = start();
  await until(true);
  expect(said.at(-1)?.detail).toContain(`1 process named ${NAME} (`);
  stop();
  await until(false);
});

test('with a quorum, so many', async () => {
  const stops = [start(), start()];
  watch({ quorum: 2 });
  await until(true);
  stops[0]?.();
  await until(false);
  expect(said.at(-1)?.detail).toContain(`1 process of 2 needed named ${NAME}`);
  stops[1]?.();
});
