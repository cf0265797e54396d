import { setTimeout as sleep } from 'node:timers/promises';
import { KeepalivedAgent, type KeepalivedOptions } from '../lab/keepalived.ts';
import { waitFor } from '../lab/process.ts';
import { DEFAULT_SCENARIO, masterDownMs, type Scenario } from '../lab/system.ts';
import { TiebreakAgent, type VirtualRouterOptions } from '../lab/tiebreak.ts';
import { type HostName, NETWORK, Topology } from '../lab/topology.ts';
import { AdvertisementRecord } from './advertisements.ts';

export type PairOptions = {
  readonly tiebreakPriority: number;
  readonly keepalivedPriority: number;
  readonly version?: 2 | 3;
  readonly family?: 4 | 6;
  readonly transport?: 'unicast' | 'multicast';
  readonly checksum?: 'pseudo-header' | 'message';
  readonly tiebreakPreempts?: boolean;
  readonly keepalivedPreempts?: boolean;
  /** Version 2 counts whole seconds. */
  readonly advertisementIntervalMs?: number;
  readonly checks?: Scenario['checks'];
  /** keepalived's own default if left out. */
  readonly unicastTtl?: number;
  /** keepalived advertises the link-local address last. */
  readonly globalFirst?: boolean;
  readonly authPass?: { readonly tiebreak: string | undefined; readonly keepalived: string | undefined };
};

/** A tiebreak agent in `mode = "vrrp"` on host a and keepalived on host b, one virtual router, and what they send. */
export class Pair {
  readonly topology: Topology;
  readonly tiebreak: TiebreakAgent;
  readonly keepalived: KeepalivedAgent;
  readonly scenario: Scenario;
  readonly record: AdvertisementRecord;
  readonly #address: string;

  private constructor(
    topology: Topology,
    scenario: Scenario,
    agents: { readonly tiebreak: TiebreakAgent; readonly keepalived: KeepalivedAgent },
    record: AdvertisementRecord,
    address: string,
  ) {
    this.topology = topology;
    this.scenario = scenario;
    this.tiebreak = agents.tiebreak;
    this.keepalived = agents.keepalived;
    this.record = record;
    this.#address = address;
  }

  /** Neither program runs yet. */
  static async create(options: PairOptions): Promise<Pair> {
    const { version = 3, family = 4, transport = 'multicast', checksum = 'pseudo-header' } = options;
    const topology = await Topology.create({ ipv6: family === 6 });
    try {
      const scenario: Scenario = {
        ...DEFAULT_SCENARIO,
        advertisementIntervalMs: options.advertisementIntervalMs ?? (version === 2 ? 1_000 : 250),
        priority: { a: options.tiebreakPriority, b: options.keepalivedPriority },
        ...(options.checks === undefined ? {} : { checks: options.checks }),
      };
      const own: VirtualRouterOptions = {
        ...{ version, family, transport, checksum },
        preempt: options.tiebreakPreempts ?? false,
        authPass: options.authPass?.tiebreak,
      };
      const theirs: KeepalivedOptions = {
        ...{ version, family, transport },
        preempt: options.keepalivedPreempts ?? false,
        authPass: options.authPass?.keepalived,
        unicastTtl: options.unicastTtl,
        globalFirst: options.globalFirst,
      };
      const agents = {
        tiebreak: new TiebreakAgent(topology, 'a', scenario, own, undefined),
        keepalived: new KeepalivedAgent(topology, 'b', scenario, theirs),
      };
      const record = await AdvertisementRecord.start(topology, 'a');
      const address = family === 4 ? NETWORK.virtualAddress : NETWORK.virtualAddresses6[1];
      return new Pair(topology, scenario, agents, record, address);
    } catch (error) {
      topology.close();
      throw error;
    }
  }

  /** The longest that `host` may take to notice that the other has gone silent, in ms. */
  masterDownMs(host: HostName): number {
    return masterDownMs(this.scenario, host);
  }

  /** The hosts that have the virtual address. */
  async owners(): Promise<HostName[]> {
    const has = async (host: HostName): Promise<boolean> => {
      const shown = await this.topology.inside(host, 'ip', ['-o', 'addr', 'show', 'to', this.#address]);
      return shown.includes(this.#address);
    };
    const [a, b] = await Promise.all([has('a'), has('b')]);
    return [...(a ? (['a'] as const) : []), ...(b ? (['b'] as const) : [])];
  }

  /** Waits until `host` alone has the address; returns how long that took in ms. Throws with both logs. */
  async ownedBy(host: HostName, withinMs: number): Promise<number> {
    const start = performance.now();
    try {
      await waitFor(`host ${host} owns the address alone`, withinMs, async () => {
        const owners = await this.owners();
        return owners.length === 1 && owners[0] === host ? true : undefined;
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.logs()}`);
    }
    return performance.now() - start;
  }

  /** Watches for `ms`; returns every set of owners that it saw, such as `['a']` or `['a', 'a+b']`. */
  async ownersDuring(ms: number): Promise<string[]> {
    const seen = new Set<string>();
    for (const end = performance.now() + ms; performance.now() < end; await sleep(20)) {
      seen.add((await this.owners()).join('+'));
    }
    return [...seen].sort();
  }

  logs(): string {
    return `--- tiebreak\n${this.tiebreak.log().slice(-2_000)}\n--- keepalived\n${this.keepalived.log().slice(-2_000)}`;
  }

  async close(): Promise<void> {
    try {
      await Promise.all([this.tiebreak.terminate(), this.keepalived.terminate(), this.record.stop()]);
    } finally {
      this.topology.close();
    }
  }
}
