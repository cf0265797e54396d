/**
 * `npm run fuzz:witness -- --requests 100000`: throws requests that nobody should have sent at a witness that is served on
 * this host, and ends with 1 if it fails, refuses without saying why, or votes. One seed makes the same requests again.
 */
import { parseArgs } from 'node:util';
import { throwRequests } from './witness/throw.ts';

const USAGE = 'npm run fuzz:witness -- [--requests N] [--seed S]';
const FINDINGS_SHOWN = 40;

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const requests = Number(values.requests);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (!Number.isSafeInteger(requests) || requests < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
process.stdout.write(`${requests} requests, seed ${seed}\n`);
const startedMs = performance.now();
const rate = (sent: number) => (sent / ((performance.now() - startedMs) / 1_000)).toFixed(0);
const progress = (sent: number) => process.stderr.write(`${sent} requests, ${rate(sent)} a second\n`);
const { counts, findings } = await throwRequests({ requests, seed, progress });
for (const [status, times] of [...counts].sort()) process.stdout.write(`${String(times).padStart(10)}  ${status}\n`);
for (const finding of findings.slice(0, FINDINGS_SHOWN)) process.stdout.write(`${finding}\n`);
const outcome = findings.length === 0 ? 'all answered, no vote has changed' : `${findings.length} findings`;
process.stdout.write(`${requests} requests, ${rate(requests)} a second; ${outcome}\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
