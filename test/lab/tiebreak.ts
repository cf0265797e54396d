import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type GroupStatus, Status } from '../../agent/api/status.ts';
import { type LabProcess, waitFor } from './process.ts';
import { type Agent, type Order, other, type Scenario, type System } from './system.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';
import { LocalWitness } from './witness.ts';

export const CLUSTER = 'lab';
export const GROUP = 'edge';
/** The environment's name for another build of the program than the sources. */
export const LAB_TIEBREAK = 'LAB_TIEBREAK';
const SOURCE_SCRIPT = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));

/** The program that the laboratory starts. */
export function agentScript(): string {
  return process.env[LAB_TIEBREAK] ?? SOURCE_SCRIPT;
}

const API_TIMEOUT_MS = 1_000;
/** A group that goes departs first. */
const RELOAD_TIMEOUT_MS = 15_000;
/** HTTP 409: the order is understood, and not possible now. */
const REFUSED = 409;
const START_TIMEOUT_MS = 10_000;

export type VirtualRouterOptions = {
  readonly version: 2 | 3;
  readonly family: 4 | 6;
  readonly transport: 'unicast' | 'multicast';
  readonly preempt: boolean;
  readonly checksum: 'pseudo-header' | 'message';
  readonly virtualMac?: boolean;
  readonly authPass?: string | undefined;
  readonly hmacKeyFile?: string;
  /** Mode "vrrp", although there is a witness. */
  readonly plain?: boolean;
  /** The table `announce`. */
  readonly announce?: string;
  /** The virtual address is the client's router. */
  readonly gateway?: boolean;
};

export const VIRTUAL_ROUTER_DEFAULTS: VirtualRouterOptions = {
  version: 3,
  family: 4,
  transport: 'multicast',
  preempt: false,
  checksum: 'pseudo-header',
};

/** What a group in mode 'lease' needs beyond its virtual router. */
export type LeaseCredentials = {
  readonly witnessUrl: string;
  readonly tokenFile: string;
  readonly keyFile: string;
  /** Which of the peer's addresses the agents know. */
  readonly paths: SidebandPaths;
};

export type SidebandPaths = 'lan and uplink' | 'lan only';

/** Where an agent keeps what it must know after a restart, and what it forgets with the host's power. */
export type AgentFolders = { readonly state: string; readonly run: string };

/** The tiebreak agent on one host with a configuration of its own, as `tiebreak run` starts it. */
export class TiebreakProgram implements Agent {
  readonly host: HostName;
  readonly #topology: Topology;
  readonly #folder: string;
  readonly #runFolder: string;
  readonly #environment: Readonly<Record<string, string>>;
  #process: LabProcess | undefined;

  constructor(
    topology: Topology,
    host: HostName,
    configurationOf: (folders: AgentFolders) => string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.host = host;
    this.#topology = topology;
    this.#environment = environment;
    this.#folder = topology.folderOf(`tiebreak-${host}`);
    this.#runFolder = topology.runFolderOf(`tiebreak-${host}`);
    const folders = { state: topology.folderOf(`tiebreak-${host}`, 'state'), run: this.#runFolder };
    writeFileSync(this.#path('tiebreak.toml'), configurationOf(folders), { mode: 0o600 });
  }

  get running(): boolean {
    return this.#process?.running === true;
  }

  async start(): Promise<void> {
    if (this.running) throw new Error(`tiebreak on ${this.host} runs already`);
    this.#topology.runFolderOf(`tiebreak-${this.host}`);
    this.#process = this.#topology.spawn(this.host, {
      command: process.execPath,
      args: [agentScript(), 'run', '--config', this.#path('tiebreak.toml')],
      logFile: this.#path('log'),
      environment: this.#environment,
    });
  }

  async terminate(): Promise<void> {
    await this.#process?.stop(10_000);
  }

  /** SIGTERM, and nothing is waited for. */
  askToStop(): void {
    this.#process?.signal('SIGTERM');
  }

  async enginePid(): Promise<number> {
    const what = `tiebreak on ${this.host} answers`;
    const { process } = await waitFor(what, START_TIMEOUT_MS, () => this.status());
    return process.engine_pid;
  }

  readonly handOver = async (): Promise<Order> => {
    const { status, body } = await this.#post(`/v1/groups/${GROUP}/handover`, {});
    return status === REFUSED ? { taken: false, reason: body } : { taken: true };
  };

  async reportHealth(check: string, healthy: boolean): Promise<void> {
    await this.#post(`/v1/groups/${GROUP}/health`, { check, healthy });
  }

  async setMaintenance(on: boolean): Promise<void> {
    await this.#post('/v1/maintenance', { on });
  }

  /** Changes the configuration's text; the agent does not look at it before it is told to. */
  rewrite(change: (text: string) => string): void {
    const path = this.#path('tiebreak.toml');
    writeFileSync(path, change(readFileSync(path, 'utf8')), { mode: 0o600 });
  }

  /** What `tiebreak reload` prints. */
  async reload(): Promise<{ readonly taken: boolean; readonly text: string }> {
    const { status, body } = await this.#post('/v1/reload', {}, RELOAD_TIMEOUT_MS);
    const { detail } = z.object({ detail: z.string() }).parse(JSON.parse(body));
    return { taken: status !== REFUSED, text: detail };
  }

  /** To the guardian, as a service manager does. */
  hangUp(): void {
    this.#process?.signal('SIGHUP');
  }

  get configurationFile(): string {
    return this.#path('tiebreak.toml');
  }

  watcherPid(): number {
    if (this.#process === undefined) throw new Error(`tiebreak on ${this.host} has not been started`);
    return this.#process.pid;
  }

  losePower(): void {
    rmSync(this.#runFolder, { recursive: true, force: true });
  }

  log(): string {
    return this.#process?.log ?? '';
  }

  /** The engine's own view; undefined while nothing answers. A Unix socket is reached across network namespaces. */
  async status(): Promise<Status | undefined> {
    return this.running ? await this.orphanStatus() : undefined;
  }

  /** The same, also of an engine whose guardian has gone. */
  orphanStatus(): Promise<Status | undefined> {
    return statusOver(this.#socketPath);
  }

  /** What Prometheus would be told. */
  async metrics(): Promise<string> {
    const reply = await askOverSocket(this.#socketPath, 'GET', '/metrics');
    if (reply?.status === 200) return reply.body;
    throw new Error(`GET /metrics: tiebreak on ${this.host}: ${reply?.status ?? 'no answer'} ${reply?.body ?? ''}`);
  }

  async group(): Promise<GroupStatus | undefined> {
    return (await this.status())?.groups[0];
  }

  /** The reply, unless it says that the request itself was wrong. */
  async #post(path: string, body: Readonly<Record<string, unknown>>, timeoutMs = API_TIMEOUT_MS): Promise<Reply> {
    const reply = await askOverSocket(this.#socketPath, 'POST', path, body, timeoutMs);
    if (reply === undefined) throw new Error(`POST ${path}: tiebreak on ${this.host} does not answer`);
    if (reply.status < 300 || reply.status === REFUSED) return reply;
    throw new Error(`POST ${path}: tiebreak on ${this.host}: ${reply.status} ${reply.body}`);
  }

  get #socketPath(): string {
    return join(this.#runFolder, 'api.sock');
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** The agent with the one virtual router of a scenario. */
export class TiebreakAgent extends TiebreakProgram {
  constructor(
    topology: Topology,
    host: HostName,
    scenario: Scenario,
    options: VirtualRouterOptions,
    lease: LeaseCredentials | undefined,
    environment: Readonly<Record<string, string>> = {},
  ) {
    super(topology, host, (folders) => tiebreakConfiguration(host, scenario, options, folders, lease), environment);
  }
}

export type TiebreakSystem = System & { readonly agents: Readonly<Record<HostName, TiebreakAgent>> };

/** Two agents and their witness, which runs when this returns; the agents are not started yet. */
export async function tiebreakSystem(
  topology: Topology,
  scenario: Scenario,
  options: VirtualRouterOptions = VIRTUAL_ROUTER_DEFAULTS,
  paths: SidebandPaths = 'lan and uplink',
  environmentOf: (host: HostName) => Readonly<Record<string, string>> = () => ({}),
): Promise<TiebreakSystem> {
  const witness = await LocalWitness.create(topology);
  await witness.createCluster(CLUSTER);
  const folder = topology.folderOf('secrets');
  const keyFile = join(folder, 'edge.key');
  writeFileSync(keyFile, `1 ${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const agentOf = async (host: HostName): Promise<TiebreakAgent> => {
    const tokenFile = join(folder, `${host}.token`);
    writeFileSync(tokenFile, `${await witness.enrol(CLUSTER, host)}\n`, { mode: 0o600 });
    const lease = { witnessUrl: witness.url, tokenFile, keyFile, paths };
    return new TiebreakAgent(topology, host, scenario, options, lease, environmentOf(host));
  };
  const agents = { a: await agentOf('a'), b: await agentOf('b') };
  return {
    name: 'tiebreak',
    agents,
    witness,
    unsettled: () => unsettled(agents),
    voteMs: async (host) => (await agents[host].group())?.witness.vote_ms_p99 ?? undefined,
    close: async () => {
      await Promise.all([agents.a.terminate(), agents.b.terminate()]);
      await witness.stop();
    },
  };
}

/** Two agents in mode "vrrp", which need no witness; they are not started yet. */
export function plainTiebreakSystem(topology: Topology, scenario: Scenario): TiebreakSystem {
  const agentOf = (host: HostName) => new TiebreakAgent(topology, host, scenario, VIRTUAL_ROUTER_DEFAULTS, undefined);
  const agents = { a: agentOf('a'), b: agentOf('b') };
  return {
    name: 'tiebreak',
    agents,
    witness: undefined,
    unsettled: async () => {
      const roles = [(await agents.a.group())?.role, (await agents.b.group())?.role];
      return roles.toSorted().join() === 'active,backup' ? undefined : `the roles are ${roles.join(' and ')}`;
    },
    voteMs: async () => undefined,
    close: async () => {
      await Promise.all([agents.a.terminate(), agents.b.terminate()]);
    },
  };
}

/** Throws where another system runs. */
export function tiebreakAgentOf({ agents }: System, host: HostName): TiebreakAgent {
  const agent = agents[host];
  if (!(agent instanceof TiebreakAgent)) throw new Error('this laboratory runs another system');
  return agent;
}

async function unsettled(agents: Readonly<Record<HostName, TiebreakAgent>>): Promise<string | undefined> {
  const groups: GroupStatus[] = [];
  for (const host of ['a', 'b'] as const) {
    const group = await agents[host].group();
    if (group === undefined) return `host ${host}: the agent is starting`;
    if (group.role !== 'active' && group.role !== 'backup') return `host ${host}: ${roleInWords(group)}`;
    if (group.peers.some(({ state }) => state !== 'heard')) return `host ${host} does not hear its peer`;
    if (group.witness.state !== 'connected') return `host ${host}: the witness is ${group.witness.state}`;
    if (group.quorum.votes.some((vote) => vote.state === 'departed')) return `host ${host}: a vote has departed still`;
    if (isBoundForLong(group)) return `host ${host}: its vote is promised for as long as if the witness were away`;
    groups.push(group);
  }
  const owners = groups.filter(({ role }) => role === 'active');
  if (owners.length !== 1) return 'nobody owns the address';
  const borrowed = owners[0]?.quorum.votes.some(({ voter, state }) => voter === 'witness' && state === 'granted');
  return borrowed === true ? "the owner still holds the witness's vote" : undefined;
}

/** A promise is 2.5 intervals long, unless policy `bias` made it longer. */
function isBoundForLong({ quorum, virtual_routers: [router] }: GroupStatus): boolean {
  const [own] = quorum.votes;
  const intervalMs = router?.advertisement_interval_ms ?? Number.NaN;
  return own?.state === 'bound_elsewhere' && (own.remaining_ms ?? 0) > 3 * intervalMs;
}

function roleInWords(group: GroupStatus): string {
  const own = group.quorum.votes.find(({ state }) => state === 'quarantined');
  if (own === undefined || own.remaining_ms === null) return `role ${group.role}`;
  return `waits ${Math.ceil(own.remaining_ms / 1_000)} s, until what it may have promised before its start has run out`;
}

type Reply = { readonly status: number; readonly body: string };

/** Of the engine that listens there; undefined: none answers. */
export async function statusOver(socketPath: string): Promise<Status | undefined> {
  const reply = await askOverSocket(socketPath, 'GET', '/v1/status');
  return reply?.status === 200 ? Status.parse(JSON.parse(reply.body)) : undefined;
}

/** undefined: nothing answers, or not in time. */
function askOverSocket(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  timeout = API_TIMEOUT_MS,
): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath, method, path, headers, timeout }, (reply) => {
      text(reply).then(
        (answer) => resolve({ status: reply.statusCode ?? 0, body: answer }),
        () => resolve(undefined),
      );
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export function tiebreakConfiguration(
  host: HostName,
  scenario: Scenario,
  options: VirtualRouterOptions,
  folders: AgentFolders,
  lease: LeaseCredentials | undefined,
): string {
  const { hosts, lanInterface, virtualAddress, virtualAddresses6, prefixLength } = NETWORK;
  const peer = other(host);
  const own = options.family === 4 ? hosts[host].lan : hosts[host].lan6;
  const peerOnLan = options.family === 4 ? hosts[peer].lan : hosts[peer].lan6;
  const peerAddresses = lease?.paths === 'lan only' ? [peerOnLan] : [peerOnLan, hosts[peer].uplink];
  const addresses =
    options.family === 4 ? [`${virtualAddress}/${prefixLength}`] : virtualAddresses6.map((address) => `${address}/64`);
  const lines = [
    `node = "${host}"`,
    `state_dir = "${folders.state}"`,
    `run_dir = "${folders.run}"`,
    ...(lease === undefined
      ? []
      : ['[witness]', `url = "${lease.witnessUrl}"`, `cluster = "${CLUSTER}"`, `token_file = "${lease.tokenFile}"`]),
    '[[group]]',
    `name = "${GROUP}"`,
    ...(options.gateway === true ? ['gateway = true'] : []),
    ...(lease === undefined || options.plain === true
      ? ['mode = "vrrp"', `preempt = ${options.preempt}`]
      : [
          `key_file = "${lease.keyFile}"`,
          `bias_promise = "${scenario.biasPromiseMs}ms"`,
          `peers = [{ node = "${peer}", addresses = [${peerAddresses.map((address) => `"${address}"`).join(', ')}] }]`,
        ]),
    ...(scenario.pushCheck === undefined ? [] : ['[[group.check]]', `name = "${scenario.pushCheck}"`, 'push = true']),
    ...(scenario.checks === undefined ? [] : [scenario.checks(host)]),
    '[[group.virtual_router]]',
    `interface = "${lanInterface}"`,
    `virtual_router_id = ${scenario.virtualRouterId}`,
    `version = ${options.version}`,
    `priority = ${scenario.priority[host]}`,
    `advertisement_interval = "${scenario.advertisementIntervalMs}ms"`,
    `addresses = [${addresses.map((address) => `"${address}"`).join(', ')}]`,
    `checksum = "${options.checksum}"`,
    ...(options.authPass === undefined ? [] : [`auth_pass = "${options.authPass}"`]),
    ...(options.hmacKeyFile === undefined ? [] : [`auth_hmac = { key_file = "${options.hmacKeyFile}" }`]),
    ...(options.announce === undefined ? [] : [`announce = ${options.announce}`]),
    ...(options.virtualMac === true ? ['virtual_mac = true'] : []),
    ...(options.transport === 'unicast' ? [`source_address = "${own}"`, `unicast = ["${peerOnLan}"]`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
