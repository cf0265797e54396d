/** The defect gate: each defect alone, under the faults that expose it, must be noticed by the simulator's monitor. */
import { parseArgs } from 'node:util';
import { DEFECTS } from './defects/defects.ts';
import { runSeed } from './run-seed.ts';
import type { Rule } from './violation.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '400' }, only: { type: 'string' } },
});

/** What may be wrong without harm to safety shows too little: a defect must break one of the others. */
const NOT_SAFETY: readonly Rule[] = [
  'ticks do not settle',
  'no owner after the faults',
  'moved without need',
  'interrupted without need',
  'not idle in steady state',
  'moved more than once for one fault',
];

const limit = Number(values.seeds);
let survivors = 0;
for (const { name, what, tampering, mix } of DEFECTS) {
  if (values.only !== undefined && values.only !== name) continue;
  let seed = 1;
  let caught: string | undefined;
  for (; seed <= limit && caught === undefined; seed++) {
    const { violation } = runSeed(seed, { kind: 'chaos', ...mix, tampering, ignored: NOT_SAFETY });
    caught = violation?.rule;
  }
  if (caught === undefined) survivors++;
  const outcome = caught === undefined ? `SURVIVED ${limit} seeds` : `seed ${seed - 1}: ${caught}`;
  process.stdout.write(`${name.padEnd(5)} ${what.padEnd(66)} ${outcome}\n`);
}
process.stdout.write(survivors === 0 ? 'every defect is caught\n' : `${survivors} defects survive\n`);
process.exitCode = survivors === 0 ? 0 : 1;
