import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { nextBackoffMs } from './backoff.ts';
import { type EngineEnd, endOfEngine } from './engine-end.ts';
import type { Handover, ReloadOrder, StopOrder } from './handover.ts';
import { recentCrashes } from './hold-off.ts';
import type { Released } from './last-duties.ts';
import { raisePriority } from './priority.ts';

/** Of the guardian's work; the first compiles it, the others find out what was compiled wrongly. */
const REHEARSALS = 3;

/**
 * The engine makes little that lasts: V8's young generation need not grow to its usual 16 MB, and what the C library has freed goes
 * back (bytes at the end of an arena, of which the event loop keeps one to itself). Who has set these goes by them.
 */
function sparingMemory(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    MALLOC_ARENA_MAX: '2',
    MALLOC_TRIM_THRESHOLD_: '131072',
    ...given,
    NODE_OPTIONS: ['--max-semi-space-size=2', given.NODE_OPTIONS ?? ''].join(' ').trim(),
  };
}

export type GuardOptions = {
  /** The program, and the arguments that make it the engine after so many crashes of late; `inForce`: see Handover. */
  readonly script: string;
  readonly args: (crashes: number, inForce: string | null) => readonly string[];
  readonly report: (level: 'info' | 'error', text: string) => void;
  /** `NAME=VALUE` for the service manager; called when there is no engine to speak for itself. */
  readonly announce: (...state: readonly string[]) => Promise<void>;
  /** Once everything is loaded that will be needed. */
  readonly onReady?: () => void;
};

/**
 * Starts the engine as a child of this process and looks after what it leaves behind when it dies, until it is stopped in
 * order. An engine that lives and makes no progress is ended. Returns the exit code.
 */
export async function guard({ script, args, report, announce, onReady }: GuardOptions): Promise<number> {
  raisePriority();
  let engine: ChildProcess | undefined;
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      stopping.abort();
      const order: StopOrder = { type: 'stop', signal };
      if (engine?.connected === true) engine.send(order);
    });
  }
  process.on('SIGHUP', () => {
    const order: ReloadOrder = { type: 'reload' };
    if (engine?.connected === true) engine.send(order);
    else void announceReload(announce);
  });
  let hasRun = false;
  let inForce: string | null = null;
  let backoffMs: number | undefined;
  let crashedAtMs: number[] = [];
  for (;;) {
    const startedAtMs = performance.now();
    crashedAtMs = recentCrashes(crashedAtMs, startedAtMs);
    // In a session of its own: what the terminal sends comes to the guardian alone, which passes it on.
    engine = fork(script, args(crashedAtMs.length, inForce), {
      detached: true,
      env: sparingMemory(process.env),
      // What has been rehearsed there stays compiled, however long it is not needed.
      execArgv: [...process.execArgv, '--no-flush-bytecode'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // What will have to be done is loaded while the engine starts, which has nothing to hand over before.
    const duties = import('./duties.ts');
    const end = await endOfEngine(engine, (first) => {
      if (!hasRun) void rehearse(duties, first, onReady);
      hasRun = true;
    });
    if (end.code === 0) return 0;
    // The engine has said itself why it cannot start.
    if (!hasRun) return end.code ?? 1;
    const diedAtMs = performance.now();
    inForce = end.handover?.inForce ?? inForce;
    crashedAtMs.push(diedAtMs);
    const { doLastDuties } = await duties;
    const released =
      end.handover === undefined ? [] : await doLastDuties(end.handover, (text) => report('error', text));
    const died = `${deathInWords(end)}${released.map(inWords).join('')}`;
    if (stopping.signal.aborted) {
      report('error', `${died} while it was being stopped`);
      return 1;
    }
    backoffMs = nextBackoffMs(backoffMs, diedAtMs - startedAtMs);
    const text = `${died}; the next one starts in ${backoffMs} ms`;
    report('error', text);
    await announce(`STATUS=${text}`);
    const restMs = Math.max(0, diedAtMs + backoffMs - performance.now());
    await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) return 0;
  }
}

/** There is no engine now. The next one goes by what was in force, so that this reload is none; its READY=1 ends it. */
async function announceReload(announce: GuardOptions['announce']): Promise<void> {
  await announce('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
}

async function rehearse(
  duties: Promise<typeof import('./duties.ts')>,
  { runDir }: Handover,
  onReady: (() => void) | undefined,
): Promise<void> {
  const { rehearseHandover } = await duties;
  for (let round = 0; round < REHEARSALS; round += 1) await rehearseHandover(runDir);
  onReady?.();
}

function deathInWords({ code, signal, stuckForMs }: EngineEnd): string {
  if (stuckForMs === undefined) return `the engine died (${signal ?? `exit code ${code}`})`;
  return `the engine made no progress for ${(stuckForMs / 1000).toFixed(1)} s and was ended`;
}

function inWords({ group, votedFor }: Released): string {
  return `; ${group}: fence closed, released, ${votedFor === undefined ? 'nobody asked for the vote' : `voted for ${votedFor}`}`;
}
