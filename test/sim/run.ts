import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { KINDS, type Kind } from './plan.ts';
import { Pool } from './pool.ts';
import { tellFailure } from './story.ts';
import { Tally } from './tally.ts';

const USAGE = `npm run sim -- [--seeds N] [--from S] [--jobs J] [--interval-ms N] [--kind ${KINDS.join('|')}] [--keep-going]
  --only-faults 3,7   of one seed (--seeds 1): only these faults happen; none: no fault at all`;
const PROGRESS_EVERY_MS = 200;
const LINE_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    'interval-ms': { type: 'string' },
    kind: { type: 'string' },
    'only-faults': { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

class UsageError extends Error {}

if (values.help) process.stdout.write(`${USAGE}\n`);
else {
  process.exitCode = await main().catch((cause: unknown) => {
    if (!(cause instanceof UsageError)) throw cause;
    process.stderr.write(`${cause.message}\n${USAGE}\n`);
    return 2;
  });
}

async function main(): Promise<number> {
  const [first, count] = [wholeNumber('from', values.from), wholeNumber('seeds', values.seeds)];
  const jobs = values.jobs === undefined ? availableParallelism() : wholeNumber('jobs', values.jobs);
  const ms = values['interval-ms'];
  const intervalUs = ms === undefined ? undefined : wholeNumber('interval-ms', ms) * 1000;
  const kind = kindOf(values.kind);
  const only = values['only-faults'];
  if (only !== undefined) {
    const onlyFaults = only === 'none' ? [] : only.split(',').map((number) => wholeNumber('only-faults', number));
    process.stdout.write(`${tellFailure(first, { intervalUs, kind, onlyFaults }, false)}\n`);
    return 0;
  }
  const pool = new Pool(Math.max(1, Math.min(jobs, count)));
  const tally = new Tally();
  const show = progressOf(tally, count);
  await pool.run(first, count, { intervalUs, kind }, (summaries) => {
    for (const summary of summaries) tally.add(summary);
    show();
    return tally.failed > 0 && !values['keep-going'] ? 'enough' : 'go on';
  });
  await pool.end();
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
  const what = `${kind ?? 'all kinds'}, ${ms === undefined ? 'all intervals' : `interval ${ms} ms`}, ${jobs} threads`;
  process.stdout.write(`${tally.progress()} (${what})\n${tally.summary().join('\n')}\n`);
  const failure = tally.firstFailure;
  if (failure === undefined) return 0;
  process.stdout.write(`\n${tellFailure(failure.seed, { intervalUs, kind })}\n`);
  return 1;
}

/** One line that is written over on a terminal; elsewhere one now and then. */
function progressOf(tally: Tally, count: number): () => void {
  const { stdout } = process;
  let shownAtMs = performance.now();
  return () => {
    const nowMs = performance.now();
    if (nowMs - shownAtMs < (stdout.isTTY ? PROGRESS_EVERY_MS : LINE_EVERY_MS)) return;
    shownAtMs = nowMs;
    const text = `${((100 * tally.seeds) / count).toFixed(0)} %: ${tally.progress()}`;
    stdout.write(stdout.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < 0) {
    throw new UsageError(`--${name} ${text}: a whole number is wanted`);
  }
  return value;
}

function kindOf(text: string | undefined): Kind | undefined {
  const kind = KINDS.find((known) => known === text);
  if (text !== undefined && kind === undefined) throw new UsageError(`--kind ${text}: there is no such kind of seed`);
  return kind;
}
