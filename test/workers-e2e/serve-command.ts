import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';

export const ADMIN = 'admin-token-of-this-test';

const TIEBREAK = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const PATIENCE = { timeout: 20_000, interval: 20 };

/** A folder that goes with the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tb-serve-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type ServedWitness = {
  readonly child: ChildProcess;
  /** All that it has said. */
  said(): string;
  /** Where it is ready, the `count`-th time. */
  ready(count?: number): Promise<string>;
  /** The exit code. */
  ended(): Promise<number | null>;
};

/** `tiebreak witness serve` with these arguments, until the test ends. */
export function serve(args: readonly string[], environment: NodeJS.ProcessEnv = {}): ServedWitness {
  return watched(process.execPath, [TIEBREAK, 'witness', 'serve', ...args], environment);
}

/** As a service manager starts it: with a listening socket, and the address of it in `port`. */
export function serveOnInheritedSocket(args: readonly string[]): ServedWitness {
  const script = `
import os, socket, sys
listening = socket.socket()
listening.bind(('127.0.0.1', 0))
listening.listen(128)
print('port', listening.getsockname()[1], flush=True)
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
`;
  return watched('python3', ['-c', script, process.execPath, TIEBREAK, 'witness', 'serve', ...args]);
}

function watched(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ServedWitness {
  const { PATH } = process.env;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, TIEBREAK_ADMIN_TOKEN: ADMIN, ...environment },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  const closed = once(child, 'close').then(() => child.exitCode);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await closed;
  });
  return {
    child,
    said: () => text,
    ended: () => closed,
    ready: (count = 1) =>
      vi.waitFor(() => {
        const url = [...text.matchAll(/witness ready on (\S+?)["\s]/g)][count - 1]?.[1];
        if (url === undefined) throw new Error(`it is not ready: ${text}`);
        return url;
      }, PATIENCE),
  };
}
