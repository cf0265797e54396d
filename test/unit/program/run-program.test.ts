import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('says that a program could not be run when there is no file left to hear it by', () => {
  const script = fileURLToPath(new URL('out-of-files.ts', import.meta.url));
  const command = 'ulimit -n 100; exec "$0" "$1"';
  const said: unknown = JSON.parse(execFileSync('/bin/sh', ['-c', command, process.execPath, script]).toString());
  expect(said).toEqual({ ok: false, finished: false, detail: '/bin/true could not be run: EMFILE' });
});
