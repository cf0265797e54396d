import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../figures.ts';
import { BusyPair, type BusySystem, type Window } from '../pair/busy-pair.ts';
import type { Arrangement, Load } from '../pair/configuration.ts';
import type { Figure, Measurement } from '../report/measurement.ts';

/** Announcements are repeated 5 s after a takeover, and code is compiled while it is new. */
const WARM_UP_MS = 8_000;
const GOAL = { kind: 'ratio', most: 1 } as const;
const US = 'us';
const WAYS = ['sent', 'received'] as const;

export type CpuPlan = { readonly load: Load; readonly windows: number; readonly seconds: number };

/** What an advertisement costs its sender and its receiver, keepalived first and then tiebreak; never both at once. */
export async function advertisementCpu(plan: CpuPlan): Promise<Measurement[]> {
  const keepalived = await seen({ program: 'keepalived' }, plan);
  const tiebreak = await seen({ program: 'tiebreak', arrangement: 'vrrp', ownBinary: true }, plan);
  const { routers, intervalMs } = plan.load;
  const of = `${routers} virtual routers at ${intervalMs} ms, mode "vrrp"`;
  const broken = usurpedInWords(tiebreak.windows);
  const mib = ({ memoryMib }: Seen): Figure => ({ values: [memoryMib], unit: 'MiB' });
  return [
    ...WAYS.map((way) => ({
      id: `cpu-${way}`,
      title: `CPU per advertisement ${way}, ${of}`,
      goal: GOAL,
      tiebreak: { values: tiebreak.windows.map((window) => costUs(window, way)), unit: US },
      compared: {
        with: 'keepalived',
        figure: { values: keepalived.windows.map((window) => costUs(window, way)), unit: US },
      },
      ...(broken === undefined ? {} : { broken }),
    })),
    {
      id: 'memory-vrrp',
      title: `memory (PSS) of the owner, ${of}`,
      goal: { kind: 'reported' },
      tiebreak: mib(tiebreak),
      compared: { with: 'keepalived', figure: mib(keepalived) },
    },
  ];
}

/** The same virtual routers under leases, where keepalived has nothing to compare with. */
export async function leaseCpu(plan: CpuPlan, arrangement: Exclude<Arrangement, 'vrrp'>): Promise<Measurement[]> {
  const { routers, intervalMs } = plan.load;
  const { windows } = await seen({ program: 'tiebreak', arrangement }, plan);
  const broken = usurpedInWords(windows);
  const each = (count: (window: Window) => number): string =>
    quantile(
      windows.map((window) => count(window) / window.seconds),
      0.5,
    ).toFixed(0);
  const [datagrams, packets] = [each(({ datagramsSent }) => datagramsSent), each((window) => window.loopbackPackets)];
  const note = `the owner sends ${datagrams} sideband datagrams and ${packets} packets over its loopback (the fence) a second`;
  return WAYS.map((way) => ({
    id: `cpu-${way}-${routers}-${arrangement.replaceAll(' ', '-')}`,
    title: `CPU per advertisement ${way}, ${routers} at ${intervalMs} ms as ${arrangement}`,
    goal: { kind: 'reported' },
    tiebreak: { values: windows.map((window) => costUs(window, way)), unit: US },
    ...(way === 'sent' ? { note } : {}),
    ...(broken === undefined ? {} : { broken }),
  }));
}

type Seen = { readonly windows: readonly Window[]; readonly memoryMib: number };

async function seen(system: BusySystem, { load, windows, seconds }: CpuPlan): Promise<Seen> {
  const pair = await BusyPair.start(system, load);
  try {
    await sleep(WARM_UP_MS);
    const watched: Window[] = [];
    for (let count = 0; count < windows; count += 1) watched.push(await pair.window(seconds));
    return { windows: watched, memoryMib: (await pair.memory('a')).allKib / 1_024 };
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
