import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureText } from '../failure-text.ts';

/** What a program may say for people; the rest is read and dropped. */
const OUTPUT_LENGTH_MAX = 200;
/** After the program has ended: what it said may still be on its way, and who has inherited its output may keep that for ever. */
const OUTPUT_GRACE_MS = 50;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export type ProgramRun = {
  readonly program: string;
  readonly arguments: readonly string[];
  /** Besides PATH, the only variables that it has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Whom it runs as, without supplementary groups; undefined: as the agent. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
};

/** `ok`: it ended with 0 in time. `finished`: it came to an end of its own. `detail`: how it ended, and what it said last, for a person. */
export type ProgramEnd = { readonly ok: boolean; readonly finished: boolean; readonly detail: string };

export type RunningProgram = {
  /** Of its process group too; undefined: it could not be run. */
  readonly pid: number | undefined;
  /** Resolves at the end of `timeoutMs` at the latest, and never rejects. */
  readonly ended: Promise<ProgramEnd>;
  /** When nothing of it is left: one that cannot be killed outlives its time. */
  readonly over: Promise<void>;
};

/**
 * Runs a program without a shell. It has a process group of its own, which is killed with all its children when time is up.
 *
 * @param running aborted when the agent stops; the program is killed then
 */
export function runProgram(run: ProgramRun, running: AbortSignal): RunningProgram {
  const { program, timeoutMs, environment } = run;
  const over = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ProgramEnd>();
  let child: ChildProcess;
  try {
    child = spawn(program, run.arguments, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, ...environment },
      ...run.runAs,
    });
  } catch (cause) {
    // Node reports some failures by an event, and others (ENOMEM, EPERM) so.
    const detail = `${program} could not be run: ${failureText(cause)}`;
    return { pid: undefined, ended: Promise.resolve({ ok: false, finished: false, detail }), over: Promise.resolve() };
  }
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    // There is none if this process has as many files open as it may; that is told by the event.
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2 * OUTPUT_LENGTH_MAX);
    });
  }
  const end = (result: ProgramEnd): void => {
    clearTimeout(timer);
    running.removeEventListener('abort', stop);
    ended.resolve(result);
  };
  const kill = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It ended this moment.
    }
  };
  const stop = (): void => {
    kill();
    end({ ok: false, finished: false, detail: 'the agent stops' });
  };
  const timer = setTimeout(() => {
    kill();
    end({ ok: false, finished: false, detail: `no answer within ${timeoutMs} ms` });
  }, timeoutMs);
  running.addEventListener('abort', stop);
  child.once('error', (error) => {
    end({ ok: false, finished: false, detail: `${program} could not be run: ${failureText(error)}` });
    over.resolve();
  });
  child.once('exit', (status, signal) => {
    clearTimeout(timer);
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    void Promise.race([closed, sleep(OUTPUT_GRACE_MS)]).then(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      const how = signal === null ? `exit status ${status}` : `ended by ${signal}`;
      const words = lastLine(output);
      end({ ok: status === 0, finished: true, detail: words === '' ? how : `${how}: ${words}` });
      over.resolve();
    });
  });
  return { pid: child.pid, ended: ended.promise, over: over.promise };
}

function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1) ?? '';
  return line.replace(/\p{Cc}+/gu, ' ').slice(0, OUTPUT_LENGTH_MAX);
}
