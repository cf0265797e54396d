import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../figures.ts';
import { BusyPair, type BusySystem, type Window } from '../pair/busy-pair.ts';
import type { Load } from '../pair/configuration.ts';
import type { Measurement } from '../report/measurement.ts';

/** Announcements are repeated 5 s after a takeover, and code is compiled while it is new. */
const WARM_UP_MS = 8_000;
const GOAL = { kind: 'ratio', most: 1 } as const;
const US = 'us';

export type CpuPlan = { readonly load: Load; readonly windows: number; readonly seconds: number };

/** What an advertisement costs its sender and its receiver, keepalived first and then tiebreak; never both at once. */
export async function advertisementCpu(plan: CpuPlan): Promise<Measurement[]> {
  const keepalived = await windowsOf({ program: 'keepalived' }, plan);
  const tiebreak = await windowsOf({ program: 'tiebreak', arrangement: 'vrrp' }, plan);
  const { routers, intervalMs } = plan.load;
  const of = `${routers} virtual routers at ${intervalMs} ms, mode "vrrp"`;
  const broken = usurpedInWords(tiebreak);
  return (['sent', 'received'] as const).map((way) => ({
    id: `cpu-${way}`,
    title: `CPU per advertisement ${way}, ${of}`,
    goal: GOAL,
    tiebreak: { values: tiebreak.map((window) => costUs(window, way)), unit: US },
    compared: { with: 'keepalived', figure: { values: keepalived.map((window) => costUs(window, way)), unit: US } },
    ...(broken === undefined ? {} : { broken }),
  }));
}

/** The same virtual routers under leases, where keepalived has nothing to compare with. */
export async function leaseCpu(plan: CpuPlan): Promise<Measurement[]> {
  const { routers, intervalMs } = plan.load;
  const measurements: Measurement[] = [];
  for (const arrangement of ['one lease group', 'a lease group each'] as const) {
    const windows = await windowsOf({ program: 'tiebreak', arrangement }, plan);
    const broken = usurpedInWords(windows);
    const each = (count: (window: Window) => number): string =>
      quantile(
        windows.map((window) => count(window) / window.seconds),
        0.5,
      ).toFixed(0);
    const note = `the owner sends ${each(({ datagramsSent }) => datagramsSent)} sideband datagrams and ${each(({ loopbackPackets }) => loopbackPackets)} packets over its loopback (the fence) a second`;
    for (const way of ['sent', 'received'] as const) {
      measurements.push({
        id: `cpu-${way}-${arrangement.replaceAll(' ', '-')}`,
        title: `CPU per advertisement ${way}, ${routers} at ${intervalMs} ms as ${arrangement}`,
        goal: { kind: 'reported' },
        tiebreak: { values: windows.map((window) => costUs(window, way)), unit: US },
        ...(way === 'sent' ? { note } : {}),
        ...(broken === undefined ? {} : { broken }),
      });
    }
  }
  return measurements;
}

async function windowsOf(system: BusySystem, { load, windows, seconds }: CpuPlan): Promise<Window[]> {
  const pair = await BusyPair.start(system, load);
  try {
    await sleep(WARM_UP_MS);
    const seen: Window[] = [];
    for (let count = 0; count < windows; count += 1) seen.push(await pair.window(seconds));
    return seen;
  } finally {
    await pair.close();
  }
}

function costUs(window: Window, way: 'sent' | 'received'): number {
  return (way === 'sent' ? window.senderNs : window.receiverNs) / window.advertisements / 1_000;
}

function usurpedInWords(windows: readonly Window[]): string | undefined {
  const usurped = windows.reduce((sum, window) => sum + window.usurped, 0);
  return usurped === 0
    ? undefined
    : `the backup took over while the owner was well, and sent ${usurped} advertisements`;
}
