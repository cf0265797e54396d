import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Two hosts on one wire: namespaces joined by a veth pair, each end named `eth0`. */
export interface Pair {
  a: string;
  b: string;
  remove(): void;
}

export const MAC_A = '02:00:00:00:00:0a';
export const MAC_B = '02:00:00:00:00:0b';

function command(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: 'utf8' });
}

/** Runs `ip` in a namespace and returns what it printed. */
export function ip(namespace: string, ...args: string[]): string {
  return command('ip', '-n', namespace, ...args);
}

/** Runs a program in a namespace and returns what it printed. */
export function inNamespace(namespace: string, name: string, ...args: string[]): string {
  return command('ip', 'netns', 'exec', namespace, name, ...args);
}

/** Builds the pair with 10.77.0.1 and .2, fd77::1 and ::2, fe80::a and ::b; returns when all of them can be used. */
export async function createPair(): Promise<Pair> {
  const a = `tb-k-${process.pid}-a`;
  const b = `tb-k-${process.pid}-b`;
  const remove = () => {
    for (const namespace of [a, b]) {
      if (command('ip', 'netns', 'list').includes(namespace)) command('ip', 'netns', 'del', namespace);
    }
  };
  remove();
  command('ip', 'netns', 'add', a);
  command('ip', 'netns', 'add', b);
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'address', MAC_B, 'netns', b];
  ip(a, 'link', 'add', 'eth0', 'address', MAC_A, ...peer);
  const ends = [
    { namespace: a, host: '1', linkLocal: 'fe80::a' },
    { namespace: b, host: '2', linkLocal: 'fe80::b' },
  ];
  for (const { namespace, host, linkLocal } of ends) {
    ip(namespace, 'link', 'set', 'lo', 'up');
    ip(namespace, 'link', 'set', 'eth0', 'addrgenmode', 'none');
    ip(namespace, 'link', 'set', 'eth0', 'up');
    ip(namespace, 'addr', 'add', `10.77.0.${host}/24`, 'dev', 'eth0');
    ip(namespace, 'addr', 'add', `fd77::${host}/64`, 'dev', 'eth0');
    ip(namespace, 'addr', 'add', `${linkLocal}/64`, 'dev', 'eth0');
  }
  await until(() => [a, b].every((namespace) => ip(namespace, 'addr', 'show', 'tentative') === ''));
  return { a, b, remove };
}

/** Waits for a condition, 10 s at most. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A process in a namespace that performs commands against `agent/kernel`, see `kernel-child.ts`. */
export interface Child {
  /** Sends one command and returns its result, JSON as it is. */
  ask(op: string, args?: Record<string, unknown>): Promise<unknown>;
  stop(): Promise<void>;
}

export function startChild(namespace: string): Child {
  const script = join(import.meta.dirname, 'kernel-child.ts');
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const replies = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async ask(op, args = {}) {
      child.stdin.write(`${JSON.stringify({ op, ...args })}\n`);
      const reply = await replies.next();
      if (reply.done) throw new Error(`the child ended during ${op}`);
      return JSON.parse(reply.value);
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

/** What is on a wire, recorded from outside of the code under test. */
export interface Capture {
  /**
   * Ends the recording and returns one row for each frame that `filter` (tshark's display filter) selects, with the
   * named fields as tshark decodes them.
   */
  decode(filter: string, fields: readonly string[], preferences?: readonly string[]): Promise<string[][]>;
}

export async function startCapture(namespace: string): Promise<Capture> {
  const directory = mkdtempSync(join(tmpdir(), 'tb-k-'));
  const file = join(directory, 'wire.pcap');
  const args = ['netns', 'exec', namespace, 'tcpdump', '-i', 'eth0', '-U', '--immediate-mode', '-w', file];
  const tcpdump = spawn('ip', [...args, '--time-stamp-precision=nano'], { stdio: 'pipe' });
  await listening(tcpdump);
  return {
    async decode(filter, fields, preferences = []) {
      const exited = new Promise((resolve) => tcpdump.once('exit', resolve));
      // Frames in flight over a veth are there within microseconds; tcpdump writes each as it comes.
      await new Promise((resolve) => setTimeout(resolve, 100));
      tcpdump.kill('SIGINT');
      await exited;
      const selected = fields.flatMap((field) => ['-e', field]);
      const wanted = preferences.flatMap((preference) => ['-o', preference]);
      const printed = command('tshark', '-r', file, '-Y', filter, '-T', 'fields', ...selected, ...wanted);
      rmSync(directory, { recursive: true });
      return printed
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t'));
    },
  };
}

function listening(tcpdump: ChildProcessWithoutNullStreams): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    tcpdump.once('exit', () => reject(new Error(`tcpdump ended: ${said}`)));
    tcpdump.stderr.on('data', (text) => {
      said += String(text);
      if (said.includes('listening on')) resolve();
    });
  });
}
