import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runLabCommand, systemNamed } from './command.ts';
import { Display } from './demo-display.ts';
import { Laboratory } from './laboratory.ts';
import { machineFacts } from './machine.ts';
import { Soak } from './soak-run.ts';
import { passed, stepInWords, summarise, summaryInWords } from './soak-summary.ts';
import { DEFAULT_SCENARIO, type System } from './system.ts';

const USAGE = `Usage: npm run lab:soak -- [--minutes N] [--seed N] [--interval MS] [--system tiebreak|keepalived] [--json FILE]

Random faults, one after the other and sometimes two at once, while a client asks every 2 ms who has the address.

  --minutes N    how long (60)
  --seed N       draws the same faults again (a new one each time; it is printed)
  --interval MS  advertisement interval (${DEFAULT_SCENARIO.advertisementIntervalMs})
  --system NAME  what runs on the hosts (tiebreak); keepalived must fail
  --json FILE    the summary as JSON
  --help         this text

Exit status: 0 never two owners and every move explained by an injected fault, 1 otherwise, 2 wrong usage or something is missing.`;

type Options = {
  readonly minutes: number;
  readonly seed: number;
  readonly intervalMs: number;
  readonly system: System['name'];
  readonly json: string | undefined;
};

process.exitCode = await runLabCommand({
  name: 'soak',
  script: 'npm run lab:soak',
  usage: USAGE,
  readOptions,
  tools: () => ['keepalived'],
  run: soak,
});

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      interval: { type: 'string', default: String(DEFAULT_SCENARIO.advertisementIntervalMs) },
      system: { type: 'string', default: 'tiebreak' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    minutes: positive('--minutes', values.minutes),
    seed: Math.floor(positive('--seed', values.seed)),
    intervalMs: positive('--interval', values.interval),
    system: systemNamed(values.system),
    json: values.json,
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${option} is a number above 0, not '${text}'`);
  return value;
}

async function soak({ minutes, seed, intervalMs, system, json }: Options): Promise<number> {
  console.log(`${await machineFacts()}\n${system} at ${intervalMs} ms for ${minutes} minutes, seed ${seed}`);
  const lab = await Laboratory.create(system, { ...DEFAULT_SCENARIO, advertisementIntervalMs: intervalMs });
  const display = new Display(process.stderr, () => lab.prober.answering(60).sort().join(' and ') || 'nobody');
  try {
    await lab.steady(undefined, (missing) => display.doing(`getting ready: ${missing}`));
    const startMs = performance.now();
    const left = (): string =>
      `${Math.max(0, minutes - (performance.now() - startMs) / 60_000).toFixed(1)} minutes left`;
    const result = await new Soak(lab, {
      seed,
      durationMs: minutes * 60_000,
      onStep: (step) => display.say(stepInWords(step)),
      onDoing: (text) => display.doing(`${left()}; ${text}`),
    }).run();
    display.close();
    for (const { change, logs } of result.unexplained) {
      console.log(
        `\nnothing injected explains ${change.from} to ${change.to} at ${new Date(change.atUs / 1_000).toISOString()}:\n${logs}`,
      );
    }
    const summary = summarise(result, { system, seed, intervalMs, elapsedMs: performance.now() - startMs });
    console.log(`\n${summaryInWords(summary)}`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(summary, null, 2)}\n`);
    return passed(summary) ? 0 : 1;
  } finally {
    display.close();
    await lab.close();
  }
}
