import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import workerd from 'workerd';
import { z } from 'zod';

/** Open links keep workerd from ending by itself; the agents open theirs again. */
const END_WITHIN_MS = 2_000;
const POLL_MS = 20;
/** Where workerd tells which sockets it listens on. */
const CONTROL_FD = 3;
const SOCKET_FD = 4;

const Listening = z.object({ event: z.literal('listen'), port: z.int() });

export type WorkerdProcess = {
  /** Of its process group, which ends as a whole. */
  readonly pid: number;
  /** The port once it listens; undefined: it has ended before, and said why on stderr. */
  readonly listening: Promise<number | undefined>;
  readonly ended: Promise<void>;
  /** Ends it, gently at first: requests under way are answered. */
  stop(): Promise<void>;
};

/**
 * Starts `workerd serve`, in a process group of its own: a terminal's signals are for whoever has started it. It dies with this
 * process, however that dies: a witness that nobody looks after would keep port and folder from the next one.
 *
 * @param inherited the listening socket to use, if the configuration names no address
 */
export async function startWorkerd(options: {
  readonly config: string;
  readonly adminToken: string;
  readonly inherited: number | null;
}): Promise<WorkerdProcess | { readonly error: string }> {
  const { config, adminToken, inherited } = options;
  const socket = inherited === null ? [] : [`--socket-fd=witness=${SOCKET_FD}`];
  const serve = [workerd.default, 'serve', `--control-fd=${CONTROL_FD}`, ...socket, config];
  // setpriv, of util-linux, replaces itself by workerd. Killed: what has been answered is in the storage (L11).
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...serve], {
    detached: true,
    // What it says goes to stderr, both for people.
    stdio: ['ignore', process.stderr, process.stderr, 'pipe', ...(inherited === null ? [] : [inherited])],
    env: { TIEBREAK_ADMIN_TOKEN: adminToken },
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    return { error: `the runtime (workerd) cannot be started: ${text}; setpriv comes with util-linux` };
  }
  const { pid } = child;
  if (pid === undefined) throw new Error('a process that was started has no number');
  const ended = once(child, 'exit').then(() => undefined);
  return { pid, listening: portOf(child, ended), ended, stop: () => endGroup(pid) };
}

async function portOf(child: ChildProcess, ended: Promise<void>): Promise<number | undefined> {
  const control = child.stdio[CONTROL_FD];
  if (!control) throw new Error('workerd was started without its control pipe');
  const told = once(control, 'data').then(([line]) => Listening.parse(JSON.parse(String(line))).port);
  return Promise.race([told, ended]).then((port) => port ?? undefined);
}

async function endGroup(pid: number): Promise<void> {
  const deadlineMs = performance.now() + END_WITHIN_MS;
  signalGroup(pid, 'SIGTERM');
  while (signalGroup(pid, 0) && performance.now() < deadlineMs) await sleep(POLL_MS);
  while (signalGroup(pid, 'SIGKILL')) await sleep(POLL_MS);
}

/** False once no process of the group is left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
