import { EXIT } from './exit-code.ts';

/**
 * Ends this process now, whatever its threads are in. `process.exit` waits for one that is in a call to a dead file system, and as
 * long as this process is there its guardian hands nothing over.
 */
export function endAtOnce(): never {
  process.kill(process.pid, 'SIGKILL');
  process.exit(EXIT.failed);
}
