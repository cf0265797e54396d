/** Runs a program while this process has as many files open as it may, and says how that went. */
import { closeSync, openSync } from 'node:fs';
import { runProgram } from '../../../agent/program/index.ts';

const files: number[] = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch {
  // That was the last one.
}
const run = { program: '/bin/true', arguments: [], environment: {}, timeoutMs: 5_000 };
const { ended, over } = runProgram(run, new AbortController().signal);
for (const file of files) closeSync(file);
const { ok, finished, detail } = await ended;
await over;
process.stdout.write(JSON.stringify({ ok, finished, detail }));
