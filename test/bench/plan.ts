import type { Measurement } from './report/measurement.ts';
import { advertisementCpu, leaseCpu } from './rows/advertisement-cpu.ts';
import { codec, simulator } from './rows/computing.ts';
import { falseFailovers } from './rows/failovers.ts';
import { memory } from './rows/memory.ts';
import { planned } from './rows/planned.ts';
import { start } from './rows/start.ts';
import { takeover } from './rows/takeover.ts';
import { vote } from './rows/vote.ts';

export type Doing = (text: string) => void;

/** Rows of the table that are measured together. */
export type Section = { readonly name: string; readonly measure: (doing: Doing) => Promise<Measurement[]> };

const TRIALS = 30;
const MANY = { routers: 250, intervalMs: 100 } as const;
/** What the short form takes instead: a shared runner must carry it. */
const FEWER = { routers: 100, intervalMs: 100 } as const;
/** What one lease group with the whole fence carries for certain. */
const GROUP = { routers: 50, intervalMs: 100 } as const;

/** Every figure of the table as often as it takes to judge it. */
export const LONG_FORM: readonly Section[] = [
  ...[
    { mode: 'lease', intervalMs: 1_000, runs: TRIALS } as const,
    { mode: 'lease', intervalMs: 100, runs: TRIALS } as const,
    { mode: 'vrrp', intervalMs: 10, runs: TRIALS } as const,
  ].map((plan) => section(`takeover ${plan.mode} ${plan.intervalMs} ms`, (doing) => takeover(plan, doing))),
  ...[100, 1_000].map((intervalMs) =>
    section(`planned ${intervalMs} ms`, (doing) => planned({ intervalMs, runs: TRIALS }, doing)),
  ),
  section('advertisement cpu', () => advertisementCpu({ load: MANY, windows: 5, seconds: 10 })),
  section('lease cpu, one group', () => leaseCpu({ load: MANY, windows: 5, seconds: 10 }, 'one lease group')),
  section('lease cpu, a group each', () => leaseCpu({ load: MANY, windows: 5, seconds: 10 }, 'a lease group each')),
  section('memory', () => memory({ load: GROUP, samples: 61, everyMs: 60_000 })),
  section('false failovers vrrp', async () => [
    await falseFailovers({ arrangement: 'vrrp', intervalMs: 10, minutes: 10 }),
  ]),
  section('false failovers lease', async () => [
    await falseFailovers({ arrangement: 'one lease group', intervalMs: 100, minutes: 10 }),
  ]),
  section('start', () => start(10)),
  section('codec', async () => [codec(15)]),
  section('vote', () => vote(9)),
  section('simulator', async () => [simulator(10)]),
];

/** Under 3 minutes: what shows a regression, not what proves a goal. */
export const SHORT_FORM: readonly Section[] = [
  section('codec', async () => [codec(7)]),
  section('simulator', async () => [simulator(5)]),
  section('vote', () => vote(2)),
  section('advertisement cpu', () => advertisementCpu({ load: FEWER, windows: 3, seconds: 4 })),
  section('takeover vrrp 10 ms', (doing) => takeover({ mode: 'vrrp', intervalMs: 10, runs: 3 }, doing)),
  section('false failovers vrrp', async () => [
    await falseFailovers({ arrangement: 'vrrp', intervalMs: 10, minutes: 0.1 }),
  ]),
  section('start', () => start(2)),
];

/** What cannot be measured is a row too: it says why. */
export async function measureSections(sections: readonly Section[], doing: Doing): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  for (const { name, measure } of sections) {
    doing(name);
    try {
      measured.push(...(await measure((text) => doing(`${name}: ${text}`))));
    } catch (error) {
      const broken = error instanceof Error ? error.message : String(error);
      const unmeasured = { goal: { kind: 'reported' }, tiebreak: { values: [], unit: '' } } as const;
      measured.push({ id: name, title: name, ...unmeasured, broken });
    }
  }
  return measured;
}

function section(name: string, measure: Section['measure']): Section {
  return { name, measure };
}
