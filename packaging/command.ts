import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program to its end and returns its stdout. Throws with its own words if it fails. */
export async function command(program: string, args: readonly string[], folder?: string): Promise<string> {
  const options = { maxBuffer: 64 << 20, ...(folder === undefined ? {} : { cwd: folder }) };
  const { stdout } = await execute(program, [...args], options);
  return stdout;
}
