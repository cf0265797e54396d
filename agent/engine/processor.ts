import { getPriority } from 'node:os';
import { TAKEOVER_NICENESS } from '../guardian/priority.ts';
import { runInRealTime } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';

/**
 * Has the event loop scheduled in real time: niceness shortens the wait for a processor, and a takeover of a few
 * milliseconds would still wait out the others' slices. Who gave this process less than the guardian asks for has their
 * reasons, and it stays.
 */
export function claimProcessor(log: Logger): void {
  if (getPriority() > TAKEOVER_NICENESS) return;
  const obstacle = runInRealTime();
  if (obstacle !== undefined) log.debug(`not scheduled in real time, a takeover may take longer: ${obstacle}`);
}
