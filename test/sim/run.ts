import { parseArgs } from 'node:util';
import { INTERVALS_US, type Kind, runSeed, type SeedResult } from './run-seed.ts';

const USAGE =
  'node test/sim/run.ts [--seeds N] [--from S] [--interval-ms N] [--kind chaos|witness|link|single] [--keep-going]';
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    'interval-ms': { type: 'string' },
    kind: { type: 'string' },
    'only-overlaps': { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function kindOf(text: string | undefined): Kind | undefined {
  switch (text) {
    case 'witness':
    case 'link':
    case 'single':
    case 'chaos':
    case undefined:
      return text;
    default:
      throw new RangeError(`unknown kind ${text}; ${USAGE}`);
  }
}

if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}

const first = Number(values.from);
const count = Number(values.seeds);
const intervalUs = values['interval-ms'] === undefined ? undefined : Number(values['interval-ms']) * 1000;
const kind = kindOf(values.kind);
const ignored = values['only-overlaps']
  ? ([
      'lease containment',
      'belief exceeds the register',
      'register changed its holder',
      'an owner granted',
      'voted in quarantine',
      'released before the fence was closed',
      'ballots do not grow',
      'ticks do not settle',
      'no owner after the faults',
      'moved without need',
      'interrupted without need',
      'not idle in steady state',
      'moved more than once for one fault',
    ] as const)
  : [];

const startedAtMs = performance.now();
const failures = new Map<string, SeedResult[]>();
const settled = new Map<number, number[]>();
let simulatedUs = 0;
let events = 0;
let moves = 0;
let done = 0;

for (let seed = first; seed < first + count; seed++) {
  const result = runSeed(seed, { intervalUs, kind, ignored });
  simulatedUs += result.simulatedUs;
  events += result.events;
  moves += result.moves;
  done++;
  if (result.settledAfterUs !== undefined) {
    const times = settled.get(result.intervalUs) ?? [];
    times.push(result.settledAfterUs);
    settled.set(result.intervalUs, times);
  }
  if (result.violation !== undefined) {
    const { rule } = result.violation;
    failures.set(rule, [...(failures.get(rule) ?? []), result]);
    if (!values['keep-going']) break;
  }
  if (done % 500 === 0) process.stdout.write(`${progress()}\n`);
}
report();

function progress(): string {
  const seconds = (performance.now() - startedAtMs) / 1000;
  const hours = simulatedUs / 3.6e9;
  const rate = `${(hours / seconds).toFixed(2)} pair-hours/s, ${Math.round(events / seconds)} events/s`;
  const failed = [...failures.values()].reduce((sum, list) => sum + list.length, 0);
  return `${done} seeds, ${hours.toFixed(1)} pair-hours, ${moves} moves, ${failed} failed, ${rate}`;
}

function report(): void {
  process.stdout.write(`${progress()}\n`);
  for (const intervalOfUs of INTERVALS_US) {
    const times = (settled.get(intervalOfUs) ?? []).sort((left, right) => left - right);
    if (times.length === 0) continue;
    const worst = times.at(-1) ?? 0;
    const line = `interval ${intervalOfUs / 1000} ms: settled ${(worst / 1000).toFixed(0)} ms after the faults at worst`;
    process.stdout.write(`${line}\n`);
  }
  for (const [rule, results] of failures) {
    const seeds = results.map(({ seed }) => seed);
    process.stdout.write(`${rule}: ${results.length} of ${done} seeds, e.g. ${seeds.slice(0, 8).join(' ')}\n`);
  }
  const failed = [...failures.values()][0]?.[0];
  if (failed === undefined) return;
  process.exitCode = 1;
  if (values['keep-going']) return;
  const {
    timeline,
    violation,
    kind: kindOfSeed,
    intervalUs: intervalOfSeedUs,
  } = runSeed(failed.seed, {
    intervalUs,
    kind,
    ignored,
    recorded: true,
  });
  process.stdout.write(`\nseed ${failed.seed}, ${kindOfSeed}, interval ${intervalOfSeedUs / 1000} ms\n`);
  process.stdout.write(`${timeline.join('\n')}\n${violation?.message ?? 'not seen again'}\n`);
}
