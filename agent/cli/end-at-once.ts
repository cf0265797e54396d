import { flushCompileCache } from 'node:module';
import { EXIT } from './exit-code.ts';

/**
 * Ends this process now, whatever its threads are in. `process.exit` waits for one that is in a call to a dead file system, and as
 * long as this process is there its guardian hands nothing over.
 */
export function endAtOnce(): never {
  process.kill(process.pid, 'SIGKILL');
  process.exit(EXIT.failed);
}

/** Ends this process with everything done, as `process.exit` does but for the waiting: neither for a thread nor for a look-up of a name. */
export async function endInOrder(status: number): Promise<never> {
  flushCompileCache();
  const { exitNow } = await import('../kernel/libc.ts');
  return exitNow(status);
}
