import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabProcess, waitFor } from './process.ts';
import type { HostName, Topology } from './topology.ts';

/** A host with processes of its own, so that `pidof` finds no other host's, and that all end with it when its power is cut. */
export class BootedHost {
  readonly name: HostName;
  readonly #topology: Topology;
  readonly #init: LabProcess;
  readonly #pid: number;

  private constructor(topology: Topology, name: HostName, init: LabProcess, pid: number) {
    this.#topology = topology;
    this.name = name;
    this.#init = init;
    this.#pid = pid;
  }

  static async boot(topology: Topology, name: HostName): Promise<BootedHost> {
    const init = topology.spawn(name, {
      command: 'unshare',
      args: ['--pid', '--fork', '--mount-proc', '--kill-child', 'sleep', 'infinity'],
      logFile: join(topology.folderOf(`host-${name}`), 'init.log'),
    });
    const pid = await waitFor(`host ${name} has its first process`, 5_000, () => childOf(init.pid));
    return new BootedHost(topology, name, init, pid);
  }

  /** Runs a command on the host, to its end. */
  run(command: string, args: readonly string[]): Promise<string> {
    return this.#topology.inside(this.name, 'nsenter', this.#entering(command, args));
  }

  /** Starts what stays. */
  spawn(command: string, args: readonly string[], logFile: string): LabProcess {
    return this.#topology.spawn(this.name, { command: 'nsenter', args: this.#entering(command, args), logFile });
  }

  /** Without a word to anybody. */
  async losePower(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL');
    await this.#init.exited;
  }

  #entering(command: string, args: readonly string[]): string[] {
    return ['--target', String(this.#pid), '--pid', '--mount', '--', command, ...args];
  }
}

function childOf(pid: number): number | undefined {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return child === '' ? undefined : Number(child);
}
