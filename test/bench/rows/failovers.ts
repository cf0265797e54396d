import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../../lab/capture.ts';
import { processorsBusy } from '../../lab/faults.ts';
import { NETWORK } from '../../lab/topology.ts';
import { BusyPair, type BusySystem } from '../pair/busy-pair.ts';
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

/** How often the owner changes though nothing has failed, while other processes keep every core at work. */
export async function falseFailovers({ arrangement, intervalMs, minutes }: FailoverPlan): Promise<Measurement> {
  const load = { routers: 1, intervalMs };
  const theirs = await changes({ program: 'keepalived', realTimePriority: REAL_TIME }, load, minutes);
  const byDefault = await changes({ program: 'keepalived' }, load, minutes);
  const ours = await changes({ program: 'tiebreak', arrangement }, load, minutes);
  const mode = arrangement === 'vrrp' ? 'vrrp' : 'lease';
  return {
    id: `false-failovers-${mode}-${intervalMs}ms`,
    title: `false failovers in ${minutes} minutes, every core loaded, mode "${mode}", ${intervalMs} ms`,
    goal: { kind: 'most', p50: theirs },
    tiebreak: { values: [ours], unit: 'changes' },
    compared: { with: 'keepalived', figure: { values: [theirs], unit: 'changes' } },
    note: `${availableParallelism()} busy loops; both programs with SCHED_RR 1, as tiebreak does by itself; keepalived scheduled as by default: ${byDefault}`,
  };
}

async function changes(
  system: BusySystem,
  load: { readonly routers: number; readonly intervalMs: number },
  minutes: number,
): Promise<number> {
  const pair = await BusyPair.start(system, load);
  try {
    await sleep(WARM_UP_MS);
    let owner: string | undefined;
    let changed = 0;
    const where = { place: 'client', interfaceName: NETWORK.lanInterface, filter: 'ip proto 112' } as const;
    const capture = await Capture.start(pair.topology, where, ({ bytes }) => {
      const from = bytes.toString('hex', SOURCE_MAC_AT, SOURCE_MAC_AT + 6);
      // Priority 0 says that somebody no longer owns.
      if (bytes[ETHERNET_AND_IPV4 + 2] === 0) return;
      if (owner !== undefined && from !== owner) changed += 1;
      owner = from;
    });
    const busy = processorsBusy(pair.topology, 'b', availableParallelism());
    await busy.inject();
    await sleep(minutes * 60_000);
    await busy.heal();
    await capture.stop();
    if (owner === undefined) throw new Error(`${system.program} advertised nothing`);
    return changed;
  } finally {
    await pair.close();
  }
}
