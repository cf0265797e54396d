/** The defect gate: each defect alone, under the faults that expose it, must be noticed by the simulator's monitor. */
import { parseArgs } from 'node:util';
import { DEFECTS } from './defects/defects.ts';
import { hunt } from './defects/hunt.ts';
import { Pool } from './pool.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '400' }, only: { type: 'string' } },
});

const pool = new Pool();
const limit = Number(values.seeds);
const survivors: string[] = [];
for (const defect of DEFECTS) {
  if (values.only !== undefined && values.only !== defect.name) continue;
  const { caught, line } = await hunt(pool, defect, limit);
  if (caught === undefined) survivors.push(defect.name);
  process.stdout.write(`${line}\n`);
}
await pool.end();
process.stdout.write(survivors.length === 0 ? 'every defect is caught\n' : `survivors: ${survivors.join(', ')}\n`);
process.exitCode = survivors.length === 0 ? 0 : 1;
