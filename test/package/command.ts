import { execFile } from 'node:child_process';
import { CHILD_ENVIRONMENT } from '../lab/process.ts';

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

const TIMEOUT_MS = 500_000;

/** Runs a program to its end, whatever that is. */
export function attempt(
  program: string,
  args: readonly string[],
  options: { readonly folder?: string; readonly environment?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Outcome> {
  const { folder, environment, input = '' } = options;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      {
        timeout: TIMEOUT_MS,
        maxBuffer: 64 << 20,
        env: { ...CHILD_ENVIRONMENT, ...environment },
        ...(folder === undefined ? {} : { cwd: folder }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Its stdout. Throws with all that it said if it fails. */
export async function perform(...given: Parameters<typeof attempt>): Promise<string> {
  const { code, stdout, stderr } = await attempt(...given);
  if (code === 0) return stdout;
  throw new Error(`${given[0]} ${given[1].join(' ')} ended with ${code}:\n${stdout}${stderr}`);
}
