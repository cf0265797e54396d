/** The table of the benchmark, see USAGE. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runLabCommand } from '../lab/command.ts';
import { machineFacts, processorModel } from '../lab/machine.ts';
import { ofRuns, quantile, workerdVersion } from './figures.ts';
import { useInstalled } from './installed.ts';
import { longForm, measureSections, type Section, SHORT_FORM, WHOLE_EFFORT } from './plan.ts';
import { type Measurement, ratioOf, verdictOf } from './report/measurement.ts';
import {
  isStable,
  REFERENCE_FILE,
  type Reference,
  readReferences,
  referenceFor,
  regression,
} from './report/regression.ts';
import { tableOf } from './report/table.ts';

const USAGE = `Usage: npm run bench -- [--short] [--only TEXT] [--runs N] [--minutes N] [--record]

How fast tiebreak is, beside keepalived in the same run on the same machine. About 2 hours; --short: under 3 minutes.

  --short      a few runs of each, to notice a regression; also part of the tests
  --only TEXT  only the sections whose name has TEXT in it
  --runs N     how often each fault is injected (30)
  --minutes N  how long false failovers are waited for (10); memory is watched six times as long
  --record     the short form (or, with --only, that part of it) five times; its ratios become the reference of the tests
               on this kind of processor
  --help       this text

Exit status: 0 every goal is met (short form: nothing is worse than its reference), 1 not so, 2 wrong usage or something is missing.`;

const RECORDED_RUNS = 5;

type Options = { readonly form: 'long' | 'short' | 'record'; readonly sections: readonly Section[] };

process.exitCode = await runLabCommand<Options>({
  name: 'benchmark',
  script: 'npm run bench',
  usage: USAGE,
  readOptions,
  tools: () => ['keepalived'],
  run: async ({ form, sections }) => {
    await useInstalled();
    return form === 'record' ? await record(sections) : await show(form, sections);
  },
});

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      runs: { type: 'string', default: String(WHOLE_EFFORT.trials) },
      minutes: { type: 'string', default: String(WHOLE_EFFORT.minutes) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const form = values.record ? 'record' : values.short ? 'short' : 'long';
  const [trials, minutes] = [Number(values.runs), Number(values.minutes)];
  for (const [name, value] of Object.entries({ runs: trials, minutes })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new Error(`--${name} is a whole number from 1, not '${value}'`);
  }
  const all = form === 'long' ? longForm({ trials, minutes }) : SHORT_FORM;
  const sections = all.filter(({ name }) => name.includes(values.only));
  if (sections.length === 0) {
    throw new Error(`no section has '${values.only}' in its name: ${all.map(({ name }) => name).join('; ')}`);
  }
  return { form, sections };
}

async function show(form: 'long' | 'short', sections: readonly Section[]): Promise<number> {
  const startMs = performance.now();
  const measurements = await measureSections(sections, doing, (rows) => doing(tableOf(rows)));
  const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
  console.log(`${await machine()}\n${new Date().toISOString().slice(0, 10)}, ${form} form, ${minutes} minutes\n`);
  console.log(tableOf(measurements));
  if (form === 'long') return measurements.some((measurement) => verdictOf(measurement) === 'NO') ? 1 : 0;
  const worse = regressionsOf(measurements);
  console.log(worse.length === 0 ? '\nNothing is worse than its reference.' : `\n${worse.join('\n')}`);
  return worse.length === 0 ? 0 : 1;
}

function regressionsOf(measurements: readonly Measurement[]): string[] {
  const [processor, references] = [processorModel(), readReferences()];
  return measurements.flatMap((measurement) => {
    if (measurement.broken !== undefined) return [`${measurement.title}: ${measurement.broken}`];
    const reference = referenceFor(measurement, processor, references);
    return reference === undefined ? [] : (regression(measurement, reference) ?? []);
  });
}

async function record(sections: readonly Section[]): Promise<number> {
  const seen = new Map<string, number[]>();
  for (let run = 1; run <= RECORDED_RUNS; run += 1) {
    const measurements = await measureSections(sections, (text) => doing(`${run} of ${RECORDED_RUNS}: ${text}`));
    console.log(`${tableOf(measurements)}\n`);
    for (const measurement of measurements) {
      const ratio = ratioOf(measurement);
      if (ratio !== undefined && measurement.broken === undefined) {
        seen.set(measurement.id, [...(seen.get(measurement.id) ?? []), ratio]);
      }
    }
  }
  const measured = new Date().toISOString().slice(0, 10);
  const ratios = [...seen].map(([id, values]) => {
    const [least = 0, median = 0, most = 0] = [0, 0.5, 1].map((part) => Number(quantile(values, part).toPrecision(4)));
    console.log(
      `${id}: ${ofRuns(values, 2)}, ${isStable({ median, least, most }) ? 'judged' : 'not stable, not judged'}`,
    );
    return [id, { median, least, most, runs: values.length, measured }] as const;
  });
  const [processor, references] = [processorModel(), readReferences()];
  // What was not measured now stays.
  const kept = references[processor]?.ratios;
  const reference: Reference = { machine: await machine(), ratios: { ...kept, ...Object.fromEntries(ratios) } };
  writeFileSync(REFERENCE_FILE, `${JSON.stringify({ ...references, [processor]: reference }, null, 2)}\n`);
  return 0;
}

async function machine(): Promise<string> {
  return `${await machineFacts()}, workerd ${workerdVersion}`;
}

function doing(text: string): void {
  console.error(text);
}
