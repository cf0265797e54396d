/**
 * Many virtual routers in one agent: `npm run bench:routers -- [--routers N] [--seconds N]`. How long `check`, `status` and `reload` take, and how
 * late each advertisement leaves, with nothing else to do and with a check on every virtual router that hangs.
 */
import { parseArgs } from 'node:util';
import { machine } from './figures.ts';
import { useInstalled } from './installed.ts';
import { measureRouters } from './routers/measure.ts';
import { latenessRows } from './routers/report.ts';

const { values } = parseArgs({
  options: { routers: { type: 'string', default: '250' }, seconds: { type: 'string', default: '20' } },
});
const routers = Number(values.routers);
const seconds = Number(values.seconds);
if (!(Number.isSafeInteger(routers) && routers > 0 && routers <= 250 && seconds >= 5 && seconds <= 600)) {
  process.stderr.write('npm run bench:routers -- [--routers 1..250] [--seconds 5..600]\n');
  process.exit(2);
}
process.stdout.write(`${machine()}\n${routers} virtual routers, advertisement interval 250 ms, ${seconds} s each\n`);
await useInstalled();
const quiet = await measureRouters({ routers, seconds, hangingChecks: false });
const hanging = await measureRouters({ routers, seconds, hangingChecks: true });
process.stdout.write(`${latenessRows(quiet, hanging)}\n`);
