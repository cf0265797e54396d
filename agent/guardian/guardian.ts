import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { nextBackoffMs } from './backoff.ts';
import { type Handover, isHandover, type StopOrder } from './handover.ts';
import { doLastDuties, type Released } from './last-duties.ts';

type EngineEnd = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly handover: Handover | undefined;
};

export type GuardOptions = {
  /** The program and the arguments that make it the engine. */
  readonly script: string;
  readonly args: readonly string[];
  readonly report: (level: 'info' | 'error', text: string) => void;
};

/**
 * Starts the engine as a child of this process and looks after what it leaves behind when it dies, until it is stopped in
 * order. Returns the exit code.
 */
export async function guard({ script, args, report }: GuardOptions): Promise<number> {
  let engine: ChildProcess | undefined;
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      stopping.abort();
      const order: StopOrder = { type: 'stop', signal };
      if (engine?.connected === true) engine.send(order);
    });
  }
  let hasRun = false;
  let backoffMs: number | undefined;
  for (;;) {
    const startedAtMs = performance.now();
    // In a session of its own: what the terminal sends comes to the guardian alone, which passes it on.
    engine = fork(script, args, {
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const end = await ended(engine);
    if (end.code === 0) return 0;
    hasRun ||= end.handover !== undefined;
    // The engine has said itself why it cannot start.
    if (!hasRun) return end.code ?? 1;
    const diedAtMs = performance.now();
    const released =
      end.handover === undefined ? [] : await doLastDuties(end.handover, (text) => report('error', text));
    const died = `the engine died (${end.signal ?? `exit code ${end.code}`})${released.map(inWords).join('')}`;
    if (stopping.signal.aborted) {
      report('error', `${died} while it was being stopped`);
      return 1;
    }
    backoffMs = nextBackoffMs(backoffMs, diedAtMs - startedAtMs);
    report('error', `${died}; the next one starts in ${backoffMs} ms`);
    const restMs = Math.max(0, diedAtMs + backoffMs - performance.now());
    await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) return 0;
  }
}

function inWords({ group, votedFor }: Released): string {
  return `; ${group}: fence closed, released, ${votedFor === undefined ? 'nobody asked for the vote' : `voted for ${votedFor}`}`;
}

function ended(engine: ChildProcess): Promise<EngineEnd> {
  let handover: Handover | undefined;
  engine.on('message', (message) => {
    if (isHandover(message)) handover = message;
  });
  return new Promise((resolve) => {
    engine.once('exit', (code, signal) => resolve({ code, signal, handover }));
    engine.once('error', () => resolve({ code: 1, signal: null, handover }));
  });
}
