import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { bundleWorker } from '../../witness/serve/bundle.ts';
import { startWorkerd, type WorkerdProcess } from '../../witness/serve/workerd.ts';
import { workerdConfig } from '../../witness/serve/workerd-config.ts';

const ADMIN = 'admin-token-of-a-served-witness';

const Created = z.object({ witness_id: z.string() });
const Issued = z.object({ token: z.string() });

type Running = { readonly workerd: WorkerdProcess; readonly origin: string };

/** What a benchmark puts beside the witness into the same Worker. */
export type MoreThanWitness = { readonly entry?: string; readonly configured?: (config: string) => string };

/** The Worker by workerd on this host, as `tiebreak witness serve` runs it, to be killed and started again at will. */
export class ServedWitness {
  readonly #folder: string;
  #running: Running | null = null;
  #whenUp: (() => void)[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** It listens on a port of its own at each start, and has a folder that outlives them. */
  static async started(more: MoreThanWitness = {}): Promise<ServedWitness> {
    const folder = mkdtempSync(join(tmpdir(), 'tb-served-'));
    const witness = new ServedWitness(folder);
    mkdirSync(witness.objects);
    await bundleWorker(folder, more.entry);
    const listening = { address: '127.0.0.1:0', objects: witness.objects };
    const config = workerdConfig({ ...listening, tls: false, privateWebhooks: false });
    writeFileSync(witness.#config, more.configured?.(config) ?? config);
    await witness.start();
    return witness;
  }

  /** Where all that it has stored lies. */
  get objects(): string {
    return join(this.#folder, 'objects');
  }

  get isUp(): boolean {
    return this.#running !== null;
  }

  get origin(): string {
    if (this.#running === null) throw new Error('the witness is down');
    return this.#running.origin;
  }

  /** Of workerd, which has no other process. */
  get pid(): number {
    if (this.#running === null) throw new Error('the witness is down');
    return this.#running.workerd.pid;
  }

  get adminToken(): string {
    return ADMIN;
  }

  async up(): Promise<void> {
    while (!this.isUp) await new Promise<void>((resolve) => this.#whenUp.push(resolve));
  }

  async start(): Promise<void> {
    const workerd = await startWorkerd({ config: this.#config, adminToken: ADMIN, inherited: null });
    if ('error' in workerd) throw new Error(workerd.error);
    const port = await workerd.listening;
    if (port === undefined) throw new Error('workerd did not start');
    this.#running = { workerd, origin: `http://127.0.0.1:${port}` };
    for (const resolve of this.#whenUp.splice(0)) resolve();
  }

  /** As a power switch does it to the process: what it was about to write or to say is lost. */
  async kill(): Promise<void> {
    const running = this.#down();
    process.kill(-running.workerd.pid, 'SIGKILL');
    await running.workerd.ended;
  }

  async stop(): Promise<void> {
    await this.#down().workerd.stop();
  }

  async dispose(): Promise<void> {
    if (this.isUp) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @returns its witness id */
  async createCluster(cluster: string): Promise<string> {
    return Created.parse(await this.#admin(`/v1/clusters/${cluster}`)).witness_id;
  }

  async enroll(cluster: string, node: string): Promise<string> {
    return Issued.parse(await this.#admin(`/v1/clusters/${cluster}/nodes/${node}`)).token;
  }

  async #admin(path: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const answer = await fetch(this.origin + path, { method: 'PUT', headers });
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  get #config(): string {
    return join(this.#folder, 'workerd.capnp');
  }

  #down(): Running {
    const running = this.#running;
    if (running === null) throw new Error('the witness is down already');
    this.#running = null;
    return running;
  }
}
