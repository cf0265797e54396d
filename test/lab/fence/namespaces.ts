import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from './holder.ts';

const execute = promisify(execFile);

const FAMILY = 'tb-f';

export const VIRTUAL_ADDRESS = '10.77.0.100';
export const HOLDER_ADDRESS = '10.77.0.1';
export const CLIENT_ADDRESS = '10.77.0.9';
export const CLIENT_MAC = '02:00:00:77:00:09';
export const HOLDER_MAC = '02:00:00:77:00:01';

/** Two hosts on a cable: the holder, which has the virtual address for good, and a client that wants to reach it. */
export class Namespaces {
  readonly holder: string;
  readonly client: string;
  readonly #started: Holder[] = [];

  private constructor(label: string) {
    // Two runs on one machine must not meet.
    this.holder = `${FAMILY}-${process.pid}-${label}h`;
    this.client = `${FAMILY}-${process.pid}-${label}c`;
  }

  static async create(label: string): Promise<Namespaces> {
    const made = new Namespaces(label);
    const { holder, client } = made;
    await removeLeftOvers();
    await ip(`netns add ${holder}`);
    await ip(`netns add ${client}`);
    await ip(`-n ${holder} link add eth0 address ${HOLDER_MAC} type veth peer name eth0 netns ${client}`);
    await ip(`-n ${client} link set eth0 address ${CLIENT_MAC}`);
    await ip(`-n ${holder} addr add ${HOLDER_ADDRESS}/24 dev eth0`);
    await ip(`-n ${holder} addr add ${VIRTUAL_ADDRESS}/32 dev eth0`);
    await ip(`-n ${client} addr add ${CLIENT_ADDRESS}/24 dev eth0`);
    for (const namespace of [holder, client]) {
      await ip(`-n ${namespace} link set lo up`);
      await ip(`-n ${namespace} link set eth0 up`);
    }
    await run(client, 'ping', '-c1', '-W2', HOLDER_ADDRESS);
    return made;
  }

  /** Starts the holder program, in the holder's namespace unless told otherwise. */
  start(namespace = this.holder, wrapper: readonly string[] = []): Holder {
    const holder = new Holder(namespace, wrapper);
    this.#started.push(holder);
    return holder;
  }

  /** Whether the client learns the virtual address's MAC by asking for it. */
  async answersArp(): Promise<boolean> {
    await ip(`-n ${this.client} neigh flush to ${VIRTUAL_ADDRESS}`);
    await succeeds(run(this.client, 'ping', '-c1', '-W0.2', VIRTUAL_ADDRESS));
    const entry = await ip(`-n ${this.client} neigh show to ${VIRTUAL_ADDRESS}`);
    return entry.includes(HOLDER_MAC);
  }

  /** Whether it gets an echo, its neighbour table filled by hand. */
  async answersEcho(): Promise<boolean> {
    await ip(`-n ${this.client} neigh replace ${VIRTUAL_ADDRESS} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
    const answered = await succeeds(run(this.client, 'ping', '-c2', '-i0.05', '-W0.3', VIRTUAL_ADDRESS));
    await ip(`-n ${this.client} neigh del ${VIRTUAL_ADDRESS} dev eth0`);
    return answered;
  }

  /** Ends what was started, by process, and removes the namespaces. */
  async remove(): Promise<void> {
    for (const holder of this.#started.splice(0)) await holder.kill();
    for (const namespace of [this.holder, this.client]) {
      await ip(`netns del ${namespace}`).catch(() => undefined);
    }
  }
}

/** Namespaces of runs that no longer live. */
async function removeLeftOvers(): Promise<void> {
  for (const line of (await ip('netns list')).split('\n')) {
    const [name = ''] = line.split(' ');
    const pid = new RegExp(`^${FAMILY}-(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await ip(`netns del ${name}`).catch(() => undefined);
  }
}

/** The holder program, running in a namespace. */
export class Holder {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  constructor(namespace: string, wrapper: readonly string[] = []) {
    const program = fileURLToPath(new URL('holder.ts', import.meta.url));
    const args = ['netns', 'exec', namespace, ...wrapper, process.execPath, program];
    this.#child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = once(this.#child, 'exit');
    if (this.#child.stdout === null) throw new Error('the holder has no stdout');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(command: Command): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`the holder ended before it answered ${command.do}`);
    return JSON.parse(answer.value);
  }

  /** Several commands at once: no time of the test passes between them. */
  async askAll(commands: readonly Command[]): Promise<unknown[]> {
    this.#child.stdin?.write(commands.map((command) => `${JSON.stringify(command)}\n`).join(''));
    const answers: unknown[] = [];
    for (const command of commands) {
      const answer = await this.#answers.next();
      if (answer.done === true) throw new Error(`the holder ended before it answered ${command.do}`);
      answers.push(JSON.parse(answer.value));
    }
    return answers;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await this.#exited;
    }
  }
}

/** Runs a command in a namespace and returns its stdout. */
export async function run(namespace: string, ...command: readonly string[]): Promise<string> {
  const { stdout } = await execute('ip', ['netns', 'exec', namespace, ...command], { env: environment() });
  return stdout;
}

export async function ip(command: string): Promise<string> {
  const { stdout } = await execute('ip', command.split(' '), { env: environment() });
  return stdout;
}

async function succeeds(attempt: Promise<string>): Promise<boolean> {
  return attempt.then(
    () => true,
    () => false,
  );
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}
