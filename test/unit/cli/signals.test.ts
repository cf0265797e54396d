import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const FIXTURE = fileURLToPath(new URL('./signals-fixture.ts', import.meta.url));

/** Runs the fixture, and sends it the next signal each time it has written a line. */
function run(
  args: readonly string[],
  signals: NodeJS.Signals[],
): Promise<{ end: number | string | null; stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [FIXTURE, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const signal = signals.shift();
      if (signal !== undefined) child.kill(signal);
    });
    child.once('close', (code, killedBy) => resolve({ end: code ?? killedBy, stdout }));
  });
}

it.each(['SIGTERM', 'SIGINT'] as const)('%s stops the agent in order', async (signal) => {
  expect(await run([], [signal])).toEqual({ end: 0, stdout: `ready\nstop ${signal}\n` });
});

it('a signal during the start stops the agent as soon as it has started', async () => {
  expect(await run(['300'], ['SIGTERM'])).toEqual({ end: 0, stdout: 'ready\nstop SIGTERM\n' });
});

it('a second signal ends the process at once', async () => {
  expect(await run(['0', 'hangs'], ['SIGTERM', 'SIGINT'])).toEqual({ end: 'SIGKILL', stdout: 'ready\nstop SIGTERM\n' });
});

it('a stop that fails ends the process', async () => {
  expect(await run(['0', 'fails'], ['SIGTERM'])).toEqual({ end: 'SIGKILL', stdout: 'ready\nstop SIGTERM\n' });
});
