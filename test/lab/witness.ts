import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClusterView } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { type LabProcess, signalAll } from './process.ts';
import type { WitnessControl } from './system.ts';
import { NETWORK, type Topology } from './topology.ts';

const PORT = 8787;
/** The first start makes the bundle and starts the Workers runtime. */
const START_TIMEOUT_MS = 60_000;
const WITNESS_SCRIPT = fileURLToPath(new URL('../../witness/serve/local.ts', import.meta.url));

/** Reads one request from stdin, so that no credential stands in a process list, and prints the reply's body. */
const REQUEST_SCRIPT = `
const request = JSON.parse(await new Response(process.stdin).text());
const reply = await fetch(request.url, { ...request, signal: AbortSignal.timeout(8000) });
const body = await reply.text();
if (!reply.ok) { console.error(reply.status + ' ' + body); process.exit(1); }
console.log(body);
`;

const Enrolment = z.object({ token: z.string() });

/** The witness on a host of its own, which only the uplinks reach. */
export class LocalWitness implements WitnessControl {
  readonly url: string;
  readonly #topology: Topology;
  readonly #address: string;
  readonly #folder: string;
  readonly #adminToken = randomBytes(32).toString('hex');
  #process: LabProcess | undefined;
  #monitor: string | undefined;

  private constructor(topology: Topology, address: string, folder: string) {
    this.#topology = topology;
    this.#address = address;
    this.#folder = folder;
    this.url = `http://${address}:${PORT}`;
  }

  /** @param address one of the witness host's own. `folder`: within the topology's; another one makes another deployment. */
  static async create(
    topology: Topology,
    address: string = NETWORK.witness.uplink,
    folder = 'witness',
  ): Promise<LocalWitness> {
    const witness = new LocalWitness(topology, address, folder);
    await witness.start();
    return witness;
  }

  async start(): Promise<void> {
    const folder = this.#topology.folderOf(this.#folder);
    this.#process = this.#topology.spawn('witness', {
      command: process.execPath,
      args: [WITNESS_SCRIPT, '--ip', this.#address, '--port', String(PORT), '--data', join(folder, 'data')],
      logFile: join(folder, `log-${Date.now()}`),
      // Its scratch files go with the lab, also when it was killed.
      environment: { TIEBREAK_ADMIN_TOKEN: this.#adminToken, TMPDIR: this.#topology.folderOf(this.#folder, 'scratch') },
    });
    await this.#process.waitForLog('witness ready on', START_TIMEOUT_MS);
  }

  async stop(): Promise<void> {
    await this.#process?.stop(5_000);
    signalAll(await this.#topology.pids('witness'), 'SIGKILL');
  }

  async freeze(): Promise<void> {
    signalAll(await this.#topology.pids('witness'), 'SIGSTOP');
  }

  async thaw(): Promise<void> {
    signalAll(await this.#topology.pids('witness'), 'SIGCONT');
  }

  log(): string {
    return this.#process?.log ?? '';
  }

  async createCluster(cluster: string): Promise<void> {
    await this.#put(`/v1/clusters/${cluster}`);
  }

  /** The credential of `node`, for its token file. */
  async enrol(cluster: string, node: string): Promise<string> {
    return Enrolment.parse(JSON.parse(await this.#put(`/v1/clusters/${cluster}/nodes/${node}`))).token;
  }

  /** What the API shows of it, to an admin. */
  async view(cluster: string): Promise<ClusterView> {
    return ClusterView.parse(
      JSON.parse(await this.#ask('GET', `/v1/clusters/${cluster}`, undefined, this.#adminToken)),
    );
  }

  /** As an outside monitor, with a token of its own. */
  async reportHealth(
    { cluster, group, node }: { cluster: string; group: string; node: string },
    check: string,
    healthy: boolean,
  ): Promise<void> {
    this.#monitor ??= Enrolment.parse(JSON.parse(await this.#put(`/v1/clusters/${cluster}/monitors/outside`))).token;
    const body = JSON.stringify({ check, healthy });
    await this.#ask('POST', `/v1/clusters/${cluster}/groups/${group}/nodes/${node}/health`, body, this.#monitor);
  }

  #put(path: string): Promise<string> {
    return this.#ask('PUT', path, '{}', this.#adminToken);
  }

  #ask(method: 'GET' | 'PUT' | 'POST', path: string, body: string | undefined, token: string): Promise<string> {
    const request = {
      url: `${this.url}${path}`,
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    };
    const args = ['--input-type=module', '--eval', REQUEST_SCRIPT];
    return this.#topology.inside('witness', process.execPath, args, JSON.stringify(request));
  }
}
