import type { ProbedCheckConfig } from '../config/index.ts';
import type { HealthSaid } from './check-view.ts';
import { failed } from './outcome.ts';
import { pause } from './pause.ts';
import { probe } from './probe.ts';

/** Looks at a service again and again, never twice at once, until `running` is aborted. */
export async function repeat(
  check: ProbedCheckConfig,
  say: (said: HealthSaid) => void,
  running: AbortSignal,
): Promise<void> {
  while (!running.aborted) {
    const startedMs = performance.now();
    const { said, over } = probe(check, running);
    let left = true;
    void over.then(() => {
      left = false;
    });
    const first = await said;
    if (running.aborted) return;
    say(first);
    await pause(startedMs + check.intervalMs - performance.now(), running);
    // Whatever waits for a dead disk, and does not even end by SIGKILL: another one would only join it.
    while (left && !running.aborted) {
      say(failed('the last look has not ended yet'));
      await pause(check.intervalMs, running);
    }
  }
}
