import { EXIT } from './exit-code.ts';

/** Says why the thing asked for failed; the exit code for it. */
export function fail(message: string): number {
  process.stderr.write(`tiebreak: ${message}\n`);
  return EXIT.failed;
}
