import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHILD_ENVIRONMENT, LabProcess, run, type SpawnOptions, signalAll } from './process.ts';

export type HostName = 'a' | 'b';
export type PlaceName = HostName | 'client' | 'witness' | 'switch';

/** Every name that the lab gives begins so and goes on with the process id of the run that gave it. */
const FAMILY = 'tb-lab';
/** A tmpfs on every Linux, also where /run is not this user's to write to. */
const MEMORY = '/dev/shm';

/** What does not change from run to run. The switch is a namespace of its own, so that faults never touch a host. */
export const NETWORK = {
  virtualAddress: '10.77.0.100',
  /** The first must be link-local (RFC 9568 section 5.2.9). */
  virtualAddresses6: ['fe80::100', 'fd77::100'],
  prefixLength: 24,
  hosts: {
    a: { mac: '02:77:00:00:00:0a', lan: '10.77.0.11', uplink: '198.18.7.11', lan6: 'fd77::11' },
    b: { mac: '02:77:00:00:00:0b', lan: '10.77.0.12', uplink: '198.18.7.12', lan6: 'fd77::12' },
  },
  client: { mac: '02:77:00:00:00:0c', lan: '10.77.0.20', lan6: 'fd77::20' },
  /** A second station behind the client's port: answers to the probes never reach the client's neighbour cache. */
  probe: { mac: '02:77:00:00:00:99', lan: '10.77.0.99' },
  witness: { uplink: '198.18.7.50' },
  lanInterface: 'eth0',
  uplinkInterface: 'eth1',
} as const;

/** The switch's ports that lead to a host. */
export const PORTS = {
  a: { lan: 'lan-a', uplink: 'up-a' },
  b: { lan: 'lan-b', uplink: 'up-b' },
  witness: { uplink: 'up-w' },
  client: { lan: 'lan-c' },
} as const;

const PLACES: readonly PlaceName[] = ['switch', 'a', 'b', 'client', 'witness'];
let made = 0;

/** Two hosts with a LAN and an uplink, a client on the LAN and a witness's host on the uplink. The host's network stays untouched. */
export class Topology {
  readonly #prefix: string;
  readonly #ipv6: boolean;
  /** For configuration, state and logs; removed with the topology. */
  readonly folder: string;
  /** In memory, as /run is; removed with the topology. */
  readonly #runFolder: string;
  readonly #processes = new Set<LabProcess>();
  #closed = false;

  private constructor(prefix: string, ipv6: boolean) {
    this.#prefix = prefix;
    this.#ipv6 = ipv6;
    this.folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    this.#runFolder = mkdtempSync(join(MEMORY, `${prefix}-`));
  }

  /** Makes the namespaces, after it has removed what runs that no longer live left behind. */
  static async create(options: { readonly ipv6?: boolean } = {}): Promise<Topology> {
    removeLeftOvers();
    const prefix = `${FAMILY}-${process.pid}-${made++}`;
    const topology = new Topology(prefix, options.ipv6 === true);
    process.once('exit', topology.#closeAtExit);
    try {
      await topology.#build();
    } catch (error) {
      topology.close();
      throw error;
    }
    return topology;
  }

  namespace(place: PlaceName): string {
    return `${this.#prefix}-${place}`;
  }

  /** A folder of this topology's own, made if need be. */
  folderOf(...names: readonly string[]): string {
    const path = join(this.folder, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** What a service manager would give a service of this name as its RuntimeDirectory; made if need be. */
  runFolderOf(name: string): string {
    const path = join(this.#runFolder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Runs a command inside `place` and returns its stdout. */
  inside(place: PlaceName, command: string, args: readonly string[], input?: string): Promise<string> {
    return run('ip', ['netns', 'exec', this.namespace(place), command, ...args], input);
  }

  /** Starts a process that lives in `place` until it is told to stop, at the latest when the topology closes. */
  spawn(place: PlaceName, options: Omit<SpawnOptions, 'namespace'>): LabProcess {
    const started = LabProcess.spawn({ ...options, namespace: this.namespace(place) });
    this.#processes.add(started);
    started.exited.then(() => this.#processes.delete(started));
    return started;
  }

  /** `ip -batch` inside `place`, one command a line. */
  async ip(place: PlaceName, lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.namespace(place), '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** One nftables transaction in the switch. */
  async nft(ruleset: string): Promise<void> {
    await this.inside('switch', 'nft', ['-f', '-'], ruleset);
  }

  /** Every process that lives in `place`. */
  async pids(place: PlaceName): Promise<number[]> {
    return numbers(await run('ip', ['netns', 'pids', this.namespace(place)]));
  }

  /** What a power cycle does to a host: no address, no rule, no neighbour of its former life. Its processes must be gone. */
  async reboot(host: HostName): Promise<void> {
    await this.inside(host, 'nft', ['flush', 'ruleset']);
    const { lanInterface, uplinkInterface } = NETWORK;
    await this.ip(host, [
      `addr flush dev ${lanInterface} scope global`,
      `addr flush dev ${uplinkInterface} scope global`,
      `neigh flush dev ${lanInterface}`,
      ...hostAddresses(host, this.#ipv6),
    ]);
  }

  /** Kills what runs in the namespaces and removes them and the folder. Synchronous, so that it also works while the process ends. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#closeAtExit);
    // By name first: one that has only just started may not have entered its namespace yet.
    for (const started of this.#processes) started.signal('SIGKILL');
    for (const place of PLACES) removeNamespace(this.namespace(place));
    for (const folder of [this.folder, this.#runFolder]) {
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  }

  readonly #closeAtExit = (): void => this.close();

  async #build(): Promise<void> {
    for (const place of PLACES) await run('ip', ['netns', 'add', this.namespace(place)]);
    await this.inside('switch', 'sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
    await this.ip('switch', this.#switchLines());
    await this.nft(SWITCH_RULES);
    for (const place of ['a', 'b', 'client', 'witness'] as const) {
      await this.inside(place, 'sysctl', [
        '-qw',
        ...STATION_SETTINGS,
        `net.ipv6.conf.default.disable_ipv6=${this.#ipv6 ? 0 : 1}`,
      ]);
      await this.ip(place, ['link set lo up', ...this.#stationLines(place)]);
    }
  }

  #switchLines(): string[] {
    // No snooping: without a querier a snooping bridge would drop the multicast advertisements.
    const bridge = (name: string): string[] => [
      `link add ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${name} up`,
    ];
    const port = (name: string, of: string, place: PlaceName, device: string, mac?: string): string[] => [
      `link add ${name} type veth peer name ${device}${mac === undefined ? '' : ` address ${mac}`} netns ${this.namespace(place)}`,
      `link set ${name} master ${of}`,
      `link set ${name} up`,
    ];
    const { hosts, client, lanInterface, uplinkInterface } = NETWORK;
    return [
      ...bridge('lan'),
      ...bridge('uplink'),
      ...port(PORTS.a.lan, 'lan', 'a', lanInterface, hosts.a.mac),
      ...port(PORTS.b.lan, 'lan', 'b', lanInterface, hosts.b.mac),
      ...port(PORTS.client.lan, 'lan', 'client', lanInterface, client.mac),
      ...port(PORTS.a.uplink, 'uplink', 'a', uplinkInterface),
      ...port(PORTS.b.uplink, 'uplink', 'b', uplinkInterface),
      ...port(PORTS.witness.uplink, 'uplink', 'witness', uplinkInterface),
    ];
  }

  #stationLines(place: 'a' | 'b' | 'client' | 'witness'): string[] {
    const { lanInterface, uplinkInterface, prefixLength } = NETWORK;
    const up = (device: string): string => `link set ${device} up`;
    switch (place) {
      case 'a':
      case 'b':
        return [up(lanInterface), up(uplinkInterface), ...hostAddresses(place, this.#ipv6)];
      case 'client':
        return [
          up(lanInterface),
          `addr add ${NETWORK.client.lan}/${prefixLength} dev ${lanInterface}`,
          ...(this.#ipv6 ? [`addr add ${NETWORK.client.lan6}/64 dev ${lanInterface}`] : []),
        ];
      case 'witness':
        return [up(uplinkInterface), `addr add ${NETWORK.witness.uplink}/${prefixLength} dev ${uplinkInterface}`];
    }
  }
}

function hostAddresses(host: HostName, ipv6: boolean): string[] {
  const { hosts, probe, lanInterface, uplinkInterface, prefixLength } = NETWORK;
  return [
    `addr add ${hosts[host].lan}/${prefixLength} dev ${lanInterface}`,
    `addr add ${hosts[host].uplink}/${prefixLength} dev ${uplinkInterface}`,
    ...(ipv6 ? [`addr add ${hosts[host].lan6}/64 dev ${lanInterface}`] : []),
    // Nobody answers ARP for the probe's address; a host must be able to answer its echoes all the same.
    `neigh replace ${probe.lan} lladdr ${probe.mac} dev ${lanInterface} nud permanent`,
  ];
}

/** New namespaces inherit these from the machine, and the lab must not depend on the machine. */
const STATION_SETTINGS = [
  'net.ipv4.ip_forward=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv4.conf.all.arp_ignore=0',
  'net.ipv4.conf.all.arp_announce=0',
  'net.ipv4.conf.all.arp_notify=0',
  'net.ipv4.icmp_echo_ignore_all=0',
];

/** `cut` holds the pairs of ports between which frames are lost; `dead` the ports through which nothing passes. */
const SWITCH_RULES = `table bridge lab {
  set cut { type ifname . ifname; }
  set dead { type ifname; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut drop
    iifname @dead drop
    oifname @dead drop
  }
}
`;

function removeLeftOvers(): void {
  const pattern = new RegExp(`^${FAMILY}-(\\d+)-`);
  const dead = (name: string): boolean => {
    const pid = pattern.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  const known = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of known.filter(dead)) removeNamespace(name);
  for (const folder of new Set([tmpdir(), MEMORY])) {
    for (const name of readdirSync(folder).filter(dead)) {
      const path = join(folder, name);
      if (ours(path)) rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Another user's left-overs are that user's to remove. */
function ours(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
}

function removeNamespace(name: string): void {
  if (!existsSync(`/run/netns/${name}`)) return;
  const options = { encoding: 'utf8', env: CHILD_ENVIRONMENT, timeout: 5_000 } as const;
  signalAll(numbers(execFileSync('ip', ['netns', 'pids', name], options)), 'SIGKILL');
  execFileSync('ip', ['netns', 'del', name], options);
}

function numbers(text: string): number[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}
