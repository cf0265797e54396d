/** The proof that CI repeats: fixed seeds, fresh ones, and every defect caught. Threads of its own keep all cores at work. */
import { afterAll, describe, expect, test } from 'vitest';
import { DEFECTS } from '../defects/defects.ts';
import { hunt } from '../defects/hunt.ts';
import { Pool } from '../pool.ts';
import { runSeed } from '../run-seed.ts';
import { tellFailure } from '../story.ts';
import { Tally } from '../tally.ts';

const FIXED = 2000;
const FRESH = 500;
const AT_ONCE = 250;
const DEFECT_SEEDS = 400;
const TIMEOUT_MS = 600_000;
const BASE_MAX = 1e9;

const { TIEBREAK_SIM_BASE: givenBase } = process.env;
const freshBase = baseOf(givenBase);
const pool = new Pool();
const whole = new Tally();

afterAll(async () => {
  await pool.end();
  process.stdout.write(`simulator: ${whole.progress()} (all kinds, all intervals)\n`);
});

describe('never two owners, always one in the end', () => {
  for (let first = 1; first <= FIXED; first += AT_ONCE) {
    test(`seeds ${first} to ${first + AT_ONCE - 1}`, { timeout: TIMEOUT_MS }, () => playAll(first));
  }

  for (let first = freshBase; first < freshBase + FRESH; first += AT_ONCE) {
    const again = `TIEBREAK_SIM_BASE=${freshBase}`;
    test(`fresh seeds ${first} to ${first + AT_ONCE - 1} (${again})`, { timeout: TIMEOUT_MS }, () => playAll(first));
  }
});

describe('each defect alone is noticed', () => {
  for (const defect of DEFECTS) {
    const { name, what, kind, intervalUs, mix } = defect;
    test(`${name}: ${what}`, { timeout: TIMEOUT_MS }, async () => {
      const { caught, line } = await hunt(pool, defect, DEFECT_SEEDS);
      process.stdout.write(`${line}\n`);
      expect(caught?.violation?.rule).toBeDefined();
      if (caught === undefined) return;
      // The same seed without the defect: what was noticed is the defect, and not what the seed does in any case.
      const sound = runSeed(caught.seed, { kind, intervalUs, ...(mix === undefined ? {} : { mix }) });
      expect(sound.violation?.message).toBeUndefined();
    });
  }
});

async function playAll(first: number): Promise<void> {
  const tally = new Tally();
  await pool.run(first, AT_ONCE, {}, (summaries) => {
    for (const summary of summaries) {
      tally.add(summary);
      whole.add(summary);
    }
    return tally.failed > 0 ? 'enough' : 'go on';
  });
  const failure = tally.firstFailure;
  expect(failure && tellFailure(failure.seed, {})).toBeUndefined();
  expect(tally.seeds).toBe(AT_ONCE);
}

/** Given, the fresh seeds of an earlier run are played again. */
function baseOf(given: string | undefined): number {
  if (given === undefined) return Math.floor(Math.random() * BASE_MAX);
  const base = Number(given);
  if (given.trim() === '' || !Number.isInteger(base))
    throw new RangeError(`TIEBREAK_SIM_BASE=${given}: a whole number`);
  return base;
}
