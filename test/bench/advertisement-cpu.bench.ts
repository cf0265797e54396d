/**
 * What an advertisement costs, beside keepalived: `npm run bench:advertisements -- [--routers N] [--windows N] [--seconds N] [--lease]`.
 */
import { parseArgs } from 'node:util';
import { runLabCommand } from '../lab/command.ts';
import { machineFacts } from '../lab/machine.ts';
import { useInstalled } from './installed.ts';
import { measureSections, type Section } from './plan.ts';
import { tableOf } from './report/table.ts';
import { advertisementCpu, type CpuPlan, leaseCpu } from './rows/advertisement-cpu.ts';

const USAGE = `Usage: npm run bench:advertisements -- [--routers N] [--interval-ms N] [--windows N] [--seconds N] [--lease]

The processor time of one advertisement, of who sends and of who receives it: keepalived's and tiebreak's in mode "vrrp".
By the kernel's own count of each thread's time, over the advertisements that the switch has counted.

  --routers N      virtual routers, 1 to 1000 (250)
  --interval-ms N  advertisement interval (100)
  --windows N      how often it is measured (5)
  --seconds N      how long each time (5)
  --lease          also under leases: all in one group, and each in a group of its own
  --help           this text

Exit status: 0 measured, 1 it could not go on, 2 wrong usage or something is missing.`;

type Options = { readonly plan: CpuPlan; readonly lease: boolean };

process.exitCode = await runLabCommand<Options>({
  name: 'benchmark',
  script: 'npm run bench:advertisements',
  usage: USAGE,
  readOptions,
  tools: () => ['keepalived'],
  run: async ({ plan, lease }) => {
    await useInstalled();
    console.log(await machineFacts());
    const sections = [
      { name: 'mode "vrrp"', measure: () => advertisementCpu(plan) },
      ...(lease ? underLeases(plan) : []),
    ];
    console.log(tableOf(await measureSections(sections, (text) => console.error(text))));
    return 0;
  },
});

function underLeases(plan: CpuPlan): Section[] {
  return (['one lease group', 'a lease group each'] as const).map((arrangement) => ({
    name: `as ${arrangement}`,
    measure: () => leaseCpu(plan, arrangement),
  }));
}

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      routers: { type: 'string', default: '250' },
      'interval-ms': { type: 'string', default: '100' },
      windows: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      lease: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const number = (name: 'routers' | 'interval-ms' | 'windows' | 'seconds', most: number): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new Error(`--${name} is a whole number from 1 to ${most}, not '${values[name]}'`);
    }
    return value;
  };
  const load = { routers: number('routers', 1_000), intervalMs: number('interval-ms', 10_000) };
  return { plan: { load, windows: number('windows', 1_000), seconds: number('seconds', 3_600) }, lease: values.lease };
}
