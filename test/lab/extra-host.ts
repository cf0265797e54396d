import { execFileSync } from 'node:child_process';
import { CHILD_ENVIRONMENT, LabProcess, run, type SpawnOptions } from './process.ts';
import type { HostName, Topology } from './topology.ts';

export type Attachment =
  /** A further port of the LAN's switch. */
  | { readonly to: 'lan' }
  /** A cable to one host of the lab, which calls its end `eth2` and has `hostAddress` there. */
  | { readonly to: HostName; readonly hostAddress: string };

/** One more host, for one test. Its interface is called `eth0`. */
export class ExtraHost {
  readonly namespace: string;
  readonly #started: LabProcess[] = [];

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** @param address with its prefix length */
  static async create(topology: Topology, name: string, address: string, attachment: Attachment): Promise<ExtraHost> {
    const host = new ExtraHost(`${topology.namespace('switch')}-${name}`);
    const { namespace } = host;
    await run('ip', ['netns', 'add', namespace]);
    const far = attachment.to === 'lan' ? `lan-${name}` : 'eth2';
    const place = attachment.to === 'lan' ? 'switch' : attachment.to;
    await topology.ip(place, [
      `link add ${far} type veth peer name eth0 netns ${namespace}`,
      ...(attachment.to === 'lan' ? [`link set ${far} master lan`] : [`addr add ${attachment.hostAddress} dev ${far}`]),
      `link set ${far} up`,
    ]);
    const lines = ['link set lo up', 'link set eth0 up', `addr add ${address} dev eth0`];
    await run('ip', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
    return host;
  }

  async ip(...lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  readonly spawn = (options: Omit<SpawnOptions, 'namespace'>): LabProcess => {
    const started = LabProcess.spawn({ ...options, namespace: this.namespace });
    this.#started.push(started);
    return started;
  };

  /** Also after the topology has gone. */
  async close(): Promise<void> {
    for (const started of this.#started) await started.stop(500);
    execFileSync('ip', ['netns', 'del', this.namespace], { env: CHILD_ENVIRONMENT });
  }
}
