import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Capture } from './capture.ts';
import { type Census, observe } from './frames.ts';
import type { Observation } from './observation.ts';
import { type LabProcess, waitFor } from './process.ts';
import { NETWORK, type Topology } from './topology.ts';

export const PROBE_PERIOD_MS = 2;

/** About two minutes of record; older lines are forgotten. */
const RECORD_MAX = 400_000;

const PATIENCE_MS = 10_000;

type Listeners = Set<(observation: Observation) => void>;

const CENSUS: Census = {
  probeMac: NETWORK.probe.mac,
  probeAddress: NETWORK.probe.lan,
  virtualAddress: NETWORK.virtualAddress,
  stations: new Map([
    [NETWORK.hosts.a.mac, 'a'],
    [NETWORK.hosts.b.mac, 'b'],
    [NETWORK.client.mac, 'client'],
  ]),
};

/** Asks three ways every 2 ms who answers for the virtual address, and keeps the kernel's record of it. */
export class Prober {
  readonly #sender: LabProcess;
  readonly #capture: Capture;
  readonly #record: Observation[];
  readonly #listeners: Listeners;

  private constructor(sender: LabProcess, capture: Capture, record: Observation[], listeners: Listeners) {
    this.#sender = sender;
    this.#capture = capture;
    this.#record = record;
    this.#listeners = listeners;
  }

  /** Returns when the first probe has left. */
  static async start(topology: Topology): Promise<Prober> {
    const { hosts, probe, virtualAddress, lanInterface } = NETWORK;
    const record: Observation[] = [];
    const listeners: Listeners = new Set();
    const where = { place: 'client', interfaceName: lanInterface, filter: 'arp or icmp or ip proto 112' } as const;
    const capture = await Capture.start(topology, where, ({ atUs, bytes }) => {
      const observation = observe(bytes, atUs, CENSUS);
      if (observation === undefined) return;
      record.push(observation);
      for (const listener of listeners) listener(observation);
      if (record.length > RECORD_MAX) record.splice(0, RECORD_MAX / 4);
    });
    const script = fileURLToPath(new URL('probe-sender.ts', import.meta.url));
    const sender = topology.spawn('client', {
      command: process.execPath,
      args: [
        // Collecting garbage must not wait for threads that have no such priority.
        '--single-threaded-gc',
        script,
        lanInterface,
        String(PROBE_PERIOD_MS),
        ...[probe.mac, probe.lan, virtualAddress, hosts.a.mac, hosts.b.mac],
      ],
      logFile: join(topology.folder, 'probe-sender.log'),
      nice: -15,
    });
    const prober = new Prober(sender, capture, record, listeners);
    await waitFor('the first probe', 10_000, () => {
      if (!sender.running) throw new Error(`the probe sender ended: ${sender.log}`);
      return record.find(({ kind }) => kind === 'request');
    });
    return prober;
  }

  /** Now, on the clock of the record, to the millisecond. */
  nowUs(): number {
    return Date.now() * 1_000;
  }

  /** The record of [fromUs, toUs). Throws when the prober has died or has forgotten the beginning: silence would look like a fault. */
  between(fromUs: number, toUs: number): Observation[] {
    if (!this.#sender.running || !this.#capture.running) throw new Error('the prober is not running');
    const first = this.#record[0];
    if (this.#record.length > RECORD_MAX / 2 && first !== undefined && first.atUs > fromUs) {
      throw new Error('the record no longer reaches back so far');
    }
    // Lines come in the order of their time stamps, and what is asked for is at the end.
    const start = this.#record.findLastIndex(({ atUs }) => atUs < fromUs) + 1;
    return this.#record.slice(start).filter(({ atUs }) => atUs < toUs);
  }

  /** Returns when the next advertisement of `host` has come. Throws when none comes within 10 s. */
  nextAdvertisement(host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const given = setTimeout(() => {
        this.#listeners.delete(listener);
        reject(new Error(`no advertisement of host ${host} within ${PATIENCE_MS / 1_000} s`));
      }, PATIENCE_MS);
      const listener = (observation: Observation): void => {
        if (observation.kind !== 'advertisement' || observation.by !== host) return;
        clearTimeout(given);
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
  }

  /** Who answered during the last `windowMs`, most recent first. */
  answering(windowMs: number): string[] {
    const since = this.nowUs() - windowMs * 1_000;
    const names = new Set<string>();
    for (let at = this.#record.length - 1; at >= 0; at--) {
      const observation = this.#record[at];
      if (observation === undefined || observation.atUs < since) break;
      if (observation.kind === 'answer' || observation.kind === 'client_answer') names.add(observation.by);
    }
    return [...names];
  }

  async stop(): Promise<void> {
    await this.#sender.stop(500);
    await this.#capture.stop();
  }
}
