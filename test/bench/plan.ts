import type { Measurement } from './report/measurement.ts';
import { advertisementCpu, leaseCpu } from './rows/advertisement-cpu.ts';
import { codec, simulator } from './rows/computing.ts';
import { falseFailovers } from './rows/failovers.ts';
import { keepalivedMemory, memory } from './rows/memory.ts';
import { planned } from './rows/planned.ts';
import { start } from './rows/start.ts';
import { takeover } from './rows/takeover.ts';
import { vote } from './rows/vote.ts';

export type Doing = (text: string) => void;

/** Rows of the table that are measured together. */
export type Section = { readonly name: string; readonly measure: (doing: Doing) => Promise<Measurement[]> };

const MANY = { routers: 250, intervalMs: 100 } as const;
/** What a shared runner must carry in the short form. */
const FEWER = { routers: 100, intervalMs: 100 } as const;
/** Whose memory is watched, as one lease group. */
const GROUP = { routers: 50, intervalMs: 100 } as const;

/** How often each fault, and how long the false failovers are waited for; memory is watched six times as long. */
export type Effort = { readonly trials: number; readonly minutes: number };
export const WHOLE_EFFORT: Effort = { trials: 30, minutes: 10 };

/** Every figure of the table. */
export function longForm({ trials, minutes }: Effort): readonly Section[] {
  const cpu = { load: MANY, windows: 5, seconds: 10 };
  const takeovers = [
    { mode: 'lease', intervalMs: 1_000 },
    { mode: 'lease', intervalMs: 100 },
    { mode: 'vrrp', intervalMs: 10 },
  ] as const;
  return [
    ...takeovers.map(({ mode, intervalMs }) =>
      section(`takeover ${mode} ${intervalMs} ms`, (doing) => takeover({ mode, intervalMs, trials }, doing)),
    ),
    ...[100, 1_000].map((intervalMs) =>
      section(`planned ${intervalMs} ms`, (doing) => planned({ intervalMs, trials }, doing)),
    ),
    section('advertisement cpu', () => advertisementCpu(cpu)),
    section('lease cpu, one group', () => leaseCpu(cpu, 'one lease group')),
    section('lease cpu, a group each', () => leaseCpu(cpu, 'a lease group each')),
    section('memory, false failovers', async (doing) => {
      // Alone: processes of one program share pages.
      const theirs = await keepalivedMemory(GROUP);
      // What memory tiebreak takes does not depend on what else the processors do.
      return meanwhile(doing, [
        [section('memory', () => memory({ load: GROUP, samples: 6 * minutes + 1, everyMs: 60_000, theirs }))],
        [
          section('false failovers vrrp', async () => [
            await falseFailovers({ arrangement: 'vrrp', intervalMs: 10, minutes }),
          ]),
          section('false failovers lease', async () => [
            await falseFailovers({ arrangement: 'one lease group', intervalMs: 100, minutes }),
          ]),
        ],
      ]);
    }),
    section('start', () => start(10)),
    section('codec', async () => [codec(15)]),
    section('vote', () => vote(9)),
    section('simulator', async () => [simulator(10)]),
  ];
}

/** Under 3 minutes: what shows a regression, not what proves a goal. */
export const SHORT_FORM: readonly Section[] = [
  section('codec', async () => [codec(7)]),
  section('simulator', async () => [simulator(5)]),
  section('vote', () => vote(2)),
  section('advertisement cpu', () => advertisementCpu({ load: FEWER, windows: 3, seconds: 4 })),
  section('takeover vrrp 10 ms', (doing) => takeover({ mode: 'vrrp', intervalMs: 10, trials: 3 }, doing)),
  section('false failovers vrrp', async () => [
    await falseFailovers({ arrangement: 'vrrp', intervalMs: 10, minutes: 0.1 }),
  ]),
  section('start', () => start(2)),
];

/** What cannot be measured is a row too: it says why. @param reached called with the rows of each section as they come */
export async function measureSections(
  sections: readonly Section[],
  doing: Doing,
  reached: (rows: readonly Measurement[]) => void = () => undefined,
): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  for (const section of sections) {
    doing(section.name);
    const rows = await measuredOrBroken(section, doing);
    reached(rows);
    measured.push(...rows);
  }
  return measured;
}

async function measuredOrBroken({ name, measure }: Section, doing: Doing): Promise<Measurement[]> {
  try {
    return await measure((text) => doing(`${name}: ${text}`));
  } catch (error) {
    const broken = error instanceof Error ? error.message : String(error);
    const unmeasured = { goal: { kind: 'reported' }, tiebreak: { values: [], unit: '' } } as const;
    return [{ id: name, title: name, ...unmeasured, broken }];
  }
}

function section(name: string, measure: Section['measure']): Section {
  return { name, measure };
}

/** At the same time; those of each list one after the other. */
async function meanwhile(doing: Doing, lists: readonly (readonly Section[])[]): Promise<Measurement[]> {
  return (await Promise.all(lists.map((sections) => measureSections(sections, doing)))).flat();
}
