import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const COMMAND_TIMEOUT_MS = 10_000;

/** The lab's children must find nft, ip and keepalived whatever the caller's PATH says. */
export const CHILD_ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
};

/** Runs a command to its end and returns its stdout. Throws with the command's own words when it fails or takes too long. */
export function run(
  command: string,
  args: readonly string[],
  input?: string,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, maxBuffer: 64 << 20, env: CHILD_ENVIRONMENT };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || error.message}`));
    });
    // A command that ends without reading its input breaks the pipe; its exit status says the rest.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

export type SpawnOptions = {
  readonly namespace: string;
  readonly command: string;
  readonly args: readonly string[];
  /** stderr goes here, and stdout unless `pipe` asks for it. A file, so that a lab that dies leaves no broken pipe. */
  readonly logFile: string;
  readonly pipe?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** Scheduling advantage for measuring processes: -20 to 0. */
  readonly nice?: number;
};

/** A process that runs in a namespace until it is told to stop, and that dies with the lab, however that dies. */
export class LabProcess {
  readonly #child: ChildProcess;
  readonly #what: string;
  readonly #logFile: string;
  readonly exited: Promise<void>;

  private constructor(child: ChildProcess, options: SpawnOptions) {
    this.#child = child;
    this.#what = options.command;
    this.#logFile = options.logFile;
    this.exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  static spawn(options: SpawnOptions): LabProcess {
    const log = openSync(options.logFile, 'a');
    try {
      const nice = options.nice === undefined ? [] : ['nice', '-n', String(options.nice)];
      const inNamespace = ['ip', 'netns', 'exec', options.namespace, ...nice, options.command, ...options.args];
      // Its own session: Ctrl-C in the terminal reaches the lab alone, which then stops its children in order.
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...inNamespace], {
        detached: true,
        stdio: ['ignore', options.pipe === true ? 'pipe' : log, log],
        env: { ...CHILD_ENVIRONMENT, ...options.environment },
      });
      return new LabProcess(child, options);
    } finally {
      closeSync(log);
    }
  }

  /** Every wrapper replaces itself by the next, so this is the program's own process id. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#what} could not be started`);
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): Readable {
    if (this.#child.stdout === null) throw new Error(`${this.#what} was started without a pipe`);
    return this.#child.stdout;
  }

  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) signalAll([this.pid], name);
  }

  /** Waits until the log shows `text`. Throws with the log's end when the process ends or the time is up. */
  async waitForLog(text: string, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.log.includes(text)) {
      if (!this.running) throw new Error(`${this.#what} ended before it said '${text}':\n${this.log.slice(-2_000)}`);
      if (performance.now() > deadline) {
        throw new Error(`${this.#what} did not say '${text}' within ${timeoutMs} ms:\n${this.log.slice(-2_000)}`);
      }
      await sleep(20);
    }
  }

  /** SIGTERM, then SIGKILL for what is left after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.signal('SIGTERM');
    const grace = new AbortController();
    await Promise.race([this.exited, sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined)]);
    grace.abort();
    this.signal('SIGKILL');
    await this.exited;
  }
}

/** Signals the processes; those that have gone meanwhile are no error. */
export function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** Polls until `probe` gives a value. Throws `what` when `timeoutMs` is over first. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Not within ${(timeoutMs / 1_000).toFixed(1)} s: ${what}`);
    await sleep(25);
  }
}
