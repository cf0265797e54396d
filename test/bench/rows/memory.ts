import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../figures.ts';
import { BusyPair } from '../pair/busy-pair.ts';
import type { Load } from '../pair/configuration.ts';
import type { Figure, Measurement } from '../report/measurement.ts';

const WARM_UP_MS = 20_000;
const MIB = 'MiB';
/** More than the collector's own ups and downs, less than a leak would show in an hour. */
const FLAT_MIB = 2;

export type MemoryPlan = {
  readonly load: Load;
  readonly samples: number;
  readonly everyMs: number;
  readonly theirs: Figure;
};

/** PSS of keepalived's owner under load. */
export async function keepalivedMemory(load: Load): Promise<Figure> {
  const [seen] = await sampled(await BusyPair.start({ program: 'keepalived' }, load), 1, 0);
  return { values: seen === undefined ? [] : [seen.allMib], unit: MIB };
}

/** The owner's processes under load; PSS, of a Node.js that nobody else runs. */
export async function memory({ load, samples, everyMs, theirs }: MemoryPlan): Promise<Measurement[]> {
  const pair = await BusyPair.start({ program: 'tiebreak', arrangement: 'one lease group', ownBinary: true }, load);
  const ours = await sampled(pair, samples, everyMs);
  const all = ours.map(({ allMib }) => allMib);
  const of = `${load.routers} virtual routers at ${load.intervalMs} ms in one lease group`;
  const minutes = ((samples - 1) * everyMs) / 60_000;
  const part = Math.max(1, Math.floor(samples / 10));
  const grown = quantile(all.slice(-part), 0.5) - quantile(all.slice(0, part), 0.5);
  return [
    {
      id: 'memory',
      title: `memory (PSS), engine and guardian, ${of}`,
      goal: { kind: 'most', p50: 120 },
      tiebreak: { values: all, unit: MIB },
      compared: { with: 'keepalived', figure: theirs },
    },
    {
      id: 'memory-guardian',
      title: 'memory (PSS), guardian',
      goal: { kind: 'most', p50: 45 },
      tiebreak: { values: ours.map(({ watcherMib }) => watcherMib), unit: MIB },
    },
    {
      id: 'memory-growth',
      title: `memory: last tenth of ${minutes.toFixed(1)} minutes less the first`,
      goal: { kind: 'most', p50: FLAT_MIB },
      tiebreak: { values: [grown], unit: MIB },
    },
  ];
}

async function sampled(
  pair: BusyPair,
  samples: number,
  everyMs: number,
): Promise<{ readonly allMib: number; readonly watcherMib: number }[]> {
  try {
    await sleep(WARM_UP_MS);
    const seen = [];
    for (let count = 0; count < samples; count += 1) {
      if (count > 0) await sleep(everyMs);
      const { allKib, watcherKib } = await pair.memory('a');
      seen.push({ allMib: allKib / 1_024, watcherMib: watcherKib / 1_024 });
    }
    return seen;
  } finally {
    await pair.close();
  }
}
