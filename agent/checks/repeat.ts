import type { ProbedCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import { couldNotLook, type Look } from './outcome.ts';
import { pause } from './pause.ts';
import { probe } from './probe.ts';

/** Looks at a service again and again, never twice at once, until `running` is aborted. */
export async function repeat(
  check: ProbedCheckConfig,
  say: (said: Look) => void,
  running: AbortSignal,
  runAs?: Account,
): Promise<void> {
  while (!running.aborted) {
    const startedMs = performance.now();
    const { said, over } = probe(check, running, runAs);
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
      say(couldNotLook('the last look has not ended yet'));
      await pause(check.intervalMs, running);
    }
  }
}
