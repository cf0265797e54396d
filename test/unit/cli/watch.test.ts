import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, it, vi } from 'vitest';
import { startApi } from '../../../agent/api/index.ts';
import { fitted } from '../../../agent/cli/watch.ts';
import { SOURCES } from '../api/sources.ts';
import { WELL } from '../api/status-example.ts';
import { BIN } from './command.ts';

vi.setConfig({ testTimeout: 30_000 });

it('tells what has changed and nothing else, an agent that has gone included, until it is interrupted', async () => {
  const runDir = mkdtempSync(join(tmpdir(), 'tb-watch-'));
  let status = WELL;
  const api = await startApi({
    ...SOURCES,
    status: () => status,
    listen: { host: '127.0.0.1', port: 0 },
    runDir,
    token: () => null,
  });
  if (!api.ok) throw new Error(api.error);
  const child = spawn(process.execPath, [BIN, 'watch', '--api', `http://127.0.0.1:${api.port}`]);
  try {
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    await vi.waitFor(() => expect(shown).toContain('edge  active for'), 20_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(shown.split('edge  active for')).toHaveLength(2);
    status = { ...WELL, groups: WELL.groups.map((group) => ({ ...group, role: 'backup' as const })) };
    await vi.waitFor(() => expect(shown).toContain('edge  backup for'), 5_000);
    await api.close();
    await vi.waitFor(() => expect(shown).toMatch(/no agent answers|cannot be reached|ECONNREFUSED/), 5_000);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await api.close();
    rmSync(runDir, { recursive: true, force: true });
  }
});

it('leaves out what does not fit on the screen, and says how much', () => {
  const lines = (text: string): string[] => stripVTControlCharacters(text).trimEnd().split('\n');
  expect(lines(fitted('1\n2\n3\n', 10))).toEqual(['1', '2', '3']);
  expect(lines(fitted('1\n2\n3\n4\n5\n', 4))).toEqual(['1', '2', '(3 lines more)']);
});
