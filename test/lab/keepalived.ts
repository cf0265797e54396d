import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabProcess } from './process.ts';
import { type Agent, other, type Scenario, type System } from './system.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';

export type KeepalivedOptions = {
  readonly authPass?: string | undefined;
  readonly version: 2 | 3;
  readonly family: 4 | 6;
  readonly transport: 'unicast' | 'multicast';
  readonly preempt: boolean;
  readonly unicastTtl?: number | undefined;
  /** IPv6: in the order that RFC 9568 section 5.2.9 forbids. */
  readonly globalFirst?: boolean | undefined;
};

export const KEEPALIVED_DEFAULTS: KeepalivedOptions = {
  version: 3,
  family: 4,
  transport: 'multicast',
  preempt: false,
};

/** What a track file of weight 0 holds. */
const PASSING = '0\n';
const FAILING = '1\n';
const TRACKED = 'track';

type TrackedFile = { readonly name: string; readonly file: string };

/** keepalived on one host with a configuration of its own, in its foreground mode. */
export class KeepalivedProgram implements Agent {
  readonly host: HostName;
  readonly #topology: Topology;
  readonly #folder: string;
  #process: LabProcess | undefined;

  constructor(topology: Topology, host: HostName, configurationOf: (folder: string) => string) {
    this.host = host;
    this.#topology = topology;
    this.#folder = topology.folderOf(`keepalived-${host}`);
    writeFileSync(this.configurationFile, configurationOf(this.#folder), { mode: 0o600 });
  }

  get configurationFile(): string {
    return this.#path('keepalived.conf');
  }

  /** Where its dumps go, such as keepalived.json. */
  get folder(): string {
    return this.#folder;
  }

  get running(): boolean {
    return this.#process?.running === true;
  }

  async start(): Promise<void> {
    if (this.running) throw new Error(`keepalived on ${this.host} runs already`);
    await this.#removeLeftOvers();
    this.#process = this.#topology.spawn(this.host, {
      command: 'keepalived',
      args: [
        ...['--dont-fork', '--log-console', '--log-detail', '--vrrp', '--use-file', this.configurationFile],
        ...['--pid', this.#path('keepalived.pid'), '--vrrp_pid', this.#path('vrrp.pid')],
      ],
      logFile: this.#path('log'),
      environment: { TMPDIR: this.#folder },
    });
  }

  async terminate(): Promise<void> {
    await this.#process?.stop(10_000);
  }

  readonly handOver = undefined;

  async reportHealth(_check: string, healthy: boolean): Promise<void> {
    writeFileSync(this.#path(TRACKED), healthy ? PASSING : FAILING);
  }

  watcherPid(): number {
    if (this.#process === undefined) throw new Error(`keepalived on ${this.host} has not been started`);
    return this.#process.pid;
  }

  losePower(): void {
    rmSync(this.#path('keepalived.pid'), { force: true });
    rmSync(this.#path('vrrp.pid'), { force: true });
  }

  async enginePid(): Promise<number> {
    const pids = await this.#topology.pids(this.host);
    const child = pids.find((pid) => pid !== this.#process?.pid);
    if (child === undefined) throw new Error(`keepalived on ${this.host} has no VRRP process`);
    return child;
  }

  log(): string {
    return this.#process?.log ?? '';
  }

  /** keepalived keeps what a killed predecessor left, address and all; whoever repairs the host takes it away. */
  async #removeLeftOvers(): Promise<void> {
    const { virtualAddress, prefixLength, lanInterface } = NETWORK;
    await this.#topology
      .ip(this.host, [`addr del ${virtualAddress}/${prefixLength} dev ${lanInterface}`])
      .catch(() => undefined);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** keepalived with the one virtual router of a scenario. */
export class KeepalivedAgent extends KeepalivedProgram {
  constructor(topology: Topology, host: HostName, scenario: Scenario, options: KeepalivedOptions) {
    super(topology, host, (folder) => {
      const checks =
        scenario.pushCheck === undefined ? [] : [{ name: scenario.pushCheck, file: join(folder, TRACKED) }];
      for (const { file } of checks) writeFileSync(file, PASSING);
      return keepalivedConfiguration(host, scenario, options, checks);
    });
  }
}

export function keepalivedSystem(topology: Topology, scenario: Scenario): System {
  const agents = {
    a: new KeepalivedAgent(topology, 'a', scenario, KEEPALIVED_DEFAULTS),
    b: new KeepalivedAgent(topology, 'b', scenario, KEEPALIVED_DEFAULTS),
  };
  return {
    name: 'keepalived',
    agents,
    witness: undefined,
    unsettled: async () => undefined,
    voteMs: async () => undefined,
    close: async () => {
      await Promise.all([agents.a.terminate(), agents.b.terminate()]);
    },
  };
}

export function keepalivedConfiguration(
  host: HostName,
  scenario: Scenario,
  options: KeepalivedOptions,
  checks: readonly TrackedFile[],
): string {
  const { hosts, lanInterface, virtualAddress, virtualAddresses6, prefixLength } = NETWORK;
  const own = options.family === 4 ? hosts[host].lan : hosts[host].lan6;
  const peer = options.family === 4 ? hosts[other(host)].lan : hosts[other(host)].lan6;
  const addresses =
    options.family === 4 ? [`${virtualAddress}/${prefixLength}`] : virtualAddresses6.map((address) => `${address}/64`);
  if (options.globalFirst === true) addresses.reverse();
  return `global_defs {
  router_id ${host}
  vrrp_version ${options.version}
}
${checks.map(({ name, file }) => `vrrp_track_file ${name} {\n  file "${file}"\n  weight 0\n}`).join('\n')}
vrrp_instance edge {
  state BACKUP
  interface ${lanInterface}
  virtual_router_id ${scenario.virtualRouterId}
  priority ${scenario.priority[host]}
  advert_int ${scenario.advertisementIntervalMs / 1_000}
  ${options.preempt ? '' : 'nopreempt'}
  ${options.authPass === undefined ? '' : `authentication {\n    auth_type PASS\n    auth_pass ${options.authPass}\n  }`}
  ${options.transport === 'unicast' ? `unicast_src_ip ${own}\n  unicast_peer {\n    ${peer}\n  }` : ''}
  ${options.unicastTtl === undefined ? '' : `unicast_ttl ${options.unicastTtl}`}
  ${checks.length === 0 ? '' : `track_file {\n    ${checks.map(({ name }) => name).join('\n    ')}\n  }`}
  virtual_ipaddress {
    ${addresses.map((address) => `${address} dev ${lanInterface}`).join('\n    ')}
  }
}
`;
}
