import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { signalAll, waitFor } from '../lab/process.ts';
import { attempt, type Outcome, perform } from './command.ts';

/** What systemd needs to give a service its priorities, and the agent its network. */
const CAPABILITIES = 'CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE,CAP_SYS_RESOURCE';
const BOOT_TIMEOUT_MS = 60_000;

/** A Debian of its own in a network namespace that is there already: its systemd is process 1, as on a host. */
export class Container {
  readonly root: string;
  readonly #name: string;
  readonly #namespace: string;
  #process: ChildProcess | undefined;

  /** @param root the folder of its file system */
  constructor(root: string, namespace: string) {
    this.root = root;
    this.#name = namespace;
    this.#namespace = namespace;
  }

  /** Boots it; returns when its systemd has nothing more to start. */
  async boot(): Promise<void> {
    const log = openSync(`${this.root}.log`, 'a');
    try {
      const args = [
        ...['--quiet', '--boot', '--register=no', '--keep-unit', '--link-journal=no', '--resolv-conf=off'],
        ...['--directory', this.root, '--machine', this.#name, `--capability=${CAPABILITIES}`],
        `--network-namespace-path=/run/netns/${this.#namespace}`,
      ];
      // It dies with the test, and its process 1 with it.
      const command = ['--pdeathsig', 'KILL', 'systemd-nspawn', ...args];
      this.#process = spawn('setpriv', command, { detached: true, stdio: ['ignore', log, log] });
    } finally {
      closeSync(log);
    }
    await waitFor(`${this.#name} has booted`, BOOT_TIMEOUT_MS, async () => {
      if (this.#init() === undefined) return undefined;
      const { stdout } = await this.attempt('systemctl', ['is-system-running']);
      return /^(?:running|degraded)$/m.test(stdout) ? true : undefined;
    });
  }

  /** Runs a program inside, as root. */
  async attempt(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const init = this.#init();
    if (init === undefined) throw new Error(`${this.#name} does not run:\n${this.log()}`);
    const clean = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive'];
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return await attempt('nsenter', ['--target', String(init), '--all', ...clean, ...variables, program, ...args]);
  }

  /** Its stdout. Throws with all that it said if it fails. */
  async run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(program, args, environment);
    if (code === 0) return stdout;
    throw new Error(`${program} ${args.join(' ')} in ${this.#name} ended with ${code}:\n${stdout}${stderr}`);
  }

  /** Before it has booted: on the machine's own network, for apt. */
  async chroot(program: string, args: readonly string[]): Promise<string> {
    const environment = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
    return await perform('chroot', [this.root, program, ...args], { environment });
  }

  /** Copies a file of this machine into a folder inside; its name there. */
  take(file: string, folder = '/root'): string {
    const inside = join(folder, basename(file));
    cpSync(file, join(this.root, inside));
    return inside;
  }

  write(path: string, text: string, mode = 0o600): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  log(): string {
    return readFileSync(`${this.root}.log`, 'utf8');
  }

  /** Ends everything inside at once. */
  async close(): Promise<void> {
    const started = this.#process;
    if (started === undefined || started.exitCode !== null || started.signalCode !== null) return;
    const ended = new Promise((resolve) => started.once('exit', resolve));
    const init = this.#init();
    if (init !== undefined) signalAll([init], 'SIGKILL');
    else started.kill('SIGKILL');
    await ended;
    rmSync(join('/run/systemd/nspawn/propagate', this.#name), { recursive: true, force: true });
  }

  /** Its process 1, by its number outside. */
  #init(): number | undefined {
    const pid = this.#process?.pid;
    if (pid === undefined) return undefined;
    try {
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      return child === undefined || child === '' ? undefined : Number(child);
    } catch {
      return undefined;
    }
  }
}
