import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiebreak-end-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('an engine that ends at once does not wait for a thread that is in a call to a dead file system', () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const script = fileURLToPath(new URL('blocked-thread.ts', import.meta.url));
  const ended = spawnSync(process.execPath, [script, fifo], { timeout: 8_000, killSignal: 'SIGABRT' });
  expect(ended.signal).toBe('SIGKILL');
}, 15_000);
