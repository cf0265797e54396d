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

it.each([
  ['at once', { status: null, signal: 'SIGKILL' }],
  ['in order', { status: 0, signal: null }],
])(
  'an engine that ends %s does not wait for a thread that is in a call to a dead file system',
  (how, end) => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const script = fileURLToPath(new URL('blocked-thread.ts', import.meta.url));
    const ended = spawnSync(process.execPath, [script, fifo, how], { timeout: 8_000, killSignal: 'SIGABRT' });
    expect({ status: ended.status, signal: ended.signal }).toEqual(end);
  },
  15_000,
);
