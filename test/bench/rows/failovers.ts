import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../../lab/capture.ts';
import { processorsBusy } from '../../lab/faults.ts';
import { NETWORK, type Topology } from '../../lab/topology.ts';
import { BusyPair, type BusySystem } from '../pair/busy-pair.ts';
import type { Load } from '../pair/configuration.ts';
import type { Measurement } from '../report/measurement.ts';

const SOURCE_MAC_AT = 6;
const ETHERNET_AND_IPV4 = 14 + 20;
/** As tiebreak's engine asks for: the lowest of real time, SCHED_RR. */
const REAL_TIME = 1;
const WARM_UP_MS = 5_000;

export type FailoverPlan = {
  readonly arrangement: 'vrrp' | 'one lease group';
  readonly intervalMs: number;
  readonly minutes: number;
};

/**
 * How often the owner changes though nothing has failed, while other processes keep every core at work. All systems at the
 * same time, each in a network of its own: what one meets, the others meet in the same moment.
 */
export async function falseFailovers({ arrangement, intervalMs, minutes }: FailoverPlan): Promise<Measurement> {
  const load = { routers: 1, intervalMs };
  await using theirs = await OwnerWatch.start({ program: 'keepalived', realTimePriority: REAL_TIME }, load);
  await using byDefault = await OwnerWatch.start({ program: 'keepalived' }, load);
  await using ours = await OwnerWatch.start({ program: 'tiebreak', arrangement }, load);
  const watches = [theirs, byDefault, ours];
  await sleep(WARM_UP_MS);
  for (const watch of watches) watch.countFromNow();
  const busy = processorsBusy(ours.topology, 'b', availableParallelism());
  await busy.inject();
  await sleep(minutes * 60_000);
  await busy.heal();
  for (const watch of watches) await watch.stop();
  const mode = arrangement === 'vrrp' ? 'vrrp' : 'lease';
  return {
    id: `false-failovers-${mode}-${intervalMs}ms`,
    title: `false failovers in ${minutes} minutes, every core loaded, mode "${mode}", ${intervalMs} ms`,
    goal: { kind: 'most', p50: theirs.changes },
    tiebreak: { values: [ours.changes], unit: 'changes' },
    compared: { with: 'keepalived', figure: { values: [theirs.changes], unit: 'changes' } },
    note: `${availableParallelism()} busy loops; both programs with SCHED_RR 1, as tiebreak does by itself; keepalived beside them, scheduled as by default: ${byDefault.changes}`,
  };
}

/** A pair, and how often another host than before advertises there. */
class OwnerWatch {
  readonly #program: string;
  readonly #pair: BusyPair;
  #capture: Capture | undefined;
  #owner: string | undefined;
  #changes = 0;

  private constructor(program: string, pair: BusyPair) {
    this.#program = program;
    this.#pair = pair;
  }

  static async start(system: BusySystem, load: Load): Promise<OwnerWatch> {
    const pair = await BusyPair.start(system, load);
    const watch = new OwnerWatch(system.program, pair);
    const where = { place: 'client', interfaceName: NETWORK.lanInterface, filter: 'ip proto 112' } as const;
    try {
      watch.#capture = await Capture.start(pair.topology, where, ({ bytes }) => watch.#heard(bytes));
    } catch (error) {
      await pair.close();
      throw error;
    }
    return watch;
  }

  get topology(): Topology {
    return this.#pair.topology;
  }

  get changes(): number {
    return this.#changes;
  }

  countFromNow(): void {
    this.#owner = undefined;
    this.#changes = 0;
  }

  /** Nothing is counted after it. Throws if nobody has advertised. */
  async stop(): Promise<void> {
    await this.#capture?.stop();
    if (this.#owner === undefined) throw new Error(`${this.#program} advertised nothing`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pair.close();
  }

  #heard(frame: Buffer): void {
    // Priority 0 says that somebody no longer owns.
    if (frame[ETHERNET_AND_IPV4 + 2] === 0) return;
    const from = frame.toString('hex', SOURCE_MAC_AT, SOURCE_MAC_AT + 6);
    if (this.#owner !== undefined && from !== this.#owner) this.#changes += 1;
    this.#owner = from;
  }
}
