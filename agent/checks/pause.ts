import { setTimeout as sleep } from 'node:timers/promises';

/** Until then, or until `running` is aborted. */
export async function pause(delayMs: number, running: AbortSignal): Promise<void> {
  // Also without delay the event loop gets its turn.
  await sleep(Math.max(1, delayMs), undefined, { signal: running }).catch(() => {});
}
