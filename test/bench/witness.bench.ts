/**
 * What a vote costs: `npm run bench:witness -- [--runs N] [--clusters N]`. Renewals over a warm link, and by HTTPS, in turn
 * with an object that does nothing but write one row and answer. With --clusters: what so many idle clusters with two links
 * each take of one runtime's memory, and how many votes a second it gives over all of them.
 */
import { parseArgs } from 'node:util';
import { machine, ofRuns } from './figures.ts';
import { besideHello } from './witness/beside-hello.ts';
import { manyClusters } from './witness/many-clusters.ts';

const USAGE = 'npm run bench:witness -- [--runs N] [--clusters N]';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '9' }, clusters: { type: 'string' } },
});
const runs = Number(values.runs);
const clusters = values.clusters === undefined ? null : Number(values.clusters);
if (![runs, clusters ?? 1].every((number) => Number.isSafeInteger(number) && number > 0)) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
process.stdout.write(`${machine()}\n`);
if (clusters === null) {
  for (const { way, inTurn, part, hello, renewal } of await besideHello({ runs, ways: ['link', 'https'] })) {
    const ratios = renewal.map((ms, run) => ms / (hello[run] ?? Number.NaN));
    const columns = `hello ${ofRuns(hello, 3)} ms, renewal ${ofRuns(renewal, 3)} ms, ratio ${ofRuns(ratios, 2)}`;
    process.stdout.write(`${way.padEnd(6)} ${String(inTurn).padStart(3)} in turn  ${part}  ${columns}\n`);
  }
} else {
  const mib = (kib: number) => `${(kib / 1_024).toFixed(1)} MiB`;
  const { before } = await manyClusters([clusters], ({ memory, votesPerSecond }) => {
    const { pssKib, rssKib } = memory;
    process.stdout.write(`${clusters} clusters of two links each, at rest: PSS ${mib(pssKib)}, RSS ${mib(rssKib)}\n`);
    process.stdout.write(
      `${votesPerSecond.toFixed(0)} votes a second over all of them, the clients on the same machine\n`,
    );
  });
  process.stdout.write(`before, with one cluster: PSS ${mib(before.pssKib)}, RSS ${mib(before.rssKib)}\n`);
}
