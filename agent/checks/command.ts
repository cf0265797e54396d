import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbedCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import { couldNotLook, failureText, type Look } from './outcome.ts';
import type { Probe } from './probe.ts';

type CommandCheck = Extract<ProbedCheckConfig, { kind: 'command' }>;

/** What a command may say for people; the rest is read and dropped. */
const OUTPUT_LENGTH_MAX = 200;
/** After the program has ended: what it said may still be on its way, and who has inherited its output may keep that for ever. */
const OUTPUT_GRACE_MS = 50;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Healthy if the program ends with 0 in time; what it says last is the detail. It has a process group of its own, which is
 * killed with all its children when time is up.
 */
export function probeCommand(check: CommandCheck, running: AbortSignal, runAs: Account | undefined): Probe {
  const { program, timeoutMs } = check;
  const over = Promise.withResolvers<void>();
  const said = Promise.withResolvers<Look>();
  const child = spawn(program, check.arguments, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, TIEBREAK_CHECK: check.name },
    // Supplementary groups go too.
    ...runAs,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2 * OUTPUT_LENGTH_MAX);
    });
  }
  const end = (result: Look): void => {
    clearTimeout(timer);
    running.removeEventListener('abort', stop);
    said.resolve(result);
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
    end(couldNotLook('the agent stops'));
  };
  const timer = setTimeout(() => {
    kill();
    end(couldNotLook(`no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  running.addEventListener('abort', stop);
  child.once('error', (error) => {
    end(couldNotLook(`${program} could not be run: ${failureText(error)}`));
    over.resolve();
  });
  child.once('exit', (status, signal) => {
    clearTimeout(timer);
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    void Promise.race([closed, sleep(OUTPUT_GRACE_MS)]).then(() => {
      child.stdout.destroy();
      child.stderr.destroy();
      const how = signal === null ? `exit status ${status}` : `ended by ${signal}`;
      const words = lastLine(output);
      end({ healthy: status === 0, detail: words === '' ? how : `${how}: ${words}` });
      over.resolve();
    });
  });
  return { said: said.promise, over: over.promise };
}

function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1) ?? '';
  return line.replace(/\p{Cc}+/gu, ' ').slice(0, OUTPUT_LENGTH_MAX);
}
